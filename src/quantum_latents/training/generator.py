"""A trained generator, out of its file alone.

Notation: z (N, d_z) are latents, x (N, d_x) what is made of them. ``generator.safetensors`` holds
the weights by the names of `Stack.weights_of`, the run's whole spec as metadata, and, where
model units are not data units, `data_offset` and `data_scale` (d_x,) of the affine map between
them (`quantum_latents.data.dataset`). Of codes it also holds the decoder that takes them on.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.nn.functional import pad

from quantum_latents.data import Decoder, EncodedSpec
from quantum_latents.models import (
    DDGANSpec,
    FlowSpec,
    StackedVelocity,
    UNet,
    dequantised,
    latents_per_sample,
    solve,
)
from quantum_latents.models.nn import StackedMLP
from quantum_latents.molecules import GraphLayout
from quantum_latents.random import Stream
from quantum_latents.random import stream as root_stream
from quantum_latents.training.denoising import denoised
from quantum_latents.training.flow_matching import embedding_of
from quantum_latents.training.flow_settings import FlowMatchingSpec
from quantum_latents.training.paths import end_of
from quantum_latents.training.spec import RunSpec

__all__ = [
    "DECODER",
    "OFFSET",
    "SCALE",
    "ToDataUnits",
    "TrainedDenoiser",
    "TrainedFlow",
    "TrainedGenerator",
    "decoder_tensors",
    "load_generator",
]

OFFSET, SCALE = "data_offset", "data_scale"
"""Names of the affine map's tensors in the file."""

DECODER = "decoder_to_data."
"""What the names of a decoder's tensors begin with in the file."""

_BATCH = 1024
"""Latents that are mapped at once. A matrix product of other sizes rounds otherwise."""


def decoder_tensors(decoder: Decoder) -> dict[str, np.ndarray]:
    """Return a decoder as the file's tensors."""
    tensors = {OFFSET: decoder.offset, SCALE: decoder.scale}
    tensors |= {n: w for n, w in decoder.weights.items() if n.startswith("decoder.")}
    return {f"{DECODER}{name}": np.ascontiguousarray(array) for name, array in tensors.items()}


@dataclass(frozen=True, eq=False)
class ToDataUnits:
    """The way from model units to data units.

    Attributes:
        offset, scale: float64 (d_x,).
        decoder: what follows them; None for nothing.
    """

    offset: np.ndarray
    scale: np.ndarray
    decoder: Decoder | None = None

    def __call__(self, made: np.ndarray) -> np.ndarray:
        """Return float32 (N, ..) in data units, of float64 (N, d_x) in model units."""
        rows = made * self.scale + self.offset
        return (rows if self.decoder is None else self.decoder(rows)).astype(np.float32)


class TrainedGenerator:
    """A generator with everything needed to use it.

    Attributes:
        spec: of the run that trained it.
        layout: of the graphs that it makes; None if it makes vectors.
        module: the network, a stack of one, from z to model units.
        offset, scale: float64 (d_x,), from model units to data units.
    """

    def __init__(self, spec: RunSpec, module: StackedMLP, to_data: ToDataUnits) -> None:
        self.spec = spec
        self.layout = _layout_of(spec)
        self.module, self.to_data = module, to_data
        self.offset, self.scale = to_data.offset, to_data.scale

    @torch.no_grad()
    def generate(self, z: Tensor | np.ndarray, noise: Stream | None = None) -> np.ndarray:
        """Return float32 (N, d_x) in data units, of latents (N, d_z); of graphs uint8 codes.

        What is made of a latent at one place is the same to the bit however many follow it.

        Args:
            z: the latents.
            noise: not used: a generator has no other randomness than z.

        Raises:
            ValueError: z has another width than the generator was trained with.
        """
        latents = _checked(z, self.spec)
        parts = []
        for part in latents.split(_BATCH):
            # All products are of one size: zeros stand in for the latents that are not there.
            filled = pad(part, (0, 0, 0, _BATCH - len(part)))
            made = self.module(filled[None])[0].double().numpy()
            made = self.to_data(made) if self.layout is None else self.layout.to_codes(made)
            parts.append(made[: len(part)])
        return np.concatenate(parts)


