"""Theorem 1 as an experiment: the counts come back, and follow the boson sampler's law."""

import json

import numpy as np
import pytest

from quantum_latents.latents import GaussianSpec, PhotonicSpec, build_latent
from quantum_latents.random import stream
from quantum_latents.theory import reduce_to_counts

DIM = 6


@pytest.fixture(scope="module")
def latent_of(tmp_path_factory):
    def build(name: str, scaling: str = "centred"):
        spec = PhotonicSpec(
            name=name, dim=DIM, num_photons=3, interferometer="haar", sharing="shared",
            scaling=scaling, bank_size=None, num_held_out=1,
        )  # fmt: skip
        return build_latent(spec, 0, tmp_path_factory.mktemp("banks"))

    return build


@pytest.fixture(scope="module")
def made(stacked, latent_of):
    generator = stacked(DIM, (10, 16), 20, slope=0.3)
    return reduce_to_counts(
        generator, latent_of("quantum"), stream(0, "reduction"), num_samples=4000
    )


def test_every_shot_is_recovered_without_noise(made):
    first, second = made.levels[:2]
    assert (first.precision, first.noise, first.success_rate) == ("float64", 0, 1)
    assert (second.precision, second.noise, second.success_rate) == ("float32", 0, 1)


def test_within_the_guaranteed_radius_every_shot_is_recovered_and_far_beyond_none(made):
    at_radius = made.levels[2]
    assert at_radius.noise == pytest.approx(made.guaranteed_radius)
    assert at_radius.success_rate == 1
    rates = [one.success_rate for one in made.levels[2:]]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.01


def test_recovered_counts_follow_the_boson_samplers_law_and_the_control_does_not(made):
    assert made.recovered.verdict == "consistent"
    assert made.control is not None
    assert made.control.verdict == "inconsistent"


def test_moved_latents_move_samples_no_further_than_the_lipschitz_bound(made):
    assert [one.displacement for one in made.mirror] == [1e-3, 1e-2, 1e-1, 1.0]
    for one in made.mirror:
        assert 0 < one.moved <= one.bound
    # Linear in the displacement while no activation switches.
    assert made.mirror[1].moved == pytest.approx(10 * made.mirror[0].moved, rel=0.05)


def test_distinguishable_photons_come_back_as_what_they_are(stacked, latent_of):
    told = reduce_to_counts(
        stacked(DIM, (10,), 12, slope=0.3), latent_of("distinguishable"), stream(1, "reduction"),
        num_samples=4000,
    )  # fmt: skip
    assert told.levels[0].success_rate == 1
    assert told.recovered.verdict == "inconsistent"
    assert told.control is None


def test_standardised_latents_are_rounded_on_their_own_scale(stacked, latent_of):
    told = reduce_to_counts(
        stacked(DIM, (10,), 12, slope=0.3), latent_of("quantum", "standardised"),
        stream(1, "reduction"), num_samples=500,
    )  # fmt: skip
    assert [one.success_rate for one in told.levels[:3]] == [1, 1, 1]


def test_a_reduction_is_json(made):
    told = json.loads(json.dumps(made.to_json(), allow_nan=False))
    assert told["num_samples"] == 4000
    assert told["recovered"]["verdict"] == "consistent"


def test_what_cannot_be_reduced_is_refused(stacked, latent_of, tmp_path):
    quantum, draws = latent_of("quantum"), stream(0, "reduction")
    gaussian = build_latent(
        GaussianSpec(dim=DIM, scaling="raw", bank_size=None, num_held_out=1), 0, tmp_path
    )
    wide = stacked(DIM, (8,), 10)
    with pytest.raises(TypeError, match="photon counts, not GaussianSource"):
        reduce_to_counts(wide, gaussian, draws)
    with pytest.raises(ValueError, match="has 6 modes and g takes 5"):
        reduce_to_counts(stacked(5, (8,), 10), quantum, draws)
    with pytest.raises(ValueError, match="no layer-wise inverse"):
        reduce_to_counts(stacked(DIM, (8,), 4), quantum, draws)
    with pytest.raises(ValueError, match="at least 100, not 10"):
        reduce_to_counts(wide, quantum, draws, num_samples=10)


def test_undoing_the_scaling_gives_the_raw_draws(latent_of):
    for scaling in ("raw", "centred", "standardised", "minus_half"):
        latent = latent_of("quantum", scaling)
        z = latent.sample(50, stream(0, "z")).double().numpy()
        raw = latent.to_raw(z)
        np.testing.assert_allclose(raw, np.rint(raw), atol=1e-5)
        assert (np.rint(raw).sum(axis=1) == 3).all()
