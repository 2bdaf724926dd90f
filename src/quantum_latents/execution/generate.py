"""Samples of a trained generator as a file, in a process that trained nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from quantum_latents.execution.machine import default_cache
from quantum_latents.random import Stream, stream

if TYPE_CHECKING:
    import torch

    from quantum_latents.training import RunSpec

__all__ = ["Generated", "draws_of", "find_run", "generate_file"]

_MOST_NAMED = 4


@dataclass(frozen=True, kw_only=True)
class Generated:
    """What was written.

    Attributes:
        run: the digest of the run.
        out: the file.
        num_samples: how many were generated.
        num_written: how many are in the file.
        num_valid: how many are valid molecules; None if nobody looked.
        latents: from which latents, in words.
        seed: of their draws.
    """

    run: str
    out: str
    num_samples: int
    num_written: int
    num_valid: int | None
    latents: str
    seed: int


def find_run(path: Path, prefix: str = "") -> Path:
    """Return the folder of a run.

    Args:
        path: the folder itself, such as ``DIR/runs/<digest>``, or a study's directory; the last
            name may also be the digest's first digits: ``DIR/<prefix>``, ``DIR/runs/<prefix>``.
        prefix: with a study's directory, the first digits of the run's digest.

    Raises:
        ValueError: there is no such run, or more than one.
    """
    if (path / "generator.safetensors").exists() and not prefix:
        return path
    asked = path
    if not path.exists() and not prefix:
        path, prefix = path.parent, path.name
    directory = path if path.name == "runs" else path / "runs"
    names = sorted(folder.parent.name for folder in directory.glob("*/generator.safetensors"))
    if not names:
        raise ValueError(
            f"no run at {asked}: give the folder of one (DIR/runs/<digest>), or a study's "
            "directory and the first digits of a run's digest"
        )
    matching = [name for name in names if name.startswith(prefix)]
    if len(matching) == 1:
        return directory / matching[0]
    shown = ", ".join((matching or names)[:_MOST_NAMED])
    more = len(matching or names) - _MOST_NAMED
    shown += f" and {more} more" if more > 0 else ""
    if not prefix:
        raise ValueError(f"{directory} holds {len(names)} runs ({shown}): add one's first digits")
    if matching:
        raise ValueError(
            f"{len(matching)} runs in {directory} begin with {prefix!r} ({shown}): give more digits"
        )
    raise ValueError(f"no run in {directory} begins with {prefix!r}; there are {shown}")


def draws_of(
    spec: RunSpec, num_samples: int, seed: int, cache: Path
) -> tuple[torch.Tensor, Stream]:
    """Return the latents that samples of a run's generator are made of, and their noise.

    Args:
        spec: of the run.
        num_samples: of samples; a diffusion takes several latents for each.
        seed: names the draws.
        cache: folder of banks and fits.
    """
    from quantum_latents.latents import BankSpec
    from quantum_latents.models import latents_per_sample
    from quantum_latents.training import latent_of_run

    latent, draws = spec.latent, stream(seed, "generate")
    if not isinstance(latent, BankSpec):
        latent = replace(latent, bank_size=None)
    num_latents = num_samples * latents_per_sample(spec.model)
    z = latent_of_run(latent, spec.seed, cache).sample(num_latents, draws)
    # All other noise, a diffusion's too: the stream has the name of what first needed one.
    return z, draws.child("dequantisation")


def generate_file(
    folder: Path,
    out: Path,
    *,
    num_samples: int,
    seed: int = 0,
    cache: Path | None = None,
    on_progress: Callable[[str], None] = lambda text: None,
) -> Generated:
    """Generate samples with the generator of a run and write them.

    The latents are drawn afresh from the run's own law (its interferometer, its scaling), also
    where training drew from a bank of it: row i depends on the run, `seed` and i alone (of flows
    and diffusions to rounding). A run on a named bank has no law to draw from: it takes shots of
    the bank, with replacement.

    Args:
        folder: of the run, see `find_run`.
        out: the file; its suffix says what is written, see `evaluation.export`.
        num_samples: how many to generate, at least 1.
        seed: names the draws.
        cache: folder of banks; None is `default_cache`.
        on_progress: called with what is being done.

    Raises:
        ValueError: a number or the suffix cannot be, the run diverged or its file is damaged.
        ImportError: molecules need RDKit.
    """
    from quantum_latents.evaluation.export import check_suffix, write_samples
    from quantum_latents.latents import BankSpec
    from quantum_latents.models import latents_per_sample
    from quantum_latents.training import load_generator

    if num_samples < 1:
        raise ValueError(f"--num-samples is at least 1, not {num_samples}")
    generator = load_generator(folder)
    spec = generator.spec
    check_suffix(out, generator.layout)
    num_latents = num_samples * latents_per_sample(spec.model)
    on_progress(f"drawing {num_latents:,} latents")
    is_bank = isinstance(spec.latent, BankSpec)
    whence = "shots, as training drew them, of the" if is_bank else "fresh draws of the"
    z, noise = draws_of(spec, num_samples, seed, cache or default_cache())
    on_progress(f"generating {num_samples:,} samples")
    samples = generator.generate(z, noise)
    on_progress(f"writing {out}")
    num_written, num_valid = write_samples(out, samples, generator.layout)
    return Generated(
        run=spec.digest,
        out=str(out),
        num_samples=num_samples,
        num_written=num_written,
        num_valid=num_valid,
        latents=(
            f"{whence} {spec.latent.name} latent of seed {spec.seed}, "
            f"stream 'generate' of seed {seed}"
        ),
        seed=seed,
    )
