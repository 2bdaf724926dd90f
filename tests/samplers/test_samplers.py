"""Counts follow their laws, on every path, whatever the threads and chunks.

Every stream is fixed, so each statistical test is deterministic; its threshold is set for a
false alarm of 1e-6 had the stream been drawn anew.
"""

import numpy as np
import pytest

from quantum_latents.circuits import from_unitary, haar, time_bin
from quantum_latents.random import stream
from quantum_latents.samplers import (
    BosonSampler,
    DistinguishableSampler,
    boson_law,
    distinguishable_law,
    fano_factors,
    reference,
    sample_boson,
    sample_distinguishable,
    sampling_path,
)
from quantum_latents.samplers.boson import PATHS as ALL_PATHS
from quantum_latents.samplers.validation import chi_square, mean_occupancy_test, total_variation

ALPHA = 1e-6
PATHS = ("enumeration", "clifford-clifford")  # of any interferometer
NAME = stream(0, "interferometer")
SHOTS = stream(0, "shots")
SPLITTER = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))

# With few modes every row repeats (no multiplicity of one is left to fix a photon of).
OCCUPATIONS = [
    (1, 1),
    (4, 4),
    (0, 3, 0),
    (2, 2, 1),
    (3, 0, 4),
    (1, 1, 1, 0),
    (2, 0, 1, 1),
    (0, 5, 0, 1),
    (3, 3, 3, 3),
    (1, 0, 1, 0, 1, 0, 1, 0),
]


@pytest.mark.parametrize("occupation", OCCUPATIONS, ids=str)
@pytest.mark.parametrize("path", PATHS)
def test_boson_counts_follow_the_exact_law(path, occupation):
    device = haar(len(occupation), NAME)
    counts = sample_boson(device, occupation, 30_000, SHOTS, path=path)
    law = boson_law(device, occupation)
    assert (counts.sum(axis=1) == sum(occupation)).all()
    assert chi_square(counts, law).p_value > ALPHA
    if len(law[0]) > 20:  # a law with little structure would make the test blind
        assert chi_square(counts, distinguishable_law(device, occupation)).p_value < 1e-30


@pytest.mark.parametrize("occupation", OCCUPATIONS, ids=str)
def test_distinguishable_counts_follow_the_exact_law(occupation):
    device = haar(len(occupation), NAME)
    counts = sample_distinguishable(device, occupation, 30_000, SHOTS)
    assert (counts.sum(axis=1) == sum(occupation)).all()
    assert chi_square(counts, distinguishable_law(device, occupation)).p_value > ALPHA


@pytest.mark.parametrize("path", ALL_PATHS)
def test_time_bin_counts_follow_the_exact_law(path):
    device = time_bin(6, (1, 1), stream=NAME)
    counts = sample_boson(device, [1, 1, 0, 1, 0, 1], 30_000, SHOTS, path=path)
    assert chi_square(counts, boson_law(device, [1, 1, 0, 1, 0, 1])).p_value > ALPHA


def draw(name, device, occupation, num_samples, **options):
    if name == "distinguishable":
        return sample_distinguishable(device, occupation, num_samples, SHOTS, **options)
    return sample_boson(device, occupation, num_samples, SHOTS, path=name, **options)


SAMPLERS = [*PATHS, "distinguishable"]


@pytest.mark.parametrize("name", SAMPLERS)
def test_shots_are_independent_of_their_neighbours(name):
    # Pairs of consecutive shots against the product law.
    device = haar(3, NAME)
    law = (distinguishable_law if name == "distinguishable" else boson_law)(device, [1, 1, 0])
    pairs = draw(name, device, [1, 1, 0], 60_000).reshape(30_000, 6)
    size = len(law[0])
    outcomes = np.hstack([np.repeat(law[0], size, axis=0), np.tile(law[0], (size, 1))])
    assert chi_square(pairs, (outcomes, np.outer(law[1], law[1]).ravel())).p_value > ALPHA


