"""The maximum-entropy pairwise rival: all first and second moments, and nothing beyond them.

Notation: m modes, n photons, outcomes s of n photons in m modes, fields h (m,), couplings J
(m, m), symmetric:

    P(s) = exp(sum_k h_k s_k + sum_kl J_kl s_k s_l) / (Z prod_k s_k!)

relative to the multinomial law, an Ising model on the simplex of fixed photon total. The total
makes h a part of J, so h is left at the logarithm of the means and J alone is fitted: matching
all ``E[s_k s_l]`` matches ``n E[s_k] = sum_l E[s_k s_l]`` with them.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from scipy.special import gammaln

from quantum_latents.circuits import Interferometer
from quantum_latents.latents.sharing import full
from quantum_latents.latents.sources import Card
from quantum_latents.random import Stream
from quantum_latents.samplers.enumeration import num_outcomes, outcome_table
from quantum_latents.samplers.occupation import Occupation, checked_occupation
from quantum_latents.samplers.probabilities import mean_occupancy, pair_correlators

__all__ = ["MAX_PAIRWISE_ENTRIES", "PairwiseSource", "check_pairwise"]

MAX_PAIRWISE_ENTRIES = 20_000_000
"""Most entries of the table of outcomes, C(m + n - 1, n) m: some seconds, some hundred MB."""

_TOLERANCE = 1e-6
"""Largest deviation of a fitted moment."""

_SPREAD = 16384
"""Outcomes on which the curvature of the dual is estimated."""

_MAX_WHITENED = 700
"""Most pairs for which it is: of more modes a table holds few photons, and passes are quick."""


class PairwiseSource:
    """The maximum-entropy law of n photons with the quantum latent's pair correlations.

    Fitted on the table of all outcomes by ascent of the concave dual (L-BFGS), whose gradient is
    the deviation of the moments; drawn exactly from the fitted law, one binary search a shot.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,), at least 1 in all.

    Attributes:
        dim: m.
        couplings: J, float64 (m, m).
        outcomes: all outcomes, uint8 (K, m).
        probabilities: of the outcomes, float64 (K,).
        mean: exact of the fitted law, float64 (m,).
        variance: exact of the fitted law, float64 (m,).
        covariance: exact of the fitted law, float64 (m, m).
        deviation: `E[s_k s_l]` less the quantum latent's, float64 (m, m), at most 1e-6.

    Raises:
        TypeError, ValueError: a bad occupation.
        ValueError: too many outcomes to write out; moments so near to the border of what n
            photons can have that no finite couplings were found.

    Source: Schneidman et al., *Weak pairwise correlations imply strongly correlated network
    states in a neural population*, Nature 440 (2006).

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> source = PairwiseSource(haar(4, stream(0, "interferometer")), [1, 0, 1, 0])
    >>> source.draw(3, stream(0, "latent")).sum(axis=1).tolist()
    [2, 2, 2]
    """

    card = Card(
        "maximum-entropy pairwise model (Ising-like) of n photons in m modes",
        "photon total, mean of every mode, and every variance and pair correlation; nothing of "
        "third order",
        "one binary search a shot in the law written out, exponential in the photons; fitted to "
        "exact moments, without quantum samples",
        full("whole_numbers", "means", "variances", "total", "pairs"),
    )

    def __init__(self, interferometer: Interferometer, occupation: Occupation) -> None:
        t = checked_occupation(occupation, interferometer.num_modes)
        self.dim = len(t)
        check_pairwise(self.dim, sum(t))
        self.outcomes = outcome_table(self.dim, sum(t))
        model = _Model(self.outcomes, mean_occupancy(interferometer, t))
        target = pair_correlators(interferometer, t)
        self.couplings = model.fit(target)
        law, correlators = model.law(self.couplings)
        self.deviation = correlators - target
        if (worst := float(np.abs(self.deviation).max())) > _TOLERANCE:
            raise ValueError(
                f"no finite couplings were found: a pair correlation stays {worst:.2g} off, so "
                "the moments of this interferometer lie on the border of what its photons can "
                "have: use 'copula' or 'dirichlet_multinomial'"
            )
        self.mean = correlators.sum(axis=1) / sum(t)
        self.covariance = correlators - np.outer(self.mean, self.mean)
        self.variance = np.diag(self.covariance).copy()
        self.probabilities = law
        possible = np.flatnonzero(law)[-1] + 1
        self._thresholds = np.cumsum(law[:possible])[:-1]

    def draw(self, num_samples: int, stream: Stream) -> np.ndarray:
        """Return uint8 (num_samples, m)."""

        def block(generator: np.random.Generator, rows: int) -> np.ndarray:
            return np.searchsorted(self._thresholds, generator.random(rows), side="right")

        return self.outcomes[stream.rows(0, num_samples, block)]


def check_pairwise(num_modes: int, num_photons: int) -> None:
    """Refuse numbers of modes and photons whose outcomes are too many to write out.

    Raises:
        ValueError: no photon, or more than 20,000,000 entries of the table of outcomes.

    >>> check_pairwise(16, 8)
    """
    if num_photons < 1:
        raise ValueError("a pairwise model needs at least 1 photon")
    number = num_outcomes(num_modes, num_photons)
    if number * num_modes > MAX_PAIRWISE_ENTRIES:
        raise ValueError(
            f"{num_photons} photons in {num_modes} modes have {number:,} outcomes; a pairwise "
            f"model is fitted on at most {MAX_PAIRWISE_ENTRIES // num_modes:,} of so many modes: "
            "take fewer modes or photons, or the rival 'copula'"
        )


class _Model:
    """The exponential family on a table of outcomes.

    Photon by photon a pass costs n**2 / 2 look-ups an outcome, fewer than a product with J, and
    no library's threads change a bit of it.
    """

    def __init__(self, table: np.ndarray, mean: np.ndarray) -> None:
        num_outcomes, num_modes = table.shape
        self._table = table
        modes = np.tile(np.arange(num_modes, dtype=np.int16), num_outcomes)
        self._photons = np.repeat(modes, table.ravel()).reshape(num_outcomes, -1)
        with np.errstate(divide="ignore"):
            fields = np.log(mean / mean.sum())
        # A mode without light keeps no photon; 0 times its field would be no number.
        fields = np.maximum(fields, -1e3)
        log_factorials = gammaln(np.arange(table.max() + 1) + 1.0)
        self._base = fields[self._photons].sum(axis=1) - log_factorials[table].sum(axis=1)
        self._pairs = np.triu_indices(num_modes)

    def law(self, couplings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (K,) and ``E[s_k s_l]`` (m, m)."""
        law, correlators, _ = self._evaluate(couplings)
        return law, correlators

    def fit(self, target: np.ndarray) -> np.ndarray:
        """Couplings whose law has ``E[s_k s_l]`` of the target."""
        from scipy.optimize import minimize  # slow to import

        rows, columns = self._pairs
        twice = np.where(rows == columns, 1.0, 2.0)
        start, _, _ = self._evaluate(np.zeros_like(target))
        basis = self._basis(start)

        def dual(point: np.ndarray) -> tuple[float, np.ndarray]:
            couplings = self._matrix(basis @ point)
            _, correlators, log_z = self._evaluate(couplings)
            gradient = (twice * (correlators - target)[rows, columns]) @ basis
            return log_z - float((couplings * target).sum()), gradient

        found = minimize(
            dual,
            np.zeros(basis.shape[1]),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 500, "maxcor": 30, "ftol": 0.0, "gtol": 0.1 * _TOLERANCE},
        )
        return self._matrix(basis @ found.x)

    def _basis(self, law: np.ndarray) -> np.ndarray:
        """Directions (F, d) in which the dual curves about alike at the start.

        Its curvature is the covariance of the F pairs; that of outcomes spread evenly over the
        law is near enough, and a fifth of the time. Directions without curvature move nothing:
        the photon total makes one.
        """
        rows, columns = self._pairs
        number = len(rows)
        if number > _MAX_WHITENED:
            return np.eye(number)
        places = (np.arange(_SPREAD) + 0.5) / _SPREAD
        cumulative = np.cumsum(law)
        chosen = self._table[np.searchsorted(cumulative, places * cumulative[-1])].astype(float)
        pairs = chosen[:, rows] * chosen[:, columns] * np.where(rows == columns, 1.0, 2.0)
        values, vectors = np.linalg.eigh(np.cov(pairs, rowvar=False).reshape(number, number))
        curved = values > 1e-9 * max(values[-1], 1e-9)
        return vectors[:, curved] / np.sqrt(values[curved])

    def _matrix(self, values: np.ndarray) -> np.ndarray:
        size = self._table.shape[1]
        couplings = np.zeros((size, size))
        couplings[self._pairs] = values
        return couplings + np.triu(couplings, 1).T

    def _evaluate(self, couplings: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        exponent = _exponents(self._photons, self._base, couplings)
        largest = exponent.max()
        weights = np.exp(exponent - largest)
        total = float(weights.sum())
        weights /= total
        return (
            weights,
            _correlators(self._photons, weights, len(couplings)),
            (float(largest) + math.log(total)),
        )


@numba.njit(nogil=True, cache=True)
def _exponents(photons, base, couplings):
    """``base + sum_kl J_kl s_k s_l``; `photons` (K, n) holds the mode of every photon."""
    exponent = base.copy()
    for row in range(photons.shape[0]):
        total = 0.0
        for a in range(photons.shape[1]):
            mode = photons[row, a]
            total += couplings[mode, mode]
            for b in range(a):
                total += 2.0 * couplings[mode, photons[row, b]]
        exponent[row] += total
    return exponent


@numba.njit(nogil=True, cache=True)
def _correlators(photons, weights, num_modes):
    """``sum_s w_s s_k s_l``, a photon's pair with itself and both orders of two included."""
    correlators = np.zeros((num_modes, num_modes))
    for row in range(photons.shape[0]):
        weight = weights[row]
        for a in range(photons.shape[1]):
            mode = photons[row, a]
            correlators[mode, mode] += weight
            for b in range(a):
                correlators[mode, photons[row, b]] += weight
    return correlators + correlators.T - np.diag(_own(photons, weights, num_modes))


@numba.njit(nogil=True, cache=True)
def _own(photons, weights, num_modes):
    """``sum_s w_s s_k``, which the sum with the transpose counts twice."""
    mean = np.zeros(num_modes)
    for row in range(photons.shape[0]):
        for a in range(photons.shape[1]):
            mean[photons[row, a]] += weights[row]
    return mean
