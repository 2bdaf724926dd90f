"""Power of the sign-flip test: published tables, its own simulation, and what it refuses."""

import math

import numpy as np
import pytest

from quantum_latents.results import (
    detectable_effect,
    power,
    seeds_for_effect,
    seeds_needed,
    typical_values,
)


@pytest.mark.parametrize(("effect", "seeds"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_seeds_agree_with_the_tables_of_the_paired_t_test(effect, seeds):
    # Cohen's small, medium and large effects, two-sided 5 %, power 80 %.
    assert seeds_for_effect(effect) == seeds_for_effect(-effect) == seeds


@pytest.mark.parametrize(("num_seeds", "effect"), [(8, 1.0), (10, 1.2), (12, 0.8)])
def test_the_power_is_the_share_of_samples_that_the_sign_flip_test_rejects(num_seeds, effect):
    generator, num_trials = np.random.default_rng(5), 1500
    draws = generator.standard_normal((num_trials, num_seeds)) + effect
    rejected = np.mean([typical_values(row).p_two_sided() <= 0.05 for row in draws])
    wanted = power(effect, num_seeds)
    # The normal theory is an approximation for so few seeds; 0.04 beside four standard errors.
    assert abs(rejected - wanted) < 0.04 + 4 * math.sqrt(wanted * (1 - wanted) / num_trials)
    assert abs(rejected - power(effect / 2, num_seeds)) > 0.15  # the test can fail


def test_too_few_seeds_reject_nothing_whatever_the_effect():
    # 2^(1-5) = 0.0625 > 0.05, 2^(1-6) = 0.031; a family of three asks for 0.0167.
    assert power(100.0, 5) == 0.0
    assert power(100.0, 6) == pytest.approx(1.0)
    assert power(100.0, 6, family_size=3) == 0.0
    assert detectable_effect(5) is None


def test_a_detectable_effect_is_the_inverse_of_the_power():
    for num_seeds, family_size in ((10, 1), (12, 3), (40, 3)):
        effect = detectable_effect(num_seeds, family_size=family_size)
        assert power(effect, num_seeds, family_size=family_size) == pytest.approx(0.8, abs=1e-6)


def test_the_range_is_what_an_uncertain_spread_leaves():
    differences = np.random.default_rng(1).normal(0.0, 1.0, 6)
    found = seeds_needed(differences, 0.5, family_size=3)
    low, high = found.range
    assert low < found.num_seeds < high
    many = seeds_needed(np.random.default_rng(1).normal(0.0, 1.0, 400), 0.5, family_size=3)
    assert many.range[1] - many.range[0] < high - low
    assert found.alpha == pytest.approx(0.05 / 3)


def test_no_spread_no_answer():
    assert seeds_needed([0.1], 0.5) is None
    assert seeds_needed([0.1, 0.1, 0.1], 0.5) is None
    assert seeds_needed([0.0, 1.0, -1.0], 1e-6).num_seeds is None  # beyond what anyone runs


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: power(math.nan, 10), "finite number"),
        (lambda: power(1.0, 1), "at least 2 seeds, not 1"),
        (lambda: power(1.0, 10, alpha=0.0), "alpha lies between 0 and 1, not 0.0"),
        (lambda: power(1.0, 10, family_size=0), "at least one comparison"),
        (lambda: seeds_for_effect(1.0, wanted=1.0), "between 0 and 1, not 1.0"),
        (lambda: detectable_effect(10, wanted=0.0), "between 0 and 1, not 0.0"),
        (lambda: seeds_needed([1.0, 2.0], 0.0), "other than 0"),
        (lambda: seeds_needed([1.0, math.inf], 1.0), "finite numbers"),
        (lambda: seeds_needed([1.0, 2.0], 1.0, confidence=2.0), "between 0 and 1, not 2.0"),
    ],
)
def test_arguments_out_of_their_range_are_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
