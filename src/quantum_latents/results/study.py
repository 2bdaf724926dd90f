"""The study a set of rows belongs to: its question, settings and command (``study.json``)."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["STUDY_SCHEMA", "check_study", "in_groups", "read_study"]

STUDY_SCHEMA = 1
"""The newest study schema that this version reads."""

_TEXTS = ("study", "title", "question", "preset", "command", "reference", "version", "commit")
_TABLES = {
    "latents": {"name", "what", "shares", "simulation"},
    "settings": {"name", "value", "source"},
}
_TRIAL = ("learning_rate", "gradient_penalty", "critic_steps", "decay")
_DEFAULTS: dict[str, Any] = {
    "title": "",
    "question": "",
    "preset": "",
    "command": "",
    "notes": [],
    "reference": "quantum",
    "primary_metrics": [],
    "equivalence_margins": {},
    "latents": [],
    "settings": [],
    "num_runs": None,
    "paper": None,
    "groups": {},
    "doses": None,
    "axis": None,
    "restarts": None,
    "search": None,
    "tuning": None,
    "ladder": None,
    "version": "",
    "commit": "",
}


def read_study(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """Return ``study.json`` of a directory, checked and with optional fields filled in.

    Raises:
        ValueError: the file is missing, damaged, too new, or a field has the wrong form.
    """
    path = Path(directory) / "study.json"
    try:
        study = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"no study at {path}: give the directory that `qlat run` wrote") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    return check_study(study, str(path))


def check_study(study: Mapping[str, Any], where: str = "the study") -> dict[str, Any]:
    """Return the study with optional fields filled in.

    Raises:
        ValueError: a field is missing or has the wrong form, or the schema is too new.

    >>> check_study({"schema": 1, "study": "table1"})["reference"]
    'quantum'
    """
    if not isinstance(study, Mapping):
        raise ValueError(f"{where} is not a JSON object")
    schema = study.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise ValueError(f"{where} has schema {schema!r}; it is a whole number >= 1")
    if schema > STUDY_SCHEMA:
        raise ValueError(
            f"{where} has schema {schema}, newer than schema {STUDY_SCHEMA} of this version: "
            "update quantum-latents to read it"
        )
    if not study.get("study"):
        raise ValueError(f"{where} lacks its name, the field 'study'")
    filled = {**_DEFAULTS, **study}
    for name in _TEXTS:
        if not isinstance(filled[name], str):
            raise ValueError(f"{where}: {name!r} is text, not {filled[name]!r}")
    for name in ("notes", "primary_metrics"):
        if not isinstance(filled[name], list) or not all(isinstance(x, str) for x in filled[name]):
            raise ValueError(f"{where}: {name!r} is a list of texts, not {filled[name]!r}")
    margins = filled["equivalence_margins"]
    if not isinstance(margins, Mapping) or not all(
        isinstance(margin, int | float) and margin > 0 for margin in margins.values()
    ):
        raise ValueError(f"{where}: 'equivalence_margins' maps metrics to numbers > 0: {margins!r}")
    for name, fields in _TABLES.items():
        if not isinstance(filled[name], list) or not all(
            isinstance(entry, Mapping) and all(isinstance(entry.get(f), str) for f in fields)
            for entry in filled[name]
        ):
            raise ValueError(f"{where}: each of {name!r} has texts {', '.join(sorted(fields))}")
    _check_paper(filled["paper"], where)
    groups = filled["groups"]
    if not isinstance(groups, Mapping) or not all(
        isinstance(names, list) and names and all(isinstance(name, str) for name in names)
        for names in groups.values()
    ):
        raise ValueError(f"{where}: 'groups' maps runs to lists of texts, not {groups!r:.80}")
    _check_doses(filled["doses"], where)
    _check_axis(filled["axis"], where)
    _check_restarts(filled["restarts"], where)
    _check_search(filled["search"], where)
    _check_tuning(filled["tuning"], where)
    _check_ladder(filled["ladder"], where)
    num_runs = filled["num_runs"]
    if num_runs is not None and (not isinstance(num_runs, int) or num_runs < 0):
        raise ValueError(f"{where}: 'num_runs' is a whole number, not {num_runs!r}")
    return filled


def in_groups(
    rows: Iterable[Mapping[str, Any]], study: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """Return rows as tables compare them: under their data set's name and their group's.

    A study may hold several comparisons on one data set, such as one for each length of z. A run
    that belongs to several, such as a Gaussian latent beside two interferometers, is in each.

    Args:
        rows: of the study.
        study: its `groups` maps a run to the names of its groups; runs that it does not name
            stay as they are.

    >>> row = {"run": "a", "spec": {"data": {"name": "qm9"}}}
    >>> study = check_study({"schema": 1, "study": "table2", "groups": {"a": ["haar", "1-1"]}})
    >>> [r["spec"]["data"]["name"] for r in in_groups([row], study)]
    ['qm9, haar', 'qm9, 1-1']
    """
    grouped: list[Mapping[str, Any]] = []
    for row in rows:
        if not (names := study["groups"].get(row["run"])):
            grouped.append(row)
            continue
        data = row["spec"]["data"]
        for name in names:
            renamed = {**data, "name": f"{data['name']}, {name}"}
            grouped.append({**row, "spec": {**row["spec"], "data": renamed}})
    return grouped


def _check_paper(paper: Any, where: str) -> None:
    """Refuse published figures that a page could not show."""
    if paper is None:
        return
    if not isinstance(paper, Mapping) or not isinstance(paper.get("source"), str):
        raise ValueError(f"{where}: 'paper' has a source (text) and figures, not {paper!r:.80}")
    figures = paper.get("figures")
    if not isinstance(figures, list):
        raise ValueError(f"{where}: 'paper' has a list of figures, not {figures!r:.80}")
    for figure in figures:
        if (
            not isinstance(figure, Mapping)
            or not all(isinstance(figure.get(n), str) for n in ("data", "latent", "metric"))
            or not _is_number(figure.get("mean"))
            or not (figure.get("standard_error") is None or _is_number(figure["standard_error"]))
        ):
            raise ValueError(
                f"{where}: each of the paper's figures has data, latent and metric (text), mean (a "
                f"number) and standard_error (a number or null), not {figure!r:.120}"
            )


def _check_doses(doses: Any, where: str) -> None:
    """Refuse doses that no response could be drawn against."""
    if doses is not None and (
        not isinstance(doses, Mapping)
        or not isinstance(doses.get("label"), str)
        or not isinstance(doses.get("of"), Mapping)
        or not all(_is_number(dose) for dose in doses["of"].values())
    ):
        raise ValueError(
            f"{where}: 'doses' has a label (text) and, of each latent, a number, not {doses!r:.80}"
        )


def _check_axis(axis: Any, where: str) -> None:
    """Refuse an axis that no curve could be drawn along."""
    if axis is not None and (
        not isinstance(axis, Mapping)
        or not all(isinstance(axis.get(name), str) for name in ("name", "label"))
        or not isinstance(axis.get("of"), Mapping)
        or not all(_is_number(place) for place in axis["of"].values())
        or not isinstance(axis.get("margins"), Mapping)
        or not all(_is_number(margin) and margin >= 0 for margin in axis["margins"].values())
        or axis.get("against", "") not in ("", *axis["of"])
        or axis.get("scale", "linear") not in ("linear", "log")
        or (axis.get("scale") == "log" and not all(place > 0 for place in axis["of"].values()))
    ):
        raise ValueError(
            f"{where}: 'axis' has name and label (text), of each group a number and margins of "
            f"metrics (numbers >= 0), perhaps against (one of the groups) and scale (linear, or "
            f"log of places above 0), not {axis!r:.120}"
        )


def _check_restarts(restarts: Any, where: str) -> None:
    """Refuse a choice between restarts that could not be made."""
    if restarts is None:
        return
    choices = restarts.get("choices") if isinstance(restarts, Mapping) else None
    if (
        not isinstance(choices, list)
        or not isinstance(restarts.get("by"), str)
        or not choices
        or not all(
            isinstance(choice, Mapping)
            and isinstance(choice.get("name"), str)
            and isinstance(choice.get("starts"), list)
            and isinstance(choice.get("num_runs"), int)
            for choice in choices
        )
    ):
        raise ValueError(
            f"{where}: 'restarts' has by (a metric) and choices, each with name, starts and "
            f"num_runs, not {restarts!r:.120}"
        )


def _check_tuning(tuning: Any, where: str) -> None:
    """Refuse an account of a tuning that no page could tell."""
    if tuning is None:
        return
    if (
        not isinstance(tuning, Mapping)
        or not all(isinstance(tuning.get(name), str) for name in ("by", "label", "direction"))
        or not all(isinstance(tuning.get(name), list) for name in ("trials", "seeds", "choices"))
        or not isinstance(tuning.get("num_steps"), int)
        or not tuning["trials"]
        or not all(
            isinstance(trial, Mapping) and all(_is_number(trial.get(name)) for name in _TRIAL)
            for trial in tuning["trials"]
        )
        or not all(_is_choice(choice, len(tuning["trials"])) for choice in tuning["choices"])
    ):
        raise ValueError(
            f"{where}: 'tuning' has by, label and direction (text), num_steps, seeds, trials, each "
            f"with {', '.join(_TRIAL)} (numbers), and choices, each with data, latent, group, "
            f"trial, runs, rows_hash and a score of every trial, not {tuning!r:.120}"
        )


def _check_search(search: Any, where: str) -> None:
    """Refuse a search from which no trial could be chosen."""
    if search is None:
        return
    final = search.get("final") if isinstance(search, Mapping) else None
    if (
        not isinstance(search, Mapping)
        or not isinstance(search.get("by"), str)
        or not isinstance(search.get("cells"), list)
        or not (final is None or (isinstance(final, Mapping) and _is_list(final.get("seeds"))))
        or not all(
            isinstance(cell, Mapping)
            and all(isinstance(cell.get(name), str) for name in ("data", "latent", "group"))
            and _is_list(cell.get("trials"))
            and all(map(_is_list, cell["trials"]))
            for cell in search["cells"]
        )
    ):
        raise ValueError(
            f"{where}: 'search' has by (a metric), cells, each with data, latent, group and of "
            f"every trial its runs, and perhaps final with seeds, not {search!r:.120}"
        )


def _is_choice(choice: Any, num_trials: int) -> bool:
    return (
        isinstance(choice, Mapping)
        and all(isinstance(choice.get(n), str) for n in ("data", "latent", "group", "rows_hash"))
        and all(isinstance(choice.get(n), list) for n in ("scores", "num_diverged", "runs"))
        and len(choice["scores"]) == len(choice["num_diverged"]) == num_trials
        and all(score is None or _is_number(score) for score in choice["scores"])
        and isinstance(choice.get("trial"), int)
        and 0 <= choice["trial"] < num_trials
    )


def _check_ladder(ladder: Any, where: str) -> None:
    """Refuse a ladder whose rungs share what it does not name."""
    if ladder is None:
        return
    properties = ladder.get("properties") if isinstance(ladder, Mapping) else None
    of = ladder.get("of") if isinstance(ladder, Mapping) else None
    if (
        not isinstance(properties, list)
        or not all(
            isinstance(one, Mapping)
            and isinstance(one.get("name"), str)
            and isinstance(one.get("label"), str)
            for one in properties
        )
        or not isinstance(of, Mapping)
        or not all(
            isinstance(sharing, Mapping)
            and set(sharing) <= {one["name"] for one in properties}
            and set(sharing.values()) <= {"full", "part"}
            for sharing in of.values()
        )
    ):
        raise ValueError(
            f"{where}: 'ladder' has properties, each with name and label (text), and says of each "
            f"latent which of them it shares, 'full' or in 'part', not {ladder!r:.120}"
        )


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
