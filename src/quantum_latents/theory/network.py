"""A generator as the affine maps and slopes that it is made of.

Notation: maps l = 1..L+1 with widths d_0 = d_z, ..., d_{L+1} = d_x. For a latent z (d_z,)

    p_l = W_l a_{l-1} + V_l z + b_l,    a_0 = z,    a_l = phi_l(p_l),    g(z) = a_{L+1},

V_l the optional re-injection of z (a trainable scale and shift of z are multiplied into W_1, V_l
and the biases when a network is read), and phi_l(p) = p where p > 0 and s_l p elsewhere: s = 0 is
ReLU, 0 < s < 1 LeakyReLU, s = 1 no activation. Rows of an array are samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import nn

from quantum_latents.models import StackedMLP
from quantum_latents.training import TrainedGenerator

__all__ = ["Affine", "Decoding", "Generator", "Network", "read_network"]

Generator: TypeAlias = "Network | TrainedGenerator | nn.Module"
"""What `read_network` reads."""

Decoding = Literal["none", "argmax", "softmax"]

_ROUNDING = 1e-12
"""Relative to the sum of the magnitudes that make a number p, far above its rounding."""


@dataclass(frozen=True)
class Affine:
    """One affine map and the activation after it.

    Attributes:
        weight: W, float64 (d_l, d_{l-1}).
        bias: b, float64 (d_l,).
        injection: V, float64 (d_l, d_z), or None.
        slope: s of the activation; 1 for none.
    """

    weight: np.ndarray
    bias: np.ndarray
    injection: np.ndarray | None = None
    slope: float = 1.0

    @property
    def joint(self) -> np.ndarray:
        """[W V] (d_l, d_{l-1} + d_z): what acts on (a_{l-1}, z); W alone without re-injection."""
        if self.injection is None:
            return self.weight
        return np.hstack([self.weight, self.injection])


@dataclass(frozen=True)
class Network:
    """A piecewise linear generator.

    Attributes:
        layers: its affine maps, first to last.
        decoding: what becomes of its output: nothing, `softmax` or `argmax` of groups of logits.

    >>> network = Network((Affine(np.eye(2), np.zeros(2), slope=0.1),))
    >>> network(np.array([[1.0, -1.0]]))
    array([[ 1. , -0.1]])
    """

    layers: tuple[Affine, ...]
    decoding: Decoding = "none"

    def __post_init__(self):
        if not self.layers:
            raise ValueError("a generator has at least one affine map")
        width = self.latent_dim
        for place, layer in enumerate(self.layers, start=1):
            if not 0 <= layer.slope <= 1:
                raise ValueError(f"layer {place}: slopes are in [0, 1], not {layer.slope}")
            _check_shapes(layer, place, width, self.latent_dim)
            width = len(layer.weight)
            for name in ("weight", "bias", "injection"):
                value = getattr(layer, name)
                if value is not None and not np.isfinite(value).all():
                    raise ValueError(f"layer {place}: its {name} holds numbers that are not finite")

    @property
    def latent_dim(self) -> int:
        """d_z."""
        return self.layers[0].weight.shape[1]

    @property
    def widths(self) -> tuple[int, ...]:
        """(d_0, ..., d_{L+1})."""
        return (self.latent_dim, *(len(layer.weight) for layer in self.layers))

    @property
    def features(self) -> Network | None:
        """The network without its last map, the head; None if that is all it has."""
        return Network(self.layers[:-1]) if len(self.layers) > 1 else None

    def activations(self, z: np.ndarray) -> list[np.ndarray]:
        """Return [a_0, ..., a_{L+1}], each (N, d_l), of z (N, d_z), in z's own precision."""
        activations = [np.asarray(z)]
        for layer in self.layers:
            p = activations[-1] @ layer.weight.T.astype(z.dtype) + layer.bias.astype(z.dtype)
            if layer.injection is not None:
                p += z @ layer.injection.T.astype(z.dtype)
            if layer.slope != 1:
                p = np.where(p > 0, p, p.dtype.type(layer.slope) * p)
            activations.append(p)
        return activations

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Return g(z) (N, d_x), before any decoding, of z (N, d_z), in z's own precision.

        Raises:
            ValueError: z has another width.
        """
        if np.ndim(z) != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(
                f"this generator takes z of shape (N, {self.latent_dim}), not {np.shape(z)}"
            )
        return self.activations(z)[-1]

    def differences(self, z: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return g(z) - g(z') (N, d_x), in float64, with an error that scales with |z - z'|.

        Outputs are not subtracted, so biases and offsets, however large, cancel exactly: a
        difference of p goes through a layer's activation by a factor in [s, 1].
        """
        z, other = np.asarray(z, np.float64), np.asarray(other, np.float64)
        apart = z - other
        difference, pairs = apart, zip(self._before(z), self._before(other), strict=True)
        for layer, (p, q) in zip(self.layers, pairs, strict=True):
            difference = difference @ layer.weight.T
            if layer.injection is not None:
                difference = difference + apart @ layer.injection.T
            if layer.slope != 1:
                above, below = np.maximum(p, q), np.minimum(p, q)
                # The share of the way from q to p on which the slope is 1.
                share = np.clip(above / np.where(above > below, above - below, 1), 0, 1)
                share = np.where(below > 0, 1.0, np.where(above > 0, share, 0.0))
                difference = difference * (layer.slope + (1 - layer.slope) * share)
        return difference

    def _before(self, z: np.ndarray) -> list[np.ndarray]:
        """Return [p_1, ..., p_{L+1}] of z, in float64."""
        a, found = z, []
        for layer in self.layers:
            p = a @ layer.weight.T + layer.bias
            if layer.injection is not None:
                p += z @ layer.injection.T
            found.append(p)
            a = p if layer.slope == 1 else np.where(p > 0, p, layer.slope * p)
        return found

    def is_inside(self, z: np.ndarray) -> np.ndarray:
        """Return (N,), whether g is linear around z: no p that z moves is 0, to rounding."""
        z = np.asarray(z, np.float64)
        inside = np.ones(len(z), bool)
        jacobian = np.broadcast_to(np.eye(self.latent_dim), (len(z), *[self.latent_dim] * 2))
        befores = self._before(z)
        size = np.abs(z)
        for layer, p in zip(self.layers, befores, strict=True):
            jacobian = layer.weight @ jacobian
            size = size @ np.abs(layer.weight).T + np.abs(layer.bias)
            if layer.injection is not None:
                jacobian = jacobian + layer.injection
                size = size + np.abs(z) @ np.abs(layer.injection).T
            if layer.slope != 1:
                inside &= ~((np.abs(p) <= _ROUNDING * size) & jacobian.any(axis=2)).any(axis=1)
                jacobian = jacobian * np.where(p > 0, 1.0, layer.slope)[:, :, None]
                size = np.abs(np.where(p > 0, p, layer.slope * p))
        return inside

    def jacobians(self, z: np.ndarray) -> np.ndarray:
        """Return dg/dz (N, d_x, d_z) at z (N, d_z), in float64.

        Where p = 0 (see `is_inside`) the slope is that of p < 0. If several are 0 there may be no
        such piece, and what is returned is no derivative of g.
        """
        z = np.asarray(z, np.float64)
        jacobian = np.broadcast_to(np.eye(self.latent_dim), (len(z), *[self.latent_dim] * 2))
        for layer, a in zip(self.layers, self.activations(z)[1:], strict=True):
            jacobian = layer.weight @ jacobian
            if layer.injection is not None:
                jacobian = jacobian + layer.injection
            if layer.slope != 1:
                jacobian = jacobian * np.where(a > 0, 1.0, layer.slope)[:, :, None]
        return jacobian

    def pulled(self, z: np.ndarray, cotangents: np.ndarray) -> np.ndarray:
        """Return J(z)^T v (N, d_z) for cotangents v (N, d_x), without making J; in float64."""
        z, v = np.asarray(z, np.float64), np.asarray(cotangents, np.float64)
        by_z = np.zeros_like(z)
        pairs = zip(self.layers, self.activations(z)[1:], strict=True)
        for layer, a in reversed(list(pairs)):
            if layer.slope != 1:
                v = v * np.where(a > 0, 1.0, layer.slope)
            if layer.injection is not None:
                by_z += v @ layer.injection
            v = v @ layer.weight
        return v + by_z


