"""How far the photons interfere: the overlap x, from pair correlations.

Notation: N shots of m modes, x the overlap of two photons (``x**2`` the visibility of Hong, Ou
and Mandel), ``C(x)`` the covariance of the counts of a total, mu their mean. A shot's score is

    Q = (n - mu)^T W (n - mu),   W = S^+ D S^+,   D = C(1) - C(0),  S = C(x promised),

with the mean ``tr W C(x)``, a known function of x: for one overlap of all pairs it is linear in
``x**2``. W is the locally most powerful quadratic weight were the counts normal; whatever they
are, the mean of Q is exact.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from quantum_latents.samplers.noise import Noise
from quantum_latents.samplers.noisy_moments import noisy_covariance
from quantum_latents.samplers.validation.findings import Finding, studentised, two_sided
from quantum_latents.samplers.validation.moments import Moments, expected_moments
from quantum_latents.samplers.validation.promise import Promise
from quantum_latents.samplers.validation.tally import Tally
from quantum_latents.samplers.validation.twin import Twins

__all__ = ["fitted_overlap", "overlap_scores", "overlap_weights"]

_GRID = np.linspace(0.0, 1.0, 5)
"""Overlaps at which the mean score is worked out: it is a polynomial of x between them."""

_FINE = np.linspace(0.0, 1.0, 2001)


def overlap_weights(promise: Promise, number: int | None = None) -> np.ndarray | None:
    """Return W, (m, m); None if interference moves no covariance of this device.

    From the same device with counting detectors and without selection, so that W never looks at
    the counts.

    Args:
        promise: its interferometer, input and overlap.
        number: photons that are seen of it; None for all.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> overlap_weights(Promise(interferometer=splitter, occupation=(1, 1))).round(6).tolist()
    [[0.125, -0.125], [-0.125, 0.125]]
    """
    x = promise.noise.interference if promise.noise.gram is None else 1.0
    device, t = promise.interferometer, promise.occupation
    seen = min(sum(t), promise.num_photons if number is None else number)

    def covariance(overlap: float) -> np.ndarray:
        return noisy_covariance(device, t, Noise(interference=overlap, input_photons=seen))

    D, S = covariance(1.0) - covariance(0.0), covariance(x)
    if np.abs(D).max(initial=0.0) < 1e-9:
        return None
    inverse = np.linalg.pinv(S, rcond=1e-6, hermitian=True)
    return inverse @ D @ inverse


def overlap_scores(
    counts: np.ndarray,
    centre: np.ndarray,
    weights: np.ndarray,
    stratum: np.ndarray | None = None,
) -> np.ndarray:
    """Return ``Q = (n - mu)^T W (n - mu)`` of every shot, float64 (N,).

    Args:
        counts: uint8 (N, m).
        centre: mu, (m,); with strata that of each, (K, m).
        weights: W, (m, m).
        stratum: of every shot, (N,); None if all share one mu.

    >>> overlap_scores(np.array([[2, 0]]), np.array([1.0, 1.0]), np.eye(2)).tolist()
    [2.0]
    """
    scores = np.empty(len(counts))
    for start in range(0, len(counts), 16_384):
        part = slice(start, start + 16_384)
        rows = counts[part] - (centre if stratum is None else centre[stratum[part]])
        scores[part] = np.einsum("ni,ni->n", rows @ weights, rows)
    return scores


def fitted_overlap(
    promise: Promise, sums: Tally, moments: Moments, twins: Twins, alpha: float
) -> tuple[Finding, np.ndarray | None]:
    """Fit x and test the promised one; also return the score of every shot, or None.

    Args:
        promise: what the counts should follow.
        sums: of the bank.
        moments: that it should have.
        twins: where twins come from if closed forms end.
        alpha: of the interval.
    """
    noise = promise.noise
    finding = Finding(
        name="interference",
        title="Indistinguishability x",
        sees="overlap of two photons; its square is the Hong-Ou-Mandel visibility",
        route=moments.words,
        num_shots=len(sums),
    )
    typical = int(np.median(sums.totals)) if promise.given_total else None
    weights = overlap_weights(promise, typical)
    if weights is None:
        why = "interference moves no covariance of this device and input"
        return replace(finding, reason=why), None
    stratum = np.searchsorted(sums.values, sums.totals)
    scores = overlap_scores(sums.counts, moments.means, weights, stratum)
    if noise.gram is not None:
        return replace(finding, reason="a Gram matrix is promised, not one overlap"), scores
    curve, curve_error = _mean_scores(promise, sums, moments, twins, weights)
    promised, other = noise.interference, 0.0
    if moments.twin is None:
        each = scores - _trace(weights, moments, moments.means)[stratum]
    else:
        drawn = overlap_scores(moments.twin.counts, moments.means[0], weights)
        each, other = scores - drawn.mean(), float(drawn.var()) / len(drawn)
    sums_of_each = each.sum(), (each**2).sum(), (each**3).sum()
    mean, error, score = studentised(*sums_of_each, len(sums), other)
    level = float(np.interp(promised**2, _FINE**2, curve)) + float(mean)
    if np.diff(curve).min() < -1e-6 * (curve[-1] - curve[0]):
        return replace(finding, reason="the mean score is not monotone in x here"), scores
    reach = float(stats.norm.isf(alpha / 2)) * float(np.hypot(error, curve_error))
    low, best, high = (
        float(np.interp(place, np.maximum.accumulate(curve), _FINE))
        for place in (level - reach, level, level + reach)
    )
    control = 0.0 if promised > 0 else 1.0
    why = ""
    if low <= control <= high:
        why = "the interval also holds " + (
            "x = 0, no interference: more shots are needed to tell"
            if control == 0
            else "x = 1, full interference: more shots are needed to tell"
        )
    return (
        replace(
            finding,
            estimate=best,
            expected=promised,
            interval=(low, high),
            control=control,
            p_value=two_sided(float(score)),
            undecided=why,
            detail={"visibility": best**2, "visibility_interval": [low**2, high**2]},
        ),
        scores,
    )


def _mean_scores(
    promise: Promise, sums: Tally, moments: Moments, twins: Twins, weights: np.ndarray
) -> tuple[np.ndarray, float]:
    """The mean of Q at the overlaps of the fine grid, and its own error."""
    if moments.twin is not None:
        ends = []
        for x in (0.0, 1.0):
            scores = overlap_scores(twins(x).counts, moments.means[0], weights)
            ends.append((scores.mean(), scores.var() / len(scores)))
        (none, none_error), (full, full_error) = ends
        curve = none + (full - none) * _FINE**2
        return curve, float(np.sqrt(max(none_error, full_error)))
    values = []
    for x in _GRID:
        at = expected_moments(promise, sums, twins, float(x))
        values.append(float(_trace(weights, at, moments.means) @ sums.sizes) / len(sums))
    # Exact for counting detectors, whose covariances are quadratic in x.
    return np.polyval(np.polyfit(_GRID, values, len(_GRID) - 1), _FINE), 0.0


def _trace(weights: np.ndarray, moments: Moments, centre: np.ndarray) -> np.ndarray:
    """Mean of Q of each total, (K,): the pairs about a centre that need not be the mean."""
    mu = moments.means
    pairs = moments.pairs - mu[:, :, None] * centre[:, None, :]
    pairs = pairs - centre[:, :, None] * mu[:, None, :] + centre[:, :, None] * centre[:, None, :]
    return np.einsum("ij,kij->k", weights, pairs)