@pytest.mark.parametrize("name", SAMPLERS)
def test_total_variation_falls_as_the_root_of_the_number_of_shots(name):
    device = haar(4, NAME)
    occupation = [1, 1, 1, 0]
    law = (distinguishable_law if name == "distinguishable" else boson_law)(device, occupation)
    sizes = 1000 * 4 ** np.arange(4)
    counts = draw(name, device, occupation, 8 * sizes[-1])
    distance = [
        np.mean([total_variation(counts[i * size : (i + 1) * size], law) for i in range(8)])
        for size in sizes
    ]
    slope = np.polyfit(np.log(sizes), np.log(distance), 1)[0]
    assert abs(slope + 0.5) < 0.08
    assert distance[-1] < 0.01


@pytest.mark.parametrize("path", PATHS)
def test_hong_ou_mandel_bosons_never_leave_a_balanced_splitter_apart(path):
    counts = sample_boson(SPLITTER, [1, 1], 20_000, SHOTS, path=path)
    assert set(map(tuple, counts.tolist())) == {(2, 0), (0, 2)}


def test_hong_ou_mandel_distinguishable_photons_leave_apart_half_the_time():
    counts = sample_distinguishable(SPLITTER, [1, 1], 20_000, SHOTS)
    apart = (counts == 1).all(axis=1).mean()
    assert abs(apart - 0.5) < 5 * 0.5 / np.sqrt(20_000)


@pytest.mark.parametrize("name", SAMPLERS)
def test_counts_at_half_filling_have_the_closed_forms(name):
    device, occupation = haar(16, NAME), (1, 0) * 8
    statistics = "distinguishable" if name == "distinguishable" else "boson"
    counts = draw(name, device, occupation, 40_000)
    assert mean_occupancy_test(counts, device, occupation, statistics).p_value > ALPHA
    found = counts.var(axis=0) / counts.mean(axis=0)
    exact = fano_factors(device, occupation, statistics)
    # A variance of N shots is known to about var * sqrt(kurtosis / N): 2 % here.
    assert np.abs(found / exact - 1).max() < 0.1
    other = "boson" if statistics == "distinguishable" else "distinguishable"
    assert np.abs(found / fano_factors(device, occupation, other) - 1).max() > 0.2


def test_clifford_clifford_beyond_enumeration():
    device, occupation = haar(24, NAME), (1, 0) * 12
    assert sampling_path(24, occupation) == "clifford-clifford"
    counts = sample_boson(device, occupation, 3000, SHOTS)
    assert (counts.sum(axis=1) == 12).all()
    assert mean_occupancy_test(counts, device, occupation).p_value > ALPHA
    other = haar(24, NAME.child("other"))
    assert mean_occupancy_test(counts, other, occupation).p_value < ALPHA


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_shot_depends_on_its_index_alone(name):
    device, occupation = haar(6, NAME), [1, 0, 2, 0, 1, 0]
    whole = draw(name, device, occupation, 700, num_threads=1)
    for threads in (2, 3, 7):
        assert np.array_equal(draw(name, device, occupation, 700, num_threads=threads), whole)
    for start, stop in [(0, 1), (13, 14), (100, 450), (699, 700), (5, 5)]:
        part = draw(name, device, occupation, stop - start, start=start)
        assert np.array_equal(part, whole[start:stop])
    far = draw(name, device, occupation, 100, start=2**40)
    assert not np.array_equal(far, whole[:100])


@pytest.mark.parametrize("name", SAMPLERS)
def test_streams_interferometers_and_samplers_differ(name):
    device = haar(6, NAME)
    first = draw(name, device, [1, 1, 1, 0, 0, 0], 50)
    another = draw(name, haar(6, NAME.child(1)), [1, 1, 1, 0, 0, 0], 50)
    assert not np.array_equal(first, another)
    sampler = BosonSampler(device, [1, 1, 1, 0, 0, 0], path="enumeration")
    assert not np.array_equal(sampler.sample(50, SHOTS), sampler.sample(50, SHOTS.child(1)))


