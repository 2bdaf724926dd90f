"""Metrics of molecules on small sets whose figures can be counted."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from quantum_latents.metrics import METRICS, MOLECULE_METRICS, MoleculeSet, NotDefined, compute
from quantum_latents.metrics.frechet import frechet_distance, moments
from quantum_latents.metrics.molecules import num_compared
from quantum_latents.metrics.tanimoto import nearest_tanimoto
from quantum_latents.random import stream

STREAM = stream(0, "metrics")


def molecule_set(num_unique, *, num_draws=None, name="a", multiplicities=None) -> MoleculeSet:
    draw = stream(0, "test", name).generator()
    if multiplicities is None:
        multiplicities = 1 + draw.integers(3, size=num_unique)
    num_draws = num_draws or int(multiplicities.sum()) + 10
    return MoleculeSet(
        num_draws=num_draws,
        num_loosely_valid=num_draws - 3,
        smiles=tuple(f"{name}{i}" for i in range(num_unique)),
        first=np.sort(draw.permutation(num_draws)[:num_unique]),
        multiplicities=multiplicities,
        atoms=draw.integers(1, 5, size=(num_unique, 4)),
        bonds=draw.integers(1, 5, size=(num_unique, 3)),
        rings=draw.random((num_unique, 8)) < 0.5,
        functional_groups=draw.random((num_unique, 19)) < 0.2,
        properties=draw.normal(size=(num_unique, 3)),
        first_multiplicities=np.minimum(multiplicities, 2),
        fingerprints=draw.integers(256, size=(num_unique, 256)).astype(np.uint8),
        activations=draw.normal(size=(num_unique, 512)).astype(np.float32),
    )


SMALL, OTHER = molecule_set(20), molecule_set(30, name="b")
NOTHING = dataclasses.replace(
    molecule_set(0, num_draws=7, multiplicities=np.zeros(0, int)), num_loosely_valid=2
)
FACTS = {
    "train_smiles": {"a0", "a3", "b1"},
    "chemnet_reference": moments(molecule_set(600, name="reference").activations),
}


def value(name, generated=SMALL, reference=OTHER):
    return compute(name, generated, reference, FACTS, STREAM)


def repeated(molecules, field):
    return np.repeat(getattr(molecules, field), molecules.multiplicities, axis=0)


def test_counts_and_shares():
    num_valid = SMALL.multiplicities.sum()
    assert value("valid_and_unique") == 20
    assert value("novel") == 18
    assert value("validity") == num_valid / SMALL.num_draws
    assert value("molgan_validity") == (SMALL.num_draws - 3) / SMALL.num_draws
    assert value("uniqueness") == 20 / num_valid


@pytest.mark.parametrize(
    ("name", "field"), [("bond_type_distance", "bonds"), ("atom_type_distance", "atoms")]
)
def test_histograms_are_of_the_draws(name, field):
    p, q = (repeated(molecules, field).sum(0) for molecules in (SMALL, OTHER))
    expected = np.abs(p / p.sum() - q / q.sum()).sum() / 2
    assert value(name) == pytest.approx(expected)
    assert value(name, SMALL, SMALL) == 0


@pytest.mark.parametrize(
    ("name", "field"),
    [("ring_distance", "rings"), ("functional_group_distance", "functional_groups")],
)
def test_features_are_shares_of_the_draws_that_have_them(name, field):
    p, q = (repeated(molecules, field).mean(0) for molecules in (SMALL, OTHER))
    assert value(name) == pytest.approx(np.abs(p - q).mean())


@pytest.mark.parametrize("column", range(3))
def test_properties_are_compared_over_the_draws_that_were_looked_at(column):
    name = ("qed", "sa", "logp")[column] + "_distance"
    samples = [
        np.repeat(molecules.properties[:, column], molecules.first_multiplicities)
        for molecules in (SMALL, OTHER)
    ]
    assert value(name) == pytest.approx(wasserstein_distance(*samples))
    unseen = dataclasses.replace(
        SMALL, properties=SMALL.properties + 99 * (np.arange(20) == 5)[:, None]
    )
    ignoring = np.where(np.arange(20) == 5, 0, SMALL.first_multiplicities)
    ours, theirs = (dataclasses.replace(s, first_multiplicities=ignoring) for s in (SMALL, unseen))
    assert value(name, ours) == value(name, theirs)


def test_similarities_are_over_draws():
    twice = dataclasses.replace(SMALL, first_multiplicities=SMALL.first_multiplicities * 2)
    assert value("nearest_similarity", twice) == pytest.approx(value("nearest_similarity"))
    assert value("nearest_similarity", SMALL, SMALL) == pytest.approx(1)
    some = np.where(np.arange(20) < 7, SMALL.first_multiplicities, 0)
    looked_at = dataclasses.replace(SMALL, first_multiplicities=some)
    nearest = nearest_tanimoto(SMALL.fingerprints[:7], OTHER.fingerprints)
    assert value("nearest_similarity", looked_at) == pytest.approx(some[:7] @ nearest / some.sum())
    one = molecule_set(1, multiplicities=np.array([9]))
    assert value("internal_diversity", one) == pytest.approx(0)
    assert 0 < value("internal_diversity") < 1


def test_fcd_of_unique_molecules_and_of_all_draws():
    many = molecule_set(700, name="many")
    reference = FACTS["chemnet_reference"]
    assert value("fcd_unique", many) == frechet_distance(moments(many.activations), reference)
    assert value("fcd_valid", many) == pytest.approx(
        frechet_distance(moments(repeated(many, "activations")), reference), rel=1e-9
    )


def test_a_subsample_depends_on_seed_and_places_and_falls_towards_the_whole():
    many = molecule_set(1200, name="many")
    some = value("fcd_unique_1000", many)
    assert some == value("fcd_unique_1000", many)
    assert some > value("fcd_unique", many)  # the bias falls with n
    other = compute("fcd_unique_1000", many, OTHER, FACTS, stream(1, "metrics"))
    assert other != some
    exactly = molecule_set(1000, name="many")
    assert value("fcd_unique_1000", exactly) == value("fcd_unique", exactly)


@pytest.mark.parametrize(
    ("name", "num_unique", "times", "reason"),
    [
        ("fcd_unique", 512, 2, "512 unique valid molecules, fewer than 513"),
        ("fcd_valid", 512, 1, "512 valid molecules, fewer than 513"),
        ("fcd_unique_1000", 999, 2, "999 unique valid molecules, fewer than 1,000"),
        ("fcd_unique_2522", 999, 3, "999 unique valid molecules, fewer than 2,522"),
        ("fcd_unique_2522", 12, 3, "12 unique valid molecules, fewer than 513"),
    ],
)
def test_too_few_molecules_have_no_fcd(name, num_unique, times, reason):
    few = molecule_set(num_unique, multiplicities=np.full(num_unique, times))
    with pytest.raises(NotDefined, match=reason):
        value(name, few)
    if name == "fcd_valid":  # draws count, distinct or not
        enough = molecule_set(num_unique, multiplicities=np.full(num_unique, 2))
        assert np.isfinite(value(name, enough))


@pytest.mark.parametrize("name", MOLECULE_METRICS)
def test_nothing_valid_is_counted_or_said(name):
    if name in ("valid_and_unique", "novel", "validity"):
        assert value(name, NOTHING) == 0
    elif name == "molgan_validity":
        assert value(name, NOTHING) == pytest.approx(2 / 7)
    else:
        with pytest.raises(NotDefined, match=r"no valid molecule|0 \w*\s?valid molecules"):
            value(name, NOTHING)


def test_names_directions_and_who_must_agree():
    assert tuple(n for n, m in METRICS.items() if m.domain == "molecules") == MOLECULE_METRICS
    for name in MOLECULE_METRICS:
        metric = METRICS[name]
        assert metric.constant_wins == bool(metric.corroborated_by)
        assert not any(METRICS[other].constant_wins for other in metric.corroborated_by)
        assert metric.label


def test_one_molecule_wins_what_it_is_said_to_win():
    """A constant generator whose molecule is in the data and has the data's own shares."""
    shares = dataclasses.replace(OTHER, atoms=OTHER.atoms * 0 + 1, bonds=OTHER.bonds * 0 + 1)
    constant = dataclasses.replace(
        molecule_set(1, num_draws=50, multiplicities=np.array([50])),
        num_loosely_valid=50,
        atoms=shares.atoms[:1],
        bonds=shares.bonds[:1],
        fingerprints=OTHER.fingerprints[:1],
    )
    best = {"lower": 0, "higher": 1}
    for name in MOLECULE_METRICS:
        metric = METRICS[name]
        if metric.constant_wins:
            won = value(name, constant, shares)
            assert won == pytest.approx(best[metric.direction], abs=1e-6)
        elif not name.startswith("fcd"):
            assert value(name, constant, shares) != best[metric.direction] or name in (
                "valid_and_unique",
                "novel",
            )


def test_vectors_and_molecules_are_not_mistaken():
    with pytest.raises(TypeError, match="'validity' is one of molecules, not of ndarray"):
        value("validity", np.zeros((3, 2)))
    with pytest.raises(TypeError, match="'mmd' is one of vectors, not of MoleculeSet"):
        value("mmd")
    with pytest.raises(ValueError, match="'novel' needs the data set's train_smiles"):
        compute("novel", SMALL, OTHER, {}, STREAM)


def test_how_many_an_fcd_is_of():
    assert num_compared("fcd_valid", SMALL) == SMALL.multiplicities.sum()
    assert num_compared("fcd_unique", SMALL) == 20
    assert num_compared("fcd_unique_2522", SMALL) == 2522
    assert num_compared("validity", SMALL) is None
