"""The three sweeps of a perceptron, compiled, for one run of a stack on one core.

Notation and formulas: `quantum_latents.models.nn`, whose `StackedMLP` owns the parameters and
does the same with torch. Here a sweep covers the batch rows [start, stop) of buffers that
hold every layer's activations a_l and cotangents v_l, so that a caller can lay several
batches side by side and sweep some of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from quantum_latents.models.kernels.product import add_product, panel_size, set_product
from quantum_latents.models.nn import StackedMLP
from quantum_latents.simd import aligned_zeros, multiply_add, subroutine

__all__ = [
    "Perceptron",
    "activations",
    "cotangents",
    "input_gradients",
    "layer_gradients",
    "layer_rows",
    "parameters_of",
    "perceptron",
    "place_latents",
    "tangents",
    "weight_gradients",
]

_KINDS = {"weight": 0, "bias": 1, "injection": 2, "scale": 3, "shift": 4}


class Perceptron(NamedTuple):
    """What the sweeps need of S stacked perceptrons, as plain arrays.

    Attributes:
        flat, gradient: parameters and gradients of all runs, in the memory of `StackedMLP`.
        blocks: (L + 1, 5, 2), for the weight, bias and injection of layer l, and the scale and
            shift of its input, where the block of run 0 starts in `flat` and how many numbers it
            has; (0, 0) where there is none.
        widths: (L + 2,), d_0 to d_{L+1}.
        slopes: (2,), phi's slope below zero and above.
        capacity: rows of the buffers.
        forward, back: buffers of a_l and v_l for one run, layer after layer.
        scratch: room for the rows of the widest layer.
        product: workspace of products.
    """

    flat: np.ndarray
    gradient: np.ndarray
    blocks: np.ndarray
    widths: np.ndarray
    slopes: np.ndarray
    capacity: int
    forward: np.ndarray
    back: np.ndarray
    scratch: np.ndarray
    product: np.ndarray


def perceptron(mlp: StackedMLP, capacity: int) -> Perceptron:
    """Return the view of `mlp` that the sweeps take, with buffers for `capacity` rows.

    `mlp` lies on the CPU and has a gradient; the view shares its memory.
    """
    assert mlp.flat.grad is not None
    flat, gradient = mlp.flat.detach().numpy(), mlp.flat.grad.numpy()
    blocks = np.zeros((mlp.num_layers, len(_KINDS), 2), dtype=np.int64)
    start = 0
    for block in mlp.blocks:
        size = block.rows * block.columns
        blocks[block.layer - 1, _KINDS[block.kind]] = start, size
        start += mlp.stack * size
    buffer = capacity * sum(mlp.widths)
    return Perceptron(
        flat=flat,
        gradient=gradient,
        blocks=blocks,
        widths=np.array(mlp.widths, dtype=np.int64),
        slopes=np.array([mlp.negative_slope, 1], dtype=flat.dtype),
        capacity=capacity,
        forward=aligned_zeros(buffer, flat.dtype),
        back=aligned_zeros(buffer, flat.dtype),
        scratch=aligned_zeros(capacity * max(mlp.widths), flat.dtype),
        product=aligned_zeros(panel_size(flat.itemsize), flat.dtype),
    )


@subroutine
def parameters_of(net, flat, run, layer, kind):
    """Return one block of one run in `flat`, as a vector; empty where there is none."""
    start, size = net.blocks[layer, kind]
    return flat[start + run * size : start + (run + 1) * size]


@subroutine
def _weight(net, flat, run, layer, kind):
    """Return a weight or an injection as (rows, columns); no columns where there is none."""
    block = parameters_of(net, flat, run, layer, kind)
    rows = net.widths[layer + 1]
    return block.reshape(rows, len(block) // rows)


@subroutine
def layer_rows(net, buffer, layer, start, stop):
    """Return the rows [start, stop) of one layer's part of a buffer."""
    width = net.widths[layer]
    offset = net.capacity * net.widths[:layer].sum()
    return buffer[offset + start * width : offset + stop * width].reshape(stop - start, width)


@subroutine
def place_latents(net, run, start, z):
    """Write a_0 of the rows from `start` on: z (rows, d_0), or sigma z + mu of it."""
    a = layer_rows(net, net.forward, 0, start, start + len(z))
    scale = parameters_of(net, net.flat, run, 0, 3)
    shift = parameters_of(net, net.flat, run, 0, 4)
    for row in range(len(z)):
        for i in range(a.shape[1]):
            a[row, i] = z[row, i]
        for i in range(len(scale)):
            a[row, i] = multiply_add(scale[i], a[row, i], shift[i])


