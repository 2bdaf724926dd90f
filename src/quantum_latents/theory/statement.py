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
)
from quantum_latents.theory.certificate import Certificate, MapCertificate
from quantum_latents.theory.simulability import simulabilities
from quantum_latents.theory.support import Support

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


def state(certificate: Certificate, latent: LatentSpec, seed: int, support: Support) -> Statement:
    """Return what a certificate of a run says of Theorem 1.

    Args:
        certificate: of the run's generator.
        latent: the run's; only whether it is in Q matters here.
        seed: the run's, which names the latent's interferometer.
        support: what was seen of the generator on draws of the latent.
    """
    g = certificate.generator
    inverse, why = _has_inverse(g, support)
    hypotheses = (
        Hypothesis("z is the generator's only randomness", "holds", "by construction"),
        Hypothesis("g has an inverse on its image", inverse, why),
        Hypothesis("the inverse is cheap to compute", inverse, _cost(g, inverse)),
        Hypothesis("the inverse is Lipschitz", inverse, _constant(g, inverse)),
        _in_q(latent, seed),
        Hypothesis(
            "constants polynomial in n",
            "undetermined",
            "they are of a family of growing networks, and this is one network",
        ),
    )
    return Statement(hypotheses, _conclusion(certificate, inverse, why, hypotheses[4].holds))


def _has_inverse(g: MapCertificate, support: Support) -> tuple[Holds, str]:
    """Return whether g has an inverse on what it makes of the latent, and why."""
    if g.verdict == "certified":
        return "holds", g.reason
    if support.meets:
        seen = f"{support.num_latents:,} different draws gave {support.num_outputs:,} outputs"
        return "does not hold", f"{seen}; {g.reason}"
    if not support.is_discrete:
        return _OF_VERDICT[g.verdict], g.reason
    # What is shown on all of R^n says nothing of a finite set in it.
    return "undetermined", (
        f"not on all of R^{g.widths[0]} ({g.reason}); of the whole numbers that the latent takes, "
        f"{support.num_latents:,} different draws gave as many outputs"
        if g.verdict == "not certified"
        else g.reason
    )


def _cost(g: MapCertificate, inverse: Holds) -> str:
    if g.route is None:
        return "there is no inverse" if inverse == "does not hold" else "no inverse is known"
    sizes = [one.num_outputs * one.num_inputs for one in g.layers[g.route.end - 1 :]]
    return (
        f"{len(sizes)} triangular systems a sample, {2 * sum(sizes):,} multiplications, after one "
        "factorisation of each matrix"
    )


def _constant(g: MapCertificate, inverse: Holds) -> str:
    if inverse == "does not hold":
        return "there is no inverse"
    if g.verdict == "not certified":
        return "no bound is known"
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
        latent.interferometer_at(seed).recipe,
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


def _conclusion(certificate: Certificate, inverse: Holds, why: str, in_q: Holds) -> str:
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
    verb = "does not follow" if inverse == "does not hold" else "is not shown"
    return f"Hardness of what is generated {verb}: {why}.{kept}"
