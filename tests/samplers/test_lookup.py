"""Looking up in a running sum with a guide: what a bisection finds, for any law and draw."""

from __future__ import annotations

import numpy as np
import pytest

from quantum_latents.samplers.enumeration import (
    binomial_table,
    num_outcomes,
    outcome_modes,
    outcome_table,
)
from quantum_latents.samplers.kernels.numba import guide_of, guided_search, search

RNG = np.random.default_rng(0)
LAWS = {
    "one outcome": np.ones(1),
    "two, the first impossible": np.array([0.0, 1.0]),
    "equal": np.ones(64),
    "not a power of two": RNG.random(1000),
    "impossible ends": np.r_[np.zeros(5), RNG.random(20), np.zeros(7)],
    "one outcome has nearly all": np.r_[np.full(500, 1e-9), 1.0, np.full(500, 1e-9)],
    "beneath rounding": np.r_[1.0, np.full(300, 1e-18), 1.0],
    "a total that is no 1": RNG.random(77) * 1e-3,
    "many orders of magnitude": 10.0 ** -np.arange(0, 40),
}


@pytest.mark.parametrize("name", LAWS)
def test_a_guide_finds_what_a_bisection_finds(name):
    cumulative = np.cumsum(LAWS[name])
    guide = guide_of(cumulative)
    assert len(guide) >= len(cumulative) and len(guide).bit_count() == 1
    shares = cumulative / cumulative[-1]
    edges = np.concatenate([shares, np.arange(len(guide)) / len(guide)])
    draws = np.concatenate(
        [edges, np.nextafter(edges, 0), np.nextafter(edges, 1), RNG.random(5000)]
    )
    for uniform in np.append(draws[(draws >= 0) & (draws < 1)], np.nextafter(1.0, 0)):
        index = guided_search(cumulative, guide, uniform)
        assert index == search(cumulative, uniform)
        assert LAWS[name][index] > 0


@pytest.mark.parametrize(("m", "n"), [(1, 3), (5, 0), (4, 3), (300, 2), (16, 5)])
def test_the_modes_of_an_outcome_are_its_counts(m, n):
    modes = outcome_modes(m, n)
    assert modes.shape == (num_outcomes(m, n), n)
    counts = np.zeros((len(modes), m), dtype=np.uint8)
    np.add.at(counts, (np.arange(len(modes))[:, None], modes), 1)
    assert np.array_equal(counts, outcome_table(m, n))
    ranks = sum((binomial_table(m, n)[modes[:, k] + k, k + 1] for k in range(n)), np.zeros(1))
    assert np.array_equal(ranks, np.arange(len(modes)) if n else [0])
