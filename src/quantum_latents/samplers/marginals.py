"""Exact laws of some modes or groups of modes of a noisy device, by permanents.

Notation and formulas as in `quantum_latents.samplers.light`: with ``D_j = 1 - eta_j + eta_j z`` for
the modes of a bin the mean of ``prod_j D_j**n_j`` is the generating function of the counts in that
bin; with ``D_j = 1 - eta_j`` it is the probability of no count.

Sources: Shchesnovich, arXiv 1509.01561, for generalised bunching; Seron et al., arXiv 2212.09643,
for binned counts.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from quantum_latents.circuits import Interferometer
from quantum_latents.samplers.light import light_of
from quantum_latents.samplers.noise import (
    MIN_ACCEPTANCE,
    Noise,
    dark_count_table,
)
from quantum_latents.samplers.occupation import Occupation, checked_occupation
from quantum_latents.samplers.permanent import glynn
from quantum_latents.samplers.probabilities import Law

__all__ = [
    "binned_law",
    "bunching_probability",
    "marginal_law",
    "noisy_outcome_probability",
    "silence_probability",
]


def silence_probability(
    interferometer: Interferometer, occupation: Occupation, noise: Noise, modes: Sequence[int]
) -> float:
    """Return the probability that no detector of some modes counts anything.

    One permanent, at any number of modes.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        noise: what goes wrong; see `Noise`.
        modes: the modes that stay silent, each named once.

    Raises:
        ValueError: a noise that does not fit or has no closed form here, named; modes that are
            none; more than 30 photons that interfere.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> round(silence_probability(splitter, [1, 1], Noise(interference=0.5), [0]), 12)
    0.3125
    """
    light = light_of(interferometer, occupation, noise)
    chosen = _checked_bins([modes], interferometer.num_modes)[0]
    _refuse_selection(noise)
    dark = noise.in_modes("dark_counts", interferometer.num_modes)[chosen].sum()
    value = light.values(light.seen([chosen]), np.zeros((1, 1), dtype=np.complex128))[0]
    return _probability(value) * math.exp(-dark)


def bunching_probability(
    interferometer: Interferometer,
    occupation: Occupation,
    modes: Sequence[int],
    noise: Noise | None = None,
) -> float:
    """Return the generalised bunching: the probability that nothing is counted elsewhere.

    Without loss, that all photons leave in these modes: ``Per(H o S)`` with
    ``H_kl = sum over j in modes of conj(U_jk) U_jl``.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        modes: where the photons may leave, each named once.
        noise: what goes wrong; None is an ideal device.

    Raises:
        ValueError: as in `silence_probability`.

    Source: Shchesnovich, *Universality of generalized bunching*, arXiv 1509.01561.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> round(bunching_probability(splitter, [1, 1], [0]), 12)
    0.5
    """
    chosen = _checked_bins([modes], interferometer.num_modes)[0]
    others = [mode for mode in range(interferometer.num_modes) if mode not in chosen]
    return silence_probability(interferometer, occupation, noise or Noise(), others)


def binned_law(
    interferometer: Interferometer,
    occupation: Occupation,
    noise: Noise,
    bins: Sequence[Sequence[int]],
) -> np.ndarray:
    """Return the joint law of the numbers of counts in some bins of modes.

    The characteristic function on a grid of ``(N + 1)**B`` points, N being the most photons and B
    the number of bins, each a permanent; then a Fourier transform.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        noise: what goes wrong; post-selection costs a bin more.
        bins: groups of modes that share none; modes in no bin are not looked at.

    Returns:
        Probabilities, float64, one axis a bin: entry [a, b, ...] is that of a counts in the
        first bin, b in the second, .... Dark counts are listed up to a tail of 1e-16.

    Raises:
        ValueError: a noise that does not fit or has no closed form here, named; bins that
            overlap or name no mode; threshold detectors with a bin of several modes or with
            post-selection; a post-selection that keeps less than 1e-6 of the shots; more than 30
            photons that interfere, or too much work.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> binned_law(splitter, [1, 1], Noise(), [[0]]).round(12).tolist()
    [0.5, 0.0, 0.5]
    """
    m = interferometer.num_modes
    light = light_of(interferometer, occupation, noise)
    chosen = _checked_bins(bins, m)
    if not chosen:
        raise ValueError("a binned law needs at least one bin, such as [[0, 1]]")
    if noise.threshold and (noise.selects or any(len(modes) > 1 for modes in chosen)):
        raise ValueError(
            "threshold detectors have closed forms for bins of one mode and no post-selection: "
            "use noisy_law"
        )
    rest = [mode for mode in range(m) if not any(mode in modes for modes in chosen)]
    looked_at = [*chosen, rest] if noise.selects else chosen
    law = light.counts(looked_at)
    dark = noise.in_modes("dark_counts", m)
    for axis, modes in enumerate(looked_at):
        mean = float(dark[modes].sum())
        if mean > 0:
            law = _with_background(law, axis, mean)
        if noise.threshold:
            silent = np.take(law, [0], axis=axis)
            law = np.concatenate([silent, law.sum(axis=axis, keepdims=True) - silent], axis=axis)
    if not noise.selects:
        return law
    totals = np.indices(law.shape).sum(axis=0)
    law = np.where(noise.selected(totals), law, 0.0).sum(axis=-1)
    if law.sum() < MIN_ACCEPTANCE:
        raise ValueError(
            f"post-selection keeps {law.sum():.3g} of the shots of this device, below "
            f"{MIN_ACCEPTANCE:g}"
        )
    return law / law.sum()


def marginal_law(
    interferometer: Interferometer, occupation: Occupation, noise: Noise, modes: Sequence[int]
) -> Law:
    """Return the exact law of the counts of some modes, in the order in which they are named.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        noise: what goes wrong; see `Noise`.
        modes: the modes to look at, each named once.

    Returns:
        Outcomes, uint8 (K, len(modes)), and probabilities, float64 (K,).

    Raises:
        ValueError: as in `binned_law`.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> device = haar(12, stream(0, "interferometer"))
    >>> outcomes, probabilities = marginal_law(device, [1, 0] * 6, Noise(), [0, 11])
    >>> outcomes.shape, round(float(probabilities.sum()), 12)
    ((49, 2), 1.0)
    """
    law = binned_law(interferometer, occupation, noise, [[mode] for mode in modes])
    outcomes = np.indices(law.shape).reshape(law.ndim, -1).T
    return outcomes.astype(np.uint8), law.reshape(-1)


def noisy_outcome_probability(
    interferometer: Interferometer, occupation: Occupation, outcome: Occupation, noise: Noise
) -> float:
    """Return the probability of one outcome of a noisy device.

    Counting detectors: the coefficient of ``prod_j z_j**s_j`` in the generating function, lost
    photons being a mode of their own, by ``prod_j (s_j + 1)`` permanents. Threshold detectors:
    inclusion and exclusion over the modes that clicked, by ``2**clicks`` permanents. The absolute
    error is about 1e-12.

    Args:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        outcome: counts in each output mode, (m,).
        noise: what goes wrong; see `Noise`.

    Raises:
        ValueError: a bad outcome; as in `silence_probability`; for counting detectors also g2,
            dark counts or input_photons, which have no closed form here; too much work.

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> noise = Noise(interference=0.5, detector_efficiency=0.5)
    >>> round(noisy_outcome_probability(splitter, [1, 1], [1, 1], noise), 12)
    0.09375
    """
    m = interferometer.num_modes
    light = light_of(interferometer, occupation, noise)
    s = checked_occupation(outcome, m)
    _refuse_selection(noise)
    dark = noise.in_modes("dark_counts", m)
    if noise.threshold:
        if max(s) > 1:
            return 0.0
        clicked = [mode for mode in range(m) if s[mode]]
        # Modes that clicked are on (weight 1) or off (0); the others are off.
        switches = np.array(list(itertools.product((0.0, 1.0), repeat=len(clicked))))
        points = np.zeros((len(switches), m), dtype=np.complex128)
        points[:, clicked] = switches
        off = 1 - np.real(points)
        values = light.values(light.seen([[mode] for mode in range(m)]), points)
        signs = (-1.0) ** (len(clicked) - switches.sum(axis=1))
        return _probability((signs * np.real(values) * np.exp(-(off @ dark))).sum())
    light.refuse_all_but_loss(noise)
    if dark.any():
        raise ValueError("dark counts have a closed form with threshold detectors: use noisy_law")
    num_lost = len(light.columns.T) - sum(s)
    if num_lost < 0:
        return 0.0
    kept = [mode for mode in range(m) if s[mode]]
    wanted = [s[mode] for mode in kept] + [num_lost]
    seen = light.seen([[mode] for mode in range(m)])
    # Modes that stay empty have weight 0; the lost photons are what the others leave.
    forms = np.concatenate([seen[kept], (light.same_mode - seen.sum(axis=0))[None]])
    light.check_work(math.prod(k + 1 for k in wanted))
    total = 0.0
    for signs in itertools.product(*(range(k + 1) for k in wanted)):
        weight = math.prod((-1) ** g * math.comb(k, g) for k, g in zip(wanted, signs, strict=True))
        point = [k - 2 * g for k, g in zip(wanted, signs, strict=True)]
        matrix = np.tensordot(np.array(point, dtype=np.float64), forms, axes=1) * light.overlaps
        total += weight * complex(glynn(np.ascontiguousarray(matrix))).real
    photons = math.prod(math.factorial(k) for k in wanted)
    return _probability(total / 2 ** sum(wanted) / photons / light.norm)


def _with_background(law: np.ndarray, axis: int, mean: float) -> np.ndarray:
    """The law with Poisson counts added along an axis."""
    row = np.diff(dark_count_table(np.array([mean]))[0], prepend=0.0)
    return np.apply_along_axis(np.convolve, axis, law, row)


def _checked_bins(bins: Sequence[Sequence[int]], num_modes: int) -> list[list[int]]:
    chosen = []
    for modes in bins:
        if isinstance(modes, (int, np.integer)):
            raise TypeError(f"a bin is a group of modes such as [{modes}], not {modes}")
        chosen.append([int(mode) for mode in modes])
    named = [mode for modes in chosen for mode in modes]
    for mode in named:
        if not 0 <= mode < num_modes:
            raise ValueError(f"the modes are 0 to {num_modes - 1}; there is no mode {mode}")
    if len(set(named)) != len(named):
        raise ValueError(f"a mode is named twice in {chosen}")
    return chosen


def _refuse_selection(noise: Noise) -> None:
    if noise.selects:
        raise ValueError(
            "single probabilities are those of all shots: leave post-selection out, or use "
            "noisy_law or binned_law"
        )


def _probability(value: complex) -> float:
    """A probability that was computed: rounding errors do not leave [0, 1]."""
    return float(min(1.0, max(0.0, complex(value).real)))
