"""Rank tests over blocks, by their permutation laws.

Notation: N blocks (data sets, or seeds of one), k treatments (latents), r_ij the rank of treatment
j in block i, 1 the best, ties sharing the mean of their ranks; R_j its mean over the blocks. If no
treatment differs from another in law, every arrangement of a block's ranks is equally likely
(Friedman, *The use of ranks to avoid the assumption of normality*, JASA 32, 1937). From that law,
enumerated where it is small enough and drawn from a fixed stream where it is not:

- Friedman's statistic, with its correction for ties,
      chi^2 = (k - 1) sum_j (sum_i r_ij - N (k + 1) / 2)^2 / sum_ij (r_ij - (k + 1) / 2)^2;
- the critical difference: the least c with P(max_j R_j - min_j R_j >= c) <= alpha. For many blocks
  it tends to Nemenyi's q_alpha sqrt(k (k + 1) / (6 N)), q_alpha the quantile of the studentised
  range over sqrt(2) (Demsar, *Statistical comparisons of classifiers over multiple data sets*,
  JMLR 7, 2006);
- for one pair, the signed ranks of its N differences, every sign equally likely (Wilcoxon 1945).

Beside the permutation p of chi^2 stands that of Iman and Davenport (1980),
F = (N - 1) chi^2 / (N (k - 1) - chi^2) with k - 1 and (k - 1)(N - 1) degrees. Ranks are kept
doubled, as whole numbers, so that no tie is decided by rounding. Treatments of which no pair is
told apart are a *clique*.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quantum_latents.random import stream

__all__ = [
    "NUM_ARRANGEMENTS",
    "Friedman",
    "RankLaw",
    "cliques_of",
    "doubled_ranks",
    "friedman",
    "nemenyi_difference",
    "rank_law",
    "signed_rank_p",
]

NUM_ARRANGEMENTS = 19_999
"""Arrangements drawn where they are too many to enumerate; their smallest p is 1 / 20,000."""

_MOST_STATES = 400_000
"""Sums of ranks times arrangements of a block up to which the law is enumerated."""


@dataclass(frozen=True, kw_only=True)
class Friedman:
    """Whether the treatments differ at all.

    Attributes:
        statistic: chi^2.
        f_statistic: F; None where it is infinite (every block has the same order).
        p_f: of F, an approximation for many blocks.
        p_value: of the permutation law.
        is_exact: whether that law was enumerated.
    """

    statistic: float
    f_statistic: float | None
    p_f: float
    p_value: float
    is_exact: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class RankLaw:
    """The law of the sums of ranks if no treatment differs.

    Attributes:
        sums: int64 (num_states, k), doubled, ascending in each state: the law is the same for
            every order of the treatments.
        weights: float64 (num_states,), their probabilities.
        extra: added to every tail: 0 if enumerated, else the observed arrangement itself
            (Phipson and Smyth 2010).
        num_blocks: N.
    """

    sums: np.ndarray
    weights: np.ndarray
    extra: float
    num_blocks: int

    @property
    def is_exact(self) -> bool:
        """Whether it was enumerated."""
        return self.extra == 0

    def p_spread(self, doubled: np.ndarray) -> float:
        """Return P(the sums are spread as widely as observed), Friedman's p.

        Args:
            doubled: int64 (N, k), from `doubled_ranks`.
        """
        centre = self.num_blocks * (doubled.shape[1] + 1)
        spread = ((self.sums - centre) ** 2).sum(axis=1)
        observed = ((doubled.sum(axis=0) - centre) ** 2).sum()
        return min(1.0, float(self.weights[spread >= observed].sum()) + self.extra)

    def critical_difference(self, alpha: float = 0.05) -> float | None:
        """Return c of the module's notation, None where no difference of mean ranks is so rare."""
        ranges = self.sums[:, -1] - self.sums[:, 0]
        values, place = np.unique(ranges, return_inverse=True)
        tails = np.bincount(place, self.weights)[::-1].cumsum()[::-1] + self.extra
        rare = values[tails <= alpha * (1 + 1e-9)]
        return float(rare[0]) / (2 * self.num_blocks) if len(rare) else None


