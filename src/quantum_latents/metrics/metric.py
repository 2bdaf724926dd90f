"""What is declared of a metric beside its formula.

Notation: *facts* are a mapping from names to what a data set knows about itself, see
`quantum_latents.metrics.registry`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from quantum_latents.random import Stream

__all__ = ["Facts", "Metric", "declared"]

Facts = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What a table and a verdict must know about a metric.

    Attributes:
        name: the key in `METRICS`, in specs and in rows.
        label: the name in words, for a table's head or an axis.
        direction: which way is better, "lower" or "higher".
        compute: (generated, reference, facts, stream) -> value; call
            `quantum_latents.metrics.compute`, which checks the facts, instead.
        unit: the value's unit; "" for a pure number or a length in the data's own unit.
        constant_wins: whether some constant output, learned from nothing, reaches the best
            value. Such a metric gives no verdict alone.
        corroborated_by: two-sample metrics, one of which must agree where a constant wins.
        needs: the facts without which the metric is not defined.
        domain: what the samples are, "vectors" or "molecules".
    """

    name: str
    label: str
    direction: Literal["lower", "higher"]
    compute: Callable[[Any, Any, Facts, Stream], float] = field(repr=False, compare=False)
    unit: str = ""
    constant_wins: bool = False
    corroborated_by: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    domain: Literal["vectors", "molecules"] = "vectors"

    @property
    def declared(self) -> dict[str, Any]:
        """What a row says of the metric beside its value."""
        return {
            "direction": self.direction,
            "label": self.label,
            "unit": self.unit,
            "constant_wins": self.constant_wins,
            "corroborated_by": list(self.corroborated_by),
        }


def declared(
    name: str,
    label: str,
    direction: Literal["lower", "higher"],
    compute: Callable[[Any, Any, Facts, Stream], float],
    *,
    domain: Literal["vectors", "molecules"],
    two_sample: tuple[str, ...],
    unit: str = "",
    constant_wins: bool = False,
    needs: tuple[str, ...] = (),
) -> Metric:
    """Return a metric that those of two samples corroborate where a constant wins.

    Args:
        name: as in `Metric`.
        label: as in `Metric`.
        direction: as in `Metric`.
        compute: as in `Metric`.
        domain: as in `Metric`.
        two_sample: the domain's metrics of two samples.
        unit: as in `Metric`.
        constant_wins: as in `Metric`.
        needs: as in `Metric`.
    """
    return Metric(
        name=name,
        label=label,
        direction=direction,
        unit=unit,
        constant_wins=constant_wins,
        corroborated_by=two_sample if constant_wins else (),
        needs=needs,
        compute=compute,
        domain=domain,
    )
