"""Two latents compared by the seeds that they share.

Notation: d_1..d_n are the paired differences other - reference, one a seed; intervals and p are
those of `quantum_latents.results.sign_flip`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from quantum_latents.results.sign_flip import equivalence_p, typical_values
from quantum_latents.results.statistics import bca_interval, effect_size

if TYPE_CHECKING:
    from quantum_latents.results.selection import MetricFacts
    from quantum_latents.results.verdicts import Verdict

__all__ = ["Comparison", "paired_comparison"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One latent against the reference, by one metric on one data set, paired by seed.

    Attributes:
        data, metric, reference, other: names.
        label, unit, direction: of the metric; direction says which way is better.
        seeds: the paired seeds, ascending; `reference_values` and `other_values` follow them.
        num_dropped: seeds left out because one of the two runs diverged or has no value.
        num_unpaired: seeds of which only one of the two runs exists (an unfinished study).
        mean_difference: of other - reference; None without pairs.
        confidence: of both intervals.
        interval: by inversion of the exact sign-flip test; None where it would be infinite.
        bca_interval: by BCa bootstrap; None where it is not defined.
        p_value: two-sided sign-flip p; None without pairs.
        p_holm: `p_value` adjusted within the family; None outside a family.
        effect_size: Cohen's d_z; None where it is not defined.
        margin: declared margin of equivalence; None if none was declared.
        p_equivalence, p_equivalence_holm: of the two one-sided tests against the margin.
        constant_wins: whether a constant output would score best by this metric.
        corroborated_by: the two-sample metrics asked to agree in that case.
        reference_sizes, other_sizes: from how many samples the metric was computed, of each
            pair; empty where the rows do not say, as for most metrics it does not matter.
        verdict: what the numbers carry; None outside a family.
    """

    data: str = ""
    metric: str = ""
    reference: str = "reference"
    other: str = "other"
    label: str = ""
    unit: str = ""
    direction: Literal["lower", "higher"]
    seeds: tuple[int, ...]
    reference_values: tuple[float, ...]
    other_values: tuple[float, ...]
    num_dropped: int
    num_unpaired: int
    mean_difference: float | None
    confidence: float
    interval: tuple[float, float] | None
    bca_interval: tuple[float, float] | None
    p_value: float | None
    p_holm: float | None = None
    effect_size: float | None
    margin: float | None = None
    p_equivalence: float | None = None
    p_equivalence_holm: float | None = None
    constant_wins: bool = False
    corroborated_by: tuple[str, ...] = ()
    reference_sizes: tuple[int, ...] = ()
    other_sizes: tuple[int, ...] = ()
    verdict: Verdict | None = None

    @property
    def num_seeds(self) -> int:
        """Number of pairs, n."""
        return len(self.seeds)

    @property
    def is_of_unequal_sizes(self) -> bool:
        """Whether a pair was computed from different numbers of samples."""
        return self.reference_sizes != self.other_sizes

    @property
    def differences(self) -> tuple[float, ...]:
        """Other - reference, one a seed."""
        pairs = zip(self.other_values, self.reference_values, strict=True)
        return tuple(other - reference for other, reference in pairs)

    def named(self, facts: MetricFacts, data: str, reference: str, other: str) -> Comparison:
        """Return it with the names of what was compared, and what is known of the metric."""
        return replace(
            self,
            data=data,
            metric=facts.name,
            reference=reference,
            other=other,
            label=facts.label,
            unit=facts.unit,
            constant_wins=facts.constant_wins,
            corroborated_by=facts.corroborated_by,
        )


def paired_comparison(
    reference: Mapping[int, float | None],
    other: Mapping[int, float | None],
    direction: Literal["lower", "higher"],
    *,
    margin: float | None = None,
    confidence: float = 0.95,
) -> Comparison:
    """Compare two latents by the seeds they share.

    Args:
        reference: seed -> value; None for a run that diverged.
        other: the same for the other latent.
        direction: "lower" or "higher", whichever is better.
        margin: declared margin of equivalence, in the metric's unit.
        confidence: of the intervals.

    Returns:
        The comparison without names, adjustment or verdict: `family` fills those in.

    Raises:
        ValueError: the direction is unknown, a margin is not positive, or a value not finite.

    >>> comparison = paired_comparison({0: 1.0, 1: 1.1, 2: None}, {0: 1.5, 1: 1.4, 2: 1.2}, "lower")
    >>> comparison.seeds, round(comparison.mean_difference, 3), comparison.num_dropped
    ((0, 1), 0.4, 1)
    >>> comparison.p_value == 2 ** (1 - 2), comparison.interval
    (True, None)
    """
    if direction not in ("lower", "higher"):
        raise ValueError(f"a direction is 'lower' or 'higher', not {direction!r}")
    for name, values in (("reference", reference), ("other", other)):
        for seed, value in values.items():
            if value is not None and not math.isfinite(value):
                raise ValueError(
                    f"{name}, seed {seed}: {value!r} is not finite; give None for a diverged run"
                )
    diverged = {seed for values in (reference, other) for seed, v in values.items() if v is None}
    seeds = sorted((reference.keys() & other.keys()) - diverged)
    pairs = [(float(reference[seed] or 0.0), float(other[seed] or 0.0)) for seed in seeds]
    differences = np.array([b - a for a, b in pairs])
    typical = typical_values(differences) if seeds else None
    return Comparison(
        direction=direction,
        seeds=tuple(seeds),
        reference_values=tuple(a for a, _ in pairs),
        other_values=tuple(b for _, b in pairs),
        num_dropped=len(diverged),
        num_unpaired=len((reference.keys() ^ other.keys()) - diverged),
        mean_difference=float(differences.mean()) if seeds else None,
        confidence=confidence,
        interval=typical.interval(confidence) if typical else None,
        bca_interval=bca_interval(differences, confidence) if seeds else None,
        p_value=typical.p_two_sided() if typical else None,
        effect_size=effect_size(differences) if seeds else None,
        margin=margin,
        p_equivalence=equivalence_p(typical, margin) if typical and margin is not None else None,
    )
