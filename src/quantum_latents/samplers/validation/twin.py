"""The simulated twin of a device: shots of its promise, where closed forms end.

Notation: a twin has N' shots, drawn by `NoisySampler` from a stream of its own. Whatever is
compared with a twin carries the twin's own sampling error.
"""

from __future__ import annotations

import math
from dataclasses import replace

from quantum_latents.random import stream
from quantum_latents.samplers.acceptance import acceptance_bounds
from quantum_latents.samplers.cost import clifford_clifford_operations, lookup_operations
from quantum_latents.samplers.noise import Noise
from quantum_latents.samplers.noise_paths import noisy_path
from quantum_latents.samplers.noisy import NoisySampler
from quantum_latents.samplers.progressive import estimated_cost
from quantum_latents.samplers.validation.promise import Promise
from quantum_latents.samplers.validation.tally import Tally, tally

__all__ = ["MAX_TWIN_SHOTS", "MIN_TWIN_SHOTS", "TwinTooCostlyError", "Twins", "twin_size"]

MAX_TWIN_SHOTS = 200_000
"""Most shots of a twin; it has four times as many as the bank if they are fewer."""

MIN_TWIN_SHOTS = 2_000
"""Fewest shots of a twin that are worth a comparison."""

_OPERATIONS = 6e10
"""What a twin may take by estimate: some ten seconds."""

_ATTEMPT_OPERATIONS = 2e4
"""Of an attempt beside its permanents: drawing photons, detecting, selecting."""


class TwinTooCostlyError(ValueError):
    """A twin of enough shots would take too long to draw."""


class Twins:
    """The twins of a promise, at any overlap; each is drawn when it is first asked for.

    Args:
        promise: what is simulated.
        transmission: chance of a photon to be seen, where the promise does not say; None if it
            is not known.
        num_shots: shots of the bank.

    >>> from quantum_latents.circuits import haar
    >>> device = haar(4, stream(0, "interferometer"))
    >>> promise = Promise(interferometer=device, occupation=(1, 0, 1, 0))
    >>> len(Twins(promise, None, 3000)(1.0))
    12000
    """

    def __init__(self, promise: Promise, transmission: float | None, num_shots: int) -> None:
        self._promise, self._transmission, self._num_shots = promise, transmission, num_shots
        self._drawn: dict[float | None, Tally] = {}

    def __call__(self, interference: float | None = None) -> Tally:
        """Return the sums of a twin's shots; None for the promised overlap.

        Raises:
            TwinTooCostlyError: it would take too long, or the loss is not known.
            ValueError: the sampler refuses the noise.
        """
        promise = self._promise
        if interference is None and promise.noise.gram is None:
            interference = promise.noise.interference
        if interference not in self._drawn:
            noise = promise.noise
            if not promise.known_loss:
                tau = self._transmission
                if tau is None and noise.exactly is not None and promise.num_photons:
                    tau = min(1.0, noise.exactly / promise.num_photons)  # any loss gives one law
                if not tau:
                    raise TwinTooCostlyError("the loss is not known: a twin cannot be drawn")
                noise = promise.with_transmission(tau)
            if interference is not None:
                noise = replace(noise, gram=None, interference=interference)
            number = twin_size(promise, noise, self._num_shots)
            name = "gram" if interference is None else f"{interference!r}"
            source = stream(0, "validation", "twin", name)
            sampler = NoisySampler(promise.interferometer, promise.occupation, noise)
            self._drawn[interference] = tally(sampler.sample(number, source))
        return self._drawn[interference]


def twin_size(promise: Promise, noise: Noise, num_shots: int) -> int:
    """Return the shots of a twin, from the recipe alone and never from a measured speed.

    Raises:
        TwinTooCostlyError: fewer than 2,000 shots fit the budget.

    >>> from quantum_latents.circuits import haar
    >>> device = haar(32, stream(0, "interferometer"))
    >>> promise = Promise(interferometer=device, occupation=(1, 0) * 16)
    >>> twin_size(promise, Noise(), 500_000)
    17926
    """
    m, t = promise.num_modes, promise.occupation
    path = noisy_path(promise.interferometer, t, noise)
    wanted = noise.exactly if noise.at_least is None else noise.at_least
    low, high = acceptance_bounds(promise.interferometer, t, noise)
    acceptance = max(low, high / 10)
    if path == "progressive":
        operations = estimated_cost(m, promise.interferometer.recipe["delays"], t).operations
        operations = (operations + _ATTEMPT_OPERATIONS) / acceptance
    elif path == "clifford-clifford":
        arriving = float(noise.in_modes("emission", m).mean())
        arriving *= float(noise.in_modes("input_transmission", m).mean()) * promise.num_photons
        together = max(arriving, wanted or 0) * noise.interference
        operations = clifford_clifford_operations(m, math.ceil(together))
        operations += _ATTEMPT_OPERATIONS / acceptance
    else:
        operations = lookup_operations(m, sum(t)) + _ATTEMPT_OPERATIONS
        operations /= acceptance
    number = int(min(max(4 * num_shots, MIN_TWIN_SHOTS), MAX_TWIN_SHOTS, _OPERATIONS / operations))
    if number < MIN_TWIN_SHOTS:
        raise TwinTooCostlyError(
            f"a simulated twin of {MIN_TWIN_SHOTS:,} shots takes too long to draw"
        )
    return number
