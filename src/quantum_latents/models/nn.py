"""Stacked multi-layer perceptrons, and their gradients in three sweeps.

Notation: S runs are stacked on the leading axis of every tensor, B is the batch, L the
number of hidden layers, d_0 the input's width, d_{L+1} the output's. For run s

    a_0 = x,    a_l = phi(W_l a_{l-1} + b_l [+ V_l z]),  l = 1..L,    y = W_{L+1} a_L + b_{L+1},

with phi piecewise linear (LeakyReLU; ReLU is slope 0) and V_l the optional re-injection of
the latent z. D_l = phi'(a_l) is a diagonal of ones and slopes. A generator may have a trainable
affine map of every input, a scale sigma and a shift mu (d_0,) each: then x, and the z that is
re-injected, is sigma z + mu wherever it stands above.

The gradients are written out instead of traced, because a gradient penalty needs the
derivative of a derivative, and for piecewise linear phi that is one more *linear* sweep:

    forward     a_l                              from a_0 = x
    cotangents  v_l = D_l W_{l+1}^T v_{l+1}      from v_{L+1};   v_0 = W_1^T v_1
    tangents    t_l = D_l W_l t_{l-1}            from t_0

Then d(sum v_{L+1} y)/dW_l = v_l a_{l-1}^T, and d(sum t_0 v_0)/dW_l = v_l t_{l-1}^T because D_l
is constant almost everywhere: both have the same left factor. With w = v_0 + sum_l V_l^T v_l the
derivative by x itself, re-injected x included, those by mu and sigma are the sums of w and w z
over the batch. Nothing here draws random numbers or knows where z comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from quantum_latents.models.perceptron import MLPSpec
from quantum_latents.models.plain import PlainMLP
from quantum_latents.models.weights import draw_weights, views_of

__all__ = ["StackedMLP", "mask_slope_"]

_NARROW = 16
"""Matrix products with fewer columns than this are several times faster transposed (MKL)."""

_leaky_relu_backward = torch.ops.aten.leaky_relu_backward.grad_input


class _Block(NamedTuple):
    """One parameter of one layer: (S, rows, columns) in the flat tensor."""

    kind: Literal["weight", "bias", "injection", "scale", "shift"]
    layer: int
    rows: int
    columns: int

    @property
    def name(self) -> str:
        return f"{self.kind}{self.layer}"


class _Affine(NamedTuple):
    """One layer's parameters, or the gradients by them, as views of a flat tensor."""

    weight: Tensor
    transposed: Tensor
    bias: Tensor
    injection: Tensor | None


def mask_slope_(cotangents: Tensor, activations: Tensor, negative_slope: float) -> Tensor:
    """Multiply by D = phi'(a) in place: by 1 where a > 0 and by the slope elsewhere."""
    return _leaky_relu_backward(
        cotangents, activations, negative_slope, True, grad_input=cotangents
    )


