"""The generating function of the counts of a noisy device, by permanents.

Notation: m modes, n photons in input columns c_1 .. c_n, `T` the transfer matrix with the losses
at the input and in the loops, ``A = T[:, c]`` (m, n), overlaps S_kl, and for each mode j a weight
``D_j`` and the probability eta_j that a photon there is seen. With

    H_kl = [c_k = c_l] + sum_j conj(A_jk) (D_j - 1) A_jl

the mean of ``prod_j D_j**n_j`` is ``Per(H o S)`` (o multiplies entry by entry), over the norm of a
bunched input. With ``D_j = 1 - eta_j + eta_j z`` for the modes of a *bin* it is the generating
function of the counts in that bin, and its values on the unit circle are the characteristic
function.

Source: Shchesnovich, arXiv 1410.1506 and 1509.01561, for permanents of ``H o S``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

from quantum_latents.circuits import Interferometer, lossy_time_bin
from quantum_latents.samplers.noise import Noise, double_emission
from quantum_latents.samplers.occupation import Occupation, input_columns
from quantum_latents.samplers.permanent import MAX_PERMANENT, glynn

__all__ = ["MAX_WORK", "Light", "light_of"]

MAX_WORK = 2e10
"""Most complex products of one call: about a minute."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Light:
    """What enters the permanents.

    `columns` is A (m, n), `emission` and `double` (n,) are the sources' probabilities, `overlaps`
    is S, `same_mode` is [c_k = c_l], and `norm` the norm of a bunched input.
    """

    columns: np.ndarray
    efficiency: np.ndarray
    emission: np.ndarray
    double: np.ndarray
    overlaps: np.ndarray
    same_mode: np.ndarray
    norm: float
    num_asked: int | None

    def seen(self, bins: Sequence[Sequence[int]]) -> np.ndarray:
        """Return ``sum over j in bin of conj(A_jk) eta_j A_jl``, complex128 (B, n, n)."""
        size = self.columns.shape[1]
        forms = np.zeros((len(bins), size, size), dtype=np.complex128)
        for place, modes in enumerate(bins):
            rows = self.columns[list(modes)]
            forms[place] = (rows.conj().T * self.efficiency[list(modes)]) @ rows
        return forms

    def values(self, seen: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return the generating function at points (G, B), complex128 (G,)."""
        size = len(self.emission)
        diagonal = bool((self.overlaps == np.eye(size)).all())
        # How many sources are asked is one more variable, read off by a Fourier sum.
        turns = np.ones(1, dtype=np.complex128)
        if self.num_asked is not None:
            turns = np.exp(2j * np.pi * np.arange(size + 1) / (size + 1))
        if not diagonal:
            self.check_work(len(points) * len(turns))
        total = np.zeros(len(points), dtype=np.complex128)
        for turn in turns:
            found = _generating(
                self.same_mode.astype(np.complex128),
                np.ascontiguousarray(seen),
                self.overlaps,
                self.emission,
                self.double,
                np.ascontiguousarray(points),
                complex(turn),
                self.num_asked is not None,
                diagonal,
            )
            total += found if self.num_asked is None else found * turn ** (-self.num_asked)
        if self.num_asked is not None:
            total /= len(turns) * math.comb(size, self.num_asked)
        return total / self.norm

    def counts(self, bins: Sequence[Sequence[int]]) -> np.ndarray:
        """Return the joint law of the photons seen in bins, float64, one axis a bin."""
        size = len(self.emission)
        length = size * (2 if self.double.any() else 1) + 1
        shape = (length,) * len(bins)
        if not (self.overlaps == np.eye(size)).all():
            self.check_work(math.prod(shape))
        steps = np.indices(shape).reshape(len(bins), -1).T
        points = np.exp(2j * np.pi * steps / length)
        values = self.values(self.seen(bins), points).reshape(shape)
        return np.maximum(np.fft.fftn(values).real / math.prod(shape), 0.0)

    def check_work(self, num_permanents: int) -> None:
        """Refuse what would take longer than `MAX_WORK`."""
        size = len(self.emission)
        if size > MAX_PERMANENT:
            raise ValueError(
                f"a permanent of {size} photons takes 2**{size} operations; "
                f"use at most {MAX_PERMANENT} photons"
            )
        if num_permanents * size * 2.0 ** max(size - 1, 0) > MAX_WORK:
            raise ValueError(
                f"{num_permanents:,} permanents of {size} photons take too long: ask for fewer "
                "modes or bins, or draw samples"
            )

    def refuse_all_but_loss(self, noise: Noise) -> None:
        """Refuse noise with which counts of all modes have no closed form."""
        if noise.g2 > 0 or self.num_asked is not None:
            raise ValueError(
                "the probability of one outcome of counting detectors has no closed form with g2 "
                "or input_photons: use noisy_law"
            )


def light_of(interferometer: Interferometer, occupation: Occupation, noise: Noise) -> Light:
    """Resolve a noise, and refuse by name what has no closed form."""
    m = interferometer.num_modes
    t = noise.checked(m, occupation)
    columns = input_columns(t)
    size = len(columns)
    if noise.g2 > 0 and noise.extra_photon == "indistinguishable":
        raise ValueError("indistinguishable extra photons have no closed form: use noisy_law")
    emission = noise.in_modes("emission", m)
    survival = noise.in_modes("input_transmission", m)
    double = double_emission(noise.g2, emission)
    if noise.g2 == 0:  # a source that emits nothing is a source whose photon is lost
        survival, emission = survival * emission, np.ones(m)
    num_asked = noise.input_photons if noise.input_photons != size else None
    x = noise.interference
    if max(t) > 1 and x > 0:
        if x < 1:
            raise ValueError(
                "bunched inputs have a closed form without overlaps strictly between 0 and 1: use "
                "noisy_law"
            )
        if num_asked is not None or (emission[columns] < 1).any():
            raise ValueError(
                "bunched inputs have no closed form with input_photons, or with g2 and emission "
                "below 1: use noisy_law"
            )
    same_mode = columns[:, None] == columns[None, :]
    if noise.gram is not None:
        overlaps = np.array(noise.gram, dtype=np.complex128)
    else:
        overlaps = np.where(np.eye(size, dtype=bool), 1.0, x).astype(np.complex128)
    transfer = interferometer.unitary
    if noise.loop_transmission is not None:
        transfer = lossy_time_bin(interferometer.recipe, noise.loop_transmission)
    norm = 1.0
    for mode in set(columns.tolist()):
        block = np.ascontiguousarray(overlaps[np.ix_(columns == mode, columns == mode)])
        if (block == 1).all():
            norm *= math.factorial(len(block))
        elif x > 0:
            norm *= complex(glynn(block)).real
    seen = noise.in_modes("output_transmission", m) * noise.in_modes("detector_efficiency", m)
    return Light(
        columns=(transfer * np.sqrt(survival))[:, columns],
        efficiency=seen,
        emission=emission[columns],
        double=double[columns],
        overlaps=overlaps.reshape(size, size),
        same_mode=same_mode,
        norm=norm,
        num_asked=num_asked,
    )


@numba.njit(nogil=True, cache=True)
def _generating(same_mode, seen, overlaps, emission, double, points, turn, any_asked, diagonal):
    num_points, num_bins = points.shape
    size = emission.size
    values = np.empty(num_points, np.complex128)
    matrix = np.empty((size, size), np.complex128)
    for point in range(num_points):
        for k in range(size):
            for column in range(size):
                h = same_mode[k, column]
                for b in range(num_bins):
                    h -= (1.0 - points[point, b]) * seen[b, k, column]
                matrix[k, column] = h * overlaps[k, column]
        product = 1.0 + 0.0j
        for k in range(size):
            # A second photon goes its own way: one factor more for source k.
            factor = emission[k] * (1.0 - double[k] + double[k] * matrix[k, k])
            for column in range(size):
                matrix[k, column] *= factor
            matrix[k, k] += 1.0 - emission[k]
            if any_asked:
                for column in range(size):
                    matrix[k, column] *= turn
                matrix[k, k] += 1.0
            product *= matrix[k, k]
        values[point] = product if diagonal else glynn(matrix)
    return values
