"""The sentences of a leaderboard: what its tests carry, and never more than that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from quantum_latents.results.verdicts import ALPHA
from quantum_latents.results.wording import p_text

if TYPE_CHECKING:
    from quantum_latents.results.leaderboard import Leaderboard, Pair

__all__ = ["pair_sentence", "summary"]


def pair_sentence(
    pair: Pair, made: Leaderboard, claims: Mapping[tuple[str, str], Leaderboard]
) -> str:
    """Return what is said of a pair.

    Args:
        pair: with its code.
        made: the leaderboard that it belongs to.
        claims: (ahead, behind) -> a two-sample leaderboard that tells them apart.
    """
    kind = "data sets" if made.over == "data sets" else "seeds"
    count = f"{pair.wins} of {len(made.blocks)} {kind}"
    ties = f", {pair.ties} ties" if pair.ties else ""
    numbers = f"Holm-adjusted p = {p_text(pair.p_holm)}"
    if pair.code == "better":
        agreeing = claims.get((pair.ahead, pair.behind))
        agrees = (
            f" A constant output would win {made.label}, but {agreeing.label} agrees."
            if agreeing
            else ""
        )
        return (
            f"{pair.ahead} is better than {pair.behind} by {made.label} on {count}{ties}, "
            f"{numbers}.{agrees}"
        )
    if pair.code == "too few":
        return (
            f"Too few {kind} for a verdict on {pair.ahead} against {pair.behind}: "
            f"{len(made.blocks)} of at least {made.min_blocks}."
        )
    if pair.code == "unequal n":
        return (
            f"No verdict on {pair.ahead} against {pair.behind}: the bias of {made.label} depends "
            "on the number of samples, and they had different ones."
        )
    if pair.code == "uncorroborated":
        return (
            f"No verdict on {pair.ahead} against {pair.behind}: a constant output would win "
            f"{made.label}, and no two-sample metric says the same ({count}, {numbers})."
        )
    return (
        f"{pair.ahead} and {pair.behind} are not told apart: {pair.ahead} scores better on "
        f"{count}{ties}, {numbers}."
    )


def summary(
    made: Leaderboard, pairs: Sequence[Pair], cliques: Sequence[Sequence[str]]
) -> tuple[str, ...]:
    """Return what the leaderboard says in a few sentences."""
    kind = "data sets" if made.over == "data sets" else "seeds"
    number = len(made.blocks)
    words = []
    if not made.has_verdict:
        words.append(
            f"Too few {kind} for a verdict: {number} of the at least {made.min_blocks} that "
            f"{len(made.latents)} latents need. The order of the mean ranks is that of these "
            f"{number}, nothing more."
        )
    else:
        law = "exact" if made.friedman.is_exact else "permutation"
        is_finite = made.friedman.f_statistic is not None
        approximate = f"; Iman and Davenport, p = {p_text(made.friedman.p_f)}" if is_finite else ""
        differ = "differ" if made.friedman.p_value < ALPHA else "do not differ clearly"
        words.append(
            f"The mean ranks of {len(made.latents)} latents {differ} over {made.scope} by "
            f"{made.label} (Friedman, {law} p = {p_text(made.friedman.p_value)}{approximate}). "
            f"{_difference_text(made)}"
        )
        words += _told_apart(made, pairs, kind)
        if alone := [f"{p.ahead} over {p.behind}" for p in pairs if p.code == "uncorroborated"]:
            words.append(
                f"No verdict on {', '.join(alone)}: a constant output would win {made.label}, and "
                "no two-sample metric says the same."
            )
        if not any(pair.code == "better" for pair in pairs):
            words.append("No pair of latents is told apart.")
        elif cliques:
            groups = "; ".join(", ".join(clique) for clique in cliques)
            words.append(f"Not told apart, which does not mean equal: {groups}.")
        if sized := [f"{p.ahead} and {p.behind}" for p in pairs if p.code == "unequal n"]:
            words.append(f"No verdict, computed from different numbers: {', '.join(sized)}.")
    if made.over == "seeds":
        words.append(f"This speaks of the {made.data} data alone: others may rank otherwise.")
    return tuple(words)


def _difference_text(made: Leaderboard) -> str:
    """Return the critical difference, and its approximation, in a sentence."""
    if made.critical_difference is None:
        return "No difference of mean ranks is rare enough to be critical."
    return (
        f"Critical difference of mean ranks: {made.critical_difference:.2f} (Nemenyi’s "
        f"approximation: {made.nemenyi_difference:.2f})."
    )


def _told_apart(made: Leaderboard, pairs: Sequence[Pair], kind: str) -> list[str]:
    """Return one sentence a latent that is better than others."""
    words, number = [], len(made.blocks)
    for latent in made.latents:
        over = [
            f"{pair.behind} (on {pair.wins} of {number} {kind}, p = {p_text(pair.p_holm)})"
            for pair in pairs
            if pair.code == "better" and pair.ahead == latent
        ]
        if over:
            words.append(f"{latent} is better than {', '.join(over)}; p are Holm-adjusted.")
    if words and made.constant_wins:
        words.append(
            f"A constant output would win {made.label}; of each of these pairs a two-sample metric "
            "says the same."
        )
    return words
