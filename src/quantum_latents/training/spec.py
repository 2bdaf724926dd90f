"""The whole specification of a run, and its name.

A `RunSpec` holds everything that a run's result depends on. Its canonical JSON, hashed,
names the run: two runs of one name are the same run.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import numbers
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from quantum_latents.data import DataSpec, PushforwardSpec
from quantum_latents.latents import LatentSpec, LearnedPriorSpec, latent_kinds
from quantum_latents.models import (
    DDGANSpec,
    FlowSpec,
    GANModelSpec,
    GANSpec,
    GraphGANSpec,
    ModelSpec,
    MolGANSpec,
    latents_per_sample,
)
from quantum_latents.training.denoising_settings import DenoisingSpec, check_denoising_run
from quantum_latents.training.flow_settings import FlowMatchingSpec, check_flow_run
from quantum_latents.training.settings import WGANSpec

__all__ = ["EvaluationSpec", "RunSpec", "TrainingSpec", "decode", "digest_of", "encode"]

TrainingSpec = WGANSpec | FlowMatchingSpec | DenoisingSpec
"""Any kind of training; a GAN's, the only one once, says nothing of its kind in JSON."""

_MODELS: dict[type, tuple[type, ...]] = {
    WGANSpec: (GANSpec, MolGANSpec, GraphGANSpec),
    FlowMatchingSpec: (FlowSpec,),
    DenoisingSpec: (DDGANSpec,),
}
"""What each kind of training can train."""

