"""What the order of the shots shows: drift, memory, repeated chunks.

Notation: N shots, f_t a number of shot t that would be independent and identically distributed if
the shots are. No interferometer is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from scipy import optimize, stats

from quantum_latents.random import stream
from quantum_latents.samplers.validation.findings import Finding, most_extreme

__all__ = ["change_point_reach", "drift", "repeated_chunks", "successive_shots"]

_MOST_BLOCKS, _LEAST_BLOCKS, _LEAST_BLOCK = 256, 16, 4
_MOST_PERMUTATIONS = 99_999
_LEAST_SHOTS = 100


def drift(
    series: Sequence[np.ndarray], names: Sequence[str], alpha: float, num_tests: int
) -> Finding:
    """Look for a change of any of some series over shot order, at an unknown shot.

    Each series is summed over up to 256 blocks of successive shots; the statistic is the largest
    ``|S_b - (b / B) S_B| / (sd sqrt(B))`` over blocks b and series, S being the running sum of
    the standardised block means. Its null is that of the blocks in random order, which is exact
    for exchangeable shots. The shot of the change maximises the running sum of its series; its
    interval is that of Yao (1987) for a step much smaller than the noise of a shot.

    Args:
        series: numbers of each shot, (N,) each.
        names: of the series.
        alpha: of the interval; a p-value goes down to a tenth of alpha over `num_tests`.
        num_tests: of the family.

    >>> series = stream(0, "series").generator().normal(size=4000)
    >>> series[2500:] += 0.5
    >>> found = drift([series], ["photon number"], 0.01, 1)
    >>> found.p_value < 0.01, found.detail["first_shot_after"]
    (True, 2496)
    """
    number = len(series[0])
    finding = Finding(
        name="drift",
        title="Drift over shot order",
        sees="share of the shots before the most likely change",
        route="permutations of blocks of successive shots",
        num_shots=number,
    )
    B = min(_MOST_BLOCKS, number // _LEAST_BLOCK)
    if number < _LEAST_SHOTS or B < _LEAST_BLOCKS:
        return replace(finding, reason=f"a change takes at least {_LEAST_SHOTS} shots to see")
    size = number // B
    means = np.stack([one[: size * B].reshape(B, size).mean(axis=1) for one in series], axis=1)
    spread = means.std(axis=0)
    moving = np.flatnonzero(spread > 1e-12)
    if not len(moving):
        return replace(finding, p_value=1.0, undecided="no mode ever changes its counts")
    z = (means[:, moving] - means[:, moving].mean(axis=0)) / spread[moving]
    observed = np.abs(np.cumsum(z, axis=0)[:-1]).max(axis=0)
    permutations = int(min(_MOST_PERMUTATIONS, np.ceil(10 * num_tests / alpha)))
    generator = stream(0, "validation", "drift").generator()
    beyond = 0
    for start in range(0, permutations, 512):
        batch = min(512, permutations - start)
        order = generator.permuted(np.tile(np.arange(B), (batch, 1)), axis=1)
        highest = np.zeros(batch)
        for column in z.T:
            sums = np.cumsum(column[order], axis=1)
            np.maximum(highest, np.abs(sums[:, :-1]).max(axis=1), out=highest)
        beyond += int((highest >= observed.max() - 1e-9).sum())
    p = (1 + beyond) / (1 + permutations)
    worst = int(np.argmax(observed))
    values = series[moving[worst]].astype(np.float64)
    at, before, after, reach = _change(values, alpha)
    return replace(
        finding,
        estimate=at / number,
        interval=(max(0, at - reach) / number, min(number, at + reach) / number),
        p_value=p,
        detail={
            "series": names[moving[worst]],
            "first_shot_after": at,
            "shots": [max(0, at - reach), min(number, at + reach)],
            "mean_before": before,
            "mean_after": after,
            "statistic": float(observed.max() / np.sqrt(B)),
            "num_permutations": permutations,
            "path": (np.cumsum(z[:, worst]) / np.sqrt(B)).tolist(),
        },
    )


@cache
def change_point_reach(confidence: float) -> float:
    """Return c such that the place of a change is within ``c sd**2 / step**2`` of its estimate.

    The quantile of ``argmax W(s) - |s| / 2`` for a two-sided Brownian motion W, of the law
    ``1 + sqrt(s / 2 pi) exp(-s / 8) - (s + 5) / 2 Phi(-sqrt(s) / 2)
    + 3 / 2 exp(s) Phi(-3 sqrt(s) / 2)``.

    Source: Yao, *Approximating the distribution of the maximum likelihood estimate of the
    change-point*, Ann. Statist. 15 (1987).

    >>> round(change_point_reach(0.95), 1), round(change_point_reach(0.9), 1)
    (11.0, 7.7)
    """

    def beyond(s: float) -> float:
        last = 1.5 * np.exp(s + stats.norm.logcdf(-1.5 * np.sqrt(s)))
        law = 1 + np.sqrt(s / 2 / np.pi) * np.exp(-s / 8)
        law += last - (s + 5) / 2 * stats.norm.cdf(-np.sqrt(s) / 2)
        return float(law - (1 + confidence) / 2)

    return float(optimize.brentq(beyond, 1e-9, 500.0))  # type: ignore[arg-type]


def successive_shots(counts: np.ndarray, alpha: float) -> Finding:
    """Test whether a shot knows of the one before it.

    The lag-1 autocorrelation r of the total, of every mode, and of the vector of all modes,
    ``sum_t y_t . y_(t+1)`` over its spread; ``r sqrt(N)`` is standard normal for independent
    shots, and the largest of all decides.
    """
    number, m = counts.shape
    finding = Finding(
        name="successive_shots",
        title="Successive shots",
        sees="autocorrelation of neighbours: largest of total, modes and their vector",
        expected=0.0,
        route="independent shots",
        num_shots=number,
    )
    if number < _LEAST_SHOTS:
        return replace(finding, reason=f"a memory takes at least {_LEAST_SHOTS} shots to see")
    mean = counts.mean(axis=0)
    inner, square = np.zeros(m), np.zeros(m)
    between = np.zeros((m, m))
    overlap = total = 0.0
    for start in range(0, number, 16_384):
        rows = counts[start : start + 16_385] - mean
        now, then = rows[:16_384], rows[1:]
        now_paired = now[: len(then)]
        inner += (now_paired * then).sum(axis=0)
        overlap += float((now_paired * then).sum())
        total += float(now_paired.sum(axis=1) @ then.sum(axis=1))
        square += (now**2).sum(axis=0)
        between += now.T @ now
    covariance = between / number
    in_all = float(covariance.sum())
    scores, names = [], []
    # Taking away the mean makes neighbours look opposed by 1/N.
    if in_all > 1e-9:
        scores.append((total / number + in_all / number) / in_all)
        names.append("photon number")
    for mode in range(m):
        if (variance := square[mode] / number) > 1e-12:
            scores.append((inner[mode] / number + variance / number) / variance)
            names.append(f"mode {mode}")
    spread = float(np.sqrt((covariance**2).sum()))
    if spread > 1e-12:
        scores.append((overlap / number + np.trace(covariance) / number) / spread)
        names.append("vector of all modes")
    if not scores:
        return replace(finding, p_value=1.0, undecided="no mode ever changes its counts")
    place, p = most_extreme(np.array(scores) * np.sqrt(number))
    level = (1 - (1 - alpha) ** (1 / len(scores))) / 2
    reach = float(stats.norm.isf(level)) / np.sqrt(number)
    value = float(scores[place])
    return replace(
        finding,
        estimate=value,
        interval=(value - reach, value + reach),
        p_value=p,
        detail={"of": names[place], "num_tested": len(scores)},
    )


def repeated_chunks(counts: np.ndarray, alpha: float) -> Finding:
    """Look for runs of shots that occur twice, byte for byte, at any distance.

    The longest run that occurs twice is found exactly, by doubling. Whatever the law of a shot,
    two given runs of R independent shots agree with probability at most ``p**R``, p being that
    of the likeliest outcome; so ``N**2 / 2 p**R`` bounds the p-value. p is taken at the upper end
    of its interval, of error alpha / 100.
    """
    number = len(counts)
    finding = Finding(
        name="repeated_chunks",
        title="Repeated chunks",
        sees="longest run of shots that occurs twice, against what chance alone gives at most",
        route="independent shots, bounded by the likeliest outcome",
        num_shots=number,
    )
    if number < _LEAST_SHOTS:
        return replace(finding, reason=f"a repeat takes at least {_LEAST_SHOTS} shots to tell")
    rows = np.ascontiguousarray(counts)
    keys = rows.view(np.dtype((np.void, rows.shape[1]))).reshape(-1)
    _, ranks, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    often = int(sizes.max())
    tail = stats.beta.isf(alpha / 100, often + 1, max(number - often, 1))
    likeliest = 1.0 if often == number else float(tail)
    length, first, second = _longest_repeat(ranks.reshape(-1).astype(np.int64))
    bound = np.log(number) * 2 - np.log(2) + length * np.log(likeliest)
    p = float(min(1.0, np.exp(min(bound, 0.0)) + alpha / 100))
    # The longest run that chance alone explains, on average once.
    usual = (2 * np.log(number) - np.log(2)) / -np.log(likeliest) if likeliest < 1 else np.inf
    finding = replace(
        finding,
        estimate=float(length),
        expected=None if np.isinf(usual) else float(usual),
        p_value=p,
        detail={
            "first": [first, first + length],
            "second": [second, second + length],
            "likeliest_outcome": likeliest,
        },
    )
    if usual > number / 10:
        why = "a few outcomes make up the law: chance alone repeats long runs"
        return replace(finding, undecided=why)
    return finding


def _longest_repeat(ranks: np.ndarray) -> tuple[int, int, int]:
    """Length of the longest run that starts at two places, and the places (0 if there is none)."""
    number = len(ranks)
    levels = [ranks]  # levels[j][i] ranks the run of 2**j shots at i
    while len(levels[-1]) and _twice(levels[-1]) is not None:
        half = 2 ** (len(levels) - 1)
        if 2 * half > number:
            break
        levels.append(_joined(levels[-1], levels[-1], half))
    length, current = 0, np.zeros(number, dtype=np.int64)
    found = (0, 0)
    for j in reversed(range(len(levels))):
        if length + 2**j > number:
            continue
        longer = levels[j] if length == 0 else _joined(current, levels[j], length)
        if (pair := _twice(longer)) is not None:
            length, current, found = length + 2**j, longer, pair
    return length, found[0], found[1]


def _joined(left: np.ndarray, right: np.ndarray, shift: int) -> np.ndarray:
    """Rank the runs that `left` begins at i and `right` goes on with at i + shift."""
    stop = min(len(left), len(right) - shift)
    if stop <= 0:
        return np.empty(0, dtype=np.int64)
    both = left[:stop] * (int(right.max()) + 1) + right[shift : shift + stop]
    return np.unique(both, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _twice(ranks: np.ndarray) -> tuple[int, int] | None:
    """Two places of equal rank, the first such pair in shot order."""
    if len(ranks) < 2:
        return None
    order = np.argsort(ranks, kind="stable")
    same = np.flatnonzero(ranks[order][1:] == ranks[order][:-1])
    if not len(same):
        return None
    best = same[np.argmin(order[same])]
    return int(order[best]), int(order[best + 1])


def _change(values: np.ndarray, alpha: float) -> tuple[int, float, float, int]:
    """First shot after the change, means before and after, and how far the place may be off."""
    number = len(values)
    path = np.cumsum(values - values.mean())[:-1]
    at = int(np.argmax(np.abs(path))) + 1
    before, after = float(values[:at].mean()), float(values[at:].mean())
    within = (values[:at].var() * at + values[at:].var() * (number - at)) / number
    step = (after - before) ** 2
    reach = change_point_reach(1 - alpha) * within / step if step > 0 else np.inf
    return at, before, after, int(min(number, np.ceil(reach) + 1))
