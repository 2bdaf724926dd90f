"""Exact samples of indistinguishable photons.

Notation: m modes, n photons, occupation t; the probability of counts s is
``|Per U[s, t]|**2 / (prod s_i! prod t_j!)`` with rows and columns repeated by s and t.

Three paths give the same law:

- ``"enumeration"``: the law of all ``C(m + n - 1, n)`` outcomes is computed once and each
  shot is looked up in it with one uniform number;
- ``"clifford-clifford"``: each shot is drawn photon by photon, at a cost of about
  ``n 2**n`` operations, less where photons collide;
- ``"progressive"``: for time bins only, each bin is measured as soon as it is final, at a cost
  linear in m and exponential in the photons that the loops hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from quantum_latents.circuits import Interferometer, time_bin
from quantum_latents.random import Stream
from quantum_latents.random import stream as named_stream
from quantum_latents.random.numba import kernel_key
from quantum_latents.samplers.cost import clifford_clifford_operations
from quantum_latents.samplers.enumeration import amplitudes, num_outcomes, outcome_modes
from quantum_latents.samplers.kernels.clifford_clifford import clifford_clifford_shots
from quantum_latents.samplers.kernels.cuda import CudaShots, Device, check_device
from quantum_latents.samplers.kernels.numba import enumeration_shots, guide_of
from quantum_latents.samplers.occupation import (
    MAX_BOSON_PHOTONS,
    Occupation,
    check_boson_photons,
    checked_occupation,
    input_columns,
)
from quantum_latents.samplers.progressive import (
    MAX_BYTES,
    ProgressiveMeasurement,
    check_progressive,
    estimated_cost,
)
from quantum_latents.samplers.shots import draw_shots

__all__ = [
    "MAX_ENUMERATED_OUTCOMES",
    "PATHS",
    "SAMPLER_VERSION",
    "BosonSampler",
    "compile_path",
    "recipe_of",
    "sample_boson",
    "sampling_path",
]

SAMPLER_VERSION = 2
"""Raised by any change that gives other shots for the same stream."""

PATHS = ("enumeration", "clifford-clifford", "progressive")

MAX_ENUMERATED_OUTCOMES = 600_000
"""Most outcomes that are enumerated: under a second once, then a tenth of a microsecond a shot."""


def sampling_path(
    interferometer: Interferometer | Mapping[str, Any] | int, occupation: Occupation
) -> str:
    """Return the path by which boson samples are drawn.

    A function of the recipe alone, never of a speed measured on the machine: the path is part
    of what the shots of a stream are. Up to 600,000 outcomes it is enumeration. Beyond, time
    bins take the cheaper of progressive measurement (`estimated_cost`) and Clifford and
    Clifford (`cost.clifford_clifford_operations`). Beyond 40 photons only progressive
    measurement is left; all other interferometers take Clifford and Clifford.

    Args:
        interferometer: m modes; or its recipe; or m itself, for any that is not of time bins.
        occupation: photons in each input mode, (m,).

    Raises:
        TypeError, ValueError: a bad occupation, or more than 40 photons where the bins are
            not time bins or too many of them are held at once.

    >>> sampling_path(16, [1, 0] * 8), sampling_path(32, [1, 0] * 16)
    ('enumeration', 'clifford-clifford')
    >>> from quantum_latents.circuits import time_bin
    >>> from quantum_latents.random import stream
    >>> loops = [time_bin(32, delays, stream=stream(0)) for delays in [(1, 1), (1, 3, 9)]]
    >>> [sampling_path(device, [1, 0] * 16) for device in loops]
    ['progressive', 'clifford-clifford']
    """
    recipe = recipe_of(interferometer)
    num_modes = recipe["num_modes"]
    photons = checked_occupation(occupation, num_modes)
    num_photons = sum(photons)
    if num_photons > MAX_BOSON_PHOTONS:
        if recipe["kind"] != "time-bin":
            check_boson_photons(photons)
        check_progressive(recipe, photons)
        return "progressive"
    if num_outcomes(num_modes, num_photons) <= MAX_ENUMERATED_OUTCOMES:
        return "enumeration"
    if recipe["kind"] == "time-bin":
        cost = estimated_cost(num_modes, recipe["delays"], photons)
        cheaper = cost.operations < clifford_clifford_operations(num_modes, num_photons)
        if cheaper and cost.num_bytes <= MAX_BYTES:
            return "progressive"
    return "clifford-clifford"


def recipe_of(interferometer: Interferometer | Mapping[str, Any] | int) -> Mapping[str, Any]:
    """Return the recipe; of a number of modes m one that says no more than m."""
    if isinstance(interferometer, Interferometer):
        return interferometer.recipe
    if isinstance(interferometer, Mapping):
        return interferometer
    return {"kind": None, "num_modes": interferometer}


class BosonSampler:
    """Boson sampling of one interferometer and input, ready to draw any shots.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,); bunched inputs and none are fine.
        path: one of `PATHS`; None takes that of `sampling_path`.
        precision: type in which Clifford-Clifford computes permanents, `float64` or
            `float32`. With float32 the law of a shot's last photon, given the others, is off
            by 2e-6 at 16 photons, 7e-6 at 20 and 3e-5 at 24 (mean total variation, Haar).
        device: `cpu`, or `cuda` for Clifford-Clifford on an NVIDIA GPU. In float64 a shot is the
            same on both.

    Raises:
        TypeError, ValueError: a bad occupation, more photons than the path takes, a path that
            is unknown or not for this interferometer or device, or an unknown precision.
        ImportError, RuntimeError: `cuda` without CuPy, or without a GPU.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> sampler = BosonSampler(haar(4, stream(0, "interferometer")), [1, 1, 0, 0])
    >>> sampler.sample(3, stream(0, "shots")).sum(axis=1).tolist()
    [2, 2, 2]
    """

    def __init__(
        self,
        interferometer: Interferometer,
        occupation: Occupation,
        *,
        path: str | None = None,
        precision: Literal["float64", "float32"] = "float64",
        device: Device = "cpu",
    ) -> None:
        self.num_modes = interferometer.num_modes
        self.occupation = checked_occupation(occupation, self.num_modes)
        if path is None:
            path = sampling_path(interferometer, self.occupation)
        if path not in PATHS:
            raise ValueError(f"the path of a boson sampler is one of {PATHS}, not {path!r}")
        if precision not in ("float64", "float32"):
            raise ValueError(f"precision is 'float64' or 'float32', not {precision!r}")
        check_device(device, path)
        self.path = path
        self.gpu: CudaShots | None = None
        if path == "progressive":
            self._progressive = ProgressiveMeasurement(interferometer.recipe, self.occupation)
            self._occupations = np.array([self.occupation], dtype=np.uint8)
            return
        check_boson_photons(self.occupation)
        indices = input_columns(self.occupation)
        columns = np.ascontiguousarray(interferometer.unitary[:, indices].T)
        if self.path == "enumeration":
            psi = amplitudes(columns, indices)
            self._cumulative = np.cumsum(np.abs(psi) ** 2)
            assert abs(self._cumulative[-1] - 1) < 1e-6, "the enumerated law does not sum to 1"
            self._guide = guide_of(self._cumulative)
            self._outcomes = outcome_modes(self.num_modes, len(indices))
            return
        self._photons = np.arange(len(indices), dtype=np.int64)[None]
        parts = np.real(columns), np.imag(columns)
        self._columns = np.stack(parts, axis=1)
        if device == "cuda":
            self.gpu = CudaShots(self._columns, precision)
            return
        self._entries = np.stack(parts, axis=2).astype(precision)

    def sample(
        self, num_samples: int, stream: Stream, *, start: int = 0, num_threads: int | None = None
    ) -> np.ndarray:
        """Return shots [start, start + num_samples) of the stream, uint8 (num_samples, m).

        Threads are of the CPU alone.
        """
        key = kernel_key(stream.child("boson"))

        def enumerated(first: int, rows: np.ndarray) -> None:
            enumeration_shots(self._cumulative, self._guide, self._outcomes, key, first, rows)

        def clifford_clifford(first: int, rows: np.ndarray) -> None:
            clifford_clifford_shots(self._columns, self._entries, self._photons, key, first, rows)

        def progressive(first: int, rows: np.ndarray) -> None:
            self._progressive.fill(self._occupations, key, first, rows)

        if self.gpu is not None:
            return self.gpu.sample(self._photons, key, num_samples, start=start)
        kernels = {"enumeration": enumerated, "progressive": progressive}
        kernel = kernels.get(self.path, clifford_clifford)
        return draw_shots(kernel, num_samples, self.num_modes, start=start, num_threads=num_threads)

    def on_gpu(self, shots: np.ndarray, stream: Stream) -> np.ndarray:
        """Return shots of any indices, (N,), in one launch; for samplers of device `cuda`."""
        assert self.gpu is not None
        counts = np.empty((len(shots), self.num_modes), dtype=np.uint8)
        self.gpu.fill(self._photons, kernel_key(stream.child("boson")), shots, counts)
        return counts


def compile_path(path: str, precision: Literal["float64", "float32"] = "float64") -> None:
    """Compile the kernel of a path, or load it from disk, by drawing a shot of two photons.

    >>> compile_path("enumeration")
    """
    device = time_bin(2, (1,), angles=[0.5], phases=[0.0])
    sampler = BosonSampler(device, [1, 1], path=path, precision=precision)
    sampler.sample(1, named_stream(0, "compile"))


def sample_boson(
    interferometer: Interferometer,
    occupation: Occupation,
    num_samples: int,
    stream: Stream,
    *,
    start: int = 0,
    path: str | None = None,
    num_threads: int | None = None,
    device: Device = "cpu",
) -> np.ndarray:
    """Return counts of indistinguishable photons, uint8 (num_samples, m).

    Row i is shot start + i of the stream and depends on (interferometer, occupation, path,
    stream, start + i) alone: never on the device, the number of threads or what else is drawn.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        num_samples: number of shots.
        stream: names the shots.
        start: index of the first shot.
        path: ``"enumeration"``, ``"clifford-clifford"`` or, for time bins, ``"progressive"``;
            None takes that of `sampling_path`.
        num_threads: threads to use; None is one for each core.
        device: `cpu` or `cuda`; see `BosonSampler`.

    Raises:
        TypeError, ValueError: a bad occupation, path, device or number.
        ImportError, RuntimeError: `cuda` without CuPy, or without a GPU.

    Sources: Clifford & Clifford, arXiv 1706.01260, 2005.04214; Heurtel et al., arXiv 2206.10549.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> device = haar(6, stream(0, "interferometer"))
    >>> counts = sample_boson(device, [1, 0, 1, 0, 1, 0], 1000, stream(0, "shots"))
    >>> counts.shape, set(counts.sum(axis=1).tolist())
    ((1000, 6), {3})
    """
    values = checked_occupation(occupation, interferometer.num_modes)
    sampler = _prepared(interferometer, values, path, device)
    return sampler.sample(num_samples, stream, start=start, num_threads=num_threads)


@lru_cache(maxsize=4)
def _prepared(
    interferometer: Interferometer, occupation: tuple[int, ...], path: str | None, device: Device
) -> BosonSampler:
    # Callers ask for chunks of one stream: the law is enumerated for the first only.
    return BosonSampler(interferometer, occupation, path=path, device=device)
