"""The sampler of GPUs: shot by shot that of the CPU.

Everywhere its source runs on a CPU, lane by lane (`warp.hpp`); where CuPy sees a GPU, there too.
"""

import importlib.util
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from quantum_latents.banks import BankRecipe, build_bank
from quantum_latents.circuits import haar
from quantum_latents.random import stream
from quantum_latents.random.numba import kernel_key
from quantum_latents.samplers import BosonSampler, Noise, NoisySampler, boson, noisy, sample_boson
from quantum_latents.samplers.kernels import cuda

STREAM = stream(3, "shots")


def sees_a_gpu():
    if importlib.util.find_spec("cupy") is None:
        return False
    import cupy

    try:
        return cupy.cuda.runtime.getDeviceCount() > 0
    except cupy.cuda.runtime.CUDARuntimeError:
        return False


HAS_GPU = sees_a_gpu()


@pytest.fixture(params=["first lane first", "last lane first", "gpu"])
def gpu(request, monkeypatch):
    """Where device 'cuda' draws; times as many shots on a real one."""
    for prepared in (boson._prepared, noisy._prepared):
        prepared.cache_clear()
    if request.param == "gpu":
        if not HAS_GPU:
            pytest.skip("CuPy sees no GPU")
        yield SimpleNamespace(times=100)
    else:
        cupy = request.getfixturevalue("cupy_on_a_warp")
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        monkeypatch.setattr(cupy.RawModule, "reversed", request.param == "last lane first")
        yield SimpleNamespace(times=1)
    for prepared in (boson._prepared, noisy._prepared):
        prepared.cache_clear()


def both(interferometer, occupation, num_samples, *, start=0, **options):
    drawn = []
    for device in ("cpu", "cuda"):
        sampler = BosonSampler(
            interferometer, occupation, path="clifford-clifford", device=device, **options
        )
        drawn.append(sampler.sample(num_samples, STREAM, start=start))
    return drawn


@pytest.mark.parametrize(
    ("num_modes", "occupation", "num_samples"),
    [
        (1, [0], 3),
        (2, [1, 0], 20),
        (2, [1, 1], 200),
        (4, [3, 0, 1, 1], 300),
        (12, [1, 0] * 6, 300),
        (7, [2] * 6 + [1], 100),
        (40, [1] * 9 + [0] * 31, 100),
        (3, [9, 9, 8], 30),
        (28, [1, 0] * 14, 20),
    ],
)
def test_shots_are_those_of_the_cpu(gpu, num_modes, occupation, num_samples):
    device = haar(num_modes, stream(num_modes, "interferometer"))
    ours, theirs = both(device, occupation, num_samples * gpu.times, start=2**33 - 5)
    assert (theirs.sum(axis=1) == sum(occupation)).all()
    np.testing.assert_array_equal(theirs, ours)


@pytest.mark.parametrize(("num_modes", "num_photons", "num_samples"), [(18, 9, 200), (32, 16, 12)])
def test_float32_errs_as_the_cpu_does(gpu, num_modes, num_photons, num_samples):
    """A shot differs where a number falls between two laws that are 1e-6 apart."""
    device = haar(num_modes, stream(1, "interferometer"))
    occupation = [1, 0] * num_photons
    ours, theirs = both(device, occupation, num_samples * gpu.times, precision="float32")
    differ = (ours != theirs).any(axis=1).sum()
    assert differ <= num_samples * gpu.times // 100
    assert (theirs.sum(axis=1) == num_photons).all()


def test_photons_may_differ_between_shots_and_shots_be_in_any_order(gpu):
    device = haar(6, stream(2, "interferometer"))
    columns = np.ascontiguousarray(device.unitary[:, [0, 2, 3, 5]].T)
    parts = np.stack([np.real(columns), np.imag(columns)], axis=1)
    number = stream(0, "photons").generator()
    photons = np.full((200, 4), -1)
    for row in photons:
        present = np.flatnonzero(number.random(4) < 0.6)
        row[: len(present)] = present
    shots = number.permutation(10_000)[:200]
    key, counts = kernel_key(STREAM), np.empty((200, 6), np.uint8)
    cuda.CudaShots(parts, "float64").fill(photons, key, shots, counts)

    alone = np.empty((1, 6), np.uint8)
    entries = np.ascontiguousarray(parts.transpose(0, 2, 1))
    for row, shot in enumerate(shots):
        boson.clifford_clifford_shots(parts, entries, photons[row : row + 1], key, shot, alone)
        np.testing.assert_array_equal(counts[row], alone[0])


def test_discarded_shots_are_drawn_again_in_one_launch(gpu, monkeypatch):
    """Without loss all photons go together, and what post-selection discards lies scattered."""
    device, launches = haar(20, stream(5, "interferometer")), []
    filled = cuda.CudaShots.fill

    def counted(self, photons, key, shots, counts):
        launches.append(len(shots))
        filled(self, photons, key, shots, counts)

    monkeypatch.setattr(cuda.CudaShots, "fill", counted)
    monkeypatch.setattr(noisy, "_PILOT_BLOCK", 32)
    noise, occupation = Noise(threshold=True, at_least=8), [1] * 8 + [0] * 12
    samplers = [NoisySampler(device, occupation, noise, device=d) for d in ("cpu", "cuda")]
    assert samplers[1].path == "clifford-clifford"
    launches.clear()  # of the pilot
    np.testing.assert_array_equal(*[sampler.sample(40, STREAM) for sampler in samplers])
    assert launches == sorted(launches, reverse=True)
    assert launches[0] == 40 > launches[1] > 0