def _check_shapes(layer: Affine, place: int, num_inputs: int, latent_dim: int) -> None:
    rows = len(layer.weight)
    expected = {"weight": (rows, num_inputs), "bias": (rows,), "injection": (rows, latent_dim)}
    for name, shape in expected.items():
        value = getattr(layer, name)
        if value is not None and value.shape != shape:
            raise ValueError(f"layer {place}: its {name} is {shape}, not {value.shape}")


def read_network(generator: Generator) -> Network:
    """Read a generator's affine maps.

    Args:
        generator: a trained generator of ours (in data units; of molecules its logits, which are
            then decoded by argmax); a `StackedMLP` of one run or what its `extract` returns; or
            `torch.nn.Sequential`, nested or not, of Linear, LeakyReLU, ReLU, Identity, Flatten,
            Dropout in evaluation mode and, at the end, Softmax.

    Raises:
        TypeError: it holds anything else, named: nothing is known of its inverse.
        ValueError: a stack of several runs, or weights that are not finite.

    >>> read_network(nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 8))).widths
    (4, 8, 8)
    """
    if isinstance(generator, Network):
        return generator
    if isinstance(generator, TrainedGenerator):
        return _of_trained(generator)
    if isinstance(generator, StackedMLP):
        if generator.stack != 1:
            raise ValueError(
                f"a stack of {generator.stack} runs is not one generator: give stack.extract(run)"
            )
        return _of_stacked(generator)
    if isinstance(generator, nn.Sequential):
        return _of_sequential(generator)
    if hasattr(generator, "layers") and hasattr(generator, "injections"):
        return _of_plain(generator)
    raise TypeError(
        f"cannot read the affine maps of a {type(generator).__name__}: give a generator of ours, "
        "or torch.nn.Sequential of Linear, LeakyReLU and ReLU"
    )


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()


