"""The model card of a shared generator, and the facts that it is made of.

*Facts* are JSON values: what a run's row, its study and its certificate say, without any path or
machine. They travel in the generator's ``config.json``, so that whoever loads it can make the card
again. Facts may be a stranger's: nothing in them becomes markup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import quantum_latents
from quantum_latents.execution.machine import commit_of_source
from quantum_latents.results import mean_interval, mean_standard_error, read_certificates, read_rows
from quantum_latents.training import RunSpec

__all__ = ["facts_of_run", "model_card"]

_LONGEST = 400
"""Characters of a text that stands in the card."""

_REPOSITORY = "OWNER/NAME"


def facts_of_run(spec: RunSpec, directory: Path) -> dict[str, Any]:
    """Return what is known of a run's generator.

    Args:
        spec: of the run.
        directory: of its study; what is not there is left out.

    Raises:
        ValueError: rows, study or certificates are damaged.
    """
    card = spec.latent.card
    facts: dict[str, Any] = {
        "run": spec.digest,
        "data": spec.data.name,
        "latent": {
            "name": spec.latent.name,
            "dim": spec.latent.dim,
            "what": card.what,
            "shares": card.shares,
            "simulation": card.simulation,
        },
        "seed": spec.seed,
        "num_steps": spec.training.num_steps,
        "scores": [],
        "certificate": None,
        "command": "",
        "version": quantum_latents.__version__,
        "commit": commit_of_source(),
    }
    if (directory / "rows.jsonl").is_file():
        rows = read_rows(directory)
        facts["scores"] = _scores(spec, rows)
        for row in rows:
            if row["run"] == spec.digest:
                made = row.get("provenance", {})
                facts |= {name: made.get(name, "") for name in ("version", "commit")}
    if (study := directory / "study.json").is_file():
        facts["command"] = _public_command(json.loads(study.read_text(encoding="utf-8")))
    for one in read_certificates(directory):
        if one["run"] == spec.digest:
            names = ("conclusion", "hypotheses")
            facts["certificate"] = {name: one[name] for name in names}
    return facts


def _scores(spec: RunSpec, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the run's metrics beside those of the same run at all seeds of the study."""
    alike = [row for row in rows if _but_seed(row["spec"]) == _but_seed(spec.to_json())]
    own = next((row["metrics"] for row in alike if row["run"] == spec.digest), {})
    scores = []
    for name, entry in own.items():
        found = [row["metrics"].get(name, {}).get("value") for row in alike]
        values = [float(value) for value in found if value is not None]
        mean, error = mean_standard_error(values) if values else (None, None)
        scores.append(
            {
                "name": name,
                "label": entry.get("label", name),
                "direction": entry["direction"],
                "value": entry.get("value"),
                "floor": entry.get("floor"),
                "num_seeds": len(values),
                "mean": mean,
                "standard_error": error,
                "interval": mean_interval(values) if values else None,
            }
        )
    return scores


def _but_seed(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if name != "seed"}


def _public_command(study: Mapping[str, Any]) -> str:
    """Return the command of a study without folders and addresses of the machine.

    >>> _public_command({"command": "qlat run compare --data /home/me/x.csv --ray host:1"})
    'qlat run compare --data x.csv --ray ...'
    """
    command = re.sub(r"(--ray[ =])\S+", r"\1...", str(study.get("command", "")))
    return re.sub(r"[^\s'\"=,:(]*/", "", command)


def model_card(facts: Mapping[str, Any], *, repo_id: str | None = None) -> str:
    """Return the README.md of a shared generator: a YAML header, and Markdown.

    Args:
        facts: see `facts_of_run`; and `licence`, its identifier on the hub, or None.
        repo_id: where it is published.

    Raises:
        ValueError: the facts are not of this form.
    """
    try:
        return _written(facts, repo_id or _REPOSITORY)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise ValueError(f"these are no facts of a generator ({error!r})") from None


