"""Laws of the sign-flip test; every draw comes from a fixed stream, so nothing is flaky."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, chisquare, permutation_test

from quantum_latents.random import stream
from quantum_latents.results import sign_flip
from quantum_latents.results.sign_flip import (
    MAX_EXACT_PAIRS,
    MIN_PAIRS_INTERVAL,
    NUM_SUBSETS,
    equivalence,
    typical_values,
)

ALPHA = 1e-6

thousandths = st.integers(-2000, 2000).map(lambda k: k / 1000)
samples = st.lists(thousandths, min_size=6, max_size=10)


def draws(*names):
    return stream(0, "tests", "statistics", *names).generator()


def test_typical_values_are_all_subset_means():
    values = draws("subsets").normal(size=7)
    expected = sorted(
        np.mean(subset) for size in range(1, 8) for subset in itertools.combinations(values, size)
    )
    np.testing.assert_allclose(typical_values(values).means, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("num_values", [3, 8, 11])
@pytest.mark.parametrize("shift", [0.0, 0.4, -1.5])
def test_p_agrees_with_scipys_permutation_test(num_values, shift):
    values = draws("scipy", num_values).normal(shift, 1, size=num_values)
    typical = typical_values(values)
    for alternative, ours in (
        ("two-sided", typical.p_two_sided()),
        ("greater", typical.p_above(0.0)),
        ("less", typical.p_below(0.0)),
    ):
        theirs = permutation_test(
            (values,),
            np.mean,
            permutation_type="samples",
            n_resamples=np.inf,
            alternative=alternative,
            vectorized=True,
        ).pvalue
        assert ours == pytest.approx(theirs, abs=1e-12)


def test_ties_count_against_significance_in_spite_of_rounding():
    values = np.array([0.1, 0.2, -0.3, 0.1, 0.2, -0.3])  # many subsets sum to 0, but for rounding
    theirs = permutation_test(
        (np.round(10 * values),),
        np.sum,
        permutation_type="samples",
        n_resamples=np.inf,
        alternative="greater",
    ).pvalue
    assert typical_values(values).p_above(0.0) == pytest.approx(theirs)


@pytest.mark.parametrize("num_values", [1, 2, 6, 10, 20])
def test_floor_of_the_two_sided_p(num_values):
    values = 1 + np.arange(num_values) / 10
    assert typical_values(values).p_two_sided() == min(1.0, 2.0 ** (1 - num_values))


def test_interval_is_finite_from_six_pairs():
    for num_values in range(1, MIN_PAIRS_INTERVAL):
        assert typical_values(np.arange(num_values) + 1.0).interval() is None
    assert typical_values(np.arange(6) + 1.0).interval() == (1.0, 6.0)


def test_interval_inverts_the_test():
    values = draws("inversion").normal(0.3, 1, size=9)
    typical = typical_values(values)
    interval = typical.interval()
    assert interval is not None
    for end, outwards in ((interval[0], -1e-6), (interval[1], 1e-6)):
        assert typical.p_two_sided(end + outwards) <= 0.05 < typical.p_two_sided(end - outwards)


@pytest.mark.parametrize("law", ["normal", "laplace"])
def test_coverage_of_the_interval(law):
    num_studies, num_values = 4000, 8
    generator = draws("coverage", law)
    sample = getattr(generator, law)(0.7, 2.0, size=(num_studies, num_values))
    intervals = [typical_values(row).interval() for row in sample]
    covered = sum(low <= 0.7 <= high for low, high in intervals)
    exact = 1 - 2 * math.floor(0.025 * 2**num_values) / 2**num_values
    low, high = binom.interval(1 - ALPHA, num_studies, exact)
    assert 0.95 <= exact < 0.96
    assert low <= covered <= high


def test_coverage_beyond_enumeration(monkeypatch):
    monkeypatch.setattr(sign_flip, "NUM_SUBSETS", 1999)
    num_studies = 400
    sample = draws("coverage", "large").normal(size=(num_studies, MAX_EXACT_PAIRS + 5))
    intervals = [typical_values(row).interval() for row in sample]
    covered = sum(low <= 0 <= high for low, high in intervals)
    low, high = binom.interval(1 - ALPHA, num_studies, 0.95)
    assert low <= covered <= high


def test_beyond_enumeration_agrees_with_the_complete_list(monkeypatch):
    values = draws("large").normal(0.3, 1, size=16)
    exact = typical_values(values)
    monkeypatch.setattr(sign_flip, "MAX_EXACT_PAIRS", 15)
    drawn = typical_values(values)
    assert len(drawn.means) == NUM_SUBSETS
    p = exact.p_above(0.0)
    assert abs(drawn.p_above(0.0) - p) < 5 * math.sqrt(p * (1 - p) / NUM_SUBSETS) + 1e-5
    np.testing.assert_array_equal(drawn.means, typical_values(values).means)
    floor = typical_values(np.full(16, 3.0) + np.arange(16)).p_two_sided()
    assert floor == pytest.approx(2 / (NUM_SUBSETS + 1))


def test_p_is_uniform_under_the_null():
    num_values, num_studies = 9, 6000
    sample = draws("null").normal(size=(num_studies, num_values))
    p = np.array([typical_values(row).p_two_sided() for row in sample])
    steps = np.round(p * 2 ** (num_values - 1)).astype(int)  # each of 1..256 equally likely
    counts = np.bincount((steps - 1) // 16, minlength=16)
    assert chisquare(counts).pvalue > ALPHA


def test_p_is_small_when_there_is_a_difference():
    sample = draws("power").normal(1.5, 1, size=(200, 10))
    assert np.mean([typical_values(row).p_two_sided() < 0.05 for row in sample]) > 0.9


@settings(max_examples=40, deadline=None, derandomize=True)
@given(samples, thousandths)
def test_shift_equivariance(values, shift):
    interval = typical_values(values).interval()
    moved = typical_values(np.array(values) + shift).interval()
    assert interval is not None
    assert moved == pytest.approx([end + shift for end in interval], abs=1e-9)
    assert typical_values(np.array(values) + shift).p_two_sided(shift) == pytest.approx(
        typical_values(values).p_two_sided(), abs=1e-12
    )


@settings(max_examples=40, deadline=None, derandomize=True)
@given(samples)
def test_sign_symmetry(values):
    typical, mirrored = typical_values(values), typical_values(-np.array(values))
    low, high = typical.interval() or (math.nan, math.nan)
    assert mirrored.interval() == pytest.approx((-high, -low), abs=1e-12)
    assert mirrored.p_two_sided() == typical.p_two_sided()
    assert mirrored.p_above(0.0) == typical.p_below(0.0)


def test_equivalence_is_the_larger_of_two_shifted_sign_flip_tests():
    values = draws("equivalence").normal(0.02, 0.05, size=10)
    expected = max(
        permutation_test(
            (values + shift,),
            np.mean,
            permutation_type="samples",
            n_resamples=np.inf,
            alternative=alternative,
            vectorized=True,
        ).pvalue
        for shift, alternative in ((0.1, "greater"), (-0.1, "less"))
    )
    p, equivalent = equivalence(values, 0.1)
    assert p == pytest.approx(expected)
    assert equivalent == (expected < 0.05)
    assert not equivalence(values, 0.001)[1]


def test_equivalence_keeps_its_level_at_the_margin():
    num_studies = 2000
    sample = draws("margin").normal(1.0, 0.3, size=(num_studies, 8))
    claimed = sum(equivalence(row, 1.0)[1] for row in sample)
    assert claimed <= binom.ppf(1 - ALPHA, num_studies, 0.05)
    assert claimed >= binom.ppf(ALPHA, num_studies, math.floor(0.05 * 2**8) / 2**8)


@pytest.mark.parametrize("margin", [0.0, -1.0, math.nan, math.inf])
def test_equivalence_needs_a_margin(margin):
    with pytest.raises(ValueError, match="margin"):
        equivalence([1.0, 2.0], margin)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="at least one"):
        typical_values([])
    with pytest.raises(ValueError, match="inf"):
        typical_values([1.0, math.inf])
    with pytest.raises(ValueError, match="confidence"):
        typical_values([1.0, 2.0]).interval(95)
