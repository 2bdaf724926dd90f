"""Adam and RMSProp as `torch.optim` defines them, compiled, for one run of a stack.

Notation: g the gradient, m and u the averages of g and g^2, t the number of this update.

    Adam      m = b1 m + (1 - b1) g,   u = b2 u + (1 - b2) g^2,
              w -= lr / (1 - b1^t) * m / (sqrt(u) / sqrt(1 - b2^t) + eps)
    RMSProp   u = alpha u + (1 - alpha) g^2,   w -= lr * g / (sqrt(u) + eps)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from quantum_latents.models.kernels.mlp import parameters_of
from quantum_latents.simd import subroutine

__all__ = ["Optimiser", "update", "update_layer"]


class Optimiser(NamedTuple):
    """One optimiser and its state for all runs.

    Attributes:
        is_adam: whether it is Adam; otherwise RMSProp.
        epsilon: as in the formulas.
        b1, b2: decay of the averages; RMSProp's alpha is b2.
        first, second: m and u, flat like the parameters; RMSProp has no m, (0,).
    """

    is_adam: bool
    b1: float
    b2: float
    epsilon: float
    first: np.ndarray
    second: np.ndarray


@subroutine
def _adam(w, g, m, u, constants):
    rate, keep_m, add_m, keep_u, add_u, scale, epsilon = constants
    for i in range(len(w)):
        m[i] = keep_m * m[i] + add_m * g[i]
        u[i] = keep_u * u[i] + add_u * g[i] * g[i]
        w[i] -= rate * m[i] / (np.sqrt(u[i]) * scale + epsilon)


@subroutine
def _rmsprop(w, g, u, constants):
    rate, _, _, keep_u, add_u, _, epsilon = constants
    for i in range(len(w)):
        u[i] = keep_u * u[i] + add_u * g[i] * g[i]
        w[i] -= rate * g[i] / (np.sqrt(u[i]) + epsilon)


@subroutine
def update_layer(optimiser, net, run, layer, count, learning_rate):
    """Make update number `count` (from 1) of one layer of a run from its gradient."""
    b1, b2 = optimiser.b1, optimiser.b2
    # In the parameters' own type: a float64 constant would make all of it float64.
    constants = np.empty(7, dtype=net.flat.dtype)
    constants[0] = learning_rate
    constants[1], constants[2] = b1, 1 - b1
    constants[3], constants[4] = b2, 1 - b2
    constants[5], constants[6] = 1.0, optimiser.epsilon
    if optimiser.is_adam:
        constants[0] /= 1 - b1**count
        constants[5] = 1 / np.sqrt(1 - b2**count)
    for kind in range(net.blocks.shape[1]):
        w = parameters_of(net, net.flat, run, layer, kind)
        g = parameters_of(net, net.gradient, run, layer, kind)
        u = parameters_of(net, optimiser.second, run, layer, kind)
        if optimiser.is_adam:
            m = parameters_of(net, optimiser.first, run, layer, kind)
            _adam(w, g, m, u, constants)
        else:
            _rmsprop(w, g, u, constants)


@subroutine
def update(optimiser, net, run, count, learning_rate):
    """Make update number `count` (from 1) of one run's parameters from its gradient."""
    for layer in range(net.blocks.shape[0]):
        update_layer(optimiser, net, run, layer, count, learning_rate)
