from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from quantum_latents.data import MixtureSpec, load
from quantum_latents.metrics import compute
from quantum_latents.random import stream

NUM = 50_000
ALPHA = 1e-6
SD_TOLERANCE = 5 / np.sqrt(2 * NUM)  # five standard errors of a normal sample's sd


@pytest.fixture(scope="module")
def mixture():
    return load(MixtureSpec(num_train=NUM, num_held_out=NUM), stream(0, "data"), Path("unused"))


def polar(points):
    """Return radius and angle, the angle in units of the modes' spacing."""
    x, y = points.astype(np.float64).T
    return np.hypot(x, y), np.arctan2(y, x) * 7 / (2 * np.pi)


def test_the_radius_is_normal_with_the_demos_moments(mixture):
    r, _ = polar(mixture.train)
    assert scipy.stats.kstest(r, scipy.stats.norm(5.0, 0.2).cdf).pvalue > ALPHA
    assert r.std() == pytest.approx(0.2, rel=SD_TOLERANCE)


def test_the_angle_about_its_mode_is_normal_with_the_demos_moments(mixture):
    _, angle = polar(mixture.train)
    about = (angle - np.rint(angle)) * 2 * np.pi / 7
    # Half a spacing is nine standard deviations: no sample is taken for its neighbour's.
    assert scipy.stats.kstest(about, scipy.stats.norm(0.0, 0.05).cdf).pvalue > ALPHA
    assert about.std() == pytest.approx(0.05, rel=SD_TOLERANCE)


def test_radius_angle_and_mode_are_independent(mixture):
    r, angle = polar(mixture.train)
    about = np.abs(angle - np.rint(angle))
    assert scipy.stats.spearmanr(r, about).pvalue > ALPHA
    modes = np.rint(angle) % 7
    assert scipy.stats.kruskal(*[r[modes == k] for k in range(7)]).pvalue > ALPHA


def test_modes_are_equally_frequent_and_where_the_facts_say(mixture):
    _, angle = polar(mixture.train)
    modes = np.rint(angle).astype(int) % 7
    assert scipy.stats.chisquare(np.bincount(modes)).pvalue > ALPHA
    for k, centre in enumerate(mixture.facts["mode_centres"]):
        # Noise in the angle pulls a blob's mean in by a factor exp(-0.05^2 / 2) = 0.99875.
        mean = mixture.train[modes == k].mean(axis=0)
        assert mean == pytest.approx(0.99875 * centre, abs=6 * 0.25 / np.sqrt(NUM / 8))


def test_sigma_is_the_larger_of_a_blobs_two_scales(mixture):
    assert mixture.facts["mode_sigma"] == pytest.approx(0.25)
    wide = MixtureSpec(radial_sd=0.6, num_train=2, num_held_out=2)
    facts = load(wide, stream(0, "data"), Path("unused")).facts
    assert facts["mode_sigma"] == 0.6


def test_the_data_fill_every_mode_and_rarely_leave_the_discs(mixture):
    def measured(name):
        return compute(name, mixture.held_out, mixture.train, mixture.facts, stream(0, "metrics"))

    # Between the tails of the round blobs of the two scales, exp(-(0.75 / s)^2 / 2).
    assert np.exp(-0.5 * (0.75 / 0.2) ** 2) < measured("share_outside") < np.exp(-4.5)
    assert measured("share_between") == 0
    assert measured("mode_coverage") == 1
    assert measured("mode_weight_error") < 0.02


def test_another_number_of_modes():
    data = load(MixtureSpec(num_modes=3, num_train=3000, num_held_out=2), stream(0), Path("unused"))
    assert data.facts["mode_centres"].shape == (3, 2)
    assert data.facts["mode_weights"].sum() == pytest.approx(1)
    distances = np.linalg.norm(data.train[:, None] - data.facts["mode_centres"], axis=2)
    assert np.bincount(distances.argmin(axis=1)).tolist() == pytest.approx([1000] * 3, abs=150)
    assert distances.min(axis=1).max() < 6 * 0.25


def test_a_single_mode_has_no_points_between():
    one = load(MixtureSpec(num_modes=1, num_train=9, num_held_out=9), stream(0), Path("unused"))
    assert "share_between" not in one.metrics
    for name in one.metrics:
        assert np.isfinite(compute(name, one.held_out, one.train, one.facts, stream(0, "metrics")))
