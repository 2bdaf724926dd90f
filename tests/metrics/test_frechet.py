import numpy as np
import pytest
from scipy.linalg import sqrtm

from quantum_latents.metrics import Moments, frechet_distance, moments
from quantum_latents.random import stream


def drawn(name, num_samples, dim):
    draw = stream(0, "test", name).generator()
    return draw.normal(size=(num_samples, dim)) @ draw.normal(size=(dim, dim)) + draw.normal(
        size=dim
    )


def test_moments_are_numpys_and_multiplicities_are_repeats():
    rows = drawn("a", 40, 5)
    found = moments(rows)
    assert np.allclose(found.mean, rows.mean(0))
    assert np.allclose(found.covariance, np.cov(rows.T))
    times = stream(0, "times").generator().integers(4, size=40)
    weighted, repeated = moments(rows, times), moments(np.repeat(rows, times, axis=0))
    assert weighted.num_samples == repeated.num_samples == times.sum()
    assert np.allclose(weighted.mean, repeated.mean)
    assert np.allclose(weighted.covariance, repeated.covariance)


def test_the_distance_is_its_definition():
    a, b = moments(drawn("a", 300, 8)), moments(drawn("b", 200, 8))
    root = sqrtm(a.covariance @ b.covariance)
    expected = ((a.mean - b.mean) ** 2).sum() + np.trace(a.covariance + b.covariance - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected.real)
    assert frechet_distance(b, a) == pytest.approx(frechet_distance(a, b))


def test_equal_normals_are_no_distance_apart_also_of_low_rank():
    few = moments(drawn("few", 4, 30))
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-9)
    moved = Moments(few.mean + 1, few.covariance, few.num_samples)
    assert frechet_distance(few, moved) == pytest.approx(30, abs=1e-9)


def test_commuting_covariances_have_a_closed_form():
    a = Moments(np.zeros(3), np.diag([1.0, 4.0, 9.0]), 10)
    b = Moments(np.ones(3), np.diag([4.0, 0.0, 1.0]), 10)
    assert frechet_distance(a, b) == pytest.approx(3 + 1 + 4 + 4)


def test_one_sample_has_no_covariance():
    with pytest.raises(ValueError, match="2 samples or more, not 1"):
        moments(np.zeros((3, 2)), np.array([1, 0, 0]))
