import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantum_latents.metrics import l1_to_integer, outcome_distance, total_photon_error
from quantum_latents.random import stream

SAMPLES = arrays(np.float64, (5, 3), elements=st.floats(-50, 50))


@given(SAMPLES)
def test_l1_is_the_mean_distance_to_floor_or_ceiling(x):
    by_definition = np.minimum(x - np.floor(x), np.ceil(x) - x).mean()
    assert l1_to_integer(x) == pytest.approx(by_definition, abs=1e-12)
    assert 0 <= l1_to_integer(x) <= 0.5


@given(SAMPLES)
def test_l1_is_invariant_under_integer_shifts_and_reflection(x):
    assert l1_to_integer(x + 7) == pytest.approx(l1_to_integer(x), abs=1e-12)
    assert l1_to_integer(-x) == l1_to_integer(x)


def test_l1_of_uniform_noise_is_a_quarter():
    x = stream(0, "test").generator().uniform(0, 10, size=(50_000, 4))
    # The distance is uniform on [0, 1/2], sd 0.144: five standard errors of 200,000 of them.
    assert l1_to_integer(x) == pytest.approx(0.25, abs=5 * 0.1444 / np.sqrt(200_000))


def test_a_constant_integer_wins_l1_and_a_constant_sum_wins_the_total():
    assert l1_to_integer(np.full((10, 4), 3.0)) == 0
    assert total_photon_error(np.full((10, 4), 0.5), total=2) == 0
    assert total_photon_error(np.full((10, 4), 0.4), total=2, rounded=True) == 2


@given(arrays(np.uint8, (5, 4), elements=st.integers(0, 9)), st.integers(-3, 3))
def test_a_shift_of_one_coordinate_shifts_the_total(x, shift):
    generated = x.astype(float)
    generated[:, 1] += 10 - generated.sum(axis=1) + shift
    assert total_photon_error(generated, total=10) == abs(shift)
    assert total_photon_error(generated, total=10, rounded=True) == abs(shift)


@pytest.mark.parametrize("total", [-1, np.nan, np.inf])
def test_an_impossible_total_is_refused(total):
    with pytest.raises(ValueError, match="a photon number >= 0"):
        total_photon_error(np.zeros((2, 2)), total)


def bits(law, num, name):
    return stream(0, "test", name).generator().choice(len(law), num, p=law)[:, None].astype(float)


def test_outcome_distance_is_an_unbiased_estimate_of_the_laws_distance():
    p, q = np.array([0.5, 0.3, 0.2, 0.0]), np.array([0.1, 0.3, 0.2, 0.4])
    collisions = (q**2).sum()
    values = [
        outcome_distance(bits(p, 30, f"x{i}"), bits(q, 20, f"y{i}"), collisions) for i in range(400)
    ]
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values) - ((p - q) ** 2).sum() / collisions) < 5 * error
    same = [
        outcome_distance(bits(q, 30, f"x{i}"), bits(q, 20, f"y{i}"), collisions) for i in range(400)
    ]
    assert abs(np.mean(same)) < 5 * np.std(same) / np.sqrt(len(same))
    assert min(same) < 0


@given(arrays(np.uint8, (6, 2), elements=st.integers(0, 2)), st.floats(0.1, 1))
def test_outcome_distance_by_definition(x, collisions):
    y = np.array([[0, 0], [1, 2], [1, 0]])
    alike = sum((x[i] == x[j]).all() for i in range(6) for j in range(6) if i != j) / 30
    between = np.mean([(row == other).all() for row in x for other in y])
    expected = (alike - 2 * between) / collisions  # no two of y are equal
    assert outcome_distance(x + 0.3, y - 0.4, collisions) == pytest.approx(expected)


def test_a_constant_loses_and_fair_bits_are_told_from_an_irregular_law():
    # Exponential weights, as a random circuit has: 2**n sum Q**2 = 2, at 1/2 from fair bits.
    weights = stream(0, "weights").generator().exponential(size=1024)
    law = weights / weights.sum()
    collisions = (law**2).sum()
    reference = bits(law, 4000, "reference")
    fair = bits(np.full(1024, 1 / 1024), 4000, "fair")
    expected = ((law - 1 / 1024) ** 2).sum() / collisions
    assert outcome_distance(fair, reference, collisions) == pytest.approx(expected, abs=0.1)
    best = np.full((4000, 1), float(law.argmax()))
    assert outcome_distance(best, reference, collisions) > 100
    assert abs(outcome_distance(bits(law, 4000, "own"), reference, collisions)) < 0.1


def test_outcome_distance_of_a_law_with_one_frequent_outcome_is_hardly_noise():
    # Its errors are of second order: far less than the 0.05 of one share of 0.9 at 1000 samples.
    law = np.array([0.9, 0.1])
    values = [
        outcome_distance(bits(law, 1000, f"x{i}"), bits(law, 1000, f"y{i}"), 0.82)
        for i in range(100)
    ]
    assert np.abs(values).max() < 0.005


@pytest.mark.parametrize("collisions", [0.0, -0.5, 1.5, np.nan])
def test_an_impossible_collision_probability_is_refused(collisions):
    with pytest.raises(ValueError, match="collision_probability is in"):
        outcome_distance(np.zeros((2, 1)), np.zeros((2, 1)), collisions)
