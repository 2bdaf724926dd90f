"""Progressive measurement is the boson law, whatever is held and however the tables grow.

Every stream is fixed, so each statistical test is deterministic; its threshold is set for a
false alarm of 1e-6 had the stream been drawn anew.
"""

import pickle

import numpy as np
import pytest
from scipy.linalg import expm

from quantum_latents.circuits import from_unitary, haar, time_bin
from quantum_latents.circuits.time_bin import couplers
from quantum_latents.random import stream
from quantum_latents.random.numba import kernel_key, uniform_pair
from quantum_latents.samplers import (
    BosonSampler,
    Noise,
    NoisySampler,
    boson_law,
    distinguishable_law,
    fano_factors,
    noisy_path,
    progressive,
    sample_boson,
    sampling_path,
)
from quantum_latents.samplers.kernels import progressive as kernel
from quantum_latents.samplers.progressive import (
    ProgressiveMeasurement,
    check_progressive,
    estimated_cost,
    schedule,
)
from quantum_latents.samplers.validation import chi_square, mean_occupancy_test

ALPHA = 1e-6
NAME = stream(0, "interferometer")
SHOTS = stream(0, "shots")

CASES = [
    ((1,), (1, 1)),
    ((1,), (1, 0, 2, 0, 1)),
    ((1, 1), (1, 1, 0, 1, 0, 1)),
    ((1, 1), (0, 0, 5, 0)),
    ((1, 1), (4, 4)),
    ((1, 1, 1), (1, 1, 1, 1)),
    ((2,), (1, 0, 2, 1, 0)),
    ((1, 2), (0, 1, 2, 0, 1)),
    ((2, 1), (3, 0, 0, 0, 2)),
    ((2, 3), (1, 1, 0, 0, 1, 1)),
    ((3,), (2, 0, 1, 1)),
    ((4, 2), (1, 2, 0, 0, 1)),
    ((1, 2, 4), (1, 0, 1, 0, 1, 0, 1)),
    ((1, 3, 9), (1, 0, 0, 1, 0, 0, 0, 0, 0, 1)),
]
"""Delays and input; the number of bins is the length of the input."""


def device_of(delays, occupation):
    return time_bin(len(occupation), delays, stream=NAME)


def case_names():
    return ["-".join(map(str, delays)) + f" {occupation}" for delays, occupation in CASES]


def joint_law(measurement, occupation, by_matrix):
    """Probability of every outcome: the kernel's own steps, along every branch."""
    tables = measurement._tables
    law = {}

    def follow(index, held, state, counts):
        if index == len(tables.segments):
            law[tuple(counts)] = float(state @ state)
            return
        begin, end, enters, mode, before, after = tables.segments[index].tolist()
        photons = occupation[enters] if enters >= 0 else 0
        total = held + photons
        small = photons < 2 and held < tables.transfer_start.shape[2]
        at = tables.transfer_start[index, photons, held] if small else -1
        columns = tables.dimensions[before, held + 1]
        buffer = np.zeros((2, 2 * tables.dimensions[-1, -1]))
        if total and not (by_matrix and at >= 0):
            buffer[0, : state.size] = state
            kernel._walk(tables, begin, end, photons, held, *buffer)
        for out in range(total + 1 if mode >= 0 else 1):
            size = tables.dimensions[after - (mode >= 0), total - out + 1]
            if size == 0:  # the last bin takes all that is left
                continue
            after_state = buffer[0]
            if total and by_matrix and at >= 0:
                entries = tables.transfers[at : at + 2 * size * columns].reshape(size, columns, 2)
                product = (entries @ [1, 1j]) @ (state.reshape(-1, 2) @ [1, 1j])
                after_state = np.stack([product.real, product.imag], axis=1).ravel()
                at += 2 * size * columns
            elif total and mode >= 0:
                kernel._measure(tables, end - 1, total, out, buffer[1], buffer[0])
            elif not total:
                after_state = state
            found = counts if mode < 0 else [*counts[:mode], out, *counts[mode + 1 :]]
            follow(index + 1, total - out, after_state[: 2 * size].copy(), found)

    follow(0, 0, np.array([1.0, 0.0]), [0] * len(occupation))
    return law


@pytest.mark.parametrize("by_matrix", [True, False], ids=["matrices", "steps"])
@pytest.mark.parametrize(("delays", "occupation"), CASES, ids=case_names())
def test_the_product_of_the_conditional_laws_is_the_boson_law(delays, occupation, by_matrix):
    device = device_of(delays, occupation)
    law = joint_law(ProgressiveMeasurement(device.recipe, occupation), occupation, by_matrix)
    outcomes, probabilities = boson_law(device, occupation)
    listed = [tuple(outcome) for outcome in outcomes.tolist()]
    assert set(law) <= set(listed)
    # What no branch reaches would need more photons than had entered.
    found = [law.get(outcome, 0.0) for outcome in listed]
    assert np.abs(found - probabilities).max() < 1e-13


