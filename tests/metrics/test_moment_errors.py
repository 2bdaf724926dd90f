"""Errors of moments, and the share of points off a board."""

import numpy as np
import pytest

from quantum_latents.metrics import (
    METRICS,
    compute,
    covariance_error,
    floor,
    mean_error,
    share_off_board,
)
from quantum_latents.random import stream


def bits(num, seed=0):
    """Bits of which neighbours agree: the pairs (0, 1) and (2, 3) always."""
    pairs = stream(seed, "test").generator().integers(2, size=(num, 2))
    return np.repeat(pairs, 2, axis=1).astype(float)


def test_errors_are_those_of_numpys_moments():
    generator = stream(0, "test").generator()
    x, y = generator.normal(size=(50, 4)), generator.normal(size=(60, 4)) + 1
    assert mean_error(x, y) == pytest.approx(np.abs(x.mean(0) - y.mean(0)).mean())
    gaps = [
        abs(np.cov(x[:, j], x[:, k], ddof=0)[0, 1] - np.cov(y[:, j], y[:, k], ddof=0)[0, 1])
        for j in range(4)
        for k in range(j)
    ]
    assert covariance_error(x, y) == pytest.approx(np.mean(gaps))


def test_a_constant_wins_the_means_and_loses_the_covariances():
    reference = bits(2000)
    constant = np.tile(reference.mean(0), (100, 1))
    independent = stream(1, "test").generator().integers(2, size=(2000, 4)).astype(float)
    assert mean_error(constant, reference) == pytest.approx(0, abs=1e-12)
    assert METRICS["mean_error"].constant_wins
    assert not METRICS["covariance_error"].constant_wins
    # Two of six pairs covary, by 1/4; whoever makes independent bits misses just these.
    assert covariance_error(constant, reference) == pytest.approx(1 / 12, abs=0.01)
    assert covariance_error(independent, reference) == pytest.approx(1 / 12, abs=0.02)
    assert covariance_error(bits(2000, seed=2), reference) < 0.02


def test_coordinates_are_taken_in_their_scale():
    x, y = bits(100), bits(100, seed=1)
    facts = {"coordinate_scale": np.full(4, 4.0)}
    metrics = stream(0, "metrics")
    assert compute("mean_error", 4 * x, 4 * y, facts, metrics) == pytest.approx(mean_error(x, y))
    assert floor("covariance_error", 4 * x, 4 * y, facts, metrics) == pytest.approx(
        covariance_error(x, y)
    )


def test_one_coordinate_has_no_pairs():
    with pytest.raises(ValueError, match="covariances need pairs"):
        covariance_error([[0.0], [1.0]], [[0.0], [1.0]])


def test_the_share_off_a_board():
    generator = stream(0, "test").generator()
    everywhere = generator.uniform(-4, 4, size=(40_000, 2))
    assert share_off_board(everywhere, 4, 4.0) == pytest.approx(0.5, abs=0.0125)  # 5 sigma
    assert share_off_board(everywhere + 100, 4, 4.0) == 1
    # The lower left square and its shifts by an even and an odd number of squares.
    inside = generator.uniform(-4, -2, size=(100, 2))
    for shift, share in (([0, 0], 0), ([2, 2], 0), ([4, 0], 0), ([2, 0], 1), ([0, 6], 1)):
        assert share_off_board(inside + shift, 4, 4.0) == share
    corners = [[-4.0, -4.0], [-2.0, -2.0], [4.0, 4.0], [-4.0, -2.0]]
    assert share_off_board(corners, 4, 4.0) == 0
    assert share_off_board([[-4.0, 4.0], [4.0, -4.0]], 4, 4.0) == 1  # corners of light squares
    # Widths that binary numbers do not hit: single precision puts edges outside.
    for width in (0.3, 0.7, 1.1):
        edges = np.linspace(-width, width, 5)
        dark = [edges[[c + i, r + j]] for c in range(4) for r in range(c % 2, 4, 2)
                for i in (0, 1) for j in (0, 1)]  # fmt: skip
        assert share_off_board(np.array(dark, np.float32), 4, width) == 0
        assert share_off_board(np.array(dark, np.float32) * 1.001, 4, width) > 0


@pytest.mark.parametrize(
    ("samples", "num_squares", "half_width", "message"),
    [
        (np.zeros((4, 3)), 4, 4.0, "a board has two coordinates, and the samples have 3"),
        (np.zeros((4, 2)), 3, 4.0, "num_squares is even and at least 2, not 3"),
        (np.zeros((4, 2)), 4, 0.0, "half_width is a length > 0, not 0.0"),
    ],
)
def test_a_board_that_is_none_is_refused(samples, num_squares, half_width, message):
    with pytest.raises(ValueError, match=message):
        share_off_board(samples, num_squares, half_width)
