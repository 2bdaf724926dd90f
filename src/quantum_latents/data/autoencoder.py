"""A deterministic autoencoder of a data set, fitted once and kept.

Notation: x (N, d) in the data's model units, a code c (N, k), encoder e and decoder h, perceptrons
with ReLU. The fit lowers

    mean over rows of |x - h(e(x))|^2 / d + gamma |e(x)|^2 / k

(Ghosh et al. 2020, arXiv 1903.12436, with the L2 penalty of codes; weight decay smooths the
decoder). No law is put on codes: whatever generates them is fitted afterwards.

A fit is a function of the data, the settings and torch on a machine. It is one safetensors file in
the cache, ``autoencoders/<digest>.safetensors``, with a checksum; no pickle.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from quantum_latents.data.sizes import check_integer
from quantum_latents.disk import write_atomically
from quantum_latents.random import stream

__all__ = ["Autoencoder", "AutoencoderSpec", "fit_autoencoder", "fitted_autoencoder"]

logger = logging.getLogger(__name__)

_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class AutoencoderSpec:
    """An autoencoder and its fit.

    Attributes:
        hidden: widths of the encoder's hidden layers; the decoder has them in reverse.
        code_dim: k.
        num_steps, batch_size: of the fit, by AdamW.
        learning_rate: at first; it falls to 0 along half a cosine.
        code_penalty: gamma >= 0.
        weight_decay: of the decoder, >= 0.
        seed: of initial weights and batches: every run of a study has one autoencoder.

    Raises:
        TypeError, ValueError: a field is out of its range.
    """

    hidden: tuple[int, ...]
    code_dim: int
    num_steps: int
    batch_size: int
    learning_rate: float
    code_penalty: float
    weight_decay: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.hidden, tuple) or not all(type(w) is int for w in self.hidden):
            raise TypeError(f"hidden is a tuple of integers such as (64, 64), not {self.hidden!r}")
        if not self.hidden or min(self.hidden) < 1:
            raise ValueError(f"hidden needs at least one positive width, not {self.hidden}")
        for name in ("code_dim", "num_steps", "batch_size"):
            check_integer(name, getattr(self, name), 1)
        check_integer("seed", self.seed, 0)
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"learning_rate is a finite number > 0, not {self.learning_rate}")
        for name in ("code_penalty", "weight_decay"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is a finite number >= 0, not {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class Autoencoder:
    """A fitted autoencoder, in numpy.

    Attributes:
        weights: float32, `encoder.weight1` (d_1, d), `encoder.bias1` (d_1,), ..., `decoder...`.
    """

    weights: Mapping[str, np.ndarray]

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """Return codes (N, k), float64, of rows (N, d) in model units."""
        return _perceptron(rows, self.weights, "encoder")

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return rows (N, d), float64, in model units, of codes (N, k)."""
        return _perceptron(codes, self.weights, "decoder")


def _perceptron(rows: np.ndarray, weights: Mapping[str, np.ndarray], part: str) -> np.ndarray:
    values, layer = np.asarray(rows, dtype=np.float64), 1
    while (name := f"{part}.weight{layer}") in weights:
        if layer > 1:
            values = np.maximum(values, 0)
        values = values @ weights[name].T.astype(np.float64) + weights[f"{part}.bias{layer}"]
        layer += 1
    return values


def fitted_autoencoder(
    spec: AutoencoderSpec, train: np.ndarray, name: str, cache: Path
) -> Autoencoder:
    """Return the autoencoder of rows, from the cache or fitted anew and put there.

    Args:
        spec: of the fit.
        train: the rows that it sees, float32 (N, d), in model units.
        name: of the data set, for messages.
        cache: the folder.

    Raises:
        ValueError: the fit diverges; fewer rows than a batch; or a file in its place is of a newer
            format. A damaged one is made anew.
    """
    if len(train) < spec.batch_size:
        raise ValueError(
            f"{name!r} has {len(train)} rows to fit an autoencoder on, fewer than a batch of "
            f"{spec.batch_size}: set batch_size lower"
        )
    path = cache / "autoencoders" / f"{_digest(spec, train)}.safetensors"
    if (found := _read(path)) is not None:
        return found
    logger.info("fitting an autoencoder of %r: %d steps", name, spec.num_steps)
    weights = fit_autoencoder(spec, train)
    if not all(np.isfinite(array).all() for array in weights.values()):
        raise ValueError(
            f"the autoencoder of {name!r} diverged: lower its learning_rate, {spec.learning_rate}"
        )
    facts = {"format": _FORMAT, "checksum": _checksum(weights)}
    path.parent.mkdir(parents=True, exist_ok=True)
    # Processes of a study fit the same weights side by side; whoever is last leaves its own.
    write_atomically(path, save(weights, {"facts": json.dumps(facts, sort_keys=True)}))
    return Autoencoder(weights)


