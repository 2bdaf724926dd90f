"""Where a latent of photons is classically easy, and what exactly that claims.

Notation: m modes, n photons, D the sum of a time-bin interferometer's delays; p is the
probability that a photon enters and interferes; *polynomial* is in the quantities named, for the
family named, and for exact sampling unless an error is named.

A family in Q has no efficient classical sampler (Bacarreza et al., arXiv 2508.19857). One system
alone is in no class: what is said of one is said of the family that it belongs to, or of its size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from quantum_latents.samplers.boson import MAX_ENUMERATED_OUTCOMES
from quantum_latents.samplers.cost import clifford_clifford_operations
from quantum_latents.samplers.enumeration import num_outcomes
from quantum_latents.samplers.occupation import MAX_BOSON_PHOTONS
from quantum_latents.samplers.progressive import MAX_BYTES, estimated_cost

__all__ = ["Simulability", "interfering_photons", "simulabilities"]


@dataclass(frozen=True)
class Simulability:
    """One reason why a latent is classically easy.

    Attributes:
        reason: `short loops`, or `fixed loops` that hold too much to pay at this size; `few
            photons`, `no interference` or `weak interference`.
        scope: `family`: an exact sampler is polynomial for the family, which is therefore not in
            Q; `size`: this size is easy, which says nothing of larger ones; `approximate`: a
            sampler is within an error and cheaper than the exact one.
        claim: in words, with its numbers.
        source: of the argument.
    """

    reason: Literal[
        "short loops", "fixed loops", "few photons", "no interference", "weak interference"
    ]
    scope: Literal["family", "size", "approximate"]
    claim: str
    source: str

    def to_json(self) -> dict[str, str]:
        """Return it as a JSON-able dict."""
        return asdict(self)


def simulabilities(
    recipe: Mapping[str, Any],
    occupation: tuple[int, ...],
    *,
    interference: float = 1.0,
    transmission: float = 1.0,
    error: float = 0.01,
) -> tuple[Simulability, ...]:
    """Return every reason that applies to a system; none is known where the tuple is empty.

    Args:
        recipe: of the interferometer.
        occupation: photons in each input mode, (m,).
        interference: x as in `samplers.Noise`.
        transmission: eta, the probability that a photon enters; p = x eta.
        error: total variation within which a sampler may approximate.

    >>> from quantum_latents.circuits import haar, time_bin
    >>> from quantum_latents.random import stream
    >>> loops = time_bin(32, (1, 1), stream=stream(0))
    >>> [(one.reason, one.scope) for one in simulabilities(loops.recipe, (1, 0) * 16)]
    [('short loops', 'family')]
    >>> simulabilities(haar(32, stream(0)).recipe, (1, 0) * 16)
    ()
    """
    m, n, p = len(occupation), sum(occupation), interference * transmission
    found = []
    if p == 0 or n == 1:
        found.append(_no_interference(n))
        return tuple(found)
    if recipe["kind"] == "time-bin" and sum(recipe["delays"]) + 1 < m:
        found.append(_fixed_loops(recipe, occupation))
    if num_outcomes(m, n) <= MAX_ENUMERATED_OUTCOMES:
        found.append(_few_photons(m, n))
    if p < 1 and (most := interfering_photons(n, p, error)) < n:
        found.append(_weak_interference(m, n, p, most, error))
    return tuple(found)


def interfering_photons(num_photons: int, probability: float, error: float) -> int:
    """Return k such that more than k of n photons interfere with probability at most `error`.

    Each photon interferes with probability p, independently, so their number is binomial: k is
    the least with ``P(Bin(n, p) > k) <= error``. A sampler that draws at most k interfering
    photons, and any others as if they were distinguishable, differs from the exact one only in
    shots with more, so its law is within `error` in total variation: for every interferometer.

    Args:
        num_photons: n.
        probability: p = x eta, with the overlap x of `samplers.Noise` (the mixture of Moylett et
            al., arXiv 1907.00022) and the transmission eta, the same for all photons.
        error: total variation, in (0, 1).

    Raises:
        ValueError: a number out of range.

    >>> interfering_photons(16, 0.5, 0.01), interfering_photons(16, 1.0, 0.01)
    (13, 16)
    """
    if num_photons < 0 or not 0 <= probability <= 1:
        raise ValueError(
            f"n is at least 0 and p between 0 and 1, not {num_photons} and {probability}"
        )
    if not 0 < error < 1:
        raise ValueError(f"an error in total variation is between 0 and 1, not {error}")
    from scipy import stats  # slow to import

    tails = stats.binom.sf(range(num_photons + 1), num_photons, probability)
    return next(k for k, tail in enumerate(tails.tolist()) if tail <= error)


def _no_interference(n: int) -> Simulability:
    what = "one photon interferes with no other" if n == 1 else "no two photons interfere"
    return Simulability(
        "no interference",
        "family",
        f"{what}: every photon is routed by a law of its own, n draws a shot, linear in n for "
        "every interferometer",
        "samplers.distinguishable: independent photons, by definition",
    )


def _fixed_loops(recipe: Mapping[str, Any], occupation: tuple[int, ...]) -> Simulability:
    m, n, delays = len(occupation), sum(occupation), recipe["delays"]
    name, total = "-".join(str(delay) for delay in delays), sum(delays)
    amplitudes = math.comb(total + n, n)
    many = f"{amplitudes:.3g}" if amplitudes < 10**15 else f"10^{math.log10(amplitudes):.0f}"
    claim = (
        f"the loops {name} hold at most {total + 1} of the {m} bins at a time, so that a state "
        f"never has more than C(D + n, n) = {many} amplitudes (D = {total}, n = {n}): with the "
        "delays fixed that is polynomial in n of degree D whatever the input and the couplings, "
        "and there are fewer than L m couplers for L loops. With a fixed number of photons a bin, "
        "and couplers that pass photons on, those held stay few and the expected cost is linear in "
        "m; it is exponential only in the photons that the loops hold, which longer loops raise"
    )
    short = _loops_pay(recipe, occupation)
    if not short:
        claim += (
            ". At this size they hold so many that other algorithms are cheaper: the claim is of "
            "trains that grow, with these very loops"
        )
    return Simulability(
        "short loops" if short else "fixed loops",
        "family",
        claim,
        "samplers.progressive; Novák et al., arXiv 2411.16873; Oh et al., arXiv 2110.01564",
    )


def _loops_pay(recipe: Mapping[str, Any], occupation: tuple[int, ...]) -> bool:
    """Whether progressive measurement is the cheaper way by the samplers' own estimate."""
    try:
        cost = estimated_cost(recipe["num_modes"], recipe["delays"], occupation)
    except OverflowError:
        return False
    n = sum(occupation)
    if cost.num_bytes > MAX_BYTES:
        return False
    return n > MAX_BOSON_PHOTONS or cost.operations < clifford_clifford_operations(
        len(occupation), n
    )


