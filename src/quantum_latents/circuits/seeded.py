"""The interferometer that a run's seed names.

Latents and data are siblings and know nothing of each other; what both make of one seed is named
here, so that the two are the same interferometer.
"""

from __future__ import annotations

from quantum_latents.circuits.interferometer import Interferometer
from quantum_latents.circuits.recipe import parse
from quantum_latents.random import stream

__all__ = ["interferometer_of_seed"]


def interferometer_of_seed(
    interferometer: str, num_modes: int, seed: int, *owner: str
) -> Interferometer:
    """Return the interferometer of a seed.

    Args:
        interferometer: `haar`, or `time-bin:1,3,9` with the loops' delays.
        num_modes: m.
        seed: the run's.
        owner: who has it for itself alone; without, it is the one that is shared.

    Raises:
        ValueError: an unknown kind, or delays that do not fit.

    >>> first, again = (interferometer_of_seed("haar", 4, 0) for _ in range(2))
    >>> first == again, first == interferometer_of_seed("haar", 4, 0, "distinguishable")
    (True, False)
    """
    kind, _, delays = interferometer.partition(":")
    text = f"{kind}:{num_modes}:{delays}" if delays else f"{kind}:{num_modes}"
    return parse(text, stream(seed, "interferometer", *owner))
