"""The leaderboard of latents over data sets, and which of them are told apart.

Notation as in `quantum_latents.results.blocks` and `ranks`: y_ij the score of latent j on data set
i, r_ij its rank there, R_j its mean rank. Data sets are what one generalises over, so they are the
blocks; seeds within a data set are repeats, and only make its scores firmer. Were they taken as
blocks, a difference on a single data set would look like one on all.

Two latents are told apart by Wilcoxon's signed ranks of their N differences of scores, by the exact
law, Holm-adjusted over all k (k - 1) / 2 pairs. Unlike a difference of mean ranks, that depends on
no third latent (Benavoli, Corani and Mangili, *Should we really use post-hoc tests based on
mean-ranks?*, JMLR 17, 2016). Friedman's test and the critical difference stand beside it. Latents
that no pair tells apart form *cliques*: not told apart, which is not the same as equal.

The smallest p of N blocks is 2^(1 - N), so that Holm's first step needs N with
k (k - 1) / 2 * 2^(1 - N) < alpha. Below that number and below `MIN_DATA_SETS_VERDICT`, the least
that can tell the paper's four latents apart, there is no verdict. Where there is one data set
alone, its seeds are ranked instead: every word is then about that data set.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from quantum_latents.results.blocks import Blocks, Studies, collect, shared_metrics
from quantum_latents.results.leaderboard_words import pair_sentence, summary
from quantum_latents.results.ranks import (
    Friedman,
    cliques_of,
    doubled_ranks,
    friedman,
    nemenyi_difference,
    rank_law,
    signed_rank_p,
)
from quantum_latents.results.statistics import holm
from quantum_latents.results.verdicts import ALPHA, MIN_SEEDS_VERDICT, Code

__all__ = [
    "MIN_DATA_SETS_VERDICT",
    "Leaderboard",
    "Pair",
    "leaderboard",
    "least_blocks",
    "ranking",
]

MIN_DATA_SETS_VERDICT = 8
"""Data sets below which no verdict is given: 6 pairs * 2^(1 - 8) = 0.047 < 0.05."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two latents of a leaderboard.

    Attributes:
        ahead, behind: their names; the one ahead has the better scores by signed ranks.
        wins, losses, ties: blocks on which the one ahead scores better, worse, the same.
        rank_difference: of their mean ranks, > 0 where the one ahead has the better one.
        p_value: two-sided, exact, of the signed ranks.
        p_holm: adjusted over all pairs.
        code: "better" if they are told apart.
        sentence: the same in words.
    """

    ahead: str
    behind: str
    wins: int
    losses: int
    ties: int
    rank_difference: float
    p_value: float
    p_holm: float
    code: Code
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """Latents ranked over blocks by one metric.

    Attributes:
        metric, label, unit, direction: of the metric.
        constant_wins: whether a constant output would score best by it.
        over: what the blocks are.
        data: the one data set whose seeds are the blocks; "" over data sets.
        blocks: names of the data sets, or the seeds.
        num_seeds: of each data set; 1 each where the blocks are seeds.
        num_settings: of each data set.
        num_dropped: seeds left out of any data set, because a run diverged or has no value.
        latents: in the order of the mean ranks, ties in the order of every table, (k,).
        mean_ranks: of each latent, 1 the best.
        ranks: N rows of k, in the order of `blocks` and `latents`.
        friedman: whether they differ at all.
        critical_difference: of mean ranks by the permutation law; None where none is rare enough.
        nemenyi_difference: its approximation for many blocks.
        min_blocks: blocks needed for a verdict.
        pairs: all k (k - 1) / 2, in the order of `latents`.
        cliques: largest sets of latents of which no pair is told apart, without single ones; none
            where there is no verdict.
        left_out: latents, data sets and settings that are not ranked, and why.
        sentences: what this says, and no more.
    """

    metric: str
    label: str
    unit: str
    direction: Literal["lower", "higher"]
    constant_wins: bool
    over: Literal["data sets", "seeds"]
    data: str
    blocks: tuple[str, ...]
    num_seeds: tuple[int, ...]
    num_settings: tuple[int, ...]
    num_dropped: int
    latents: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    ranks: tuple[tuple[float, ...], ...]
    friedman: Friedman
    critical_difference: float | None
    nemenyi_difference: float
    min_blocks: int
    pairs: tuple[Pair, ...]
    cliques: tuple[tuple[str, ...], ...]
    left_out: tuple[str, ...]
    sentences: tuple[str, ...]

    @property
    def has_verdict(self) -> bool:
        """Whether there are blocks enough to tell latents apart."""
        return len(self.blocks) >= self.min_blocks

    @property
    def scope(self) -> str:
        """What the ranks are over, in words."""
        if self.over == "seeds":
            return f"{len(self.blocks)} seeds of the {self.data} data"
        return f"{len(self.blocks)} data sets"


def least_blocks(num_pairs: int, alpha: float = ALPHA) -> int:
    """Return the least number of blocks whose smallest p is below alpha after Holm's first step.

    >>> least_blocks(1), least_blocks(6), least_blocks(136)
    (6, 8, 13)
    """
    num_blocks = 1
    while num_pairs * 2.0 ** (1 - num_blocks) >= alpha:
        num_blocks += 1
    return num_blocks


def leaderboard(
    studies: Studies, metric: str = "", wanted: Sequence[str] = ()
) -> tuple[Leaderboard, Blocks]:
    """Rank the latents of one study or several over their data sets.

    A metric that a constant output would win tells no pair apart unless the leaderboard by one of
    the two-sample metrics that its rows name tells it apart the same way.

    Args:
        studies: label -> rows and checked ``study.json``.
        metric: its name; the first that every data set has, primary ones leading, if empty.
        wanted: latents to rank, chosen before the numbers are looked at; all that every data set
            has, if empty.

    Returns:
        The leaderboard, and the blocks that it was made of.

    Raises:
        ValueError: no metric is shared, or fewer than two latents or no data set remain.
    """
    shared = shared_metrics(studies)
    if not metric and not shared:
        raise ValueError("the data sets share no metric: name one that some have, or fewer folders")
    found = collect(studies, metric or shared[0], wanted)
    made = ranking(found)
    if not found.facts.constant_wins:
        return made, found
    beside = []
    for name in found.facts.corroborated_by:
        if any(name in row["metrics"] for rows, _ in studies.values() for row in rows):
            blocks = collect(studies, name, made.latents)
            beside += [ranking(blocks)] if blocks.blocks else []
    return _corroborated(made, beside), found


def ranking(found: Blocks) -> Leaderboard:
    """Rank blocks as they are: over data sets, or over the seeds where there is one data set.

    Raises:
        ValueError: fewer than two latents, or no data set.
    """
    facts = found.facts
    left_out = f" (left out: {'; '.join(found.left_out)})" if found.left_out else ""
    if len(found.latents) < 2:
        raise ValueError(
            f"a leaderboard needs two latents or more that all data sets share, not "
            f"{len(found.latents)}{left_out}: name latents, or fewer folders"
        )
    if not found.blocks:
        raise ValueError(f"no data set can be ranked by {facts.label}{left_out}")
    if len(found.blocks) == 1:
        over, data, least = "seeds", found.blocks[0].data, MIN_SEEDS_VERDICT
        seeds, scores = found.blocks[0].seed_scores()
        names, num_seeds = tuple(map(str, seeds)), (1,) * len(seeds)
        if len(seeds) < 2:
            raise ValueError(f"the settings of {data} share {len(seeds)} seeds: too few to rank")
    else:
        over, data, least = "data sets", "", MIN_DATA_SETS_VERDICT
        names = tuple(block.data for block in found.blocks)
        scores = np.array([block.scores() for block in found.blocks])
        num_seeds = tuple(len(block.seeds) for block in found.blocks)
    doubled = doubled_ranks(scores)
    law = rank_law(doubled)
    means = doubled.mean(axis=0) / 2
    order = [int(place) for place in np.argsort(means, kind="stable")]
    min_blocks = max(least, least_blocks(len(order) * (len(order) - 1) // 2))
    test = friedman(doubled, law)
    made = Leaderboard(
        metric=facts.name,
        label=facts.label,
        unit=facts.unit,
        direction=facts.direction,
        constant_wins=facts.constant_wins,
        over=over,
        data=data,
        blocks=names,
        num_seeds=num_seeds,
        num_settings=tuple(len(block.settings) for block in found.blocks),
        num_dropped=sum(block.num_dropped for block in found.blocks),
        latents=tuple(found.latents[place] for place in order),
        mean_ranks=tuple(float(means[place]) for place in order),
        ranks=tuple(tuple(row) for row in (doubled[:, order] / 2).tolist()),
        friedman=test,
        critical_difference=law.critical_difference(ALPHA),
        nemenyi_difference=nemenyi_difference(len(order), len(names), ALPHA),
        min_blocks=min_blocks,
        pairs=(),
        cliques=(),
        left_out=found.left_out,
        sentences=(),
    )
    return _worded(replace(made, pairs=_pairs(made, found, scores, means, order)))


def _pairs(
    made: Leaderboard,
    found: Blocks,
    scores: np.ndarray,
    means: np.ndarray,
    order: Sequence[int],
) -> tuple[Pair, ...]:
    """Return all pairs with their tests, without sentences."""
    couples = list(itertools.combinations(order, 2))
    rounding = 1e-12 * np.abs(scores).max(axis=1)
    differences = [scores[:, b] - scores[:, a] for a, b in couples]
    differences = [np.where(np.abs(gaps) > rounding, gaps, 0.0) for gaps in differences]
    p_values = [signed_rank_p(gaps) for gaps in differences]
    numbers = zip(differences, p_values, holm(p_values), strict=True)
    pairs = []
    for (a, b), (gaps, p_value, p_holm) in zip(couples, numbers, strict=True):
        sizes = doubled_ranks(np.abs(gaps)[None])[0]
        if (np.sign(gaps) * sizes).sum() < 0:  # the signed ranks turn the order of the means
            a, b, gaps = b, a, -gaps
        if not made.has_verdict:
            code = "too few"
        elif any(block.is_of_unequal_sizes(a, b) for block in found.blocks):
            code = "unequal n"
        else:
            code = "better" if p_holm < ALPHA else "undecided"
        pairs.append(
            Pair(
                ahead=found.latents[a],
                behind=found.latents[b],
                wins=int((gaps > 0).sum()),
                losses=int((gaps < 0).sum()),
                ties=int((gaps == 0).sum()),
                rank_difference=float(means[b] - means[a]),
                p_value=p_value,
                p_holm=p_holm,
                code=code,
                sentence="",
            )
        )
    return tuple(pairs)


def _corroborated(made: Leaderboard, beside: Sequence[Leaderboard]) -> Leaderboard:
    """Return the leaderboard of a metric that a constant output would win."""
    claims = {
        (pair.ahead, pair.behind): other
        for other in beside
        for pair in other.pairs
        if pair.code == "better"
    }
    pairs = [
        replace(pair, code="uncorroborated")
        if pair.code == "better" and (pair.ahead, pair.behind) not in claims
        else pair
        for pair in made.pairs
    ]
    return _worded(replace(made, pairs=tuple(pairs)), claims)


def _worded(
    made: Leaderboard, claims: dict[tuple[str, str], Leaderboard] | None = None
) -> Leaderboard:
    """Return the leaderboard with its cliques and sentences."""
    pairs = tuple(
        replace(pair, sentence=pair_sentence(pair, made, claims or {})) for pair in made.pairs
    )
    apart = {frozenset((pair.ahead, pair.behind)) for pair in pairs if pair.code == "better"}
    cliques = cliques_of(made.latents, apart) if made.has_verdict else ()
    return replace(made, pairs=pairs, cliques=cliques, sentences=summary(made, pairs, cliques))
