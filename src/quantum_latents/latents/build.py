"""From a spec and a seed to a latent, through a bank where one is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from quantum_latents.banks import BankRecipe, build_bank
from quantum_latents.circuits import (
    Interferometer,
    interferometer_of_seed,
    random_commuting_circuit,
)
from quantum_latents.circuits.occupation import evenly_spread
from quantum_latents.latents.correlated import (
    COMMUTING_CARD,
    commuting_source,
    ising_card,
    ising_source,
    squeezed_card,
    squeezed_source,
)
from quantum_latents.latents.fitted import learned_card, learned_source
from quantum_latents.latents.latent import Latent
from quantum_latents.latents.priors import PRIOR_CARDS, prior_source
from quantum_latents.latents.rivals import RIVAL_CARDS, rival_source
from quantum_latents.latents.sharing import full
from quantum_latents.latents.sources import (
    LEARNED_PRIOR_CARD,
    PHOTONIC_CARDS,
    BernoulliSource,
    Card,
    GaussianSource,
    NoisyPhotonicSource,
    PhotonicSource,
    Source,
    noisy_card,
)
from quantum_latents.latents.specs import (
    BankSpec,
    BernoulliSpec,
    CommutingSpec,
    GaussianSpec,
    IsingSpinsSpec,
    LatentSpec,
    LearnedPriorSpec,
    LearnedSpec,
    NoisyPhotonicSpec,
    PhotonicSpec,
    PriorSpec,
    RivalSpec,
    SqueezedSpec,
)
from quantum_latents.latents.stored import StoredSource, find_bank, stored_card
from quantum_latents.random import Stream, stream
from quantum_latents.samplers import Noise
from quantum_latents.samplers.probabilities import Statistics

__all__ = ["build_latent", "card_of", "interferometer_of", "quantum_latent"]


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
            missing or damaged, see `learned_source`.
    """
    if isinstance(spec, BankSpec):
        stored = StoredSource(find_bank(spec, cache))
        assert spec.bank_size is not None
        # Every seed takes shots of its own, so that seeds share as few as the bank allows.
        order = stream(seed, "shots of a named bank").generator()
        shots = order.choice(len(stored.bank), spec.bank_size + spec.num_held_out, replace=False)
        kept = stored.bank.take(shots)
        return Latent(
            stored,
            spec.scaling,
            stream(seed, "held-out latents", "bank"),
            bank=kept,
            bank_size=spec.bank_size,
            card=card_of(spec),
        )
    if isinstance(spec, LearnedSpec):
        source = learned_source(spec, interferometer_of(spec, seed), seed, cache)
        card = source.card
    else:
        source, card = _source(spec, seed), card_of(spec)
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


def _source(spec: LatentSpec, seed: int) -> Source:
    assert not isinstance(spec, BankSpec | LearnedSpec)
    # What a learned prior adds to the normals is the generator's.
    if isinstance(spec, GaussianSpec | LearnedPriorSpec):
        return GaussianSource(spec.dim)
    if isinstance(spec, BernoulliSpec):
        return BernoulliSource(spec.dim)
    if isinstance(spec, PriorSpec):
        return prior_source(spec.name, spec.dim, spec.parameter)
    if isinstance(spec, CommutingSpec):
        return commuting_source(random_commuting_circuit(spec.dim, stream(seed, "circuit")))
    if isinstance(spec, IsingSpinsSpec):
        return ising_source(spec.dim, spec.temperature)
    occupation = evenly_spread(spec.dim, spec.num_photons)
    device = interferometer_of(spec, seed)
    if isinstance(spec, RivalSpec):
        return rival_source(spec.name, device, occupation)
    if isinstance(spec, SqueezedSpec):
        return squeezed_source(device, occupation)
    if isinstance(spec, NoisyPhotonicSpec):
        return NoisyPhotonicSource(device, occupation, _noise(spec))
    return PhotonicSource(device, occupation, _statistics(spec))


def _noise(spec: NoisyPhotonicSpec) -> Noise:
    return Noise(interference=spec.interference, input_transmission=spec.transmission)


def _statistics(spec: PhotonicSpec) -> Statistics:
    return "boson" if spec.name == "quantum" else "distinguishable"


def card_of(spec: LatentSpec) -> Card:
    """Return what a latent is, what it shares with the quantum one, and what it costs.

    >>> spec = GaussianSpec(dim=16, scaling="raw", bank_size=None, num_held_out=1)
    >>> card_of(spec).shares
    'nothing but its length'
    """
    if isinstance(spec, GaussianSpec):
        return GaussianSource.card
    if isinstance(spec, BernoulliSpec):
        return BernoulliSource.card
    if isinstance(spec, BankSpec):
        return stored_card(spec.name.removeprefix("bank:"))
    if isinstance(spec, NoisyPhotonicSpec):
        return noisy_card(_noise(spec))
    if isinstance(spec, RivalSpec):
        return RIVAL_CARDS[spec.name]
    if isinstance(spec, PriorSpec):
        return PRIOR_CARDS[spec.name]
    if isinstance(spec, SqueezedSpec):
        return squeezed_card(spec.num_photons)
    if isinstance(spec, CommutingSpec):
        return COMMUTING_CARD
    if isinstance(spec, IsingSpinsSpec):
        return ising_card(spec.temperature)
    if isinstance(spec, LearnedSpec):
        return learned_card(spec)
    if isinstance(spec, LearnedPriorSpec):
        return LEARNED_PRIOR_CARD
    card = PHOTONIC_CARDS[_statistics(spec)]
    if spec.name == "distinguishable" and spec.sharing == "independent":
        return replace(
            card,
            shares="photon total, and the law its interferometer is drawn from",
            sharing=full("whole_numbers", "total"),
        )
    return card


def interferometer_of(
    spec: PhotonicSpec | NoisyPhotonicSpec | RivalSpec | SqueezedSpec | LearnedSpec, seed: int
) -> Interferometer:
    """Return the interferometer of a photonic latent at a seed; of a rival, the quantum one's."""
    owner = spec.name if isinstance(spec, PhotonicSpec) else "quantum"
    alone = () if spec.sharing == "shared" else (owner,)
    return interferometer_of_seed(spec.interferometer, spec.dim, seed, *alone)


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
        return Latent(_source(spec, seed), spec.scaling, held_out)
    if interferometer.num_modes != dim:
        raise ValueError(f"dim={dim} needs {dim} modes, not {interferometer.num_modes}")
    source = PhotonicSource(interferometer, evenly_spread(dim, num_photons), "boson")
    return Latent(source, spec.scaling, held_out)