class TrainedFlow:
    """A flow with everything needed to use it.

    Attributes:
        spec: of the run that trained it.
        layout: None: a flow makes vectors.
        module: the velocity, a stack of one, in model units.
        offset, scale: float64 (d_x,), from model units to data units.
    """

    layout: GraphLayout | None = None

    def __init__(self, spec: RunSpec, module: StackedVelocity, to_data: ToDataUnits) -> None:
        assert isinstance(spec.model, FlowSpec)
        assert isinstance(spec.training, FlowMatchingSpec)
        self.spec, self._model, self._end = spec, spec.model, end_of(spec.training.path)
        self.module, self.to_data = module, to_data
        self.offset, self.scale = to_data.offset, to_data.scale
        self._space = embedding_of(
            spec.model, spec.latent.dim, len(to_data.offset), root_stream(spec.seed, "training")
        )

    @torch.no_grad()
    def generate(self, z: Tensor | np.ndarray, noise: Stream | None = None) -> np.ndarray:
        """Return float32 (N, d_x) in data units, of latents (N, d_z).

        Args:
            z: the latents, without dequantisation.
            noise: what the noise of a dequantisation is drawn from; not used without one.

        Raises:
            ValueError: z has another width than the flow was trained with, or noise is missing.
        """
        latents = _checked(z, self.spec)
        drawn = None if noise is None else noise.generator()
        points = self._space.latents(dequantised(latents, self._model, drawn))
        parts = []
        # An adaptive solver takes the same steps for all points of a batch.
        for part in points.split(_BATCH):
            solved = solve(self.module, part[None], self._model.solver, self._end)
            parts.append(self._space.sample(solved.x[0]).double().numpy())
        return self.to_data(np.concatenate(parts))


class TrainedDenoiser:
    """The generator of a denoising diffusion GAN with everything needed to use it.

    Attributes:
        spec: of the run that trained it.
        layout: None: it makes images.
        module: the U-Net.
        offset, scale: float64 (d_x,), from model units to data units.
    """

    layout: GraphLayout | None = None

    def __init__(self, spec: RunSpec, module: UNet, to_data: ToDataUnits) -> None:
        assert isinstance(spec.model, DDGANSpec)
        self.spec, self._model = spec, spec.model
        self.module, self.to_data = module, to_data
        self.offset, self.scale = to_data.offset, to_data.scale

    def generate(self, z: Tensor | np.ndarray, noise: Stream | None = None) -> np.ndarray:
        """Return float32 (N, d_x) in data units, of latents (N T, d_z), T consecutive ones each.

        Args:
            z: the latents.
            noise: what the diffusion's normal noise is drawn from.

        Raises:
            ValueError: z has another shape, or noise is missing.
        """
        latents = _checked(z, self.spec)
        if noise is None:
            raise ValueError(
                "a denoising diffusion draws normal noise: give the stream that it is drawn from"
            )
        weights = dict(self.module.named_parameters())
        made = denoised(self.module, weights, self._model, latents, noise.generator())
        return self.to_data(made.double().numpy())


def _checked(z: Tensor | np.ndarray, spec: RunSpec) -> Tensor:
    latents = torch.as_tensor(z, dtype=torch.float32)
    if latents.ndim != 2 or latents.shape[1] != spec.latent.dim:
        raise ValueError(
            f"this generator takes z of shape (N, {spec.latent.dim}), not {tuple(latents.shape)}"
        )
    if len(latents) % (each := latents_per_sample(spec.model)):
        raise ValueError(
            f"this generator makes a sample of {each} consecutive latents: give a multiple of "
            f"{each} rows, not {len(latents)}"
        )
    return latents


