"""The closed forms that validation compares counts with, against enumerated laws."""

import itertools

import numpy as np
import pytest
from scipy import stats

from quantum_latents.circuits import from_unitary, haar, time_bin
from quantum_latents.random import stream
from quantum_latents.samplers import Noise, boson_law, noisy_law
from quantum_latents.samplers.validation import Finding, Promise
from quantum_latents.samplers.validation.bunching import bin_laws
from quantum_latents.samplers.validation.correlators import walschaers_moments
from quantum_latents.samplers.validation.findings import judged, studentised
from quantum_latents.samplers.validation.moments import expected_moments, has_closed_form
from quantum_latents.samplers.validation.order import _longest_repeat, change_point_reach
from quantum_latents.samplers.validation.outcomes import log_likelihoods
from quantum_latents.samplers.validation.overlap import overlap_scores, overlap_weights
from quantum_latents.samplers.validation.tally import tally
from quantum_latents.samplers.validation.totals import fit_transmission, total_law
from quantum_latents.samplers.validation.twin import Twins, TwinTooCostlyError

DEVICE = haar(4, stream(0, "interferometer"))
INPUT = (1, 1, 0, 1)
UNIFORM_LOSS = [
    Noise(interference=0.6, input_transmission=0.7, at_least=2),
    Noise(interference=1.0, detector_efficiency=0.5),
    Noise(interference=0.3, input_transmission=0.8, output_transmission=0.6, exactly=2),
    Noise(interference=0.5, input_photons=2, emission=0.9),
]


def given(law, k):
    """The law given that the total is k."""
    outcomes, probabilities = law
    kept = outcomes.sum(axis=1) == k
    return outcomes[kept].astype(float), probabilities[kept] / probabilities[kept].sum()


@pytest.mark.parametrize("noise", UNIFORM_LOSS)
def test_moments_given_the_total_are_those_of_the_enumerated_law(noise):
    promise = Promise(interferometer=DEVICE, occupation=INPUT, noise=noise)
    law = noisy_law(DEVICE, INPUT, noise)
    sums = tally(law[0])
    moments = expected_moments(promise, sums, Twins(promise, None, 1))
    assert moments.route == "given totals"
    for place, k in enumerate(sums.values):
        outcomes, p = given(law, k)
        assert np.allclose(moments.means[place], p @ outcomes)
        assert np.allclose(moments.pairs[place], (outcomes.T * p) @ outcomes)


@pytest.mark.parametrize(
    "noise",
    [
        Noise(interference=0.6, detector_efficiency=(0.5, 0.9, 1.0, 0.7), dark_counts=0.05),
        Noise(interference=0.8, input_transmission=0.7, threshold=True, dark_counts=0.1),
        Noise(g2=0.1, emission=0.8),
    ],
)
def test_moments_of_other_noise_are_those_of_the_enumerated_law(noise):
    promise = Promise(interferometer=DEVICE, occupation=INPUT, noise=noise)
    outcomes, p = noisy_law(DEVICE, INPUT, noise)
    moments = expected_moments(promise, tally(outcomes), Twins(promise, None, 1))
    assert moments.route == "closed form"
    assert np.allclose(moments.means[0], p @ outcomes)
    assert np.allclose(moments.pairs[0], (outcomes.T * p) @ outcomes)


def test_what_has_no_closed_form_is_compared_with_a_twin_of_its_own_error():
    noise = Noise(interference=0.6, threshold=True, at_least=2)
    promise = Promise(interferometer=DEVICE, occupation=INPUT, noise=noise)
    outcomes, p = noisy_law(DEVICE, INPUT, noise)
    twins = Twins(promise, None, 10_000)
    moments = expected_moments(promise, tally(outcomes), twins)
    assert not has_closed_form(promise)
    assert moments.route == "twin" and f"{len(twins()):,} shots" in moments.words
    z = (moments.means[0] - p @ outcomes) / np.sqrt(moments.mean_variance)
    assert np.abs(z).max() < 5.5 and np.abs(z).max() > 0.01


def test_a_twin_of_one_kept_total_needs_no_transmission():
    exactly = Promise(
        interferometer=DEVICE, occupation=INPUT, noise=Noise(exactly=2), known_loss=False
    )
    twin = Twins(exactly, None, 100)()
    assert twin.values.tolist() == [2]
    unknown = Promise(interferometer=DEVICE, occupation=INPUT, known_loss=False)
    with pytest.raises(TwinTooCostlyError, match="loss is not known"):
        Twins(unknown, None, 100)()


def test_a_twin_that_takes_too_long_is_refused():
    noise = Noise(interference=0.9, threshold=True)
    promise = Promise(interferometer=haar(80, stream(0)), occupation=(1, 0) * 40, noise=noise)
    with pytest.raises(TwinTooCostlyError, match="too long"):
        Twins(promise, None, 1000)()