@pytest.mark.parametrize(
    "noise",
    [
        Noise(interference=0.8, input_transmission=0.7),
        Noise(g2=0.2, extra_photon="indistinguishable", detector_efficiency=0.9, dark_counts=0.1),
        Noise(interference=0.9, input_transmission=0.6, at_least=4, threshold=True),
    ],
    ids=["partial", "emission", "selected"],
)
def test_a_noisy_device_is_drawn_alike(gpu, noise):
    device = haar(8, stream(5, "interferometer"))
    drawn = [
        NoisySampler(device, [1, 0, 1, 1, 0, 1, 1, 0], noise, device=where).sample(
            100 * gpu.times, STREAM, start=7
        )
        for where in ("cpu", "cuda")
    ]
    np.testing.assert_array_equal(*drawn)


def test_without_loss_all_photons_go_together(gpu):
    device = haar(20, stream(5, "interferometer"))
    noise, occupation = Noise(dark_counts=0.2), [1] * 8 + [0] * 12
    samplers = [NoisySampler(device, occupation, noise, device=d) for d in ("cpu", "cuda")]
    assert samplers[1].path == "clifford-clifford"
    np.testing.assert_array_equal(*[sampler.sample(20, STREAM) for sampler in samplers])


def test_chunks_leave_no_trace(gpu):
    device, occupation = haar(6, stream(0, "interferometer")), [1, 0] * 3
    sampler = BosonSampler(device, occupation, path="clifford-clifford", device="cuda")
    whole = sampler.sample(100, STREAM)
    sampler.gpu.chunk = 7
    np.testing.assert_array_equal(sampler.sample(100, STREAM), whole)
    np.testing.assert_array_equal(sampler.sample(30, STREAM, start=70), whole[70:])
    assert sampler.sample(0, STREAM).shape == (0, 6)
    again = sample_boson(
        device, occupation, 30, STREAM, start=70, path="clifford-clifford", device="cuda"
    )
    np.testing.assert_array_equal(again, whole[70:])


def test_a_bank_is_the_same(gpu, tmp_path):
    recipe = BankRecipe(
        interferometer=haar(5, stream(0, "interferometer")).recipe,
        occupation=(1, 0, 1, 0, 1),
        statistics="boson",
        num_samples=500,
        stream=STREAM,
        forced_path="clifford-clifford",
    )
    ours, theirs = (build_bank(recipe, tmp_path / d, device=d) for d in ("cpu", "cuda"))
    assert ours.manifest == theirs.manifest
    np.testing.assert_array_equal(ours.counts, theirs.counts)


def test_more_modes_than_a_block_may_share_are_refused(gpu):
    columns = np.zeros((2, 2, 50_000))
    with pytest.raises(ValueError, match=r"50000 modes take .* bytes of .* use device 'cpu'"):
        cuda.CudaShots(columns, "float64")


def test_devices_that_cannot_be_are_refused(monkeypatch):
    device, occupation = haar(4, stream(0, "interferometer")), [1, 1, 0, 0]
    with pytest.raises(ValueError, match=r"device is one of .*not 'tpu'"):
        BosonSampler(device, occupation, device="tpu")
    with pytest.raises(ValueError, match=r"these shots take 'enumeration'.* 'clifford-clifford'"):
        BosonSampler(device, occupation, device="cuda")
    with pytest.raises(ValueError, match="these shots take 'independent'"):
        NoisySampler(device, occupation, Noise(interference=0.0), device="cuda")
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ImportError, match=r"pip install \"quantum-latents\[cuda\]\""):
        BosonSampler(device, occupation, path="clifford-clifford", device="cuda")


@pytest.mark.parametrize("found", [0, RuntimeError("driver is insufficient")])
def test_a_machine_without_a_gpu_is_told(monkeypatch, found):
    def count():
        if isinstance(found, Exception):
            raise found
        return found

    runtime = SimpleNamespace(getDeviceCount=count, CUDARuntimeError=RuntimeError)
    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    with pytest.raises(RuntimeError, match="CuPy finds no NVIDIA GPU"):
        BosonSampler(haar(2, stream(0)), [1, 1], path="clifford-clifford", device="cuda")


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="no nvcc")
@pytest.mark.parametrize(
    ("most", "precision"),
    [(24, "float64"), (40, "float64"), pytest.param(24, "float32", marks=pytest.mark.slow)],
)
def test_no_register_is_spilled(tmp_path, most, precision):
    """On the architecture of the H100 and H200; a spill would cost most of the speed."""
    written = tmp_path / "shots.cu"
    written.write_text(cuda.source())
    command = ["nvcc", *cuda.options(most, precision), "-arch=sm_90", "-Xptxas", "-v", "-cubin"]
    command += ["-Werror", "all-warnings", "-o", tmp_path / "shots.cubin", written]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"(\d+) bytes spill", done.stderr) == ["0", "0"], done.stderr
    assert int(re.search(r"Used (\d+) registers", done.stderr)[1]) <= 200
