"""Generators whose matrices have a bounded spectral norm, by projection.

Notation: s(W) is the largest singular value of a matrix W, c the bound `MLPSpec.spectral_bound`,
L the number of hidden layers. The projection

    W <- W min(1, c / s(W))

leaves the directions of W alone. With slopes of at most 1 a perceptron without re-injection is
then Lipschitz with a constant of at most c^(L+1), the product of its maps' norms. A trainable
scale of the inputs is a diagonal matrix: its entries are cut to [-c, c].

Source: Gouk, Frank, Pfahringer, Cree, *Regularisation of neural networks by enforcing Lipschitz
continuity*, Machine Learning 110 (2021), 393-416 (projection after an update).
"""

from __future__ import annotations

import torch
from torch import Tensor

from quantum_latents.models.nn import StackedMLP
from quantum_latents.models.threads import one_thread

__all__ = ["project_"]


@torch.no_grad()
def project_(mlp: StackedMLP, flat: Tensor) -> None:
    """Scale down, in place, every matrix whose spectral norm exceeds the bound of the spec.

    Rounding included, no norm exceeds the bound afterwards, so that a second projection changes
    nothing. Matrices that are not finite are left to whoever stops diverged runs. Nothing happens
    without a bound.

    Args:
        mlp: says which parts of `flat` are matrices, and the bound.
        flat: parameters of the S runs, flat like `mlp.flat`.
    """
    bound = mlp.spec.spectral_bound
    if not bound:
        return
    with one_thread():
        for name, stacked in mlp.views(flat.detach()).items():
            if name.startswith(("bias", "shift")):
                continue
            if name.startswith("scale"):
                stacked.clamp_(-bound, bound)
                continue
            # Rounding the scaled entries adds at most eps / 2 of the Frobenius norm.
            margin = torch.finfo(stacked.dtype).eps * min(stacked.shape[1:]) ** 0.5
            for weight in stacked:
                # One matrix at a time, in memory of its own, on one thread: a run's bits depend
                # neither on its neighbours nor on the machine's cores.
                matrix = weight.to("cpu", torch.float64, copy=True)
                if not matrix.isfinite().all():
                    continue
                largest = float(torch.linalg.svdvals(matrix)[0])
                if largest > bound:
                    weight.mul_(bound / largest * (1 - margin))
