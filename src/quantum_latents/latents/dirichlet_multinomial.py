"""The Dirichlet-multinomial rival: a fixed photon total, and bunching without interference.

Notation: m modes, n photons, mu_k and v_k the exact mean and variance of the quantum latent's
count in mode k, ``p_k = mu_k / n``, alpha_0 the concentration: the counts are multinomial with
probabilities drawn from the Dirichlet law of parameters ``alpha_0 p_k``.
"""

from __future__ import annotations

import numpy as np

from quantum_latents.circuits import Interferometer
from quantum_latents.latents.sharing import full, part
from quantum_latents.latents.sources import Card
from quantum_latents.random import Stream
from quantum_latents.samplers.occupation import Occupation, checked_occupation
from quantum_latents.samplers.probabilities import covariance, mean_occupancy

__all__ = ["DirichletMultinomialSource", "check_dirichlet_multinomial"]


class DirichletMultinomialSource:
    """Dirichlet-multinomial counts of n photons, with the dispersion in closed form.

    ``Cov(n_k, n_l) = n p_k (delta_kl - p_l) R`` with ``R = (n + alpha_0) / (1 + alpha_0)``, so
    the quantum latent's exact ``R = sum_k v_k / (n sum_k p_k (1 - p_k))`` gives
    ``alpha_0 = (n - R) / (R - 1)``. Always R <= n, with equality where all photons bunch.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,), at least 2 in all.

    Attributes:
        dim: m.
        concentration: alpha_0.
        mean: exact, float64 (m,): the quantum latent's.
        variance: exact, float64 (m,): the quantum latent's in total, not in each mode.
        covariance: exact, float64 (m, m).

    Raises:
        TypeError, ValueError: a bad occupation.
        ValueError: R <= 1: the interferometer is not over-dispersed.

    Source: Mosimann, *On the compound multinomial distribution*, Biometrika 49 (1962).

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> device = haar(16, stream(0, "interferometer"))
    >>> source = DirichletMultinomialSource(device, [1, 0] * 8)
    >>> source.draw(3, stream(0, "latent")).sum(axis=1).tolist()
    [8, 8, 8]
    """

    card = Card(
        "Dirichlet-multinomial counts: a Polya urn of n photons",
        "photon total, mean of every mode, and the sum of the variances; neither the variance of "
        "a mode nor correlations",
        "linear in the photons",
        full("whole_numbers", "means", "total") | part("variances"),
    )

    def __init__(self, interferometer: Interferometer, occupation: Occupation) -> None:
        t = checked_occupation(occupation, interferometer.num_modes)
        self.dim, self.num_photons = len(t), sum(t)
        n = self.num_photons
        check_dirichlet_multinomial(n)
        self.mean = mean_occupancy(interferometer, t)
        p = self.mean / self.mean.sum()
        multinomial = float(n * np.sum(p * (1 - p)))
        total = float(np.trace(covariance(interferometer, t)))
        # Light that all leaves in one mode has no variance to compare.
        ratio = total / multinomial if multinomial > 1e-12 else 1.0
        if ratio <= 1 + 1e-9:
            raise ValueError(
                "a Dirichlet-multinomial law is over-dispersed, and the variances of this "
                f"interferometer are in total {ratio:.4g} times those of the multinomial law of "
                "its means: use 'distinguishable'"
            )
        self.concentration = max((n - ratio) / (ratio - 1), 0.0)
        self.covariance = n * min(ratio, n) * (np.diag(p) - np.outer(p, p))
        self.variance = np.diag(self.covariance).copy()
        self._thresholds = np.cumsum(p)[:-1]

    def draw(self, num_samples: int, stream: Stream) -> np.ndarray:
        """Return uint8 (num_samples, m), by Polya's urn.

        Photon j (from 0) takes a mode of law p with probability alpha_0 / (alpha_0 + j), else
        that of an earlier photon: no Dirichlet draw underflows at small alpha_0.
        """
        n, alpha = self.num_photons, self.concentration

        def block(generator: np.random.Generator, rows: int) -> np.ndarray:
            modes = np.searchsorted(self._thresholds, generator.random((rows, n)), side="right")
            follows = generator.random((rows, n))
            earlier = generator.random((rows, n))
            shots = np.arange(rows)
            for j in range(1, n):
                leader = modes[shots, (earlier[:, j] * j).astype(np.int64)]
                modes[:, j] = np.where(follows[:, j] * (alpha + j) < j, leader, modes[:, j])
            places = shots[:, None] * self.dim + modes
            counts = np.bincount(places.ravel(), minlength=rows * self.dim)
            return counts.reshape(rows, self.dim).astype(np.uint8)

        return stream.rows(0, num_samples, block)


def check_dirichlet_multinomial(num_photons: int) -> None:
    """Refuse fewer than the two photons that a dispersion needs.

    Raises:
        ValueError: fewer than 2 photons.

    >>> check_dirichlet_multinomial(2)
    """
    if num_photons < 2:
        raise ValueError(
            "a Dirichlet-multinomial law has a dispersion from 2 photons on, not "
            f"{num_photons}: use 'distinguishable'"
        )
