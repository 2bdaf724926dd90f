"""The learned rival's law: an autoregressive network of photon counts.

Notation: m modes, n photons, counts s (m,), r_k = n - s_1 - ... - s_(k-1) the photons left before
mode k, H hidden units. Mode by mode, for k = 1..m-1,

    P(s_k = c | s_<k) = softmax over c = 0..r_k of (B_k[r_k, c] + V_k[c] . max(0, a_k)),
    a_k = b + sum_(j<k) W_j[s_j],

and the last mode takes what is left, so the photon total is n exactly. The hidden sums of all
modes share W and b: a draw adds one row of W a mode.

Source: Larochelle and Murray, *The neural autoregressive distribution estimator*, AISTATS 2011,
here with categories instead of bits, rectified units, and the photons left as a further input.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from quantum_latents.latents.kernels.autoregressive import (
    CountNetwork,
    log_probabilities,
    write_law,
    write_shots,
)
from quantum_latents.latents.sources import Card
from quantum_latents.random import Stream
from quantum_latents.random.numba import kernel_key
from quantum_latents.samplers.enumeration import binomial_table, num_outcomes
from quantum_latents.samplers.shots import draw_shots

__all__ = [
    "MAX_AUTOREGRESSIVE_OUTCOMES",
    "AutoregressiveSource",
    "check_autoregressive",
    "weight_shapes",
]

MAX_AUTOREGRESSIVE_OUTCOMES = 5_000_000
"""Most outcomes over which exact moments are summed; 8 photons in 16 modes have 490,314."""


def weight_shapes(num_modes: int, num_photons: int, hidden: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of W, b, V and B by name.

    >>> weight_shapes(4, 2, 8)
    {'inputs': (2, 3, 8), 'bias': (8,), 'outputs': (3, 8, 3), 'totals': (3, 3, 3)}
    """
    m, choices = num_modes, num_photons + 1
    return {
        "inputs": (m - 2, choices, hidden),
        "bias": (hidden,),
        "outputs": (m - 1, hidden, choices),
        "totals": (m - 1, choices, choices),
    }


def check_autoregressive(num_modes: int, num_photons: int) -> None:
    """Refuse numbers of modes and photons whose exact moments cannot be summed.

    Raises:
        ValueError: one mode, no photon, more than a count's 255, or more than 5,000,000 outcomes.

    >>> check_autoregressive(16, 8)
    """
    if num_modes < 2:
        raise ValueError("a learned latent needs at least 2 modes: the last is never free")
    if num_photons < 1:
        raise ValueError("a learned latent needs at least 1 photon")
    if num_photons > 255:
        raise ValueError(f"a count is a byte: at most 255 photons, not {num_photons}")
    if (number := num_outcomes(num_modes, num_photons)) > MAX_AUTOREGRESSIVE_OUTCOMES:
        raise ValueError(
            f"{num_photons} photons in {num_modes} modes have {number:,} outcomes; the mean and "
            f"variance of a learned latent are exact sums over at most "
            f"{MAX_AUTOREGRESSIVE_OUTCOMES:,}: take fewer modes or photons, or the rival 'copula'"
        )


class AutoregressiveSource:
    """Photon counts of an autoregressive network.

    Args:
        weights: W, b, V and B by the names of `weight_shapes`.
        card: what it was fitted to, and how near it came.

    Attributes:
        dim: m.
        num_photons: n.
        card: as given.
        probabilities: of all outcomes in the order of `outcome_table`, float64 (K,).
        mean: exact, float64 (m,).
        variance: exact, float64 (m,).
        covariance: exact, float64 (m, m).

    Raises:
        ValueError: shapes that do not fit together, weights that are not finite, or too many
            outcomes.

    Without weights all outcomes that are left at a mode are as likely as each other:

    >>> from quantum_latents.random import stream
    >>> zeros = {name: np.zeros(shape) for name, shape in weight_shapes(3, 2, 1).items()}
    >>> source = AutoregressiveSource(zeros, Card("an example", "nothing", "none"))
    >>> source.mean
    array([1. , 0.5, 0.5])
    >>> source.draw(3, stream(0, "latent")).sum(axis=1).tolist()
    [2, 2, 2]
    """

    def __init__(self, weights: Mapping[str, np.ndarray], card: Card) -> None:
        self.card = card
        self.dim = len(weights["outputs"]) + 1
        self.num_photons = weights["outputs"].shape[2] - 1
        check_autoregressive(self.dim, self.num_photons)
        expected = weight_shapes(self.dim, self.num_photons, len(weights["bias"]))
        if (found := {name: np.shape(array) for name, array in weights.items()}) != expected:
            raise ValueError(f"weights of this network have shapes {expected}, not {found}")
        if not all(np.isfinite(array).all() for array in weights.values()):
            raise ValueError("the weights hold numbers that are not finite")
        # As float64 whatever they were fitted in: the law sums to 1 to its rounding.
        kept = {name: np.ascontiguousarray(array, np.float64) for name, array in weights.items()}
        self._network = CountNetwork(**kept)
        self.probabilities = np.zeros(num_outcomes(self.dim, self.num_photons))
        self.mean, lower = np.zeros(self.dim), np.zeros((self.dim, self.dim))
        binomial = binomial_table(self.dim, self.num_photons)
        write_law(self._network, self.num_photons, binomial, self.probabilities, self.mean, lower)
        second = lower + np.tril(lower, -1).T
        self.covariance = second - np.outer(self.mean, self.mean)
        self.variance = np.maximum(np.diag(self.covariance), 0.0)

    def log_probability(self, counts: np.ndarray) -> np.ndarray:
        """Return log P(s), float64 (N,), of counts (N, m); -inf where the total is not n.

        Raises:
            ValueError: another shape, or counts that are no whole numbers from 0 to 255.
        """
        given = np.asarray(counts)
        if given.ndim != 2 or given.shape[1] != self.dim:
            raise ValueError(f"counts are of shape (N, {self.dim}), not {given.shape}")
        if not np.isin(given, np.arange(256)).all():
            raise ValueError("counts are whole numbers of photons, from 0 to 255")
        rows = np.ascontiguousarray(given, np.uint8)
        found = np.empty(len(rows))
        log_probabilities(self._network, self.num_photons, rows, found)
        return found

    def draw(self, num_samples: int, stream: Stream) -> np.ndarray:
        """Return uint8 (num_samples, m)."""
        key = kernel_key(stream.child("autoregressive"))

        def kernel(first: int, rows: np.ndarray) -> None:
            write_shots(self._network, self.num_photons, key, first, rows)

        return draw_shots(kernel, num_samples, self.dim, start=0, num_threads=None)
