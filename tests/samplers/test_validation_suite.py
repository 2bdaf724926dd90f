"""The family of tests: quiet on banks that keep their promise, loud on each fault.

Seeds are fixed. Bounds on numbers of false alarms and of missed intervals are those that a correct
test crosses with probability 1e-6.
"""

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from quantum_latents.circuits import from_unitary, haar
from quantum_latents.random import stream
from quantum_latents.samplers import MeanFieldSampler, Noise, sample_noisy
from quantum_latents.samplers.validation import TITLES, Promise, validate_counts

DEVICE = haar(8, stream(0, "interferometer"))
INPUT = (1, 0, 1, 0, 1, 0, 1, 0)
IDEAL = Promise(interferometer=DEVICE, occupation=INPUT)
REPETITIONS, ALPHA = 10, 0.05


def promised(noise=None, **rest):
    return Promise(interferometer=DEVICE, occupation=INPUT, noise=noise or Noise(), **rest)


def drawn(noise, number, name="shots"):
    return sample_noisy(DEVICE, INPUT, noise, number, stream(0, name))


PROMISES = {
    "ideal": promised(),
    "distinguishable": promised(Noise(interference=0.0)),
    "lossy, selected": promised(Noise(interference=0.8, input_transmission=0.6, at_least=2)),
    "unequal, dark": promised(
        Noise(
            interference=0.9,
            detector_efficiency=(0.5, 0.6, 0.7, 0.8, 0.9, 1, 0.5, 0.6),
            dark_counts=0.02,
        )
    ),
    "a device": promised(Noise(at_least=2), known_loss=False),
    "threshold, selected (twin)": promised(
        Noise(interference=0.9, input_transmission=0.7, threshold=True, at_least=2)
    ),
}


@pytest.fixture(scope="module", params=PROMISES, ids=list(PROMISES))
def repetitions(request):
    """Validations of many banks that keep one promise."""
    promise = PROMISES[request.param]
    noise = promise.noise
    if not promise.known_loss:
        noise = promise.with_transmission(0.6)
    counts = drawn(noise, REPETITIONS * 1200, request.param).reshape(REPETITIONS, 1200, 8)
    return promise, [
        validate_counts(np.ascontiguousarray(shots), promise, alpha=ALPHA) for shots in counts
    ]


def test_a_bank_that_keeps_its_promise_is_seldom_called_inconsistent(repetitions):
    _, validations = repetitions
    alarms = sum(found.verdict == "inconsistent" for found in validations)
    assert alarms <= stats.binom.isf(1e-6, REPETITIONS, ALPHA)
    single = Counter(
        one.name
        for found in validations
        for one in found.findings
        if one.p_value is not None and one.p_value < ALPHA
    )
    for name, number in single.items():
        assert number <= stats.binom.isf(1e-6, REPETITIONS, ALPHA), name
    # And they are not quiet because they never speak.
    assert {"mean_occupancies", "two_point_correlators", "drift"} <= {
        one.name for one in validations[0].findings if one.p_value is not None
    }
    assert sum(single.values()) > 0


def test_intervals_of_the_fits_cover_the_truth(repetitions):
    promise, validations = repetitions
    truth = {
        "interference": promise.noise.interference,
        "transmission": promise.transmission if promise.known_loss else 0.6,
    }
    for name, value in truth.items():
        intervals = [one.interval for one in (v.finding(name) for v in validations) if one.interval]
        if name == "interference":
            assert len(intervals) == REPETITIONS
        missed = sum(not low - 1e-12 <= value <= high + 1e-12 for low, high in intervals)
        assert missed <= stats.binom.isf(1e-6, max(len(intervals), 1), ALPHA), name


def mean_field(number):
    return MeanFieldSampler(DEVICE, INPUT).sample(number, stream(0, "shots"))


def uniform(number):
    generator = stream(0, "uniform").generator()
    return generator.multinomial(4, np.full(8, 1 / 8), size=number).astype(np.uint8)


