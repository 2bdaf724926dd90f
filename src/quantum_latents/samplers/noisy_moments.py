"""Closed-form means and covariances of the counts of a noisy device, at any size.

Notation: m modes, sources a of the occupation in input columns c_a, `T` the transfer matrix,
``P_ia = |T[i, c_a]|**2``; mu_a is the mean number of photons of source a, kappa_a that of its
photons in the common state.
"""

from __future__ import annotations

import numpy as np

from quantum_latents.circuits import Interferometer, lossy_time_bin
from quantum_latents.samplers.marginals import silence_probability
from quantum_latents.samplers.noise import Noise, double_emission
from quantum_latents.samplers.occupation import Occupation, input_columns

__all__ = ["noisy_covariance", "noisy_mean", "noisy_pair_correlators"]


def noisy_mean(interferometer: Interferometer, occupation: Occupation, noise: Noise) -> np.ndarray:
    """Return the mean counts of a noisy device, float64 (m,).

    ``eta_i sum_a mu_a P_ia`` and the dark counts; for threshold detectors one less the
    probability of silence, a permanent a mode.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        noise: what goes wrong; see `Noise`.

    Raises:
        ValueError: a noise that does not fit; post-selection, whose moments have no closed form.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> noisy_mean(splitter, [1, 1], Noise(detector_efficiency=0.5, dark_counts=0.1)).round(12)
    array([0.6, 0.6])
    """
    return _moments(interferometer, occupation, noise, mean_alone=True)[0]


def noisy_covariance(
    interferometer: Interferometer, occupation: Occupation, noise: Noise
) -> np.ndarray:
    """Return the covariance of the counts of a noisy device, float64 (m, m).

    From the normally ordered pairs, summed over pairs of photons that are both there:
    ``P_ia P_jb`` for all, and ``T_ia T_jb conj(T_ja T_ib)`` times the squared overlap for those
    of different input modes. Efficiencies multiply the pairs; dark counts add their mean to the
    variance. For threshold detectors from probabilities of silence, a permanent a pair of modes.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        noise: what goes wrong; see `Noise`.

    Raises:
        ValueError: a noise that does not fit; post-selection, or a Gram matrix with bunched
            inputs, whose moments have no closed form.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> noisy_covariance(splitter, [1, 1], Noise(interference=0.0)).round(12).tolist()
    [[0.5, -0.5], [-0.5, 0.5]]
    """
    return _moments(interferometer, occupation, noise, mean_alone=False)[1]


def noisy_pair_correlators(
    interferometer: Interferometer, occupation: Occupation, noise: Noise
) -> np.ndarray:
    """Return ``<n_i n_j>`` of a noisy device, float64 (m, m); see `noisy_covariance`.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> round(float(noisy_pair_correlators(splitter, [1, 1], Noise(interference=0.5))[0, 1]), 12)
    0.375
    """
    mean, covariance = _moments(interferometer, occupation, noise, mean_alone=False)
    return covariance + np.outer(mean, mean)


def _moments(
    interferometer: Interferometer, occupation: Occupation, noise: Noise, *, mean_alone: bool
) -> tuple[np.ndarray, np.ndarray]:
    m = interferometer.num_modes
    t = noise.checked(m, occupation)
    if noise.selects:
        raise ValueError("moments after post-selection have no closed form: use noisy_law")
    if noise.threshold:
        return _click_moments(interferometer, t, noise, mean_alone)
    columns = input_columns(t)
    size = len(columns)
    transfer = interferometer.unitary
    if noise.loop_transmission is not None:
        transfer = lossy_time_bin(interferometer.recipe, noise.loop_transmission)
    T = transfer[:, columns]
    P = np.abs(T) ** 2
    emission = noise.in_modes("emission", m)[columns]
    double = double_emission(noise.g2, emission)
    survival = noise.in_modes("input_transmission", m)[columns]
    asked = size if noise.input_photons is None else noise.input_photons
    one = asked / size if size else 1.0  # a source is asked; two sources are asked
    two = asked * (asked - 1) / (size * (size - 1)) if size > 1 else 0.0

    mu = emission * (1 + double) * survival
    seen = noise.in_modes("output_transmission", m) * noise.in_modes("detector_efficiency", m)
    dark = noise.in_modes("dark_counts", m)
    light = one * (P @ mu)
    mean = seen * light + dark
    if mean_alone:
        return mean, np.zeros((0, 0))

    direct = two * np.outer(mu, mu)
    np.fill_diagonal(direct, one * 2 * emission * double * survival**2)
    pairs = P @ direct @ P.T
    elsewhere = columns[:, None] != columns[None, :]
    if noise.gram is None:
        kappa = emission * survival * noise.interference
        if noise.extra_photon == "indistinguishable":
            kappa = kappa + emission * double * survival
        exchange = two * np.outer(kappa, kappa)
    else:
        if max(t) > 1:
            raise ValueError(
                "a Gram matrix with bunched inputs has no closed-form moments: use noisy_law"
            )
        exchange = two * np.outer(mu, mu) * np.abs(np.array(noise.gram).reshape(size, size)) ** 2
    exchange = np.where(elsewhere, exchange, 0.0)
    for i in range(m):  # one row at a time: m by n numbers instead of m by m by n
        X = T[i] * T.conj()
        pairs[i] += np.einsum("ja,ja->j", X @ exchange, X.conj()).real
    covariance = np.outer(seen, seen) * (pairs - np.outer(light, light))
    return mean, covariance + np.diag(mean)


def _click_moments(
    interferometer: Interferometer, t: tuple[int, ...], noise: Noise, mean_alone: bool
) -> tuple[np.ndarray, np.ndarray]:
    m = len(t)
    silent = np.array([silence_probability(interferometer, t, noise, [i]) for i in range(m)])
    if mean_alone:
        return 1 - silent, np.zeros((0, 0))
    covariance = np.diag(silent * (1 - silent))
    for i in range(m):
        for j in range(i):
            both = silence_probability(interferometer, t, noise, [i, j])
            covariance[i, j] = covariance[j, i] = both - silent[i] * silent[j]
    return 1 - silent, covariance
