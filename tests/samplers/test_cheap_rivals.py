"""Mean-field bosons, free fermions and thermal light follow their exact laws and moments.

Every stream is fixed, so each statistical test is deterministic; its threshold is set for a
false alarm of 1e-6 had the stream been drawn anew.
"""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from thewalrus.reference import hafnian

from quantum_latents.circuits import from_unitary, haar
from quantum_latents.random import stream
from quantum_latents.random.numba import kernel_key
from quantum_latents.samplers import (
    FermionSampler,
    MeanFieldSampler,
    ThermalSampler,
    boson_law,
    covariance,
    distinguishable_law,
    fermion_law,
    mean_field_law,
    mean_occupancy,
    reference,
    thermal,
    thermal_probability,
)
from quantum_latents.samplers.kernels.waves import thermal_shots
from quantum_latents.samplers.validation import chi_square, mean_occupancy_test

ALPHA = 1e-6
NAME = stream(0, "interferometer")
SHOTS = stream(0, "shots")
SPLITTER = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
SAMPLERS = {
    "mean_field": MeanFieldSampler,
    "fermion": FermionSampler,
    "thermal": ThermalSampler,
}
STATISTICS = ["boson", "distinguishable", *SAMPLERS]
EACH = pytest.mark.parametrize("name", SAMPLERS)


def draw(name, device, occupation, num_samples, **options):
    return SAMPLERS[name](device, occupation).sample(num_samples, SHOTS, **options)


def thermal_law(device, occupation, most):
    """Outcomes of up to `most` photons, and one row of 255 for all the others."""
    shells = [reference.outcomes(device.num_modes, n) for n in range(most + 1)]
    outcomes = list(itertools.chain.from_iterable(shells))
    values = [thermal_probability(device, occupation, s) for s in outcomes]
    outcomes.append((255,) * device.num_modes)
    return np.array(outcomes, dtype=np.uint8), np.array([*values, 1 - sum(values)])


def law_of(name, device, occupation, most=8):
    if name == "thermal":
        return thermal_law(device, occupation, most)
    return (mean_field_law if name == "mean_field" else fermion_law)(device, occupation)


def law_moments(law):
    outcomes, probabilities = law[0].astype(np.float64), law[1]
    mean = probabilities @ outcomes
    return mean, (outcomes * probabilities[:, None]).T @ outcomes - np.outer(mean, mean)


# The laws against definitions and other libraries.


@pytest.mark.parametrize("occupation", [(2, 1, 0), (1, 1, 1), (0, 3, 1)])
def test_the_mean_field_law_is_the_average_over_random_phases(occupation):
    # All phases by the midpoint rule, on far more points than the law takes and on none of them.
    device, n = haar(3, NAME), sum(occupation)
    outcomes, probabilities = mean_field_law(device, occupation)
    angles = 2 * np.pi * (np.arange(31) + 0.123) / 31
    phases = np.exp(1j * np.stack(np.meshgrid(*[angles] * 3), axis=-1).reshape(-1, 3))
    psi = (phases * np.sqrt(np.array(occupation) / n)) @ device.unitary.T
    for outcome, probability in zip(outcomes.tolist(), probabilities, strict=True):
        ways = math.factorial(n) / math.prod(map(math.factorial, outcome))
        average = ways * (np.abs(psi) ** (2 * np.array(outcome))).prod(axis=1).mean()
        assert abs(probability - average) < 1e-13


def test_the_mean_field_law_of_one_input_mode_is_multinomial():
    device = haar(4, NAME)
    law = mean_field_law(device, [0, 5, 0, 0])
    assert np.allclose(law[1], distinguishable_law(device, [0, 5, 0, 0])[1], rtol=0, atol=1e-14)
    assert mean_field_law(device, [0, 0, 0, 0])[1].tolist() == [1.0]


