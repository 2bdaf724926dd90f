"""Two-point correlators, their moments, and collisions.

Notation: N shots of m modes, counts n_i, ``C_ij = <n_i n_j> - <n_i><n_j>`` for i < j. Over all
pairs, m1, m2, m3 are the mean, mean square and mean cube of C_ij, and

    NM = m1 m**2 / n,   CV = sqrt(m2 - m1**2) / m1,
    S = (m3 - 3 m1 m2 + 2 m1**3) / (m2 - m1**2)**(3/2),

the normalised mean, coefficient of variation and skewness.

Source: Walschaers et al., *Statistical benchmark for BosonSampling*, New J. Phys. 18 (2016),
arXiv 1410.8547.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import stats

from quantum_latents.samplers.validation.findings import (
    Finding,
    most_extreme,
    studentised,
    two_sided,
)
from quantum_latents.samplers.validation.moments import Moments
from quantum_latents.samplers.validation.tally import Tally

__all__ = ["collision_rate", "correlator_moments", "two_point_correlators", "walschaers_moments"]

_LEAST_COINCIDENCES = 50
"""Coincidences that a pair should have for their number to be near normal."""

_LEAST_BLOCKS = 20
_LEAST_SHOTS_OF_SKEWNESS = 5_000
"""Below, the jackknifed skewness strays from Student's law far out in its tails."""

_TITLES = {
    "nm": ("Correlators: normalised mean NM", "mean of all two-point correlators, times m²/n"),
    "cv": (
        "Correlators: coefficient of variation CV",
        "spread of all two-point correlators over their mean",
    ),
    "skewness": ("Correlators: skewness S", "skewness of all two-point correlators"),
}


def two_point_correlators(sums: Tally, moments: Moments, alpha: float) -> Finding:
    """Test ``<n_i n_j>`` of every pair of modes.

    The mean of ``n_i n_j - <n_i n_j>_k`` over its studentised error; the largest score of all
    pairs decides. Pairs that should coincide less than 50 times are left out, by the promise
    alone.
    """
    pairs, size = moments.pairs, sums.sizes[:, None, None]
    first = (sums.pairs - size * pairs).sum(axis=0)
    second = (sums.pair_squares - 2 * pairs * sums.pairs + size * pairs**2).sum(axis=0)
    third = sums.pair_cubes - 3 * pairs * sums.pair_squares + 3 * pairs**2 * sums.pairs
    third = (third - size * pairs**3).sum(axis=0)
    mean, error, score = studentised(first, second, third, len(sums), moments.pair_variance)
    expected = (size * pairs).sum(axis=0) / len(sums)
    upper = np.triu_indices(sums.num_modes, k=1)
    enough = expected[upper] * len(sums) >= _LEAST_COINCIDENCES
    finding = Finding(
        name="two_point_correlators",
        title="Two-point correlators",
        sees="mean product of the counts of the two modes that are furthest off",
        route=moments.words,
        num_shots=len(sums),
    )
    if not enough.any():
        return replace(finding, reason="no two modes coincide often enough: more shots")
    place, p = most_extreme(score[upper][enough])
    i, j = (int(index[enough][place]) for index in upper)
    reach = stats.norm.isf((1 - (1 - alpha) ** (1 / enough.sum())) / 2) * error[i, j]
    estimate = float(expected[i, j] + mean[i, j])
    return replace(
        finding,
        estimate=estimate,
        expected=float(expected[i, j]),
        interval=(estimate - reach, estimate + reach),
        p_value=p,
        detail={
            "modes": [i, j],
            "num_tested": int(enough.sum()),
            "num_left_out": int((~enough).sum()),
            "observed": _covariance(sums.pairs.sum(axis=0), sums.sums.sum(axis=0), len(sums)),
            "expected": _expected_covariance(moments, sums.sizes),
        },
    )


def walschaers_moments(covariance: np.ndarray, num_photons: float) -> dict[str, float]:
    """Return NM, CV and S of the correlators of all pairs; NaN where the pairs do not vary.

    Args:
        covariance: ``C_ij``, (m, m).
        num_photons: n.

    >>> table = np.array([[0, 1, 2], [0, 0, 3], [0, 0, 0]])
    >>> {name: round(value, 4) for name, value in walschaers_moments(table, 9).items()}
    {'nm': 2.0, 'cv': 0.4082, 'skewness': 0.0}
    """
    C = covariance[np.triu_indices(len(covariance), k=1)]
    m1, m2, m3 = C.mean(), (C**2).mean(), (C**3).mean()
    spread = m2 - m1**2
    varies = spread > 1e-12 * m2
    return {
        "nm": float(m1 * len(covariance) ** 2 / num_photons),
        "cv": float(np.sqrt(spread) / m1) if varies and m1 else float("nan"),
        "skewness": float((m3 - 3 * m1 * m2 + 2 * m1**3) / spread**1.5) if varies else float("nan"),
    }