def doubled_ranks(scores: np.ndarray) -> np.ndarray:
    """Return twice the rank of every score in its row, int64 (N, k), the least score first.

    Scores closer than rounding are tied.

    >>> doubled_ranks(np.array([[0.3, 0.1, 0.3], [1.0, 2.0, 3.0]])).tolist()
    [[5, 2, 5], [2, 4, 6]]
    """
    scores = np.asarray(scores, dtype=float)
    tolerance = 1e-12 * np.abs(scores).max(axis=1, initial=0)[:, None, None]
    gaps = scores[:, :, None] - scores[:, None, :]
    less, equal = (gaps > tolerance).sum(axis=2), (np.abs(gaps) <= tolerance).sum(axis=2)
    return 2 * less + equal + 1


def rank_law(doubled: np.ndarray) -> RankLaw:
    """Return the permutation law of the sums of these blocks' ranks.

    Args:
        doubled: int64 (N, k), from `doubled_ranks`; the law keeps each block's ties.

    >>> rank_law(np.array([[2, 4, 6]] * 3)).is_exact
    True
    """
    # The law knows neither the order of the blocks nor that of the treatments.
    return _law(tuple(sorted(map(tuple, np.sort(doubled, axis=1).tolist()))))


def friedman(doubled: np.ndarray, law: RankLaw) -> Friedman:
    """Return Friedman's test of the ranks, int64 (N, k), with their law.

    >>> ranks = np.array([[2, 4, 6]] * 3)
    >>> test = friedman(ranks, rank_law(ranks))
    >>> test.statistic, round(test.p_value, 4)
    (6.0, 0.0278)
    """
    from scipy.stats import f as f_law  # slow to import, and only reports need it

    ranks = np.asarray(doubled) / 2
    num_blocks, k = ranks.shape
    scatter = float(((ranks - (k + 1) / 2) ** 2).sum())
    between = float(((ranks.sum(axis=0) - num_blocks * (k + 1) / 2) ** 2).sum())
    statistic = (k - 1) * between / scatter if scatter else 0.0
    rest = num_blocks * (k - 1) - statistic
    value = (num_blocks - 1) * statistic / rest if rest > 1e-9 else None
    degrees = (k - 1, (k - 1) * (num_blocks - 1))
    p_f = 0.0 if value is None else float(f_law.sf(value, *degrees)) if degrees[1] else 1.0
    return Friedman(
        statistic=statistic,
        f_statistic=value,
        p_f=p_f,
        p_value=law.p_spread(doubled),
        is_exact=law.is_exact,
    )


def nemenyi_difference(num_treatments: int, num_blocks: int, alpha: float = 0.05) -> float:
    """Return Nemenyi's critical difference of mean ranks, an approximation for many blocks.

    >>> round(nemenyi_difference(4, 14), 2)  # Demsar 2006, section 3.2.4
    1.25
    """
    quantile = _studentised_range(num_treatments, alpha) / math.sqrt(2)
    return quantile * math.sqrt(num_treatments * (num_treatments + 1) / (6 * num_blocks))


def signed_rank_p(differences: Sequence[float] | np.ndarray) -> float:
    """Return the two-sided p of Wilcoxon's signed ranks, exact at any size, ties included.

    Differences of 0 are left out, as Wilcoxon did; all of them 0 have p = 1.

    >>> signed_rank_p([1, 2, 3, 4, 5, 6]) == 2 ** (1 - 6)
    True
    """
    values = np.asarray(differences, dtype=float)
    values = values[np.abs(values) > 1e-12 * np.abs(values).max(initial=0)]
    if not len(values):
        return 1.0
    ranks = doubled_ranks(np.abs(values)[None])[0]
    law = np.ones(1)
    for rank in ranks:
        longer = np.concatenate([law, np.zeros(rank)]) / 2
        longer[rank:] += law / 2
        law = longer
    observed = int(ranks[values > 0].sum())
    below, above = float(law[: observed + 1].sum()), float(law[observed:].sum())
    return min(1.0, 2 * min(below, above))