@pytest.mark.parametrize(("delays", "occupation"), CASES, ids=case_names())
def test_counts_follow_the_exact_law(delays, occupation):
    device = device_of(delays, occupation)
    counts = sample_boson(device, occupation, 30_000, SHOTS, path="progressive")
    law = boson_law(device, occupation)
    assert (counts.sum(axis=1) == sum(occupation)).all()
    assert chi_square(counts, law).p_value > ALPHA
    classical = chi_square(counts, distinguishable_law(device, occupation)).p_value
    if sum(occupation) > max(occupation):
        assert classical < 1e-30
    else:  # photons of one mode share their amplitudes: nothing interferes
        assert classical > ALPHA


def test_a_bin_is_measured_with_its_own_draw():
    # One photon in two bins: bin 0 is empty exactly if its draw is below that probability.
    device = time_bin(2, (1,), angles=[0.7], phases=[0.3])
    counts = sample_boson(device, [1, 0], 500, SHOTS, path="progressive")
    key = kernel_key(SHOTS.child("boson"))
    draws = np.array([uniform_pair(key, shot, 0)[0] for shot in range(500)])
    assert np.array_equal(counts[:, 0] == 0, draws < np.sin(0.7) ** 2)


def test_a_shot_depends_on_its_index_alone():
    device = time_bin(24, (2, 3), stream=NAME)
    sampler = BosonSampler(device, (1, 0) * 12, path="progressive")
    whole = sampler.sample(600, SHOTS, num_threads=1)
    for threads in (2, 3, 7):
        assert np.array_equal(sampler.sample(600, SHOTS, num_threads=threads), whole)
    for start, stop in [(0, 1), (13, 14), (100, 450), (599, 600), (5, 5)]:
        assert np.array_equal(sampler.sample(stop - start, SHOTS, start=start), whole[start:stop])
    assert not np.array_equal(sampler.sample(100, SHOTS, start=2**40), whole[:100])
    assert not np.array_equal(sampler.sample(100, SHOTS.child(1)), whole[:100])
    again = pickle.loads(pickle.dumps(sampler))
    assert np.array_equal(again.sample(50, SHOTS), whole[:50])


@pytest.mark.parametrize("delays", [(1, 1), (2, 3), (1, 2, 4)], ids=str)
def test_no_shot_depends_on_the_size_of_the_tables(delays, monkeypatch):
    device, occupation = time_bin(16, delays, stream=NAME), (2, 0, 1, 1) * 4
    expected = sample_boson(device, occupation, 300, SHOTS, path="progressive")
    monkeypatch.setattr(progressive, "_FIRST_HELD", 2)
    small = BosonSampler(device, occupation, path="progressive")
    assert np.array_equal(small.sample(300, SHOTS), expected)
    assert small._progressive._tables.dimensions.shape[1] > 2 + 2  # they had to grow
    monkeypatch.setattr(progressive, "_MAX_TRANSFER", 0)
    by_steps = BosonSampler(device, occupation, path="progressive")
    assert np.array_equal(by_steps.sample(300, SHOTS), expected)


def test_a_noisy_device_takes_the_same_path():
    device, occupation = time_bin(32, (1, 1), stream=NAME), (1, 0) * 16
    ideal = NoisySampler(device, occupation, Noise())
    assert ideal.path == noisy_path(device.recipe, occupation, Noise()) == "progressive"
    assert np.array_equal(ideal.sample(50, SHOTS), sample_boson(device, occupation, 50, SHOTS))
    lossy = NoisySampler(device, occupation, Noise(detector_efficiency=0.5, at_least=9))
    counts = lossy.sample(4000, SHOTS)
    assert lossy.path == "progressive"
    assert counts.sum(axis=1).min() == 9
    # A loop that loses photons is no interferometer of time bins any more.
    assert noisy_path(device, occupation, Noise(loop_transmission=(0.9, 1))) != "progressive"


