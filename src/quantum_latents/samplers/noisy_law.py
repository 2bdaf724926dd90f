"""Exact laws of noisy devices of a few photons and modes: the oracle of the sampler.

Notation: m modes, N the most photons of a shot. A law of counts is first an array of shape
(N + 1, ..., N + 1), one axis a mode; the noise behind the interferometer then acts on each axis
alone, by a matrix ``P(count | photons)``.
"""

from __future__ import annotations

import math

import numpy as np

from quantum_latents.circuits import Interferometer, dilation, lossy_time_bin
from quantum_latents.samplers.enumeration import amplitudes, num_outcomes, outcome_table
from quantum_latents.samplers.gram import gram_law
from quantum_latents.samplers.noise import Noise, dark_count_table, double_emission
from quantum_latents.samplers.occupation import (
    Occupation,
    check_boson_photons,
    input_columns,
)
from quantum_latents.samplers.probabilities import MAX_LAW_OUTCOMES, Law

__all__ = ["noisy_law"]

_MAX_INPUTS = 20_000
"""Most different sets of photons that enter the interferometer."""

_ROUNDING = 1e-15
"""Probability up to which an outcome is taken for a rounding error, and not listed."""

_Inputs = dict[tuple[tuple[int, ...], tuple[int, ...]], float]
"""(columns of the photons that interfere, columns of the others) -> probability."""


def noisy_law(interferometer: Interferometer, occupation: Occupation, noise: Noise) -> Law:
    """Return the exact law of a noisy device's counts, after post-selection.

    Sums the laws of all sets of photons that may enter, by the definitions in `Noise`. Dark
    counts are listed up to a tail of 1e-16.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        noise: what goes wrong; see `Noise`.

    Returns:
        Outcomes of a probability above 1e-15, uint8 (K, m), and probabilities, float64 (K,).

    Raises:
        ValueError: a noise that does not fit, a system too large to write out, or a
            post-selection that keeps no shot.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> outcomes, probabilities = noisy_law(splitter, [1, 1], Noise(interference=0.5))
    >>> dict(zip(map(tuple, outcomes.tolist()), probabilities.round(12).tolist()))
    {(0, 2): 0.3125, (1, 1): 0.375, (2, 0): 0.3125}
    """
    m = interferometer.num_modes
    t = noise.checked(m, occupation)
    most = sum(t) * (2 if noise.g2 > 0 else 1)
    if noise.threshold:
        longest = 2
    else:
        longest = most + dark_count_table(noise.in_modes("dark_counts", m)).shape[1]
    size = max((most + 1) ** m, longest**m)
    if size > MAX_LAW_OUTCOMES:
        raise ValueError(
            f"up to {longest - 1} counts in {m} modes are {size:,} outcomes; a noisy law is "
            f"written out up to {MAX_LAW_OUTCOMES:,}: use the closed forms"
        )
    transfer = np.array(interferometer.unitary)
    if noise.loop_transmission is not None:
        transfer = lossy_time_bin(interferometer.recipe, noise.loop_transmission)
    if noise.gram is not None:
        law = _gram_array(transfer, t, noise, most)
    else:
        law = _mixture(transfer, _inputs(t, noise), most)
    seen = noise.in_modes("output_transmission", m) * noise.in_modes("detector_efficiency", m)
    dark = noise.in_modes("dark_counts", m)
    for mode in range(m):
        matrix = _detector(most, seen[mode], dark[mode], longest, noise.threshold)
        law = np.moveaxis(np.tensordot(matrix, law, axes=(1, mode)), 0, mode)
    outcomes = np.indices(law.shape).reshape(m, -1).T
    kept = noise.selected(outcomes.sum(axis=1)) & (law.reshape(-1) > _ROUNDING)
    probabilities = law.reshape(-1)[kept]
    if not probabilities.sum() > 0:
        raise ValueError("post-selection keeps no shot of this device")
    return outcomes[kept].astype(np.uint8), probabilities / probabilities.sum()