@pytest.mark.parametrize("noise", UNIFORM_LOSS[:3])
@pytest.mark.parametrize("modes", [[0], [1, 3]])
def test_bins_given_the_total_are_those_of_the_enumerated_law(noise, modes):
    promise = Promise(interferometer=DEVICE, occupation=INPUT, noise=noise)
    law = noisy_law(DEVICE, INPUT, noise)
    totals = np.unique(law[0].sum(axis=1)).tolist()
    found = bin_laws(promise, modes, totals)
    assert sorted(found) == totals
    for k in totals:
        outcomes, p = given(law, k)
        inside = outcomes[:, modes].sum(axis=1).astype(int)
        assert np.allclose(found[k], np.bincount(inside, weights=p, minlength=k + 1))


@pytest.mark.parametrize("occupation", [INPUT, (2, 0, 1, 0)])
@pytest.mark.parametrize(("row", "x"), [(0, 1.0), (1, 0.0)])
def test_likelihoods_of_shots_are_those_of_the_enumerated_law(occupation, row, x):
    promise = Promise(interferometer=DEVICE, occupation=occupation)
    law = noisy_law(DEVICE, occupation, Noise(interference=x, input_transmission=0.6))
    for k in (0, 1, 2, 3):
        outcomes, p = given(law, k)
        found = log_likelihoods(promise, outcomes.astype(np.uint8))[row]
        assert np.allclose(np.exp(found), p, atol=1e-12)


def test_the_likelihood_without_loss_is_the_law_of_bosons():
    promise = Promise(interferometer=DEVICE, occupation=INPUT)
    outcomes, p = boson_law(DEVICE, INPUT)
    assert np.allclose(np.exp(log_likelihoods(promise, outcomes)[0]), p, atol=1e-12)


@pytest.mark.parametrize(
    "noise",
    [
        Noise(input_transmission=0.6),
        Noise(input_transmission=0.6, at_least=1),
        Noise(g2=0.2, emission=0.7, detector_efficiency=0.8, dark_counts=0.1),
        Noise(input_photons=2, input_transmission=0.5, exactly=1),
    ],
)
def test_the_law_of_the_total_is_that_of_the_enumerated_law(noise):
    promise = Promise(interferometer=DEVICE, occupation=INPUT, noise=noise)
    outcomes, p = noisy_law(DEVICE, INPUT, noise)
    law = total_law(promise, promise.transmission, selected=True)
    exact = np.bincount(outcomes.sum(axis=1), weights=p, minlength=len(law))
    length = min(len(law), len(exact))
    assert np.allclose(law[:length], exact[:length], atol=1e-9)


def test_a_fit_of_exact_frequencies_is_the_transmission_behind_them():
    promise = Promise(
        interferometer=DEVICE, occupation=INPUT, noise=Noise(at_least=1), known_loss=False
    )
    law = total_law(promise, 0.37, selected=True)
    fit = fit_transmission(promise, np.round(1e9 * law).astype(np.int64), 0.01, selected=True)
    assert fit.estimate == pytest.approx(0.37, abs=1e-5)
    assert fit.interval[0] < 0.37 < fit.interval[1] < 0.3702


def test_the_mean_score_of_interference_is_linear_in_the_square_of_x():
    promise = Promise(interferometer=DEVICE, occupation=INPUT)
    W = overlap_weights(promise)
    means = []
    for x in (0.0, 0.5, 0.8, 1.0):
        outcomes, p = noisy_law(DEVICE, INPUT, Noise(interference=x))
        means.append(p @ overlap_scores(outcomes, p @ outcomes, W))
    line = np.polyfit(np.array([0.0, 0.5, 0.8, 1.0]) ** 2, means, 1)
    assert line[0] > 0
    assert np.allclose(np.polyval(line, [0.0, 0.25, 0.64, 1.0]), means)


def test_walschaers_moments_are_those_of_scipy():
    table = np.random.default_rng(0).normal(size=(7, 7))
    values = table[np.triu_indices(7, k=1)]
    found = walschaers_moments(table, 3)
    assert found["nm"] == pytest.approx(values.mean() * 49 / 3)
    assert found["cv"] == pytest.approx(values.std() / values.mean())
    assert found["skewness"] == pytest.approx(stats.skew(values))


def test_sums_are_those_of_the_counts():
    counts = np.random.default_rng(0).integers(0, 4, size=(500, 3), dtype=np.uint8)
    sums, rows = tally(counts), counts.astype(float)
    assert np.array_equal(sums.pairs.sum(axis=0), rows.T @ rows)
    assert np.array_equal(sums.pair_squares.sum(axis=0), (rows**2).T @ rows**2)
    assert np.array_equal(sums.pair_cubes.sum(axis=0), (rows**3).T @ rows**3)
    assert np.array_equal(sums.cubes.sum(axis=0), (rows**3).sum(axis=0))
    assert np.array_equal(sums.block_pairs.sum(axis=0), rows.T @ rows)
    assert sums.block_sizes.sum() == 500
    for place, k in enumerate(sums.values):
        assert np.array_equal(sums.sums[place], rows[sums.totals == k].sum(axis=0))


