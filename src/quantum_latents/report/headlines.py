"""What a study says first: of each data set, a sentence on each primary metric.

A headline words nothing that its intervals do not carry: it only gathers the codes of
`quantum_latents.results.verdicts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from quantum_latents.report.sections import Section
from quantum_latents.results import MIN_SEEDS_VERDICT, Comparison

__all__ = ["headline", "headlined"]


def headline(comparisons: Sequence[Comparison]) -> str:
    """Return one sentence that gathers the verdicts of a family.

    >>> headline([])
    'There is no other latent to compare with.'
    """
    if not comparisons:
        return "There is no other latent to compare with."
    groups: dict[str, list[str]] = {}
    for comparison in comparisons:
        if comparison.verdict is None:
            raise ValueError(f"the comparison with {comparison.other!r} has no verdict: use family")
        groups.setdefault(comparison.verdict.code, []).append(comparison.other)
    fewest = min(comparison.num_seeds for comparison in comparisons)
    if groups.keys() == {"too few"}:
        return f"Too few seeds for a verdict: {fewest} of at least {MIN_SEEDS_VERDICT}."
    phrases = {
        "better": "better than",
        "worse": "worse than",
        "equivalent": "as good, within the declared margin, as",
        "undecided": "undecided against",
        "uncorroborated": "without a verdict (a constant output would win) against",
        "unequal n": "without a verdict (computed from different numbers of samples) against",
        "too few": "without a verdict (too few seeds) against",
    }
    parts = [
        f"{words} {_listed(groups[code])}" for code, words in phrases.items() if code in groups
    ]
    first = comparisons[0]
    return f"By {first.label}, {first.reference} is {'; '.join(parts)}."


def headlined(section: Section, study: Mapping[str, Any]) -> list[str]:
    """Return the study's primary metrics that this data set has.

    Where a study declares none it is the first metric; where these data have none of those that it
    declares, it is none: what was not declared gets no headline.
    """
    names = [facts.name for facts in section.metrics]
    if not study["primary_metrics"]:
        return names[:1]
    return [name for name in study["primary_metrics"] if name in names]


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
