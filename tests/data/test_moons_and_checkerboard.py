"""The laws of the two sets of the plane, against closed forms and scikit-learn's own moons."""

from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from sklearn.datasets import make_moons

from quantum_latents.data import CheckerboardSpec, MoonsSpec, load
from quantum_latents.metrics import energy_distance, share_off_board
from quantum_latents.random import stream

ALPHA = 1e-6
NUM = 40_000
SIGMAS = 5.0
"""Standard errors that an estimate may be off: 6e-7 of false alarms."""


def points_of(spec):
    return load(spec, stream(0, "data"), Path("unused")).train.astype(float)


def moon_moments(noise):
    mean = np.array([0.5, 0.25])
    covariance = np.array(
        [[0.75 + noise**2, 0.125 - 1 / np.pi], [0.125 - 1 / np.pi, 9 / 16 - 1 / np.pi + noise**2]]
    )
    return mean, covariance


def assert_moments(points, mean, covariance):
    num = len(points)
    centred = points - mean
    assert (np.abs(centred.mean(0)) < SIGMAS * np.sqrt(np.diag(covariance) / num)).all()
    products = centred[:, :, None] * centred[:, None, :]
    error = products.std(0) / np.sqrt(num)
    assert (np.abs(products.mean(0) - covariance) < SIGMAS * error).all()


@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_moons_have_the_moments_of_the_closed_form(noise):
    spec = MoonsSpec(noise=noise, num_train=NUM, num_held_out=2)
    assert_moments(points_of(spec), *moon_moments(noise))


def test_scikit_learns_moons_have_the_same_moments():
    points, _ = make_moons(200_001, noise=None)  # an even grid of angles
    mean, covariance = moon_moments(0.0)
    assert np.allclose(points.mean(0), mean, atol=1e-4)
    assert np.allclose(np.cov(points.T), covariance, atol=1e-4)


def test_moons_without_noise_are_two_half_circles_with_uniform_angles():
    points = points_of(MoonsSpec(noise=0.0, num_train=NUM, num_held_out=2))
    upper = np.isclose(np.hypot(*points.T), 1, atol=1e-6) & (points[:, 1] > -1e-6)
    lower = np.isclose(np.hypot(*(points - [1, 0.5]).T), 1, atol=1e-6) & (points[:, 1] < 0.5 + 1e-6)
    assert (upper | lower).all()
    assert not (upper & lower).any()
    assert scipy.stats.binomtest(int(upper.sum()), NUM).pvalue > ALPHA
    angles = np.arctan2(points[upper, 1], points[upper, 0])
    assert scipy.stats.kstest(angles, "uniform", args=(0, np.pi)).pvalue > ALPHA


def test_moons_are_scikit_learns_in_distribution():
    ours = points_of(MoonsSpec(noise=0.1, num_train=4000, num_held_out=2))
    theirs, _ = make_moons(4000, noise=0.1, random_state=0)
    other, _ = make_moons(4000, noise=0.3, random_state=0)
    assert abs(energy_distance(ours, theirs)) < 0.002 < energy_distance(ours, other)


@pytest.mark.parametrize(("num_squares", "half_width"), [(4, 4.0), (2, 1.0), (6, 0.7)])
def test_a_board_is_uniform_on_its_dark_squares(num_squares, half_width):
    spec = CheckerboardSpec(
        num_squares=num_squares, half_width=half_width, num_train=NUM, num_held_out=2
    )
    points = points_of(spec)
    assert share_off_board(points, num_squares, half_width) == 0
    side = 2 * half_width / num_squares
    places = (points + half_width) / side
    cells = np.clip(np.floor(places), 0, num_squares - 1).astype(int)
    counts = np.zeros((num_squares, num_squares))
    np.add.at(counts, tuple(cells.T), 1)
    dark = np.add.outer(np.arange(num_squares), np.arange(num_squares)) % 2 == 0
    assert counts[~dark].sum() < 10  # rounding at an edge
    assert scipy.stats.chisquare(counts[dark] * NUM / counts[dark].sum()).pvalue > ALPHA
    for within in (places - cells).T:
        assert scipy.stats.kstest(within, "uniform").pvalue > ALPHA


def test_a_board_has_the_moments_of_the_closed_form():
    points = points_of(CheckerboardSpec(num_train=NUM, num_held_out=2))
    assert_moments(points, np.zeros(2), np.array([[16 / 3, 1.0], [1.0, 16 / 3]]))
    flipped = points * [1, -1]
    assert share_off_board(flipped, 4, 4.0) > 0.99
