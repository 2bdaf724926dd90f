"""The learned rival: what its fit learns, that it repeats every bit, and its file."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from quantum_latents.circuits.occupation import evenly_spread
from quantum_latents.latents import (
    AutoregressiveFitSpec,
    AutoregressiveSource,
    DamagedFitError,
    LearnedSpec,
    MissingFitError,
    PhotonicSpec,
    build_latent,
)
from quantum_latents.latents.fitted import fit_path, read_fit, shots_recipe
from quantum_latents.latents.kinds.learned import USUAL_FIT
from quantum_latents.random import stream
from quantum_latents.samplers import (
    boson_law,
    covariance,
    mean_occupancy,
    sample_boson,
    sample_distinguishable,
)
from quantum_latents.training import fit_latent, is_fitted, latent_of_run
from quantum_latents.training.autoregressive import _Network, fit_autoregressive

FIT = AutoregressiveFitSpec(
    hidden=24, num_shots=20_000, num_steps=250, batch_size=256, learning_rate=0.02
)
SPEC = LearnedSpec(
    dim=6,
    num_photons=3,
    interferometer="haar",
    sharing="shared",
    scaling="standardised",
    bank_size=200,
    num_held_out=50,
    fit=FIT,
)
TINY = replace(SPEC, fit=replace(FIT, hidden=4, num_shots=300, num_steps=5, batch_size=16))


def path_of(spec, cache, seed=0):
    return fit_path(spec, spec.interferometer_at(seed), seed, cache)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    report = fit_latent(SPEC, 0, cache)
    weights, _ = read_fit(path_of(SPEC, cache))
    return cache, report, AutoregressiveSource(weights, SPEC.card)


def test_the_network_that_is_fitted_is_the_law_that_is_drawn():
    network = _Network(5, 4, 7, stream(0, "test"))
    weights = {name: p.detach().numpy() for name, p in network.named_parameters()}
    counts = sample_boson(
        replace(SPEC, dim=5).interferometer_at(0), (1, 1, 0, 1, 1), 200, stream(0)
    )
    with torch.no_grad():
        found = network(torch.from_numpy(counts.astype(np.int64))).numpy()
    source = AutoregressiveSource(weights, SPEC.card)
    np.testing.assert_allclose(found, source.log_probability(counts), rtol=0, atol=1e-5)


def test_a_fit_has_the_quantum_latents_means_and_pair_correlators(fitted):
    _, report, source = fitted
    device, occupation = SPEC.interferometer_at(0), evenly_spread(6, 3)
    law = boson_law(device, occupation)[1]
    means = source.mean - mean_occupancy(device, occupation)
    covariances = source.covariance - covariance(device, occupation)
    assert np.abs(means).max() < 0.03 and np.abs(covariances).max() < 0.03
    # Distinguishable photons share the means exactly, and are ten times as far in the pairs.
    control = covariance(device, occupation, statistics="distinguishable")
    assert np.abs(control - covariance(device, occupation)).max() > 0.2
    assert report.mean_deviation == pytest.approx(np.abs(means).max())
    assert report.covariance_deviation == pytest.approx(np.abs(covariances).max())
    assert report.total_variation == pytest.approx(np.abs(law - source.probabilities).sum() / 2)
    assert report.total_variation < 0.06
    assert 0 < report.relative_entropy < 0.03
    # The likelihood lies between that of all outcomes alike and what no law exceeds.
    assert report.uniform_log_likelihood == pytest.approx(-np.log(56))
    assert report.uniform_log_likelihood < report.log_likelihood - 20 * report.standard_error
    exact = -(report.entropy + report.relative_entropy)
    assert abs(report.log_likelihood - exact) < 5 * report.standard_error


def test_the_judged_shots_tell_the_quantum_latent_from_its_control(fitted):
    _, report, source = fitted
    device, occupation = SPEC.interferometer_at(0), evenly_spread(6, 3)
    control = sample_distinguishable(device, occupation, 20_000, stream(0, "control"))
    assert source.log_probability(control).mean() < report.log_likelihood - 0.1


def test_no_bit_depends_on_threads_and_every_seed_has_a_fit_of_its_own(tmp_path):
    counts = sample_boson(SPEC.interferometer_at(0), evenly_spread(6, 3), 1000, stream(0))
    fits = []
    try:
        for num_threads in (1, 2):
            torch.set_num_threads(num_threads)
            fits.append(fit_autoregressive(counts, TINY.fit, stream(0, "fit")))
            assert torch.get_num_threads() == num_threads
    finally:
        torch.set_num_threads(1)
    other = fit_autoregressive(counts, TINY.fit, stream(1, "fit"))
    for name, array in fits[0].items():
        assert array.dtype == np.float32
        assert np.array_equal(array, fits[1][name])
        assert not np.array_equal(array, other[name])


def test_a_fit_sees_no_shot_that_a_latent_or_a_data_set_draws():
    device = SPEC.interferometer_at(0)
    recipe = shots_recipe(SPEC, device, 0)
    assert recipe.num_samples == 20_000 + 20_000
    assert recipe.stream.path == (0, "learned latent", "shots")
    ours = sample_boson(device, evenly_spread(6, 3), 100, recipe.stream)
    for name in ("quantum", "learned"):
        theirs = stream(0, "latent bank", name)
        assert not np.array_equal(ours, sample_boson(device, evenly_spread(6, 3), 100, theirs))


def test_a_fit_is_made_once_and_a_damaged_one_again(tmp_path, caplog):
    path = path_of(TINY, tmp_path)
    with pytest.raises(MissingFitError, match=r"latent_of_run\(spec, seed, cache\) fits it"):
        build_latent(TINY, 0, tmp_path)
    assert not is_fitted(TINY, 0, tmp_path)
    latent = latent_of_run(TINY, 0, tmp_path)
    assert is_fitted(TINY, 0, tmp_path)
    content = path.read_bytes()
    again = build_latent(TINY, 0, tmp_path)
    assert torch.equal(again.held_out(50), latent.held_out(50))
    assert np.allclose(again.moments.variance, 1)
    assert "held-out log-likelihood" in latent.card.shares
    # A flipped bit of the weights, which safetensors does not notice, and half a file.
    flipped = bytearray(content)
    flipped[-5] ^= 1
    for damaged in (bytes(flipped), content[: len(content) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(DamagedFitError, match="damaged"):
            build_latent(TINY, 0, tmp_path)
        fit_latent(TINY, 0, tmp_path)
        assert "fitting it anew" in caplog.text
        assert path.read_bytes() == content
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_what_is_no_fit_or_another_one_is_refused_and_left_alone(tmp_path):
    path, other = path_of(TINY, tmp_path), path_of(TINY, tmp_path, seed=1)
    fit_latent(TINY, 0, tmp_path)
    path.rename(other)
    with pytest.raises(ValueError, match="holds the fit"):
        fit_latent(TINY, 1, tmp_path)
    weights = load_file(other)
    for metadata, said in [
        (None, "is not a fit"),
        ({"facts": "[]"}, "is not a fit"),
        ({"facts": '{"format": "1", "digest": "", "checksum": ""}'}, "is not a fit"),
        ({"facts": '{"format": 9, "digest": "", "checksum": ""}'}, "newer than 1"),
    ]:
        save_file(weights, path, metadata=metadata)
        content = path.read_bytes()
        with pytest.raises(ValueError, match=said):
            latent_of_run(TINY, 0, tmp_path)
        assert path.read_bytes() == content


def test_the_digest_names_all_that_a_fit_depends_on_and_nothing_else(tmp_path):
    names = {
        path_of(spec, tmp_path).name
        for spec in (
            TINY,
            replace(TINY, bank_size=None),
            replace(TINY, scaling="raw"),
            replace(TINY, num_held_out=1),
        )
    }
    assert len(names) == 1
    others = [
        replace(TINY, num_photons=2),
        replace(TINY, sharing="independent"),
        replace(TINY, interferometer="time-bin:1,1"),
        *(replace(TINY, fit=replace(TINY.fit, **{name: 3})) for name in vars(TINY.fit)),
    ]
    names |= {path_of(spec, tmp_path).name for spec in others} | {path_of(TINY, tmp_path, 1).name}
    assert len(names) == 2 + len(others)


def test_it_has_the_quantum_latents_interferometer():
    for sharing in ("shared", "independent"):
        device = {"num_photons": 3, "interferometer": "haar", "sharing": sharing}
        shared = {"dim": 6, "scaling": "raw", "bank_size": None, "num_held_out": 1}
        quantum = PhotonicSpec(name="quantum", **device, **shared)
        learned = LearnedSpec(fit=FIT, **device, **shared)
        assert learned.interferometer_at(3) == quantum.interferometer_at(3)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"num_photons": 7}, "between 1 and the 6 modes, not 7"),
        ({"dim": 24, "num_photons": 12}, "at most 5,000,000"),
        ({"dim": 1, "num_photons": 1}, "at least 2 modes"),
        ({"name": "learnt"}, "'learned', not 'learnt'"),
    ],
)
def test_latents_that_cannot_be_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        replace(SPEC, **settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hidden": 0}, "hidden is at least 1"),
        ({"num_steps": 2.0}, "num_steps is an integer"),
        ({"learning_rate": 0.0}, "learning_rate is a finite number > 0"),
    ],
)
def test_fits_that_cannot_be_are_refused(settings, said):
    with pytest.raises((ValueError, TypeError), match=said):
        replace(FIT, **settings)


def test_a_fit_that_diverges_says_so(tmp_path):
    wild = replace(TINY, fit=replace(TINY.fit, learning_rate=1e38))
    with pytest.raises(ValueError, match="diverged: lower its learning_rate"):
        fit_latent(wild, 0, tmp_path)
    assert not is_fitted(wild, 0, tmp_path)
    with pytest.raises(ValueError, match=r"one photon total, not \[1, 2\]"):
        fit_autoregressive(np.array([[1, 1], [1, 0]], np.uint8), TINY.fit, stream(0))


@pytest.mark.slow
def test_at_16_modes_and_8_photons_it_learns_what_its_card_says(tmp_path):
    spec = replace(SPEC, dim=16, num_photons=8, fit=USUAL_FIT)
    report = fit_latent(spec, 0, tmp_path)
    device, occupation = spec.interferometer_at(0), evenly_spread(16, 8)
    assert report.mean_deviation < 0.04 and report.covariance_deviation < 0.05
    assert report.uniform_log_likelihood < report.log_likelihood - 0.2
    assert report.log_likelihood < -report.entropy
    control = covariance(device, occupation, statistics="distinguishable")
    assert report.covariance_deviation < np.abs(control - covariance(device, occupation)).max() / 5
    latent = latent_of_run(replace(spec, scaling="raw", bank_size=None), 0, tmp_path)
    assert set(latent.sample(100_000, stream(0, "z")).sum(1).tolist()) == {8.0}
