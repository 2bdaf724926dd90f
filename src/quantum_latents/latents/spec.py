"""What a latent is made from: frozen settings that know their own law, hashed with the run.

Notation: d_z (`dim`) is the length of z; a photonic latent has one coordinate a mode.
"""

from __future__ import annotations

import functools
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from quantum_latents.circuits import Interferometer, interferometer_of_seed
from quantum_latents.circuits.occupation import evenly_spread
from quantum_latents.latents.sources import Card, Source

__all__ = ["InterferometerLatentSpec", "LatentSpec", "Scaling"]

Scaling = Literal["raw", "centred", "standardised", "minus_half"]
"""How raw draws r become z, from the law's exact moments, never from a sample's:
`raw` z = r; `centred` z = r - E r; `standardised` z = (r - E r) / sd r;
`minus_half` z = r - 1/2, what the paper's authors released for two dimensions."""


@dataclass(frozen=True, kw_only=True)
class LatentSpec(ABC):
    """Settings of a latent, and from them its law.

    A kind of latents is a frozen dataclass in a module of its own in `latents.kinds`, which is
    found there (`latent_kinds`); a package of one's own names its kinds as entry points. Besides
    the fields here it has `name`, by which rows, tables and pages call the latent: of type
    ``Literal["..."]`` with the names that a study may ask for, or a text that the settings give.
    A further field says by ``metadata={"omit_default": True}`` that it is younger than its kind.

    Attributes:
        dim: d_z.
        scaling: see `Scaling`.
        bank_size: draws kept and re-used in training; None draws afresh every time.
        num_held_out: further draws that training never sees, for the metrics.
        setting_sources: of the kind: where the settings that only it has come from, by their
            names in a study such as ``latent.temperature``.
        is_written_out: of the kind: whether a draw needs tables of its law, or laws of many
            coordinates, which take memory.
    """

    dim: int
    scaling: Scaling
    bank_size: int | None
    num_held_out: int

    setting_sources: ClassVar[Mapping[str, str]] = {}
    is_written_out: ClassVar[bool] = True

    if TYPE_CHECKING:

        @property
        def name(self) -> str:
            """What rows, tables and pages call the latent."""
            ...

    def __post_init__(self):
        if self.dim < 1:
            raise ValueError(f"a latent's dim is at least 1, not {self.dim}")
        if self.scaling not in ("raw", "centred", "standardised", "minus_half"):
            raise ValueError(
                f"scaling is 'raw', 'centred', 'standardised' or 'minus_half', not {self.scaling!r}"
            )
        if self.bank_size is not None and self.bank_size < 1:
            raise ValueError(f"bank_size is at least 1, or None for fresh, not {self.bank_size}")
        if self.num_held_out < 1:
            raise ValueError(f"num_held_out is at least 1, not {self.num_held_out}")

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names that a study may ask for; none where settings give the name."""
        return _names_of(cls)

    @classmethod
    def usual(cls, name: str, sizes: Mapping[str, Any]) -> Self:
        """Return the latent that a study means by one of `names`.

        Args:
            name: one of `names`.
            sizes: dim, scaling, bank_size and num_held_out, the same for all latents of a study.
        """
        return cls(name=name, **sizes)  # type: ignore[call-arg]

    @abstractmethod
    def source(self, seed: int, cache: Path) -> Source:
        """Return the law of raw draws at a run's seed.

        Args:
            seed: the run's; an interferometer, a circuit or a fit follows from it.
            cache: folder where banks and fits are kept and found again.
        """

    @property
    @abstractmethod
    def card(self) -> Card:
        """What the latent is, what it shares with the quantum one, and what it costs."""

    def check_exists(self, seed: int) -> None:  # noqa: B027 - most exist at every seed
        """Raise ValueError, with the reason, if there is no such law at a seed."""

    def notes(self) -> tuple[str, ...]:
        """Return what a study's reader must be told of it, sentences; mostly nothing."""
        return ()


@functools.cache
def _names_of(kind: type[LatentSpec]) -> tuple[str, ...]:
    expected = typing.get_type_hints(kind).get("name")
    return typing.get_args(expected) if typing.get_origin(expected) is Literal else ()


@dataclass(frozen=True, kw_only=True)
class InterferometerLatentSpec(LatentSpec):
    """A latent that is made from an interferometer, drawn for the run's seed: the quantum one's.

    Further attributes than those of `LatentSpec`:
        num_photons: n, spread evenly over the input modes (`evenly_spread`).
        interferometer: `haar`, or `time-bin:1,3,9` with the loops' delays.
        sharing: `shared` gives the photonic latents of a seed one interferometer,
            `independent` one each.
    """

    num_photons: int
    interferometer: str
    sharing: Literal["shared", "independent"]

    def __post_init__(self):
        super().__post_init__()
        if not 1 <= self.num_photons <= self.dim:
            raise ValueError(
                f"num_photons is between 1 and the {self.dim} modes, not {self.num_photons}"
            )
        if self.interferometer != "haar" and not self.interferometer.startswith("time-bin:"):
            raise ValueError(
                "interferometer is 'haar' or 'time-bin:' with delays such as 'time-bin:1,3,9', "
                f"not {self.interferometer!r}"
            )
        if self.sharing not in ("shared", "independent"):
            raise ValueError(f"sharing is 'shared' or 'independent', not {self.sharing!r}")

    @classmethod
    def usual(cls, name: str, sizes: Mapping[str, Any]) -> Self:
        """Return the latent of a Haar-random interferometer with half as many photons as modes."""
        return cls(
            name=name,  # type: ignore[call-arg]
            num_photons=max(1, sizes["dim"] // 2),
            interferometer="haar",
            sharing="shared",
            **sizes,
        )

    @property
    def occupation(self) -> tuple[int, ...]:
        """Photons in each input mode, (dim,)."""
        return evenly_spread(self.dim, self.num_photons)

    def interferometer_at(self, seed: int) -> Interferometer:
        """Return the interferometer at a seed."""
        alone = () if self.sharing == "shared" else (self._owner,)
        return interferometer_of_seed(self.interferometer, self.dim, seed, *alone)

    @property
    def _owner(self) -> str:
        """Whose interferometer it is where latents have one each: the quantum latent's."""
        return "quantum"
