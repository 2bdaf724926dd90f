"""The tests of counts: they accept what is right and reject what is slightly wrong."""

import numpy as np
import pytest
from scipy import stats

from quantum_latents.circuits import from_unitary, haar
from quantum_latents.random import stream
from quantum_latents.samplers import boson_law, sample_boson, sample_distinguishable
from quantum_latents.samplers.validation import chi_square, mean_occupancy_test, total_variation

NAME = stream(0, "interferometer")
SHOTS = stream(0, "shots")


def test_a_law_two_percent_away_is_rejected():
    device, occupation = haar(4, NAME), (1, 1, 1, 0)
    outcomes, exact = boson_law(device, occupation)
    near = exact.copy()
    order = np.argsort(-exact)
    near[order[::2]] *= 1 + 0.02 / exact[order[::2]].sum()
    near[order[1::2]] *= 1 - 0.02 / exact[order[1::2]].sum()
    assert np.isclose(np.abs(near - exact).sum() / 2, 0.02)
    counts = sample_boson(device, occupation, 200_000, SHOTS)
    assert chi_square(counts, (outcomes, exact)).p_value > 1e-6
    assert chi_square(counts, (outcomes, near)).p_value < 1e-12


def test_chi_square_p_values_are_uniform_under_the_law():
    device, occupation = haar(3, NAME), (1, 1, 0)
    law = boson_law(device, occupation)
    counts = sample_boson(device, occupation, 400 * 500, SHOTS).reshape(400, 500, 3)
    p_values = [chi_square(shots, law).p_value for shots in counts]
    assert stats.kstest(p_values, "uniform").pvalue > 1e-6


def test_chi_square_agrees_with_scipy():
    law = (np.eye(3, dtype=int), np.array([0.2, 0.3, 0.5]))
    counts = np.repeat(np.eye(3, dtype=int), [30, 25, 45], axis=0)
    ours = chi_square(counts, law)
    theirs = stats.chisquare([30, 25, 45], [20, 30, 50])
    assert np.isclose(ours.statistic, theirs.statistic)
    assert np.isclose(ours.p_value, theirs.pvalue)
    assert ours.degrees_of_freedom == 2


def test_small_cells_are_pooled_without_looking_at_the_counts():
    law = (np.eye(5, dtype=int), np.array([0.5, 0.44, 0.02, 0.02, 0.02]))
    counts = np.repeat(np.eye(5, dtype=int), [50, 44, 6, 0, 0], axis=0)
    test = chi_square(counts, law)
    assert test.degrees_of_freedom == 2
    assert test.statistic == pytest.approx(0)
    assert chi_square(counts, law, min_expected=1).statistic == pytest.approx(8 + 2 + 2)


def test_one_impossible_shot_rejects():
    splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    law = boson_law(splitter, [1, 1])
    counts = np.repeat([[2, 0], [0, 2], [1, 1]], [500, 500, 1], axis=0)
    assert chi_square(counts[:-1], law).p_value > 0.5
    test = chi_square(counts, law)
    assert (test.p_value, test.num_impossible) == (0, 1)
    counts[-1] = [3, 0]  # an outcome that the law does not list
    assert chi_square(counts, law).num_impossible == 1


def test_total_variation_by_hand():
    law = (np.eye(2, dtype=int), np.array([0.5, 0.5]))
    assert total_variation(np.eye(2, dtype=int), law) == 0
    assert total_variation(np.array([[1, 0]]), law) == pytest.approx(0.5)
    assert total_variation(np.array([[5, 5]]), law) == pytest.approx(1)


def test_mean_occupancy_works_at_large_sizes_and_has_power():
    device, occupation = haar(100, NAME), (1, 0) * 50
    counts = sample_distinguishable(device, occupation, 20_000, SHOTS)
    test = mean_occupancy_test(counts, device, occupation, "distinguishable")
    assert test.p_value > 1e-6
    assert 0.6 < test.z_scores.std() < 1.4
    moved = counts.copy()
    hit = np.flatnonzero(moved[:, 7])[:1000]  # 5 % of the shots lose a photon of mode 7
    moved[hit, 7] -= 1
    failed = mean_occupancy_test(moved, device, occupation, "distinguishable")
    assert failed.p_value < 1e-12
    assert failed.worst_mode == 7


def test_mean_occupancy_of_certain_counts():
    device = from_unitary(np.eye(2))
    assert mean_occupancy_test(np.array([[1, 2]] * 10), device, [1, 2]).p_value == 1
    assert mean_occupancy_test(np.array([[1, 2]] * 9 + [[2, 1]]), device, [1, 2]).p_value == 0


@pytest.mark.parametrize(
    ("counts", "law", "message"),
    [
        (np.ones((5, 3)), (np.eye(2), [0.5, 0.5]), r"\(num_samples, 2\)"),
        (np.ones((0, 2)), (np.eye(2), [0.5, 0.5]), "at least one shot"),
        (np.eye(2), (np.eye(2), [0.5, 0.2]), "sum to 1"),
        (np.eye(2), (np.eye(2), [1.5, -0.5]), ">= 0"),
        (np.eye(2), (np.eye(2), [1.0]), "law"),
        (np.eye(2), (np.ones((2, 2)), [0.5, 0.5]), "once"),
        (np.eye(2), (np.eye(2), [0.5, 0.5]), "too few"),
    ],
)
def test_bad_arguments_are_refused(counts, law, message):
    with pytest.raises(ValueError, match=message):
        chi_square(counts, law)
