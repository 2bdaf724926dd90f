"""What follows from the rows of a GPU's sampler, and how it is told."""

from __future__ import annotations

from typing import Any

__all__ = ["GOAL_SECONDS", "GOAL_SHOTS", "differing_shots", "gpu_markdown", "gpu_summary"]

GOAL_SHOTS, GOAL_SECONDS = 1_000_000, 60.0
"""Wanted: so many shots of the largest system within so long."""


def gpu_summary(measurement: dict[str, Any]) -> dict[str, Any]:
    """Return what follows from the rows, as JSON values.

    Keys: `ratios`, of the GPU to all cores of its machine, for every system and precision; `goal`,
    the seconds of `GOAL_SHOTS` shots, None where they were left out; `differing_shots`, see there.
    """
    rows = measurement["rows"]
    return {
        "ratios": [
            {
                "photons": row["photons"],
                "modes": row["modes"],
                "precision": row["precision"],
                "ratio": row["per_second"] / row["cores_per_second"],
                "share_of_peak": row["share_of_peak"],
            }
            for row in _rates(measurement)
        ],
        "goal": next(
            (
                {**row, "goal": GOAL_SECONDS if row["shots"] == GOAL_SHOTS else None}
                for row in rows
                if row["what"] == "goal"
            ),
            None,
        ),
        "differing_shots": differing_shots(measurement),
    }


def differing_shots(measurement: dict[str, Any]) -> int:
    """Return how many shots in float64 were not those of the cores: 0, or the kernel is wrong."""
    exact = [row for row in _rates(measurement) if row["precision"] == "float64"]
    return sum(row["differing_shots"] for row in exact)


def gpu_markdown(measurement: dict[str, Any]) -> str:
    """Return the rows as a table, and what they say of the goal."""
    machine, told = measurement["machine"], gpu_summary(measurement)
    lines = [
        f"{measurement['gpu']} beside {machine['cores']} cores of {machine['processor']}.",
        "",
        "| photons, modes | precision | shots/s | share of the peak | cores, float64 | ratio | "
        "differing shots |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row, ratio in zip(_rates(measurement), told["ratios"], strict=True):
        lines.append(
            f"| ({row['photons']}, {row['modes']}) | {row['precision']} "
            f"| {row['per_second']:,.3g} | {row['share_of_peak']:.0%} "
            f"| {row['cores_per_second']:,.3g} | {ratio['ratio']:.3g} "
            f"| {row['differing_shots']:,} of {row['compared_shots']:,} |"
        )
    if (row := told["goal"]) is not None:
        goal = "" if row["goal"] is None else f" (goal: under {row['goal']:g} s)"
        lines += [
            "",
            f"{row['shots']:,} shots of {row['photons']} photons in {row['modes']} modes: "
            f"{row['wall_seconds']:.1f} s{goal}.",
        ]
    return "\n".join(lines) + "\n"


def _rates(measurement: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in measurement["rows"] if row["what"] == "rate"]
