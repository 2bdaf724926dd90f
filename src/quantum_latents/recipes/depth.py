"""Figure 1 of the paper: how many layers each latent needs to make a mixture without interpolation.

Source: arXiv 2508.19857, Figure 1 and Appendix C. A generator is a continuous map, so a latent in
one piece must pass between the blobs; more layers let it pass faster, and leave fewer points there.

*Depth* here is the number of hidden layers of the generator, as in the "2 x 256" of Figure 2: depth
h has h + 1 affine maps. The paper shows up to 7 layers and does not say which of the two it counts;
depths 1 to 8 hold its range either way. The critic is the same at every depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quantum_latents.models import GANSpec
from quantum_latents.recipes.banks import BANK_SOURCES
from quantum_latents.recipes.mixture import (
    MIXTURE_SOURCES,
    mixture_latents,
    mixture_network,
    mixture_run,
)
from quantum_latents.recipes.presets import ShrunkenGAN, size_of, stated
from quantum_latents.recipes.study import LATENTS, Axis, Study, length_of_z, reference_of
from quantum_latents.training import RunSpec

__all__ = ["DEPTHS", "depth"]

DEPTHS = (1, 2, 3, 4, 5, 6, 7, 8)
"""Hidden layers of the generator, in full."""

_DEPTHS = {"smoke": (1, 2, 4), "quick": (1, 2, 4, 8), "paper": DEPTHS}

_PRESETS = {
    "smoke": ShrunkenGAN(
        hidden=(64, 64), batch_size=32, num_steps=300, num_seeds=2, num_samples=1000,
        num_train=20_000, bank_size=20_000,
    ),
    "quick": ShrunkenGAN(
        hidden=(64, 64), batch_size=32, num_steps=2500, num_seeds=10, num_samples=2000,
        num_train=100_000, bank_size=100_000,
    ),
    "paper": ShrunkenGAN(
        hidden=(256, 256), batch_size=32, num_steps=5000, num_seeds=10, num_samples=10_000,
        num_train=1_000_000, bank_size=1_000_000,
    ),
}  # fmt: skip

_MARGINS = {"share_between": 0.02, "mode_coverage": 0.05}
"""How near to the data's own score the mixture is made: one point in fifty between the blobs, and
in the mean over the seeds a third of one of the seven blobs missing. Both must hold: a generator
that makes one blob alone has no point between."""

_SOURCES = {
    "model": "paper, Figure 1: the generator's depth is the factor of this study",
    "model.generator.hidden": (
        "paper, Figure 1: the factor, counted in hidden layers; their width from Figure 2"
    ),
    "model.critic.hidden": "paper, Figure 2: two layers; ours: the same at every depth",
    "seed": "ours: ten, the least that carries a verdict",
}


def depth(
    preset: str,
    *,
    num_seeds: int | None = None,
    latents: Sequence[str] = LATENTS,
    depths: Sequence[int] | None = None,
    latent_dim: int = 16,
    bank_size: int | None = None,
    bank_folders: Sequence[str] = (),
    cache: Path | None = None,
) -> Study:
    """Return the study behind Figure 1.

    Args:
        preset: `smoke`, `quick` or `paper`.
        num_seeds: None takes the preset's.
        latents: which of the four.
        depths: hidden layers of the generator, two or more different numbers; None takes the
            preset's.
        latent_dim: d_z, the modes of every latent; half as many photons.
        bank_size: kept draws of every latent; None takes the preset's.
        bank_folders: banks that are latents too.
        cache: where banks are found again; needed with `bank_folders`.

    Raises:
        TypeError: a depth is not a whole number.
        ValueError: an unknown preset or latent, no seed, a depth below 1, fewer than two, one
            named twice, fewer modes than the longest loop needs, or a bank that cannot be used or
            has another number of modes.
    """
    size = size_of(_PRESETS, preset, num_seeds=num_seeds, bank_size=bank_size)
    chosen = _checked(_DEPTHS[preset] if depths is None else depths)
    specs, banks = mixture_latents(latents, latent_dim, size, bank_folders, cache)
    critic, width = mixture_network(size.hidden), size.hidden[0]
    groups: dict[RunSpec, tuple[str, ...]] = {}
    for num_layers in chosen:
        model = GANSpec(generator=mixture_network((width,) * num_layers), critic=critic)
        for seed in range(size.num_seeds):
            for latent in (*specs, *banks):
                run = mixture_run(latent, model, size, seed)
                if run in groups:
                    raise ValueError("a run occurs twice in the study: name each latent once")
                groups[run] = (_group(num_layers),)
    changed, notes = stated(preset, size, _PRESETS["paper"])
    changed.pop("model.generator.hidden", None)
    other_length, length_note = length_of_z(latent_dim)
    return Study(
        name="depth",
        title="Figure 1: how many layers a latent needs",
        question=(
            "How many layers must a generator have, for each latent, before it makes seven blobs "
            "and no points between them?"
        ),
        preset=preset,
        runs=tuple(groups),
        primary_metrics=("share_between", "energy_distance"),
        equivalence_margins={"share_between": _MARGINS["share_between"]},
        notes=(*notes, *_depth_notes(chosen, width, size), *length_note),
        sources=MIXTURE_SOURCES
        | _SOURCES
        | changed
        | other_length
        | (BANK_SOURCES if banks else {}),
        reference=reference_of([*latents, *(bank.name for bank in banks)]),
        groups=tuple(groups.values()),
        axis=Axis(
            name="depth",
            label="hidden layers of the generator",
            of={_group(num_layers): float(num_layers) for num_layers in chosen},
            margins=_MARGINS,
        ),
    )


def _checked(depths: Sequence[int]) -> tuple[int, ...]:
    """Return the depths in ascending order, or say what is wrong with them."""
    if odd := [d for d in depths if isinstance(d, bool) or not isinstance(d, int)]:
        raise TypeError(f"a depth is a whole number of hidden layers, not {odd[0]!r}")
    if few := [d for d in depths if d < 1]:
        raise ValueError(f"a generator has one hidden layer or more, not {few[0]}")
    if len(set(depths)) != len(depths):
        raise ValueError(f"a depth is named twice: {tuple(depths)}")
    if len(depths) < 2:
        raise ValueError(
            f"depths are two numbers of hidden layers or more, such as 1,2,4, not {tuple(depths)}"
        )
    return tuple(sorted(depths))


def _group(num_layers: int) -> str:
    return f"depth {num_layers}"


def _depth_notes(chosen: tuple[int, ...], width: int, size: ShrunkenGAN) -> tuple[str, ...]:
    """Return what a reader must know of the depths."""
    critic = " x ".join([str(len(size.hidden)), str(width)])
    notes = (
        f"Depth h is a generator of h hidden layers of {width}, so of h + 1 affine maps; the "
        "paper shows up to 7 layers and does not say which of the two it counts. The critic is "
        f"{critic} at every depth.",
    )
    if chosen == DEPTHS:
        return notes
    here, full = ", ".join(map(str, chosen)), f"{DEPTHS[0]} to {DEPTHS[-1]}"
    return (*notes, f"Depths {here} alone (in full {full}): what lies between them is not seen.")
