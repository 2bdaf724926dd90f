"""Boson sampling photon by photon on an NVIDIA GPU.

The source, `clifford_clifford.cu`, is compiled when a sampler is made, by NVRTC through CuPy
(extra `cuda`), for a number of photons and a precision; CuPy keeps what it compiled. In float64
the shots are those of `clifford_clifford.py`, number by number: the same cipher, the same order of
photons and modes, and sums that differ in their last bits alone.

Nothing but `check_device` and `CudaShots` needs CuPy, and only where a GPU is asked for.
"""

from __future__ import annotations

import importlib
import math
from importlib import resources
from typing import Any, Literal, get_args

import numpy as np

from quantum_latents.samplers.cost import clifford_clifford_operations
from quantum_latents.samplers.shots import draw_shots

__all__ = [
    "DEVICES",
    "CudaShots",
    "Device",
    "check_device",
    "gpu_name",
    "options",
    "peak_operations",
    "source",
]

Device = Literal["cpu", "cuda"]

DEVICES: tuple[str, ...] = get_args(Device)

_REAL = {"float64": "double", "float32": "float"}

_LANES = 32

_WARPS_PER_MULTIPROCESSOR = 32
"""More than ever run at once: those that find the queue of shots empty end at once."""

_UNASKED_SHARED_BYTES = 48 * 1024
"""What a block may share without asking the driver for more."""

_CHUNK_OPERATIONS = 5e14
"""About what one launch does at most: half a minute of an H200 by peaks; Ctrl-C waits for it."""

_LEAST_CHUNK, _MOST_CHUNK = 4096, 2**18
"""Fewer shots than some twice the warps that run at once would leave many of them idle in the end,
so that a launch of more than about 32 photons does more than that."""


def source() -> str:
    """Return the CUDA C++ source.

    >>> "clifford_clifford_shots" in source()
    True
    """
    return (
        resources.files("quantum_latents.samplers.kernels")
        .joinpath("clifford_clifford.cu")
        .read_text("utf-8")
    )


def options(most_photons: int, precision: str) -> tuple[str, ...]:
    """Return what the source is compiled with; any compiler of C++ understands the last two.

    >>> options(16, "float32")
    ('-std=c++17', '--fmad=false', '-DREAL=float', '-DMOST=16')
    """
    return ("-std=c++17", "--fmad=false", f"-DREAL={_REAL[precision]}", f"-DMOST={most_photons}")


def check_device(device: str, path: str) -> None:
    """Refuse a device that there is not, or that a path of the samplers does not take.

    Raises:
        ValueError: an unknown device, or another path than Clifford-Clifford on a GPU.
        ImportError: CuPy is not installed.
        RuntimeError: no GPU is seen.

    >>> check_device("cpu", "enumeration")
    """
    if device not in DEVICES:
        raise ValueError(f"device is one of {DEVICES}, not {device!r}")
    if device == "cpu":
        return
    if path != "clifford-clifford":
        raise ValueError(
            f"device 'cuda' is for the path 'clifford-clifford', and these shots take {path!r}, "
            "which is computed on the CPU: leave out the device, or, for ideal indistinguishable "
            "photons, ask for path 'clifford-clifford'"
        )
    cupy = _cupy()
    try:
        found = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise RuntimeError(f"device 'cuda': CuPy finds no NVIDIA GPU ({error})") from None
    if not found:
        raise RuntimeError("device 'cuda': CuPy finds no NVIDIA GPU: use device 'cpu'")


def peak_operations(precision: str) -> float:
    """Return the floating-point operations a second of the GPU in use, by its clock and cores.

    Two for each multiply-add of 128 lanes of a multiprocessor in float32, and in float64 as many
    fewer as the driver says.
    """
    attributes = _cupy().cuda.Device().attributes
    hertz = 1e3 * attributes["ClockRate"]
    peak = 2 * 128 * attributes["MultiProcessorCount"] * hertz
    return peak if precision == "float32" else peak / attributes["SingleToDoublePrecisionPerfRatio"]


def gpu_name() -> str:
    """Return what the driver calls the GPU in use."""
    runtime = _cupy().cuda.runtime
    return runtime.getDeviceProperties(runtime.getDevice())["name"].decode()


