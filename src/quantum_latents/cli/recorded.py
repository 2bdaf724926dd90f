"""`qlat import` and `qlat export`: banks from files and to files, and the Hugging Face Hub."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from quantum_latents.cli.photons import device_of, selection_of
from quantum_latents.cli.progress import Line

__all__ = ["COMMANDS", "Export", "Import"]

_HUB = "hub:"


@dataclass(frozen=True)
class Export:
    """Write the counts of a bank to a file, or publish the bank on the Hugging Face Hub."""

    bank: Annotated[Path, tyro.conf.Positional]
    """Folder of the bank."""
    out: Path | None = None
    """New file: .npy, .csv or .parquet (one row a shot), or .txt (strings, one digit a mode)."""
    to_hub: str | None = None
    """OWNER/NAME of a new dataset repository, private unless --public; in the place of --out."""
    license: str | None = None
    """hub: what others may do with the shots, such as cc-by-4.0."""
    citation: str | None = None
    """hub: how to cite them."""
    public: bool = False
    """hub: let everybody see the repository."""
    json: bool = False
    """Print machine-readable output alone: what was written."""


@dataclass(frozen=True)
class Import:
    """Make a bank of recorded counts: a file's, or one that was published on the hub."""

    source: Annotated[str, tyro.conf.Positional]
    """FILE.npy, .csv or .parquet (one row a shot, one column a mode), .txt (strings, one a line,
    one digit a mode), .json ({"0011": 5}), or hub:OWNER/NAME, hub:OWNER/NAME@REVISION."""
    out: Path
    """Folder of the new bank."""
    interferometer: str | None = None
    """What the photons went through, for tests of the counts: haar:MODES, time-bin:MODES:1,3,9 or
    FILE.npy (a unitary)."""
    photons: int | None = None
    """Photons, spread evenly over the input modes; or give --input or --fill."""
    input: str | None = None
    """Photons in each input mode, such as 1,0,1,0."""
    fill: Literal["all"] | None = None
    """all: one photon in every input mode."""
    postselect: str | None = None
    """With --interferometer: the shots were kept for at least N counts in all (N), or exactly N
    (=N)."""
    seed: int = 0
    """Names the interferometer, as for qlat sample."""
    header: Literal["yes", "no"] | None = None
    """.csv: whether the first line names the columns; left out, it is looked at."""
    reverse: bool = False
    """.txt, .json: the last digit is mode 0, as in Qiskit's strings."""
    json: bool = False
    """Print machine-readable output alone: the manifest."""


def _export(command: Export, arguments: Sequence[str]) -> int:
    if (command.out is None) == (command.to_hub is None):
        raise ValueError("say where to: --out FILE or --to-hub OWNER/NAME")
    if command.to_hub is not None:
        return _publish(command, command.to_hub)
    if command.license is not None or command.citation is not None or command.public:
        raise ValueError("--license, --citation and --public belong to --to-hub: leave them out")
    assert command.out is not None
    from quantum_latents.banks import export_bank, open_bank

    bank = open_bank(command.bank)
    line = Line(quiet=command.json)
    file = export_bank(
        bank,
        command.out,
        progress=lambda done, total: line.show(f"{done:,} of {total:,} shots written"),
    )
    line.close()
    if command.json:
        said = {"out": str(file), "num_samples": len(bank), "num_modes": bank.num_modes}
        print(json.dumps({**said, "bytes": file.stat().st_size, "checksum": bank.checksum}))
    else:
        print(f"{len(bank):,} shots of {bank.num_modes} modes: {file}")
    return 0


def _publish(command: Export, repo_id: str) -> int:
    if command.license is None:
        raise ValueError("a published bank needs a licence: --license cc-by-4.0, or another")
    from quantum_latents.banks import open_bank
    from quantum_latents.banks.hub import push_bank

    published = push_bank(
        open_bank(command.bank),
        repo_id,
        licence=command.license,
        citation=command.citation,
        public=command.public,
    )
    if command.json:
        print(json.dumps(asdict(published), indent=1))
    else:
        seen = "all" if command.public else "those whom its owner lets"
        print(f"published for {seen}: {published.url}, revision {published.revision}")
    return 0


def _import(command: Import, arguments: Sequence[str]) -> int:
    from quantum_latents.banks import import_file
    from quantum_latents.banks.imported import check_new_folder

    check_new_folder(command.out)
    if command.source.startswith(_HUB):
        return _fetch(command)
    device, known = None, {}
    if command.interferometer is not None:
        device, occupation = device_of(command, command.interferometer)
        known = {"interferometer": device.recipe, "occupation": list(occupation)}
        if command.postselect is not None:  # else nobody said that every shot was kept
            known["postselection"] = selection_of(command.postselect)
    elif command.postselect is not None or any(
        value is not None for value in (command.photons, command.input, command.fill)
    ):
        raise ValueError("photons go into an interferometer: name it, --interferometer haar:16")
    line = Line(quiet=command.json)
    bank = import_file(
        command.source,
        command.out,
        provenance=known,
        num_modes=None if device is None else device.num_modes,
        header=None if command.header is None else command.header == "yes",
        reverse=command.reverse,
        progress=lambda done, total: line.show(
            f"{done:,} shots read" if total is None else f"{done:,} of {total:,} shots read"
        ),
    )
    line.close()
    if command.json:
        print(json.dumps(bank.manifest, indent=1))
        return 0
    print(f"{len(bank):,} shots of {bank.num_modes} modes")
    for note in bank.manifest["provenance"]["notes"]:
        print(f"  {note}")
    print(f"bank: {command.out}")
    return 0


def _fetch(command: Import) -> int:
    for name in ("interferometer", "photons", "input", "fill", "postselect", "header"):
        if getattr(command, name) is not None:
            raise ValueError(f"a published bank says itself what it is: leave --{name} out")
    if command.reverse:
        raise ValueError("a published bank says itself what it is: leave --reverse out")
    from quantum_latents.banks.hub import load_bank_from_hub

    repo_id, _, revision = command.source.removeprefix(_HUB).partition("@")
    bank = load_bank_from_hub(repo_id, command.out, revision=revision or None)
    if command.json:
        print(json.dumps(bank.manifest, indent=1))
    else:
        origin = bank.manifest["provenance"]["hub"]
        print(f"{len(bank):,} shots of {bank.num_modes} modes, every checksum as in the manifest")
        print(f"from {repo_id}, revision {origin['revision']}")
        print(f"bank: {command.out}")
    return 0


COMMANDS = {"import": (Import, _import), "export": (Export, _export)}