@pytest.mark.parametrize("name", SAMPLERS)
def test_no_photons_no_modes_beyond_and_no_shots(name):
    assert not draw(name, haar(3, NAME), [0, 0, 0], 5).any()
    assert draw(name, haar(1, NAME), [7], 3).tolist() == [[7]] * 3
    assert draw(name, haar(3, NAME), [1, 0, 1], 0).shape == (0, 3)
    assert draw(name, haar(3, NAME), np.array([1.0, 0.0, 1.0]), 2).dtype == np.uint8


def test_255_distinguishable_photons_fit_in_one_mode():
    device = from_unitary(np.eye(2))
    assert sample_distinguishable(device, [255, 0], 2, SHOTS).tolist() == [[255, 0]] * 2


def test_one_shot_samplers_follow_the_same_laws():
    device, occupation = haar(3, NAME), (2, 1, 0)
    generator = SHOTS.generator()
    for once, law in [
        (reference.sample_boson_once, boson_law),
        (reference.sample_distinguishable_once, distinguishable_law),
    ]:
        shots = [once(device.unitary, occupation, generator) for _ in range(1500)]
        assert chi_square(np.array(shots), law(device, occupation)).p_value > ALPHA


def test_the_path_is_a_function_of_the_recipe_alone():
    assert sampling_path(16, (1, 0) * 8) == "enumeration"
    assert sampling_path(16, (8,) + (0,) * 15) == "enumeration"
    assert sampling_path(32, (1, 0) * 16) == "clifford-clifford"
    for delays, path in [((1, 1), "progressive"), ((1, 3, 9), "clifford-clifford")]:
        loops = time_bin(32, delays, stream=NAME)
        assert sampling_path(loops, (1, 0) * 16) == path
        assert sampling_path(loops.recipe, (1, 0) * 16) == path
        assert BosonSampler(loops, (1, 0) * 16).path == path
    assert sampling_path(time_bin(16, (1, 1), stream=NAME), (1, 0) * 8) == "enumeration"
    assert sampling_path(haar(32, NAME), (1, 0) * 16) == "clifford-clifford"
    device = haar(16, NAME)
    assert BosonSampler(device, (1, 0) * 8).path == "enumeration"
    assert BosonSampler(device, (1, 0) * 8, path="clifford-clifford").path == "clifford-clifford"


@pytest.mark.parametrize(
    ("occupation", "error", "message"),
    [
        ([1, 0], ValueError, r"\(3,\).*\(2,\)"),
        ([[1, 0, 0]], ValueError, r"\(1, 3\)"),
        ([1, -1, 0], ValueError, "negative"),
        ([0.5, 0.5, 0], ValueError, "0.5"),
        ([np.nan, 0, 0], ValueError, "nan"),
        (["1", "0", "0"], TypeError, "whole numbers"),
        ([200, 56, 0], ValueError, "256"),
        ([256, 0, 0], ValueError, "256"),
    ],
)
@pytest.mark.parametrize("sampler", [BosonSampler, DistinguishableSampler])
def test_bad_occupations_are_refused(sampler, occupation, error, message):
    with pytest.raises(error, match=message):
        sampler(haar(3, NAME), occupation)


def test_bad_paths_numbers_and_sizes_are_refused():
    device = haar(3, NAME)
    with pytest.raises(ValueError, match="cliford"):
        sample_boson(device, [1, 1, 0], 1, SHOTS, path="cliford")
    with pytest.raises(ValueError, match="-1"):
        sample_boson(device, [1, 1, 0], -1, SHOTS)
    with pytest.raises(TypeError, match=r"2\.5"):
        sample_distinguishable(device, [1, 1, 0], 2.5, SHOTS)
    with pytest.raises(ValueError, match="start"):
        sample_boson(device, [1, 1, 0], 1, SHOTS, start=-1)
    with pytest.raises(ValueError, match="num_threads"):
        sample_boson(device, [1, 1, 0], 1, SHOTS, num_threads=0)
    with pytest.raises(ValueError, match="41 photons"):
        sample_boson(device, [41, 0, 0], 1, SHOTS)
