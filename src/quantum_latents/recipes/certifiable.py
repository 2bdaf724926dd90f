"""A study whose generators can be certified: their layers widen to the end.

Notation: d_z numbers of z, d_x of a sample, L hidden layers. Theorem 1 needs an inverse, and a
layer can be undone if it is as wide as the one before it and its slopes are positive. So the
widths grow evenly from d_z to d_x, which is narrow where data are: that is the price, and the same
study with and without says what it is.
"""

from __future__ import annotations

from dataclasses import replace

from quantum_latents.data.width import width_of
from quantum_latents.models import GANSpec, MLPSpec
from quantum_latents.recipes.study import Study
from quantum_latents.training import RunSpec

__all__ = ["certifiable_widths", "with_certifiable_generators"]

_SLOPE = 0.2
"""Of LeakyReLU. An inverse is stretched by its reciprocal at every layer, so not 0.01."""

_GAIN = (2 / (1 + _SLOPE**2)) ** 0.5
"""Keeps the mean square of activations as it is (He et al. 2015, for this slope)."""


def certifiable_widths(latent_dim: int, data_dim: int, num_hidden: int) -> tuple[int, ...]:
    """Return hidden widths that grow evenly from d_z to d_x.

    Raises:
        ValueError: d_x < d_z, where no continuous map is injective.

    >>> certifiable_widths(16, 64, 2)
    (32, 48)
    """
    if data_dim < latent_dim:
        raise ValueError(
            f"no generator of {latent_dim} latents can be certified for samples of {data_dim} "
            f"numbers (no continuous map to fewer numbers is injective): use --latent-dim "
            f"{data_dim} or less"
        )
    grown = data_dim - latent_dim
    return tuple(
        latent_dim + grown * place // (num_hidden + 1) for place in range(1, num_hidden + 1)
    )


def with_certifiable_generators(study: Study) -> Study:
    """Return the study with generators that widen to the end; critics and all else stay.

    Raises:
        ValueError: molecules, which end in an argmax, or samples of fewer numbers than z.
    """
    models = [_certifiable(run) for run in study.runs]
    runs = tuple(replace(run, model=m) for run, m in zip(study.runs, models, strict=True))
    widths = sorted({model.generator.hidden for model in models})
    before = [run.model for run in study.runs if isinstance(run.model, GANSpec)]
    usual = sorted({model.generator.hidden for model in before})
    note = (
        f"Certifiable generators: hidden widths {_listed(widths)} instead of {_listed(usual)}, "
        f"LeakyReLU of slope {_SLOPE}, orthogonal weights: every layer has an inverse (Theorem 1)."
    )
    source = "asked for on the command line: certifiable"
    sources = {**study.sources, "model.generator": source}
    sources |= {
        key: source
        for key in study.sources
        if key.startswith("model.generator.") and not key.endswith(".trainable_input_affine")
    }
    return replace(study, runs=runs, notes=(*study.notes, note), sources=sources, paper=None)


def _certifiable(run: RunSpec) -> GANSpec:
    if not isinstance(run.model, GANSpec):
        raise ValueError(
            f"{run.data.name}: generators of molecules end in an argmax, which no certificate "
            "passes: leave --certifiable out"
        )
    widths = certifiable_widths(
        run.latent.dim,
        width_of(run.data),
        len(run.model.generator.hidden),
    )
    generator = MLPSpec(
        hidden=widths,
        activation="leaky_relu",
        negative_slope=_SLOPE,
        initialisation="orthogonal",
        gain=_GAIN,
        non_decreasing=True,
        trainable_input_affine=run.model.generator.trainable_input_affine,
    )
    return replace(run.model, generator=generator)


def _listed(widths: list[tuple[int, ...]]) -> str:
    return " or ".join("/".join(str(width) for width in one) for one in widths)