def _inputs(t: tuple[int, ...], noise: Noise) -> _Inputs:
    """All sets of photons that may enter, with their probabilities."""
    m, x = len(t), noise.interference
    columns = input_columns(t)
    emission = noise.in_modes("emission", m)
    doubles = double_emission(noise.g2, emission).tolist()
    emissions, survivals = emission.tolist(), noise.in_modes("input_transmission", m).tolist()
    common_extra = noise.extra_photon == "indistinguishable"
    asked = [_Inputs() for _ in range(len(columns) + 1)]  # by the number of sources asked
    asked[0][(), ()] = 1.0
    for column in columns.tolist():
        e, q, s = emissions[column], doubles[column], survivals[column]
        first = {(1, 0): s * x, (0, 1): s * (1 - x), (0, 0): 1 - s}
        second = {(1, 0) if common_extra else (0, 1): s, (0, 0): 1 - s}
        source = {(0, 0): 1 - e}
        for (a, b), p in first.items():
            source[a, b] = source.get((a, b), 0.0) + e * (1 - q) * p
            for (c, d), r in second.items():
                source[a + c, b + d] = source.get((a + c, b + d), 0.0) + e * q * p * r
        for number in range(len(columns) - 1, -1, -1):
            for (common, others), weight in asked[number].items():
                for (a, b), p in source.items():
                    if p > 0:
                        entry = (common + (column,) * a, others + (column,) * b)
                        asked[number + 1][entry] = asked[number + 1].get(entry, 0.0) + weight * p
            if noise.input_photons is None:
                asked[number] = _Inputs()
        if sum(map(len, asked)) > _MAX_INPUTS:
            raise ValueError(
                f"more than {_MAX_INPUTS:,} different sets of photons may enter; a noisy law is "
                "written out for fewer: use the closed forms"
            )
    chosen = asked[len(columns) if noise.input_photons is None else noise.input_photons]
    total = sum(chosen.values())
    return {entry: weight / total for entry, weight in chosen.items()}


def _mixture(transfer: np.ndarray, inputs: _Inputs, most: int) -> np.ndarray:
    m = len(transfer)
    law = np.zeros((most + 1,) * m)
    bosons: dict[tuple[int, ...], np.ndarray] = {}
    ways = np.abs(transfer) ** 2
    for (common, others), weight in inputs.items():
        if common not in bosons:
            bosons[common] = _boson_array(transfer, common, most)
        array = weight * bosons[common]
        for column in others:
            moved = max(0.0, 1 - ways[:, column].sum()) * array
            for mode in range(m):
                moved += ways[mode, column] * _one_more(array, mode)
            array = moved
        law += array
    return law


def _boson_array(transfer: np.ndarray, columns: tuple[int, ...], most: int) -> np.ndarray:
    m = len(transfer)
    device = dilation(transfer).unitary
    check_boson_photons((len(columns),))
    number = num_outcomes(2 * m, len(columns))
    if number > MAX_LAW_OUTCOMES:
        raise ValueError(
            f"{len(columns)} photons in {2 * m} modes, loss modes included, have {number:,} "
            f"outcomes; a law is written out up to {MAX_LAW_OUTCOMES:,}: use the closed forms"
        )
    index = np.array(columns, dtype=np.int64)
    psi = amplitudes(np.ascontiguousarray(device[:, index].T), index)
    array = np.zeros((most + 1,) * m)
    seen = outcome_table(2 * m, len(columns))[:, :m].astype(np.int64)
    np.add.at(array, tuple(seen.T), np.abs(psi) ** 2)
    return array


def _gram_array(transfer: np.ndarray, t: tuple[int, ...], noise: Noise, most: int) -> np.ndarray:
    m = len(t)
    arrival = noise.in_modes("emission", m) * noise.in_modes("input_transmission", m)
    device = dilation(transfer * np.sqrt(arrival))
    gram = np.array(noise.gram).reshape(sum(t), -1)
    outcomes, probabilities = gram_law(device, t + (0,) * m, gram, num_seen=m)
    array = np.zeros((most + 1,) * m)
    array[tuple(outcomes.T.astype(np.int64))] = probabilities
    return array


def _one_more(array: np.ndarray, mode: int) -> np.ndarray:
    """The array with one more photon in a mode; no shot holds more than fit."""
    moved = np.roll(array, 1, axis=mode)
    moved[(slice(None),) * mode + (0,)] = 0.0
    return moved


def _detector(
    most: int, efficiency: float, dark: float, longest: int, threshold: bool
) -> np.ndarray:
    """``P(count | photons)``, (counts, photons)."""
    if threshold:
        silent = (1 - efficiency) ** np.arange(most + 1) * np.exp(-dark)
        return np.stack([silent, 1 - silent])
    from scipy import stats  # slow to import

    matrix = np.zeros((longest, most + 1))
    background = stats.poisson.pmf(np.arange(longest), dark)
    for number in range(most + 1):
        light = [
            math.comb(number, k) * efficiency**k * (1 - efficiency) ** (number - k)
            for k in range(number + 1)
        ]
        matrix[:, number] = np.convolve(light, background)[:longest]
    return matrix
