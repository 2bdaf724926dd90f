"""What each exact algorithm of this library takes for a shot, by formula.

Notation: m modes, n photons, K = C(m + n - 1, n) outcomes; p is the probability with which a
photon enters and interferes. A *feature* of an algorithm is a number that its time is a sum of,
with coefficients that a machine decides (`speeds`).

- `enumeration`: ``n K`` updates once (Heurtel et al., arXiv 2206.10549), then a look-up a shot;
- `clifford-clifford`: ``sum over k of E[T_k] (22 k - 32) + 8 k m`` floating-point operations a
  shot (Clifford & Clifford, arXiv 1706.01260 and 2005.04214; `samplers.arithmetic`);
- `progressive`, time bins alone: the amplitudes that couplers update, ``sum over couplers of
  min(1, k) D(w, k)`` with w modes and k photons held (`samplers.progressive`; the same idea in
  Novák et al., arXiv 2411.16873);
- `independent`, where no photon interferes: each is routed alone, ``n`` draws a shot.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from quantum_latents.samplers.arithmetic import (
    amplitude_flops,
    enumeration_updates,
    expected_terms,
    flops_per_term,
)
from quantum_latents.samplers.cost import lookup_operations
from quantum_latents.samplers.enumeration import num_outcomes
from quantum_latents.samplers.occupation import MAX_BOSON_PHOTONS
from quantum_latents.samplers.probabilities import MAX_LAW_OUTCOMES
from quantum_latents.samplers.progressive import (
    MAX_BYTES,
    OPERATIONS_PER_AMPLITUDE,
    estimated_cost,
)

__all__ = ["AlgorithmName", "Count", "counts_of"]

AlgorithmName = Literal["enumeration", "clifford-clifford", "progressive", "independent"]


_MOST_COUNTED = 500
"""Most photons whose permanents are counted: 2**n stays a float."""


@dataclass(frozen=True)
class Count:
    """What an algorithm takes for one interferometer and input.

    Attributes:
        algorithm: its name.
        operations: of a shot, expected.
        unit: what `operations` counts.
        features: of a shot.
        once: operations before the first shot, in the same unit.
        once_features: of what is done once; empty where nothing is.
        refusal: why this library does not run it at this size; "" if it does.
    """

    algorithm: AlgorithmName
    operations: float
    unit: str
    features: tuple[float, ...]
    once: float = 0.0
    once_features: tuple[float, ...] = ()
    refusal: str = ""


def counts_of(
    recipe: Mapping[str, Any],
    occupation: tuple[int, ...],
    *,
    interference: float = 1.0,
    transmission: float = 1.0,
) -> tuple[Count, ...]:
    """Return the counts of all algorithms that sample this system exactly.

    Args:
        recipe: of the interferometer.
        occupation: photons in each input mode, (m,).
        interference: overlap x of two photons, see `samplers.Noise`.
        transmission: probability that a photon enters, the same for all.

    Returns:
        One count an algorithm; those beyond 10^300 operations are left out.

    Raises:
        ValueError: no algorithm is left.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> device = haar(32, stream(0, "interferometer"))
    >>> [(c.algorithm, f"{c.operations:.1e}") for c in counts_of(device.recipe, (1, 0) * 16)]
    [('enumeration', '5.9e+02'), ('clifford-clifford', '3.0e+06')]
    """
    m, n = recipe["num_modes"], sum(occupation)
    if interference == 0:
        return (Count("independent", float(n), "photons routed", (1.0, float(n))),)
    counts: list[Count] = []
    large = num_outcomes(m, n).bit_length() > 990
    # A uniform loss may be drawn behind the interferometer, so that lost photons interfere too.
    if interference == 1 and not large:
        counts.append(_enumeration(m, n))
    if n <= _MOST_COUNTED:
        counts.append(_clifford_clifford(m, n, interference * transmission))
    if interference == 1 and recipe["kind"] == "time-bin":
        # A state too large for a float is far beyond the memory.
        with contextlib.suppress(OverflowError):
            counts.append(_progressive(recipe, occupation))
    if not counts:
        raise ValueError(f"{n} photons that interfere are not counted: use {_MOST_COUNTED} at most")
    return tuple(counts)


def _enumeration(m: int, n: int) -> Count:
    outcomes = num_outcomes(m, n)
    refusal = ""
    if outcomes > MAX_LAW_OUTCOMES or n > MAX_BOSON_PHOTONS:
        refusal = f"its law has {outcomes:.3g} outcomes, and laws are written out up to "
        refusal += f"{MAX_LAW_OUTCOMES:,} outcomes and {MAX_BOSON_PHOTONS} photons"
    look_up = lookup_operations(m, n)
    updates = float(enumeration_updates(m, n))
    return Count(
        "enumeration",
        look_up,
        "operations of a look-up; once: updates of an amplitude",
        (1.0, look_up),
        updates,
        (1.0, updates),
        refusal,
    )


def _clifford_clifford(m: int, n: int, p: float) -> Count:
    def features(photons: int) -> np.ndarray:
        return np.array(_clifford_clifford_features(m, photons))

    mean = features(n)
    if p < 1:
        from scipy import stats  # slow to import

        # The photons that interfere are a binomial number, drawn afresh in every shot.
        law = stats.binom.pmf(np.arange(n + 1), n, p)
        mean = sum((w * features(k) for k, w in enumerate(law.tolist())), np.zeros(4))
    refusal = ""
    if n > MAX_BOSON_PHOTONS:
        refusal = f"{n} photons interfere at once, and at most {MAX_BOSON_PHOTONS} are drawn so"
    return Count(
        "clifford-clifford",
        float(mean[2] + mean[3]),
        "floating-point operations",
        tuple(mean.tolist()),
        refusal=refusal,
    )


@cache
def _clifford_clifford_features(m: int, n: int) -> tuple[float, float, float, float]:
    """Steps, terms, operations of the terms, operations of the amplitudes."""
    steps = [(_terms(m, k), flops_per_term(k)) for k in range(1, n + 1)]
    num_terms = sum(number for number, _ in steps)
    flops = sum(number * each for number, each in steps)
    return float(n), num_terms, flops, float(amplitude_flops(m, n))


def _terms(m: int, k: int) -> float:
    """E[T_k]: exact while that is quick, then the ratio of binomials, off by less than 1e-5."""
    if k <= 16 or m < k:
        return expected_terms(m, k)
    return math.comb(2 * m + k - 2, k - 1) / math.comb(m + k - 2, k - 1) / 2


def _progressive(recipe: Mapping[str, Any], occupation: tuple[int, ...]) -> Count:
    cost = estimated_cost(recipe["num_modes"], recipe["delays"], occupation)
    amplitudes = cost.operations / OPERATIONS_PER_AMPLITUDE
    refusal = ""
    if cost.num_bytes > MAX_BYTES:
        refusal = f"its states and tables take {cost.num_bytes / 2**30:.3g} GiB, "
        refusal += f"of {MAX_BYTES / 2**30:.3g} at most"
    return Count(
        "progressive",
        amplitudes,
        "amplitudes updated",
        (float(len(occupation)), amplitudes),
        refusal=refusal,
    )
