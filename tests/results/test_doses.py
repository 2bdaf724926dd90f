"""Dose and response: slopes and trends against what they are by definition."""

import itertools

import numpy as np
import pytest

from quantum_latents.results import dose_response, typical_values

DOSES = (0.0, 0.25, 0.5, 0.75, 1.0)


def of(y, doses=DOSES):
    return {
        dose: dict(enumerate(column))
        for dose, column in zip(doses, np.asarray(y).T.tolist(), strict=True)
    }


def noisy(num_seeds, slope, noise=0.1, seed=0):
    generator = np.random.default_rng(seed)
    base = generator.normal(size=(num_seeds, 1))  # seeds differ by more than doses do
    return base + slope * np.array(DOSES) + noise * generator.normal(size=(num_seeds, len(DOSES)))


def test_slopes_are_least_squares_seed_by_seed():
    y = noisy(7, 0.3)
    curve = dose_response(of(y), "higher")
    expected = [np.polyfit(DOSES, row, 1)[0] for row in y]
    assert curve.slopes == pytest.approx(expected)
    assert curve.interval == typical_values(curve.slopes).interval()
    assert curve.p_slope == typical_values(curve.slopes).p_two_sided()
    assert curve.means == pytest.approx(y.mean(0))


def test_unequal_doses_count_by_where_they_are():
    doses = (0.0, 0.1, 1.0)
    y = np.array([[1.0, 1.2, 3.0]] * 2)
    assert dose_response(of(y, doses), "higher").slope == pytest.approx(2.0)


def test_pages_p_is_that_of_all_permutations():
    y = noisy(3, 0.2, seed=3)[:, :3]
    curve = dose_response(of(y, DOSES[:3]), "higher")
    ranks = y.argsort(1).argsort(1) + 1
    observed = (ranks * np.arange(1, 4)).sum()
    sums = [
        sum(np.dot(block, (1, 2, 3)) for block in blocks)
        for blocks in itertools.product(itertools.permutations((1, 2, 3)), repeat=3)
    ]
    assert curve.p_better == pytest.approx(np.mean([total >= observed for total in sums]))


def test_directions_mirror_each_other():
    y = noisy(8, 0.4)
    up, down = dose_response(of(y), "higher"), dose_response(of(y), "lower")
    assert up.p_better == down.p_worse < 1e-6
    assert up.p_worse == down.p_better > 0.5
    assert up.slope == down.slope
    assert up.p_trend == down.p_trend == 2 * up.p_better


def test_no_response_is_seldom_called_one():
    below = [dose_response(of(noisy(8, 0.0, seed=s)), "higher").p_slope <= 0.05 for s in range(200)]
    assert sum(below) <= 22  # Binomial(200, 0.05): above this with probability 4e-4
    trend = [dose_response(of(noisy(8, 0.0, seed=s)), "higher").p_trend <= 0.05 for s in range(200)]
    assert sum(trend) <= 22


def test_a_hump_has_no_slope_and_no_trend_but_its_means_show_it():
    y = noisy(8, 0.0, noise=0.01) - 4 * (np.array(DOSES) - 0.5) ** 2
    curve = dose_response(of(y), "higher")
    assert curve.p_slope > 0.01
    assert curve.means[2] - curve.means[0] > 0.9


def test_seeds_that_miss_a_dose_are_left_out_and_counted():
    values = of(noisy(5, 0.2))
    values[0.5][1] = None
    del values[1.0][3]
    curve = dose_response(values, "lower")
    assert (curve.seeds, curve.num_dropped) == ((0, 2, 4), 2)
    assert dose_response({dose: {0: None} for dose in DOSES}, "lower") is None


def test_one_seed_decides_nothing():
    curve = dose_response(of(noisy(1, 5.0)), "higher")
    assert (curve.interval, curve.p_slope, curve.p_better, curve.p_trend) == (None, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("values", "direction", "said"),
    [
        ({0.0: {0: 1.0}, 1.0: {0: 1.0}}, "lower", "needs 3 doses or more"),
        ({0.0: {0: 1.0}, 1.0: {0: 1.0}, np.inf: {0: 1.0}}, "lower", "finite number, not inf"),
        ({0.0: {0: 1.0}, 1.0: {0: np.nan}, 2.0: {0: 1.0}}, "lower", "nan is not finite"),
        ({0.0: {0: 1.0}, 1.0: {0: 1.0}, 2.0: {0: 1.0}}, "best", "'best'"),
    ],
)
def test_bad_input_is_refused(values, direction, said):
    with pytest.raises(ValueError, match=said):
        dose_response(values, direction)
