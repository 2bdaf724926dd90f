"""The path by which a noisy device is sampled, chosen from the recipe alone.

Notation: m modes, n photons of the occupation; the noise is a `Noise`. The paths:

- ``"independent"``: no two photons can interfere;
- ``"gram"``: the law of a Gram matrix is enumerated and looked up;
- a path of `sampling_path`: all photons enter every shot and interfere; losses that are the
  same for all wait until after the interferometer, where they are drawn photon by photon,
  unless shots are discarded;
- ``"clifford-clifford"`` for everything else: the photons of each shot are drawn, those that
  interfere go together, the others alone. Losses that are the same for all are drawn before
  the interferometer, where they save most of the work.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from quantum_latents.circuits import Interferometer, lossy_time_bin
from quantum_latents.samplers.acceptance import check_acceptance
from quantum_latents.samplers.boson import recipe_of, sampling_path
from quantum_latents.samplers.noise import Noise
from quantum_latents.samplers.occupation import MAX_BOSON_PHOTONS, Occupation, input_columns

__all__ = ["check_noise", "common_arrival", "noisy_path", "path_of"]


def noisy_path(
    interferometer: Interferometer | Mapping[str, Any] | int, occupation: Occupation, noise: Noise
) -> str:
    """Return the path by which noisy samples are drawn.

    A function of the recipe alone, as `sampling_path` is; it takes the same arguments.

    Raises:
        TypeError, ValueError: a bad occupation, a noise that does not fit it, or more than 40
            photons that may interfere.

    >>> noisy_path(4, [1, 1, 0, 0], Noise(interference=0.0))
    'independent'
    >>> noisy_path(4, [1, 1, 0, 0], Noise(interference=0.5))
    'clifford-clifford'
    >>> noisy_path(4, [1, 1, 0, 0], Noise(input_transmission=0.5))
    'enumeration'
    """
    recipe = recipe_of(interferometer)
    return path_of(recipe, noise.checked(recipe["num_modes"], occupation), noise)[0]


def check_noise(interferometer: Interferometer, occupation: Occupation, noise: Noise) -> None:
    """Refuse what `NoisySampler` would refuse, as far as is known before any law is enumerated.

    Raises:
        TypeError, ValueError: see `NoisySampler`.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> device = haar(2, stream(0, "interferometer"))
    >>> check_noise(device, [1, 1], Noise(exactly=3))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: post-selection on 3 counts keeps exactly 0 of the shots, below 1e-06: ask for ...
    """
    noisy_path(interferometer, occupation, noise)
    if noise.loop_transmission is not None:
        lossy_time_bin(interferometer.recipe, noise.loop_transmission)
    check_acceptance(interferometer, occupation, noise)


def path_of(
    recipe: Mapping[str, Any], occupation: tuple[int, ...], noise: Noise
) -> tuple[str, bool]:
    """Return the path, and whether all photons enter every shot and interfere."""
    if noise.gram is not None:
        return "gram", False
    extra = noise.g2 > 0 and noise.extra_photon == "indistinguishable"
    if noise.interference == 0 and not extra:
        return "independent", False
    num_photons = sum(occupation)
    arrival = common_arrival(occupation, noise)
    if (
        noise.interference == 1
        and noise.g2 == 0
        and noise.input_photons in (None, num_photons)
        and not math.isnan(arrival)
    ):
        num_modes = len(occupation)
        if noise.loop_transmission is None:
            path = sampling_path(recipe, occupation)
        else:  # a dilation is no longer made of time bins
            path = sampling_path(2 * num_modes, occupation + (0,) * num_modes)
        seen = noise.in_modes("output_transmission", num_modes) * noise.in_modes(
            "detector_efficiency", num_modes
        )
        lossless = arrival * seen.max() == 1
        # Permanents are worth sparing, and so are shots that are discarded: lost photons are
        # drawn first there. A progressive shot costs less than finding that out.
        looked_up = path == "enumeration" and not noise.selects
        if lossless or path == "progressive" or looked_up:
            return path, True
    most = num_photons * (2 if extra else 1)
    if most > MAX_BOSON_PHOTONS:
        raise ValueError(
            f"up to {most} photons may interfere, which is beyond double precision and patience: "
            f"use at most {MAX_BOSON_PHOTONS} indistinguishable photons"
        )
    return "clifford-clifford", False


def common_arrival(occupation: tuple[int, ...], noise: Noise) -> float:
    """Return the probability of each photon to reach the interferometer; NaN if they differ."""
    num_modes = len(occupation)
    arrival = noise.in_modes("emission", num_modes) * noise.in_modes(
        "input_transmission", num_modes
    )
    used = set(arrival[input_columns(occupation)].tolist()) or {1.0}
    return used.pop() if len(used) == 1 else math.nan
