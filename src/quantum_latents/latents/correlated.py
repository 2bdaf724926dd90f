"""Strongly correlated laws beside the quantum latent's: other quantum samplers, and Ising spins.

Notation: m coordinates, n the photons of the quantum latent of the same seed. Squeezed light enters
the interferometer of that latent in the same n modes, equally squeezed, and shots of exactly n
photons are kept. With S the input modes the state is made by pairs of the matrix
``B = U_S U_S^T``, whose square ``B B^*`` is the projector on the columns of S; so given any total
the mean of mode j is ``n / |S| sum_{k in S} |U_jk|**2``, the quantum latent's occupancy exactly.
"""

from __future__ import annotations

import math

import numpy as np

from quantum_latents.circuits import CommutingCircuit, Interferometer
from quantum_latents.latents.sharing import full
from quantum_latents.latents.sources import Card
from quantum_latents.random import Stream
from quantum_latents.samplers import CommutingSampler, IsingSampler, SqueezedSampler
from quantum_latents.samplers.ising import CRITICAL_TEMPERATURE, check_ising
from quantum_latents.samplers.occupation import Occupation, checked_occupation
from quantum_latents.samplers.squeezed import (
    check_squeezed,
    equal_squeezing,
    squeezed_total_law,
)

__all__ = [
    "COMMUTING_CARD",
    "SampledSource",
    "check_ising_latent",
    "check_squeezed_latent",
    "commuting_source",
    "ising_card",
    "ising_source",
    "squeezed_card",
    "squeezed_source",
]

COMMUTING_CARD = Card(
    "bit strings of a random commuting quantum circuit (IQP)",
    "being whole numbers from a quantum device; next to no correlations of few bits",
    "exponential in the qubits in general; up to 20 of them, one binary search a shot in the law "
    "written out",
    full("whole_numbers"),
)


class SampledSource:
    """A law by its sampler, which knows its exact moments.

    Args:
        sampler: draws rows and has `mean` and `covariance`.
        card: what the law is, in words.

    Attributes:
        dim: m.
        mean: exact, float64 (m,).
        variance: exact, float64 (m,).
        covariance: exact, float64 (m, m).
    """

    def __init__(
        self, sampler: SqueezedSampler | CommutingSampler | IsingSampler, card: Card
    ) -> None:
        self.sampler, self.card = sampler, card
        self.mean, self.covariance = sampler.mean, sampler.covariance
        self.dim = len(self.mean)
        self.variance = np.diag(self.covariance).copy()

    def draw(self, num_samples: int, stream: Stream) -> np.ndarray:
        """Return uint8 (num_samples, m)."""
        return self.sampler.sample(num_samples, stream)


def squeezed_card(num_photons: int) -> Card:
    """Return the card of squeezed light in n modes, kept where it has n photons.

    It names the share of the shots of a lossless device that is kept at the best squeezing,
    ``sinh(r)**2 = 1`` in every mode.

    >>> print(squeezed_card(8).simulation.split("; ")[-1])
    13.6 % of a lossless device's shots would be kept
    """
    squeezing = equal_squeezing((1,) * num_photons, num_photons)
    acceptance = squeezed_total_law(squeezing, num_photons)[num_photons]
    return Card(
        "Gaussian boson sampling: photon counts of squeezed vacua in the quantum latent's input "
        f"modes, post-selected on its {num_photons} photons",
        "interferometer, input modes, photon total and mean occupancy of every mode; variances "
        "and correlations are those of light that comes in pairs",
        "exponential in the photons in general (hafnians); at sizes written out, one binary search "
        f"a shot; {math.floor(1e3 * acceptance) / 10} % of a lossless device's shots would be kept",
        full("whole_numbers", "means", "total"),
    )


def ising_card(temperature: float) -> Card:
    """Return the card of Ising spins at a temperature in units of J/k_B."""
    return Card(
        f"spins of a periodic square Ising lattice at {temperature:.4g} J/k_B (critical: "
        f"{CRITICAL_TEMPERATURE:.4g})",
        "being whole numbers, and strong correlations of another law",
        "polynomial in the spins (planar lattices are solvable); here by transfer matrices, "
        "exponential in the side",
        full("whole_numbers"),
    )


def squeezed_source(interferometer: Interferometer, occupation: Occupation) -> SampledSource:
    """Return squeezed light beside a quantum latent, kept where it has as many photons.

    The squeezing, ``sinh(r)**2 = 1`` in every lit mode, makes that total the mean one; for equally
    squeezed modes the law given the total does not depend on it.

    Args:
        interferometer: the quantum latent's, m modes.
        occupation: its photons in each input mode, (m,), none or one.

    Raises:
        TypeError, ValueError: a bad occupation; an odd number of photons, or too many outcomes to
            write out (`check_squeezed_latent`).

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> from quantum_latents.samplers import mean_occupancy
    >>> device, occupation = haar(6, stream(0, "interferometer")), [1, 1, 0, 1, 1, 0]
    >>> source = squeezed_source(device, occupation)
    >>> bool(np.allclose(source.mean, mean_occupancy(device, occupation)))
    True
    """
    t = checked_occupation(occupation, interferometer.num_modes)
    n = sum(t)
    check_squeezed_latent(len(t), n)
    squeezing = equal_squeezing(t, n)
    sampler = SqueezedSampler(interferometer, squeezing, max_photons=n, min_photons=n)
    return SampledSource(sampler, squeezed_card(n))


def commuting_source(circuit: CommutingCircuit) -> SampledSource:
    """Return the bit strings of a commuting circuit.

    Raises:
        ValueError: more than 20 qubits.

    >>> source = commuting_source(CommutingCircuit(fields=(2, 2), couplings=(4,)))
    >>> source.variance.round(12).tolist()
    [0.25, 0.25]
    """
    return SampledSource(CommutingSampler(circuit), COMMUTING_CARD)


def ising_source(dim: int, temperature: float) -> SampledSource:
    """Return Ising spins on the square lattice of `dim` sites.

    Args:
        dim: the number of spins, a square number from 4 to 100.
        temperature: in units of J/k_B.

    Raises:
        TypeError, ValueError: as in `check_ising_latent`.

    >>> ising_source(9, 2.5).mean.tolist()
    [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    """
    check_ising_latent(dim, temperature)
    return SampledSource(IsingSampler(math.isqrt(dim), temperature), ising_card(temperature))


def check_squeezed_latent(dim: int, num_photons: int) -> None:
    """Refuse squeezed light that cannot stand beside the quantum latent.

    Raises:
        ValueError: an odd number of photons, or too many outcomes.

    >>> check_squeezed_latent(16, 8)
    """
    if num_photons % 2:
        raise ValueError(
            f"squeezed light makes photons in pairs: 'gbs' cannot have the quantum latent's "
            f"{num_photons} photons; take an even number, or leave it out of the latents"
        )
    check_squeezed(dim, num_photons, num_photons)


def check_ising_latent(dim: int, temperature: float) -> None:
    """Refuse lengths of z that are no square lattice.

    Raises:
        TypeError, ValueError: no square number, or as in `check_ising`.

    >>> check_ising_latent(16, 2.5)
    """
    side = math.isqrt(dim)
    if side * side != dim:
        raise ValueError(
            f"Ising spins lie on a square lattice: {dim} is no square number; take 4, 9, 16, 25, "
            "36, 49, 64, 81 or 100, or leave 'ising' out of the latents"
        )
    check_ising(side, temperature)
