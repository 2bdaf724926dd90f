"""CuPy, as far as our samplers use it, with one warp on the CPU in the place of a GPU.

The source that NVRTC would compile is compiled by g++ instead, in front of it `warp.hpp`.
"""

import contextlib
import ctypes
import hashlib
import shutil
import subprocess
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np

HERE = Path(__file__).parent

COMPILER = shutil.which("g++")

ENTRY = """
namespace {
struct {
    const double *columns;
    const int *photons;
    const double *binomials;
    const u64 *shots;
    u64 *next;
    unsigned char *counts;
    u64 key, num_shots;
    int num_columns, num_modes, one_input;
} g;
}

extern "C" unsigned long long most_shared_bytes = sizeof memory;

extern "C" void launch(int reversed, const double *columns, const int *photons,
                       const double *binomials, const u64 *shots, u64 *next,
                       unsigned char *counts, u64 key, u64 num_shots, int num_columns,
                       int num_modes, int one_input) {
    g = {columns, photons,   binomials,   shots,     next,     counts,
         key,     num_shots, num_columns, num_modes, one_input};
    warp_on_cpu::run(
        [] {
            clifford_clifford_shots(g.columns, g.photons, g.binomials, g.shots, g.next, g.counts,
                                    g.key, g.num_shots, g.num_columns, g.num_modes, g.one_input);
        },
        reversed);
}
"""


class Array(np.ndarray):
    def get(self):
        return np.array(self)


class Device(contextlib.nullcontext):
    def __init__(self, attributes):
        super().__init__()
        self.attributes = attributes


class Module:
    """`cupy.RawModule`."""

    folder = None
    reversed = False

    def __init__(self, *, code, options):
        assert "--fmad=false" in options
        defines = [option for option in options if option.startswith("-D")]
        text = f'#include "warp.hpp"\n{code}\n{ENTRY}'
        name = hashlib.sha256(repr((text, defines)).encode()).hexdigest()[:16]
        library = self.folder / f"{name}.so"
        if not library.exists():
            written = self.folder / f"{name}.cpp"
            written.write_text(text)
            command = [COMPILER, "-std=c++17", "-O2", "-ffp-contract=off", "-shared", "-fPIC"]
            command += [*defines, f"-I{HERE}", "-o", library, written]
            subprocess.run(command, check=True, capture_output=True)
        self.library = ctypes.CDLL(str(library))

    def get_global(self, name):
        return np.array((ctypes.c_uint64 * 2).in_dll(self.library, name))

    def get_function(self, name):
        assert name == "clifford_clifford_shots"
        return self.launch

    def launch(self, grid, block, arguments, *, shared_mem):
        assert grid[0] >= 1 and block == (32,)
        there = ctypes.c_uint64.in_dll(self.library, "most_shared_bytes").value
        assert shared_mem <= there
        passed = []
        for argument in arguments:
            if isinstance(argument, Array):
                assert argument.flags.c_contiguous
                passed.append(argument.ctypes.data_as(ctypes.c_void_p))
            else:
                kind = {np.uint64: ctypes.c_uint64, np.int32: ctypes.c_int32}[type(argument)]
                passed.append(kind(int(argument)))
        for _ in range(2):  # the second warp finds the queue empty
            self.library.launch(int(self.reversed), *passed)


def cupy_on_a_warp(folder):
    """Return the module, whose compiled code lies in `folder`."""
    cupy = ModuleType("cupy")
    cupy.uint8, cupy.uint64 = np.uint8, np.uint64
    cupy.asarray = lambda values: np.asarray(values).view(Array)
    cupy.empty = lambda shape, kind: np.full(shape, 255, kind).view(Array)
    cupy.zeros = lambda shape, kind: np.zeros(shape, kind).view(Array)
    cupy.ndarray = lambda size, kind, memptr: memptr.astype(kind).view(Array)
    cupy.RawModule = type("RawModule", (Module,), {"folder": folder})
    attributes = {
        "MultiProcessorCount": 132,
        "MaxSharedMemoryPerBlockOptin": 200_000,
        "ClockRate": 1_980_000,
        "SingleToDoublePrecisionPerfRatio": 2,
    }
    cupy.cuda = SimpleNamespace(
        Device=lambda: Device(attributes),
        runtime=SimpleNamespace(
            CUDARuntimeError=RuntimeError,
            getDevice=lambda: 0,
            getDeviceCount=lambda: 1,
            getDeviceProperties=lambda _: {"name": b"a warp on the CPU"},
        ),
    )
    return cupy