class CudaShots:
    """Clifford-Clifford of one interferometer and input on the GPU in use.

    Args:
        columns: float64 (n, 2, m), the real and imaginary parts of A transposed.
        precision: in which permanents are computed, `float64` or `float32`.

    Attributes:
        chunk: shots that are drawn at once.

    Raises:
        ValueError: more modes than a block's shared memory holds.
        ImportError: CuPy is not installed.
    """

    def __init__(self, columns: np.ndarray, precision: str) -> None:
        num_photons, _, num_modes = columns.shape
        self._columns = np.ascontiguousarray(columns)
        # Even numbers alone, so that the compiler is called half as often.
        most = max(2, num_photons + num_photons % 2)
        self._binomials = np.array(
            [[float(math.comb(s, g)) for g in range(most + 1)] for s in range(most + 1)]
        )
        shots = int(_CHUNK_OPERATIONS / clifford_clifford_operations(num_modes, most))
        self.chunk = min(_MOST_CHUNK, max(_LEAST_CHUNK, shots))

        cupy = self._cupy = _cupy()
        self._device = cupy.cuda.Device()
        attributes = self._device.attributes
        self._num_warps = _WARPS_PER_MULTIPROCESSOR * attributes["MultiProcessorCount"]
        module = cupy.RawModule(code=source(), options=options(most, precision))
        self._kernel = module.get_function("clifford_clifford_shots")
        constant = module.get_global("shared_bytes")
        fixed, per_mode = cupy.ndarray(2, cupy.uint64, memptr=constant).get().tolist()
        self._num_bytes = fixed + per_mode * num_modes
        most_bytes = attributes["MaxSharedMemoryPerBlockOptin"]
        if self._num_bytes > most_bytes:
            raise ValueError(
                f"{num_modes} modes take {self._num_bytes:,} bytes of a block's shared memory, "
                f"and this GPU has {most_bytes:,}: use device 'cpu'"
            )
        if self._num_bytes > _UNASKED_SHARED_BYTES:
            self._kernel.max_dynamic_shared_size_bytes = self._num_bytes

    def sample(
        self, photons: np.ndarray, key: np.uint64, num_samples: int, *, start: int
    ) -> np.ndarray:
        """Return shots [start, start + num_samples), uint8 (num_samples, m); see `fill`."""

        def kernel(first: int, rows: np.ndarray) -> None:
            self.fill(photons, key, np.arange(first, first + len(rows)), rows)

        num_modes = self._columns.shape[2]
        return draw_shots(
            kernel, num_samples, num_modes, start=start, num_threads=1, chunk=self.chunk
        )

    def fill(
        self, photons: np.ndarray, key: np.uint64, shots: np.ndarray, counts: np.ndarray
    ) -> None:
        """Fill `counts`, uint8 (N, m), with shots of a stream.

        Args:
            photons: integers (N, n) or (1, n), the columns with a photon in each shot, filled up
                with -1 at the end.
            key: of the stream.
            shots: (N,), the indices of the shots, in any order.
            counts: written.
        """
        if not len(shots):
            return
        with self._device:
            self._launch(photons, key, shots, counts)

    def _launch(
        self, photons: np.ndarray, key: np.uint64, shots: np.ndarray, counts: np.ndarray
    ) -> None:
        cupy = self._cupy
        num_columns, _, num_modes = self._columns.shape
        drawn = cupy.empty(counts.shape, cupy.uint8)
        arguments = (
            cupy.asarray(self._columns),
            cupy.asarray(np.ascontiguousarray(photons, dtype=np.int32)),
            cupy.asarray(self._binomials),
            cupy.asarray(np.ascontiguousarray(shots, dtype=np.uint64)),
            cupy.zeros(1, cupy.uint64),
            drawn,
            np.uint64(key),
            np.uint64(len(shots)),
            np.int32(num_columns),
            np.int32(num_modes),
            np.int32(len(photons) == 1),
        )
        grid = (min(len(shots), self._num_warps),)
        self._kernel(grid, (_LANES,), arguments, shared_mem=self._num_bytes)
        counts[:] = drawn.get()


def _cupy() -> Any:
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        raise ImportError(
            "device 'cuda' needs CuPy: pip install \"quantum-latents[cuda]\" (CUDA 13), or CuPy's "
            f"package for this machine's CUDA ({error})"
        ) from error
    return cupy