def fit_autoencoder(spec: AutoencoderSpec, train: np.ndarray) -> dict[str, np.ndarray]:
    """Return the weights that a fit ends with, as `Autoencoder` holds them.

    Computed on one thread, so that processes with any number of them agree.

    Args:
        spec: of the fit.
        train: float32 (N, d), in model units.
    """
    import torch

    draws, threads = stream(spec.seed, "autoencoder"), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        parts = {}
        widths = (train.shape[1], *spec.hidden, spec.code_dim)
        for part, sizes in (("encoder", widths), ("decoder", widths[::-1])):
            rng = draws.child("init", part).generator()
            for layer, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
                # He et al. 2015, for ReLU.
                drawn = rng.standard_normal((fan_out, fan_in)) * np.sqrt(2 / fan_in)
                parts[f"{part}.weight{layer}"] = torch.tensor(drawn, dtype=torch.float32)
                parts[f"{part}.bias{layer}"] = torch.zeros(fan_out)
        for weight in parts.values():
            weight.requires_grad_()

        def through(values: torch.Tensor, part: str) -> torch.Tensor:
            for layer in range(1, len(widths)):
                values = values.relu() if layer > 1 else values
                weight, bias = parts[f"{part}.weight{layer}"], parts[f"{part}.bias{layer}"]
                values = torch.addmm(bias, values, weight.T)
            return values

        decoder = [weight for name, weight in parts.items() if name.startswith("decoder")]
        encoder = [weight for name, weight in parts.items() if name.startswith("encoder")]
        optimiser = torch.optim.AdamW(
            [
                {"params": encoder, "weight_decay": 0.0},
                {"params": decoder, "weight_decay": spec.weight_decay},
            ],
            lr=spec.learning_rate,
        )
        rows = torch.from_numpy(np.array(train, dtype=np.float32))
        with torch.enable_grad():
            for step in range(spec.num_steps):
                rate = spec.learning_rate * (1 + np.cos(np.pi * step / spec.num_steps)) / 2
                for group in optimiser.param_groups:
                    group["lr"] = float(rate)
                chosen = (
                    draws.child("batch").generator(step).integers(len(rows), size=spec.batch_size)
                )
                x = rows[torch.from_numpy(chosen)]
                code = through(x, "encoder")
                error = (x - through(code, "decoder")).square().mean()
                loss = error + spec.code_penalty * code.square().mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        return {name: weight.detach().numpy().copy() for name, weight in parts.items()}
    finally:
        torch.set_num_threads(threads)


def _digest(spec: AutoencoderSpec, train: np.ndarray) -> str:
    """Return the name of all that a fit depends on: its settings, and the rows themselves."""
    sha = hashlib.sha256(repr((_FORMAT, spec, train.shape)).encode())
    sha.update(np.ascontiguousarray(train, "<f4").tobytes())
    return sha.hexdigest()


def _checksum(weights: Mapping[str, np.ndarray]) -> str:
    sha = hashlib.sha256()
    for name in sorted(weights):
        sha.update(f"{name}{weights[name].shape}".encode())
        sha.update(np.ascontiguousarray(weights[name], "<f4").tobytes())
    return sha.hexdigest()


def _read(path: Path) -> Autoencoder | None:
    """Return the autoencoder in a file; None where there is none, or a damaged one."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="np") as file:
            facts = json.loads((file.metadata() or {})["facts"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        is_newer = facts["format"] > _FORMAT
        is_whole = facts["checksum"] == _checksum(weights)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        logger.warning("%s is damaged (%s); fitting it anew", path, error)
        return None
    if is_newer:
        raise ValueError(
            f"{path} has format {facts['format']}, newer than {_FORMAT} of this version: update "
            "quantum-latents to read it"
        )
    if not is_whole:
        logger.warning("%s is damaged (its checksum differs); fitting it anew", path)
        return None
    return Autoencoder(weights)
