"""What a latent costs classically, and whether a processor is faster.

Notation: m modes, n photons, x the overlap of two photons, eta the transmission, both as in
`samplers.Noise`. A time is of all cores together unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from quantum_latents.circuits import Interferometer
from quantum_latents.circuits.occupation import evenly_spread
from quantum_latents.latents import BankSpec, LatentSpec, NoisyPhotonicSpec, PhotonicSpec
from quantum_latents.samplers.boson import sampling_path
from quantum_latents.samplers.occupation import Occupation, checked_occupation
from quantum_latents.theory.crossing import PT2, Crossing, ProcessorRate, crossing
from quantum_latents.theory.exact_algorithms import AlgorithmName, Count, counts_of
from quantum_latents.theory.simulability import Simulability, simulabilities
from quantum_latents.theory.speeds import Estimate, Measurement, Speeds
from quantum_latents.theory.stopwatch import LONGEST_SHOT, fit, timed

__all__ = [
    "AlgorithmCost",
    "CardCost",
    "SimulationCost",
    "cost_of_latent",
    "simulation_cost",
]


@dataclass(frozen=True)
class AlgorithmCost:
    """What one exact algorithm costs.

    Attributes:
        algorithm: its name, see `exact_algorithms`.
        operations, unit, once: see `Count`.
        shot: seconds of a shot, of one core.
        once_seconds: of what is done before the first shot; None where nothing is.
        expected: seconds of all shots, on all cores.
        how: `measured` at this size; `interpolated` by the formula between measured sizes;
            `extrapolated` beyond them; `given`, by speeds that were not measured.
        refusal: why this library does not run it here; "" if it does.
    """

    algorithm: AlgorithmName
    operations: float
    unit: str
    once: float
    shot: Estimate
    once_seconds: Estimate | None
    expected: Estimate
    how: Literal["measured", "interpolated", "extrapolated", "given"]
    refusal: str

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON-able dict."""
        return {
            "algorithm": self.algorithm,
            "operations_per_shot": self.operations,
            "unit": self.unit,
            "operations_once": self.once,
            "shot": self.shot.to_json(),
            "once": None if self.once_seconds is None else self.once_seconds.to_json(),
            "expected": self.expected.to_json(),
            "how": self.how,
            "refusal": self.refusal,
        }


@dataclass(frozen=True)
class SimulationCost:
    """What a latent of photons costs classically.

    Attributes:
        interferometer: its kind in words.
        occupation: photons in each input mode, (m,).
        interference, transmission: x and eta.
        num_samples: shots that are asked for.
        algorithms: the exact ones that can sample it, the cheapest first; those that this
            library refuses at this size last.
        drawn_by: the path that `qlat sample` takes by its own rule; "" where it refuses.
        processor: whose rate is held against it.
        crossing: from which size on the processor is faster.
        simulabilities: why it is classically easy; empty where no reason is known.
        machine: the processor of this machine, in words.
        num_threads: cores that draw.
    """

    interferometer: str
    occupation: tuple[int, ...]
    interference: float
    transmission: float
    num_samples: int
    algorithms: tuple[AlgorithmCost, ...]
    drawn_by: str
    processor: ProcessorRate
    crossing: Crossing
    simulabilities: tuple[Simulability, ...]
    machine: str
    num_threads: int

    @property
    def best(self) -> AlgorithmCost:
        """The cheapest algorithm that this library runs; if it runs none, the cheapest."""
        return self.algorithms[0]

    @property
    def processor_seconds(self) -> float:
        """What the processor takes for all shots, at its rate (of bins, in time bins)."""
        size = 1.0
        if self.processor.num_modes is not None and self.interferometer.startswith("time-bin"):
            size = len(self.occupation) / self.processor.num_modes
        return self.num_samples * size / self.processor.shots_per_second

    @property
    def is_in_no_hard_family(self) -> bool:
        """Whether an exact polynomial sampler is known for its family: it is then not in Q."""
        return any(one.scope == "family" for one in self.simulabilities)

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON-able dict (schema 1)."""
        return {
            "schema": 1,
            "kind": "photonic",
            "interferometer": self.interferometer,
            "num_modes": len(self.occupation),
            "num_photons": sum(self.occupation),
            "occupation": list(self.occupation),
            "interference": self.interference,
            "transmission": self.transmission,
            "num_samples": self.num_samples,
            "algorithms": [one.to_json() for one in self.algorithms],
            "best": self.best.algorithm,
            "drawn_by": self.drawn_by,
            "processor": {
                "name": self.processor.name,
                "shots_per_second": self.processor.shots_per_second,
                "num_modes": self.processor.num_modes,
                "source": self.processor.source,
                "expected_seconds": self.processor_seconds,
            },
            "crossing": self.crossing.to_json(),
            "simulabilities": [one.to_json() for one in self.simulabilities],
            "not_in_q": self.is_in_no_hard_family,
            "machine": self.machine,
            "num_threads": self.num_threads,
        }

    def text(self) -> str:
        """Return a table and what follows from it, in plain lines."""
        from quantum_latents.theory.cost_text import cost_text

        return cost_text(self)


@dataclass(frozen=True)
class CardCost:
    """What the card of a latent says that is no law of photons in an interferometer.

    Attributes:
        name: of the latent.
        what: its law.
        simulation: what a draw costs.
        origin: `formula`, drawn in polynomial time; `table`, from a law that is written out;
            `stored`, shots that were taken before.
    """

    name: str
    what: str
    simulation: str
    origin: Literal["formula", "table", "stored"]

    @property
    def is_in_no_hard_family(self) -> bool | None:
        """Whether it is not in Q for certain; None where that is not known here."""
        return True if self.origin == "formula" else None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON-able dict (schema 1)."""
        return {
            "schema": 1,
            "kind": "card",
            "name": self.name,
            "what": self.what,
            "simulation": self.simulation,
            "origin": self.origin,
            "not_in_q": self.is_in_no_hard_family,
        }

    def text(self) -> str:
        """Return it in two sentences."""
        said = {
            "formula": "is classical by construction and not in Q",
            "table": "needs no quantum device, but is drawn from its written-out law: no "
            "polynomial sampler of its family is claimed",
            "stored": "draws again what was drawn before: whether that is in Q is a question to "
            "the device of its manifest",
        }[self.origin]
        return f"{self.name} ({self.what}) {said}. Cost of a draw: {self.simulation}."


