"""Freezing a study before its first run, and extending it in the open.

The order of writing makes every kill harmless: what was promised (``frozen.json``) is on the disk
before ``study.json``, that before ``runs.json``, and that before the first run. The same call goes
on from whatever is there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quantum_latents.disk import write_atomically
from quantum_latents.results import (
    FrozenSpec,
    RowStore,
    declaration_of,
    read_frozen,
    spec_hash,
    write_frozen,
)
from quantum_latents.results.store import TRAINED_FILE
from quantum_latents.training import RunSpec

__all__ = ["freeze_study"]

_FIXED = ("study", "preset", "reference", "primary_metrics", "equivalence_margins", "restarts")
"""What no extension changes."""

_GROWING = ("groups", "doses", "axis", "search", "tuning")
"""What an extension may add to: everything that was there stays as it was."""


def freeze_study(
    runs: Sequence[RunSpec],
    description: Mapping[str, Any],
    directory: Path,
    *,
    extend: bool = False,
) -> str:
    """Write down what a study declares, or check that the one on disk is this one.

    Args:
        runs: of the study.
        description: what ``study.json`` is to hold.
        directory: the study's.
        extend: let the runs be more than those on disk, and record it.

    Returns:
        The hash of the spec that rows are made under; "" for a study that was begun before specs
        were frozen and has not been extended since.

    Raises:
        ValueError: the directory holds another study or anyone's rows; or more is changed than an
            extension may, or fewer runs are asked for than there are.
    """
    wanted = {run.digest: run.to_json() for run in runs}
    path = directory / "runs.json"
    if not path.exists():
        return _begin(wanted, description, directory)
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(there, dict):
            raise ValueError("it is no object")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error}): restore it") from error
    specs = read_frozen(directory)
    if any(wanted.get(digest) != spec for digest, spec in there.items()):
        raise ValueError(
            f"{directory} holds another study (other settings or seeds): choose another --out"
        )
    if specs and not set(specs[-1].runs) <= wanted.keys():
        # An extension was killed after it was recorded and before it was written out.
        raise ValueError(
            f"{directory} was being extended to {len(specs[-1].runs)} runs: ask for all of them, "
            "with --extend"
        )
    if len(there) == len(wanted):
        return specs[-1].hash if specs else ""
    if not extend:
        raise ValueError(
            f"{directory} holds this study with {len(there)} of these {len(wanted)} runs: add "
            "--extend to go on with more, which its page will say, or choose another --out"
        )
    return _extend(there, runs, description, directory, specs)


def _begin(runs: Mapping[str, Any], description: Mapping[str, Any], directory: Path) -> str:
    for name in ("rows.jsonl", TRAINED_FILE, "plan.json"):
        if (directory / name).exists():
            raise ValueError(
                f"{directory} holds a {name} of no study that can go on: choose another --out"
            )
    left = directory / "study.json"
    if left.exists() and _settings(left) != description["settings"]:
        raise ValueError(f"{directory} holds another study.json: choose another --out")
    first = _spec(description, list(runs), num_rows=0, added={})
    write_frozen(directory, [first])
    _write_out(runs, description, directory)
    return first.hash


def _extend(
    there: Mapping[str, Any],
    runs: Sequence[RunSpec],
    description: Mapping[str, Any],
    directory: Path,
    specs: Sequence[FrozenSpec],
) -> str:
    if not specs:  # begun before specs were frozen
        before = declaration_of(json.loads((directory / "study.json").read_text()))
        digest = spec_hash(before, list(there))
        first = FrozenSpec(
            at="", hash=digest, declaration=before, runs=tuple(there), num_rows=0, added={}
        )
        specs = [first]
    wanted = [run.digest for run in runs]
    made = _spec(
        description,
        wanted,
        num_rows=len(RowStore(directory).read()),
        added=_added(runs, there),
    )
    if specs[-1].hash != made.hash:  # else it was recorded, and killed before it was written out
        _check_growth(specs[-1].declaration, made.declaration, directory)
        specs = [*specs, made]
        write_frozen(directory, specs)
    _write_out({run.digest: run.to_json() for run in runs}, description, directory)
    return specs[-1].hash


def _spec(
    description: Mapping[str, Any], runs: Sequence[str], num_rows: int, added: Mapping[str, Any]
) -> FrozenSpec:
    declaration = declaration_of(description)
    return FrozenSpec(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        hash=spec_hash(declaration, runs),
        declaration=declaration,
        runs=tuple(runs),
        num_rows=num_rows,
        added=added,
    )


def _write_out(runs: Mapping[str, Any], description: Mapping[str, Any], directory: Path) -> None:
    # runs.json last: where it stands, the description beside it is whole.
    write_atomically(directory / "study.json", json.dumps(description, indent=1).encode())
    write_atomically(directory / "runs.json", json.dumps(runs, indent=1).encode())


def _added(runs: Sequence[RunSpec], there: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is new about the runs that are not there yet."""
    old = [run for run in runs if run.digest in there]
    new = [run for run in runs if run.digest not in there]
    latents = {run.latent.name for run in old}
    data = {run.data.name for run in old}
    return {
        "runs": len(new),
        "seeds": sorted({run.seed for run in new} - {run.seed for run in old}),
        "latents": list(dict.fromkeys(r.latent.name for r in new if r.latent.name not in latents)),
        "data": list(dict.fromkeys(r.data.name for r in new if r.data.name not in data)),
    }


def _check_growth(old: Mapping[str, Any], new: Mapping[str, Any], directory: Path) -> None:
    """Refuse to pass a change of what was declared for an addition.

    Raises:
        ValueError: as said, naming what would change.
    """
    changed = [name for name in _FIXED if old.get(name) != new.get(name)]
    changed += [name for name in _GROWING if not _grows(old.get(name), new.get(name))]
    # By name: how a card words what a latent is may have been improved since.
    names, still = ([one["name"] for one in spec.get("latents", ())] for spec in (old, new))
    changed += [] if _grows(names, still) else ["latents"]
    if changed:
        raise ValueError(
            f"--extend adds runs to {directory} and changes nothing that was declared, but "
            f"{', '.join(changed)} would change: choose another --out"
        )


def _grows(old: Any, new: Any) -> bool:
    """Return whether everything that was there is still there, unchanged.

    >>> _grows({"of": {"a": 1}}, {"of": {"a": 1, "b": 2}}), _grows({"a": 1}, {"a": 2})
    (True, False)
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return all(name in new and _grows(value, new[name]) for name, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return all(value in new for value in old)
    return old == new


def _settings(study_file: Path) -> Any:
    """Return the settings that a `study.json` states, None where it is not one of ours."""
    try:
        return json.loads(study_file.read_text())["settings"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