@pytest.mark.parametrize("occupation", [(0, 0, 0), (1,), (1, 1), (0, 1, 1, 0, 1), (1, 1, 1, 0)])
def test_the_fermion_law_is_the_antisymmetric_amplitude_by_definition(occupation):
    device = haar(len(occupation), NAME)
    outcomes, probabilities = fermion_law(device, occupation)
    columns = [j for j, number in enumerate(occupation) if number]
    for outcome, probability in zip(outcomes, probabilities, strict=True):
        rows = np.flatnonzero(outcome)
        amplitude = 0
        for order in itertools.permutations(range(len(rows))):
            sign = (-1) ** sum(a > b for a, b in itertools.combinations(order, 2))
            ways = [device.unitary[rows[order[k]], columns[k]] for k in range(len(rows))]
            amplitude += sign * math.prod(ways)
        assert abs(probability - abs(amplitude) ** 2) < 1e-14
    assert abs(probabilities.sum() - 1) < 1e-13
    assert len(np.unique(outcomes, axis=0)) == math.comb(len(occupation), len(columns))


def test_fermions_in_blocks_of_determinants_are_one_law(monkeypatch):
    device, occupation = haar(7, NAME), (1, 0, 1, 1, 0, 0, 0)
    whole = fermion_law(device, occupation)
    monkeypatch.setattr("quantum_latents.samplers.fermions._BLOCK", 4)
    for one, other in zip(whole, fermion_law(device, occupation), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("occupation", [(1, 1, 0), (0, 2, 1)])
def test_thermal_probabilities_agree_with_thewalrus(occupation):
    # p(s) = haf(A_s) / (s! sqrt det Q), Q the moments of a and its adjoint, A = X (1 - 1/Q), and
    # A_s its rows and columns repeated as often as there are photons (Hamilton et al. 2017).
    # The hafnian is the plain one: thewalrus' compiled ones take over a minute to compile.
    device = haar(3, NAME)
    moment = device.unitary @ np.diag(occupation) @ device.unitary.conj().T
    zero, one = np.zeros((3, 3)), np.eye(3)
    Q = np.block([[moment + one, zero], [zero, moment.conj() + one]])
    A = np.block([[zero, one], [one, zero]]) @ (np.eye(6) - np.linalg.inv(Q))
    for outcome in itertools.product(range(4), repeat=3):
        if sum(outcome) > 4:
            continue
        repeated = np.repeat(np.arange(6), outcome * 2)
        weight = np.prod([math.factorial(s) for s in outcome]) * np.sqrt(np.linalg.det(Q).real)
        expected = hafnian(A[np.ix_(repeated, repeated)]).real / weight
        found = thermal_probability(device, occupation, outcome)
        assert abs(found - expected) < 1e-12


def test_thermal_totals_are_those_of_the_inputs():
    # The interferometer keeps the total, a sum of geometric numbers of the input modes.
    device, occupation = haar(3, NAME), (1, 0, 2)
    laws = [stats.geom.pmf(np.arange(1, 8), 1 / (1 + mean)) for mean in (1, 2)]
    for total in range(7):
        found = sum(
            thermal_probability(device, occupation, s) for s in reference.outcomes(3, total)
        )
        assert abs(found - np.convolve(*laws)[total]) < 1e-13


# The closed-form moments against the laws.


@pytest.mark.parametrize("occupation", [(1, 1, 1, 0), (1, 0, 1, 1), (0, 0, 0, 0), (3, 1, 0, 2)])
@pytest.mark.parametrize("name", ["mean_field", "fermion"])
def test_closed_form_moments_are_those_of_the_laws(name, occupation):
    if name == "fermion" and max(occupation) > 1:
        occupation = (1, 1, 1, 1)
    device = haar(4, NAME)
    mean, found = law_moments(law_of(name, device, occupation))
    assert np.allclose(mean, mean_occupancy(device, occupation), rtol=0, atol=1e-12)
    assert np.allclose(found, covariance(device, occupation, name), rtol=0, atol=1e-12)


def test_the_generating_function_of_thermal_light_is_a_determinant():
    device, occupation = haar(3, NAME), (1, 0, 2)
    coherence = device.unitary @ np.diag(occupation) @ device.unitary.conj().T
    outcomes, probabilities = thermal_law(device, occupation, 8)
    z = np.array([0.1, 0.2, 0.15])
    found = probabilities[:-1] @ (z ** outcomes[:-1]).prod(axis=1)
    expected = 1 / np.linalg.det(np.eye(3) + np.diag(1 - z) @ coherence).real
    assert abs(found - expected) < 0.2**9


@pytest.mark.parametrize("occupation", [(1, 0, 1, 1), (3, 1, 0, 2)])
def test_thermal_moments_are_those_of_the_generating_function(occupation):
    # <prod (1 - w_k)**n_k> = 1 / det(1 + diag(w) C); its logarithm is twice differentiated.
    device, step = haar(4, NAME), 1e-4
    coherence = device.unitary @ np.diag(occupation) @ device.unitary.conj().T

    def logarithm(w):
        return -math.log(np.linalg.det(np.eye(4) + np.diag(w) @ coherence).real)

    factorial = np.empty((4, 4))
    for i, j in itertools.product(range(4), repeat=2):
        a, b = step * np.eye(4)[[i, j]]
        ends = logarithm(a + b) - logarithm(a - b) - logarithm(b - a) + logarithm(-a - b)
        factorial[i, j] = ends / (4 * step**2)
    exact = covariance(device, occupation, "thermal")
    mean = np.diag(mean_occupancy(device, occupation))
    assert np.allclose(factorial + mean, exact, rtol=0, atol=1e-5)


# The samplers against the laws.

OCCUPATIONS = [(1, 1), (1, 1, 0), (1, 0, 1, 1), (1, 1, 1), (2, 1, 0), (0, 3, 0)]
CASES = [
    (name, occupation)
    for name, occupation in itertools.product(SAMPLERS, OCCUPATIONS)
    if name != "fermion" or max(occupation) == 1
]
CASES += [("fermion", (1, 0, 1, 0, 1, 0)), ("fermion", (1, 1, 0, 1, 1, 0, 1))]


@pytest.mark.parametrize(("name", "occupation"), CASES, ids=str)
def test_counts_follow_the_exact_law(name, occupation):
    device = haar(len(occupation), NAME)
    counts = draw(name, device, occupation, 30_000)
    if name == "thermal":
        assert counts.sum(axis=1).std() > 0
        counts[counts.sum(axis=1) > 8] = 255
    else:
        assert (counts.sum(axis=1) == sum(occupation)).all()
    law = law_of(name, device, occupation)
    assert chi_square(counts, law).p_value > ALPHA
    same_light = name == "thermal" and len(set(occupation)) == 1  # stays so in any basis
    if len(law[0]) > 1 and not same_light:  # the law of another interferometer is told apart
        other = law_of(name, haar(len(occupation), NAME.child("other")), occupation)
        assert chi_square(counts, other).p_value < 1e-30


@pytest.mark.parametrize("statistics", ["boson", "distinguishable"])
def test_mean_field_counts_are_not_those_of_photons(statistics):
    device, occupation = haar(4, NAME), (1, 0, 1, 1)
    counts = draw("mean_field", device, occupation, 30_000)
    law = boson_law if statistics == "boson" else distinguishable_law
    assert chi_square(counts, law(device, occupation)).p_value < 1e-30


@EACH
def test_shots_are_independent_of_their_neighbours(name):
    # Pairs of consecutive shots against the product law.
    device = haar(3, NAME)
    law = law_of(name, device, [1, 1, 0], most=4)
    counts = draw(name, device, [1, 1, 0], 60_000)
    if name == "thermal":
        counts[counts.sum(axis=1) > 4] = 255
    size = len(law[0])
    outcomes = np.hstack([np.repeat(law[0], size, axis=0), np.tile(law[0], (size, 1))])
    pairs = counts.reshape(30_000, 6)
    assert chi_square(pairs, (outcomes, np.outer(law[1], law[1]).ravel())).p_value > ALPHA


# Two particles on a balanced splitter.


def test_fermions_always_leave_a_balanced_splitter_apart():
    assert set(map(tuple, draw("fermion", SPLITTER, [1, 1], 5000).tolist())) == {(1, 1)}


def test_mean_field_bosons_leave_a_balanced_splitter_apart_a_quarter_of_the_time():
    # q = (1 + cos phi) / 2 in one mode: 2 <q (1 - q)> = <sin(phi)**2> / 2 = 1/4.
    apart = (draw("mean_field", SPLITTER, [1, 1], 20_000) == 1).all(axis=1).mean()
    assert abs(apart - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 20_000)
    assert mean_field_law(SPLITTER, [1, 1])[1].round(12).tolist() == [0.375, 0.25, 0.375]


def test_thermal_light_bunches_twice_as_much_as_chance():
    # Hanbury Brown and Twiss: g2 = <n (n - 1)> / <n>**2 = 2, also between the two outputs.
    counts = draw("thermal", SPLITTER, [1, 0], 100_000).astype(np.float64)
    first, second = counts.T
    for pairs in (first * (first - 1), second * (second - 1), first * second):
        g2 = pairs.mean() / 0.25
        assert abs(g2 - 2) < 5 * pairs.std() / 0.25 / math.sqrt(len(pairs))
    matrix, mean = covariance(SPLITTER, [1, 0], "thermal"), mean_occupancy(SPLITTER, [1, 0])
    assert np.allclose((matrix - np.diag(mean)) / np.outer(mean, mean) + 1, 2)
    # Two equal thermal inputs leave as two independent ones: any basis is as good.
    assert np.allclose(covariance(SPLITTER, [1, 1], "thermal"), 2 * np.eye(2))


# The moments that the rivals promise, at 16 modes and 8 photons.


def worst_z_score(counts, mean, matrix):
    """Largest deviation of a sample covariance, about the exact mean, in standard errors."""
    centred = counts - mean
    worst = 0.0
    for i, j in itertools.combinations_with_replacement(range(len(mean)), 2):
        product = centred[:, i] * centred[:, j]
        error = product.std() / math.sqrt(len(counts))
        worst = max(worst, abs(product.mean() - matrix[i, j]) / error)
    return worst


@EACH
def test_moments_of_16_modes_and_8_photons_are_the_promised_ones(name):
    device, occupation = haar(16, NAME), (1, 0) * 8
    counts = draw(name, device, occupation, 40_000)
    assert mean_occupancy_test(counts, device, occupation, name).p_value > ALPHA
    other = haar(16, NAME.child("other"))
    assert mean_occupancy_test(counts, other, occupation, name).p_value < ALPHA
    mean = mean_occupancy(device, occupation)
    bound = stats.norm.isf(ALPHA / 2 / 136)
    for statistics in STATISTICS:
        worst = worst_z_score(counts, mean, covariance(device, occupation, statistics))
        assert (worst < bound) == (statistics == name), (statistics, worst)


def test_bunched_inputs_have_the_promised_moments():
    device, occupation = haar(8, NAME), (4, 0, 1, 0, 0, 2, 0, 1)
    mean, bound = mean_occupancy(device, occupation), stats.norm.isf(ALPHA / 2 / 36)
    for name in ("mean_field", "thermal"):
        counts = draw(name, device, occupation, 40_000)
        for statistics in ("boson", "mean_field", "thermal"):
            worst = worst_z_score(counts, mean, covariance(device, occupation, statistics))
            assert (worst < bound) == (statistics == name), (name, statistics, worst)


# Shots, streams and limits.


@EACH
def test_a_shot_depends_on_its_index_alone(name):
    device, occupation = haar(6, NAME), [1, 0, 1, 0, 1, 0]
    whole = draw(name, device, occupation, 700, num_threads=1)
    for threads in (2, 7):
        assert np.array_equal(draw(name, device, occupation, 700, num_threads=threads), whole)
    for start, stop in [(0, 1), (13, 14), (100, 450), (699, 700), (5, 5)]:
        part = draw(name, device, occupation, stop - start, start=start)
        assert np.array_equal(part, whole[start:stop])
    far = draw(name, device, occupation, 100, start=2**40)
    assert not np.array_equal(far, whole[:100])
    sampler = SAMPLERS[name](device, occupation)
    assert not np.array_equal(sampler.sample(700, SHOTS.child(1)), whole)


@EACH
def test_no_photons_one_mode_and_no_shots(name):
    assert not draw(name, haar(3, NAME), [0, 0, 0], 5).any()
    assert draw(name, haar(3, NAME), [1, 0, 1], 0).shape == (0, 3)
    counts = draw(name, haar(3, NAME), np.array([1.0, 0.0, 1.0]), 2)
    assert counts.dtype == np.uint8 and counts.shape == (2, 3)
    sampler = SAMPLERS[name](haar(1, NAME), [1])
    counts = sampler.sample(2000, SHOTS)
    if name == "thermal":  # geometric with mean 1
        assert abs((counts == 0).mean() - 0.5) < 5 * 0.5 / math.sqrt(2000)
    else:
        assert (counts == 1).all()
    assert sampler.num_modes == 1 and sampler.occupation == (1,)
    assert sampler.path in ("mean-field", "determinantal", "thermal")


def test_fermions_fill_all_modes_and_leave_a_permutation_where_they_entered():
    assert (draw("fermion", haar(24, NAME), [1] * 24, 50) == 1).all()
    swap = from_unitary(np.eye(4)[[1, 0, 3, 2]])
    assert draw("fermion", swap, [1, 0, 0, 1], 2).tolist() == [[0, 1, 1, 0]] * 2


def test_255_mean_field_bosons_fit_in_one_mode():
    device = from_unitary(np.eye(2))
    assert draw("mean_field", device, [255, 0], 2).tolist() == [[255, 0]] * 2
    with pytest.raises(ValueError, match="256"):
        MeanFieldSampler(device, [200, 56])
    with pytest.raises(ValueError, match="256"):
        mean_field_law(device, [200, 56])


def test_light_too_bright_for_a_count_is_refused(monkeypatch):
    device = from_unitary(np.eye(2))
    with pytest.raises(ValueError, match=r"mean of 100 photons.*255.*one\s+input mode"):
        ThermalSampler(device, [100, 0])
    fourier = from_unitary(np.fft.fft(np.eye(64), norm="ortho"))
    ThermalSampler(fourier, [64] + [0] * 63)  # bright at the input, a mean of 1 in every output
    # Were it let through, a shot that does not fit would still not be cut off.
    monkeypatch.setattr(thermal, "MAX_OVERFLOW", 1.0)
    counts = np.zeros((400, 2), dtype=np.uint8)
    bright = ThermalSampler(device, [100, 0])
    key = kernel_key(SHOTS.child("thermal"))
    filled = thermal_shots(bright._columns, key, 0, counts)
    assert 0 < filled < 400  # 8 % of the shots: (100/101)**256
    assert np.array_equal(bright.sample(filled, SHOTS), counts[:filled])
    with pytest.raises(ValueError, match=f"shot {filled} of .*255"):
        bright.sample(400, SHOTS)


def test_fermions_refuse_bunched_inputs_by_name():
    device = haar(3, NAME)
    for refuses in (
        FermionSampler,
        fermion_law,
        lambda *arguments: covariance(*arguments, "fermion"),
    ):
        with pytest.raises(ValueError, match=r"Pauli.*mode 1 .*one fermion, not 2"):
            refuses(device, [1, 2, 0])


@pytest.mark.parametrize(
    ("occupation", "error", "message"),
    [
        ([1, 0], ValueError, r"\(3,\).*\(2,\)"),
        ([1, -1, 0], ValueError, "negative"),
        ([0.5, 0.5, 0], ValueError, "0.5"),
        (["1", "0", "0"], TypeError, "whole numbers"),
        ([256, 0, 0], ValueError, "256"),
    ],
)
@EACH
def test_bad_occupations_are_refused(name, occupation, error, message):
    device = haar(3, NAME)
    for refuses in (SAMPLERS[name], lambda *arguments: covariance(*arguments, name)):
        with pytest.raises(error, match=message):
            refuses(device, occupation)


def test_laws_too_large_and_unknown_statistics_are_refused():
    device = haar(16, NAME)
    with pytest.raises(ValueError, match=r"490,314 outcomes.*4,782,969 phases.*20,000,000"):
        mean_field_law(device, (1, 0) * 8)
    with pytest.raises(ValueError, match=r"601,080,390 outcomes.*3,000,000"):
        fermion_law(haar(32, NAME), (1, 0) * 16)
    with pytest.raises(ValueError, match=r"31 photons.*at most 30"):
        thermal_probability(device, (1, 0) * 8, [31] + [0] * 15)
    with pytest.raises(ValueError, match="'fermion' or 'thermal', not 'mean field'"):
        covariance(device, (1, 0) * 8, "mean field")
