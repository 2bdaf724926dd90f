"""What one training iteration needs, counted by hand: matrix products, and bytes moved.

Notation: an *iteration* is c critic steps and one generator step at batch B; a multiply-add
counts as two operations. All contenders are held against the same count, of what the
mathematics needs: what a contender multiplies beyond it is its own cost, and element-wise
passes, additions, optimisers and random numbers count nothing. Tests hold the counts against
those of the plain loops' own products.

A sweep goes once through all layers of a network. Beside the products of a layer's weights
with activations (L operations a sample and sweep, of which L_1 in the first layer) a
relational critic multiplies activations with activations, A_r U: R operations a molecule and
sweep, of which R_1 in the first layer. L and R are lists of products below.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

__all__ = ["PRODUCT", "Needed", "iteration_bytes", "molgan_flops", "product_flops", "wgan_flops"]

PRODUCT = (500, 512, 512)
"""Rows, inner and columns of the product that the machine's matrix rate is measured with."""


class Needed(NamedTuple):
    """What an iteration, or a product, cannot do without.

    Attributes:
        flops: operations of matrix products.
        num_bytes: that pass between core and memory, if nothing but activations stays in a cache.
    """

    flops: int
    num_bytes: int


def iteration_bytes(
    *,
    num_generator: int,
    num_critic: int,
    averages: int,
    data_dim: int,
    latent_dim: int,
    batch_size: int,
    critic_steps: int,
) -> int:
    """Return the bytes of an iteration in float32.

    An optimiser with a averages (2 of Adam, 1 of RMSProp) reads a weight, its gradient and the
    averages, and writes the gradient before, the weight and the averages: 4 + 2 a numbers for each
    of the critic's P_f weights in each of c steps, and for each of the generator's P_g once. Draws
    are read once: c B (d_x + 1) + (c + 1) B d_z numbers.

    Args:
        num_generator: P_g.
        num_critic: P_f.
        averages: a.
        data_dim: d_x.
        latent_dim: d_z.
        batch_size: B.
        critic_steps: c.

    >>> iteration_bytes(num_generator=10, num_critic=20, averages=1, data_dim=3, latent_dim=2,
    ...     batch_size=4, critic_steps=5)
    3152
    """
    updated = (4 + 2 * averages) * (critic_steps * num_critic + num_generator)
    drawn = critic_steps * (data_dim + 1) + (critic_steps + 1) * latent_dim
    return 4 * (updated + batch_size * drawn)


def product_flops(rows: int, inner: int, columns: int) -> int:
    """Return the operations of a product (rows, inner) by (inner, columns).

    >>> product_flops(500, 512, 512)
    262144000
    """
    return 2 * rows * inner * columns


def wgan_flops(
    generator: Sequence[int], critic: Sequence[int], batch_size: int, critic_steps: int
) -> int:
    """Return the operations of an iteration of two perceptrons, piecewise linear.

    With G and C operations a sample in a sweep of the generator and of the critic, G_1 and C_1
    of them in the first layer:

        critic step        G                  generated samples
                         + 3 C                scores of the generated, the real, the mixed
                         + 2 (2 C - C_1)      weight gradients and cotangents of two of them
                         + C + C + C          gradient at the mixed, tangents, weight gradients
        generator step     G + C + C          samples, scores, cotangents to the samples
                         + 2 G - G_1          weight gradients and cotangents

    Args:
        generator: widths from z to x.
        critic: widths from x to the score.
        batch_size: B.
        critic_steps: c.

    >>> round(wgan_flops((16, 512, 512, 16), (16, 512, 512, 1), 500, 5) / 1e9, 1)
    16.2
    """
    (G, G_1), (C, C_1) = _sweep(generator), _sweep(critic)
    critic_step = G + 3 * C + 2 * (2 * C - C_1) + 3 * C
    generator_step = G + 2 * C + 2 * G - G_1
    return batch_size * (critic_steps * critic_step + generator_step)


def molgan_flops(
    *,
    latent_dim: int,
    generator: Sequence[int],
    num_atoms: int,
    num_relations: int,
    num_node_classes: int,
    convolutions: Sequence[int],
    aggregation: int,
    dense: Sequence[int],
    batch_size: int,
    critic_steps: int,
) -> int:
    """Return the operations of an iteration of the modified MolGAN.

    A sweep of the critic over a molecule of n places, with R relations and F node classes:

        L: convolutions    n (R + 1) d by h each, d the width of U, h of its result
                           (d = F in the first, L_1; h before + F later)
           aggregation     n d by 2 a
           perceptron      a by h, ..., h by 1
        R: A_r U           n by n by d for each relation and convolution (R_1 in the first)

    The generator's G is its layers with the injections of z, G_1 what multiplies z, and K P + F n
    logits at the end. tanh and sigmoid curve, so the penalty's gradient has a second sweep of
    cotangents:

        scores of generated and real          2 (L + R)
        cotangents, weight gradients of both  2 (2 L - L_1 + R - R_1)
        mixed: score                          L + R
               gradient by A and X            L + 2 R
               tangents                       L + 2 R
               second cotangents              L - L_1 + 2 (R - R_1)
               weight gradients               2 L
        critic step, with the samples         G + 12 L - 3 L_1 + 11 R - 4 R_1
        generator step                        3 G - G_1 + 2 L + 3 R

    >>> sizes = dict(latent_dim=16, generator=(64, 176, 288, 400, 512), num_atoms=9,
    ...     num_relations=3, num_node_classes=5, convolutions=(128, 64), aggregation=128,
    ...     dense=(128, 64))
    >>> round(molgan_flops(**sizes, batch_size=256, critic_steps=5) / 1e9, 1)
    19.1
    """
    n, relations, nodes = num_atoms, num_relations, num_node_classes
    before = (nodes, *(h + nodes for h in convolutions))
    linear = [
        product_flops(n, (relations + 1) * d, h)
        for d, h in zip(before[:-1], convolutions, strict=True)
    ]
    L, L_1 = sum(linear), linear[0]
    L += product_flops(n, before[-1], 2 * aggregation)
    L += sum(product_flops(1, a, b) for a, b in pairwise((aggregation, *dense, 1)))
    relational = [relations * product_flops(n, n, d) for d in before[:-1]]
    R, R_1 = sum(relational), relational[0]
    num_logits = (relations + 1) * (n * (n - 1) // 2) + nodes * n
    G_1 = product_flops(1, latent_dim, sum(generator))
    G = G_1 + sum(product_flops(1, a, b) for a, b in pairwise((*generator, num_logits)))
    two_scores = 2 * (L + R) + 2 * (2 * L - L_1 + R - R_1)
    penalty = (L + R) + 2 * (L + 2 * R) + (L - L_1 + 2 * (R - R_1)) + 2 * L
    generator_step = G + (L + R) + (L + 2 * R) + (2 * G - G_1)
    return batch_size * (critic_steps * (G + two_scores + penalty) + generator_step)


def _sweep(widths: Sequence[int]) -> tuple[int, int]:
    """Return the operations of a sweep for a sample, and those of its first layer."""
    layers = [product_flops(1, a, b) for a, b in pairwise(widths)]
    return sum(layers), layers[0]
