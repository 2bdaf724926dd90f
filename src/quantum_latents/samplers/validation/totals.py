"""How many photons were seen: the law of the total, and the transmission behind it.

Notation: N shots, k counts of a shot in all, ``p_k(tau)`` the law of k where every photon has the
same chance tau to be seen; a post-selection keeps some totals, whose law is
``p_k(tau) / sum of the kept``. Where a histogram of all shots is known, discarded ones included,
it is what is fitted and tested.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import optimize, stats

from quantum_latents.samplers.acceptance import photon_number_law
from quantum_latents.samplers.marginals import binned_law
from quantum_latents.samplers.noise import dark_count_table
from quantum_latents.samplers.validation.findings import Finding
from quantum_latents.samplers.validation.laws import tallied_chi_square
from quantum_latents.samplers.validation.promise import Promise
from quantum_latents.samplers.validation.tally import Tally
from quantum_latents.samplers.validation.twin import Twins

__all__ = ["TransmissionFit", "fit_transmission", "fitted_transmission", "photon_numbers"]

_MOST_PHOTONS = 14
"""Most photons of which the law of the total is worked out by permanents."""


@dataclass(frozen=True, kw_only=True)
class TransmissionFit:
    """A fit of tau to a histogram of totals.

    Attributes:
        estimate: the most likely tau.
        interval: tau whose log-likelihood is near enough to the highest (chi-square, 1 degree).
        deviance: of the promised tau, twice the log-likelihood that it lacks; None if none is
            promised.
        num_shots: that were fitted.
    """

    estimate: float
    interval: tuple[float, float]
    deviance: float | None
    num_shots: int


def fit_transmission(
    promise: Promise, histogram: np.ndarray, alpha: float, *, selected: bool
) -> TransmissionFit | None:
    """Fit tau to the number of shots of each total, by maximum likelihood.

    Args:
        promise: its sources, dark counts and post-selection; its own losses are what is fitted.
        histogram: shots with 0, 1, ... counts.
        alpha: of the interval.
        selected: whether the histogram holds kept shots alone.

    Returns:
        None where totals do not tell tau: unequal losses, threshold detectors, exactly one
        total kept, or no total that the promise allows.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> device = haar(2, stream(0, "interferometer"))
    >>> promise = Promise(interferometer=device, occupation=(1, 1), known_loss=False)
    >>> fit = fit_transmission(promise, np.array([25, 50, 25]), 0.05, selected=False)
    >>> round(fit.estimate, 3), [round(end, 2) for end in fit.interval]
    (0.5, [0.43, 0.57])
    """
    if promise.transmission is None or promise.noise.threshold:
        return None
    seen = np.flatnonzero(histogram)
    most = len(total_law(promise, 1.0, selected=False)) - 1
    if not len(seen) or seen[0] > most:
        return None
    kept = promise.noise.selected(np.arange(most + 1)) if selected else np.ones(most + 1, bool)
    if kept.sum() < 2 or promise.num_photons == 0:
        return None
    shots = np.zeros(most + 1)
    shots[: len(histogram)] = histogram[: most + 1]
    shots[~kept] = 0

    def log_likelihood(tau: float) -> float:
        law = total_law(promise, tau, selected=selected)
        law = np.pad(law, (0, most + 1 - len(law)))
        with np.errstate(divide="ignore"):
            return float((shots[shots > 0] * np.log(law[shots > 0])).sum())

    least = 1e-4
    found: Any = optimize.minimize_scalar(
        lambda tau: -log_likelihood(tau),
        bounds=(least, 1.0),
        method="bounded",
        options={"xatol": 1e-7},
    )
    best = float(found.x)
    if log_likelihood(1.0) >= log_likelihood(best):
        best = 1.0
    highest, drop = log_likelihood(best), float(stats.chi2.isf(alpha, 1)) / 2

    def lacking(tau: float) -> float:
        return max(log_likelihood(tau) - highest + drop, -1e12)

    low = optimize.brentq(lacking, least, best) if lacking(least) < 0 else 0.0
    high = optimize.brentq(lacking, best, 1.0) if lacking(1.0) < 0 else 1.0
    deviance = None
    if promise.known_loss:
        deviance = 2 * (highest - log_likelihood(promise.transmission))
    return TransmissionFit(
        estimate=best,
        interval=(float(low), float(high)),  # type: ignore[arg-type]
        deviance=deviance,
        num_shots=int(shots.sum()),
    )


def total_law(promise: Promise, tau: float, *, selected: bool) -> np.ndarray:
    """Return ``p_k(tau)``, float64 (K,), of kept shots alone if asked.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> device = haar(2, stream(0, "interferometer"))
    >>> promise = Promise(interferometer=device, occupation=(1, 1))
    >>> total_law(promise, 0.5, selected=False).tolist()
    [0.25, 0.5, 0.25]
    """
    noise = promise.noise
    sources = replace(promise.with_transmission(1.0), at_least=None, exactly=None)
    if noise.g2 > 0:  # how often a source emits decides how often it emits two photons
        sources = replace(sources, emission=noise.emission)
        emission = noise.in_modes("emission", promise.num_modes)[np.array(promise.occupation) > 0]
        tau = min(1.0, tau / max(float(emission.max(initial=0.0)), 1e-300))
    law = photon_number_law(sources, promise.occupation, tau)
    dark = float(noise.in_modes("dark_counts", promise.num_modes).sum())
    if dark > 0:
        law = np.convolve(law, np.diff(dark_count_table(np.array([dark]))[0], prepend=0.0))
    if selected:
        law = np.where(noise.selected(np.arange(len(law))), law, 0.0)
    return law / law.sum() if law.sum() > 0 else law


def fitted_transmission(
    promise: Promise, sums: Tally, all_shots: np.ndarray | None, alpha: float
) -> tuple[Finding, float | None]:
    """Fit the transmission and test the promised one; also return the fit, or None.

    Args:
        promise: what the counts should follow.
        sums: of the bank.
        all_shots: number of shots of each total, discarded ones included; None if not known.
        alpha: of the interval.
    """
    histogram = np.bincount(sums.totals) if all_shots is None else all_shots
    fit = fit_transmission(promise, histogram, alpha, selected=all_shots is None)
    finding = Finding(
        name="transmission",
        title="Transmission",
        sees="chance of a photon to be seen, from the totals",
        expected=promise.transmission if promise.known_loss else None,
        route="likelihood of the totals"
        + (" of kept shots" if all_shots is None else " of all shots, discarded ones included"),
        num_shots=int(histogram.sum()),
    )
    if fit is None:
        why = "totals do not tell it: "
        if promise.noise.threshold:
            why += "detectors click or not"
        elif promise.transmission is None:
            why += "photons are promised unequal losses"
        elif promise.noise.exactly is not None and all_shots is None:
            why += "all kept shots have the same total, and no histogram of all shots is known"
        else:
            why += "no total agrees with the promise"
        return replace(finding, reason=why), None
    finding = replace(finding, estimate=fit.estimate, interval=fit.interval)
    if fit.deviance is None:
        return replace(finding, reason="fitted; nobody promised a transmission"), fit.estimate
    deviance = max(0.0, fit.deviance)
    return replace(finding, p_value=float(stats.chi2.sf(deviance, 1))), fit.estimate


def photon_numbers(
    promise: Promise,
    sums: Tally,
    all_shots: np.ndarray | None,
    transmission: float | None,
    twins: Twins,
    alpha: float,
) -> Finding:
    """Test the number of shots of each total by chi-square.

    Against the promised law; where no loss is promised, against the law of the fitted
    transmission, at the cost of one degree of freedom. Totals that no shot can have, or that
    post-selection discards, reject at once.

    Args:
        promise: what the counts should follow.
        sums: of the bank.
        all_shots: number of shots of each total, discarded ones included; None if not known.
        transmission: the fitted one, where none is promised.
        twins: where a twin comes from if closed forms end.
        alpha: of the interval.
    """
    histogram = np.bincount(sums.totals) if all_shots is None else np.asarray(all_shots)
    numbers, shots = np.arange(len(histogram)), int(histogram.sum())
    average = float(numbers @ histogram / shots)
    variance = max(0.0, float(numbers**2 @ histogram / shots) - average**2)
    reach = float(stats.norm.isf(alpha / 2)) * float(np.sqrt(variance / shots))
    finding = Finding(
        name="photon_numbers",
        title="Photon number",
        sees="mean number of counts of a shot",
        estimate=average,
        interval=(average - reach, average + reach),
        num_shots=shots,
        detail={"histogram": histogram.tolist()},
    )
    if not (kept := promise.noise.selected(sums.totals)).all():
        off = int((~kept).sum())
        why = f"{off:,} shots have totals that post-selection discards"
        return replace(finding, p_value=0.0, reason=why, route="post-selection")
    selected = all_shots is None
    law, fitted = _law(promise, transmission, selected=selected)
    if law is None:
        return _against_twin(finding, histogram, twins, selected=selected)
    mean = float(np.arange(len(law)) @ law)
    spread = float(np.sqrt(np.arange(len(law)) ** 2 @ law - mean**2)) if len(law) else 0.0
    listed = law.tolist()
    if len(law) < len(histogram):
        law = np.pad(law, (0, len(histogram) - len(law)))
    finding = replace(
        finding,
        expected=mean,
        route="law of the fitted transmission" if fitted else "exact law of the total",
        detail={**finding.detail, "law": listed, "standard_deviation": spread},
    )
    observed = np.pad(histogram, (0, len(law) - len(histogram)))
    if (law > 1e-12).sum() == 1:
        off = int(histogram.sum() - histogram[np.argmax(law)])
        why = f"{off:,} shots have another total than {np.argmax(law)}" if off else ""
        return replace(finding, p_value=float(off == 0), reason=why)
    try:
        test = tallied_chi_square(observed, law)
    except ValueError as error:
        return replace(finding, reason=str(error))
    freedom = test.degrees_of_freedom - fitted
    detail = {**finding.detail, "chi_square": test.statistic, "degrees_of_freedom": freedom}
    finding = replace(finding, detail=detail)
    if test.num_impossible:
        why = f"{test.num_impossible:,} shots hold more or fewer counts than the promise allows"
        return replace(finding, p_value=0.0, reason=why)
    if freedom < 1:
        return replace(finding, reason="too few different totals to test the fitted law")
    return replace(finding, p_value=float(stats.chi2.sf(test.statistic, freedom)))


def _law(
    promise: Promise, transmission: float | None, *, selected: bool
) -> tuple[np.ndarray | None, bool]:
    """The law of the total, and whether its transmission is fitted; None without closed form."""
    noise = promise.noise
    if promise.transmission is not None and not noise.threshold:
        if promise.known_loss:
            return total_law(promise, promise.transmission, selected=selected), False
        if transmission is not None:
            return total_law(promise, transmission, selected=selected), True
        if noise.exactly is not None and selected:
            law = np.zeros(noise.exactly + 1)
            law[-1] = 1.0
            return law, False
    if promise.known_loss and sum(promise.occupation) <= _MOST_PHOTONS and not noise.threshold:
        try:
            every = [range(promise.num_modes)]
            law = binned_law(
                promise.interferometer, promise.occupation, promise.unselected(), every
            )
        except ValueError:
            return None, False
        if selected:
            law = np.where(noise.selected(np.arange(len(law))), law, 0.0)
        return law / law.sum(), False
    return None, False


def _against_twin(
    finding: Finding, histogram: np.ndarray, twins: Twins, *, selected: bool
) -> Finding:
    if not selected:
        return replace(finding, reason="the law of all shots has no closed form here")
    try:
        twin = twins()
    except ValueError as error:
        return replace(finding, reason=str(error))
    theirs = np.bincount(twin.totals)
    length = max(len(theirs), len(histogram))
    table = np.array(
        [np.pad(histogram, (0, length - len(histogram))), np.pad(theirs, (0, length - len(theirs)))]
    )
    route = f"a simulated twin of {len(twin):,} shots, its own error included"
    finding = replace(finding, expected=float(twin.totals.mean()), route=route)
    p, freedom = homogeneity(table)
    if p is None:
        return replace(finding, reason="too few different totals to compare")
    return replace(finding, p_value=p, detail={**finding.detail, "degrees_of_freedom": freedom})


def homogeneity(table: np.ndarray) -> tuple[float | None, int]:
    """Return the p-value of two rows of counts having one law, and its degrees of freedom.

    Pearson's chi-square; neighbouring columns are pooled until both rows expect 5 in each.

    >>> homogeneity(np.array([[50, 50], [60, 40]]))[1]
    1
    """
    least = table.sum(axis=0) * (table.sum(axis=1).min() / table.sum())
    starts, held = [0], 0.0
    for column, expected in enumerate(least):
        if held >= 5:
            starts.append(column)
            held = 0.0
        held += expected
    if held < 5 and len(starts) > 1:
        starts.pop()
    if len(starts) < 2:
        return None, 0
    pooled = np.add.reduceat(table, starts, axis=1)
    test = stats.chi2_contingency(pooled, correction=False)
    return float(test.pvalue), len(starts) - 1  # type: ignore[attr-defined]
