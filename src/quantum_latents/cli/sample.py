"""`qlat sample`: banks of photon counts."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from quantum_latents.cli.photons import occupation_of, selection_of
from quantum_latents.cli.processors import sample_from_processor
from quantum_latents.cli.progress import ShotsLine
from quantum_latents.cli.words import duration

if TYPE_CHECKING:
    from quantum_latents.banks import BankRecipe, ChunkDrawer, SampleBank
    from quantum_latents.circuits import Interferometer
    from quantum_latents.samplers import Noise

__all__ = ["COMMANDS", "Sample"]

_LONGEST_UNASKED = 86_400.0
"""Seconds of drawing beyond which `qlat sample` wants --yes."""

_SHARE_OF_PEAK = 0.4
"""What a GPU is taken to make of its peak, for the estimate that is told first: not measured."""


@dataclass(frozen=True)
class Sample:
    """Draw a bank of photon counts; the same call resumes it."""

    interferometer: str
    """haar:MODES, time-bin:MODES:1,3,9 or FILE.npy (a unitary)."""
    num_samples: int
    """Shots."""
    out: Path
    """Folder of the bank."""
    photons: int | None = None
    """Photons, spread evenly over the input modes; or give --input or --fill."""
    input: str | None = None
    """Photons in each input mode, such as 1,0,1,0."""
    fill: Literal["all"] | None = None
    """all: one photon in every input mode."""
    seed: int = 0
    """Names the interferometer and the shots."""
    distinguishable: bool = False
    """Photons that do not interfere, the paper's control."""
    interference: float = 1.0
    """Overlap of two photons' states, 0 to 1; they dip by its square (Hong, Ou and Mandel)."""
    g2: float = 0.0
    """g2(0) of the sources, 0 to 0.5: some emit two photons, the second interfering with none."""
    transmission: float = 1.0
    """Probability that a photon gets from its source to the detectors, 0 to 1."""
    detector_efficiency: float = 1.0
    """Probability that a detector sees a photon that reaches it, 0 to 1."""
    dark_counts: float = 0.0
    """Mean number of dark counts in a mode and shot (Poisson)."""
    threshold: bool = False
    """Detectors that click or not: counts are 0 or 1."""
    postselect: str | None = None
    """Keep the shots with at least N counts in all (N), or with exactly N (=N)."""
    path: str | None = None
    """enumeration, clifford-clifford or progressive; left out, the cheapest by estimate."""
    precision: Literal["float64", "float32"] = "float64"
    """Of Clifford-Clifford's permanents; float32 is about twice as fast."""
    device: Literal["cpu", "cuda"] = "cpu"
    """cuda: draw by Clifford-Clifford on an NVIDIA GPU (extra cuda). The bank is the same, but for
    the rounding of float32."""
    workers: int | None = None
    """Processes that draw chunks; left out, the threads of one. On Ray: chunks that are drawn at
    once (two a core). The bank is the same."""
    ray: str | None = None
    """Draw on a Ray cluster: HOST:PORT or auto, from one of its nodes; or local, a Ray of this
    machine alone."""
    processor: str = "simulate"
    """simulate, orca (or orca:MACHINE), quandela:PLATFORM such as quandela:sim:altair, or
    scaleway:PLATFORM such as scaleway:QPU-ALTAIR-10PQ."""
    url: str | None = None
    """Where the processor's service is; left out, what its environment variable says."""
    phases: Literal["drawn", "zero"] | None = None
    """Of a time-bin interferometer: drawn, or all zero as in a machine without phase shifters;
    left out, zero for orca and else drawn."""
    max_jobs: int | None = None
    """Most jobs that may be sent to a processor in all, by this call and earlier ones."""
    shots_per_job: int | None = None
    """Shots of each job of a processor; left out, its limit or 5000."""
    extra_photons: int | None = None
    """Photons more than went in that a processor's shot may show (dark counts); left out, none on
    orca, and as many as went in on quandela and scaleway, whose sources now and then emit two."""
    yes: bool = False
    """Draw also what takes longer than a day; send jobs to a processor unasked, also again those
    that were sent and whose answer was lost."""
    json: bool = False
    """Print the manifest alone."""


def _sample(command: Sample, arguments: Sequence[str]) -> int:
    from quantum_latents.banks import BankRecipe
    from quantum_latents.circuits import parse
    from quantum_latents.random import stream

    if command.num_samples < 1:
        raise ValueError(f"--num-samples is at least 1, not {command.num_samples}")
    interferometer = _phased(
        command, parse(command.interferometer, stream(command.seed, "interferometer"))
    )
    occupation = occupation_of(command, interferometer.num_modes)
    if command.workers is not None and command.workers < 1:
        raise ValueError(f"--workers is at least 1, not {command.workers}")
    if command.device == "cuda":
        for name in ("workers", "ray"):
            if getattr(command, name) is not None:
                raise ValueError(f"--{name} shares out cores: leave it out, or --device cuda")
    if command.processor != "simulate":
        if command.device != "cpu":
            raise ValueError("--device is for simulated banks: a processor draws by itself")
        for name in ("workers", "ray"):
            if getattr(command, name) is not None:
                raise ValueError(f"--{name} is for simulated banks: a processor draws by itself")
        _check_room(command.out, 3 * command.num_samples * interferometer.num_modes)
        return sample_from_processor(command, interferometer, occupation)
    for name in ("url", "max_jobs", "shots_per_job", "extra_photons"):
        if getattr(command, name) is not None:
            option = name.replace("_", "-")
            raise ValueError(f"--{option} belongs to a processor: add --processor orca")
    noise = _noise(command)
    recipe = BankRecipe(
        interferometer=interferometer.recipe,
        occupation=occupation,
        statistics="distinguishable" if command.distinguishable and noise is None else "boson",
        num_samples=command.num_samples,
        stream=stream(command.seed, "shots"),
        noise=noise,
        forced_path=command.path,
        precision=command.precision,
    )
    _check_room(command.out, command.num_samples * interferometer.num_modes)
    with contextlib.ExitStack() as held:
        draw, num_cores = _drawer(command, held)
        bank = _drawn(command, recipe, draw, num_cores)
    if command.json:
        print(json.dumps(bank.manifest, indent=1))
    else:
        kept = "" if noise is None else f", {bank.counts.sum() / len(bank):.4g} counts a shot"
        print(f"{len(bank)} shots of {sum(occupation)} photons in {bank.num_modes} modes{kept}")
        print(f"bank: {command.out}")
    return 0


