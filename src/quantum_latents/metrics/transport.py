"""Wasserstein-1 by exact optimal transport between samples.

Notation: generated samples x (N, d), reference samples y (M, d), n = min(N, M, `MAX_TRANSPORT`);
|.| is the Euclidean norm. Of two sets of n samples with equal weights

    W_1 = min over permutations p of (1/n) sum_i |x_i - y_p(i)|,

because the transport plans of equal weights are a polytope whose corners are permutations
(Birkhoff); it is the distance inf E|X - Y| over all couplings of the two empirical laws.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from quantum_latents.metrics.samples import as_samples_pair

__all__ = ["MAX_TRANSPORT", "wasserstein_1"]

MAX_TRANSPORT = 2000
"""Most samples a side: the matrix of distances has n^2 entries and the solver takes up to n^3."""


def wasserstein_1(generated: ArrayLike, reference: ArrayLike) -> float:
    """Return the Wasserstein-1 distance of two sets of samples, in the coordinates' unit.

    Lower is better. The first n rows of each are compared, so that both have equally many. It is
    a metric of the two empirical laws, and of the laws P, Q behind them an estimate from above: its
    mean is at least W_1(P, Q), and it is positive where P = Q, by an amount that falls as slowly
    as n^(-1/d) for d > 2 (Fournier and Guillin 2015). Read it beside the data's own floor at the
    same n, and compare values of one n only.

    Source: Villani, *Optimal transport: old and new*, Springer 2009, chapter 6; Peyré, Cuturi,
    *Computational optimal transport*, 2019, section 2.2 (assignments). Rate: Fournier, Guillin,
    *On the rate of convergence in Wasserstein distance of the empirical measure*, Probab. Theory
    Relat. Fields 162 (2015), 707-738, theorem 1.

    Args:
        generated: samples (N, d), N >= 2, in random order.
        reference: samples (M, d), M >= 2, in random order.

    Raises:
        TypeError, ValueError: see `quantum_latents.metrics.samples.as_samples_pair`.

    >>> wasserstein_1([[0.0], [1.0]], [[4.0], [3.0]])
    3.0
    """
    from scipy.optimize import linear_sum_assignment  # slow to import

    x, y = as_samples_pair(generated, reference)
    n = min(len(x), len(y), MAX_TRANSPORT)
    distances = cdist(x[:n], y[:n])
    rows, columns = linear_sum_assignment(distances)
    return float(np.mean(distances[rows, columns]))