class StackedMLP(nn.Module):
    """S independent perceptrons of one shape, one kernel launch a layer.

    All parameters lie in one flat `torch.nn.Parameter`, `flat`, layer by layer, so that an
    element-wise optimiser updates them in a single pass.

    Args:
        spec: hidden layers.
        num_inputs: d_0.
        num_outputs: d_{L+1}.
        stack: S.
        dtype: as for any tensor.
        device: as for any tensor.

    >>> spec = MLPSpec(hidden=(8,), activation="relu", negative_slope=0.0,
    ...                initialisation="pytorch")
    >>> mlp = StackedMLP(spec, 4, 2, stack=3)
    >>> mlp(torch.zeros(3, 5, 4)).shape
    torch.Size([3, 5, 2])
    """

    def __init__(
        self,
        spec: MLPSpec,
        num_inputs: int,
        num_outputs: int,
        *,
        stack: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ):
        super().__init__()
        self.spec = spec
        self.stack = stack
        self.widths = spec.widths(num_inputs, num_outputs)
        self.negative_slope = spec.negative_slope
        self.blocks = self._blocks()
        size = stack * sum(block.rows * block.columns for block in self.blocks)
        self.flat = nn.Parameter(torch.zeros(size, dtype=dtype, device=device))
        self._cut: dict[int, list[_Affine]] = {}

    def _blocks(self) -> list[_Block]:
        blocks = []
        for layer, (fan_in, fan_out) in enumerate(pairwise(self.widths), start=1):
            blocks += [_Block("weight", layer, fan_out, fan_in), _Block("bias", layer, 1, fan_out)]
            if self.spec.reinject_latent and 1 < layer < len(self.widths) - 1:
                blocks.append(_Block("injection", layer, fan_out, self.widths[0]))
        if self.spec.trainable_input_affine:
            # Of the first map's input, behind all else: no other parameter moves for them.
            blocks += [_Block("scale", 1, 1, self.widths[0]), _Block("shift", 1, 1, self.widths[0])]
        return blocks

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Cut a flat tensor like `self.flat` into named views of shape (S, rows, columns)."""
        return views_of(flat, self.stack, self.blocks)

    def _layers(self, flat: Tensor) -> list[_Affine]:
        """Return the layers of `self.flat` or of its gradient, cut once for each memory.

        Cutting costs as much time as a small step's arithmetic. A cached view keeps its
        memory alive, so that no other tensor can have its address.
        """
        if (layers := self._cut.get(flat.data_ptr())) is not None:
            return layers
        views = self.views(flat.detach())
        layers = []
        for layer in range(1, self.num_layers + 1):
            weight = views[f"weight{layer}"]
            injection = views.get(f"injection{layer}")
            layers.append(_Affine(weight, weight.mT, views[f"bias{layer}"], injection))
        if len(self._cut) > 1:  # parameters and gradient; older memory is gone
            self._cut.clear()
        self._cut[flat.data_ptr()] = layers
        return layers

    def __getstate__(self) -> dict[str, Any]:
        # In a copy or another process the addresses that name cached views mean nothing.
        return {**self.__dict__, "_cut": {}}

    @property
    def num_layers(self) -> int:
        """L + 1, the number of affine maps."""
        return len(self.widths) - 1

    @torch.no_grad()
    def initialise(self, generators: Sequence[torch.Generator]) -> None:
        """Draw the weights of run s from generators[s], the same numbers alone or stacked."""
        if len(generators) != self.stack:
            raise ValueError(f"{self.stack} runs need as many generators, not {len(generators)}")
        parameters = self.views(self.flat)
        for run, generator in enumerate(generators):
            for block in self.blocks:
                if block.kind in ("scale", "shift"):  # nothing is drawn
                    parameters[block.name][run] = float(block.kind == "scale")
                    continue
                is_bias = block.kind == "bias"
                fan_in = self.widths[block.layer - 1] if is_bias else block.columns
                draw = draw_weights(
                    block.rows, block.columns, fan_in, is_bias, self.spec, generator
                )
                parameters[block.name][run] = draw.to(self.flat)

    def forward(self, x: Tensor, flat: Tensor | None = None) -> Tensor:
        """Map x (S, B, d_0) to y (S, B, d_{L+1}), traced by autograd where it is on.

        Args:
            x: the inputs.
            flat: other parameters than `self.flat`, such as averaged ones.
        """
        parameters = self.views(self.flat if flat is None else flat)
        if "scale1" in parameters:
            x = torch.addcmul(parameters["shift1"], parameters["scale1"], x)
        a = x
        for layer in range(1, self.num_layers + 1):
            a = torch.baddbmm(parameters[f"bias{layer}"], a, parameters[f"weight{layer}"].mT)
            if f"injection{layer}" in parameters:
                a = a.baddbmm(x, parameters[f"injection{layer}"].mT)
            if layer < self.num_layers:
                a = nn.functional.leaky_relu(a, self.negative_slope)
        return a

    def buffers_of(self, num_rows: int) -> list[Tensor]:
        """Return empty tensors (S, num_rows, d_l), l = 0..L+1, for the `out` of a sweep.

        Fresh memory costs page faults, about a third of a small step's time.
        """
        return [self.flat.detach().new_empty(self.stack, num_rows, w) for w in self.widths]

    def activations(
        self, x: Tensor, out: Sequence[Tensor], *, with_output: bool = True
    ) -> list[Tensor]:
        """Return [a_0, ..., a_L, y], untraced, written to `out`, but a_0 if it is x itself.

        Without the output y, which no gradient of a linear function of y needs, [a_0, ..., a_L].
        """
        if self.spec.trainable_input_affine:
            parameters = self.views(self.flat.detach())
            x = torch.addcmul(parameters["shift1"], parameters["scale1"], x, out=out[0])
        activations = [x]
        layers = self._layers(self.flat)
        for layer, affine in enumerate(layers if with_output else layers[:-1], start=1):
            a = torch.baddbmm(affine.bias, activations[-1], affine.transposed, out=out[layer])
            if affine.injection is not None:
                a.baddbmm_(x, affine.injection.mT)
            if layer < len(layers):
                nn.functional.leaky_relu_(a, self.negative_slope)
            activations.append(a)
        return activations

    def cotangents(
        self,
        activations: Sequence[Tensor],
        output: Tensor,
        out: Sequence[Tensor],
        *,
        input_rows: slice = slice(None),
    ) -> list[Tensor]:
        """Return [v_0, ..., v_{L+1}], v_{L+1} = `output` (S, B, d_{L+1}), written to `out`.

        v_0 is the derivative by a_0 alone, of the rows `input_rows`; with re-injection it is
        not that by z.
        """
        cotangents = [output]
        layers = self._layers(self.flat)
        for layer in range(self.num_layers, 0, -1):
            v, affine, product = cotangents[-1], layers[layer - 1], out[layer - 1]
            weight = affine.weight
            if layer == 1:
                v, product = v[:, input_rows], product[:, input_rows]
            if v.shape[-1] == 1:  # an outer product, slow as a matrix product
                torch.mul(v, weight, out=product)
            else:
                if weight.shape[-1] < _NARROW:
                    weight = affine.transposed.contiguous().mT
                torch.bmm(v, weight, out=product)
            if layer > 1:
                mask_slope_(product, activations[layer - 1], self.negative_slope)
            cotangents.append(product)
        return cotangents[::-1]

    def tangents_(
        self, activations: Sequence[Tensor], start: Tensor, out: Sequence[Tensor]
    ) -> None:
        """Replace [a_0, ..., a_L] by [t_0, ..., t_L], t_0 = `start` (S, B, d_0), V_l left out.

        `out` holds the products before they are masked.
        """
        activations[0].copy_(start)
        for layer, affine in enumerate(self._layers(self.flat)[:-1], start=1):
            a = activations[layer]
            t = torch.bmm(activations[layer - 1], affine.transposed, out=out[layer])
            _leaky_relu_backward(t, a, self.negative_slope, True, grad_input=a)

    def weight_gradients(
        self,
        gradient: Tensor,
        left: Sequence[Tensor],
        right: Sequence[Tensor],
        num_bias_rows: int | None = None,
    ) -> None:
        """Write the gradient by all parameters into `gradient`, flat like `self.flat`.

        Args:
            gradient: overwritten.
            left: [v_0, ..., v_{L+1}], each (S, rows, d_l).
            right: [r_0, ..., r_L], each (S, rows, d_l): activations, or tangents.
            num_bias_rows: rows that act on the biases (the first ones); all if None.
        """
        for layer, by in enumerate(self._layers(gradient), start=1):
            v, r = left[layer], right[layer - 1]
            if r.shape[-1] < _NARROW:
                by.weight.copy_(torch.bmm(r.mT.contiguous(), v).mT)
            else:
                torch.bmm(v.mT, r, out=by.weight)
            rows = v if num_bias_rows is None else v[:, :num_bias_rows]
            torch.sum(rows, dim=1, keepdim=True, out=by.bias)
            if by.injection is not None:
                torch.bmm(v.mT, right[0], out=by.injection)

    def input_gradients(self, gradient: Tensor, left: Sequence[Tensor], z: Tensor) -> None:
        """Write the gradient by scale and shift into `gradient`, flat like `self.flat`.

        Args:
            gradient: overwritten where they stand; nothing happens without them.
            left: [v_0, ..., v_{L+1}], each (S, rows, d_l).
            z: what the scale multiplies, (S, rows, d_0).
        """
        if not self.spec.trainable_input_affine:
            return
        by_input = left[0]
        for layer, affine in enumerate(self._layers(self.flat), start=1):
            if affine.injection is not None:
                by_input = by_input.baddbmm(left[layer], affine.injection)
        by = self.views(gradient)
        torch.sum(by_input, dim=1, keepdim=True, out=by["shift1"])
        torch.sum(by_input * z, dim=1, keepdim=True, out=by["scale1"])

    def extract(self, run: int) -> nn.Module:
        """Return one run as plain `torch.nn` layers that no longer share memory."""
        parameters = self.views(self.flat.detach())
        return PlainMLP(parameters, run, self.num_layers, self.negative_slope)
