"""Generated graphs to rows, on small sets of molecules."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from quantum_latents.data import BitsSpec, load
from quantum_latents.data.molecules import load_molecules, molecules_spec
from quantum_latents.evaluation import evaluate, make_row, read_samples, remake_row, write_run
from quantum_latents.evaluation.molecule_sets import FIRST_DRAWS
from quantum_latents.evaluation.molecules import evaluate_molecules
from quantum_latents.evaluation.pictures import NUM_PICTURES
from quantum_latents.metrics import MOLECULE_METRICS, frechet_distance, lookup, moments
from quantum_latents.metrics.molecules import FEWEST_FOR_FCD
from quantum_latents.molecules import GraphLayout
from quantum_latents.molecules.baseline import connect_at_random
from quantum_latents.molecules.decode import REASONS, decode
from quantum_latents.random import stream
from quantum_latents.recipes import table1
from quantum_latents.training import Outcome

BY_HAND = Path(__file__).parents[1] / "molecules" / "by_hand.smi"
FCDS = [name for name in MOLECULE_METRICS if name.startswith("fcd")]
OTHERS = [name for name in MOLECULE_METRICS if name not in FCDS]


def loaded(folder: Path):
    spec = molecules_spec(BY_HAND, folder, held_out_fraction=0.5)
    return load_molecules(spec, folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def small(folder):
    """Some dozen molecules written by hand."""
    return loaded(folder)


def spoilt(codes, share, seed=0):
    """Return graphs of which a share has its bonds shuffled, and repeats."""
    draw = stream(seed, "spoilt").generator()
    codes = codes[draw.integers(len(codes), size=len(codes))].copy()
    bad = draw.random(len(codes)) < share
    width = codes.shape[1] - next(n for n in range(64) if n * (n + 1) / 2 == codes.shape[1])
    codes[bad, :width] = draw.permuted(codes[bad, :width], axis=1)
    return codes


def test_a_small_set_has_every_metric_but_the_fcd(small):
    codes = spoilt(small.layout.to_codes(small.train), 0.5)
    metrics, preview, pictures = evaluate_molecules(codes, small, 0)
    assert tuple(metrics) == small.metrics == MOLECULE_METRICS
    for name, entry in metrics.items():
        metric = lookup(name)
        assert (entry["label"], entry["direction"]) == (metric.label, metric.direction)
        assert (entry["unit"], entry["constant_wins"]) == (metric.unit, metric.constant_wins)
        assert entry["corroborated_by"] == list(metric.corroborated_by)
        if name in FCDS:
            assert entry["value"] is entry["floor"] is entry["trivial"] is None
            assert re.search(r"\d+ (draws|held-out molecules), fewer than 513", entry["reason"])
        else:
            assert entry["value"] is not None
            assert entry["trivial"] is not None
            assert entry["reason"] == ""
    everything = json.dumps([metrics, preview, pictures], allow_nan=False)
    assert json.loads(everything) == [metrics, preview, pictures]
    decoded = decode(small.layout, codes)
    assert metrics["validity"]["value"] == decoded.num_valid / len(codes)
    assert metrics["valid_and_unique"]["value"] == len(decoded.molecules)
    # All of these are from the training set or were broken by chance.
    novel = set(decoded.molecules) - small.facts["train_smiles"]
    assert metrics["novel"]["value"] == len(novel)


def test_the_floor_is_what_fresh_molecules_reach(small):
    metrics, _, _ = evaluate_molecules(small.floor_reference, small, 0)
    for name in OTHERS:
        assert metrics[name]["value"] == metrics[name]["floor"], name
    assert metrics["novel"]["floor"] == len(small.floor_reference)
    # More draws than there are fresh molecules have no floor of a count.
    twice = np.concatenate([small.floor_reference] * 2)
    metrics, _, _ = evaluate_molecules(twice, small, 0)
    assert metrics["valid_and_unique"]["floor"] is None
    assert metrics["validity"]["floor"] == 1


def test_the_trivial_sampler_knows_nothing_of_what_was_generated(small):
    codes = small.layout.to_codes(small.train)
    ours, theirs = (evaluate_molecules(spoilt(codes, share), small, 0)[0] for share in (0.1, 0.9))
    for name in OTHERS:
        assert ours[name]["trivial"] == theirs[name]["trivial"]
        assert ours[name]["floor"] == theirs[name]["floor"]
    assert ours["validity"]["trivial"] > 0.9


def test_nothing_valid_has_a_row_all_the_same(small):
    metrics, preview, pictures = evaluate_molecules(small.held_out[:5] * 0, small, 0)
    assert metrics["validity"]["value"] == metrics["novel"]["value"] == 0
    assert metrics["qed_distance"]["value"] is None
    assert metrics["qed_distance"]["reason"] == "no valid molecule"
    assert metrics["qed_distance"]["floor"] is not None
    assert metrics["molgan_validity"]["value"] == 1
    assert {picture["reason"] for picture in pictures} == {"no atom"}
    assert all(sum(entry["generated"]) == 0 for entry in preview["distributions"])


def test_distributions_are_shares_beside_the_datas(small):
    codes = small.layout.to_codes(small.train)
    metrics, preview, _ = evaluate_molecules(codes, small, 0)
    assert preview["kind"] == "molecules"
    entries = {entry["name"]: entry for entry in preview["distributions"]}
    assert list(entries) == [
        "size",
        "atoms",
        "bonds",
        "rings",
        "functional_groups",
        "qed",
        "sa",
        "logp",
    ]
    for name, entry in entries.items():
        bins = len(entry["categories"]) if "categories" in entry else len(entry["edges"]) - 1
        for kind in ("data", "generated", "trivial"):
            assert len(entry[kind]) == bins
            assert 0 <= min(entry[kind]) <= max(entry[kind]) <= 1
            if name not in ("rings", "functional_groups"):  # these overlap
                assert sum(entry[kind]) == pytest.approx(1, abs=1e-3)
    for metric, name in (("bond_type_distance", "bonds"), ("atom_type_distance", "atoms")):
        apart = np.abs(np.subtract(entries[name]["data"], entries[name]["generated"])).sum() / 2
        assert metrics[metric]["value"] == pytest.approx(apart, abs=1e-4)


def test_pictures_are_of_the_first_draws_whatever_they_are(small):
    codes = spoilt(np.concatenate([small.layout.to_codes(small.train)] * 3), 0.6)
    _, _, pictures = evaluate_molecules(codes, small, 0)
    decoded = decode(small.layout, codes[:NUM_PICTURES])
    assert [picture["smiles"] for picture in pictures] == list(decoded.smiles)
    assert {picture["valid"] for picture in pictures} == {True, False}
    for picture in pictures:
        root = ElementTree.fromstring(picture["svg"].replace("<svg ", "<svg ", 1))
        assert root.tag.endswith("svg")
        assert not re.search(r"\s(id|class)=|<\?xml|<!--", picture["svg"])
        assert len(picture["svg"]) < 12_000
        assert picture["valid"] == bool(picture["smiles"]) == (not picture["reason"])
        assert picture["reason"] in ("", *REASONS.values())
        known = picture["smiles"] in small.facts["train_smiles"]
        assert picture["novel"] == (picture["valid"] and not known)


def test_the_cache_is_used_and_a_damaged_one_is_made_again(small, folder, monkeypatch):
    import quantum_latents.evaluation.molecule_statistics as module

    codes = spoilt(small.layout.to_codes(small.train), 0.3)
    first = evaluate_molecules(codes, small, 0)
    files = sorted((folder / "molecules").glob("reference-*.npz"))
    assert files
    with monkeypatch.context() as patch:  # nothing of the reference is computed twice
        patch.setattr(module, "_random_valence_codes", None)
        assert evaluate_molecules(codes, small, 0) == first
    for path in (folder / "molecules").glob("*-*.npz"):
        whole = path.read_bytes()
        for half in (b"", whole[: len(whole) // 2], whole.replace(whole[900:910], b"0123456789")):
            path.write_bytes(half)
            assert evaluate_molecules(codes, small, 0) == first
    assert not list((folder / "molecules").glob("*.part"))


# Not of this module: a new process finds another package that is called `tests`.
EVALUATES = """
import json, sys
from pathlib import Path
from quantum_latents.data.molecules import load_molecules, molecules_spec
from quantum_latents.evaluation.molecules import evaluate_molecules

