"""The words of a call that say what enters an interferometer, and which shots are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from quantum_latents.circuits import Interferometer

__all__ = ["PhotonWords", "device_of", "occupation_of", "selection_of"]


class PhotonWords(Protocol):
    """Options that commands share: one of `photons`, `input` and `fill`, and `seed`."""

    @property
    def photons(self) -> int | None: ...
    @property
    def input(self) -> str | None: ...
    @property
    def fill(self) -> Literal["all"] | None: ...
    @property
    def seed(self) -> int: ...


def device_of(command: PhotonWords, name: str) -> tuple[Interferometer, tuple[int, ...]]:
    """Return the interferometer of a name, and the photons that a call puts into it.

    Raises:
        ValueError: no such interferometer, or the photons are not given once.
    """
    from quantum_latents.circuits import parse
    from quantum_latents.random import stream

    device = parse(name, stream(command.seed, "interferometer"))
    return device, occupation_of(command, device.num_modes)


def occupation_of(command: PhotonWords, num_modes: int) -> tuple[int, ...]:
    """Return the photons in each input mode, (m,).

    Raises:
        ValueError: they are not given once, are no whole numbers, or not one for each mode.
    """
    from quantum_latents.circuits.occupation import evenly_spread
    from quantum_latents.samplers.occupation import checked_occupation

    if sum(value is not None for value in (command.photons, command.input, command.fill)) != 1:
        raise ValueError("give the photons once: --photons 8, --input 1,0,1,0 or --fill all")
    if command.fill is not None:
        return (1,) * num_modes
    if command.photons is not None:
        return evenly_spread(num_modes, command.photons)
    assert command.input is not None
    try:
        occupation = tuple(int(word) for word in command.input.split(","))
    except ValueError:
        raise ValueError(
            f"--input is whole numbers such as 1,0,1,0, not {command.input!r}"
        ) from None
    return checked_occupation(occupation, num_modes)


def selection_of(word: str | None) -> dict[str, Any]:
    """Return what `--postselect` says, as manifests write it; nothing without the option.

    Raises:
        ValueError: neither N nor =N.

    >>> selection_of("4"), selection_of("=4"), selection_of(None)
    ({'at_least': 4}, {'exactly': 4}, {})
    """
    if word is None:
        return {}
    number = word.removeprefix("=")
    if not (number.isascii() and number.isdecimal()):
        raise ValueError(
            f"--postselect is N (at least) or =N (exactly), such as 4 or =4, not {word!r}"
        )
    return {"exactly" if word.startswith("=") else "at_least": int(number)}
