"""Data from a known generator: its inverse and constants, its counts' law, who is at the floor."""

from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from quantum_latents.circuits import haar, interferometer_of_seed, parse
from quantum_latents.data import PushforwardSpec, load
from quantum_latents.data.pushforward import push, target_weights
from quantum_latents.latents import PhotonicSpec, build_latent
from quantum_latents.metrics import wasserstein_1
from quantum_latents.random import stream
from quantum_latents.samplers.probabilities import boson_law, covariance, mean_occupancy

SPEC = PushforwardSpec(
    num_modes=4,
    num_photons=2,
    hidden=(6, 7),
    dim=9,
    negative_slope=0.2,
    gain=1.5,
    num_train=20_000,
    num_held_out=2000,
)
ALPHA = 1e-6


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("banks")


@pytest.fixture(scope="module")
def data(cache):
    return load(SPEC, stream(2, "data"), cache)


def latent(name: str, seed: int, cache: Path, num_held_out: int, dim=4, scaling="centred"):
    spec = PhotonicSpec(
        name=name,  # type: ignore[arg-type]
        dim=dim,
        num_photons=dim // 2,
        interferometer="haar",
        sharing="shared",
        scaling=scaling,
        bank_size=10,
        num_held_out=num_held_out,
    )
    return build_latent(spec, seed, cache), spec


def inverse(x: np.ndarray, weights) -> np.ndarray:
    """Undo g* layer by layer, by least squares."""
    for layer in (3, 2, 1):
        if layer < 3:
            x = np.where(x > 0, x, x / SPEC.negative_slope)
        x = x @ np.linalg.pinv(weights[f"weight{layer}"]).T
    return x


def test_the_interferometer_is_the_quantum_latents_own(cache):
    _, spec = latent("quantum", 2, cache, 10)
    ours = interferometer_of_seed("haar", 4, 2)
    assert ours == spec.interferometer_at(2) == haar(4, stream(2, "interferometer"))
    assert ours != spec.interferometer_at(3)
    loops = interferometer_of_seed("time-bin:1,3", 6, 2)
    assert loops == parse("time-bin:6:1,3", stream(2, "interferometer"))


@pytest.mark.parametrize("part", ["train", "held_out", "floor_reference"])
def test_undone_the_data_are_counts_of_the_exact_law(part, data):
    device = interferometer_of_seed("haar", 4, 2)
    centred = inverse(getattr(data, part).astype(np.float64), data.generator)
    counts = centred + mean_occupancy(device, (1, 0, 1, 0))
    assert np.abs(counts - np.rint(counts)).max() < 1e-4
    outcomes, probabilities = boson_law(device, (1, 0, 1, 0))
    powers = 3 ** np.arange(4)
    index = {int(code): k for k, code in enumerate(outcomes @ powers)}
    found = [index[int(code)] for code in np.rint(counts).astype(int) @ powers]
    observed = np.bincount(found, minlength=len(outcomes))
    assert scipy.stats.chisquare(observed, probabilities * len(found)).pvalue > ALPHA


def test_the_generator_is_in_the_data_set_and_made_them(data):
    weights = target_weights(SPEC, stream(2, "data"))
    assert {name: w.shape for name, w in data.generator.items()} == {
        "weight1": (6, 4),
        "bias1": (1, 6),
        "weight2": (7, 6),
        "bias2": (1, 7),
        "weight3": (9, 7),
        "bias3": (1, 9),
    }
    assert all(np.array_equal(weights[name], data.generator[name]) for name in weights)
    for name in ("weight1", "weight2", "weight3"):
        singular = np.linalg.svd(weights[name], compute_uv=False)
        assert np.abs(singular - 1.5).max() < 1e-13


def test_the_generator_stretches_within_its_bounds():
    weights = target_weights(SPEC, stream(2, "data"))
    z = stream(0, "test").generator().normal(size=(2, 4000, 4))
    stretch = np.linalg.norm(push(z[0], weights, 0.2) - push(z[1], weights, 0.2), axis=1)
    stretch /= np.linalg.norm(z[0] - z[1], axis=1)
    low, high = SPEC.lipschitz_bounds
    assert (low, high) == (pytest.approx(1.5**3 * 0.2**2), pytest.approx(1.5**3))
    assert low < stretch.min() < stretch.max() < high
    # Near 0 its pieces are cones: the bounds are far apart because slopes differ, not by chance.
    assert stretch.max() > 1.5 * stretch.min()


