"""What a certificate says of Theorem 1, hypothesis by hypothesis, in words.

Notation: C are the families of laws that a classical algorithm samples to within Wasserstein
distance eps in time polynomial in n and 1/eps; Q those that a quantum device samples and no
classical algorithm does (Bacarreza et al., arXiv 2508.19857, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from quantum_latents.circuits.occupation import evenly_spread
from quantum_latents.latents import (
    BankSpec,
    LatentSpec,
    NoisyPhotonicSpec,
    PhotonicSpec,
    interferometer_of,
)
from quantum_latents.theory.certificate import Certificate, MapCertificate
from quantum_latents.theory.simulability import simulabilities

__all__ = ["Hypothesis", "Statement", "state"]

Holds = Literal["holds", "does not hold", "undetermined"]
_OF_VERDICT: dict[str, Holds] = {
    "certified": "holds",
    "not certified": "does not hold",
    "undetermined": "undetermined",
}


@dataclass(frozen=True)
class Hypothesis:
    """One hypothesis of the theorem, whether it holds, and why."""

    name: str
    holds: Holds
    why: str


@dataclass(frozen=True)
class Statement:
    """The hypotheses, and what follows from them."""

    hypotheses: tuple[Hypothesis, ...]
    conclusion: str


def state(certificate: Certificate, latent: LatentSpec, seed: int) -> Statement:
    """Return what a certificate of a run says of Theorem 1.

    Args:
        certificate: of the run's generator.
        latent: the run's; only whether it is in Q matters here.
        seed: the run's, which names the latent's interferometer.
    """
    g = certificate.generator
    inverse = _OF_VERDICT[g.verdict]
    hypotheses = (
        Hypothesis("z is the generator's only randomness", "holds", "by construction"),
        Hypothesis("g has an inverse on its image", inverse, g.reason),
        Hypothesis("the inverse is cheap to compute", inverse, _cost(g)),
        Hypothesis("the inverse is Lipschitz", inverse, _constant(g)),
        _in_q(latent, seed),
        Hypothesis(
            "constants polynomial in n",
            "undetermined",
            "they are of a family of growing networks, and this is one network",
        ),
    )
    return Statement(hypotheses, _conclusion(certificate, hypotheses[4].holds))


def _cost(g: MapCertificate) -> str:
    if g.route is None:
        return "no inverse is known" if g.verdict == "undetermined" else "there is no inverse"
    sizes = [one.num_outputs * one.num_inputs for one in g.layers[g.route.end - 1 :]]
    return (
        f"{len(sizes)} triangular systems a sample, {2 * sum(sizes):,} multiplications, after one "
        "factorisation of each matrix"
    )


def _constant(g: MapCertificate) -> str:
    if g.verdict == "not certified":
        return "there is no inverse"
    found = f"Lip(g^-1) is at least {g.inverse_lipschitz_found:.3g}"
    if g.route is None:
        return f"no bound is known; if g has an inverse, {found}"
    return (
        f"Lip(g^-1) is at most {g.route.bound.value:.3g} (found: {g.inverse_lipschitz_found:.3g})"
    )


def _in_q(latent: LatentSpec, seed: int) -> Hypothesis:
    name = "the latent's law cannot be sampled classically"
    if isinstance(latent, BankSpec):
        return Hypothesis(name, "undetermined", "a bank of recorded shots: its law is not known")
    if not isinstance(latent, PhotonicSpec | NoisyPhotonicSpec):
        return Hypothesis(name, "does not hold", f"the {latent.name} latent is sampled classically")
    noisy = isinstance(latent, NoisyPhotonicSpec)
    reasons = simulabilities(
        interferometer_of(latent, seed).recipe,
        evenly_spread(latent.dim, latent.num_photons),
        interference=latent.interference if noisy else float(latent.name == "quantum"),
        transmission=latent.transmission if noisy else 1.0,
    )
    families = [one.claim for one in reasons if one.scope == "family"]
    if families:
        return Hypothesis(name, "does not hold", " ".join(families))
    conjecture = (
        "conjectured for n photons in about n^2 Haar-random modes, as n grows (Aaronson and "
        f"Arkhipov); here {latent.num_photons} photons in {latent.dim} modes."
    )
    return Hypothesis(name, "undetermined", " ".join([conjecture, *(one.claim for one in reasons)]))


def _conclusion(certificate: Certificate, in_q: Holds) -> str:
    g, features = certificate.generator, certificate.features
    if in_q == "does not hold":
        apply = "The latent's family is sampled classically, so Theorem 1 does not apply."
        if g.decoding == "argmax":
            return (
                f"{apply} Nor does Remark 1, as an argmax is not Lipschitz. What is generated can "
                "be sampled classically even so: no map takes two laws further apart in total "
                "variation."
            )
        return (
            f"{apply} Remark 1 does: what is generated can be sampled classically (Lip(g) is at "
            f"most {g.lipschitz.value:.3g})."
        )
    if g.verdict == "certified":
        return (
            "Within these constants sampling what is generated is as hard as sampling the latent: "
            "whoever samples one samples the other."
        )
    kept = (
        " For the features before the head it would be: they have a Lipschitz inverse."
        if features is not None and features.verdict == "certified"
        else ""
    )
    verb = "is not shown" if g.verdict == "undetermined" else "does not follow"
    return f"Hardness of what is generated {verb}: {g.reason}.{kept}"
