"""The learned rival: a small network fitted to shots of the quantum latent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from quantum_latents.latents.autoregressive import AutoregressiveSource, check_autoregressive
from quantum_latents.latents.fitted import FitReport, fit_path, read_fit
from quantum_latents.latents.sharing import full, part
from quantum_latents.latents.sources import Card
from quantum_latents.latents.spec import InterferometerLatentSpec

__all__ = ["USUAL_FIT", "AutoregressiveFitSpec", "LearnedSpec"]


@dataclass(frozen=True, kw_only=True)
class AutoregressiveFitSpec:
    """An autoregressive network and its fit by maximum likelihood, see `training.autoregressive`.

    Attributes:
        hidden: H, hidden units; (2 H + 1) numbers a mode and count, about.
        num_shots: N, quantum shots that it is fitted to, drawn for it alone.
        num_steps: updates by Adam.
        batch_size: shots of an update, drawn with replacement.
        learning_rate: of the first update; it falls linearly to 0.
    """

    hidden: int
    num_shots: int
    num_steps: int
    batch_size: int
    learning_rate: float

    def __post_init__(self):
        for name in ("hidden", "num_shots", "num_steps", "batch_size"):
            if type(value := getattr(self, name)) is not int:
                raise TypeError(f"{name} is an integer, not {value!r}")
            if value < 1:
                raise ValueError(f"{name} is at least 1, not {value}")
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"learning_rate is a finite number > 0, not {self.learning_rate}")
        object.__setattr__(self, "learning_rate", float(self.learning_rate))


USUAL_FIT = AutoregressiveFitSpec(
    hidden=96, num_shots=500_000, num_steps=1000, batch_size=256, learning_rate=0.01
)
"""What a study means by the learned rival: small, and the same at every preset."""


@dataclass(frozen=True, kw_only=True)
class LearnedSpec(InterferometerLatentSpec):
    """The learned rival: a small network fitted to shots of the quantum latent of the run's seed.

    `training.latent_of_run` fits it, once for a cache; `build_latent` reads the fit.

    Further attributes than those of `InterferometerLatentSpec`:
        fit: the network, the shots it is fitted to, and how.
    """

    name: Literal["learned"] = "learned"
    fit: AutoregressiveFitSpec

    setting_sources: ClassVar[Mapping[str, str]] = {
        "latent.fit": "ours: a small fit, the same at every preset"
    }

    def __post_init__(self):
        super().__post_init__()
        if self.name != "learned":
            raise ValueError(f"the learned rival's name is 'learned', not {self.name!r}")
        check_autoregressive(self.dim, self.num_photons)

    @classmethod
    def usual(cls, name: str, sizes: Mapping[str, Any]) -> Self:
        """Return the learned rival with the usual fit, half as many photons as modes."""
        return cls(
            num_photons=max(1, sizes["dim"] // 2),
            interferometer="haar",
            sharing="shared",
            fit=USUAL_FIT,
            **sizes,
        )

    def source(self, seed: int, cache: Path) -> AutoregressiveSource:
        """Return the law that was fitted; its card says what the fit learned.

        Raises:
            MissingFitError, DamagedFitError, ValueError: there is no fit to read, see `read_fit`.
        """
        weights, report = read_fit(fit_path(self, self.interferometer_at(seed), seed, cache))
        return AutoregressiveSource(weights, _card(self, report))

    @property
    def card(self) -> Card:
        """Of whatever its fits will be; a source's card says what one learned."""
        return _card(self)

    def notes(self) -> tuple[str, ...]:
        """Return what it was fitted to."""
        return (
            f"learned is fitted, for every seed, to {self.fit.num_shots:,} shots of the "
            "quantum latent that nothing else draws: the only rival that needs any. A row's "
            "fit says how near it came.",
        )


def _card(spec: LearnedSpec, report: FitReport | None = None) -> Card:
    """Return the card of a learned latent: of a seed's fit, or of whatever its fits will be."""
    m, n, fit = spec.dim, spec.num_photons, spec.fit
    learned = "the report of its fit says how near" if report is None else report.text()
    return Card(
        f"autoregressive network of the counts of {n} photons in {m} modes ({fit.hidden} hidden "
        f"units), fitted by maximum likelihood to {fit.num_shots:,} shots of the quantum latent",
        f"photon total, and of all else what the network learned ({learned}); the only rival that "
        "needs quantum samples",
        f"linear in modes, photons and hidden units: at most {(m - 1) * fit.hidden * (n + 1):,} "
        "multiplications a shot, once it is fitted",
        full("whole_numbers", "total")
        | part("means", "variances", "single_modes", "pairs", "all_orders"),
    )
