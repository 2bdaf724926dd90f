"""The Gaussian copula rival: exact single-mode laws, and pair covariances.

Notation: m modes, x ~ N(0, R) with ones on the diagonal of R. Count k is the number of its
thresholds ``c_k1 <= c_k2 <= ...`` at or below x_k, with ``P(x_k >= c_ka) = P(n_k >= a)``. With
``rho = sin(theta)`` the covariance of two counts is

    sum_ab integral_0^theta exp(-(h**2 + k**2 - 2 h k sin t) / (2 cos(t)**2)) dt / (2 pi)

over the thresholds h = c_ia, k = c_jb (Plackett, Biometrika 41 (1954)): it grows with theta.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri

from quantum_latents.circuits import Interferometer
from quantum_latents.latents.mode_laws import mode_laws
from quantum_latents.latents.sharing import full, part
from quantum_latents.latents.sources import Card
from quantum_latents.random import Stream
from quantum_latents.samplers.occupation import Occupation
from quantum_latents.samplers.probabilities import covariance

__all__ = ["CopulaSource", "nearest_correlation"]

_LARGEST = math.asin(0.9999)
"""Of |theta|: nearer to 1 the integrand is too sharp for the quadrature."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


class CopulaSource:
    """Counts with the quantum latent's exact single-mode laws, tied by a Gaussian copula.

    Each pair's latent correlation is solved for the exact covariance of its counts. Since the
    photon total of the quantum latent is fixed, these correlations are seldom those of any
    normal law together; then the nearest correlation matrix is taken. `deviation` states what
    that, or a pair that no copula can tie as strongly, leaves.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).

    Attributes:
        dim: m.
        mean: exact, float64 (m,): the quantum latent's.
        variance: exact, float64 (m,): the quantum latent's.
        covariance: exact of this law, float64 (m, m).
        deviation: `covariance` less the quantum latent's, float64 (m, m).
        correlation: R, float64 (m, m).

    Raises:
        TypeError, ValueError: a bad occupation.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> source = CopulaSource(haar(6, stream(0, "interferometer")), [1, 0, 1, 0, 1, 0])
    >>> source.draw(2, stream(0, "latent")).shape
    (2, 6)
    """

    card = Card(
        "counts with the quantum latent's exact single-mode laws, tied by a Gaussian copula",
        "every single-mode law, and the covariance of every pair of modes as nearly as one normal "
        "law can give them together (`deviation`); the photon total is not fixed",
        "one product of an m by m matrix a shot; fitted to exact laws, without quantum samples",
        full("whole_numbers", "means", "variances", "single_modes") | part("pairs"),
    )

    def __init__(self, interferometer: Interferometer, occupation: Occupation) -> None:
        laws = mode_laws(interferometer, occupation)
        target = covariance(interferometer, occupation)
        values = np.arange(laws.shape[1])
        self.dim = len(laws)
        self.mean = laws @ values
        self.variance = laws @ values**2 - self.mean**2
        # Summed from the top, so that small tails keep their digits.
        tails = np.cumsum(laws[:, :0:-1], axis=1)[:, ::-1].clip(0.0, 1.0)
        self._thresholds = [np.sort(-ndtri(row[row > 0])) for row in tails]
        # Thresholds that are never, or always, crossed add nothing to a covariance.
        self._crossed = [-ndtri(row[(row > 1e-15) & (row < 1)]) for row in tails]
        self.correlation = nearest_correlation(self._pairwise_correlations(target))
        self.covariance = self._covariance()
        self.deviation = self.covariance - target
        # The symmetric root is unique: eigenvectors alone have signs that vary by library.
        roots, vectors = np.linalg.eigh(self.correlation)
        self._root = (vectors * np.sqrt(roots.clip(0.0))) @ vectors.T
        self._root /= np.linalg.norm(self._root, axis=0)

    def draw(self, num_samples: int, stream: Stream) -> np.ndarray:
        """Return uint8 (num_samples, m)."""

        def block(generator: np.random.Generator, rows: int) -> np.ndarray:
            x = generator.standard_normal((rows, self.dim)) @ self._root
            counts = np.empty((rows, self.dim), dtype=np.uint8)
            for k, thresholds in enumerate(self._thresholds):
                counts[:, k] = np.searchsorted(thresholds, x[:, k], side="right")
            return counts

        return stream.rows(0, num_samples, block)

    def _pairwise_correlations(self, target: np.ndarray) -> np.ndarray:
        from scipy.optimize import brentq  # slow to import

        solved = np.eye(self.dim)
        for i in range(self.dim):
            for j in range(i):
                h, k, wanted = self._crossed[i], self._crossed[j], float(target[i, j])

                def excess(theta: float, h=h, k=k, wanted=wanted) -> float:
                    return _pair_covariance(h, k, theta) - wanted

                if len(h) == 0 or len(k) == 0:
                    theta = 0.0
                elif excess(_LARGEST) <= 0:
                    theta = _LARGEST
                elif excess(-_LARGEST) >= 0:
                    theta = -_LARGEST
                else:
                    theta = float(brentq(excess, -_LARGEST, _LARGEST, xtol=1e-13))  # type: ignore[arg-type]
                solved[i, j] = solved[j, i] = math.sin(theta)
        return solved

    def _covariance(self) -> np.ndarray:
        matrix = np.diag(self.variance)
        for i in range(self.dim):
            for j in range(i):
                theta = math.asin(self.correlation[i, j])
                matrix[i, j] = _pair_covariance(self._crossed[i], self._crossed[j], theta)
                matrix[j, i] = matrix[i, j]
        return matrix


def nearest_correlation(matrix: np.ndarray) -> np.ndarray:
    """Return the correlation matrix nearest to a symmetric one in the Frobenius norm.

    Alternating projections onto the positive semi-definite matrices, with Dykstra's correction,
    and onto those of unit diagonal.

    Args:
        matrix: symmetric, float64 (m, m).

    Source: Higham, *Computing the nearest correlation matrix*, IMA J. Numer. Anal. 22 (2002).

    >>> nearest_correlation(np.array([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]])).round(4)[0]
    array([1.    , 0.7607, 0.1573])
    """
    if np.linalg.eigvalsh(matrix)[0] >= 0:
        return matrix.copy()
    current, correction = matrix.copy(), np.zeros_like(matrix)
    definite = current
    for _ in range(2000):
        values, vectors = np.linalg.eigh(current - correction)
        definite = (vectors * values.clip(0.0)) @ vectors.T
        correction = definite - (current - correction)
        before, current = current, definite.copy()
        np.fill_diagonal(current, 1.0)
        if np.abs(current - before).max() < 1e-11:
            break
    # Positive semi-definite to rounding, with a diagonal of ones to rounding.
    scale = np.sqrt(np.diag(definite))
    nearest = definite / np.outer(scale, scale)
    np.fill_diagonal(nearest, 1.0)
    return nearest.clip(-1.0, 1.0)


def _pair_covariance(h: np.ndarray, k: np.ndarray, theta: float) -> float:
    t = theta * (1 + _NODES) / 2
    h, k = h[:, None, None], k[None, :, None]
    exponent = (h**2 + k**2 - 2 * h * k * np.sin(t)) / (2 * np.cos(t) ** 2)
    return float(np.exp(-exponent).sum(axis=(0, 1)) @ _WEIGHTS * theta / (4 * np.pi))
