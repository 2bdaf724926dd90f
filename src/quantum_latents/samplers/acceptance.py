"""How many shots a post-selection keeps.

Notation: n photons of the occupation; the *acceptance* is the probability that a shot is kept.
The law of the number of counts is a convolution over the sources when every photon has the same
chance to be seen wherever it leaves. Otherwise the least and the greatest chance bound it,
because a passive device turns the one into the other by more loss: totals are then ordered. Where
the bounds do not decide, the law of the total is worked out by permanents if it has a closed form.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quantum_latents.circuits import Interferometer, lossy_time_bin
from quantum_latents.samplers.marginals import binned_law
from quantum_latents.samplers.noise import MIN_ACCEPTANCE, Noise, double_emission
from quantum_latents.samplers.occupation import Occupation, input_columns

__all__ = ["acceptance_bounds", "check_acceptance", "photon_number_law"]

_MAX_CLOSED_FORM = 14
"""Most photons of which the law of the total is worked out by permanents: under a second."""


def photon_number_law(
    noise: Noise, occupation: tuple[int, ...], transmission: float = 1.0
) -> np.ndarray:
    """Return the law of the number of photons behind the sources and an equal loss for all.

    A convolution: no photon knows of another, but for `input_photons` that are chosen among n.

    Args:
        noise: its sources and input transmission count.
        occupation: photons in each input mode, (m,).
        transmission: chance of every photon to be seen once it is in the interferometer.

    Returns:
        Probabilities of 0, 1, ... photons, float64.

    >>> photon_number_law(Noise(input_transmission=0.5), (1, 0, 1)).tolist()
    [0.25, 0.5, 0.25]
    """
    num_modes = len(occupation)
    columns = input_columns(occupation)
    emission = noise.in_modes("emission", num_modes)[columns]
    double = double_emission(noise.g2, emission)
    survival = noise.in_modes("input_transmission", num_modes)[columns] * transmission
    num_sources = len(columns)
    # laws[c, s]: probability weight of c sources asked and s photons seen.
    laws = np.zeros((num_sources + 1, 2 * num_sources + 1))
    laws[0, 0] = 1.0
    for e, q, s in zip(emission.tolist(), double.tolist(), survival.tolist(), strict=True):
        one = np.array([1 - s, s])
        source = e * ((1 - q) * np.append(one, 0.0) + q * np.convolve(one, one))
        source[0] += 1 - e
        asked = np.stack([np.convolve(row, source)[: laws.shape[1]] for row in laws])
        laws[1:] += asked[:-1]
    chosen = laws[num_sources if noise.input_photons is None else noise.input_photons]
    law = np.maximum(chosen / chosen.sum(), 0.0)
    return np.trim_zeros(law, "b")


def acceptance_bounds(
    interferometer: Interferometer, occupation: tuple[int, ...], noise: Noise
) -> tuple[float, float]:
    """Return a lower and an upper bound of the acceptance; equal where it is known exactly.

    Exact for equal output transmissions and efficiencies and counting detectors without loss in
    loops; threshold detectors see at most what counting ones do.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> device = haar(2, stream(0, "interferometer"))
    >>> acceptance_bounds(device, (1, 1), Noise(input_transmission=0.5, exactly=2))
    (0.25, 0.25)
    """
    if not noise.selects:
        return 1.0, 1.0
    num_modes = interferometer.num_modes
    seen = noise.in_modes("output_transmission", num_modes) * noise.in_modes(
        "detector_efficiency", num_modes
    )
    least, most = float(seen.min()), float(seen.max())
    if noise.loop_transmission is not None:
        transfer = lossy_time_bin(interferometer.recipe, noise.loop_transmission)
        squares = np.linalg.svd(transfer, compute_uv=False) ** 2
        least, most = least * float(squares.min()), most * min(1.0, float(squares.max()))
    dark = float(noise.in_modes("dark_counts", num_modes).sum())
    low, high = (_counts_law(noise, occupation, chance, dark) for chance in (least, most))
    wanted = noise.at_least if noise.exactly is None else noise.exactly
    assert wanted is not None
    exact = least == most and not noise.threshold
    at_most = float(high[wanted:].sum())
    if noise.threshold and wanted > num_modes:
        return 0.0, 0.0
    if noise.exactly is None:
        at_least = 0.0 if noise.threshold else float(low[wanted:].sum())
    elif exact:
        at_most = float(high[wanted]) if wanted < len(high) else 0.0
        at_least = at_most
    else:
        if not noise.threshold:
            at_most = min(at_most, float(low[: wanted + 1].sum()))
        at_least = 0.0
    return min(1.0, at_least), min(1.0, at_most)


def check_acceptance(
    interferometer: Interferometer, occupation: Occupation, noise: Noise
) -> tuple[float, float]:
    """Return the bounds of the acceptance, and refuse a post-selection that keeps too little.

    Raises:
        ValueError: the acceptance is below 1e-6 for certain; it is named.
    """
    t = noise.checked(interferometer.num_modes, occupation)
    low, high = acceptance_bounds(interferometer, t, noise)
    if (
        low < MIN_ACCEPTANCE <= high
        and (exact := _by_permanents(interferometer, t, noise)) is not None
    ):
        low = high = exact
    if high < MIN_ACCEPTANCE:
        wanted = f"at least {noise.at_least}" if noise.exactly is None else f"{noise.exactly}"
        known = "exactly" if low == high else "at most"
        raise ValueError(
            f"post-selection on {wanted} counts keeps {known} {high:.3g} of the shots, below "
            f"{MIN_ACCEPTANCE:g}: ask for other counts or for less loss"
        )
    return low, high


def _by_permanents(
    interferometer: Interferometer, occupation: tuple[int, ...], noise: Noise
) -> float | None:
    """The acceptance from the law of the total; None where that has no closed form."""
    extra = noise.g2 > 0 and noise.extra_photon == "indistinguishable"
    partial = max(occupation) > 1 and (0 < noise.interference < 1 or noise.input_photons)
    sources = max(occupation) > 1 and noise.g2 > 0
    if noise.threshold or extra or partial or sources or sum(occupation) > _MAX_CLOSED_FORM:
        return None
    every = replace(noise, at_least=None, exactly=None)
    law = binned_law(interferometer, occupation, every, [range(len(occupation))])
    return float(law[noise.selected(np.arange(len(law)))].sum())


def _counts_law(
    noise: Noise, occupation: tuple[int, ...], transmission: float, dark: float
) -> np.ndarray:
    law = photon_number_law(noise, occupation, transmission)
    if dark == 0:
        return law
    from scipy import stats  # slow to import

    # A sum of Poisson numbers is one: all modes' dark counts together, up to a tail of 1e-16.
    longest = int(stats.poisson.isf(1e-16, dark)) + 1
    return np.convolve(law, stats.poisson.pmf(np.arange(longest + 1), dark))