def test_every_shot_may_have_its_own_input():
    device = time_bin(12, (1, 2), stream=NAME)
    measurement = ProgressiveMeasurement(device.recipe, (3,) * 12)
    inputs = SHOTS.generator().integers(0, 3, size=(200, 12)).astype(np.uint8)
    key, counts = kernel_key(SHOTS), np.zeros((200, 12), np.uint8)
    measurement.fill(inputs, key, 7, counts)
    assert np.array_equal(counts.sum(axis=1), inputs.sum(axis=1))
    for shot in range(0, 200, 9):
        alone = np.zeros((1, 12), np.uint8)
        measurement.fill(inputs[shot : shot + 1], key, 7 + shot, alone)
        assert np.array_equal(alone[0], counts[shot])


def test_inputs_drawn_for_every_shot_follow_the_mixture_of_their_laws():
    device = time_bin(4, (1, 1), stream=NAME)
    measurement = ProgressiveMeasurement(device.recipe, (1, 1, 1, 1))
    inputs = np.array([[1, 1, 0, 1], [0, 0, 2, 0]], np.uint8)[np.arange(40_000) % 2]
    counts = np.zeros((40_000, 4), np.uint8)
    measurement.fill(inputs, kernel_key(SHOTS), 0, counts)
    for parity, occupation in enumerate(inputs[:2]):
        assert chi_square(counts[parity::2], boson_law(device, occupation)).p_value > ALPHA


