"""What a simulated bank holds, before any photon is drawn.

Notation: m modes, n photons. The *digest* of a recipe is the SHA-256 of its canonical JSON
together with the sampling path and the sampler's version: equal digests, equal counts.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

from quantum_latents.circuits import Interferometer, rebuild
from quantum_latents.random import Stream, stream
from quantum_latents.samplers import (
    SAMPLER_VERSION,
    BosonSampler,
    DistinguishableSampler,
    Noise,
    NoisySampler,
    check_noise,
    noisy_path,
    sampling_path,
)
from quantum_latents.samplers.acceptance import MIN_ACCEPTANCE, acceptance_bounds
from quantum_latents.samplers.boson import PATHS
from quantum_latents.samplers.cost import (
    OPERATIONS_PER_SECOND,
    clifford_clifford_operations,
    lookup_operations,
)
from quantum_latents.samplers.enumeration import num_outcomes
from quantum_latents.samplers.kernels.cuda import Device, check_device
from quantum_latents.samplers.occupation import (
    check_boson_photons,
    check_photons,
    checked_occupation,
)
from quantum_latents.samplers.probabilities import MAX_LAW_OUTCOMES
from quantum_latents.samplers.progressive import check_progressive, estimated_cost
from quantum_latents.samplers.shots import available_cores

__all__ = ["BankRecipe"]

_STATISTICS = ("boson", "distinguishable")


@dataclass(frozen=True, kw_only=True, eq=False)
class BankRecipe:
    """The recipe of a simulated bank.

    Attributes:
        interferometer: recipe of the interferometer (an `Interferometer` is accepted).
        occupation: photons in each input mode, (m,).
        statistics: ``"boson"`` (indistinguishable photons) or ``"distinguishable"``.
        num_samples: number of shots, at least 1.
        stream: names the shots; shot i of the bank is shot i of the stream.
        noise: of the device; None, or the ideal ``Noise()``, for none. Distinguishable photons
            of a noisy device are bosons of ``Noise(interference=0.0)``.
        forced_path: a path of `BosonSampler` in the place of the one that `sampling_path`
            chooses; None for that one. Ideal bosons only.
        precision: of Clifford-Clifford's permanents, ``"float64"`` or ``"float32"``. Ideal
            bosons only.

    Raises:
        TypeError, ValueError: a field that does not describe a bank, named.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> recipe = BankRecipe(
    ...     interferometer=haar(4, stream(0, "interferometer")).recipe,
    ...     occupation=(1, 0, 1, 0),
    ...     statistics="boson",
    ...     num_samples=100,
    ...     stream=stream(0, "latent"),
    ... )
    >>> BankRecipe.from_json(recipe.to_json()) == recipe
    True
    """

    interferometer: Mapping[str, Any]
    occupation: tuple[int, ...]
    statistics: Literal["boson", "distinguishable"]
    num_samples: int
    stream: Stream
    noise: Noise | None = None
    forced_path: str | None = None
    precision: Literal["float64", "float32"] = "float64"

    def __post_init__(self) -> None:
        device = self.interferometer
        if not isinstance(device, Interferometer):
            device = rebuild(device)
        if self.statistics not in _STATISTICS:
            raise ValueError(f"statistics is one of {_STATISTICS}, not {self.statistics!r}")
        if isinstance(self.num_samples, bool) or not isinstance(self.num_samples, int):
            raise TypeError(f"num_samples is an int, not {self.num_samples!r}")
        if self.num_samples < 1:
            raise ValueError(f"a bank holds at least 1 sample, not {self.num_samples}")
        if not isinstance(self.stream, Stream):
            raise TypeError(f"stream is a Stream, such as stream(0, 'latent'), not {self.stream!r}")
        # A private copy, in the canonical form of the interferometer itself.
        object.__setattr__(self, "interferometer", device.recipe)
        occupation = checked_occupation(self.occupation, device.num_modes)
        object.__setattr__(self, "occupation", occupation)
        # Photons that cannot be sampled are refused before anything is built.
        if self.noise is not None:
            self._check_noise(device)
        if self.statistics == "distinguishable":
            check_photons(occupation)
        self._check_path()

    def _check_path(self) -> None:
        forced, precision = self.forced_path, self.precision
        if precision not in ("float64", "float32"):
            raise ValueError(f"precision is 'float64' or 'float32', not {precision!r}")
        if (forced is not None or precision != "float64") and (
            self.noise is not None or self.statistics != "boson"
        ):
            raise ValueError(
                "a path and float32 are for ideal indistinguishable photons: leave out the "
                "noise, or the path and the precision"
            )
        if forced is not None:
            if forced not in PATHS:
                raise ValueError(f"the path of a boson sampler is one of {PATHS}, not {forced!r}")
            if forced == "progressive":
                check_progressive(self.interferometer, self.occupation)
            else:
                check_boson_photons(self.occupation)
            if (
                forced == "enumeration"
                and num_outcomes(self.num_modes, sum(self.occupation)) > MAX_LAW_OUTCOMES
            ):
                raise ValueError(
                    f"enumeration writes out at most {MAX_LAW_OUTCOMES:,} outcomes, and "
                    f"{sum(self.occupation)} photons in {self.num_modes} modes have more: "
                    "use the path 'clifford-clifford'"
                )
            if forced == sampling_path(self.interferometer, self.occupation):
                # One recipe for one bank: the usual path is written in one way only.
                object.__setattr__(self, "forced_path", None)
        if self.path != "clifford-clifford" and precision != "float64":
            raise ValueError(
                f"float32 is of the path 'clifford-clifford', and this bank takes {self.path!r}: "
                "ask for that path, or leave float64"
            )

    def _check_noise(self, device: Interferometer) -> None:
        if not isinstance(self.noise, Noise):
            raise TypeError(
                f"noise is a Noise, such as Noise(interference=0.9), not {self.noise!r}"
            )
        if self.noise.is_ideal:
            # One recipe for one bank: no noise is written in one way only.
            object.__setattr__(self, "noise", None)
            return
        if self.statistics != "boson":
            raise ValueError(
                "distinguishable photons of a noisy device are statistics='boson' with "
                "Noise(interference=0.0)"
            )
        check_noise(device, self.occupation, self.noise)

    @property
    def num_modes(self) -> int:
        """Number of modes m."""
        return len(self.occupation)

    @property
    def path(self) -> str:
        """How the shots are drawn: `sampling_path`, ``"independent"``, or `noisy_path`."""
        if self.noise is not None:
            return noisy_path(self.interferometer, self.occupation, self.noise)
        if self.statistics == "distinguishable":
            return DistinguishableSampler.path
        return self.forced_path or sampling_path(self.interferometer, self.occupation)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that the counts depend on, 64 hexadecimal digits."""
        content = {"recipe": self.to_json(), "path": self.path, "sampler": SAMPLER_VERSION}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def sampler(
        self, device: Device = "cpu"
    ) -> BosonSampler | DistinguishableSampler | NoisySampler:
        """Return the sampler that draws the bank's shots, on the CPU or on an NVIDIA GPU.

        Raises:
            ValueError: the bank's path is not computed on that device.
            ImportError, RuntimeError: `cuda` without CuPy, or without a GPU.
        """
        check_device(device, self.path)
        interferometer, occupation = rebuild(self.interferometer), self.occupation
        if self.noise is not None:
            return NoisySampler(interferometer, occupation, self.noise, device=device)
        if self.statistics == "boson":
            return BosonSampler(
                interferometer, occupation, path=self.path, precision=self.precision, device=device
            )
        return DistinguishableSampler(interferometer, occupation)

    @cached_property
    def estimated_operations(self) -> float:
        """About how many operations a shot takes, from the sizes alone.

        Photons that are lost before the interferometer, or interfere with nobody, are counted
        by their mean number; attempts that post-selection discards are not counted.
        """
        num_modes, num_photons = self.num_modes, sum(self.occupation)
        if self.path == "progressive":
            delays = self.interferometer["delays"]
            return estimated_cost(num_modes, delays, self.occupation).operations
        if self.path == "clifford-clifford":
            together = float(num_photons)
            if self.noise is not None:
                together *= self.noise.interference
                for name in ("emission", "input_transmission"):
                    together *= float(self.noise.in_modes(name, num_modes).mean())
            return clifford_clifford_operations(num_modes, math.ceil(together)) + 1e4
        detection = 0.0 if self.noise is None else 2e3  # photon by photon, and mode by mode
        return lookup_operations(num_modes, num_photons) + detection

    def estimated_seconds(self) -> float:
        """Return about how long drawing takes on this machine's cores, to a factor of three.

        Attempts that post-selection discards are counted, by the largest share it may keep.
        """
        rate = OPERATIONS_PER_SECOND * available_cores()
        attempts = float(self.num_samples)
        if self.noise is not None and self.noise.selects:
            device = rebuild(self.interferometer)
            _, most_kept = acceptance_bounds(device, self.occupation, self.noise)
            attempts /= max(MIN_ACCEPTANCE, most_kept)
        return attempts * self.estimated_operations / rate

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as a JSON-able dict, without what is as usual from `noise` on."""
        content: dict[str, Any] = {
            "interferometer": json.loads(json.dumps(self.interferometer)),
            "occupation": list(self.occupation),
            "statistics": self.statistics,
            "num_samples": self.num_samples,
            "stream": list(self.stream.path),
        }
        if self.noise is not None:
            content["noise"] = self.noise.to_json()
        if self.forced_path is not None:
            content["forced_path"] = self.forced_path
        if self.precision != "float64":
            content["precision"] = self.precision
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> BankRecipe:
        """Return the recipe that `to_json` wrote.

        Raises:
            ValueError: a missing or an unknown field.
        """
        if not isinstance(content, Mapping):
            raise TypeError(f"a bank's recipe is a dict, not {content!r}")
        names = {field.name for field in fields(cls)}
        if unknown := set(content) - names:
            raise ValueError(f"a bank's recipe has no fields {sorted(unknown)}")
        if missing := names - {"noise", "forced_path", "precision"} - set(content):
            raise ValueError(f"a bank's recipe lacks {sorted(missing)}")
        values = dict(content)
        values["stream"] = stream(*values["stream"])
        if values.get("noise") is not None:
            values["noise"] = Noise.from_json(values["noise"])
        return cls(**values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BankRecipe):
            return NotImplemented
        return self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)
