import tracemalloc

import numpy as np
import ot
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_latents.metrics import (
    energy_distance,
    median_bandwidth,
    mmd_squared,
    sliced_wasserstein,
)
from quantum_latents.metrics.two_sample import projections
from quantum_latents.random import stream

DIRECTIONS = stream(0, "test", "directions")


def normal(name, *shape, shift=0.0):
    return stream(0, "test", name).generator().normal(shift, size=shape)


def sliced(x, y):
    return sliced_wasserstein(x, y, DIRECTIONS)


def mmd_by_double_loop(x, y, bandwidth, unbiased):
    def kernel(a, b):
        squared = float(((a - b) ** 2).sum())
        return np.mean([np.exp(-squared / (2 * (c * bandwidth) ** 2)) for c in (0.5, 1.0, 2.0)])

    def within(points):
        values = [
            kernel(a, b)
            for i, a in enumerate(points)
            for j, b in enumerate(points)
            if i != j or not unbiased
        ]
        return np.mean(values)

    return within(x) + within(y) - 2 * np.mean([kernel(a, b) for a in x for b in y])


@pytest.mark.parametrize("unbiased", [True, False])
def test_mmd_agrees_with_a_double_loop(unbiased):
    x, y = normal("x", 23, 3), normal("y", 17, 3, shift=0.5)
    expected = mmd_by_double_loop(x, y, 1.3, unbiased)
    assert mmd_squared(x, y, bandwidth=1.3, unbiased=unbiased) == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("sizes", [(600, 300), (257, 256), (2, 1000)])
def test_blocks_do_not_change_the_value(sizes):
    x, y = normal("x", sizes[0], 4), normal("y", sizes[1], 4, shift=0.2)
    distances = scipy.spatial.distance.cdist
    n, m = sizes
    xx, yy = distances(x, x).sum() / (n * (n - 1)), distances(y, y).sum() / (m * (m - 1))
    assert energy_distance(x, y) == pytest.approx(2 * distances(x, y).mean() - xx - yy, abs=1e-12)

    h = 2.0

    def kernel(a, b):
        squared = distances(a, b, "sqeuclidean")
        return sum(np.exp(-squared / (2 * (c * h) ** 2)) for c in (0.5, 1, 2)) / 3

    xx = (kernel(x, x).sum() - n) / (n * (n - 1))
    yy = (kernel(y, y).sum() - m) / (m * (m - 1))
    expected = xx + yy - 2 * kernel(x, y).mean()
    assert mmd_squared(x, y, bandwidth=h) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 1000))
def test_energy_in_one_dimension_agrees_with_scipy(n, m, seed):
    x = stream(seed, "x").generator().normal(size=(n, 1))
    y = stream(seed, "y").generator().normal(1.0, 2.0, size=(m, 1))
    expected = scipy.stats.energy_distance(x[:, 0], y[:, 0]) ** 2
    assert energy_distance(x, y, unbiased=False) == pytest.approx(expected, abs=1e-10)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(2, 40), st.integers(1, 5), st.integers(0, 1000))
def test_sliced_wasserstein_agrees_with_pot(n, m, dim, seed):
    x = stream(seed, "x").generator().normal(size=(n, dim))
    y = stream(seed, "y").generator().normal(1.0, 2.0, size=(m, dim))
    expected = ot.sliced_wasserstein_distance(
        x, y, projections=projections(dim, 128, DIRECTIONS), p=1
    )
    assert sliced(x, y) == pytest.approx(expected, rel=1e-10)


def test_one_dimensional_wasserstein_agrees_with_two_libraries():
    x, y = normal("x", 31, 1), normal("y", 44, 1, shift=1.0)
    assert sliced(x, y) == pytest.approx(scipy.stats.wasserstein_distance(x[:, 0], y[:, 0]))
    assert sliced(x, y) == pytest.approx(float(ot.wasserstein_1d(x[:, 0], y[:, 0], p=1)))


@pytest.mark.parametrize("metric", [mmd_squared, energy_distance])
@pytest.mark.parametrize("sizes", [(20, 20), (15, 40)])
def test_unbiased_metrics_average_zero_under_the_null(metric, sizes):
    x = normal("null x", 1000, sizes[0], 2)
    y = normal("null y", 1000, sizes[1], 2)
    if metric is mmd_squared:
        values = [mmd_squared(a, b, bandwidth=1.5) for a, b in zip(x, y, strict=True)]
    else:
        values = [energy_distance(a, b) for a, b in zip(x, y, strict=True)]
    # Five standard errors of 1000 repetitions, alpha about 6e-7; the V-statistics fail this.
    assert abs(np.mean(values)) < 5 * np.std(values) / np.sqrt(1000)
    biased = np.mean([metric(a, b, unbiased=False) for a, b in zip(x, y, strict=True)])
    assert biased > 10 * np.std(values) / np.sqrt(1000)


