"""Presets: the paper's sizes, and shrunken ones that say that they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

__all__ = ["PRESETS", "ShrunkenGAN", "size_of", "stated"]

PRESETS = ("smoke", "quick", "paper")


@dataclass(frozen=True, kw_only=True)
class ShrunkenGAN:
    """The sizes in which the presets of a recipe differ; all else is the paper's.

    Attributes:
        hidden: hidden widths of generator and critic.
        batch_size, num_steps: of training.
        num_seeds: runs of each latent and data set.
        num_samples: generated, and held out, for the metrics.
        num_train: samples of the data to train on.
        bank_size: kept draws of every latent.
    """

    hidden: tuple[int, ...]
    batch_size: int
    num_steps: int
    num_seeds: int
    num_samples: int
    num_train: int
    bank_size: int | None


_SETTINGS = {
    "hidden": ("model.generator.hidden", "model.critic.hidden"),
    "batch_size": ("training.batch_size",),
    "num_steps": ("training.num_steps",),
    "num_seeds": ("seed",),
    "num_samples": ("evaluation.num_samples", "data.num_held_out", "latent.num_held_out"),
    "num_train": ("data.num_train",),
    "bank_size": ("latent.bank_size",),
}


_Size = TypeVar("_Size")


def size_of(sizes: Mapping[str, _Size], preset: str, **asked: Any) -> _Size:
    """Return a preset's sizes.

    Args:
        sizes: of every preset, dataclasses.
        preset: which.
        asked: fields to set instead; None leaves the preset's.

    Raises:
        ValueError: there is no such preset.
    """
    if preset not in sizes:
        raise ValueError(f"no preset is called {preset!r}: choose among {', '.join(sizes)}")
    size: Any = sizes[preset]
    return replace(size, **{name: value for name, value in asked.items() if value is not None})


def stated(
    preset: str,
    size: Any,
    full: Any,
    settings: Mapping[str, tuple[str, ...]] | None = None,
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the sources of what differs from the full preset, and a note that says it in words.

    Args:
        preset: its name.
        size: the study's final sizes, after what the user or the data asked for.
        full: those of the full preset.
        settings: for each field, the settings that it decides; None is as for every GAN.
    """
    sources, parts = {}, []
    decided_by = _SETTINGS if settings is None else settings
    for field in fields(size):
        here, there = getattr(size, field.name), getattr(full, field.name)
        if here != there:
            for setting in decided_by[field.name]:
                sources[setting] = f"ours: {here}, in full {there}"
            parts.append(f"{field.name} {here} (in full {there})")
    if not parts:
        return {}, ()
    if preset == "paper":
        return sources, (f"Of the full preset's sizes this study changes: {'; '.join(parts)}.",)
    note = (
        f"Preset {preset!r} is shrunken so that it ends soon: {'; '.join(parts)}. What it shows "
        "holds for this small model and budget, not for the paper's."
    )
    return sources, (note,)