def correlator_moments(
    sums: Tally, moments: Moments, control: Moments | None, num_photons: int, alpha: float
) -> list[Finding]:
    """Test NM, CV and S against the promise.

    The difference of each to that of the expected correlators is jackknifed over the blocks, with
    the expectation following each part's own totals; its error has B - 1 degrees of freedom. The
    jackknife also takes away the bias that sampling errors of the C_ij have on CV and S.

    Args:
        sums: of the bank.
        moments: that it should have.
        control: those without interference; None if there are none.
        num_photons: n.
        alpha: of the interval.
    """
    m, B = sums.num_modes, sums.num_blocks
    blank = [
        Finding(
            name=f"correlators_{name}",
            title=title,
            sees=sees,
            route=moments.words,
            num_shots=len(sums),
        )
        for name, (title, sees) in _TITLES.items()
    ]
    if m < 3 or B < _LEAST_BLOCKS:
        why = "the moments of correlators take three modes and 400 shots"
        return [replace(one, reason=why) for one in blank]

    def difference(pairs: np.ndarray, first: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        ours = walschaers_moments(_covariance(pairs, first, sizes.sum()), num_photons)
        theirs = walschaers_moments(_expected_covariance(moments, sizes), num_photons)
        return np.array([ours[name] - theirs[name] for name in ours])

    value, error = _jackknifed(sums, difference)
    expected = walschaers_moments(_expected_covariance(moments, sums.sizes), num_photons)
    other: dict[str, float] = {}
    if control is not None:
        other = walschaers_moments(_expected_covariance(control, sums.sizes), num_photons)
    if moments.twin is not None:  # its own error, and its own bias
        twin_value, twin_error = _jackknifed(
            moments.twin,
            lambda pairs, first, sizes: (
                np.array(
                    list(walschaers_moments(_covariance(pairs, first, sizes.sum()), 1).values())
                )
                / [num_photons, 1, 1]
            ),
        )
        value += np.array(list(expected.values())) - twin_value
        expected = dict(zip(expected, twin_value.tolist(), strict=True))
        error = np.hypot(error, twin_error)
    quantile = float(stats.t.isf(alpha / 2, B - 1))
    findings = []
    for one, name, d, e in zip(blank, expected, value, error, strict=True):
        if name == "skewness" and len(sums) < _LEAST_SHOTS_OF_SKEWNESS:
            why = f"the skewness of correlators takes {_LEAST_SHOTS_OF_SKEWNESS:,} shots"
            findings.append(replace(one, reason=why))
            continue
        if not (np.isfinite(d) and np.isfinite(e) and np.isfinite(expected[name])):
            findings.append(replace(one, reason="the correlators of this device do not vary"))
            continue
        estimate = expected[name] + d
        p = 2 * float(stats.t.sf(abs(d) / e, B - 1)) if e > 0 else float(abs(d) < 1e-9)
        findings.append(
            replace(
                one,
                estimate=float(estimate),
                expected=expected[name],
                interval=(float(estimate - quantile * e), float(estimate + quantile * e)),
                control=other.get(name),
                p_value=p,
            )
        )
    return findings


def collision_rate(
    sums: Tally, moments: Moments, control: Moments | None, alpha: float, *, threshold: bool
) -> Finding:
    """Test how often two photons share a mode.

    The mean number of pairs of counts in one mode, ``sum_i n_i (n_i - 1) / 2``: a closed form,
    unlike the share of shots with a collision, which is given beside it.
    """
    collided = int((sums.counts.max(axis=1) > 1).sum())
    finding = Finding(
        name="collision_rate",
        title="Collision rate",
        sees="mean number of pairs of counts that share a mode",
        route=moments.words,
        num_shots=len(sums),
        detail={"share_of_shots_with_a_collision": collided / len(sums)},
    )
    if threshold:
        if collided:
            return replace(
                finding,
                p_value=0.0,
                reason=f"{collided:,} shots count more than 1 in a mode: these detectors cannot",
            )
        return replace(finding, reason="threshold detectors see no collisions")
    per_shot = np.empty(len(sums))
    for start in range(0, len(sums), 65_536):
        rows = sums.counts[start : start + 65_536].astype(np.int32)
        per_shot[start : start + len(rows)] = (rows * (rows - 1)).sum(axis=1) / 2
    law = _collisions(moments)
    each = per_shot - law[np.searchsorted(sums.values, sums.totals)]
    other = 0.0
    if (twin := moments.twin) is not None:
        rows = twin.counts.astype(np.int32)
        other = float(((rows * (rows - 1)).sum(axis=1) / 2).var()) / len(twin)
    mean, error, score = studentised(each.sum(), (each**2).sum(), (each**3).sum(), len(sums), other)
    expected = float(law @ sums.sizes) / len(sums)
    estimate, reach = expected + float(mean), float(stats.norm.isf(alpha / 2) * error)
    if expected * len(sums) < _LEAST_COINCIDENCES and estimate * len(sums) < _LEAST_COINCIDENCES:
        return replace(finding, reason="too few collisions are expected to compare: more shots")
    return replace(
        finding,
        estimate=estimate,
        expected=expected,
        interval=(estimate - reach, estimate + reach),
        control=None if control is None else float(_collisions(control) @ sums.sizes) / len(sums),
        p_value=two_sided(float(score)),
    )


def _collisions(moments: Moments) -> np.ndarray:
    return (np.einsum("kii->k", moments.pairs) - moments.means.sum(axis=1)) / 2


def _covariance(pairs: np.ndarray, first: np.ndarray, number: float) -> np.ndarray:
    mean = first / number
    return pairs / number - np.outer(mean, mean)


def _expected_covariance(moments: Moments, sizes: np.ndarray) -> np.ndarray:
    weights = sizes / sizes.sum()
    mean = weights @ moments.means
    return np.tensordot(weights, moments.pairs, axes=1) - np.outer(mean, mean)


def _jackknifed(
    sums: Tally, value: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The bias-corrected value of a function of the sums, and its error (Quenouille, Tukey)."""
    pairs, first = sums.block_pairs.sum(axis=0), sums.block_sums.sum(axis=0)
    sizes = sums.block_sizes.sum(axis=0)
    whole = value(pairs, first, sizes)
    B = sums.num_blocks
    parts = np.array(
        [
            value(
                pairs - sums.block_pairs[b], first - sums.block_sums[b], sizes - sums.block_sizes[b]
            )
            for b in range(B)
        ]
    )
    pseudo = B * whole - (B - 1) * parts
    return pseudo.mean(axis=0), pseudo.std(axis=0, ddof=1) / np.sqrt(B)
