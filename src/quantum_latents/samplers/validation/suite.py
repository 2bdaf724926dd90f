"""All tests of a bank's counts, as one family.

Notation: N shots of m modes; alpha is the family-wise error rate, the probability that a bank
that keeps its promise is called inconsistent by any test. Holm's method holds it over all tests
that have a p-value, however they depend on each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quantum_latents.samplers.validation.bunching import generalised_bunching, photons_in_bins
from quantum_latents.samplers.validation.correlators import (
    collision_rate,
    correlator_moments,
    two_point_correlators,
)
from quantum_latents.samplers.validation.findings import Finding, Verdict, judged
from quantum_latents.samplers.validation.moments import Moments, expected_moments
from quantum_latents.samplers.validation.occupancies import dead_or_hot_modes, mean_occupancies
from quantum_latents.samplers.validation.order import drift, repeated_chunks, successive_shots
from quantum_latents.samplers.validation.outcomes import every_outcome, indistinguishable_or_not
from quantum_latents.samplers.validation.overlap import fitted_overlap
from quantum_latents.samplers.validation.promise import Promise
from quantum_latents.samplers.validation.tally import Tally, tally
from quantum_latents.samplers.validation.totals import fitted_transmission, photon_numbers
from quantum_latents.samplers.validation.twin import Twins

__all__ = ["TITLES", "Validation", "validate_counts"]

TITLES = {
    "photon_numbers": "Photon number",
    "transmission": "Transmission",
    "mean_occupancies": "Mean occupancies",
    "dead_or_hot_modes": "Dead or hot modes",
    "two_point_correlators": "Two-point correlators",
    "correlators_nm": "Correlators: normalised mean NM",
    "correlators_cv": "Correlators: coefficient of variation CV",
    "correlators_skewness": "Correlators: skewness S",
    "collision_rate": "Collision rate",
    "generalised_bunching": "Generalised bunching",
    "photons_in_bins": "Photons in bins",
    "every_outcome": "Every outcome",
    "bayesian": "Indistinguishable or distinguishable",
    "interference": "Indistinguishability x",
    "drift": "Drift over shot order",
    "repeated_chunks": "Repeated chunks",
    "successive_shots": "Successive shots",
}
"""Every test by its name, in the order in which they are told."""

Progress = Callable[[str], None]
"""Called with the title of the test that begins."""


@dataclass(frozen=True, kw_only=True)
class Validation:
    """What the tests found.

    Attributes:
        alpha: family-wise error rate.
        num_shots: N.
        num_modes: m.
        findings: one a test, in the order of `TITLES`.
    """

    alpha: float
    num_shots: int
    num_modes: int
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """Inconsistent if any test is; consistent if none is and one at least is decided."""
        verdicts = {one.verdict for one in self.findings}
        if "inconsistent" in verdicts:
            return "inconsistent"
        return "consistent" if "consistent" in verdicts else "undetermined"

    def finding(self, name: str) -> Finding:
        """Return the finding of a test by its name.

        Raises:
            KeyError: no test is called so.
        """
        for one in self.findings:
            if one.name == name:
                return one
        raise KeyError(f"no test is called {name!r}; there are {', '.join(TITLES)}")

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON-able dict."""
        return {
            "alpha": self.alpha,
            "num_shots": self.num_shots,
            "num_modes": self.num_modes,
            "verdict": self.verdict,
            "findings": [one.to_json() for one in self.findings],
        }