@subroutine
def activations(net, run, start, stop, num_layers):
    """Write a_1 to a_{num_layers} of the rows, from a_0; the last of all L + 1 has no phi."""
    below, above = net.slopes
    x = layer_rows(net, net.forward, 0, start, stop)
    for layer in range(num_layers):
        before = layer_rows(net, net.forward, layer, start, stop)
        a = layer_rows(net, net.forward, layer + 1, start, stop)
        bias = parameters_of(net, net.flat, run, layer, 1)
        set_product(a, bias, before, _weight(net, net.flat, run, layer, 0).T, net.product)
        injection = _weight(net, net.flat, run, layer, 2)
        if injection.size:
            add_product(a, x, injection.T, net.product)
        if layer < len(net.widths) - 2:
            for row in range(a.shape[0]):
                for i in range(a.shape[1]):
                    a[row, i] *= above if a[row, i] > 0 else below


@subroutine
def cotangents(net, run, start, stop, input_start):
    """Write v_L to v_1 of the rows, from v_{L+1}; v_0 of the rows from `input_start` on.

    Where the input is scaled, v_0 of all rows, and in it what re-injection adds.
    """
    if net.blocks[0, 3, 1]:
        input_start = start
    below, above = net.slopes
    for layer in range(len(net.widths) - 2, -1, -1):
        first = start if layer else input_start
        if first == stop:
            break
        by = layer_rows(net, net.back, layer, first, stop)
        v = layer_rows(net, net.back, layer + 1, first, stop)
        weight = _weight(net, net.flat, run, layer, 0)
        if weight.shape[0] == 1:  # an outer product
            for row in range(by.shape[0]):
                for i in range(by.shape[1]):
                    by[row, i] = v[row, 0] * weight[0, i]
        else:
            set_product(by, net.product[:0], v, weight, net.product)
        if layer:
            a = layer_rows(net, net.forward, layer, first, stop)
            for row in range(by.shape[0]):
                for i in range(by.shape[1]):
                    by[row, i] *= above if a[row, i] > 0 else below
    if net.blocks[0, 3, 1]:
        by = layer_rows(net, net.back, 0, start, stop)
        for layer in range(len(net.widths) - 1):
            injection = _weight(net, net.flat, run, layer, 2)
            if injection.size:
                v = layer_rows(net, net.back, layer + 1, start, stop)
                add_product(by, v, injection, net.product)


@subroutine
def tangents(net, run, start, stop):
    """Replace a_1 to a_L of the rows by t_1 to t_L, from t_0 in a_0's place."""
    below, above = net.slopes
    for layer in range(len(net.widths) - 2):
        before = layer_rows(net, net.forward, layer, start, stop)
        a = layer_rows(net, net.forward, layer + 1, start, stop)
        t = net.scratch[: a.size].reshape(a.shape)
        weight = _weight(net, net.flat, run, layer, 0)
        set_product(t, net.product[:0], before, weight.T, net.product)
        for row in range(a.shape[0]):
            for i in range(a.shape[1]):
                a[row, i] = t[row, i] * (above if a[row, i] > 0 else below)


@subroutine
def layer_gradients(net, run, layer, start, stop, bias_stop):
    """Write what `weight_gradients` does, of the map from a_layer to the next alone."""
    v = layer_rows(net, net.back, layer + 1, start, stop)
    before = layer_rows(net, net.forward, layer, start, stop)
    by_weight = _weight(net, net.gradient, run, layer, 0)
    set_product(by_weight, net.product[:0], v.T, before, net.product)
    by_injection = _weight(net, net.gradient, run, layer, 2)
    if by_injection.size:
        x = layer_rows(net, net.forward, 0, start, stop)
        set_product(by_injection, net.product[:0], v.T, x, net.product)
    by_bias = parameters_of(net, net.gradient, run, layer, 1)
    by_bias[:] = 0
    for row in range(bias_stop - start):
        for i in range(v.shape[1]):
            by_bias[i] += v[row, i]


@subroutine
def input_gradients(net, run, start, stop, z):
    """Write the gradient by scale and shift, if there are any, of v_0 and z (stop - start, d_0)."""
    by_scale = parameters_of(net, net.gradient, run, 0, 3)
    by_shift = parameters_of(net, net.gradient, run, 0, 4)
    by_scale[:] = 0
    by_shift[:] = 0
    v = layer_rows(net, net.back, 0, start, stop)
    for row in range(stop - start):
        for i in range(len(by_scale)):
            by_shift[i] += v[row, i]
            by_scale[i] = multiply_add(v[row, i], z[row, i], by_scale[i])


@subroutine
def weight_gradients(net, run, start, stop, bias_stop):
    """Write the gradient v_l r_{l-1}^T of the rows; those before `bias_stop` act on biases."""
    for layer in range(len(net.widths) - 1):
        layer_gradients(net, run, layer, start, stop, bias_stop)
