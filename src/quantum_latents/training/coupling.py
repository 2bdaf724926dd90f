"""Optimal transport between the sources and the data of a batch.

Notation: B sources x_0 and B data points x_1, each of mass 1/B. The plan that moves one to the
other at the least sum of squared distances has a corner of the Birkhoff polytope as a solution, a
permutation: every source gets one data point. POT finds it exactly by a network simplex (Flamary et
al. 2021; Bonneel et al. 2011).

As B grows the pairs approach the optimal coupling of the two laws; at a finite B they are biased
towards the independent one (Tong et al. 2024; Fatras et al. 2020).
"""

from __future__ import annotations

import importlib.util

import numpy as np

__all__ = ["check_transport_installed", "transported"]

_MAX_ITERATIONS = 10_000_000
"""Of the simplex; a batch of a thousand takes far fewer."""


def check_transport_installed() -> None:
    """Refuse to begin where nothing can solve the transport.

    Raises:
        ImportError: POT is not installed, with what to install.
    """
    if importlib.util.find_spec("ot") is None:
        raise ImportError(
            "optimal-transport coupling is solved by POT, which is not installed: "
            'pip install ".[flow]"'
        )


def transported(x0: np.ndarray, x1: np.ndarray) -> np.ndarray:
    """Return for each source the place of its data point, int64 (B,), a permutation.

    Args:
        x0: the sources (B, D).
        x1: the data points (B, D).

    Raises:
        ImportError: POT is not installed.
        RuntimeError: POT did not find the optimum.

    >>> transported(np.array([[0.0], [5.0]]), np.array([[6.0], [1.0]]))
    array([1, 0])
    """
    check_transport_installed()
    import ot

    x0, x1 = np.asarray(x0, np.float64), np.asarray(x1, np.float64)
    mass = np.full(len(x0), 1 / len(x0))
    costs = np.asarray(ot.dist(x0, x1, metric="sqeuclidean"))
    # Costs in units of their mean: the simplex compares with fixed tolerances.
    plan, log = ot.emd(
        mass, mass, costs / max(costs.mean(), 1e-300), numItermax=_MAX_ITERATIONS, log=True
    )
    if log["result_code"] != 1:
        raise RuntimeError(f"POT found no optimal coupling of a batch: {log['warning']}")
    places = plan.argmax(axis=1)
    assert len(set(places.tolist())) == len(places), "a corner of the polytope is a permutation"
    return places
