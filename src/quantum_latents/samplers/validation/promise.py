"""What a device promises: the law that its counts should follow.

Notation: m modes, n photons of the occupation, k counts of a shot in all, x the overlap of two
photons. Where all photons have the same chance to be seen wherever they go, the law of a shot
*given its total k* does not know that chance: any k of the n photons are equally likely the ones
that were seen, so it is the law of ``input_photons=k`` without loss. It holds after any
post-selection on totals.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from quantum_latents.circuits import Interferometer
from quantum_latents.samplers.noise import Noise
from quantum_latents.samplers.occupation import input_columns

__all__ = ["Promise"]

_LOSSES = (
    "emission",
    "input_transmission",
    "loop_transmission",
    "output_transmission",
    "detector_efficiency",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Promise:
    """An interferometer, an input and a noise, as the counts are promised to follow them.

    Attributes:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        noise: what is known to go wrong, post-selection included.
        known_loss: False for a real device, which loses an equal share of all photons that
            nobody promised; the noise then says nothing of loss.

    Raises:
        TypeError, ValueError: a noise that does not fit the input; unknown loss with a noise
            that names its losses, or under which totals do not say how many photons were seen.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> device = haar(4, stream(0, "interferometer"))
    >>> Promise(interferometer=device, occupation=(1, 0, 1, 0)).num_photons
    2
    """

    interferometer: Interferometer
    occupation: tuple[int, ...]
    noise: Noise = field(default_factory=Noise)
    known_loss: bool = True

    def __post_init__(self) -> None:
        t = self.noise.checked(self.interferometer.num_modes, self.occupation)
        object.__setattr__(self, "occupation", t)
        if not self.known_loss and not (self._sees_photons and self.transmission == 1):
            raise ValueError(
                "a device of unknown loss is promised with interference, input_photons and "
                "post-selection alone: what else goes wrong needs known_loss=True"
            )

    @property
    def num_modes(self) -> int:
        """Number of modes m."""
        return len(self.occupation)

    @property
    def num_photons(self) -> int:
        """Most photons of a shot that the sources are asked for, without second photons."""
        asked = self.noise.input_photons
        return sum(self.occupation) if asked is None else asked

    @property
    def transmission(self) -> float | None:
        """Chance of a photon of the occupation to be seen; None if it is not the same for all."""
        noise, m = self.noise, self.num_modes
        if noise.loop_transmission is not None and min(noise.loop_transmission) < 1:
            return None
        arrival = noise.in_modes("emission", m) * noise.in_modes("input_transmission", m)
        used = set(arrival[input_columns(self.occupation)].tolist()) or {1.0}
        seen = noise.in_modes("output_transmission", m) * noise.in_modes("detector_efficiency", m)
        if len(used) > 1 or len(set(seen.tolist())) > 1:
            return None
        return used.pop() * float(seen[0])

    @property
    def _sees_photons(self) -> bool:
        """Whether every count is a photon of the occupation."""
        noise, m = self.noise, self.num_modes
        return not (noise.g2 > 0 or noise.threshold or noise.in_modes("dark_counts", m).any())

    @property
    def given_total(self) -> bool:
        """Whether the law given a shot's total is that of as many photons without loss."""
        return self._sees_photons and self.noise.gram is None and self.transmission is not None

    def of_photons(self, number: int, interference: float | None = None) -> Noise:
        """Return the noise of a shot given its total, where `given_total` holds."""
        assert self.given_total
        x = self.noise.interference if interference is None else interference
        return Noise(interference=x, input_photons=number)

    def unselected(self, interference: float | None = None) -> Noise:
        """Return the noise without post-selection, at another overlap if one is given."""
        noise = replace(self.noise, at_least=None, exactly=None)
        return noise if interference is None else replace(noise, interference=interference)

    def with_transmission(self, transmission: float) -> Noise:
        """Return the noise with an equal chance for all photons to be seen."""
        plain: dict = {name: None if name == "loop_transmission" else 1.0 for name in _LOSSES}
        return replace(self.noise, **plain | {"input_transmission": transmission})