folder = Path(sys.argv[2])
data = load_molecules(molecules_spec(sys.argv[1], folder, held_out_fraction=0.5), folder)
print(json.dumps(evaluate_molecules(data.floor_reference, data, 0)[0]))
"""


def test_two_processes_at_once_agree(tmp_path):
    loaded(tmp_path)  # the set itself is there already
    call = [sys.executable, "-c", EVALUATES, str(BY_HAND), str(tmp_path)]
    workers = [subprocess.Popen(call, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    (first, _), (second, _) = (worker.communicate(timeout=120) for worker in workers)
    assert [worker.returncode for worker in workers] == [0, 0]
    assert tuple(json.loads(first)) == MOLECULE_METRICS
    assert first == second
    assert len(list((tmp_path / "molecules").glob("reference-*.npz"))) == 1


def test_a_row_of_a_molecular_run_with_its_pictures(small, folder, tmp_path):
    spec = replace(
        table1("smoke").runs[0], data=molecules_spec(BY_HAND, folder, held_out_fraction=0.5)
    )
    samples = spoilt(small.layout.to_codes(small.train), 0.5)
    outcome = Outcome(
        spec=spec,
        samples=samples,
        weights={"weight1": torch.zeros(2)},
        diverged_at=None,
        kernel="numba",
        curves={},
        seconds=1.0,
    )
    about = {"study": "test", "stack": {}, "provenance": {}}
    row = make_row(outcome, small, directory=tmp_path, **about)
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    assert tuple(row["metrics"]) == MOLECULE_METRICS
    assert row["notes"] == list(small.notes)
    assert row["preview"]["pictures"] == f"pictures/{spec.digest}.json"
    stored = json.loads((tmp_path / row["preview"]["pictures"]).read_text())
    metrics, _, pictures = evaluate_molecules(samples, small, spec.seed)
    assert stored == {"schema": 1, "molecules": pictures}
    assert row["metrics"] == metrics == evaluate(samples, small, spec.seed)
    assert "pictures" not in make_row(outcome, small, **about)["preview"]
    # Metrics can be computed again from what is stored.
    write_run(tmp_path, outcome)
    again = read_samples(tmp_path, spec.digest)
    assert again.dtype == np.uint8
    assert np.array_equal(again, samples)
    assert remake_row(row, again, small, provenance={}, directory=tmp_path) == row
    gone = replace(outcome, samples=None, diverged_at=3)
    assert make_row(gone, small, directory=tmp_path, **about)["preview"] is None


def test_vectors_are_no_molecules(tmp_path):
    bits = load(BitsSpec(num_bits=4, num_train=8, num_held_out=8), stream(0, "data"), tmp_path)
    with pytest.raises(ValueError, match="'bernoulli' is no set of molecules"):
        evaluate_molecules(np.zeros((2, 4)), bits, 0)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Enough molecules for an FCD: 1,040 held out and for the floor, each a half."""
    folder = tmp_path_factory.mktemp("large")
    layout = GraphLayout(num_atoms=8, elements=("C", "N", "O", "F"))
    draw = stream(0, "large").generator()
    nodes = 1 + draw.choice(4, p=[0.7, 0.15, 0.13, 0.02], size=(1250, 8))
    codes = connect_at_random(layout, nodes, draw.integers(3, size=1250), draw)
    file = folder / "random.smi"
    file.write_text("\n".join(decode(layout, codes).molecules))
    return load_molecules(molecules_spec(file, folder, held_out_fraction=0.95), folder)


