"""Who draws: this library's paths and its peers, all the same boson samples.

Notation: a *system* is an interferometer of m modes with n photons spread evenly over its
inputs (1, 0, 1, 0, ... at m = 2 n); a *contender* opened on a system draws shots of it.

Peers are reached through their public interfaces and imported only in the process that
measures them. What a peer returns is turned into counts outside the timed part.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantum_latents.circuits import Interferometer, haar, time_bin
from quantum_latents.circuits.occupation import evenly_spread
from quantum_latents.random import stream

__all__ = ["PEERS", "Contender", "Opened", "System", "open_contender", "ours"]


@dataclass(frozen=True)
class System:
    """What is drawn from.

    Attributes:
        interferometer: `haar`, or `time-bin` for two loops of delay 1 (`1-1`).
        num_modes, num_photons: m and n.
        seed: names the interferometer and the shots.
    """

    interferometer: str
    num_modes: int
    num_photons: int
    seed: int = 0

    @property
    def occupation(self) -> tuple[int, ...]:
        """Photons in each input mode."""
        return evenly_spread(self.num_modes, self.num_photons)

    def build(self) -> Interferometer:
        """Return the interferometer; the same for every contender."""
        names = stream(self.seed, "bench", "interferometer")
        if self.interferometer == "haar":
            return haar(self.num_modes, names)
        if self.interferometer == "time-bin":
            return time_bin(self.num_modes, (1, 1), stream=names)
        raise ValueError(f"a system is 'haar' or 'time-bin', not {self.interferometer!r}")


@dataclass(frozen=True)
class Contender:
    """One way to draw.

    Attributes:
        name: as it is printed.
        library: the module that draws.
        distribution: what pip calls it.
        path: of this library's sampler; None is its own choice.
    """

    name: str
    library: str
    distribution: str
    path: str | None = None

    @property
    def is_peer(self) -> bool:
        """Whether it is another library."""
        return self.library != "quantum_latents"

    def missing(self) -> str | None:
        """Return what to write to have it, or None if it is installed.

        >>> Contender("nobody", "no_such_library", "no-such-library").missing()
        'not installed: pip install no-such-library'
        """
        if importlib.util.find_spec(self.library) is not None:
            return None
        return f"not installed: pip install {self.distribution}"


PEERS = (
    Contender("Perceval", "perceval", "perceval-quandela"),
    Contender("piquasso", "piquasso", "piquasso"),
)


def ours(path: str | None) -> Contender:
    """Return this library's sampler by one path; None is the path that it chooses itself."""
    return Contender(path or "default", "quantum_latents", "quantum-latents", path)


@dataclass(frozen=True)
class Opened:
    """A contender ready to draw.

    Attributes:
        draw: ``draw(num_samples)`` returns shots in the library's own form.
        counts: turns them into uint8 (num_samples, m).
        path: the path that this library took, '' for a peer.
    """

    draw: Callable[[int], Any]
    counts: Callable[[Any], np.ndarray]
    path: str = ""


def open_contender(contender: Contender, system: System, num_threads: int = 1) -> Opened:
    """Return the contender ready to draw from the system.

    Args:
        contender: who.
        system: what.
        num_threads: of this library's sampler; peers use the cores their process may use.

    >>> opened = open_contender(ours("enumeration"), System("haar", 4, 2))
    >>> opened.counts(opened.draw(5)).sum(axis=1).tolist(), opened.path
    ([2, 2, 2, 2, 2], 'enumeration')
    """
    opener = {"perceval": _perceval, "piquasso": _piquasso}.get(contender.library)
    if opener is not None:
        return opener(system)
    from quantum_latents.samplers import BosonSampler

    sampler = BosonSampler(system.build(), system.occupation, path=contender.path)
    shots, drawn = stream(system.seed, "bench", "shots"), 0

    def draw(num_samples: int) -> np.ndarray:
        nonlocal drawn
        first, drawn = drawn, drawn + num_samples
        return sampler.sample(num_samples, shots, start=first, num_threads=num_threads)

    return Opened(draw, np.asarray, sampler.path)


def _perceval(system: System) -> Opened:
    perceval = importlib.import_module("perceval")
    unitary = perceval.Unitary(perceval.Matrix(np.array(system.build().unitary)))
    backend = perceval.BackendFactory.get_backend("CliffordClifford2017")
    backend.set_circuit(perceval.Circuit(system.num_modes).add(0, unitary))
    backend.set_input_state(perceval.BasicState(list(system.occupation)))

    def counts(drawn: Any) -> np.ndarray:
        return np.array([list(state) for state in drawn], dtype=np.uint8)

    return Opened(backend.samples, counts)


def _piquasso(system: System) -> Opened:
    piquasso = importlib.import_module("piquasso")
    parts = (
        piquasso.NumberState(list(system.occupation)),
        piquasso.Interferometer(np.array(system.build().unitary)),
        piquasso.ParticleNumberMeasurement(),
    )
    with piquasso.Program() as program:
        for part in parts:
            program.instructions.append(part.on_modes(*range(system.num_modes)))
    simulator = piquasso.PassiveSimulator(d=system.num_modes)

    def draw(num_samples: int) -> Any:
        return simulator.execute(program, shots=num_samples).samples

    return Opened(draw, lambda drawn: np.array(drawn, dtype=np.uint8))