def test_holm_is_the_adjustment_of_the_results():
    from quantum_latents.results.statistics import holm

    p = [0.2, 1e-4, 0.03, 0.001, 0.9]
    family = [Finding(name=str(i), title="", sees="", p_value=value) for i, value in enumerate(p)]
    family.insert(2, Finding(name="open", title="", sees="", reason="no number"))
    found = judged(family, 0.01)
    assert [one.p_holm for one in found if one.name != "open"] == pytest.approx(holm(p))
    assert [one.verdict for one in found] == [
        *("consistent", "inconsistent", "undetermined", "consistent", "inconsistent"),
        "consistent",
    ]


def test_an_interval_that_holds_the_control_is_no_confirmation():
    one = Finding(
        name="a", title="", sees="", p_value=0.5, estimate=1, expected=1, interval=(0, 2), control=0
    )
    (found,) = judged([one], 0.01)
    assert found.verdict == "undetermined" and "control" in found.reason


@pytest.mark.parametrize("alpha", [0.0, 1.0, float("nan")])
def test_a_bad_alpha_is_refused(alpha):
    with pytest.raises(ValueError, match="between 0 and 1"):
        judged([], alpha)


def test_scores_of_rare_counts_keep_their_level():
    # 60 expected events in 3,000 shots: a plain t would reject twice as often as it says.
    number, chance, times = 3000, 0.02, 40_000
    seen = np.random.default_rng(0).binomial(number, chance, size=times).astype(float)
    first = seen - number * chance
    second = seen * (1 - chance) ** 2 + (number - seen) * chance**2
    third = seen * (1 - chance) ** 3 - (number - seen) * chance**3
    _, error, score = studentised(first, second, third, number)
    plain = first / number / error
    rejected = [(2 * stats.norm.sf(np.abs(values)) < 1e-3).mean() for values in (plain, score)]
    assert rejected[0] > 1.5e-3
    assert rejected[1] < 1.5e-3


def test_the_longest_repeat_is_found_as_by_looking_at_all():
    generator = np.random.default_rng(0)
    for trial in range(40):
        ranks = generator.integers(0, 2 + trial % 5, size=int(generator.integers(2, 40)))
        best = 0
        for a, b in itertools.combinations(range(len(ranks)), 2):
            length = 0
            while b + length < len(ranks) and ranks[a + length] == ranks[b + length]:
                length += 1
            best = max(best, length)
        length, first, second = _longest_repeat(ranks.astype(np.int64))
        assert length == best
        assert np.array_equal(ranks[first : first + length], ranks[second : second + length])
        assert length == 0 or first < second


def test_the_reach_of_a_change_is_the_quantile_of_its_random_walk():
    # argmax of W(s) - |s| / 2, on a grid.
    generator, step, half = np.random.default_rng(0), 0.02, 2500
    walks = generator.normal(scale=np.sqrt(step), size=(4000, 2, half)).cumsum(axis=2)
    walks -= np.arange(1, half + 1) * step / 2
    best = walks.reshape(4000, -1).max(axis=1)
    place = (walks.reshape(4000, -1).argmax(axis=1) % half + 1) * step * (best > 0)
    beyond = (place > change_point_reach(0.9)).mean()
    assert stats.binomtest(int(beyond * 4000), 4000, 0.1).pvalue > 1e-6


def test_promises():
    ideal = Promise(interferometer=DEVICE, occupation=INPUT)
    assert ideal.given_total and ideal.transmission == 1
    lossy = Promise(
        interferometer=DEVICE,
        occupation=INPUT,
        noise=Noise(emission=0.5, input_transmission=(0.5, 0.5, 0.1, 0.5), detector_efficiency=0.4),
    )
    assert lossy.transmission == pytest.approx(0.1) and lossy.given_total
    for noise in (
        Noise(dark_counts=0.1),
        Noise(g2=0.1),
        Noise(threshold=True),
        Noise(output_transmission=(1, 1, 1, 0.5)),
        Noise(gram=tuple(map(tuple, np.eye(3)))),
    ):
        assert not Promise(interferometer=DEVICE, occupation=INPUT, noise=noise).given_total
    loops = Noise(loop_transmission=(0.9,))
    loop = time_bin(4, (1,), stream=stream(0))
    assert Promise(interferometer=loop, occupation=INPUT, noise=loops).transmission is None
    with pytest.raises(ValueError, match="known_loss=True"):
        Promise(
            interferometer=DEVICE,
            occupation=INPUT,
            noise=Noise(dark_counts=0.1),
            known_loss=False,
        )


def test_an_interferometer_that_interferes_nowhere_has_no_weights():
    assert (
        overlap_weights(Promise(interferometer=from_unitary(np.eye(3)), occupation=(1, 1, 0)))
        is None
    )
