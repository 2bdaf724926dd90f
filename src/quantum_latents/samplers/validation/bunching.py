"""Where photons gather: generalised bunching, and photon numbers in bins.

Notation: N shots of m modes and totals k, n photons; M a set of modes. *Generalised bunching* is
the probability that all counts lie in M, so that its complement stays silent. Given the totals,
both have laws from permanents: of the joint law of the counts in M and elsewhere, each
total is a diagonal, and a loss that is the same for all photons drops out of it.

Sources: Shchesnovich, *Universality of generalized bunching*, arXiv 1509.01561; Seron et al.,
arXiv 2212.09643, for binned counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from quantum_latents.samplers.marginals import binned_law
from quantum_latents.samplers.noise import Noise
from quantum_latents.samplers.noisy_moments import noisy_covariance
from quantum_latents.samplers.validation.findings import Finding, two_sided
from quantum_latents.samplers.validation.laws import tallied_chi_square
from quantum_latents.samplers.validation.promise import Promise
from quantum_latents.samplers.validation.tally import Tally
from quantum_latents.samplers.validation.totals import homogeneity
from quantum_latents.samplers.validation.twin import Twins

__all__ = ["bin_laws", "chosen_bins", "generalised_bunching", "photons_in_bins"]

_MOST_PHOTONS = 18
"""Most photons of which permanents are taken: a second for a law of two bins."""

_SILENT_MODES = (1, 2, 3, 4, 6, 8, 12, 16)
_LEAST_PROBABILITY = 0.02
_LEAST_SHOTS = 25
_FEWEST = 1e-6
"""Probability of a total below which rounding may be seen in what is divided by it."""


def bin_laws(
    promise: Promise, modes: Sequence[int], totals: Sequence[int], interference: float | None = None
) -> dict[int, np.ndarray]:
    """Return the law of the counts in some modes for shots of each total, {k: (k + 1,)}.

    Where the promise has one loss for all photons; totals that hardly occur are left out.

    Args:
        promise: of which `given_total` holds.
        modes: the bin.
        totals: those asked for.
        interference: another overlap than the promised one.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> promise = Promise(interferometer=splitter, occupation=(1, 1))
    >>> laws = bin_laws(promise, [0], [1, 2])
    >>> laws[1].round(9).tolist(), laws[2].round(9).tolist()
    ([0.5, 0.5], [0.5, 0.0, 0.5])
    """
    device, t, n = promise.interferometer, promise.occupation, promise.num_photons
    x = promise.noise.interference if interference is None else interference
    asked = None if n == sum(t) else n
    known = sorted({int(k) for k in totals if 0 <= k <= n})
    if not known:
        return {}
    rest = [mode for mode in range(len(t)) if mode not in set(modes)]
    if known == [n]:
        law = binned_law(device, t, Noise(interference=x, input_photons=asked), [modes])
        return {n: law / law.sum()}
    # Any loss will do: one of which the totals in question are likely.
    tau = float(np.clip(np.mean(known) / n, 0.05, 0.95))
    noise = Noise(interference=x, input_photons=asked, input_transmission=tau)
    joint = binned_law(device, t, noise, [modes, rest])
    laws = {}
    for k in known:
        law = np.array([joint[a, k - a] for a in range(k + 1)])
        if law.sum() > _FEWEST:
            laws[k] = law / law.sum()
    return laws


def chosen_bins(promise: Promise) -> list[list[int]]:
    """Return the bins that are looked at: one half by position, one by interference.

    The second holds the modes with a positive entry in the leading eigenvector of the
    difference that interference makes to the covariance. Both know the promise alone.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> device = haar(4, stream(0, "interferometer"))
    >>> chosen_bins(Promise(interferometer=device, occupation=(1, 1, 0, 0)))[0]
    [0, 1]
    """
    m = promise.num_modes
    bins = [list(range(max(1, m // 2)))]
    full, none = (
        noisy_covariance(promise.interferometer, promise.occupation, Noise(interference=x))
        for x in (1.0, 0.0)
    )
    values, vectors = np.linalg.eigh(full - none)
    leading = vectors[:, int(np.argmax(np.abs(values)))]
    leading = leading * np.sign(leading[int(np.argmax(np.abs(leading)))])
    second = np.flatnonzero(leading > 1e-9).tolist()
    if 0 < len(second) < m and second != bins[0]:
        bins.append(second)
    return bins


def photons_in_bins(promise: Promise, sums: Tally, twins: Twins, alpha: float) -> Finding:
    """Test the law of the counts in two bins, by chi-square within the shots of each total.

    The two bins' p-values are combined by Bonferroni. The number shown is the mean count in the
    bin that is further off.

    Args:
        promise: what the counts should follow.
        sums: of the bank.
        twins: where a twin comes from if permanents end.
        alpha: of the interval.
    """
    finding = Finding(
        name="photons_in_bins",
        title="Photons in bins",
        sees="mean counts in the bin that is further off",
        num_shots=len(sums),
    )
    if promise.num_modes < 2:
        return replace(finding, reason="one mode has no bins")
    bins = chosen_bins(promise)
    closed = _has_laws(promise)
    route = "permanents, given the total of each shot" if closed else ""
    if not closed:
        try:
            twin = twins()
        except ValueError as error:
            return replace(finding, reason=str(error))
        route = f"a simulated twin of {len(twin):,} shots, its own error included"
    found = []
    for modes in bins:
        mine = sums.counts[:, modes].sum(axis=1, dtype=np.int64)
        if closed:
            statistic, freedom, expected = _in_strata(promise, sums, mine, modes)
        else:
            theirs = twin.counts[:, modes].sum(axis=1, dtype=np.int64)
            statistic, freedom = _between_strata(sums.totals, mine, twin.totals, theirs)
            expected = float(theirs.mean())
        p = float(stats.chi2.sf(statistic, freedom)) if freedom else None
        found.append((p, mine, expected, modes, statistic, freedom))
    tested = [one for one in found if one[0] is not None]
    if not tested:
        return replace(finding, reason="too few shots of each total to test a law")
    p, mine, expected, modes, statistic, freedom = min(tested, key=lambda one: one[0])
    reach = float(stats.norm.isf(alpha / 2) * mine.std() / np.sqrt(len(sums)))
    return replace(
        finding,
        estimate=float(mine.mean()),
        expected=expected,
        interval=(float(mine.mean()) - reach, float(mine.mean()) + reach),
        p_value=min(1.0, len(tested) * p),
        route=route,
        detail={"bin": modes, "bins": bins, "chi_square": statistic, "degrees_of_freedom": freedom},
    )


def generalised_bunching(promise: Promise, sums: Tally, twins: Twins, alpha: float) -> Finding:
    """Test how often all counts lie in a set of modes.

    The silent modes are the brightest few; how many is chosen so that the promise and its
    control without interference differ the most in units of a shot's spread.

    Args:
        promise: what the counts should follow.
        sums: of the bank.
        twins: where a twin comes from if permanents end.
        alpha: of the interval.
    """
    finding = Finding(
        name="generalised_bunching",
        title="Generalised bunching",
        sees="share of shots with all counts in a set of modes",
        num_shots=len(sums),
    )
    control_overlap = 0.0 if promise.noise.interference > 0 else 1.0
    mean = np.abs(promise.interferometer.unitary) ** 2 @ np.array(promise.occupation, float)
    brightest = np.argsort(-mean, kind="stable")
    sets = [brightest[:size].tolist() for size in _SILENT_MODES if size < promise.num_modes]
    if not sets:
        return replace(finding, reason="one mode cannot stay silent alone")
    if not _has_laws(promise):
        return _bunching_of_twin(finding, sums, sets, twins, alpha)
    typical = int(np.median(sums.totals))
    best, silent = -1.0, None
    for modes in sets:
        laws = [bin_laws(promise, modes, [typical], x) for x in (None, control_overlap)]
        if not all(laws):
            continue
        p, q = (law[typical][0] for law in laws)
        if min(p, q) < _LEAST_PROBABILITY:
            break
        apart = abs(p - q) / np.sqrt(p * (1 - p) + 1e-12)
        if apart > best:
            best, silent = apart, modes
    if silent is None:
        return replace(finding, reason="all sets of modes stay silent too seldom to count")
    totals = sums.values.tolist()
    law, control = (bin_laws(promise, silent, totals, x) for x in (None, control_overlap))
    known = np.array([k in law and k in control for k in totals])
    shots = known[np.searchsorted(sums.values, sums.totals)]
    quiet = (sums.counts[:, silent].max(axis=1) == 0) & shots
    sizes = sums.sizes[known].astype(np.float64)
    chance = np.array([law[k][0] for k in np.array(totals)[known]])
    other = np.array([control[k][0] for k in np.array(totals)[known]])
    number, observed = float(sizes.sum()), int(quiet.sum())
    expected = float(sizes @ chance) / number
    if min(expected, 1 - expected) * number < _LEAST_SHOTS:
        return replace(finding, reason="too few shots are expected to bunch: more shots")
    share = observed / number
    reach = float(stats.norm.isf(alpha / 2) * np.sqrt(max(share * (1 - share), 1e-12) / number))
    return replace(
        finding,
        estimate=share,
        expected=expected,
        interval=(max(0.0, share - reach), min(1.0, share + reach)),
        control=float(sizes @ other) / number,
        p_value=_successes(observed, sizes, chance),
        route="permanents, given the total of each shot",
        num_shots=int(number),
        detail={"silent_modes": silent},
    )


def _has_laws(promise: Promise) -> bool:
    x, bunched = promise.noise.interference, max(promise.occupation) > 1
    partly = promise.num_photons != sum(promise.occupation) or 0 < x < 1
    photons = sum(promise.occupation)
    return promise.given_total and photons <= _MOST_PHOTONS and not (bunched and partly)


def _in_strata(
    promise: Promise, sums: Tally, mine: np.ndarray, modes: Sequence[int]
) -> tuple[float, int, float]:
    """Chi-square and its degrees of freedom over all totals, and the expected mean."""
    laws = bin_laws(promise, modes, sums.values.tolist())
    statistic, freedom, mean, number = 0.0, 0, 0.0, 0
    for k, law in laws.items():
        held = mine[sums.totals == k]
        mean += len(held) * float(np.arange(k + 1) @ law)
        number += len(held)
        try:
            test = tallied_chi_square(np.bincount(held, minlength=k + 1), law)
        except ValueError:  # too few shots of this total
            continue
        statistic += test.statistic
        freedom += test.degrees_of_freedom + (test.num_impossible > 0)
    return statistic, freedom, mean / max(number, 1)


def _between_strata(
    totals: np.ndarray, mine: np.ndarray, twin_totals: np.ndarray, theirs: np.ndarray
) -> tuple[float, int]:
    statistic, freedom = 0.0, 0
    for k in np.intersect1d(totals, twin_totals).tolist():
        a, b = np.bincount(mine[totals == k]), np.bincount(theirs[twin_totals == k])
        length = max(len(a), len(b))
        table = np.array([np.pad(row, (0, length - len(row))) for row in (a, b)])
        p, df = homogeneity(table)
        if p is not None:
            statistic += float(stats.chi2.isf(max(p, 1e-300), df))
            freedom += df
    return statistic, freedom


def _bunching_of_twin(
    finding: Finding, sums: Tally, sets: list[list[int]], twins: Twins, alpha: float
) -> Finding:
    """Compare with a twin, total by total (Mantel and Haenszel 1959)."""
    try:
        twin = twins()
    except ValueError as error:
        return replace(finding, reason=str(error))
    silent = None
    for modes in sets:  # by the twin alone, so never by the counts
        if (twin.counts[:, modes].max(axis=1) == 0).mean() > 2 * _LEAST_PROBABILITY:
            silent = modes
    if silent is None:
        return replace(finding, reason="all sets of modes stay silent too seldom to count")
    ours, theirs = (one.counts[:, silent].max(axis=1) == 0 for one in (sums, twin))
    excess = variance = compared = 0.0
    for k in np.intersect1d(sums.values, twin.values).tolist():
        a, b = ours[sums.totals == k], theirs[twin.totals == k]
        size, quiet = len(a) + len(b), a.sum() + b.sum()
        if size < 2:
            continue
        excess += a.sum() - len(a) * quiet / size
        variance += len(a) * len(b) * quiet * (size - quiet) / size**2 / (size - 1)
        compared += len(a)
    if variance < _LEAST_SHOTS:
        return replace(finding, reason="too few shots are expected to bunch: more shots")
    share, weight = float(ours.mean()), compared and variance
    # The excess over the twin, as if it came from the bank's side alone.
    gap = excess / variance * share * (1 - share) if weight else 0.0
    error = float(share * (1 - share) / np.sqrt(variance))
    reach = float(stats.norm.isf(alpha / 2)) * error
    return replace(
        finding,
        estimate=share,
        expected=float(np.clip(share - gap, 0.0, 1.0)),
        interval=(max(0.0, share - reach), min(1.0, share + reach)),
        p_value=two_sided(excess / np.sqrt(variance)),
        route=f"a simulated twin of {len(twin):,} shots, its own error included",
        detail={"silent_modes": silent},
    )


def _successes(observed: int, sizes: np.ndarray, chance: np.ndarray) -> float:
    """Two-sided p-value of a number of successes of independent shots, by total.

    Exact for one total; else normal, corrected for skewness (Cornish and Fisher).
    """
    if len(sizes) == 1:
        law = stats.binom(int(sizes[0]), float(chance[0]))
        return float(min(1.0, 2 * min(law.cdf(observed), law.sf(observed - 1))))
    mean, variance = sizes @ chance, sizes @ (chance * (1 - chance))
    third = sizes @ (chance * (1 - chance) * (1 - 2 * chance))
    z, skewness = (observed - mean) / np.sqrt(variance), third / variance**1.5
    return two_sided(float(z - skewness * (z**2 - 1) / 6))
