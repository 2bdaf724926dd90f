"""The leaderboard of a study, or of several, in grids and sentences.

Notation as in `quantum_latents.results.leaderboard` and `hierarchy`: an *overview* is both of them
by one metric: who is ranked where over the data sets, and by how much each latent differs from the
reference on the average of them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from quantum_latents.report.grids import Grid, latex_grid, latex_text, markdown_grid, rich_grid
from quantum_latents.report.headings import ARROWS
from quantum_latents.results import (
    MIN_DATA_SETS_POOLED,
    MIN_DATA_SETS_VERDICT,
    Leaderboard,
    Pooled,
    Studies,
    collect,
    leaderboard,
    pooled_effects,
    shared_metrics,
)
from quantum_latents.results.wording import interval_text, number_text, p_text

__all__ = ["MAX_PAIRS", "OVERVIEW_FOOTNOTE", "Overview", "overview", "overviews"]

Row = Mapping[str, Any]

MAX_PAIRS = 21
"""Pairs that a grid shows whole; of more, those told apart and those with the reference."""

OVERVIEW_FOOTNOTE = (
    "Leaderboard: a data set is one block, ranked by the mean score of each latent; its seeds and "
    "settings repeat it and make no further blocks. Pairs: Wilcoxon’s signed ranks over the data "
    "sets, exact, Holm-adjusted over all pairs. Effects: latent − reference in run-to-run standard "
    "deviations of each data set, positive in favour of the reference; mean of a random-effects "
    "model (Paule and Mandel, interval of Hartung, Knapp, Sidik and Jonkman), tau between data "
    "sets, and where a new data set’s effect is expected. All of it speaks of data sets like "
    "these, as if they had been drawn independently: kinsmen among them, such as one set in two "
    "codings, count for more than they are worth."
)
SEEDS_FOOTNOTE = (
    "Ranks within each seed, pairs by Wilcoxon’s signed ranks over the seeds, exact, "
    "Holm-adjusted over all pairs. One data set says nothing about others."
)
_POOLED_HEADER = (
    "latent", "effect", "95 % interval", "new data set", "tau", "I²", "p (Holm)", "data sets",
    "verdict",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The latents by one metric, over data sets or over the seeds of one.

    Attributes:
        board: their leaderboard.
        reference: the latent that the others are summed up against.
        pooled: one a latent but the reference; none over seeds, or without the reference.
        notes: what a reader must know of the studies before the numbers.
    """

    board: Leaderboard
    reference: str
    pooled: tuple[Pooled, ...]
    notes: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """The metric, its unit and direction."""
        unit = f" [{self.board.unit}]" if self.board.unit else ""
        return f"{self.board.label}{unit} {ARROWS[self.board.direction]}"

    @property
    def title(self) -> str:
        """What is ranked over what."""
        return f"Leaderboard over {self.board.scope}: {self.heading}"

    @property
    def is_pooled(self) -> bool:
        """Whether any latent's effects are summed up."""
        return any(one.model for one in self.pooled)

    @property
    def footnote(self) -> str:
        """How to read it."""
        return OVERVIEW_FOOTNOTE if self.board.over == "data sets" else SEEDS_FOOTNOTE

    @property
    def sentences(self) -> list[str]:
        """What is said, and of what nothing is."""
        words = [*self.notes, *self.board.sentences]
        if not self.is_pooled and self.pooled:
            least = MIN_DATA_SETS_POOLED
            words.append(f"Effects need at least {least} data sets to be summed up.")
        elif self.pooled and all(one.code == "too few" for one in self.pooled):
            words.append(
                f"Too few data sets for a verdict on {self.reference} against any latent: the mean "
                f"effects are points with their intervals, and need {MIN_DATA_SETS_VERDICT}."
            )
        else:
            words += [one.sentence for one in self.pooled]
        omitted = dict.fromkeys(gap for one in self.pooled for gap in one.left_out)
        if left_out := [*self.board.left_out, *omitted]:
            words.append(f"Left out: {'; '.join(left_out)}.")
        if self.board.num_dropped:
            words.append(
                f"{self.board.num_dropped} seeds are left out because a run diverged, has no value "
                "or is missing; a seed counts where every latent has one."
            )
        return words

    def rank_grid(self) -> Grid:
        """Return the latents by their mean ranks, and how often each is first."""
        board = self.board
        lines = []
        for place, latent in enumerate(board.latents):
            ranks = [row[place] for row in board.ranks]
            behind = [p.behind for p in board.pairs if p.ahead == latent and p.code == "better"]
            told = ", ".join(behind) if behind else "–"
            first = sum(rank == min(row) for rank, row in zip(ranks, board.ranks, strict=True))
            line = [latent, f"{board.mean_ranks[place]:.2f}", f"{first} of {len(ranks)}", told]
            lines.append(line)
        header = ["latent", "mean rank", "ranked first", "told apart from, and better than"]
        return Grid(self.title, header, lines)

    def block_grid(self) -> Grid:
        """Return the rank of every latent on every data set."""
        board = self.board
        sizes = zip(board.blocks, board.num_seeds, board.ranks, strict=True)
        lines = [[name, str(num), *(f"{rank:g}" for rank in row)] for name, num, row in sizes]
        return Grid("Ranks on each data set", ["data set", "seeds", *board.latents], lines)

    def pair_grid(self) -> Grid:
        """Return the pairs; of more than `MAX_PAIRS`, those that matter most."""
        pairs = list(self.board.pairs)
        title = "Pairs"
        if len(pairs) > MAX_PAIRS:
            pairs = [
                pair
                for pair in pairs
                if pair.code == "better" or self.reference in (pair.ahead, pair.behind)
            ]
            title += f" told apart, and those with {self.reference}, of {len(self.board.pairs)}"
        lines = [
            [
                pair.ahead,
                pair.behind,
                f"{pair.wins}–{pair.losses}" + (f"–{pair.ties}" if pair.ties else ""),
                f"{pair.rank_difference:+.2f}".replace("-", "−"),
                p_text(pair.p_value),
                p_text(pair.p_holm),
                pair.code,
            ]
            for pair in pairs
        ]
        header = [
            "ahead",
            "behind",
            "better–worse(–same)",
            "mean ranks",
            "p",
            "p (Holm)",
            "verdict",
        ]
        return Grid(title, header, lines)

    def pooled_grid(self) -> Grid:
        """Return every latent against the reference, summed up."""
        lines = []
        for one in self.pooled:
            number, model = str(len(one.effects)), one.model
            if model is None:
                lines.append([one.other, *["–"] * 6, number, one.code])
                continue
            lines.append(
                [
                    one.other,
                    number_text(model.mean, signed=True),
                    interval_text(model.interval),
                    interval_text(model.prediction),
                    number_text(model.tau, 2),
                    f"{100 * model.i_squared:.0f} %",
                    p_text(one.p_holm),
                    number,
                    one.code,
                ]
            )
        return Grid(f"Effects in favour of {self.reference}", [*_POOLED_HEADER], lines)

    def effect_grid(self) -> Grid:
        """Return the effect of every latent on every data set."""
        of = {one.other: {effect.data: effect for effect in one.effects} for one in self.pooled}
        lines = []
        for data in self.board.blocks:
            line = [data]
            for effects in of.values():
                effect = effects.get(data)
                text = "–"
                if effect is not None:
                    text = f"{number_text(effect.effect, signed=True)} "
                    text += interval_text(effect.interval)
                line.append(text)
            lines.append(line)
        title = f"Effects in favour of {self.reference} on each data set"
        return Grid(title, ["data set", *of], lines)

    def grids(self) -> list[Grid]:
        """Return the grids that have something to say."""
        grids = [self.rank_grid()]
        if self.board.over == "data sets":
            grids.append(self.block_grid())
        if self.board.has_verdict:
            grids.append(self.pair_grid())
        if self.is_pooled:
            grids.append(self.pooled_grid())
        if self.pooled:
            grids.append(self.effect_grid())
        return grids

    def render(self, format: str = "text") -> str:
        """Return it as text (for a terminal), Markdown, LaTeX or JSON.

        Raises:
            ValueError: the format is none of these.
        """
        made = {
            "text": self.text,
            "markdown": self.markdown,
            "latex": self.latex,
            "json": self.json,
        }
        if format not in made:
            raise ValueError(f"a leaderboard's format is one of {tuple(made)}, not {format!r}")
        return made[format]()

    def text(self, width: int = 120) -> str:
        """Return it as plain text of at most `width` columns."""
        from rich.console import Console
        from rich.text import Text

        buffer = io.StringIO()
        console = Console(file=buffer, width=width, color_system=None, highlight=False)
        for grid in self.grids():
            console.print(rich_grid(grid), Text(), sep="\n")
        for words in [*self.sentences, "", self.footnote]:
            console.print(Text(words))
        return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"

    def markdown_lines(self) -> list[str]:
        """Return it in lines of Markdown, without the footnote."""
        lines = []
        for grid in self.grids():
            lines += ["", f"**{grid.title}**", "", *markdown_grid(grid.header, grid.body)]
        return [*lines, "", *(f"- {sentence}" for sentence in self.sentences)]

    def markdown(self) -> str:
        """Return it in Markdown."""
        return "\n".join([*self.markdown_lines()[1:], "", self.footnote]) + "\n"

    def latex(self) -> str:
        r"""Return it as LaTeX for a document with ``\usepackage{booktabs}``."""
        parts = [latex_grid(grid) for grid in self.grids()]
        return "\n\n".join([*parts, *map(latex_text, [*self.sentences, self.footnote])]) + "\n"

    def json(self) -> str:
        """Return it, with every rank and effect, as JSON."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False)


def overview(
    studies: Studies,
    metric: str = "",
    wanted: Sequence[str] = (),
    reference: str = "",
    notes: Sequence[str] = (),
) -> Overview:
    """Rank the latents of one study or several, and sum them up against the reference.

    Args:
        studies: label -> rows and checked ``study.json``.
        metric: its name; the first that every data set has, primary ones leading, if empty.
        wanted: latents to rank; all that every data set has, if empty.
        reference: a latent's name; that of the studies, if empty.
        notes: see `Overview`.

    Raises:
        ValueError: the studies have different references and none is given, the one that is given
            is not ranked, or there is nothing to rank.
    """
    is_named = bool(reference)
    if not reference:
        known = list(dict.fromkeys(study["reference"] for _, study in studies.values()))
        if len(known) > 1:
            raise ValueError(
                f"the studies compare with {' and with '.join(known)}: name a reference"
            )
        reference = known[0] if known else ""
    board, found = leaderboard(studies, metric, wanted)
    if is_named and reference not in found.latents:
        raise ValueError(
            f"the reference {reference!r} is not among the ranked latents: "
            f"{', '.join(found.latents)}"
        )
    pooled = ()
    if board.over == "data sets" and reference in found.latents:
        pooled = tuple(pooled_effects(found, reference, board))
    return Overview(board=board, reference=reference, pooled=pooled, notes=tuple(notes))


def overviews(rows: Sequence[Row], study: Mapping[str, Any]) -> tuple[Overview, ...]:
    """Return the overview by each primary metric that all data sets of a study share.

    By the first shared metric if none of them is primary; nothing where there are not two data
    sets with two latents that can be ranked.
    """
    if len({row["spec"]["data"]["name"] for row in rows}) < 2:
        return ()
    studies = {study["study"]: (rows, study)}
    shared = shared_metrics(studies)
    names = [name for name in shared if name in study["primary_metrics"]] or shared[:1]
    made = []
    for name in names:
        found = collect(studies, name)
        if len(found.blocks) > 1 and len(found.latents) > 1:
            made.append(overview(studies, name))
    return tuple(made)