@pytest.mark.parametrize("metric", [mmd_squared, energy_distance, sliced])
def test_metrics_see_what_differs(metric):
    reference = normal("reference", 500, 4)
    same = metric(normal("generated", 500, 4), reference)
    correlated = normal("generated", 500, 4)
    correlated[:, 1] = correlated[:, 0]
    for other in (
        normal("generated", 500, 4, shift=0.3),
        1.4 * normal("generated", 500, 4),
        correlated,
        np.tile(reference.mean(axis=0), (500, 1)),
    ):
        assert metric(other, reference) > 2 * abs(same)


@pytest.mark.parametrize("metric", [energy_distance, sliced])
def test_distances_scale_with_the_unit_and_ignore_shifts(metric):
    x, y = normal("x", 60, 3), normal("y", 50, 3, shift=0.4)
    assert metric(5 * x, 5 * y) == pytest.approx(5 * metric(x, y))
    assert metric(x + 1000, y + 1000) == pytest.approx(metric(x, y), rel=1e-7)
    assert metric(x[::-1], y) == pytest.approx(metric(x, y))
    assert metric(y, x) == pytest.approx(metric(x, y))


def test_mmd_has_no_unit_because_its_bandwidth_follows_the_reference():
    x, y = normal("x", 60, 3), normal("y", 50, 3, shift=0.4)
    assert mmd_squared(5 * x + 9, 5 * y + 9) == pytest.approx(mmd_squared(x, y), rel=1e-9)


def test_the_bandwidth_is_the_references_alone():
    y = normal("y", 200, 3)
    h = median_bandwidth(y)
    for x in (normal("x", 50, 3), 1e6 * normal("x", 50, 3)):
        assert mmd_squared(x, y) == mmd_squared(x, y, bandwidth=h)
    assert h == pytest.approx(np.median(scipy.spatial.distance.pdist(y)))
    assert median_bandwidth(np.concatenate([normal("z", 1000, 3), y + 99])) == median_bandwidth(
        normal("z", 1000, 3)
    )


def test_equal_points_set_no_bandwidth():
    mostly_equal = np.zeros((100, 2))
    mostly_equal[0, 0] = 2.0
    assert median_bandwidth(mostly_equal) == 2.0
    with pytest.raises(ValueError, match="all equal: they set no length scale"):
        mmd_squared(normal("x", 5, 2), np.ones((5, 2)))


def test_identical_sets_are_at_distance_zero():
    x = normal("x", 300, 3)
    assert sliced(x, x) == 0
    # Equal points are at a computed distance of at most the root of a rounding error.
    assert energy_distance(x, x, unbiased=False) == pytest.approx(0, abs=1e-9)
    assert mmd_squared(x, x, unbiased=False) == pytest.approx(0, abs=1e-12)


def test_a_far_offset_costs_no_accuracy():
    x, y = normal("x", 100, 2), normal("y", 100, 2, shift=0.1)
    far = 2.0**20  # exact in float64 beside these numbers' own rounding
    assert energy_distance(x + far, y + far) == pytest.approx(energy_distance(x, y), abs=1e-8)


def test_directions_are_unit_vectors_and_addressable():
    directions = projections(5, 64, DIRECTIONS)
    assert np.linalg.norm(directions, axis=0) == pytest.approx(np.ones(64))
    assert (projections(5, 16, DIRECTIONS) == directions[:, :16]).all()
    # The mean of 4096 uniform directions in 5 dimensions: each entry has variance 1 / 5 / 4096.
    mean = projections(5, 4096, DIRECTIONS).mean(axis=1)
    assert np.abs(mean).max() < 5.5 * np.sqrt(1 / 5 / 4096)


@pytest.mark.parametrize("metric", [mmd_squared, energy_distance, sliced])
def test_large_sets_are_measured_in_little_memory(metric):
    x, y = normal("x", 3000, 2), normal("y", 3000, 2)
    tracemalloc.start()
    metric(x, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 24e6  # one 3000 x 3000 matrix alone takes 72 MB


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, np.nan, np.inf])
def test_a_bad_bandwidth_is_named(bandwidth):
    with pytest.raises(ValueError, match="bandwidth is a length > 0"):
        mmd_squared(np.zeros((2, 2)), np.ones((2, 2)), bandwidth=bandwidth)


def test_no_directions_are_refused():
    with pytest.raises(ValueError, match="num_projections is at least 1, not 0"):
        sliced_wasserstein(np.zeros((2, 2)), np.ones((2, 2)), DIRECTIONS, num_projections=0)
