"""Simple priors that people use for z, none of which knows of any interferometer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from quantum_latents.latents.priors import PRIOR_CARDS, PriorName, check_prior, prior_source
from quantum_latents.latents.sources import Card, Source
from quantum_latents.latents.spec import LatentSpec

__all__ = ["PriorSpec"]


@dataclass(frozen=True, kw_only=True)
class PriorSpec(LatentSpec):
    """A simple prior, see `latents.priors`.

    Further attributes than those of `LatentSpec`:
        name: one of `PRIORS`.
        parameter: degrees of freedom of `student_t`, distance of the means of
            `gaussian_mixture`, deviation of `rounded_gaussian`, rate of `poisson`; None for the
            others.
    """

    name: PriorName
    parameter: float | None

    setting_sources: ClassVar[Mapping[str, str]] = {
        "latent.parameter": "ours: the prior's usual one"
    }
    is_written_out = False

    def __post_init__(self):
        super().__post_init__()
        check_prior(self.name, self.dim, self.parameter)
        if self.parameter is not None:
            # A run has one name however its numbers were typed.
            object.__setattr__(self, "parameter", float(self.parameter))

    @classmethod
    def usual(cls, name: str, sizes: Mapping[str, Any]) -> Self:
        """Return the prior with the parameter that it is compared with."""
        parameter = {
            "student_t": 3.0,
            "gaussian_mixture": 3.0,
            "rounded_gaussian": 1.0,
            "poisson": max(1, sizes["dim"] // 2) / sizes["dim"],
        }.get(name)
        return cls(name=name, parameter=parameter, **sizes)  # type: ignore[arg-type]

    def source(self, seed: int, cache: Path) -> Source:
        """Return the law, the same at every seed."""
        return prior_source(self.name, self.dim, self.parameter)

    @property
    def card(self) -> Card:
        """That of the prior's law."""
        return PRIOR_CARDS[self.name]
