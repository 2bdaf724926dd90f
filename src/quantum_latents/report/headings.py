"""How a metric is named above a column, in a line and along an axis.

Notation: an *arrow* says which way is better.
"""

from __future__ import annotations

from quantum_latents.results import MetricFacts

__all__ = ["ARROWS", "arrowed", "axis_label"]

ARROWS = {"lower": "↓", "higher": "↑"}
"""How a column says which way is better."""


def arrowed(facts: MetricFacts) -> str:
    """Return a metric's label, unit and direction."""
    return f"{facts.heading} {ARROWS[facts.direction]}"


def axis_label(facts: MetricFacts) -> str:
    """Return what stands along an axis below the metric's name: its unit and direction."""
    return f"{facts.unit}   {ARROWS[facts.direction]} {facts.direction} is better".strip()