def test_fcds_are_beside_floors_of_the_same_number(large):
    assert min(len(large.held_out), len(large.floor_reference)) > FEWEST_FOR_FCD
    codes = spoilt(large.floor_reference[:540], 0.0)
    codes[:-10] = large.floor_reference[: len(codes) - 10]
    metrics, _, _ = evaluate_molecules(codes, large, 0)
    num_unique = metrics["valid_and_unique"]["value"]
    assert FEWEST_FOR_FCD <= num_unique < len(codes)
    for name, number in (("fcd_unique", num_unique), ("fcd_valid", len(codes))):
        entry = metrics[name]
        assert entry["num"] == entry["floor_num"] == number
        assert entry["reference"] == f"all {len(large.held_out):,} held-out molecules"
        assert entry["floor"] > 0
        assert entry["value"] == pytest.approx(entry["floor"], rel=0.2)
        assert entry["trivial"] > 0
        assert entry["trivial_num"] >= FEWEST_FOR_FCD
    for name, size in (("fcd_unique_2522", "2,522"), ("fcd_unique_1000", "1,000")):
        assert metrics[name]["value"] is metrics[name]["floor"] is None
        assert (
            metrics[name]["reason"]
            == f"{num_unique:,.0f} unique valid molecules, fewer than {size}"
        )
    # Without the cache's help:
    from quantum_latents.evaluation.chemnet import activations

    reference = moments(activations(decode(large.layout, large.held_out).smiles))
    fresh = moments(activations(decode(large.layout, large.floor_reference[:540]).smiles))
    assert metrics["fcd_valid"]["floor"] == pytest.approx(
        frechet_distance(fresh, reference), abs=1e-5
    )


def test_few_draws_need_no_chemnet(large, monkeypatch):
    from quantum_latents.evaluation import molecule_sets, molecule_statistics

    for module in (molecule_sets, molecule_statistics):
        monkeypatch.setattr(module, "activations", None)
    metrics, _, _ = evaluate_molecules(large.floor_reference[:512], large, 0)
    assert metrics["fcd_valid"]["reason"] == "512 draws, fewer than 513"
    assert FIRST_DRAWS > 512


@pytest.mark.parametrize("num_atoms", [2, 9, 13, 20])
@pytest.mark.parametrize("share", [0.3, 0.9, 1.0])
def test_a_graph_that_cannot_be_laid_out_is_drawn_all_the_same(num_atoms, share):
    from quantum_latents.evaluation.pictures import draw_molecules
    from quantum_latents.molecules.decode import decode

    layout = GraphLayout(num_atoms=num_atoms, elements=("C", "N", "O", "F"))
    generator = np.random.default_rng(num_atoms)
    bonds = generator.choice(4, p=[1 - share, *[share / 3] * 3], size=(24, layout.num_pairs))
    nodes = generator.integers(1, 5, size=(24, num_atoms))
    codes = np.concatenate([bonds, nodes], axis=1).astype(np.uint8)
    pictures = draw_molecules(layout, codes, decode(layout, codes), frozenset())
    assert len(pictures) == 24
    assert all("<path" in picture["svg"] for picture in pictures)
