"""Metrics of molecules: counts, the Fréchet ChemNet distance, histograms and similarities.

Notation: a generator's N draws hold V valid ones (strictly, see
`quantum_latents.molecules.valence`), and these U distinct molecules, each with its multiplicity.
Invalid draws stay in N, and nothing is drawn again. Distances but the two `fcd_unique` are of the
distribution that is drawn from: multiplicities count.

- The *total variation* of two histograms of shares p and q is sum_k |p_k - q_k| / 2.
- Rings and functional groups are not exclusive: of each, the share of molecules that have it is
  compared, and |p_k - q_k|, the total variation of having and not having it, is averaged.
- QED, SA and logP are compared by the Wasserstein-1 distance, in their own unit.
- FCD depends on how many molecules it is computed from, by about 1 / n: compare it at equal n.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from quantum_latents.metrics.frechet import Moments, frechet_distance, moments
from quantum_latents.metrics.tanimoto import mean_pairwise_tanimoto, nearest_tanimoto

__all__ = [
    "FEWEST_FOR_FCD",
    "MOLECULE_METRICS",
    "PROPERTIES",
    "MoleculeSet",
    "NotDefined",
    "fcd_unique",
    "fcd_valid",
    "internal_diversity",
    "mean_total_variation",
    "nearest_similarity",
    "num_compared",
    "num_novel",
    "property_distance",
    "total_variation",
]

MOLECULE_METRICS = (
    "valid_and_unique",
    "novel",
    "fcd_unique",
    "fcd_valid",
    "fcd_unique_2522",
    "fcd_unique_1000",
    "validity",
    "molgan_validity",
    "uniqueness",
    "bond_type_distance",
    "atom_type_distance",
    "ring_distance",
    "functional_group_distance",
    "qed_distance",
    "sa_distance",
    "logp_distance",
    "nearest_similarity",
    "internal_diversity",
)
"""The metrics of a data set of molecules, in the order of its tables."""

FEWEST_FOR_FCD = 513
"""With fewer, the covariance of 512 activations is rank-deficient."""

PROPERTIES = ("qed", "sa", "logp")


class NotDefined(ValueError):
    """A metric has no value for these samples; the message says why."""


@dataclass(frozen=True, eq=False)
class MoleculeSet:
    """What the metrics see of N draws.

    Attributes:
        num_draws: N, valid or not.
        num_loosely_valid: draws that are valid in MolGAN's looser sense.
        smiles: canonical SMILES of the U distinct valid molecules.
        first: int64 (U,), the draw at which each first appears.
        multiplicities: int64 (U,), how many draws each is; they sum to V.
        atoms: int64 (U, E), atoms of each element.
        bonds: int64 (U, 3), single, double and triple bonds.
        rings: bool (U, 8), see `quantum_latents.molecules.descriptors`.
        functional_groups: bool (U, 19), see there.
        first_multiplicities: int64 (U,), how many of the first valid draws each is: properties and
            similarities, which take long, are compared over a few thousand (evaluation says how
            many).
        properties: float64 (U, 3), QED, SA and logP; only read where the former is not 0.
        fingerprints: uint8 (U, 256), packed.
        activations: float32 (U, 512) of ChemNet; None if they were not computed.
    """

    num_draws: int
    num_loosely_valid: int
    smiles: tuple[str, ...]
    first: np.ndarray
    multiplicities: np.ndarray
    atoms: np.ndarray
    bonds: np.ndarray
    rings: np.ndarray
    functional_groups: np.ndarray
    first_multiplicities: np.ndarray
    properties: np.ndarray
    fingerprints: np.ndarray
    activations: np.ndarray | None = None

    @property
    def num_unique(self) -> int:
        """U."""
        return len(self.smiles)

    @property
    def num_valid(self) -> int:
        """V."""
        return int(self.multiplicities.sum())

    def shares(self, kind: str) -> np.ndarray:
        """Return shares over the valid draws: of all `atoms` or `bonds`, by type; of the draws
        that have each of the `rings` or `functional_groups`.

        Raises:
            NotDefined: there is nothing to take shares of.
        """
        if self.num_valid == 0:
            raise NotDefined("no valid molecule")
        counts = self.multiplicities @ getattr(self, kind).astype(np.float64)
        if kind not in ("atoms", "bonds"):
            return counts / self.num_valid
        if counts.sum() == 0:
            raise NotDefined(f"no {kind} in any valid molecule")
        return counts / counts.sum()


def total_variation(p: np.ndarray, q: np.ndarray) -> float:
    """Return sum_k |p_k - q_k| / 2 of two histograms of shares: 0 equal, 1 disjoint.

    >>> total_variation(np.array([0.5, 0.5]), np.array([1.0, 0.0]))
    0.5
    """
    return float(np.abs(p - q).sum() / 2)


def mean_total_variation(p: np.ndarray, q: np.ndarray) -> float:
    """Return mean_k |p_k - q_k|, for shares of molecules that have each of several features.

    >>> mean_total_variation(np.array([0.5, 1.0]), np.array([1.0, 1.0]))
    0.25
    """
    return float(np.abs(p - q).mean())


def property_distance(generated: MoleculeSet, reference: MoleculeSet, name: str) -> float:
    """Return the Wasserstein-1 distance of a property's distributions, in the property's unit.

    Args:
        generated: the set.
        reference: what it is compared with.
        name: one of `PROPERTIES`.

    Raises:
        NotDefined: a set has no valid molecule.
    """
    from scipy.stats import wasserstein_distance  # half a second to load

    column = PROPERTIES.index(name)
    values, weights = [], []
    for molecules in (generated, reference):
        counted = molecules.first_multiplicities > 0
        if not counted.any():
            raise NotDefined("no valid molecule")
        values.append(molecules.properties[counted, column])
        weights.append(molecules.first_multiplicities[counted])
    return float(wasserstein_distance(*values, *weights))


def nearest_similarity(generated: MoleculeSet, reference: MoleculeSet) -> float:
    """Return the mean Tanimoto similarity to the nearest of a reference, over first valid draws.

    Raises:
        NotDefined: a set has no valid molecule.
    """
    if generated.num_valid == 0 or reference.num_unique == 0:
        raise NotDefined("no valid molecule")
    drawn = generated.first_multiplicities > 0
    nearest = nearest_tanimoto(generated.fingerprints[drawn], reference.fingerprints)
    return float(np.average(nearest, weights=generated.first_multiplicities[drawn]))


def internal_diversity(generated: MoleculeSet) -> float:
    """Return 1 less the mean Tanimoto similarity of two of the first valid draws.

    Raises:
        NotDefined: fewer than two valid draws.
    """
    if generated.num_valid < 2:
        raise NotDefined(f"{generated.num_valid} valid molecules, fewer than 2")
    drawn = generated.first_multiplicities > 0
    return 1 - mean_pairwise_tanimoto(
        generated.fingerprints[drawn], generated.first_multiplicities[drawn]
    )


def fcd_valid(generated: MoleculeSet, reference: Moments) -> float:
    """Return the Fréchet ChemNet distance of all valid draws, repeats included (MOSES).

    Raises:
        NotDefined: fewer than 513 valid draws.
    """
    _check_enough(generated.num_valid, "valid")
    return frechet_distance(moments(_activations(generated), generated.multiplicities), reference)


def fcd_unique(
    generated: MoleculeSet,
    reference: Moments,
    num_molecules: int | None = None,
    keys: np.ndarray | None = None,
) -> float:
    """Return the Fréchet ChemNet distance of the distinct valid molecules (MolScore, the paper).

    Args:
        generated: the set.
        reference: moments of the reference's activations.
        num_molecules: take this many of them, chosen at random; None takes all.
        keys: (N,) random numbers, one a draw; the molecules whose first draws have the least are
            taken, so that what is taken depends on the draws' places and on nothing else.

    Raises:
        NotDefined: fewer molecules than 513, or than `num_molecules`.
    """
    _check_enough(generated.num_unique, "unique valid")
    rows = _activations(generated)
    if num_molecules is not None:
        if generated.num_unique < num_molecules:
            raise NotDefined(
                f"{generated.num_unique:,} unique valid molecules, fewer than {num_molecules:,}"
            )
        assert keys is not None
        # Sorted, so that all of them is the same sum as the whole set.
        rows = rows[np.sort(np.argsort(keys[generated.first])[:num_molecules])]
    return frechet_distance(moments(rows), reference)


def num_compared(name: str, generated: MoleculeSet) -> int | None:
    """Return n, from how many molecules an FCD is computed; None for other metrics."""
    if name == "fcd_valid":
        return generated.num_valid
    if name == "fcd_unique":
        return generated.num_unique
    return int(name.removeprefix("fcd_unique_")) if name.startswith("fcd_unique_") else None


def num_novel(generated: MoleculeSet, known: Collection[str]) -> int:
    """Return how many distinct valid molecules are not among the known canonical SMILES."""
    return sum(smiles not in known for smiles in generated.smiles)


def _check_enough(number: int, what: str) -> None:
    if number < FEWEST_FOR_FCD:
        raise NotDefined(
            f"{number:,} {what} molecules, fewer than {FEWEST_FOR_FCD}: "
            "the covariance is rank-deficient"
        )


def _activations(generated: MoleculeSet) -> np.ndarray:
    if generated.activations is None:
        raise ValueError("an FCD needs ChemNet's activations of the generated molecules")
    return generated.activations
