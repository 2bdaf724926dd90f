"""Running a tuned study: the search, the choice written down, then the test.

    DIR/tuning/      the search, a study of its own
    DIR/chosen.json  the trial of each latent, all scores, a hash of the rows that chose it
    DIR/...          the final study

The choice is a function of the search's rows, made when the last of them is there, and on the disk
before the final study exists. From then on it is only compared: rows of the search that no longer
give the same choice, byte for byte, stop the study.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quantum_latents.disk import write_atomically
from quantum_latents.execution.local import run_study
from quantum_latents.recipes import Study, TunedStudy
from quantum_latents.results import TUNING_FOLDER, choose_trials, read_rows, read_study

__all__ = ["CHOSEN", "chosen_study", "run_tuned"]

CHOSEN = "chosen.json"
"""Name of the file of choices in the study's directory."""

_SCHEMA = 1


def run_tuned(
    tuned: TunedStudy,
    directory: Path,
    *,
    time_budget: float | None = None,
    extend: bool = False,
    on_phase: Callable[[Study, Path], None] = lambda study, directory: None,
    **settings: Any,
) -> bool:
    """Tune, choose and test, or go on with it, until every run of both phases has its row.

    Args:
        tuned: what to run.
        directory: where it lives, see the module's first lines.
        time_budget: seconds for both phases together; None is none.
        extend: go on with more runs than the directory's study has, see `run_study`.
        on_phase: called with each phase's study and its directory before it runs.
        settings: the others of `run_study`, for both phases; `rows_from` and `evaluate_later` are
            refused.

    Returns:
        True if every run has its row, False if the time budget ended first.

    Raises:
        ValueError: as `run_study`; the directory holds a study that is not tuned, or the rows of
            the search have changed since the trials were chosen; or what is tested is not what
            was declared before the search.
        StudyError, KeyboardInterrupt: as `run_study`.
    """
    if settings.get("rows_from"):
        raise ValueError(
            "tune takes no rows_from: rows of the test that are older than the choice of trials "
            "could have been known when it was made"
        )
    if settings.get("evaluate_later"):
        raise ValueError("tune chooses trials by their metrics, so they cannot be left for later")
    started = time.monotonic()
    search, folder = tuned.search, directory / TUNING_FOLDER
    _check_directory(directory, search, extend=extend)
    on_phase(search, folder)
    if not run_study(search, folder, time_budget=time_budget, extend=extend, **settings):
        return False
    final = chosen_study(tuned, directory)
    left = None if time_budget is None else max(0.0, time_budget - (time.monotonic() - started))
    on_phase(final, directory)
    return run_study(final, directory, time_budget=left, extend=extend, **settings)


def chosen_study(tuned: TunedStudy, directory: Path) -> Study:
    """Return the final study, its choices written down in the directory or compared with those.

    Raises:
        ValueError: a run of the search has no row, or its rows have changed since the choice.
    """
    folder = directory / TUNING_FOLDER
    search = tuned.search.search
    assert search is not None
    choices = choose_trials(read_rows(folder), search)
    path = directory / CHOSEN
    there = _read_chosen(path) if path.exists() else {"choices": []}
    wanted = [choice.to_json() for choice in choices]
    if lost := [one for one in there["choices"] if one not in wanted]:
        who = ", ".join(f"{one['latent']} on {one['data']}" for one in lost[:3])
        raise ValueError(
            f"the rows in {folder} have changed since the trials were chosen ({who}): restore "
            "them, or choose another --out"
        )
    if there["choices"] != wanted:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        content = {"schema": _SCHEMA, "at": at, "choices": wanted}
        write_atomically(path, json.dumps(content, indent=1).encode())
    return tuned.final(choices)


def _read_chosen(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text())
        if content["schema"] != _SCHEMA:
            raise ValueError(f"its schema is {content['schema']!r:.40}, not {_SCHEMA}")
        if not isinstance(content["choices"], list) or not all(
            isinstance(one, dict) and all(isinstance(one.get(n), str) for n in ("data", "latent"))
            for one in content["choices"]
        ):
            raise ValueError("it holds no list of choices, each of a latent on some data")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error}): restore it") from error
    return content


def _check_directory(directory: Path, search: Study, *, extend: bool) -> None:
    """Refuse, before anything is trained, what could not be tested or was not declared.

    Raises:
        ValueError: see `run_tuned`.
    """
    folder = directory / TUNING_FOLDER
    for name in ("runs.json", "rows.jsonl", "study.json", "plan.json"):
        if (directory / name).exists() and not (directory / CHOSEN).exists():
            raise ValueError(
                f"{directory} holds a {name} of a study that is not tuned: choose another --out"
            )
    if (directory / CHOSEN).exists() and not (folder / "rows.jsonl").exists():
        raise ValueError(
            f"{directory} holds a {CHOSEN} without the rows in {folder} that it was chosen by: "
            "restore them, or choose another --out"
        )
    if not (folder / "study.json").exists() or search.search is None:
        return
    declared = (read_study(folder)["search"] or {}).get("final")
    wanted = json.loads(json.dumps(search.search["final"]))
    if declared is None or declared == wanted:
        return
    is_longer = set(declared["seeds"]) <= set(wanted["seeds"])
    if extend and is_longer and {**declared, "seeds": 0} == {**wanted, "seeds": 0}:
        return
    changed = [name for name in wanted if declared.get(name) != wanted[name]]
    raise ValueError(
        f"{', '.join(changed)} of the test in {directory} were declared before the search and "
        "would change: choose another --out, or add seeds with --extend"
    )