def _written(facts: Mapping[str, Any], repo_id: str) -> str:
    latent, licence = facts["latent"], facts["licence"]
    title = f"{facts['data']} from a {latent['name']} latent"
    # JSON's strings and lists are YAML's too, whatever they hold.
    header: dict[str, Any] = {} if licence is None else {"license": licence}
    header |= {"library_name": "quantum-latents", "tags": ["quantum-latents", "generative-model"]}
    lines = ["---", *(f"{name}: {json.dumps(value)}" for name, value in header.items()), "---", ""]
    lines += [f"# {_plain(title)}", ""]
    lines += ["A generator that draws its own latents and turns them into samples.", ""]
    lines += ["## Use", "", "```python"]
    lines += ["from quantum_latents.execution.pretrained import PretrainedGenerator", ""]
    lines += [f"generator = PretrainedGenerator.from_pretrained({json.dumps(repo_id)})"]
    lines += ["samples = generator.sample(1000, seed=0)", "```", ""]
    lines += ["## Latent", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {_plain(latent[name])} |" for name in ("name", "dim", "what")]
    lines += [f"| shares with the quantum latent | {_plain(latent['shares'])} |"]
    lines += [f"| cost on a classical computer | {_plain(latent['simulation'])} |", ""]
    lines += ["## Data and training", "", "| | |", "|---|---|"]
    lines += [f"| data | {_plain(facts['data'])} |", f"| seed | {_plain(facts['seed'])} |"]
    lines += [
        f"| training steps | {_plain(facts['num_steps'])} |",
        f"| run | {_code(facts['run'])} |",
    ]
    made_by = f"quantum-latents {facts['version']}" + (
        f", {facts['commit']}" if facts["commit"] else ""
    )
    lines += [f"| made by | {_plain(made_by)} |"]
    lines += [f"| command | {_code(facts['command'])} |"] if facts["command"] else []
    lines += ["", "The whole specification stands in `config.json`.", ""]
    lines += _of_scores(facts["scores"]) + _of_certificate(facts["certificate"])
    lines += ["## Licence", ""]
    said = f"As the header says: {_plain(licence)}." if licence else ""
    lines += [said or "Who shares this has not said what others may do with it."]
    return "\n".join(lines) + "\n"


def _of_scores(scores: Sequence[Mapping[str, Any]]) -> list[str]:
    if not scores:
        return ["## Metrics", "", "No row of this run was there to take metrics from.", ""]
    lines = ["## Metrics", ""]
    lines += ["Of samples from held-out latents. Over seeds: mean ± standard error and the 95 %"]
    lines += [
        "interval of the same training at all seeds of its study, as far as there are enough."
    ]
    lines += ["", "| metric | this run | floor | over seeds | 95 % interval | seeds |"]
    lines += ["|---|---|---|---|---|---|"]
    for score in scores:
        better = {"lower": "↓", "higher": "↑"}[score["direction"]]
        over = _number(score["mean"])
        if score["standard_error"] is not None:
            over += f" ± {_number(score['standard_error'])}"
        ends = score["interval"]
        interval = "–" if ends is None else f"[{_number(ends[0])}, {_number(ends[1])}]"
        cells = (_number(score["value"]), _number(score["floor"]), over, interval)
        label = f"{_plain(score['label'])} {better}"
        lines.append(f"| {label} | {' | '.join(cells)} | {_plain(score['num_seeds'])} |")
    return [*lines, ""]


def _of_certificate(certificate: Mapping[str, Any] | None) -> list[str]:
    if certificate is None:
        return []
    lines = ["## Theorem 1", "", _plain(certificate["conclusion"]), ""]
    lines += ["| hypothesis | holds | why |", "|---|---|---|"]
    for one in certificate["hypotheses"]:
        cells = (_plain(one[name]) for name in ("name", "holds", "why"))
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{float(value):.4g}"


def _plain(value: Any) -> str:
    """Return text that is no markup.

    >>> _plain("a|b <script>[x](y)")
    'a/b script>(x](y)'
    """
    text = " ".join(str(value).split())[:_LONGEST]
    for mark, instead in (("|", "/"), ("<", ""), ("[", "("), ("`", "'"), ("\\", "/")):
        text = text.replace(mark, instead)
    return text


def _code(value: Any) -> str:
    return f"`{_plain(value)}`"