def test_another_seed_has_another_generator_and_interferometer(data, cache):
    other = load(SPEC, stream(5, "data"), cache)
    assert not np.allclose(other.generator["weight1"], data.generator["weight1"])
    assert not np.allclose(other.train[:50], data.train[:50])


@pytest.mark.parametrize("scaling", ["centred", "standardised"])
def test_counts_are_scaled_as_the_latent_scales_them(scaling, cache):
    import dataclasses

    spec = dataclasses.replace(SPEC, scaling=scaling)
    weights = target_weights(spec, stream(2, "data"))
    made = load(spec, stream(2, "data"), cache).held_out
    (quantum, _) = latent("quantum", 2, cache, 3000, scaling=scaling)
    z = inverse(made.astype(np.float64), weights)
    theirs = np.unique(quantum.held_out(3000).numpy().round(3), axis=0)
    ours = np.unique(z.round(3), axis=0)
    # The same lattice of points, to rounding.
    gaps = np.abs(ours[:, None] - theirs[None]).max(axis=2).min(axis=1)
    assert np.median(gaps) < 2e-3
    if scaling == "standardised":
        device = interferometer_of_seed("haar", 4, 2)
        deviation = np.sqrt(np.diag(covariance(device, (1, 0, 1, 0))))
        assert np.abs(z.std(axis=0) - 1).max() < 0.1
        assert np.abs(deviation - 1).max() > 0.1


def test_the_quantum_latent_at_g_is_at_the_floor_and_distinguishable_photons_are_not(cache):
    num, modes = 800, 8
    excess = {"quantum": [], "distinguishable": []}
    for seed in range(5):
        spec = PushforwardSpec(
            num_modes=modes,
            num_photons=4,
            hidden=(12, 16),
            dim=16,
            negative_slope=0.2,
            gain=1.0,
            num_train=2,
            num_held_out=num,
        )
        data = load(spec, stream(seed, "data"), cache)
        of_data = wasserstein_1(data.floor_reference, data.held_out)
        for name, found in excess.items():
            z = latent(name, seed, cache, num, dim=modes)[0].held_out(num).numpy()
            made = push(z, data.generator, 0.2)
            found.append(wasserstein_1(made, data.held_out) / of_data - 1)
    assert np.abs(np.mean(excess["quantum"])) < 0.08
    assert min(excess["distinguishable"]) > 0.3


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"num_photons": 5}, ValueError, "num_photons=5 exceeds num_modes=4"),
        ({"hidden": (6, 5)}, ValueError, r"widths \(4, 6, 5, 9\) narrow from 6 to 5"),
        ({"hidden": (3, 7)}, ValueError, "narrow from 4 to 3"),
        ({"dim": 6}, ValueError, "narrow from 7 to 6"),
        ({"hidden": ()}, TypeError, "hidden is a tuple of widths"),
        ({"hidden": [6, 7]}, TypeError, "hidden is a tuple of widths"),
        ({"hidden": (6.0, 7)}, TypeError, "a width is an integer, not 6.0"),
        ({"negative_slope": 0.0}, ValueError, r"negative_slope is in \(0, 1\), not 0.0"),
        ({"gain": 0.0}, ValueError, "gain is a finite number > 0, not 0.0"),
        ({"gain": np.inf}, ValueError, "gain is a finite number > 0, not inf"),
        ({"interferometer": "harr"}, ValueError, "'haar' or 'time-bin:DELAYS'"),
        ({"scaling": "raw"}, ValueError, "'centred' or 'standardised', not 'raw'"),
        ({"num_held_out": 3}, ValueError, "num_held_out is at least 4, not 3"),
    ],
)
def test_bad_specs_are_refused(change, error, message):
    import dataclasses

    with pytest.raises(error, match=message):
        dataclasses.replace(SPEC, **change)
