"""The first and second moments that counts should have.

Notation: N shots of m modes, k the total of a shot, K totals occur; x the overlap of two photons.
Where a promise has the same loss for all photons, the moments of a shot given its total are closed
forms (``"given totals"``): loss and post-selection drop out, and each shot is compared with what
is expected of shots of its own total. Other noise has closed forms without post-selection
(``"closed form"``); what has none is compared with a simulated twin (``"twin"``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantum_latents.samplers.noisy_moments import noisy_covariance, noisy_mean
from quantum_latents.samplers.validation.promise import Promise
from quantum_latents.samplers.validation.tally import Tally
from quantum_latents.samplers.validation.twin import Twins

__all__ = ["Moments", "expected_moments", "has_closed_form"]

_MOST_CLICK_PHOTONS = 14
"""Most photons of which the pairs of threshold detectors are worked out by permanents."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Moments:
    """What is expected of the shots of each total.

    Attributes:
        route: ``"given totals"``, ``"closed form"`` or ``"twin"``.
        means: float64 (K, m).
        pairs: float64 (K, m, m), ``<n_i n_j>``.
        mean_variance: float64 (m,), squared error of the means; zero but for a twin.
        pair_variance: float64 (m, m), of the pairs.
        twin: its sums, for a twin.
    """

    route: str
    means: np.ndarray
    pairs: np.ndarray
    mean_variance: np.ndarray
    pair_variance: np.ndarray
    twin: Tally | None = None

    @property
    def words(self) -> str:
        """The route in words."""
        if self.twin is not None:
            return f"a simulated twin of {len(self.twin):,} shots, its own error included"
        if self.route == "given totals":
            return "closed form, given the total of each shot"
        return "closed form"


def expected_moments(
    promise: Promise, sums: Tally, twins: Twins, interference: float | None = None
) -> Moments:
    """Return the moments that the shots of a bank should have.

    Args:
        promise: what the counts should follow.
        sums: of the bank; which totals occur.
        twins: where a twin comes from if closed forms end.
        interference: another overlap than the promised one.

    Raises:
        TwinTooCostlyError: neither a closed form nor a twin.

    >>> from quantum_latents.circuits import from_unitary
    >>> from quantum_latents.samplers.validation.tally import tally
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> promise = Promise(interferometer=splitter, occupation=(1, 1), known_loss=False)
    >>> sums = tally(np.array([[1, 0], [2, 0]], dtype=np.uint8))
    >>> moments = expected_moments(promise, sums, Twins(promise, None, 2))
    >>> moments.means.round(12).tolist(), moments.pairs[1].round(12).tolist()
    ([[0.5, 0.5], [1.0, 1.0]], [[2.0, 0.0], [0.0, 2.0]])
    """
    m, device, t = promise.num_modes, promise.interferometer, promise.occupation
    none = np.zeros(m), np.zeros((m, m))
    if promise.given_total:
        noises = [promise.of_photons(int(k), interference) for k in sums.values]
        means = np.array([noisy_mean(device, t, noise) for noise in noises])
        pairs = np.array([noisy_covariance(device, t, noise) for noise in noises])
        pairs = pairs + means[:, :, None] * means[:, None, :]
        return Moments(
            route="given totals",
            means=means,
            pairs=pairs,
            mean_variance=none[0],
            pair_variance=none[1],
        )
    K = len(sums.values)
    if has_closed_form(promise):
        noise = promise.unselected(interference)
        mean = noisy_mean(device, t, noise)
        pairs = noisy_covariance(device, t, noise) + np.outer(mean, mean)
        return Moments(
            route="closed form",
            means=np.tile(mean, (K, 1)),
            pairs=np.tile(pairs, (K, 1, 1)),
            mean_variance=none[0],
            pair_variance=none[1],
        )
    twin = twins(interference)
    mean, pairs = twin.sums.sum(axis=0) / len(twin), twin.pairs.sum(axis=0) / len(twin)
    squares = twin.pair_squares.sum(axis=0) / len(twin)
    return Moments(
        route="twin",
        means=np.tile(mean, (K, 1)),
        pairs=np.tile(pairs, (K, 1, 1)),
        mean_variance=np.maximum(np.diag(pairs) - mean**2, 0.0) / len(twin),
        pair_variance=np.maximum(squares - pairs**2, 0.0) / len(twin),
        twin=twin,
    )


def has_closed_form(promise: Promise) -> bool:
    """Whether means and covariances of all shots are closed forms that end in time."""
    noise = promise.noise
    if noise.selects:
        return False
    bunched = max(promise.occupation) > 1
    if noise.gram is not None and (bunched or noise.threshold):
        return False
    if noise.threshold:
        partly = noise.input_photons is not None or noise.g2 > 0 or 0 < noise.interference < 1
        extra = noise.g2 > 0 and noise.extra_photon == "indistinguishable"
        photons = sum(promise.occupation)
        return not extra and not (bunched and partly) and photons <= _MOST_CLICK_PHOTONS
    return True