def load_generator(
    folder: str | os.PathLike[str],
) -> TrainedGenerator | TrainedFlow | TrainedDenoiser:
    """Return what a run trained, from its folder, such as ``DIR/runs/<digest>``.

    Raises:
        FileNotFoundError: the folder holds no generator.
        ValueError: the file is damaged, its weights do not fit its spec, its map to data units
            is not in it, or the run diverged.
    """
    path = Path(folder) / "generator.safetensors"
    if not path.exists():
        raise FileNotFoundError(f"no generator.safetensors in {folder}: give the folder of a run")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        spec = RunSpec.from_json(json.loads(metadata["spec"]))
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged, or not a generator of ours ({error})") from error
    to_data = _to_data_units(weights)
    if not any(bool(weight.any()) for weight in weights.values()):
        raise ValueError(
            f"run {spec.digest} diverged: its weights were set to zero, and it generates nothing"
        )
    if isinstance(spec.model, (FlowSpec, DDGANSpec)) and to_data is None:
        raise ValueError(f"{path} is damaged: its map to data units is missing")
    if isinstance(spec.data, EncodedSpec) and (to_data is None or to_data.decoder is None):
        raise ValueError(f"{path} is damaged: the decoder of its codes is missing")
    if isinstance(spec.model, FlowSpec):
        assert to_data is not None
        _check_map(path, to_data, len(to_data.offset))
        dim, network = max(spec.latent.dim, len(to_data.offset)), spec.model.velocity
        dtype = next(iter(weights.values())).dtype
        _check_shapes(path, StackedVelocity(network, dim, stack=1, device="meta"), weights)
        velocity = StackedVelocity(network, dim, stack=1, dtype=dtype)
        _fill(velocity, weights)
        return TrainedFlow(spec, velocity.float(), to_data)
    if isinstance(spec.model, DDGANSpec):
        assert to_data is not None
        _check_map(path, to_data, spec.model.data_dim)
        network = spec.model.generator
        with torch.device("meta"):
            promised = UNet(network, spec.model.shape, spec.latent.dim).state_dict()
        _refuse_others(path, {name: one.shape for name, one in promised.items()}, weights)
        unet = UNet(network, spec.model.shape, spec.latent.dim)
        unet.load_state_dict(weights)
        return TrainedDenoiser(spec, unet.float(), to_data)
    last = len(spec.model.generator.hidden) + 1
    width = weights[f"bias{last}"].shape[-1] if f"bias{last}" in weights else 1
    network = spec.model.generator
    _check_shapes(
        path, StackedMLP(network, spec.latent.dim, width, stack=1, device="meta"), weights
    )
    if to_data is None:
        if getattr(spec.data, "scaling", "raw") != "raw":
            raise ValueError(
                f"{path} was written before generators kept their map to data units: run the "
                "study again, or apply your own"
            )
        to_data = ToDataUnits(np.zeros(width), np.ones(width))
    _check_map(path, to_data, width)
    module = StackedMLP(network, spec.latent.dim, width, stack=1)
    _fill(module, weights)
    return TrainedGenerator(spec, module, to_data)


def _to_data_units(tensors: dict[str, Tensor]) -> ToDataUnits | None:
    """Take the way to data units out of a file's tensors; None where it holds none."""
    offset, scale = tensors.pop(OFFSET, None), tensors.pop(SCALE, None)
    names = [name for name in tensors if name.startswith(DECODER)]
    found = {name.removeprefix(DECODER): tensors.pop(name).numpy() for name in names}
    if offset is None or scale is None:
        return None
    decoder = None
    if OFFSET in found and SCALE in found:
        decoder = Decoder(weights=found, offset=found.pop(OFFSET), scale=found.pop(SCALE))
    return ToDataUnits(offset.numpy(), scale.numpy(), decoder)


def _check_map(path: Path, to_data: ToDataUnits, width: int) -> None:
    """Refuse a map to data units that is not one number a coordinate, or a decoder of no shape."""
    if not to_data.offset.shape == to_data.scale.shape == (width,):
        raise ValueError(f"{path} is damaged: its map to data units is not {width} wide")
    if (decoder := to_data.decoder) is None:
        return
    layer, before = 1, width
    while (name := f"decoder.weight{layer}") in decoder.weights:
        weight, bias = decoder.weights[name], decoder.weights.get(f"decoder.bias{layer}")
        fits = weight.ndim == 2 and weight.shape[1] == before
        if not fits or bias is None or bias.shape != weight.shape[:1]:
            raise ValueError(f"{path} is damaged: layer {layer} of its decoder does not fit")
        layer, before = layer + 1, len(weight)
    if layer == 1 or not decoder.offset.shape == decoder.scale.shape == (before,):
        raise ValueError(f"{path} is damaged: its decoder does not end in samples")


def _check_shapes(
    path: Path, promised: StackedMLP | StackedVelocity, weights: dict[str, Tensor]
) -> None:
    """Refuse weights that are not those of the network that a file's spec promises.

    The network has no memory (device `meta`): a stranger's spec may promise any size.
    """
    views = promised.views(promised.flat.detach())
    _refuse_others(path, {name: view[0].shape for name, view in views.items()}, weights)


def _refuse_others(path: Path, shapes: dict[str, torch.Size], weights: dict[str, Tensor]) -> None:
    if shapes != {name: weight.shape for name, weight in weights.items()}:
        raise ValueError(f"{path} is damaged: its weights do not fit its own spec")


def _fill(module: StackedMLP | StackedVelocity, weights: dict[str, Tensor]) -> None:
    """Put the weights of a file into a stack of one."""
    for name, view in module.views(module.flat.detach()).items():
        view[0].copy_(weights[name])


def _layout_of(spec: RunSpec) -> GraphLayout | None:
    """Return the layout of molecular data, which their spec names; None for vectors."""
    num_atoms, elements = (getattr(spec.data, name, None) for name in ("num_atoms", "elements"))
    if num_atoms is None or elements is None:
        return None
    return GraphLayout(num_atoms=num_atoms, elements=tuple(elements))