@pytest.mark.parametrize(
    ("fault", "promise", "seen_by"),
    [
        pytest.param(
            lambda: drawn(Noise(interference=0.0), 6000),
            IDEAL,
            [
                *("two_point_correlators", "correlators_nm", "correlators_cv", "collision_rate"),
                *("generalised_bunching", "photons_in_bins", "every_outcome", "bayesian"),
                "interference",
            ],
            id="distinguishable photons",
        ),
        pytest.param(
            lambda: drawn(Noise(), 6000),
            PROMISES["distinguishable"],
            ["collision_rate", "generalised_bunching", "bayesian", "interference"],
            id="photons that interfere and should not",
        ),
        pytest.param(
            lambda: drawn(Noise(interference=0.9), 20_000),
            IDEAL,
            ["interference", "collision_rate", "correlators_nm"],
            id="an overlap of 0.9",
        ),
        pytest.param(
            lambda: mean_field(20_000),
            IDEAL,
            [
                *("two_point_correlators", "correlators_cv", "correlators_skewness"),
                *("generalised_bunching", "photons_in_bins", "every_outcome", "bayesian"),
            ],
            id="mean field",
        ),
        pytest.param(
            lambda: uniform(6000),
            IDEAL,
            ["mean_occupancies", "two_point_correlators", "every_outcome"],
            id="uniform sampler",
        ),
        pytest.param(
            lambda: drawn(Noise(input_transmission=0.5), 6000),
            promised(Noise(input_transmission=0.55)),
            ["photon_numbers", "transmission"],
            id="more loss",
        ),
        pytest.param(
            lambda: drawn(Noise(input_transmission=0.999), 6000),
            IDEAL,
            ["photon_numbers", "transmission"],
            id="loss where none is promised",
        ),
        pytest.param(
            lambda: drawn(Noise(input_transmission=0.5, at_least=2, interference=0.0), 6000),
            promised(Noise(at_least=2), known_loss=False),
            ["interference", "collision_rate", "bayesian"],
            id="a device of distinguishable photons",
        ),
        pytest.param(
            lambda: drawn(Noise(input_transmission=0.7, dark_counts=0.1), 6000),
            promised(known_loss=False),
            ["photon_numbers"],
            id="dark counts that nobody promised",
        ),
        pytest.param(
            lambda: drawn(
                Noise(input_transmission=0.6, interference=0.0, threshold=True, at_least=2), 20_000
            ),
            promised(Noise(input_transmission=0.6, threshold=True, at_least=2)),
            ["interference", "mean_occupancies", "generalised_bunching"],
            id="distinguishable photons against a twin",
        ),
    ],
)
def test_a_fault_is_seen_by_the_tests_that_look_for_it(fault, promise, seen_by):
    found = validate_counts(fault(), promise)
    assert found.verdict == "inconsistent"
    missed = [name for name in seen_by if found.finding(name).verdict != "inconsistent"]
    assert missed == []
    # What the order shows is not off: the fault is in the law.
    for name in ("drift", "repeated_chunks", "successive_shots"):
        assert found.finding(name).verdict != "inconsistent"


@pytest.mark.parametrize(
    ("efficiency", "dark", "kind"),
    [
        ((1, 1, 1, 0, 1, 1, 1, 1), 0.0, "dead"),
        ((1, 1, 1, 0.3, 1, 1, 1, 1), 0.0, "dead"),
        (1.0, (0, 0, 0, 1.5, 0, 0, 0, 0), "hot"),
    ],
)
def test_a_dead_or_hot_mode_is_named(efficiency, dark, kind):
    noise = Noise(input_transmission=0.5, detector_efficiency=efficiency, dark_counts=dark)
    loss = promised(Noise(input_transmission=0.5))
    found = validate_counts(drawn(noise, 6000), loss).finding("dead_or_hot_modes")
    assert found.verdict == "inconsistent"
    assert found.detail[kind] == [3]
    assert found.detail["dead" if kind == "hot" else "hot"] == []


def test_a_mode_that_no_photon_reaches_is_hot_with_one_count():
    device = from_unitary(np.eye(3))
    promise = Promise(interferometer=device, occupation=(1, 1, 0), known_loss=False)
    counts = np.array([[1, 1, 0]] * 199 + [[1, 0, 1]], dtype=np.uint8)
    found = validate_counts(counts, promise).finding("dead_or_hot_modes")
    assert found.verdict == "inconsistent" and found.detail["hot"] == [2]


@pytest.mark.parametrize(
    ("before", "after", "series"),
    [
        (Noise(input_transmission=0.6), Noise(input_transmission=0.55), "photon number"),
        (
            Noise(input_transmission=0.6),
            Noise(input_transmission=0.6, interference=0.0),
            "interference",
        ),
        (
            Noise(input_transmission=0.6),
            Noise(input_transmission=0.6, detector_efficiency=(1, 1, 0.5, 1, 1, 1, 1, 1)),
            "mode 2",
        ),
    ],
)
def test_a_change_in_the_middle_is_found_and_placed(before, after, series):
    counts = np.concatenate([drawn(before, 7000), drawn(after, 5000, "later")])
    found = validate_counts(counts, promised(before)).finding("drift")
    assert found.verdict == "inconsistent"
    assert found.detail["series"] == series
    low, high = found.detail["shots"]
    assert low <= 7000 <= high and high - low < 4000


def test_the_interval_of_a_change_covers_its_place():
    missed = 0
    for trial in range(40):
        counts = np.concatenate(
            [
                drawn(Noise(input_transmission=0.6), 1500, f"before {trial}"),
                drawn(Noise(input_transmission=0.4), 900, f"after {trial}"),
            ]
        )
        found = validate_counts(counts, None, alpha=0.1).finding("drift")
        low, high = found.detail["shots"]
        missed += not low <= 1500 <= high
    assert missed <= stats.binom.isf(1e-6, 40, 0.1)


@pytest.mark.parametrize("promise", [IDEAL, None])
def test_a_repeated_chunk_is_found_where_it_lies(promise):
    counts = drawn(Noise(), 8000)
    counts[6000:6040] = counts[1000:1040]
    found = validate_counts(counts, promise).finding("repeated_chunks")
    assert found.verdict == "inconsistent"
    assert found.estimate == 40
    assert found.detail["first"] == [1000, 1040] and found.detail["second"] == [6000, 6040]


