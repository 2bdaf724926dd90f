"""From a spec and a seed to a latent, through a bank where one is asked for."""

from __future__ import annotations

from pathlib import Path

from quantum_latents.banks import BankRecipe, build_bank
from quantum_latents.circuits import Interferometer
from quantum_latents.circuits.occupation import evenly_spread
from quantum_latents.latents.kinds.bank import BankSpec, StoredSource
from quantum_latents.latents.kinds.learned import LearnedSpec
from quantum_latents.latents.kinds.photonic import PhotonicSpec
from quantum_latents.latents.latent import Latent
from quantum_latents.latents.sources import NoisyPhotonicSource, PhotonicSource, Source
from quantum_latents.latents.spec import LatentSpec
from quantum_latents.random import Stream, stream

__all__ = ["build_latent", "quantum_latent"]


def build_latent(spec: LatentSpec, seed: int, cache: Path) -> Latent:
    """Return the latent of a run.

    Args:
        spec: its settings.
        seed: the run's seed; interferometer and draws follow from it.
        cache: folder where banks of photon counts, and fits of learned latents, are kept and found
            again.

    Raises:
        ValueError: a named bank cannot be found, see `find_bank`; a rival that cannot exist for
            the interferometer of this seed, see `rival_source`; a learned latent whose fit is
            missing or damaged, see `read_fit`.
    """
    source = spec.source(seed, cache)
    if isinstance(source, StoredSource):
        assert isinstance(spec, BankSpec)
        assert spec.bank_size is not None
        # Every seed takes shots of its own, so that seeds share as few as the bank allows.
        order = stream(seed, "shots of a named bank").generator()
        shots = order.choice(len(source.bank), spec.bank_size + spec.num_held_out, replace=False)
        kept = source.bank.take(shots)
        return Latent(
            source,
            spec.scaling,
            stream(seed, "held-out latents", "bank"),
            bank=kept,
            bank_size=spec.bank_size,
            card=spec.card,
        )
    # Of a learned latent the source says what the fit of this seed learned.
    card = source.card if isinstance(spec, LearnedSpec) else spec.card
    shots = stream(seed, "latent bank", spec.name)
    held_out = stream(seed, "held-out latents", spec.name)
    if spec.bank_size is None:
        return Latent(source, spec.scaling, held_out, card=card)
    num_samples = spec.bank_size + spec.num_held_out
    bank = _bank(source, num_samples, shots, cache)
    return Latent(source, spec.scaling, held_out, bank=bank, bank_size=spec.bank_size, card=card)


def _bank(source: Source, num_samples: int, shots: Stream, cache: Path):
    if not isinstance(source, PhotonicSource | NoisyPhotonicSource):
        return source.draw(num_samples, shots)
    recipe = BankRecipe(
        interferometer=source.interferometer.recipe,
        occupation=source.occupation,
        statistics="boson" if isinstance(source, NoisyPhotonicSource) else source.statistics,
        num_samples=num_samples,
        stream=shots,
        noise=source.noise if isinstance(source, NoisyPhotonicSource) else None,
    )
    return build_bank(recipe, cache / recipe.digest).counts


def quantum_latent(
    dim: int,
    num_photons: int | None = None,
    *,
    interferometer: str | Interferometer = "haar",
    seed: int = 0,
    scaling: str = "centred",
) -> Latent:
    """Return a quantum latent that draws afresh: the drop-in for one's own generator.

    Args:
        dim: d_z, the number of modes.
        num_photons: n, spread evenly over the input modes; None is half the modes.
        interferometer: `haar`, `time-bin:1,3,9`, or one's own `Interferometer` of `dim` modes.
        seed: names the interferometer.
        scaling: `raw`, `centred`, `standardised` or `minus_half`, see `Scaling`.

    Raises:
        ValueError: photons and modes do not fit, or an unknown name.

    >>> from quantum_latents.random import stream
    >>> latent = quantum_latent(8, 4, scaling="raw")
    >>> latent.sample(2, stream(0, "z")).sum(dim=1)
    tensor([4., 4.])
    """
    num_photons = max(1, dim // 2) if num_photons is None else num_photons
    spec = PhotonicSpec(
        name="quantum",
        dim=dim,
        num_photons=num_photons,
        interferometer=interferometer if isinstance(interferometer, str) else "haar",
        sharing="shared",
        scaling=scaling,  # type: ignore[arg-type]
        bank_size=None,
        num_held_out=1,
    )
    held_out = stream(seed, "held-out latents", "quantum")
    if isinstance(interferometer, str):
        source = PhotonicSource(spec.interferometer_at(seed), spec.occupation, spec.statistics)
        return Latent(source, spec.scaling, held_out)
    if interferometer.num_modes != dim:
        raise ValueError(f"dim={dim} needs {dim} modes, not {interferometer.num_modes}")
    source = PhotonicSource(interferometer, evenly_spread(dim, num_photons), "boson")
    return Latent(source, spec.scaling, held_out)
