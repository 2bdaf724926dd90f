"""`qlat share` and `qlat fetch`: trained generators in folders and on the Hugging Face Hub."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

__all__ = ["COMMANDS", "Fetch", "Share"]

_HUB = "hub:"


@dataclass(frozen=True)
class Share:
    """Share a run's generator, with a model card: as a folder, or on the Hugging Face Hub."""

    run: Annotated[Path, tyro.conf.Positional]
    """Folder of a run (DIR/runs/<digest>), or the directory of a study."""
    digest: Annotated[str, tyro.conf.Positional] = ""
    """With a study's directory: the first digits of the run's digest, as many as name one run."""
    out: Path | None = None
    """New folder for the generator; or give --to-hub."""
    to_hub: str | None = None
    """OWNER/NAME of a new model repository, private unless --public; in the place of --out."""
    license: str | None = None
    """What others may do with it, such as apache-2.0; --to-hub needs one."""
    public: bool = False
    """hub: let everybody see the repository."""
    json: bool = False
    """Print machine-readable output alone: what was shared."""


@dataclass(frozen=True)
class Fetch:
    """Fetch a generator that was shared on the hub, for `qlat generate` and for Python."""

    source: Annotated[str, tyro.conf.Positional]
    """OWNER/NAME or OWNER/NAME@REVISION, with or without hub: before it."""
    out: Path
    """New folder for the generator."""
    json: bool = False
    """Print machine-readable output alone: what was fetched."""


def _share(command: Share, arguments: Sequence[str]) -> int:
    if (command.out is None) == (command.to_hub is None):
        raise ValueError("say where to: --out FOLDER or --to-hub OWNER/NAME")
    if command.to_hub is None and command.public:
        raise ValueError("--public belongs to --to-hub: leave it out")
    if command.to_hub is not None and command.license is None:
        raise ValueError("a published generator needs a licence: --license apache-2.0, or another")
    if (out := command.out) is not None and out.exists() and any(out.iterdir()):
        raise ValueError(f"{out} is not an empty folder: choose another --out")
    from quantum_latents.execution.pretrained import PretrainedGenerator

    generator = PretrainedGenerator.from_run(command.run, command.digest, licence=command.license)
    if command.to_hub is not None:
        where = generator.push_to_hub(command.to_hub, public=command.public)
    else:
        assert out is not None
        generator.save_pretrained(out)
        where = str(out)
    facts = generator.facts
    if command.json:
        print(json.dumps({"run": facts["run"], "where": where}, indent=1))
        return 0
    print(f"run {facts['run']}: {facts['data']} from a {facts['latent']['name']} latent")
    if command.to_hub is not None:
        seen = "all" if command.public else "those whom its owner lets"
        print(f"published for {seen}: {where}")
    else:
        print(f"shared: {where}")
    return 0


def _fetch(command: Fetch, arguments: Sequence[str]) -> int:
    from quantum_latents.execution.pretrained import fetch_generator

    repo_id, _, revision = command.source.removeprefix(_HUB).partition("@")
    generator = fetch_generator(repo_id, command.out, revision=revision or None)
    facts = generator.facts
    if command.json:
        print(json.dumps({"repo_id": repo_id, "out": str(command.out), **facts}, indent=1))
        return 0
    print(f"{facts['data']} from a {facts['latent']['name']} latent, run {facts['run']}")
    print(f"generator: {command.out}")
    return 0


COMMANDS = {"share": (Share, _share), "fetch": (Fetch, _fetch)}