def test_a_device_that_sticks_is_found():
    counts = drawn(Noise(), 6000)
    counts[3000:3030] = counts[3000]
    found = validate_counts(counts, None).finding("repeated_chunks")
    assert found.verdict == "inconsistent"
    assert found.detail["first"][0] == 3000 and found.detail["second"][0] == 3001


def test_a_shot_that_remembers_the_one_before_is_found():
    counts = drawn(Noise(), 6000)
    again = stream(0, "memory").generator().random(6000) < 0.15
    again[0] = False
    counts[again] = counts[np.flatnonzero(again) - 1]
    found = validate_counts(counts, None)
    assert found.finding("successive_shots").verdict == "inconsistent"
    assert found.finding("successive_shots").estimate > 0.05


def test_shots_with_photons_that_were_not_put_in_are_counted_and_left_out():
    counts = drawn(Noise(), 3000)
    counts[10, 0] += 3
    found = validate_counts(counts, IDEAL)
    numbers = found.finding("photon_numbers")
    assert numbers.verdict == "inconsistent" and "1 shots have another total" in numbers.reason
    assert found.finding("mean_occupancies").num_shots == 2999
    assert found.finding("mean_occupancies").detail["num_shots_left_out"] == 1
    assert found.finding("mean_occupancies").verdict == "consistent"


def test_shots_that_post_selection_discards_are_named():
    counts = drawn(Noise(input_transmission=0.6), 3000)
    found = validate_counts(counts, promised(Noise(at_least=2), known_loss=False))
    assert "post-selection discards" in found.finding("photon_numbers").reason
    assert found.finding("photon_numbers").verdict == "inconsistent"


def test_a_histogram_of_all_shots_tells_the_transmission_that_kept_ones_do_not():
    noise = Noise(input_transmission=0.6)
    every = drawn(noise, 20_000)
    totals = every.sum(axis=1)
    kept = every[totals == 3]
    promise = promised(Noise(exactly=3), known_loss=False)
    without = validate_counts(kept, promise).finding("transmission")
    assert without.verdict == "undetermined" and "same total" in without.reason
    found = validate_counts(kept, promise, all_shots=np.bincount(totals))
    low, high = found.finding("transmission").interval
    assert low < 0.6 < high < low + 0.02
    assert found.verdict == "consistent"
    assert found.finding("photon_numbers").num_shots == 20_000


def test_few_shots_leave_most_open_with_a_reason():
    found = validate_counts(drawn(Noise(interference=0.5), 40), promised(Noise(interference=0.5)))
    assert found.verdict != "inconsistent"
    left_open = [one for one in found.findings if one.verdict == "undetermined"]
    assert {"correlators_nm", "drift", "bayesian", "interference"} <= {
        one.name for one in left_open
    }
    assert all(one.reason for one in left_open)


def test_shots_without_a_photon_leave_the_likelihood_decided():
    noise = Noise(input_transmission=0.5)
    counts = drawn(noise, 4000)
    assert (counts.sum(axis=1) == 0).any()
    assert validate_counts(counts, promised(noise)).finding("bayesian").verdict == "consistent"


def test_without_a_promise_the_order_alone_is_tested():
    found = validate_counts(drawn(Noise(), 2000), None)
    decided = {one.name for one in found.findings if one.verdict != "undetermined"}
    assert decided == {"drift", "repeated_chunks", "successive_shots"}
    assert all("no interferometer" in one.reason for one in found.findings if one.p_value is None)


def test_a_device_where_nothing_interferes_is_not_asked_how_far_it_does():
    promise = Promise(interferometer=from_unitary(np.eye(3)), occupation=(1, 1, 0))
    found = validate_counts(np.array([[1, 1, 0]] * 500, dtype=np.uint8), promise)
    assert found.verdict == "consistent"
    assert "moves no covariance" in found.finding("interference").reason
    assert found.finding("successive_shots").verdict == "undetermined"


def test_every_test_is_told_once_in_its_order_and_as_json():
    import json

    found = validate_counts(drawn(Noise(), 500), IDEAL)
    assert [one.name for one in found.findings] == list(TITLES)
    assert [one.title for one in found.findings] == list(TITLES.values())
    again = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert again["findings"][0]["name"] == "photon_numbers"
    assert again["verdict"] == found.verdict
    with pytest.raises(KeyError, match="no test is called"):
        found.finding("mean")


def test_the_same_counts_give_the_same_verdicts():
    counts = drawn(Noise(), 500)
    assert validate_counts(counts, IDEAL).to_json() == validate_counts(counts, IDEAL).to_json()


@pytest.mark.parametrize(
    ("counts", "error", "message"),
    [
        (np.zeros((5, 8)), TypeError, "uint8"),
        (np.zeros((0, 8), np.uint8), ValueError, "at least one shot"),
        (np.zeros((5, 3), np.uint8), ValueError, "3 modes, the interferometer 8"),
        (np.zeros(8, np.uint8), ValueError, "table"),
    ],
)
def test_bad_counts_are_refused(counts, error, message):
    with pytest.raises(error, match=message):
        validate_counts(counts, IDEAL)