def cliques_of(names: Sequence[str], apart: set[frozenset[str]]) -> tuple[tuple[str, ...], ...]:
    """Return the maximal sets without a pair that is told apart (Bron and Kerbosch 1973).

    Without those of a single name; in the order of the names.

    >>> cliques_of("abc", {frozenset("ac")})
    (('a', 'b'), ('b', 'c'))
    """
    near = {
        name: {other for other in names if other != name and frozenset((name, other)) not in apart}
        for name in names
    }
    found: list[tuple[str, ...]] = []

    def grow(clique: set[str], candidates: set[str], done: set[str]) -> None:
        if not candidates and not done:
            found.append(tuple(name for name in names if name in clique))
            return
        pivot = max(sorted(candidates | done), key=lambda name: len(near[name] & candidates))
        for name in sorted(candidates - near[pivot]):
            grow(clique | {name}, candidates & near[name], done & near[name])
            candidates, done = candidates - {name}, done | {name}

    grow(set(), set(names), set())
    place = {name: number for number, name in enumerate(names)}
    return tuple(
        sorted((c for c in found if len(c) > 1), key=lambda c: [place[name] for name in c])
    )


@functools.cache
def _studentised_range(num_treatments: int, alpha: float) -> float:
    from scipy.stats import studentized_range  # slow to import, and slow

    return float(studentized_range.ppf(1 - alpha, num_treatments, np.inf))


@functools.lru_cache(maxsize=64)
def _law(blocks: tuple[tuple[int, ...], ...]) -> RankLaw:
    doubled = np.array(blocks, dtype=np.int64)
    law = _enumerated(doubled) or _drawn(doubled)
    law.sums.flags.writeable = law.weights.flags.writeable = False  # every caller has the same
    return law


def _enumerated(doubled: np.ndarray) -> RankLaw | None:
    """Return the whole law, block by block; None where it has too many states."""
    num_blocks, k = doubled.shape
    base = int(doubled.sum(axis=0).max(initial=0)) + 2 * num_blocks * k + 1
    if math.factorial(k) > _MOST_STATES or base**k >= 2**62:
        return None
    digits = base ** np.arange(k, dtype=np.int64)
    sums, weights = np.zeros((1, k), dtype=np.int64), np.ones(1)
    for block in doubled:
        arrangements = np.unique(np.array(list(itertools.permutations(block))), axis=0)
        if len(sums) * len(arrangements) > _MOST_STATES:
            return None
        longer = np.sort((sums[:, None] + arrangements[None]).reshape(-1, k), axis=1)
        _, first, place = np.unique(longer @ digits, return_index=True, return_inverse=True)
        weights = np.bincount(place, np.repeat(weights, len(arrangements)) / len(arrangements))
        sums = longer[first]
    return RankLaw(sums=sums, weights=weights, extra=0.0, num_blocks=num_blocks)


def _drawn(doubled: np.ndarray) -> RankLaw:
    num_blocks, k = doubled.shape

    def draw(generator: np.random.Generator, num_rows: int) -> np.ndarray:
        sums = np.zeros((num_rows, k), dtype=np.int64)
        for block in doubled:
            sums += generator.permuted(np.tile(block, (num_rows, 1)), axis=1)
        return np.sort(sums, axis=1)

    arrangements = stream(0, "results", "rank law", num_blocks, k)
    sums = arrangements.rows(0, NUM_ARRANGEMENTS, draw)
    share = 1 / (NUM_ARRANGEMENTS + 1)
    weights = np.full(NUM_ARRANGEMENTS, share)
    return RankLaw(sums=sums, weights=weights, extra=share, num_blocks=num_blocks)
