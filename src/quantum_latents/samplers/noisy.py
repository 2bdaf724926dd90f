"""Exact samples of a noisy device.

Notation: m modes, n photons of the occupation; the noise is a `Noise`. Shot i is its first
attempt that post-selection keeps; attempt a of shot i depends on (stream, i, a) alone.

What is drawn together follows from the recipe alone, by one of the paths of
`quantum_latents.samplers.noise_paths`. Loss inside the interferometer is a dilation to 2m modes.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np

from quantum_latents.circuits import Interferometer, dilation, lossy_time_bin
from quantum_latents.random import Stream
from quantum_latents.random import stream as named_stream
from quantum_latents.random.numba import kernel_key
from quantum_latents.samplers.acceptance import check_acceptance
from quantum_latents.samplers.boson import BosonSampler
from quantum_latents.samplers.gram import gram_law
from quantum_latents.samplers.kernels.clifford_clifford import clifford_clifford_shots
from quantum_latents.samplers.kernels.cuda import CudaShots, Device, check_device
from quantum_latents.samplers.kernels.noise import add_independent, detect, emit, look_up
from quantum_latents.samplers.noise import MIN_ACCEPTANCE, Noise, dark_count_table, double_emission
from quantum_latents.samplers.noise_paths import common_arrival, path_of
from quantum_latents.samplers.occupation import (
    Occupation,
    input_columns,
)
from quantum_latents.samplers.shots import draw_shots

__all__ = ["PILOT_ATTEMPTS", "NoisySampler", "sample_noisy"]

PILOT_ATTEMPTS = 16_384
"""Most attempts of the pilot that looks for one kept shot where the acceptance is not known."""

_PILOT_BLOCK = 1024


class NoisySampler:
    """A noisy device of one interferometer and input, ready to draw any shots.

    ``NoisySampler(interferometer, occupation, Noise())`` draws the shots of `BosonSampler`, and
    with ``Noise(interference=0.0)`` those of `DistinguishableSampler`, number by number.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,); bunched inputs and none are fine.
        noise: what goes wrong; see `Noise`.
        device: `cpu`, or `cuda` for Clifford-Clifford on an NVIDIA GPU; a shot is the same on both.

    Raises:
        ImportError, RuntimeError: `cuda` without CuPy, or without a GPU.
        TypeError, ValueError: a bad occupation; a noise that does not fit it, or a combination
            that is not exact, named; more than 40 photons that may interfere; loops in an
            interferometer that has none; a post-selection that keeps less than 1e-6 of the
            shots or, where bounds do not decide, none of 16,384 pilot attempts.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> device = haar(4, stream(0, "interferometer"))
    >>> sampler = NoisySampler(device, [1, 1, 1, 1], Noise(input_transmission=0.6, exactly=2))
    >>> sampler.sample(3, stream(0, "shots")).sum(axis=1).tolist()
    [2, 2, 2]
    """

    def __init__(
        self,
        interferometer: Interferometer,
        occupation: Occupation,
        noise: Noise,
        *,
        device: Device = "cpu",
    ) -> None:
        m = self.num_modes = interferometer.num_modes
        self.noise = noise
        self.occupation = noise.checked(m, occupation)
        lower, _ = check_acceptance(interferometer, self.occupation, noise)
        self.path, whole = path_of(interferometer.recipe, self.occupation, noise)
        check_device(device, self.path)
        columns = input_columns(self.occupation)
        emission = noise.in_modes("emission", m)
        survival = noise.in_modes("input_transmission", m)
        efficiency = noise.in_modes("output_transmission", m) * noise.in_modes(
            "detector_efficiency", m
        )
        self._fixed: BosonSampler | None = None
        self._gpu: CudaShots | None = None
        self._law: tuple[np.ndarray, np.ndarray] | None = None

        if self.path == "gram":
            arrival = emission * survival
            common = float(arrival[columns].max(initial=0.0))
            self._law = _gram_law(interferometer, self.occupation, noise, arrival, common)
            efficiency = efficiency * common
        elif whole:
            entered = _with_loops(interferometer, noise)
            efficiency = efficiency * common_arrival(self.occupation, noise)
            padded = self.occupation + (0,) * (entered.num_modes - m)
            self._fixed = BosonSampler(entered, padded, path=self.path, device=device)
        else:
            entered = _with_loops(interferometer, noise)
            common = float(efficiency.max())
            if common > 0:  # what all modes lose alike, the photons lose at the input
                efficiency = efficiency / common
                survival = survival * common
            amplitudes = np.ascontiguousarray(entered.unitary[:, columns].T)
            self._ways = np.cumsum(np.abs(amplitudes) ** 2, axis=1)
            self._emission = emission[columns]
            self._double = double_emission(noise.g2, self._emission)
            self._survival = survival[columns]
            extra = noise.g2 > 0 and noise.extra_photon == "indistinguishable"
            both = np.concatenate([amplitudes, amplitudes]) if extra else amplitudes
            self._num_slots = len(both)
            parts = np.real(both), np.imag(both)
            self._columns, self._entries = np.stack(parts, axis=1), np.stack(parts, axis=2)
            self._entered_modes = entered.num_modes
            if device == "cuda":
                self._gpu = CudaShots(self._columns, "float64")

        self._efficiency = efficiency
        dark = noise.in_modes("dark_counts", m)
        if noise.threshold:
            # More than one dark count is one click.
            self._dark = np.stack([np.exp(-dark), np.ones(m)], axis=1)[:, : 1 + int(dark.any())]
        else:
            self._dark = dark_count_table(dark)
        self._detects = bool((efficiency < 1).any() or dark.any() or noise.threshold)
        if noise.selects and lower < MIN_ACCEPTANCE:
            self._pilot()

    def sample(
        self, num_samples: int, stream: Stream, *, start: int = 0, num_threads: int | None = None
    ) -> np.ndarray:
        """Return shots [start, start + num_samples) of the stream, uint8 (num_samples, m)."""

        def kernel(first: int, rows: np.ndarray) -> None:
            pending = np.arange(first, first + len(rows), dtype=np.int64)
            attempt = 0
            while len(pending):
                source = stream if attempt == 0 else stream.child("attempt", attempt)
                counts, kept = self._attempt(pending, source)
                rows[pending[kept] - first] = counts[kept]
                pending = pending[~kept]
                attempt += 1

        gpu = self._gpu if self._fixed is None else self._fixed.gpu
        chunk = None
        if gpu is not None:
            num_threads, chunk = 1, gpu.chunk
        return draw_shots(
            kernel,
            num_samples,
            self.num_modes,
            start=start,
            num_threads=num_threads,
            chunk=chunk,
        )

    def _attempt(self, shots: np.ndarray, source: Stream) -> tuple[np.ndarray, np.ndarray]:
        """One attempt of each shot: counts (N, m), and which of them are kept (N,)."""
        if self._law is not None:
            light = np.zeros((len(shots), self.num_modes), dtype=np.uint8)
            look_up(self._law[1], self._law[0], kernel_key(source.child("gram")), shots, light)
        elif self._fixed is not None:
            light = _drawn_at(self._fixed, shots, source)
        else:
            return self._attempt_with_drawn_inputs(shots, source)
        counts = self._detected(shots, source, light)
        return counts, self.noise.selected(counts.sum(axis=1, dtype=np.int64))

    def _attempt_with_drawn_inputs(
        self, shots: np.ndarray, source: Stream
    ) -> tuple[np.ndarray, np.ndarray]:
        noise, num_sources = self.noise, len(self._emission)
        common = np.empty((len(shots), self._num_slots), dtype=np.int64)
        classical = np.empty((len(shots), 2 * num_sources), dtype=np.int64)
        asked = num_sources if noise.input_photons is None else noise.input_photons
        emit(
            self._emission,
            self._double,
            self._survival,
            noise.interference,
            self._num_slots > num_sources,
            asked,
            kernel_key(source.child("photons")),
            shots,
            common,
            classical,
        )
        counts = np.zeros((len(shots), self.num_modes), dtype=np.uint8)
        kept = self._may_be_kept((common >= 0).sum(axis=1) + (classical >= 0).sum(axis=1))
        chosen = np.flatnonzero(kept)
        if not len(chosen):
            return counts, kept
        shots, common, classical = shots[chosen], common[chosen], classical[chosen]
        light = np.zeros((len(shots), self._entered_modes), dtype=np.uint8)
        if (common >= 0).any():
            key = kernel_key(source.child("boson"))
            if self._gpu is not None:
                self._gpu.fill(common, key, shots, light)
            else:
                for first, stop in _runs(shots):
                    clifford_clifford_shots(
                        self._columns,
                        self._entries,
                        common[first:stop],
                        key,
                        int(shots[first]),
                        light[first:stop],
                    )
        add_independent(
            self._ways, classical, kernel_key(source.child("distinguishable")), shots, light
        )
        seen = self._detected(shots, source, light)
        counts[chosen] = seen
        kept[chosen] = noise.selected(seen.sum(axis=1, dtype=np.int64))
        return counts, kept

    def _may_be_kept(self, num_photons: np.ndarray) -> np.ndarray:
        """Whether shots of so many photons can still be kept: those that cannot are not drawn."""
        noise = self.noise
        if not noise.selects or self._dark.shape[1] > 1:
            return np.ones(len(num_photons), dtype=bool)
        wanted = noise.at_least if noise.exactly is None else noise.exactly
        assert wanted is not None
        if noise.exactly is not None and not self._detects and noise.loop_transmission is None:
            return num_photons == wanted
        return num_photons >= wanted

    def _detected(self, shots: np.ndarray, source: Stream, light: np.ndarray) -> np.ndarray:
        if not self._detects:
            return light[:, : self.num_modes]
        counts = np.empty((len(shots), self.num_modes), dtype=np.uint8)
        detect(
            self._efficiency,
            self._dark,
            self.noise.threshold,
            kernel_key(source.child("detector")),
            kernel_key(source.child("dark counts")),
            shots,
            light,
            counts,
        )
        return counts

    def _pilot(self) -> None:
        # Its own stream: whether a recipe is refused does not depend on the user's.
        for first in range(0, PILOT_ATTEMPTS, _PILOT_BLOCK):
            shots = np.arange(first, first + _PILOT_BLOCK, dtype=np.int64)
            if self._attempt(shots, named_stream(0, "pilot"))[1].any():
                return
        bound = math.log(1e6) / PILOT_ATTEMPTS
        raise ValueError(
            f"post-selection kept none of {PILOT_ATTEMPTS} pilot attempts, so it keeps less "
            f"than {bound:.2g} of the shots (confidence 1 - 1e-6): ask for other counts or "
            "for less loss"
        )


def sample_noisy(
    interferometer: Interferometer,
    occupation: Occupation,
    noise: Noise,
    num_samples: int,
    stream: Stream,
    *,
    start: int = 0,
    num_threads: int | None = None,
    device: Device = "cpu",
) -> np.ndarray:
    """Return counts of a noisy device, uint8 (num_samples, m).

    Row i is shot start + i of the stream and depends on (interferometer, occupation, noise,
    stream, start + i) alone, as in `sample_boson`.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        noise: what goes wrong; see `Noise`.
        num_samples: number of shots.
        stream: names the shots.
        start: index of the first shot.
        num_threads: threads to use; None is one for each core.
        device: `cpu` or `cuda`; see `NoisySampler`.

    Raises:
        TypeError, ValueError: what `NoisySampler` refuses, or a bad number.
        ImportError, RuntimeError: `cuda` without CuPy, or without a GPU.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> device = haar(6, stream(0, "interferometer"))
    >>> noise = Noise(interference=0.9, detector_efficiency=0.8, threshold=True)
    >>> counts = sample_noisy(device, [1, 0, 1, 0, 1, 0], noise, 1000, stream(0, "shots"))
    >>> counts.shape, int(counts.max())
    ((1000, 6), 1)
    """
    values = noise.checked(interferometer.num_modes, occupation)
    sampler = _prepared(interferometer, values, noise, device)
    return sampler.sample(num_samples, stream, start=start, num_threads=num_threads)


@lru_cache(maxsize=4)
def _prepared(
    interferometer: Interferometer, occupation: tuple[int, ...], noise: Noise, device: Device
) -> NoisySampler:
    # Callers ask for chunks of one stream: laws are enumerated for the first only.
    return NoisySampler(interferometer, occupation, noise, device=device)


def _with_loops(interferometer: Interferometer, noise: Noise) -> Interferometer:
    if noise.loop_transmission is None:
        return interferometer
    return dilation(lossy_time_bin(interferometer.recipe, noise.loop_transmission))


def _gram_law(
    interferometer: Interferometer,
    occupation: tuple[int, ...],
    noise: Noise,
    arrival: np.ndarray,
    common: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes (K, m) and running sums (K,), before the loss that all photons share."""
    assert noise.gram is not None
    num_modes = len(occupation)
    used = np.array(occupation) > 0
    relative = np.where(used & (common > 0), arrival / (common or 1.0), 1.0)
    gram = np.array(noise.gram).reshape(sum(occupation), -1)
    device, padded = interferometer, occupation
    if noise.loop_transmission is not None or (relative < 1).any():
        transfer = (
            interferometer.unitary
            if noise.loop_transmission is None
            else lossy_time_bin(interferometer.recipe, noise.loop_transmission)
        )
        device = dilation(transfer * np.sqrt(relative))
        padded = occupation + (0,) * num_modes
    outcomes, probabilities = gram_law(device, padded, gram, num_seen=num_modes)
    return outcomes, np.cumsum(probabilities)


def _drawn_at(sampler: BosonSampler, shots: np.ndarray, source: Stream) -> np.ndarray:
    """The sampler's shots at sorted indices; near ones are drawn together with those between."""
    if sampler.gpu is not None:
        return sampler.on_gpu(shots, source)
    gap = {"clifford-clifford": 1, "progressive": 8}.get(sampler.path, 64)
    pieces = []
    for first, stop in _runs(shots, gap):
        start, end = int(shots[first]), int(shots[stop - 1]) + 1
        drawn = sampler.sample(end - start, source, start=start, num_threads=1)
        pieces.append(drawn[shots[first:stop] - start])
    return np.concatenate(pieces)


def _runs(shots: np.ndarray, gap: int = 1) -> list[tuple[int, int]]:
    """Ranges of a sorted list whose neighbours differ by at most `gap`."""
    breaks = np.flatnonzero(np.diff(shots) > gap) + 1
    edges = [0, *breaks.tolist(), len(shots)]
    return [(a, b) for a, b in pairwise(edges) if b > a]
