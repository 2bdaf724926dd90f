"""The autoregressive law against its definition, its exact moments, and its draws."""

import numpy as np
import pytest
import scipy.stats
from numpy.testing import assert_allclose

from quantum_latents.latents import AutoregressiveSource, Card
from quantum_latents.latents.autoregressive import weight_shapes
from quantum_latents.random import stream
from quantum_latents.samplers.enumeration import outcome_table

CARD = Card("a network", "nothing", "little")
ALPHA = 1e-6


def weights_of(num_modes, num_photons, hidden, seed=0):
    rng = stream(seed, "test").generator()
    shapes = weight_shapes(num_modes, num_photons, hidden)
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def by_definition(weights, counts):
    """The probability of one outcome, mode by mode, as the module's formula says it."""
    left, p = int(counts.sum()), 1.0
    for k in range(len(counts) - 1):
        a = weights["bias"] + sum(weights["inputs"][j][counts[j]] for j in range(k))
        logits = weights["totals"][k, left] + np.maximum(a, 0) @ weights["outputs"][k]
        weight = np.exp(logits[: left + 1])
        p *= weight[counts[k]] / weight.sum()
        left -= int(counts[k])
    return p


@pytest.mark.parametrize(("num_modes", "num_photons"), [(2, 3), (3, 1), (5, 3)])
def test_the_law_is_its_definition(num_modes, num_photons):
    weights = weights_of(num_modes, num_photons, 6)
    source, outcomes = AutoregressiveSource(weights, CARD), outcome_table(num_modes, num_photons)
    expected = [by_definition(weights, counts.astype(int)) for counts in outcomes]
    assert_allclose(source.probabilities, expected, rtol=1e-12)
    assert_allclose(np.exp(source.log_probability(outcomes)), expected, rtol=1e-12)
    assert source.probabilities.sum() == pytest.approx(1, abs=1e-14)
    assert source.probabilities.max() > 1.4 * source.probabilities.mean()
    mean = source.probabilities @ outcomes
    assert_allclose(source.mean, mean, atol=1e-13)
    second = (outcomes * source.probabilities[:, None]).T @ outcomes.astype(float)
    assert_allclose(source.covariance, second - np.outer(mean, mean), atol=1e-13)
    assert_allclose(source.variance, np.diag(source.covariance))
    assert np.isneginf(source.log_probability(outcomes[:1] * 2)).all()


def test_draws_follow_the_law():
    source, outcomes = AutoregressiveSource(weights_of(5, 3, 6), CARD), outcome_table(5, 3)
    drawn = source.draw(100_000, stream(0, "latent"))
    keys = 4 ** np.arange(5)
    seen = np.bincount(drawn @ keys, minlength=4**5)[outcomes @ keys]
    assert seen.sum() == len(drawn)  # each of them is an outcome: the total is exact
    expected = source.probabilities * len(drawn)
    order = np.argsort(expected)
    rare = order[: np.searchsorted(np.cumsum(expected[order]), 20) + 1]
    kept = np.setdiff1d(order, rare)
    observed = [*seen[kept], seen[rare].sum()]
    test = scipy.stats.chisquare(observed, [*expected[kept], expected[rare].sum()])
    assert test.pvalue > ALPHA
    # The same shots are no draws of a law in which one hidden unit adds half as much.
    weights = weights_of(5, 3, 6)
    weights["outputs"][:, 0] *= 0.5
    other = AutoregressiveSource(weights, CARD).probabilities * len(drawn)
    merged = [*other[kept], other[rare].sum()]
    assert scipy.stats.chisquare(observed, merged).pvalue < ALPHA


def test_a_row_depends_on_the_stream_and_its_place_alone():
    source = AutoregressiveSource(weights_of(6, 4, 5), CARD)
    many = source.draw(10_000, stream(0, "latent"))
    assert np.array_equal(source.draw(37, stream(0, "latent")), many[:37])
    assert not np.array_equal(source.draw(37, stream(1, "latent")), many[:37])
    assert source.draw(0, stream(0, "latent")).shape == (0, 6)


def test_weights_and_counts_that_do_not_fit_are_refused():
    good = weights_of(4, 2, 3)
    with pytest.raises(ValueError, match="have shapes"):
        AutoregressiveSource({**good, "inputs": np.zeros((2, 3, 4))}, CARD)
    with pytest.raises(ValueError, match="not finite"):
        AutoregressiveSource({**good, "bias": np.full(3, np.nan)}, CARD)
    with pytest.raises(ValueError, match="at most 5,000,000"):
        AutoregressiveSource(weights_of(24, 12, 1), CARD)
    with pytest.raises(ValueError, match=r"shape \(N, 4\), not \(3, 5\)"):
        AutoregressiveSource(good, CARD).log_probability(np.zeros((3, 5)))
    source = AutoregressiveSource(good, CARD)
    for wrong in ([256, 2, 0, 0], [0.5, 1.5, 0, 0], [3, -1, 0, 0]):
        with pytest.raises(ValueError, match="whole numbers of photons"):
            source.log_probability(np.array([wrong]))
    assert np.isfinite(source.log_probability(np.array([[1, 1, 0, 0]]))).all()
    with pytest.raises(ValueError, match="at most 255 photons, not 256"):
        AutoregressiveSource(weights_of(2, 256, 1), CARD)
