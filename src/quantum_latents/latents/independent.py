"""Rivals whose modes are independent: each mode's count has a law of its own, and nothing else.

Notation: m modes, n photons; mu_k and v_k are the exact mean and variance of the quantum
latent's count in mode k, ``F_k = v_k / mu_k`` its Fano factor. A count is over-dispersed where
F_k > 1 and under-dispersed where F_k < 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from quantum_latents.circuits import Interferometer
from quantum_latents.latents.mode_laws import mode_laws
from quantum_latents.latents.sharing import full, part
from quantum_latents.latents.sources import Card
from quantum_latents.random import Stream
from quantum_latents.samplers.occupation import Occupation
from quantum_latents.samplers.probabilities import covariance, mean_occupancy

__all__ = [
    "DISPERSED_CARD",
    "FITTED_BERNOULLI_CARD",
    "NEGATIVE_BINOMIAL_CARD",
    "SHUFFLED_CARD",
    "IndependentCounts",
    "count_law",
    "dispersed",
    "fitted_bernoulli",
    "negative_binomial",
    "shuffled",
]

SHUFFLED_CARD = Card(
    "independent counts, each with the quantum latent's exact law in its mode: what is left of "
    "it after every mode's counts are shuffled over the shots",
    "every single-mode law, so means and variances too; neither correlations nor photon total",
    "one table look-up a mode; the laws are polynomial in the photons and need no quantum samples",
    full("whole_numbers", "means", "variances", "single_modes"),
)
NEGATIVE_BINOMIAL_CARD = Card(
    "independent negative binomial counts",
    "mean and variance of every mode; neither its law, nor correlations, nor photon total",
    "one table look-up a mode",
    full("whole_numbers", "means", "variances"),
)
DISPERSED_CARD = Card(
    "independent counts, negative binomial where the quantum latent's mode is over-dispersed, "
    "binomial where under-dispersed, Poisson between",
    "mean of every mode, and its variance (the nearest that a whole number of trials allows where "
    "binomial); neither its law, nor correlations, nor photon total",
    "one table look-up a mode",
    full("whole_numbers", "means") | part("variances"),
)
FITTED_BERNOULLI_CARD = Card(
    "independent bits, each with the quantum latent's exact probability of light in its mode",
    "what a detector without photon numbers sees of each mode alone; no more",
    "one bit each; the biases are polynomial in the photons and need no quantum samples",
    full("whole_numbers") | part("single_modes"),
)

_TAIL = 1e-17
"""Below the step of the uniform numbers that counts are looked up with."""

_POISSON = 1e-9
"""Fano factors this close to 1 are Poisson: the two sides meet there."""


class IndependentCounts:
    """Independent whole numbers, each from a table of its law.

    Args:
        laws: for each coordinate the probabilities of 0, 1, ..., at most 256 of them.
        card: what the law is.
        target_variance: variances, (m,), that the laws were made to have.

    Attributes:
        dim: m.
        mean: exact, float64 (m,).
        variance: exact, float64 (m,).
        covariance: exact, float64 (m, m), diagonal.
        deviation: variance less the variance asked for, float64 (m,); 0 where none was.

    Raises:
        ValueError: a law that is none, or has more than 256 entries.

    >>> from quantum_latents.random import stream
    >>> coins = IndependentCounts([np.array([0.5, 0.5])] * 3, SHUFFLED_CARD)
    >>> coins.draw(2, stream(0, "latent")).shape, coins.variance.tolist()
    ((2, 3), [0.25, 0.25, 0.25])
    """

    def __init__(
        self,
        laws: Sequence[np.ndarray],
        card: Card,
        *,
        target_variance: np.ndarray | None = None,
    ) -> None:
        if not laws:
            raise ValueError("independent counts need the law of at least one mode")
        self.dim, self.card = len(laws), card
        self.laws = tuple(_checked(np.asarray(law, dtype=np.float64)) for law in laws)
        values = [np.arange(len(law)) for law in self.laws]
        pairs = list(zip(self.laws, values, strict=True))
        self.mean = np.array([law @ s for law, s in pairs])
        spread = [law @ (s - mu) ** 2 for (law, s), mu in zip(pairs, self.mean, strict=True)]
        self.variance = np.array(spread)
        self.covariance = np.diag(self.variance)
        asked = self.variance if target_variance is None else target_variance
        self.deviation = self.variance - asked
        # A count is the number of thresholds at or below a uniform number.
        self._thresholds = [np.cumsum(law)[:-1] for law in self.laws]

    def draw(self, num_samples: int, stream: Stream) -> np.ndarray:
        """Return uint8 (num_samples, m)."""

        def block(generator: np.random.Generator, rows: int) -> np.ndarray:
            uniform = generator.random((rows, self.dim))
            counts = np.empty((rows, self.dim), dtype=np.uint8)
            for k, thresholds in enumerate(self._thresholds):
                counts[:, k] = np.searchsorted(thresholds, uniform[:, k], side="right")
            return counts

        return stream.rows(0, num_samples, block)


def shuffled(interferometer: Interferometer, occupation: Occupation) -> IndependentCounts:
    """Return the product of the quantum latent's exact single-mode laws.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).

    Raises:
        TypeError, ValueError: a bad occupation.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> shuffled(splitter, [1, 1]).covariance.round(12).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return IndependentCounts(list(mode_laws(interferometer, occupation)), SHUFFLED_CARD)


