"""Options of `qlat run` that flows have and nothing else, and the study that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from quantum_latents.recipes import Study

__all__ = ["FLOW_RECIPES", "FlowOptions", "check_flow_options", "moons_study"]

FLOW_RECIPES = ("moons",)
"""The recipes that train flows."""


@dataclass(frozen=True)
class FlowOptions:
    """What a flow does beside its sizes."""

    coupling: Literal["independent", "optimal_transport"] | None = None
    """moons: pairs of source and data: independent (by default), or optimal transport within each
    batch."""
    path: Literal["straight", "variance_preserving"] | None = None
    """moons: from source to data: straight (by default), or the variance-preserving diffusion path,
    for the gaussian latent alone."""
    embedding: Literal["zero_padding", "orthonormal"] | None = None
    """moons: how the narrower of latent and data comes into the other's space: orthonormal, a fixed
    random matrix (by default), or zero_padding."""
    dequantisation: Literal["none", "uniform", "gaussian"] | None = None
    """moons: noise added to every coordinate of z (none by default)."""
    jitter: float | None = None
    """moons: width of the uniform noise (1), or deviation of the gaussian (0.25), in units of z."""
    solver: Literal["euler", "midpoint", "dopri5"] | None = None
    """moons: of the flow's differential equation (midpoint by default); dopri5 is adaptive."""
    evaluations: int | None = None
    """moons: how often the velocity is evaluated for a sample (100; not with dopri5)."""


def check_flow_options(recipe: str, options: FlowOptions) -> None:
    """Refuse an option of flows on any other recipe.

    Raises:
        ValueError: as said.
    """
    if recipe in FLOW_RECIPES:
        return
    for name, value in vars(options).items():
        if value is not None:
            raise ValueError(
                f"--{name} belongs to {' and '.join(FLOW_RECIPES)}; {recipe} does not take it"
            )


def moons_study(
    preset: str, options: FlowOptions, data_sets: Sequence[str], settings: Mapping[str, Any]
) -> Study:
    """Return the study that a call of `qlat run moons` asks for.

    Args:
        preset: which.
        options: of its flow.
        data_sets: as named in the call; none takes the recipe's own.
        settings: what every recipe takes, see `recipes.moons`.

    Raises:
        ValueError: as `recipes.moons`.
    """
    from quantum_latents import recipes

    chosen = {"data_sets": data_sets} if data_sets else {}
    flow = recipes.FlowSettings(
        coupling=options.coupling,
        path=options.path,
        embedding=options.embedding,
        dequantisation=options.dequantisation,
        jitter=options.jitter,
        solver=options.solver,
        num_evaluations=options.evaluations,
    )
    return recipes.moons(preset, flow=flow, **chosen, **settings)