_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class EvaluationSpec:
    """What is kept of a trained generator for the metrics.

    Attributes:
        num_samples: samples generated from held-out latents and stored.
        milestones: shares of the training steps, ascending in [0, 1), after which as many samples
            are generated from the same latents and stored too: the metrics against the budget.
            0 is before the first step.
        split: which rows the samples are compared with. `test`: those that the data set holds out.
            `validation`: rows that are set aside of those to train on, which the run then does not
            train on; the held-out ones are not looked at (`DataSet.validation`). For choosing
            settings before any test row is read.
    """

    num_samples: int
    # Left out of a run's name where there are none: runs named before keep their names.
    milestones: tuple[float, ...] = field(default=(), metadata={"omit_default": True})
    split: Literal["test", "validation"] = field(default="test", metadata={"omit_default": True})

    def __post_init__(self):
        if self.split not in ("test", "validation"):
            raise ValueError(f"split is 'test' or 'validation', not {self.split!r}")
        if self.num_samples < 2:
            raise ValueError(f"num_samples is at least 2, not {self.num_samples}")
        shares = self.milestones
        if not isinstance(shares, tuple):
            raise TypeError(f"milestones is a tuple such as (0.1, 0.5), not {shares!r}")
        if not all(0 <= share < 1 for share in shares) or list(shares) != sorted(set(shares)):
            raise ValueError(
                f"milestones are ascending shares of the steps in [0, 1), not {shares}"
            )


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One training run.

    Attributes:
        data: what to learn.
        latent: where z comes from.
        model: generator and critic, a flow, or a denoising diffusion GAN.
        training: how, and for how long.
        evaluation: what is kept.
        seed: names every random number of the run. Data, initial weights and batch order
            depend on it and not on the latent, so runs of one seed are paired.
        restart: another draw of the initial weights of generator and critic, and of nothing else.
        start: the generator starts from a `random` draw, or is the `target`: the map that made
            the data, where the data set knows it and the model has its shape.
    """

    data: DataSpec
    latent: LatentSpec
    model: ModelSpec
    training: TrainingSpec
    evaluation: EvaluationSpec
    seed: int
    # Left out of a run's name at their defaults: runs named before keep their names.
    restart: int = field(default=0, metadata={"omit_default": True})
    start: Literal["random", "target"] = field(default="random", metadata={"omit_default": True})

    def __post_init__(self):
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ValueError(f"a seed is an integer >= 0, not {self.seed!r}")
        if isinstance(self.restart, bool) or not isinstance(self.restart, int) or self.restart < 0:
            raise ValueError(f"a restart is an integer >= 0, not {self.restart!r}")
        if self.start not in ("random", "target"):
            raise ValueError(f"start is 'random' or 'target', not {self.start!r}")
        if not isinstance(self.model, known := _MODELS[type(self.training)]):
            names = " or a ".join(kind.__name__ for kind in known)
            raise ValueError(
                f"{type(self.training).__name__} trains a {names}, "
                f"not a {type(self.model).__name__}"
            )
        if isinstance(self.model, FlowSpec):
            assert isinstance(self.training, FlowMatchingSpec)
            check_flow_run(self.data, self.latent, self.model, self.training, self.start)
        elif isinstance(self.model, DDGANSpec):
            assert isinstance(self.training, DenoisingSpec)
            check_denoising_run(self.data, self.latent, self.model, self.training, self.start)
        else:
            self._check_generator(self.model)
        if self.latent.num_held_out < self.num_held_out_latents:
            raise ValueError(
                f"evaluation.num_samples={self.evaluation.num_samples} needs "
                f"{self.num_held_out_latents} held-out latents, not "
                f"latent.num_held_out={self.latent.num_held_out}"
            )

    @property
    def num_held_out_latents(self) -> int:
        """Held-out latents that the samples for the metrics are made of."""
        return self.evaluation.num_samples * latents_per_sample(self.model)

    def _check_generator(self, model: GANModelSpec) -> None:
        """Refuse a generator that does not fit the latent or the start."""
        learns = isinstance(self.latent, LearnedPriorSpec)
        if learns != model.generator.trainable_input_affine:
            raise ValueError(
                f"latent {self.latent.name!r} needs a generator with "
                f"trainable_input_affine={learns}: the scales and shifts of a learned prior are "
                "its generator's, and no other latent has any"
            )
        if self.start == "target":
            self._check_target(model)

    def _check_target(self, model: GANModelSpec) -> None:
        """Refuse to start from the target's own generator where the model cannot be it."""
        if not isinstance(self.data, PushforwardSpec):
            raise ValueError(
                f"start='target' needs data that a known generator made, not {self.data.name!r}: "
                "use start='random'"
            )
        ours, theirs = model.generator, self.data
        if ours.trainable_input_affine:
            raise ValueError(
                "start='target' needs the target's own generator, which has no "
                "trainable_input_affine: use start='random'"
            )
        wanted = (theirs.num_modes, theirs.hidden, theirs.negative_slope, False)
        found = (self.latent.dim, ours.hidden, ours.negative_slope, ours.reinject_latent)
        if found != wanted:
            raise ValueError(
                "start='target' needs a generator of the target's own shape: (latent.dim, hidden, "
                f"negative_slope, reinject_latent) = {wanted}, not {found}"
            )
        if 0 < ours.spectral_bound < theirs.gain:
            raise ValueError(
                f"start='target' needs spectral_bound >= {theirs.gain}, the target's own, or 0, "
                f"not {ours.spectral_bound}"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the spec as JSON values."""
        return encode(self, RunSpec)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> RunSpec:
        """Read what `to_json` wrote.

        Raises:
            ValueError: a field is unknown, missing or of the wrong form, named with its path.
        """
        return decode(cls, content, "spec")

    @property
    def digest(self) -> str:
        """The run's name: 16 hexadecimal digits of the SHA-256 of its canonical JSON."""
        return digest_of(self.to_json())


def digest_of(spec: Mapping[str, Any]) -> str:
    """Return the name of the run of a spec that was written as JSON values."""
    content = {"format": _FORMAT, "spec": spec}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# Resolving annotations is slow, and a study encodes hundreds of specs.
_hints_of = functools.cache(typing.get_type_hints)


def encode(value: Any, expected: Any) -> Any:
    """Return a spec, or a value of a field that expects this type, as JSON values."""
    if dataclasses.is_dataclass(value):
        content = {}
        if hasattr(value, "name"):
            content = {"kind": _kind(type(value)), "name": value.name}  # type: ignore[attr-defined]
        hints = _hints_of(type(value))
        names = [field.name for field in dataclasses.fields(value) if not _omitted(field, value)]
        return content | {name: encode(getattr(value, name), hints[name]) for name in names}
    if isinstance(value, tuple):
        item = typing.get_args(expected)[0]
        return [encode(entry, item) for entry in value]
    # A run has one name however its numbers were typed: 10 is 10.0 where a float is meant.
    if expected is float:
        return float(value)
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    return value


def _omitted(field: dataclasses.Field, value: Any) -> bool:
    """Return whether a field says nothing: younger than the runs that are named without it."""
    return bool(field.metadata.get("omit_default")) and getattr(value, field.name) == field.default


def _has_name(spec: type) -> bool:
    fields = {field.name for field in dataclasses.fields(spec)}
    return "name" in fields or hasattr(spec, "name")


def _kind(spec: type) -> str:
    """Return a spec's class as a word: PhotonCountsSpec is photon_counts."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", spec.__name__.removesuffix("Spec")).lower()


def decode(expected: Any, value: Any, where: str) -> Any:
    """Read what `encode` wrote; raises as `RunSpec.from_json`."""
    if expected is LatentSpec or typing.get_origin(expected) in (types.UnionType, typing.Union):
        options = latent_kinds() if expected is LatentSpec else typing.get_args(expected)
        if type(None) in options:
            (other,) = (option for option in options if option is not type(None))
            return None if value is None else decode(other, value, where)
        kinds = {_kind(option): option for option in options}
        kind = value.get("kind") if isinstance(value, Mapping) else None
        # A GAN of perceptrons was the only model once and says nothing of its kind.
        nameless = [name for name, option in kinds.items() if not _has_name(option)]
        if nameless and isinstance(value, Mapping) and "kind" not in value:
            (kind,) = nameless
        if not isinstance(kind, str) or kind not in kinds:
            raise ValueError(f"{where}.kind is one of {sorted(kinds)}, not {kind!r}")
        return decode(kinds[kind], value, where)
    if dataclasses.is_dataclass(expected):
        return _decode_dataclass(expected, value, where)
    if typing.get_origin(expected) is tuple:
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{where} is a list, not {value!r}")
        item = typing.get_args(expected)[0]
        return tuple(decode(item, entry, f"{where}[{i}]") for i, entry in enumerate(value))
    if typing.get_origin(expected) is Literal:
        options = typing.get_args(expected)
        if value not in options:
            raise ValueError(f"{where} is one of {list(options)}, not {value!r}")
        return value
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if expected in (int, float, str, bool) and type(value) is not expected:
        raise ValueError(f"{where} is of type {expected.__name__}, not {value!r}")
    return value


def _decode_dataclass(expected: Any, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} is an object, not {value!r}")
    hints = _hints_of(expected)
    fields = {field.name for field in dataclasses.fields(expected)}
    derived = {"kind", "name"} if hasattr(expected, "name") or "name" in fields else set()
    content = {key: item for key, item in value.items() if key in fields or key not in derived}
    if unknown := set(content) - fields:
        raise ValueError(f"{where} has unknown fields {sorted(unknown)}")
    optional = {f.name for f in dataclasses.fields(expected) if f.metadata.get("omit_default")}
    if missing := fields - optional - set(content):
        raise ValueError(f"{where} lacks {sorted(missing)}")
    decoded = {name: decode(hints[name], content[name], f"{where}.{name}") for name in content}
    made = expected(**decoded)
    for key in derived & set(value):
        actual = _kind(expected) if key == "kind" else made.name
        if value[key] != actual:
            raise ValueError(f"{where}.{key} is {actual!r} here, not {value[key]!r}")
    return made
