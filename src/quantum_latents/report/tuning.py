"""How the latents of a study were tuned: what each had, what won, and how sensitive each is.

Notation: *trial*, *cell* and *score* as in `quantum_latents.results.tuning`. The *spread* of a cell
is its worst score minus its best, in size: what the choice of a trial is worth to that latent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quantum_latents.results.wording import number_text

__all__ = ["Tuned", "TunedCell", "tuned_of"]


@dataclass(frozen=True, kw_only=True)
class TunedCell:
    """One data set and latent (and group).

    Attributes:
        data: with the group's name, as tables have it.
        latent: its name.
        trial: the number of the trial that won.
        settings: of that trial.
        scores: of every trial; None where a run diverged or had no value.
        num_diverged: of every trial.
        best, own: score of the trial that won, and of the recipe's own; None for none.
        spread: worst minus best score, in size; None below two scores.
    """

    data: str
    latent: str
    trial: int
    settings: Mapping[str, float]
    scores: tuple[float | None, ...]
    num_diverged: tuple[int, ...]
    best: float | None
    own: float | None
    spread: float | None


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """The tuning of a study.

    Attributes:
        by, label, direction: the metric that chose.
        trials: settings of every trial by name, the recipe's own first.
        seeds: tuning seeds of every trial.
        num_steps: generator steps of every run.
        cells: one a choice.
        rows_hashes: of the rows that each choice was made from.
    """

    by: str
    label: str
    direction: str
    trials: tuple[Mapping[str, float], ...]
    seeds: tuple[int, ...]
    num_steps: int
    cells: tuple[TunedCell, ...]
    rows_hashes: tuple[str, ...]

    @property
    def footnote(self) -> str:
        """What was alike for all, and what the scores are worth."""
        number = len(self.trials)
        seeds = f"{len(self.seeds)} tuning seed{'s' * (len(self.seeds) > 1)}"
        return (
            f"Tuning: every latent had the same {number} trials from one list, {seeds} each and "
            f"{self.num_steps:,} generator steps a run: {number * len(self.seeds)} runs, "
            f"{number * len(self.seeds) * self.num_steps:,} generator steps. Scores are means of "
            f"{self.label} ({self.direction} is better) on validation rows, which no test reads, "
            f"at tuning seeds ({', '.join(map(str, self.seeds))}) that no test has. The best of "
            "several scores is too good by having been chosen: judge by the test. A trial with "
            "more critic steps costs more computing; what is equal is the list. Trial 0 is the "
            "recipe's own setting; spread is the worst score minus the best, in size; a trial of "
            "which a run diverged has no score and is not chosen."
        )

    def chosen_lines(self) -> tuple[list[str], list[list[str]]]:
        """Return a header and, of each data set and latent, what won and how much it matters."""
        header = ["latent", "data", "trial", *_HEADINGS.values()]
        header += ["its score", "score of trial 0", "spread", "diverged"]
        lines = [
            [
                cell.latent,
                cell.data,
                str(cell.trial),
                *(f"{cell.settings[name]:g}" for name in _HEADINGS),
                number_text(cell.best),
                number_text(cell.own),
                number_text(cell.spread),
                f"{sum(cell.num_diverged)} of {len(self.trials) * len(self.seeds)}",
            ]
            for cell in self.cells
        ]
        return header, lines

    def score_lines(self) -> tuple[list[str], list[list[str]]]:
        """Return a header and, of each trial, its settings and its score for every latent.

        The score that won is marked with an asterisk.
        """
        is_one = len({cell.data for cell in self.cells}) == 1
        names = [cell.latent if is_one else f"{cell.latent}, {cell.data}" for cell in self.cells]
        header = ["trial", *_HEADINGS.values(), *names]
        lines = []
        for place, trial in enumerate(self.trials):
            scores = [
                f"{_score_text(cell, place)}{' *' if cell.trial == place else ''}"
                for cell in self.cells
            ]
            settings = [f"{trial[name]:g}" for name in _HEADINGS]
            lines.append([str(place), *settings, *scores])
        return header, lines


_HEADINGS = {
    "learning_rate": "rate",
    "gradient_penalty": "penalty",
    "critic_steps": "critic steps",
    "decay": "decay",
}


def tuned_of(study: Mapping[str, Any]) -> Tuned | None:
    """Return the tuning of a study; None where its latents were not tuned.

    Args:
        study: checked, see `quantum_latents.results.check_study`.
    """
    if (tuning := study["tuning"]) is None:
        return None
    return Tuned(
        by=tuning["by"],
        label=tuning["label"],
        direction=tuning["direction"],
        trials=tuple(tuning["trials"]),
        seeds=tuple(tuning["seeds"]),
        num_steps=tuning["num_steps"],
        cells=tuple(_cell(choice, tuning["trials"]) for choice in tuning["choices"]),
        rows_hashes=tuple(choice["rows_hash"] for choice in tuning["choices"]),
    )


def _cell(choice: Mapping[str, Any], trials: list[Mapping[str, float]]) -> TunedCell:
    scores = choice["scores"]
    known = [score for score in scores if score is not None]
    return TunedCell(
        data=", ".join(filter(None, (choice["data"], choice["group"]))),
        latent=choice["latent"],
        trial=choice["trial"],
        settings=trials[choice["trial"]],
        scores=tuple(scores),
        num_diverged=tuple(choice["num_diverged"]),
        best=scores[choice["trial"]],
        own=scores[0],
        spread=max(known) - min(known) if len(known) > 1 else None,
    )


def _score_text(cell: TunedCell, place: int) -> str:
    if cell.scores[place] is None and cell.num_diverged[place]:
        return "diverged"
    return number_text(cell.scores[place])
