"""Two latents are compared by the seeds that they share, and by no others."""

import math

import pytest

from quantum_latents.results.comparison import paired_comparison


def test_paired_comparison_pairs_by_seed():
    reference = {3: 0.30, 1: 0.10, 2: 0.20, 9: 1.0, 7: 0.5}
    other = {1: 0.15, 2: None, 3: 0.40, 8: 2.0, 7: 0.4}
    comparison = paired_comparison(reference, other, "lower")
    assert comparison.seeds == (1, 3, 7)
    assert comparison.differences == pytest.approx((0.05, 0.10, -0.10))
    assert comparison.mean_difference == pytest.approx(0.05 / 3)
    assert comparison.num_dropped == 1
    assert comparison.num_unpaired == 2
    assert comparison.interval is None
    assert comparison.p_value == 1.0


def test_paired_comparison_keeps_a_value_of_zero():
    comparison = paired_comparison({0: 0.0, 1: 0.0}, {0: 1.0, 1: 2.0}, "lower")
    assert comparison.reference_values == (0.0, 0.0)
    assert comparison.num_seeds == 2


def test_paired_comparison_of_equal_values():
    values = dict.fromkeys(range(10), 1.0)
    comparison = paired_comparison(values, values, "lower", margin=0.1)
    assert comparison.interval == (0.0, 0.0)
    assert comparison.bca_interval is None
    assert comparison.effect_size is None
    assert comparison.p_value == 1.0
    assert comparison.p_equivalence == 2.0**-10


def test_paired_comparison_without_pairs():
    comparison = paired_comparison({0: 1.0}, {1: 1.0}, "higher", margin=0.1)
    assert comparison.num_seeds == 0
    assert comparison.mean_difference is comparison.p_value is comparison.p_equivalence is None


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="'up'"):
        paired_comparison({0: 1.0}, {0: 1.0}, "up")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="other, seed 4: nan"):
        paired_comparison({4: 1.0}, {4: math.nan}, "lower")
