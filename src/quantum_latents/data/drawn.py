"""What drawn data sets share: three disjoint sets, each the first rows of an endless table.

Notation: m modes, n photons; a *part* is "train", "held_out" or "floor_reference", and names the
child of the data's stream that its rows depend on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from quantum_latents.banks import BankRecipe, build_bank
from quantum_latents.circuits import Interferometer, haar, parse
from quantum_latents.circuits.occupation import evenly_spread
from quantum_latents.data.dataset import DataSet
from quantum_latents.random import Stream

__all__ = ["DrawnSpec", "boson_counts", "check_interferometer", "drawn", "own_interferometer"]


class DrawnSpec(Protocol):
    """The spec of a data set that is drawn, with the name that rows and tables use."""

    name: ClassVar[str]

    @property
    def num_train(self) -> int:
        """Samples to train on."""
        ...

    @property
    def num_held_out(self) -> int:
        """Samples for the metrics, and as many again for their floor."""
        ...


def drawn(
    spec: DrawnSpec,
    draw: Callable[[str, int], np.ndarray],
    *,
    metrics: tuple[str, ...],
    facts: Mapping[str, Any],
    notes: tuple[str, ...] = (),
    generator: Mapping[str, np.ndarray] | None = None,
) -> DataSet:
    """Return the data set whose parts ``draw(part, num_samples)`` gives, in data units.

    Args:
        spec: sizes and name.
        draw: returns the first rows of a part's table, (num_samples, d).
        metrics: as in `DataSet`.
        facts: as in `DataSet`.
        notes: as in `DataSet`.
        generator: as in `DataSet`.

    >>> from quantum_latents.data.bits import BitsSpec
    >>> spec = BitsSpec(num_bits=2, num_train=3, num_held_out=2)
    >>> drawn(spec, lambda part, n: np.zeros((n, 2)), metrics=(), facts={}).held_out.shape
    (2, 2)
    """
    return DataSet.in_data_units(
        name=spec.name,
        train=draw("train", spec.num_train),
        held_out=draw("held_out", spec.num_held_out),
        floor_reference=draw("floor_reference", spec.num_held_out),
        metrics=metrics,
        facts=facts,
        notes=notes,
        generator=generator,
    )


def boson_counts(
    interferometer: Interferometer, num_photons: int, num_samples: int, stream: Stream, cache: Path
) -> np.ndarray:
    """Return counts of n photons spread evenly, uint8 (num_samples, m), of a bank under `cache`.

    Args:
        interferometer: m modes.
        num_photons: n.
        num_samples: shots.
        stream: names them.
        cache: the folder of banks; made if missing.
    """
    recipe = BankRecipe(
        interferometer=interferometer.recipe,
        occupation=evenly_spread(interferometer.num_modes, num_photons),
        statistics="boson",
        num_samples=num_samples,
        stream=stream,
    )
    return build_bank(recipe, cache / recipe.digest).rows(0, num_samples)


def check_interferometer(interferometer: str) -> None:
    """Refuse what is no kind of interferometer for a run's seed.

    Raises:
        ValueError: neither "haar" nor "time-bin:DELAYS".

    >>> check_interferometer("time-bin:1,3,9")
    """
    if interferometer != "haar" and not interferometer.startswith("time-bin:"):
        raise ValueError(
            "the data's interferometer is 'haar' or 'time-bin:DELAYS' "
            f"(such as 'time-bin:1,3,9'), not {interferometer!r}"
        )


def own_interferometer(interferometer: str, num_modes: int, stream: Stream) -> Interferometer:
    """Return an interferometer of the data's own, which no latent shares.

    Args:
        interferometer: "haar" or "time-bin:DELAYS".
        num_modes: m.
        stream: the data's; its child "interferometer" is drawn from.
    """
    stream = stream.child("interferometer")
    if interferometer == "haar":
        return haar(num_modes, stream)
    kind, delays = interferometer.split(":", 1)
    return parse(f"{kind}:{num_modes}:{delays}", stream)