@pytest.mark.parametrize(
    ("num_modes", "delays", "num_samples"), [(128, (1, 1), 20_000), (24, (2, 3), 20_000)]
)
def test_large_interferometers_have_the_closed_forms(num_modes, delays, num_samples):
    device, occupation = time_bin(num_modes, delays, stream=NAME), (1, 0) * (num_modes // 2)
    assert sampling_path(device, occupation) == "progressive"
    counts = sample_boson(device, occupation, num_samples, SHOTS)
    assert mean_occupancy_test(counts, device, occupation).p_value > ALPHA
    other = time_bin(num_modes, delays, stream=NAME.child("other"))
    assert mean_occupancy_test(counts, other, occupation).p_value < ALPHA
    found = counts.var(axis=0) / counts.mean(axis=0)
    assert np.abs(found / fano_factors(device, occupation) - 1).max() < 0.15
    assert np.abs(found / fano_factors(device, occupation, "distinguishable") - 1).max() > 0.2


def test_hundreds_of_photons():
    device, occupation = time_bin(400, (1, 1), stream=NAME), (1, 0) * 200
    counts = sample_boson(device, occupation, 4000, SHOTS)
    assert (counts.sum(axis=1) == 200).all()
    assert mean_occupancy_test(counts, device, occupation).p_value > ALPHA
    many = time_bin(400, (1,), stream=NAME)
    assert (sample_boson(many, (1,) * 400, 50, SHOTS).sum(axis=1) == 400).all()


def test_fixed_couplers_leave_no_choice():
    occupation = (3, 1, 0, 2, 1)
    for delays, angle, expected in [
        ((1, 2), 0.0, occupation),
        ((1,), np.pi / 2, (1, 0, 2, 1, 3)),  # bin 0 waits in the loop to the end
        ((1, 1), np.pi / 2, (0, 2, 1, 3, 1)),
    ]:
        number = sum(5 - delay for delay in delays)
        device = time_bin(5, delays, angles=[angle] * number, phases=np.arange(number))
        counts = sample_boson(device, occupation, 20, SHOTS, path="progressive")
        assert counts.tolist() == [list(expected)] * 20


def test_hong_ou_mandel_bosons_never_leave_a_balanced_coupler_apart():
    device = time_bin(2, (1,), angles=[np.pi / 4], phases=[1.0])
    counts = sample_boson(device, [1, 1], 20_000, SHOTS, path="progressive")
    assert set(map(tuple, counts.tolist())) == {(2, 0), (0, 2)}


def test_a_state_far_smaller_than_its_first_norm_is_kept():
    # 250 balanced pairs: a shot's probability is 2^-250 and its norm is scaled on the way.
    angles = [np.pi / 4 if early % 2 == 0 else 0.0 for early in range(499)]
    device = time_bin(500, (1,), angles=angles, phases=[0.0] * 499)
    counts = sample_boson(device, [1] * 500, 100, SHOTS)
    assert (counts.reshape(100, 250, 2).sum(axis=2) == 2).all()
    assert set(np.unique(counts)) == {0, 2}
    share = (counts[:, ::2] == 2).mean()
    assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(25_000)


def test_no_photons_and_no_shots():
    device = time_bin(6, (1, 2), stream=NAME)
    assert not sample_boson(device, [0] * 6, 5, SHOTS, path="progressive").any()
    assert sample_boson(device, [1] * 6, 0, SHOTS, path="progressive").shape == (0, 6)


@pytest.mark.parametrize(
    "delays", [(1,), (1, 1), (3, 9, 1), (1, 3, 9), (2, 3), (5, 5), (13,)], ids=str
)
def test_the_schedule_is_an_order_that_light_allows(delays):
    num_modes = 14
    acting = couplers(time_bin(num_modes, delays, stream=NAME).recipe)
    entered, measured, acted = set(), [], []
    touched = {mode: [] for mode in range(num_modes)}
    for step in schedule(num_modes, delays):
        if step.enters:
            entered.add(step.mode)
        assert len(entered) - len(measured) == step.num_held <= sum(delays) + 1
        if step.coupler >= 0:
            acted.append(step.coupler)
            for mode in acting[step.coupler][:2]:
                assert mode in entered
                assert mode not in measured
                touched[mode].append(step.coupler)
        if step.measures:
            measured.append(step.mode)
    assert measured == list(range(num_modes))
    assert sorted(acted) == list(range(len(acting)))
    assert all(sorted(indices) == indices for indices in touched.values())


def test_rotations_of_many_photons_are_the_exponential_and_stay_orthogonal():
    most, theta = 120, 0.9
    rotations = np.empty(progressive._num_rotations(most))
    kernel.fill_rotations(theta, most, rotations)
    start = 0
    for total in range(most + 1):
        size = total + 1
        matrix = rotations[start : start + size**2].reshape(size, size)
        start += size**2
        assert np.abs(matrix @ matrix.T - np.eye(size)).max() < 1e-12
        if total in (1, 2, 7, 40):
            early = np.arange(1, size)
            hop = np.diag(np.sqrt(early * (total - early + 1)), -1)  # late to early
            assert np.abs(matrix - expm(theta * (hop.T - hop))).max() < 1e-12
    assert start == rotations.size


def test_the_path_follows_the_estimate():
    for num_photons, delays, path in [
        (16, (1, 1), "progressive"),
        (16, (2, 3), "progressive"),
        (16, (1, 3, 9), "clifford-clifford"),
        (22, (1, 3, 9), "clifford-clifford"),
        (30, (1, 3, 9), "progressive"),
        (60, (1, 3, 9), "progressive"),
        (3, (1, 1), "enumeration"),
    ]:
        occupation = (1, 0) * num_photons
        device = time_bin(2 * num_photons, delays, stream=NAME)
        assert sampling_path(device, occupation) == path
    # Few photons in many bins: what no photon reaches costs nothing.
    assert sampling_path(time_bin(1000, (1, 1), stream=NAME), (3,) + (0,) * 999) == "progressive"


def test_the_estimate_is_linear_in_the_bins():
    small, large = (estimated_cost(m, (1, 1), (1, 0) * (m // 2)) for m in (100, 200))
    assert large.operations / small.operations == pytest.approx(2, rel=0.02)
    assert large[1:3] == small[1:3] == (3, 2.0)


def test_what_cannot_be_measured_progressively_is_refused_by_name(monkeypatch):
    for device in (haar(3, NAME), from_unitary(np.eye(3))):
        with pytest.raises(ValueError, match=f"{device.recipe['kind']}.* only time bins"):
            BosonSampler(device, [1, 1, 0], path="progressive")
    long = time_bin(64, (1, 3, 9), stream=NAME)
    for call in (sampling_path, BosonSampler, lambda d, t: check_progressive(d.recipe, t)):
        with pytest.raises(ValueError, match=r"1-3-9 holds 30 photons in 14 bins .* GiB"):
            call(long, [4, 0] * 32)
    with pytest.raises(ValueError, match="50 photons"):
        BosonSampler(time_bin(100, (1, 1), stream=NAME), [1, 0] * 50, path="clifford-clifford")
    with pytest.raises(ValueError, match="255 photons a mode, not 256"):
        sampling_path(time_bin(100, (1, 1), stream=NAME), [256] + [0] * 99)
    # A loop that keeps all of its photons holds more than the estimate says.
    keeps = time_bin(3, (1,), angles=[np.pi / 2] * 2, phases=[0.0] * 2)
    assert sampling_path(keeps, [200, 0, 100]) == "progressive"
    with pytest.raises(ValueError, match="holds 256 photons in 2 bins"):
        sample_boson(keeps, [200, 0, 100], 1, SHOTS)
    assert sample_boson(keeps, [200, 0, 55], 2, SHOTS).tolist() == [[0, 55, 200]] * 2
    device = time_bin(8, (1, 2), stream=NAME)
    sampler = BosonSampler(device, [2] * 8, path="progressive")
    monkeypatch.setattr(progressive, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match=r"1-2 holds 1\d photons in 4 bins"):
        sampler.sample(2000, SHOTS)
