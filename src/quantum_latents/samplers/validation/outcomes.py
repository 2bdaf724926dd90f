"""Whole outcomes: the law of a small system, and the likelihood of one or the other.

Notation: s is the outcome of a shot of total k, n photons; ``p(s | k)`` is its probability given
the total, averaged over which k of the n photons were seen. With ``L(x)`` the product of
``p(s | k)`` over shots at overlap x, the posterior odds of interference against none are
``L(1) / L(0)`` times the prior odds, which are 1.

Source: Bentivegna et al., *Bayesian approach to boson sampling validation*, Int. J. Quantum
Inf. 12 (2014).
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace

import numba
import numpy as np
from scipy import stats

from quantum_latents.samplers.noisy_law import noisy_law
from quantum_latents.samplers.occupation import input_columns
from quantum_latents.samplers.permanent import glynn
from quantum_latents.samplers.probabilities import Law, boson_law, distinguishable_law
from quantum_latents.samplers.validation.findings import Finding
from quantum_latents.samplers.validation.laws import chi_square
from quantum_latents.samplers.validation.promise import Promise
from quantum_latents.samplers.validation.tally import Tally

__all__ = ["every_outcome", "indistinguishable_or_not", "log_likelihoods"]

_MOST_OUTCOMES = 60_000
"""Most entries of a law that is written out for the test of all outcomes."""

_MOST_TERMS = 3_000_000
"""Most outcomes times sets of photons that are summed for such a law."""

_MOST_SHOTS = 2_000
_LEAST_SHOTS = 10
_PRODUCTS = 5e8
"""Complex products that the likelihoods may take: some seconds."""


def every_outcome(promise: Promise, sums: Tally) -> Finding:
    """Test the number of shots of every outcome of a small system, by chi-square.

    Given the totals where the promise has one loss for all photons; else against the whole law.

    Args:
        promise: what the counts should follow.
        sums: of the bank.
    """
    finding = Finding(
        name="every_outcome",
        title="Every outcome",
        sees="chi-square of all outcomes over its degrees of freedom",
        expected=1.0,
        num_shots=len(sums),
    )
    statistic, freedom, impossible = 0.0, 0, 0
    strata = sums.values.tolist() if promise.given_total else [None]
    for k in strata:
        law = _law(promise, k)
        if law is None:
            return replace(finding, reason="the law of this device is too large to write out")
        rows = sums.counts if k is None else sums.counts[sums.totals == k]
        try:
            test = chi_square(rows, law)
        except ValueError:  # too few shots of this total
            continue
        impossible += test.num_impossible
        statistic, freedom = statistic + test.statistic, freedom + test.degrees_of_freedom
    route = "exact law, given the total of each shot" if promise.given_total else "exact law"
    finding = replace(finding, route=route)
    if impossible:
        why = f"{impossible:,} shots have outcomes that cannot be"
        return replace(finding, p_value=0.0, reason=why)
    if not freedom:
        return replace(finding, reason="too few shots to test a law of so many outcomes")
    return replace(
        finding,
        estimate=statistic / freedom,
        p_value=float(stats.chi2.sf(statistic, freedom)),
        detail={"chi_square": statistic, "degrees_of_freedom": freedom},
    )


def _law(promise: Promise, total: int | None) -> Law | None:
    """The law of all outcomes, given a total if there is one; None if it is too large."""
    device, t, n = promise.interferometer, promise.occupation, sum(promise.occupation)
    x = promise.noise.interference
    if total is not None and x in (0, 1):
        # Any of the photons may be the ones that were seen.
        number = math.comb(len(t) + total - 1, total)
        if number * math.comb(n, total) > _MOST_TERMS or number > _MOST_OUTCOMES:
            return None
        columns = input_columns(t).tolist()
        seen = Counter(itertools.combinations(columns, total))
        law_of = boson_law if x == 1 else distinguishable_law
        mean = np.zeros(number)
        for chosen, weight in seen.items():
            outcomes, law = law_of(device, np.bincount(chosen, minlength=len(t)))
            mean += weight * law
        return outcomes, mean / mean.sum()
    most = n * (2 if promise.noise.g2 > 0 else 1)
    if (most + 1) ** len(t) > _MOST_OUTCOMES:
        return None
    noise = promise.noise if total is None else promise.of_photons(total)
    try:
        return noisy_law(device, t, noise)
    except ValueError:
        return None


def log_likelihoods(promise: Promise, counts: np.ndarray) -> np.ndarray:
    """Return ``log p(s | k)`` of shots with and without interference, float64 (2, N).

    Args:
        promise: its interferometer and input.
        counts: shots, (N, m), of at most n photons each.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> promise = Promise(interferometer=splitter, occupation=(1, 1))
    >>> np.exp(log_likelihoods(promise, np.array([[2, 0], [1, 0], [0, 0]]))).round(9).tolist()
    [[0.5, 0.5, 1.0], [0.25, 0.5, 1.0]]
    """
    columns = input_columns(promise.occupation)
    U = np.ascontiguousarray(promise.interferometer.unitary)
    rows, inverse = np.unique(np.asarray(counts), axis=0, return_inverse=True)
    found = np.empty((2, len(rows)))
    subsets: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for place, s in enumerate(rows):
        k = int(s.sum())
        if k not in subsets:
            sets = list(itertools.combinations(columns.tolist(), k))  # of no photon: one, empty
            chosen = np.array(sets, dtype=np.int64).reshape(len(sets), k)
            chosen, weights = np.unique(chosen, axis=0, return_counts=True)
            norms = [math.prod(map(math.factorial, np.bincount(one).tolist())) for one in chosen]
            subsets[k] = chosen, np.stack([weights / np.array(norms), weights]) / weights.sum()
        chosen, weights = subsets[k]
        outputs = np.repeat(np.arange(len(s)), s)
        repeats = math.prod(math.factorial(int(number)) for number in s)
        found[:, place] = _averaged(U, outputs, chosen, weights) / repeats
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(found, 0.0))[:, inverse.reshape(-1)]


def indistinguishable_or_not(promise: Promise, sums: Tally, alpha: float) -> Finding:
    """Weigh interference against none by the likelihood of shots, with prior odds 1.

    Shots are taken evenly over the bank, as many as can be worked out. The likelihood ratio of
    the other hypothesis to the promised one exceeds ``1/p`` with probability at most p if the
    promise holds (Ville), so its inverse is a p-value, whatever the number of shots.

    Args:
        promise: what the counts should follow; of full interference, or of none.
        sums: of the bank.
        alpha: the promise is confirmed from a posterior of 1 - alpha.
    """
    finding = Finding(
        name="bayesian",
        title="Indistinguishable or distinguishable",
        sees="posterior probability that the photons interfere, prior 1/2",
        route="likelihoods of whole shots, given their totals",
    )
    x, n = promise.noise.interference, sum(promise.occupation)
    if not promise.given_total:
        return replace(finding, reason="the likelihood of a shot has no short form here")
    if promise.num_photons != n:
        return replace(finding, reason="the photons of the input are drawn anew in each shot")
    if 0 < x < 1:
        why = f"the promise, x = {x:g}, lies between the two hypotheses"
        return replace(finding, reason=why)
    most = int(sums.totals.max())
    typical = np.minimum(sums.totals, n)
    work = np.array(
        [3.0 * math.comb(n, k) * (k + 1) * 2.0 ** max(k - 1, 0) + 500 for k in range(n + 1)]
    )[typical]
    subsets = math.comb(n, int(np.median(typical)))
    number = int(min(_MOST_SHOTS, len(sums), _PRODUCTS / work.mean()))
    if number < _LEAST_SHOTS or subsets > 200_000 or most > 30:
        why = f"{n} photons are too many: permanents of whole shots do not end in time"
        return replace(finding, reason=why)
    taken = np.unique(np.linspace(0, len(sums) - 1, number).astype(np.int64))
    full, none = log_likelihoods(promise, sums.counts[taken])
    promised, other = (full, none) if x == 1 else (none, full)
    if not np.isfinite(promised).all():
        off = int((~np.isfinite(promised)).sum())
        why = f"{off:,} shots are impossible under the promise"
        return replace(finding, p_value=0.0, reason=why, num_shots=len(taken))
    with np.errstate(invalid="ignore"):
        log_odds = float(np.sum(promised - other))  # of the promise; infinite if it alone can be
    posterior = float(1 / (1 + np.exp(-np.clip(log_odds, -700, 700))))
    interferes = posterior if x == 1 else 1 - posterior
    why = ""
    if posterior < 1 - alpha:
        why = f"{len(taken):,} shots do not decide: posterior of the promise {posterior:.3g}"
    each = (promised - other)[np.isfinite(other)]
    return replace(
        finding,
        estimate=interferes,
        expected=1.0 if x == 1 else 0.0,
        p_value=float(min(1.0, np.exp(min(log_odds, 700.0)))),
        undecided=why,
        num_shots=len(taken),
        detail={
            "log_odds_of_the_promise": log_odds,
            "nats_a_shot": float(each.mean()) if len(each) else None,
            "prior": 0.5,
        },
    )


@numba.njit(nogil=True, cache=True)
def _averaged(U, outputs, chosen, weights):
    """Weighted permanents over the sets of input columns: with interference, and without."""
    k = outputs.size
    full = none = 0.0
    amplitudes = np.empty((k, k), np.complex128)
    chances = np.empty((k, k), np.float64)
    for subset in range(chosen.shape[0]):
        for row in range(k):
            for column in range(k):
                u = U[outputs[row], chosen[subset, column]]
                amplitudes[row, column] = u
                chances[row, column] = u.real * u.real + u.imag * u.imag
        a = glynn(amplitudes)
        full += weights[0, subset] * (a.real * a.real + a.imag * a.imag)
        none += weights[1, subset] * glynn(chances)
    return np.array([full, none])
