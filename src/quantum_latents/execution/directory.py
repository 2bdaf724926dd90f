"""A study's directory: one process at a time, and what `study.json` says."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import quantum_latents
from quantum_latents.latents import PROPERTIES, Card
from quantum_latents.recipes import Study, settings_of

__all__ = ["description_of", "lock_directory"]

_STUDY_SCHEMA = 1


@contextlib.contextmanager
def lock_directory(directory: Path) -> Iterator[None]:
    with open(directory / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"another process is running the study in {directory}: wait for it, or choose "
                "another --out"
            ) from None
        yield


def description_of(study: Study, command: str, commit: str) -> dict[str, Any]:
    """Return what `study.json` says of a study."""
    cards = {run.latent.name: run.latent.card for run in study.runs}
    description = {
        "schema": _STUDY_SCHEMA,
        "study": study.name,
        "title": study.title,
        "question": study.question,
        "preset": study.preset,
        "command": command,
        "notes": list(study.notes),
        "reference": study.reference,
        "primary_metrics": list(study.primary_metrics),
        "equivalence_margins": dict(study.equivalence_margins),
        "latents": _latents(cards),
        "settings": settings_of(study),
        "num_runs": len(study.runs),
        "version": quantum_latents.__version__,
        "commit": commit,
    }
    if (ladder := _ladder(cards)) is not None:
        description["ladder"] = ladder
    if study.groups:
        of_runs = zip(study.runs, study.groups, strict=True)
        description["groups"] = {run.digest: list(names) for run, names in of_runs}
    if study.doses:
        description["doses"] = {"label": study.dose_label, "of": dict(study.doses)}
    if study.axis is not None:
        description["axis"] = asdict(study.axis)
    if study.restarts is not None:
        description["restarts"] = study.restarts.to_json()
    if study.search is not None:
        description["search"] = dict(study.search)
    if study.tuning is not None:
        description["tuning"] = dict(study.tuning)
    if study.paper is not None:
        description["paper"] = {
            "source": study.paper.source,
            "figures": [asdict(figure) for figure in study.paper.figures],
        }
    return description


def _latents(cards: Mapping[str, Card]) -> list[dict[str, str]]:
    """Return the card of every latent of a study in words."""
    return [
        {"name": name, "what": card.what, "shares": card.shares, "simulation": card.simulation}
        for name, card in cards.items()
    ]


def _ladder(cards: Mapping[str, Card]) -> dict[str, Any] | None:
    """Return what each latent shares with the quantum one as data, None without that one.

    Latents that cannot say are left out.
    """
    if "quantum" not in cards:
        return None
    of = {name: card.sharing for name, card in cards.items() if card.sharing is not None}
    return {
        "properties": [{"name": name, "label": label} for name, label in PROPERTIES.items()],
        "of": {name: dict(sharing) for name, sharing in of.items()},
    }