def fitted_bernoulli(interferometer: Interferometer, occupation: Occupation) -> IndependentCounts:
    """Return independent bits, mode k being 1 with the quantum latent's P(n_k > 0).

    Args, Raises: as in `shuffled`.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> fitted_bernoulli(splitter, [1, 1]).mean.round(12).tolist()
    [0.5, 0.5]
    """
    dark = mode_laws(interferometer, occupation)[:, 0]
    return IndependentCounts([np.array([p, 1 - p]) for p in dark], FITTED_BERNOULLI_CARD)


def negative_binomial(interferometer: Interferometer, occupation: Occupation) -> IndependentCounts:
    """Return independent negative binomial counts with the exact means and variances.

    ``P(s) = Gamma(s + r) / (Gamma(r) s!) p**r (1 - p)**s`` with p = mu / v and
    r = mu**2 / (v - mu); a Poisson count where v = mu, and 0 in a mode that no light reaches.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).

    Raises:
        TypeError, ValueError: a bad occupation.
        ValueError: some mode is under-dispersed, named with its Fano factor.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> negative_binomial(splitter, [2, 1]).variance.round(9).tolist()
    [1.75, 1.75]
    """
    mean, variance = _mean_and_variance(interferometer, occupation)
    fano = _fano(mean, variance)
    if (fano < 1 - _POISSON).any():
        mode = int(np.argmin(fano))
        number = int((fano < 1 - _POISSON).sum())
        raise ValueError(
            f"negative binomial counts are over-dispersed, and {number} of the {len(mean)} modes "
            f"here are under-dispersed, mode {mode} the most with a Fano factor of "
            f"{fano[mode]:.4g}: use 'dispersed', which is binomial there"
        )
    return _dispersed(mean, variance, NEGATIVE_BINOMIAL_CARD)


def dispersed(interferometer: Interferometer, occupation: Occupation) -> IndependentCounts:
    """Return independent counts with the exact means, and variances on the side of each mode.

    Over-dispersed modes are as in `negative_binomial`. Under-dispersed ones are binomial: of N
    trials at mu / N, where N is the whole number whose variance mu (1 - mu / N) is the nearest
    to v. `deviation` states what that leaves.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).

    Raises:
        TypeError, ValueError: a bad occupation.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> one_photon = dispersed(splitter, [1, 0])
    >>> one_photon.variance.round(9).tolist(), abs(one_photon.deviation).max() < 1e-12
    ([0.25, 0.25], np.True_)
    """
    mean, variance = _mean_and_variance(interferometer, occupation)
    return _dispersed(mean, variance, DISPERSED_CARD)


def count_law(mean: float, variance: float) -> np.ndarray:
    """Return the probabilities of 0, 1, ... of the law that `dispersed` gives one mode.

    Raises:
        ValueError: it reaches beyond 255.

    >>> count_law(1.0, 0.5).round(12).tolist()
    [0.25, 0.5, 0.25]
    """
    if mean < 1e-15:
        return np.ones(1)
    from scipy import stats  # slow to import

    fano = variance / mean
    if fano < 1 - _POISSON:
        trials = _trials(mean, variance)
        law, shape = stats.binom, (trials, min(mean / trials, 1.0))
    elif fano <= 1 + _POISSON:
        law, shape = stats.poisson, (mean,)
    else:
        law, shape = stats.nbinom, (mean**2 / (variance - mean), mean / variance)
    counts = np.arange(256)
    negligible = law.sf(counts, *shape) < _TAIL
    if not negligible.any():
        raise ValueError(
            f"counts of mean {mean:g} and variance {variance:g} go beyond 255, and a count is at "
            "most 255"
        )
    return law.pmf(counts[: int(np.argmax(negligible)) + 1], *shape)


def _dispersed(mean: np.ndarray, variance: np.ndarray, card: Card) -> IndependentCounts:
    laws = [count_law(mu, v) for mu, v in zip(mean.tolist(), variance.tolist(), strict=True)]
    return IndependentCounts(laws, card, target_variance=variance)


def _trials(mean: float, variance: float) -> int:
    fewest = max(1, math.ceil(mean - 1e-12))
    wanted = mean**2 / (mean - variance)
    near = {max(fewest, math.floor(wanted)), max(fewest, math.ceil(wanted))}
    return min(sorted(near), key=lambda trials: abs(mean * (1 - mean / trials) - variance))


def _mean_and_variance(
    interferometer: Interferometer, occupation: Occupation
) -> tuple[np.ndarray, np.ndarray]:
    matrix = covariance(interferometer, occupation)
    return mean_occupancy(interferometer, occupation), np.maximum(np.diag(matrix), 0.0)


def _fano(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    lit = mean > 1e-15
    return np.divide(variance, mean, out=np.ones_like(mean), where=lit)


def _checked(law: np.ndarray) -> np.ndarray:
    if law.ndim != 1 or not (law >= 0).all() or abs(law.sum() - 1) > 1e-9:
        raise ValueError(f"a law is probabilities of 0, 1, ... that sum to 1, not {law!r}")
    # The last outcome takes what rounding leaves of the uniform numbers: it must be possible.
    law = law[: np.flatnonzero(law)[-1] + 1]
    if len(law) > 256:
        raise ValueError(f"a count is at most 255, and a law here reaches {len(law) - 1}")
    return law / law.sum()