def validate_counts(
    counts: np.ndarray,
    promise: Promise | None,
    *,
    alpha: float = 0.01,
    all_shots: np.ndarray | None = None,
    is_in_order: bool = True,
    progress: Progress | None = None,
) -> Validation:
    """Test counts against a promise; without one, their order alone.

    Args:
        counts: uint8 (N, m), one row a shot, in shot order.
        promise: the law that they should follow; None if nothing is known of it.
        alpha: family-wise error rate, declared before the counts are looked at.
        all_shots: how many shots had 0, 1, ... counts, discarded ones included; None if only
            the kept ones are known.
        is_in_order: whether the shots stand in the order in which they were measured; if not,
            the tests of their order are left open.
        progress: called with the title of each test as it begins.

    Raises:
        TypeError, ValueError: counts that are no table of uint8, do not fit the promise, or none;
            an alpha outside (0, 1).

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> from quantum_latents.samplers import sample_boson, sample_distinguishable
    >>> device = haar(6, stream(0, "interferometer"))
    >>> promise = Promise(interferometer=device, occupation=(1, 0, 1, 0, 1, 0))
    >>> counts = sample_boson(device, promise.occupation, 4000, stream(0, "shots"))
    >>> validate_counts(counts, promise).verdict
    'consistent'
    >>> other = sample_distinguishable(device, promise.occupation, 4000, stream(0, "shots"))
    >>> validate_counts(other, promise).finding("interference").verdict
    'inconsistent'
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is a family-wise error rate between 0 and 1, not {alpha}")
    counts = _checked(counts, promise)
    tell = progress or (lambda title: None)
    found: dict[str, Finding] = {}
    scores: np.ndarray | None = None
    series_of = counts
    if promise is not None:
        found, scores, series_of = _against_promise(counts, promise, alpha, all_shots, tell)
    for name, title in TITLES.items():
        if name not in found and name not in _OF_ORDER:
            why = "no interferometer is known: give it, with the photons of its input"
            found[name] = Finding(
                name=name, title=title, sees="", reason=why, num_shots=len(counts)
            )
    if not is_in_order:
        why = "the order of the shots was lost before they became a bank"
        for name in _OF_ORDER:
            found[name] = Finding(
                name=name, title=TITLES[name], sees="", reason=why, num_shots=len(counts)
            )
        return _judged(found, counts, alpha)
    tell(TITLES["drift"])
    found["drift"] = drift(*_series(series_of, scores), alpha, len(TITLES))
    tell(TITLES["repeated_chunks"])
    found["repeated_chunks"] = repeated_chunks(counts, alpha)
    tell(TITLES["successive_shots"])
    found["successive_shots"] = successive_shots(counts, alpha)
    return _judged(found, counts, alpha)


def _judged(found: dict[str, Finding], counts: np.ndarray, alpha: float) -> Validation:
    return Validation(
        alpha=alpha,
        num_shots=len(counts),
        num_modes=counts.shape[1],
        findings=judged([found[name] for name in TITLES], alpha),
    )


_OF_MOMENTS = (
    "mean_occupancies",
    "dead_or_hot_modes",
    "two_point_correlators",
    "correlators_nm",
    "correlators_cv",
    "correlators_skewness",
    "collision_rate",
    "interference",
)
_OF_ORDER = ("drift", "repeated_chunks", "successive_shots")


def _against_promise(
    counts: np.ndarray,
    promise: Promise,
    alpha: float,
    all_shots: np.ndarray | None,
    tell: Progress,
) -> tuple[dict[str, Finding], np.ndarray | None, np.ndarray]:
    """The findings that need a promise; scores of interference, and the shots they belong to."""
    everything = tally(counts)
    found: dict[str, Finding] = {}

    def add(name: str, made: Callable[[], Finding]) -> None:
        tell(TITLES[name])
        try:
            found[name] = made()
        except ValueError as error:  # what neither a closed form nor a twin reaches
            found[name] = Finding(
                name=name,
                title=TITLES[name],
                sees="",
                reason=str(error),
                num_shots=len(counts),
            )

    tell(TITLES["transmission"])
    found["transmission"], tau = fitted_transmission(promise, everything, all_shots, alpha)
    twins = Twins(promise, tau, len(counts))
    add(
        "photon_numbers",
        lambda: photon_numbers(promise, everything, all_shots, tau, twins, alpha),
    )
    sums, left_out = _possible(everything, promise)
    if sums is None:
        return found, None, counts
    moments, control, why = _moments(promise, sums, twins)
    if moments is None:
        for name in _OF_MOMENTS:
            add(name, lambda: _refuse(why))
        scores = None
    else:
        known = moments
        add("mean_occupancies", lambda: mean_occupancies(sums, known, alpha))
        add("dead_or_hot_modes", lambda: dead_or_hot_modes(sums, known, alpha))
        add("two_point_correlators", lambda: two_point_correlators(sums, known, alpha))
        tell(TITLES["correlators_nm"])
        n = sum(promise.occupation)
        for one in correlator_moments(sums, known, control, max(n, 1), alpha):
            found[one.name] = one
        clicks = promise.noise.threshold
        add(
            "collision_rate",
            lambda: collision_rate(sums, known, control, alpha, threshold=clicks),
        )
        held: list[np.ndarray | None] = []

        def overlap() -> Finding:
            finding, each = fitted_overlap(promise, sums, known, twins, alpha)
            held.append(each)
            return finding

        add("interference", overlap)
        scores = held[0] if held else None
    add("generalised_bunching", lambda: generalised_bunching(promise, sums, twins, alpha))
    add("photons_in_bins", lambda: photons_in_bins(promise, sums, twins, alpha))
    add("every_outcome", lambda: every_outcome(promise, sums))
    add("bayesian", lambda: indistinguishable_or_not(promise, sums, alpha))
    if left_out:
        note = {"num_shots_left_out": left_out}
        found = {name: replace(one, detail={**one.detail, **note}) for name, one in found.items()}
    return found, scores, sums.counts


def _refuse(why: str) -> Finding:
    raise ValueError(why)


def _possible(sums: Tally, promise: Promise) -> tuple[Tally | None, int]:
    """The shots that the promise allows a total of, and how many it does not.

    Those are counted by the test of totals; what is expected of them nobody can say.
    """
    if not promise.given_total:
        return sums, 0
    possible = sums.totals <= promise.num_photons
    number = int((~possible).sum())
    if not number:
        return sums, 0
    return (tally(sums.counts[possible]) if possible.any() else None), number


def _moments(
    promise: Promise, sums: Tally, twins: Twins
) -> tuple[Moments | None, Moments | None, str]:
    try:
        moments = expected_moments(promise, sums, twins)
    except ValueError as error:
        return None, None, str(error)
    if promise.noise.gram is not None:
        return moments, None, ""
    try:
        other = 0.0 if promise.noise.interference > 0 else 1.0
        return moments, expected_moments(promise, sums, twins, other), ""
    except ValueError:
        return moments, None, ""


def _series(counts: np.ndarray, scores: np.ndarray | None) -> tuple[list[np.ndarray], list[str]]:
    """What is watched over shot order: the total, every mode, and the score of interference."""
    columns = [counts.sum(axis=1, dtype=np.float64), *counts.T]
    names = ["photon number", *(f"mode {mode}" for mode in range(counts.shape[1]))]
    if scores is not None and len(scores) == len(counts):
        columns.append(scores)
        names.append("interference")
    return columns, names


def _checked(counts: np.ndarray, promise: Promise | None) -> np.ndarray:
    counts = np.asarray(counts)
    if counts.dtype != np.uint8:
        raise TypeError(f"counts are uint8, not {counts.dtype}")
    if counts.ndim != 2 or 0 in counts.shape:
        raise ValueError(
            f"counts are a table (num_samples, num_modes) of at least one shot, "
            f"not of shape {counts.shape}"
        )
    if promise is not None and counts.shape[1] != promise.num_modes:
        raise ValueError(
            f"the counts have {counts.shape[1]} modes, the interferometer {promise.num_modes}"
        )
    return np.ascontiguousarray(counts)
