"""How the samples of a study's runs were made, where that is not one pass of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from quantum_latents.results import latents
from quantum_latents.results.wording import number_text

__all__ = ["sampling_note"]


def sampling_note(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return how often a network was evaluated for a sample; "" where no row says it.

    An adaptive solver's number is a mean over the runs of a latent, since it follows from each.

    >>> row = {"spec": {"latent": {"name": "gaussian"}}, "status": "finished",
    ...        "sampling": {"solver": "midpoint", "function_evaluations": 100}}
    >>> sampling_note([row])
    'Samples are solutions of a flow, by midpoint; function evaluations a sample: gaussian 100.'
    """
    told = [row for row in rows if row.get("sampling")]
    if not told:
        return ""
    solvers = sorted({row["sampling"]["solver"] for row in told})
    parts = []
    for name in latents(told):
        numbers = [
            row["sampling"]["function_evaluations"]
            for row in told
            if row["spec"]["latent"]["name"] == name
        ]
        same = len(set(numbers)) == 1
        mean = numbers[0] if same else number_text(sum(numbers) / len(numbers))
        parts.append(f"{name} {mean}{'' if same else ' on average'}")
    if solvers == ["denoising"]:
        return f"Samples are denoised step by step; evaluations a sample: {', '.join(parts)}."
    return (
        f"Samples are solutions of a flow, by {' and '.join(solvers)}; function evaluations a "
        f"sample: {', '.join(parts)}."
    )