def _drawer(command: Sample, held: contextlib.ExitStack) -> tuple[ChunkDrawer | None, int | None]:
    """Return what draws the chunks, and on how many cores; None for the threads of this process."""
    if command.ray is not None:
        from quantum_latents.execution.ray import RayDrawer, connected

        cluster = held.enter_context(connected(command.ray))
        cores = sum(cluster.cores)
        return RayDrawer(cluster, command.workers), min(cores, command.workers or cores)
    if command.workers is not None:
        from quantum_latents.execution.sample import ProcessDrawer

        return ProcessDrawer(command.workers), None
    return None, None


def _drawn(
    command: Sample, recipe: BankRecipe, draw: ChunkDrawer | None, num_cores: int | None
) -> SampleBank:
    """Draw the bank, or go on with it, and tell how far it is."""
    from quantum_latents.banks import build_bank
    from quantum_latents.samplers.boson import PATHS, compile_path
    from quantum_latents.samplers.cost import OPERATIONS_PER_SECOND
    from quantum_latents.samplers.kernels.cuda import check_device, peak_operations
    from quantum_latents.samplers.shots import available_cores

    check_device(command.device, recipe.path)
    seconds = recipe.estimated_seconds()
    if num_cores is not None:
        seconds *= available_cores() / num_cores
    if command.device == "cuda":
        core = OPERATIONS_PER_SECOND * available_cores()
        seconds *= core / (_SHARE_OF_PEAK * peak_operations(command.precision))
    if seconds > _LONGEST_UNASKED and not command.yes:
        raise ValueError(
            f"{command.num_samples:,} shots by {recipe.path} take about {duration(seconds)} here: "
            "draw fewer, use fewer photons, or add --yes"
        )
    show = ShotsLine(quiet=command.json)
    show.announce(f"{command.num_samples:,} shots by {recipe.path}, about {duration(seconds)}")
    if recipe.path in PATHS and command.device == "cpu":
        note = "compiling, once for each installation (half a minute)"
        announcement = threading.Timer(2.0, show.announce, [note])
        announcement.start()
        try:
            compile_path(recipe.path, command.precision)
        finally:
            announcement.cancel()
    bank = build_bank(recipe, command.out, progress=show, draw=draw, device=command.device)
    show.close()
    return bank


def _phased(command: Sample, interferometer: Interferometer) -> Interferometer:
    """Return the interferometer with the phases that a call asks for."""
    from quantum_latents.circuits import time_bin
    from quantum_latents.circuits.time_bin import num_couplers
    from quantum_latents.random import stream

    recipe = interferometer.recipe
    on_orca = command.processor.partition(":")[0] == "orca"
    if recipe["kind"] != "time-bin":
        if command.phases == "zero":
            raise ValueError("--phases belongs to time-bin interferometers")
        return interferometer
    if command.phases == "drawn" or (command.phases is None and not on_orca):
        return interferometer
    if command.phases is None and not command.json:
        print(
            "the phases are all 0: no phase shifters (--phases drawn if there are)", file=sys.stderr
        )
    zeros = [0.0] * num_couplers(recipe["num_modes"], recipe["delays"])
    named = stream(*recipe["stream"])
    return time_bin(recipe["num_modes"], recipe["delays"], stream=named, phases=zeros)


def _noise(command: Sample) -> Noise | None:
    """Return the noise that a call asks for, None for an ideal device."""
    from quantum_latents.samplers import Noise

    if command.distinguishable and command.interference != 1:
        raise ValueError("--distinguishable is --interference 0: give one of them")
    noise = Noise(
        interference=command.interference,
        g2=command.g2,
        input_transmission=command.transmission,
        detector_efficiency=command.detector_efficiency,
        dark_counts=command.dark_counts,
        threshold=command.threshold,
        **selection_of(command.postselect),
    )
    if noise.is_ideal:
        return None
    return replace(noise, interference=0.0) if command.distinguishable else noise


def _check_room(folder: Path, num_bytes: int) -> None:
    """Refuse what the disk cannot hold, before anything is drawn."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if folder.exists():
        return  # a bank to go on with has its full size already
    if num_bytes > (free := shutil.disk_usage(there).free):
        raise ValueError(
            f"the bank takes {num_bytes / 2**30:,.1f} GiB and {there} has {free / 2**30:,.1f}: "
            "draw fewer shots or choose another --out"
        )


COMMANDS = {"sample": (Sample, _sample)}
