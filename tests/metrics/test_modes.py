import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantum_latents.metrics import (
    mode_coverage,
    mode_shares,
    mode_weight_error,
    share_between,
    share_outside,
)
from quantum_latents.random import stream

CENTRES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
THIRDS = np.full(3, 1 / 3)
SAMPLES = arrays(np.float64, (7, 2), elements=st.floats(-3, 13))


@given(SAMPLES, st.floats(0.01, 5))
def test_shares_agree_with_the_definition_point_by_point(x, sigma):
    shares = np.zeros(3)
    outside = 0
    for point in x:
        distances = [np.linalg.norm(point - centre) for centre in CENTRES]
        if min(distances) <= 3 * sigma:
            shares[int(np.argmin(distances))] += 1 / 7
        else:
            outside += 1
    assert mode_shares(x, CENTRES, sigma) == pytest.approx(shares)
    assert share_outside(x, CENTRES, sigma) == outside / 7


@given(SAMPLES, st.permutations(range(3)))
def test_the_order_of_modes_and_of_samples_does_not_matter(x, order):
    weights = np.array([0.5, 0.3, 0.2])
    centres, permuted_weights = CENTRES[order], weights[order]
    assert share_outside(x[::-1], centres, 1.0) == share_outside(x, CENTRES, 1.0)
    assert mode_coverage(x, centres, 1.0, minimum_share=0.2) == mode_coverage(
        x, CENTRES, 1.0, minimum_share=0.2
    )
    assert mode_weight_error(x, centres, 1.0, permuted_weights) == pytest.approx(
        mode_weight_error(x, CENTRES, 1.0, weights)
    )


def test_a_round_blob_leaves_its_disc_with_the_rayleigh_tail():
    # P(|x| > 3 sigma) = exp(-9/2) in the plane; five standard errors of 100,000 points.
    x = stream(0, "test").generator().normal(scale=0.3, size=(100_000, 2))
    tail = np.exp(-4.5)
    error = np.sqrt(tail * (1 - tail) / len(x))
    assert share_outside(x, CENTRES, 0.3) == pytest.approx(tail, abs=5 * error)


@given(SAMPLES)
def test_points_between_agree_with_the_definition_point_by_point(x):
    distances = [sorted(np.linalg.norm(point - centre) for centre in CENTRES) for point in x]
    assert share_between(x, CENTRES) == sum(2 * d[0] > d[1] for d in distances) / 7
    assert share_between(x[::-1], CENTRES[::-1]) == share_between(x, CENTRES)


def test_a_straight_way_between_two_modes_is_a_third_between_them():
    way = np.linspace(CENTRES[0], CENTRES[1], 10_000)
    assert share_between(way, CENTRES) == pytest.approx(1 / 3, abs=1e-3)
    # Whatever the unit and wherever it lies.
    assert share_between(7 * way + 3, 7 * CENTRES + 3) == share_between(way, CENTRES)


def test_a_wide_blob_lies_outside_the_discs_but_not_between_the_modes():
    noise = stream(0, "test").generator().normal(scale=0.8, size=(20_000, 2))
    wide = np.tile(CENTRES[:2], (10_000, 1)) + noise
    assert share_outside(wide, CENTRES, 0.25) > 0.6
    assert share_between(wide, CENTRES) < 1e-3
    middle = CENTRES[:2].mean(0) + 0.1 * noise
    assert share_between(middle, CENTRES) == share_outside(middle, CENTRES, 0.25) == 1


@pytest.mark.parametrize("centres", [CENTRES[:1], np.zeros((0, 2))])
def test_one_mode_has_nothing_to_be_between(centres):
    with pytest.raises(ValueError, match=r"two modes or more|not \(0, 2\)"):
        share_between(np.zeros((4, 2)), centres)


def test_coverage_counts_the_modes_above_the_stated_share():
    x = np.repeat(CENTRES, [90, 9, 1], axis=0)
    assert mode_coverage(x, CENTRES, 0.1, minimum_share=0.01) == 1
    assert mode_coverage(x, CENTRES, 0.1, minimum_share=0.02) == pytest.approx(2 / 3)
    assert mode_coverage(x, CENTRES, 0.1, minimum_share=0.5) == pytest.approx(1 / 3)
    assert mode_coverage(x + 100, CENTRES, 0.1, minimum_share=0.01) == 0


def test_weight_error_looks_only_at_the_samples_inside():
    even = np.repeat(CENTRES, 10, axis=0)
    lost = np.full((300, 2), 50.0)
    assert mode_weight_error(np.concatenate([even, lost]), CENTRES, 0.1, THIRDS) == pytest.approx(0)
    assert mode_weight_error(np.repeat(CENTRES[:1], 5, axis=0), CENTRES, 0.1, THIRDS) == (
        pytest.approx(2 / 3)
    )
    assert mode_weight_error(lost, CENTRES, 0.1, THIRDS) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sigma": 0.0}, "sigma is a length > 0, not 0.0"),
        ({"sigma": np.nan}, "sigma is a length > 0, not nan"),
        ({"centres": np.zeros((3, 3))}, r"\(num_modes, 2\) like the samples, not \(3, 3\)"),
        ({"centres": np.zeros((0, 2))}, r"not \(0, 2\)"),
        ({"centres": np.full((3, 2), np.inf)}, "centres must be finite"),
        ({"weights": np.ones(3)}, "sum to 1"),
        ({"weights": np.array([1.5, -0.5, 0])}, ">= 0"),
        ({"weights": np.array([0.5, 0.5])}, r"shape \(3,\), one a centre, not \(2,\)"),
    ],
)
def test_bad_facts_are_named(change, message):
    arguments = {"centres": CENTRES, "sigma": 1.0, "weights": THIRDS} | change
    with pytest.raises(ValueError, match=message):
        mode_weight_error(np.zeros((4, 2)), **arguments)


@pytest.mark.parametrize("share", [0, -0.1, 1.1, np.nan])
def test_a_bad_minimum_share_is_named(share):
    with pytest.raises(ValueError, match="minimum_share is in"):
        mode_coverage(np.zeros((4, 2)), CENTRES, 1.0, minimum_share=share)