def simulation_cost(
    interferometer: Interferometer,
    occupation: Occupation,
    *,
    interference: float = 1.0,
    transmission: float = 1.0,
    num_samples: int = 500_000,
    rate: ProcessorRate | float | None = None,
    speeds: Speeds | None = None,
    num_threads: int | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> SimulationCost:
    """Return what photon counts of an interferometer cost classically, on this machine.

    Without `speeds` it measures for a few seconds: small sizes of the family, and the size itself
    where a shot takes less than a tenth of a second by the fit.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,), at least one photon.
        interference: overlap x of two photons, in [0, 1].
        transmission: probability eta that a photon enters, in (0, 1].
        num_samples: shots that are asked for.
        rate: the processor's, or its shots a second at this size; None is the paper's PT-2.
        speeds: of a machine; None measures this one.
        num_threads: cores that draw; None is all that this process may use. Speeds have theirs.
        note: is told what is going on, a line at a time.

    Raises:
        TypeError, ValueError: a bad occupation or number, or no photon.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> from quantum_latents.theory import planted_speed
    >>> planted = [("clifford-clifford", (0, 0, 1e-10, 0)), ("enumeration", (1e-6, 0))]
    >>> planted.append(("enumeration, once", (0, 1e-8)))
    >>> speeds = Speeds("a planted machine", 1, tuple(planted_speed(*one) for one in planted))
    >>> device = haar(32, stream(0, "interferometer"))
    >>> cost = simulation_cost(device, [1, 0] * 16, speeds=speeds)
    >>> cost.best.algorithm, f"{cost.best.shot.seconds:.1e}", cost.crossing.num_photons
    ('clifford-clifford', '3.0e-04', 21)
    """
    t = checked_occupation(occupation, interferometer.num_modes)
    if sum(t) < 1:
        raise ValueError("a latent without photons has nothing to sample: put at least one in")
    _check_noise(interference, transmission)
    if isinstance(num_samples, bool) or not isinstance(num_samples, int) or num_samples < 1:
        raise ValueError(f"num_samples is a whole number from 1 on, not {num_samples!r}")
    if speeds is not None and num_threads is not None:
        raise ValueError("speeds have their own num_threads: leave it out")
    processor = _processor(rate)
    measures = speeds is None
    if speeds is None:
        speeds = fit(
            interferometer, t, num_threads=num_threads, interference=interference, note=note
        )
    recipe = interferometer.recipe
    noise = {"interference": interference, "transmission": transmission}
    costs = []
    for count in counts_of(recipe, t, **noise):
        if measures:
            note(f"{count.algorithm} at this size")
        cost, measured = _cost(count, interferometer, t, speeds, num_samples, measures, noise)
        costs.append(cost)
        if measured is not None and count.algorithm == "progressive":
            # Its count is low by a factor that grows with the photons held: this size knows it.
            speeds = speeds.with_speed(speeds.of("progressive").anchored(measured))
    costs.sort(key=lambda one: (bool(one.refusal), one.expected.seconds))
    return SimulationCost(
        interferometer=_words(recipe),
        occupation=t,
        interference=interference,
        transmission=transmission,
        num_samples=num_samples,
        algorithms=tuple(costs),
        drawn_by=_drawn_by(recipe, t, interference),
        processor=processor,
        crossing=crossing(recipe, t, speeds, processor, num_samples=num_samples, **noise),
        simulabilities=simulabilities(recipe, t, **noise),
        machine=speeds.machine,
        num_threads=speeds.num_threads,
    )


def cost_of_latent(spec: LatentSpec, seed: int, **options: Any) -> SimulationCost | CardCost:
    """Return what the latent of a run costs classically.

    Args:
        spec: its settings.
        seed: the run's seed, which names the interferometer.
        options: of `simulation_cost`, but for the interference and the transmission, which the
            spec says.

    Returns:
        A `SimulationCost` of photons, also distinguishable ones (x = 0); a `CardCost` of any other
        law, and of a stored bank.

    >>> from quantum_latents.latents import GaussianSpec
    >>> spec = GaussianSpec(dim=16, scaling="raw", bank_size=None, num_held_out=1)
    >>> cost_of_latent(spec, 0).text()
    'gaussian (independent standard normals) is classical by construction and not in Q. \
Cost of a draw: none: one normal each.'
    """
    if not isinstance(spec, PhotonicSpec | NoisyPhotonicSpec):
        card = spec.card
        origin = "stored" if isinstance(spec, BankSpec) else "formula"
        if spec.name in ("pairwise", "gbs", "iqp"):
            origin = "table"
        return CardCost(spec.name, card.what, card.simulation, origin)
    noisy = isinstance(spec, NoisyPhotonicSpec)
    return simulation_cost(
        spec.interferometer_at(seed),
        evenly_spread(spec.dim, spec.num_photons),
        interference=spec.interference if noisy else float(spec.name == "quantum"),
        transmission=spec.transmission if noisy else 1.0,
        **options,
    )


def _cost(
    count: Count,
    interferometer: Interferometer,
    occupation: tuple[int, ...],
    speeds: Speeds,
    num_samples: int,
    measures: bool,
    noise: dict[str, float],
) -> tuple[AlgorithmCost, Measurement | None]:
    speed = speeds.of(count.algorithm)
    shot = speed.predict(count.features)
    once = None
    if count.once_features:
        once = speeds.of(f"{count.algorithm}, once").predict(count.once_features)
    how = "interpolated" if speed.reaches(count.features) else "extrapolated"
    if not speed.measurements:
        how = "given"
    measured = None
    quick = shot.seconds + (once.seconds if once else 0.0) <= LONGEST_SHOT
    # With noise the sampler draws other inputs in every shot: the fit is its mixture.
    ideal = count.algorithm == "independent" or set(noise.values()) == {1.0}
    if measures and quick and ideal and not count.refusal:
        measured = timed(count, interferometer, occupation)
        shot, how = measured.estimate, "measured"
    expected = shot.scaled(num_samples / speeds.num_threads)
    if once is not None:  # the law is written out by one core
        expected = expected.plus(once)
    cost = AlgorithmCost(
        count.algorithm,
        count.operations,
        count.unit,
        count.once,
        shot,
        once,
        expected,
        how,
        count.refusal,
    )
    return cost, measured


def _check_noise(interference: float, transmission: float) -> None:
    if not 0 <= interference <= 1:
        raise ValueError(f"interference is between 0 and 1, not {interference}")
    if not 0 < transmission <= 1:
        raise ValueError(f"transmission is above 0 and at most 1, not {transmission}")


def _processor(rate: ProcessorRate | float | None) -> ProcessorRate:
    if rate is None:
        return PT2
    if isinstance(rate, ProcessorRate):
        return rate
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        raise TypeError(f"a rate is a ProcessorRate or a number of shots a second, not {rate!r}")
    return ProcessorRate("your processor", float(rate), None, "given by the caller")


def _drawn_by(recipe: dict[str, Any], occupation: tuple[int, ...], interference: float) -> str:
    if interference == 0:
        return "independent"
    try:
        path = sampling_path(recipe, occupation)
    except ValueError:
        return ""
    return path if interference == 1 else "clifford-clifford"


def _words(recipe: dict[str, Any]) -> str:
    if recipe["kind"] == "time-bin":
        delays = "-".join(str(delay) for delay in recipe["delays"])
        return f"time-bin {delays}"
    return "haar" if recipe["kind"] == "haar" else "a unitary of one's own"
