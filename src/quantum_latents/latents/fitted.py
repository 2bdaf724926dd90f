"""Fits of learned latents on disk: made by `training`, read here.

Notation: m modes, n photons, N shots that a fit sees. A fit is one safetensors file in the cache,
``learned/<digest>.safetensors``: the weights of `AutoregressiveSource`, and JSON facts with a
checksum of them. The digest names all that the weights depend on: the shots' recipe
(interferometer, input, stream), the network, the fit's settings and the seed. No pickle: a crafted
file cannot run code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open

from quantum_latents.banks import BankRecipe
from quantum_latents.circuits import Interferometer
from quantum_latents.random import Stream, stream

if TYPE_CHECKING:
    from quantum_latents.latents.kinds.learned import LearnedSpec

__all__ = [
    "FIT_FORMAT",
    "NUM_JUDGED",
    "DamagedFitError",
    "FitReport",
    "MissingFitError",
    "checksum_of",
    "facts_of",
    "fit_path",
    "fit_stream",
    "read_fit",
    "shots_recipe",
]

FIT_FORMAT = 1
"""The format that is written, and the newest that is read."""

_FIT_VERSION = 1
"""Of the procedure: another one gives other weights, and so another digest."""

NUM_JUDGED = 20_000
"""Further shots of the same stream, which no fit sees, for the held-out likelihood."""


class MissingFitError(ValueError):
    """A latent that has not been fitted in this cache."""


class DamagedFitError(ValueError):
    """A fit whose file cannot be read or is not what was written: it can be made again."""


@dataclass(frozen=True, kw_only=True)
class FitReport:
    """What a fit learned, in nats a shot; None where the exact law is not written out.

    Attributes:
        num_shots: N.
        log_likelihood, standard_error: mean of log P over `NUM_JUDGED` shots that it never saw.
        uniform_log_likelihood: of a law in which all outcomes are as likely as each other.
        entropy: of the exact law; no law has a higher likelihood than minus this.
        relative_entropy: of the exact law to the fitted one, its excess over `entropy`.
        total_variation: distance of the two laws, in [0, 1].
        mean_deviation: largest deviation of a mode's mean from the quantum latent's.
        covariance_deviation: largest deviation of a variance or a pair covariance.
    """

    num_shots: int
    log_likelihood: float
    standard_error: float
    uniform_log_likelihood: float
    entropy: float | None
    relative_entropy: float | None
    total_variation: float | None
    mean_deviation: float
    covariance_deviation: float

    def text(self) -> str:
        """Return what it says in words."""
        parts = [
            f"held-out log-likelihood {self.log_likelihood:.3f} ± {self.standard_error:.3f} nats a "
            f"shot (all outcomes alike {self.uniform_log_likelihood:.3f}"
            + ("" if self.entropy is None else f", the exact law {-self.entropy:.3f}")
            + ")"
        ]
        if self.total_variation is not None:
            parts.append(f"total-variation distance to the exact law {self.total_variation:.3f}")
        parts.append(
            f"means at most {self.mean_deviation:.2g} off, variances and pair covariances at most "
            f"{self.covariance_deviation:.2g}"
        )
        return "; ".join(parts)


def fit_stream(seed: int, *names: str) -> Stream:
    """Return a stream of a seed's fit: its `shots`, its `init` or its `batch`.

    No latent and no data set draws from it: the shots that a fit sees are shots of its own.
    """
    return stream(seed, "learned latent", *names)


def shots_recipe(spec: LearnedSpec, device: Interferometer, seed: int) -> BankRecipe:
    """Return the bank of a fit: N shots to fit, then `NUM_JUDGED` to judge it by.

    Args:
        spec: of the latent.
        device: the quantum latent's interferometer at this seed.
        seed: the run's.
    """
    return BankRecipe(
        interferometer=device.recipe,
        occupation=spec.occupation,
        statistics="boson",
        num_samples=spec.fit.num_shots + NUM_JUDGED,
        stream=fit_stream(seed, "shots"),
    )


def fit_path(spec: LearnedSpec, device: Interferometer, seed: int, cache: Path) -> Path:
    """Return the file of a fit; its stem is the fit's digest."""
    content = {
        "version": _FIT_VERSION,
        "shots": shots_recipe(spec, device, seed).digest,
        "fit": asdict(spec.fit),
        "seed": seed,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return cache / "learned" / f"{digest}.safetensors"


def checksum_of(weights: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of named float32 arrays, shapes included."""
    sha = hashlib.sha256()
    for name in sorted(weights):
        array = np.ascontiguousarray(weights[name], "<f4")
        sha.update(f"{name}{array.shape}".encode())
        sha.update(array.tobytes())
    return sha.hexdigest()


def read_fit(path: Path) -> tuple[dict[str, np.ndarray], FitReport]:
    """Return the weights and the report of a fit.

    Raises:
        MissingFitError: there is no such file.
        DamagedFitError: it cannot be read, or differs from what was written.
        ValueError: it is of another fit or of a newer format, or no fit at all.
    """
    if not path.exists():
        raise MissingFitError(
            f"the learned latent is not fitted in {path.parent.parent} yet: "
            "quantum_latents.training.latent_of_run(spec, seed, cache) fits it and builds it"
        )
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise DamagedFitError(f"{path} is damaged ({error}): delete it to fit it anew") from error
    try:
        facts = json.loads(metadata["facts"])
        written, digest, checksum = (facts[name] for name in ("format", "digest", "checksum"))
        is_newer = written > FIT_FORMAT
    except (KeyError, TypeError, ValueError, RecursionError):
        raise ValueError(f"{path} is not a fit of quantum-latents: move it away") from None
    if is_newer:
        raise ValueError(
            f"{path} has format {written}, newer than {FIT_FORMAT} of this version: update "
            "quantum-latents to read it"
        )
    if digest != path.stem:
        raise ValueError(f"{path} holds the fit {digest}: move it away")
    if checksum_of(weights) != checksum:
        raise DamagedFitError(f"{path} is damaged (its checksum differs): delete it to fit it anew")
    try:
        report = FitReport(**facts["report"])
        report.text()  # numbers, every one
    except (KeyError, TypeError, ValueError):
        raise DamagedFitError(
            f"{path} is damaged (its report is not that of a fit): delete it to fit it anew"
        ) from None
    return weights, report


def facts_of(path: Path, weights: Mapping[str, np.ndarray], report: FitReport) -> dict[str, Any]:
    """Return the facts that a fit's file states."""
    return {
        "format": FIT_FORMAT,
        "digest": path.stem,
        "checksum": checksum_of(weights),
        "report": asdict(report),
    }
