"""What a critic of graphs sees of logits, and the way back, compiled.

Notation: `quantum_latents.models.molgan`, whose `relax` does the same with torch: logits l, relaxed
to probabilities y, of K P + F n numbers a molecule; c critic steps of B molecules.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from quantum_latents.models.kernels.elementwise import exp
from quantum_latents.molecules import BOND_CLASSES
from quantum_latents.simd import subroutine

__all__ = ["GraphSettings", "Molecules", "relax", "relax_cotangents"]


class GraphSettings(NamedTuple):
    """The settings of a step.

    Attributes:
        batch_size, critic_steps, gradient_penalty: B, c and lambda.
        temperature: of the relaxation.
        is_hard: whether the critic sees one-hot rows (straight-through).
    """

    batch_size: int
    critic_steps: int
    gradient_penalty: float
    temperature: float
    is_hard: bool


class Molecules(NamedTuple):
    """Memory of one run in training.

    Attributes:
        soft: ((c + 1) B, K P + F n), relaxed probabilities.
        seen: the same, what the critic sees; `soft` itself unless it is hard.
        real, mixed: (B, K P + F n), of one critic step.
        by_seen: (B, K P + F n), gradient of the generator's loss.
    """

    soft: np.ndarray
    seen: np.ndarray
    real: np.ndarray
    mixed: np.ndarray
    by_seen: np.ndarray


@subroutine
def _num_atoms(width, num_nodes):
    """Return n, from K n (n - 1) / 2 + F n numbers."""
    n = 1
    while BOND_CLASSES * (n * (n - 1) // 2) + num_nodes * n < width:
        n += 1
    return n


@subroutine
def relax(memory, first, logits, noise, settings, num_nodes):
    """Write what `relax` defines, of the rows from `first` on; `noise` may have no rows."""
    width = logits.shape[1]
    soft, seen = memory.soft[first:], memory.seen[first:]
    cut, is_hard = width - num_nodes * _num_atoms(width, num_nodes), settings.is_hard
    per_temperature = soft.dtype.type(1 / settings.temperature)
    for row in range(logits.shape[0]):
        start = 0
        while start < width:
            stop = start + (BOND_CLASSES if start < cut else num_nodes)
            best = start
            for i in range(start, stop):
                score = logits[row, i]
                if len(noise):
                    score += noise[first + row, i]
                soft[row, i] = score * per_temperature
                if soft[row, i] > soft[row, best]:
                    best = i
            top = soft[row, best]
            for i in range(start, stop):
                soft[row, i] -= top
            start = stop
        for i in range(width):
            soft[row, i] = exp(soft[row, i])
        start = 0
        while start < width:
            stop = start + (BOND_CLASSES if start < cut else num_nodes)
            total = soft[row, start]
            for i in range(start + 1, stop):
                total += soft[row, i]
            best = start
            for i in range(start, stop):
                soft[row, i] /= total
                if soft[row, i] > soft[row, best]:
                    best = i
            if is_hard:
                for i in range(start, stop):
                    seen[row, i] = i == best
            start = stop


@subroutine
def relax_cotangents(by_logits, by_seen, soft, settings, num_nodes):
    """Write the cotangents of the logits, y (v - y . v) / temperature in each group."""
    width = soft.shape[1]
    cut = width - num_nodes * _num_atoms(width, num_nodes)
    per_temperature = soft.dtype.type(1 / settings.temperature)
    for row in range(soft.shape[0]):
        start = 0
        while start < width:
            stop = start + (BOND_CLASSES if start < cut else num_nodes)
            mean = soft[row, start] * by_seen[row, start]
            for i in range(start + 1, stop):
                mean += soft[row, i] * by_seen[row, i]
            for i in range(start, stop):
                y, v = soft[row, i], by_seen[row, i]
                by_logits[row, i] = y * (v - mean) * per_temperature
            start = stop
