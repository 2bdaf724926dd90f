"""What makes the steps of a stack of Wasserstein GANs: `torch` on any device, `numba` on CPUs.

How a critic step is laid out: real, generated and interpolated points are one batch of 3B
rows, so the critic's forward sweep and its cotangent sweep are each one product a layer.
The cotangents at the interpolated points, started from 1, *are* the gradients that the
penalty needs; one tangent sweep over those B rows gives the penalty's derivative, and one
product a layer joins it with the derivative of the means (see `quantum_latents.models.nn`).
The generator does not change between critic steps, so all its (c + 1) B points of a step
are generated at once.

`torch` launches one operation for all runs. `numba` lets every run make its steps by itself
on one core (`wgan`, `optimisers`): nothing is launched, a run's weights stay near its core,
and its result does not depend on what else is in its stack.
"""