def _few_photons(m: int, n: int) -> Simulability:
    return Simulability(
        "few photons",
        "size",
        f"all {num_outcomes(m, n):,} outcomes of {n} photons in {m} modes are written out once, "
        "and a shot is a look-up. With n fixed that is polynomial in m (of degree n; by Clifford "
        "and Clifford of degree 1, n 2^n + m n^2 operations); a family whose photons grow with "
        "its modes is another question",
        "Heurtel et al., arXiv 2206.10549; Clifford & Clifford, arXiv 1706.01260",
    )


def _weak_interference(m: int, n: int, p: float, most: int, error: float) -> Simulability:
    easy = most < 2 or num_outcomes(m, most) <= MAX_ENUMERATED_OUTCOMES
    size = "few enough to write out every law" if easy else "which is cheaper, not cheap"
    return Simulability(
        "weak interference",
        "approximate",
        f"each photon enters and interferes with probability {p:.3g}, so that sampling at most "
        f"{most} of {n} interfering photons is within {error:g} in total variation of the law, "
        f"for every interferometer: {size}. The exact expected cost falls from b^n to about "
        "(1 - p + p b)^n, still exponential in n at fixed p: this argument is polynomial only "
        "where n p grows no faster than log n",
        "P(Bin(n, p) > k) bounds the error: theory.interfering_photons, with the mixture of "
        "Moylett et al., arXiv 1907.00022",
    )