def _of_stacked(module: StackedMLP) -> Network:
    views = module.views(module.flat.detach())
    layers = []
    for place in range(1, module.num_layers + 1):
        injection = views.get(f"injection{place}")
        layers.append(
            Affine(
                _array(views[f"weight{place}"][0]),
                _array(views[f"bias{place}"][0, 0]),
                None if injection is None else _array(injection[0]),
                module.negative_slope if place < module.num_layers else 1.0,
            )
        )
    if "scale1" in views:
        layers = _of_scaled(layers, _array(views["scale1"][0, 0]), _array(views["shift1"][0, 0]))
    return Network(tuple(layers))


def _of_scaled(layers: list[Affine], scale: np.ndarray, shift: np.ndarray) -> list[Affine]:
    """Return maps of z that do what these do of sigma z + mu, wherever they take it."""
    made = []
    for place, layer in enumerate(layers):
        weight, bias, injection = layer.weight, layer.bias, layer.injection
        if place == 0:
            weight, bias = weight * scale, bias + weight @ shift
        if injection is not None:
            injection, bias = injection * scale, bias + injection @ shift
        made.append(Affine(weight, bias, injection, layer.slope))
    return made


def _of_trained(generator: TrainedGenerator) -> Network:
    network = _of_stacked(generator.module)
    if generator.layout is not None:
        return Network(network.layers, "argmax")
    head = network.layers[-1]
    scaled = Affine(
        generator.scale[:, None] * head.weight,
        generator.scale * head.bias + generator.offset,
        None if head.injection is None else generator.scale[:, None] * head.injection,
    )
    return Network((*network.layers[:-1], scaled))


def _of_plain(module: nn.Module) -> Network:
    linears: list[nn.Linear] = list(module.layers)  # type: ignore[arg-type]
    injections: dict[str, nn.Linear] = dict(module.injections.items())  # type: ignore[operator,union-attr]
    layers = []
    for place, linear in enumerate(linears, start=1):
        injection = injections.get(str(place))
        layers.append(
            Affine(
                _array(linear.weight),
                _array(linear.bias),
                None if injection is None else _array(injection.weight),
                float(module.negative_slope) if place < len(linears) else 1.0,  # type: ignore[arg-type]
            )
        )
    if getattr(module, "scale", None) is not None:
        layers = _of_scaled(layers, _array(module.scale), _array(module.shift))  # type: ignore[arg-type]
    return Network(tuple(layers))


def _parts(module: nn.Sequential, before: str = "") -> Iterator[tuple[str, nn.Module]]:
    for name, part in module.named_children():
        if isinstance(part, nn.Sequential):
            yield from _parts(part, f"{before}{name}.")
        else:
            yield f"{before}{name}", part


def _of_sequential(module: nn.Sequential) -> Network:
    layers: list[Affine] = []
    decoding: Decoding = "none"
    for name, part in _parts(module):
        where = f"{type(part).__name__} ({name})"
        if isinstance(part, nn.Identity | nn.Flatten):
            continue
        if isinstance(part, nn.Dropout):
            if part.training:
                raise TypeError(f"{where} is random while it trains: call generator.eval() first")
            continue
        if decoding != "none":
            raise TypeError(f"{where} stands after a softmax: it must be the last part")
        if isinstance(part, nn.Linear):
            bias = np.zeros(part.out_features) if part.bias is None else _array(part.bias)
            layers.append(Affine(_array(part.weight), bias))
        elif isinstance(part, nn.LeakyReLU | nn.ReLU):
            slope = part.negative_slope if isinstance(part, nn.LeakyReLU) else 0.0
            if not layers or layers[-1].slope != 1:
                raise TypeError(f"{where} does not follow a Linear")
            if not 0 <= slope <= 1:
                raise TypeError(f"{where} has a slope of {slope}, and slopes in [0, 1] are read")
            last = layers[-1]
            layers[-1] = Affine(last.weight, last.bias, slope=slope)
        elif isinstance(part, nn.Softmax):
            if part.dim not in (None, 1, -1):
                raise TypeError(f"{where} is over dimension {part.dim}, and logits lie along 1")
            decoding = "softmax"
        else:
            raise TypeError(
                f"cannot read {where}: Linear, LeakyReLU, ReLU, Identity, Flatten and a last "
                "Softmax are"
            )
    return Network(tuple(layers), decoding)
