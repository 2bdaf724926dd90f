"""Statistics of values against hand-worked examples and scipy."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import trim_mean

from quantum_latents.random import stream
from quantum_latents.results.statistics import (
    bca_interval,
    effect_size,
    holm,
    interquartile_mean,
    mean_standard_error,
)

ALPHA = 1e-6

thousandths = st.integers(-2000, 2000).map(lambda k: k / 1000)
samples = st.lists(thousandths, min_size=6, max_size=10)


def draws(*names):
    return stream(0, "tests", "statistics", *names).generator()


def test_holm_against_an_example_worked_by_hand():
    # Sorted: .005 x 4 = .02; .01 x 3 = .03; .03 x 2 = .06; .04 x 1 = .04, raised to .06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_none_and_bonferroni_and_keeps_the_order(p_values):
    adjusted = holm(p_values)
    for p, a in zip(p_values, adjusted, strict=True):
        assert p <= a <= min(1.0, len(p_values) * p) + 1e-12
    for (p, a), (q, b) in itertools.combinations(zip(p_values, adjusted, strict=True), 2):
        assert (p - q) * (a - b) >= 0


@pytest.mark.parametrize("bad", [[-0.1], [1.2], [math.nan]])
def test_holm_refuses_what_is_no_p(bad):
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm(bad)


def test_bca_interval():
    values = draws("bca").normal(1.0, 0.2, size=10)
    low, high = bca_interval(values) or (math.nan, math.nan)
    assert values.min() < low < values.mean() < high < values.max()
    assert bca_interval(values) == (low, high)
    assert bca_interval([0.1 + 0.2] * 5 + [0.3] * 5) is None
    assert bca_interval(values[:5]) is None


def test_effect_size():
    values = [0.3, 0.5, 0.4, 0.8]
    assert effect_size(values) == pytest.approx(np.mean(values) / np.std(values, ddof=1))
    assert effect_size([0.1 + 0.2, 0.3]) is None
    assert effect_size([0.3]) is None


@pytest.mark.parametrize("num_values", [1, 3, 4, 7, 20])
def test_interquartile_mean_is_the_trimmed_mean(num_values):
    values = draws("iqm", num_values).normal(size=num_values)
    assert interquartile_mean(values) == pytest.approx(trim_mean(values, 0.25))


def test_mean_standard_error():
    assert mean_standard_error([4.0]) == (4.0, None)
    mean, error = mean_standard_error([1.0, 2.0, 4.0])
    assert (mean, error) == pytest.approx((7 / 3, np.std([1, 2, 4], ddof=1) / math.sqrt(3)))
