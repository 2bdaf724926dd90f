"""`qlat validate`: statistical tests of a bank against its interferometer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from quantum_latents.cli.photons import device_of, selection_of
from quantum_latents.cli.progress import Line
from quantum_latents.cli.words import check_folder

if TYPE_CHECKING:
    from quantum_latents.banks import BankValidation
    from quantum_latents.samplers.validation import Promise

__all__ = ["COMMANDS", "Validate"]


@dataclass(frozen=True)
class Validate:
    """Test a bank of photon counts against its interferometer.

    Exit code 0: no test is inconsistent; 1: at least one is; 2: a mistake in the call.
    """

    bank: Annotated[Path, tyro.conf.Positional]
    """Folder of the bank."""
    json: bool = False
    """Print machine-readable output alone."""
    out: Path | None = None
    """HTML page to write."""
    alpha: float = 0.01
    """Probability that any test rejects a bank that keeps its promise (Holm over all tests)."""
    interferometer: str | None = None
    """For a bank without one: haar:MODES, time-bin:MODES:1,3,9 or FILE.npy (a unitary)."""
    photons: int | None = None
    """With --interferometer: photons, spread evenly; or give --input or --fill."""
    input: str | None = None
    """With --interferometer: photons in each input mode, such as 1,0,1,0."""
    fill: Literal["all"] | None = None
    """With --interferometer: one photon in every input mode."""
    seed: int = 0
    """With --interferometer: names a random one, as in qlat sample."""
    postselect: str | None = None
    """With --interferometer: shots kept have at least N counts (N), or exactly N (=N)."""
    interference: float | None = None
    """Overlap of two photons that a real device promises, 0 to 1 (left out: 1)."""


def _validate(command: Validate, arguments: Sequence[str]) -> int:
    from quantum_latents.banks import open_bank, validate_bank

    if command.out is not None:
        check_folder(command.out)
    if not command.bank.is_dir():
        raise FileNotFoundError(f"no bank at {command.bank}")
    promise = _promise(command)
    bank = open_bank(command.bank)
    line = Line(quiet=command.json)
    found = validate_bank(
        bank,
        alpha=command.alpha,
        promise=promise,
        interference=None if promise is not None else command.interference,
        progress=lambda title: line.show(f"testing: {title}"),
    )
    line.close()
    content = found.to_json()
    if command.out is not None:
        from quantum_latents.report import write_validation

        write_validation(content, command.out)
    if command.json:
        print(json.dumps(content, indent=1, allow_nan=False))
    else:
        _tell(found)
        if command.out is not None:
            print(f"page: {command.out}")
    return int(found.validation.verdict == "inconsistent")


def _promise(command: Validate) -> Promise | None:
    """What the call promises of a bank that says nothing itself."""
    from quantum_latents.samplers import Noise
    from quantum_latents.samplers.validation import Promise

    if command.interferometer is None:
        photons = (command.photons, command.input, command.fill)
        if command.postselect is not None or any(value is not None for value in photons):
            raise ValueError(
                "--photons, --input, --fill and --postselect go with --interferometer, for a "
                "bank whose manifest names none"
            )
        return None
    device, occupation = device_of(command, command.interferometer)
    selection = selection_of(command.postselect)
    x = 1.0 if command.interference is None else command.interference
    return Promise(
        interferometer=device,
        occupation=occupation,
        noise=Noise(interference=x, **selection),
        known_loss=False,
    )


def _tell(found: BankValidation) -> None:
    from quantum_latents.results.wording import interval_text, number_text, p_text

    for one in found.validation.findings:
        numbers = ""
        if one.estimate is not None:
            numbers = number_text(one.estimate, 4)
            if one.interval is not None:
                numbers += f" {interval_text(one.interval)}"
            if one.expected is not None:
                numbers += f", promised {number_text(one.expected, 4)}"
            if one.p_holm is not None:
                numbers += f", p (Holm) {p_text(one.p_holm)}"
        words = "; ".join(part for part in (numbers, one.reason) if part)
        print(f"{one.verdict:<13} {one.title}: {words}")
    for note in found.notes:
        print(f"note: {note}")
    print(f"alpha {found.validation.alpha:g}, {found.validation.num_shots:,} shots")
    print(found.headline)


COMMANDS = {"validate": (Validate, _validate)}
