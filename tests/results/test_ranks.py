"""Rank tests: exact laws, published tables, and scipy as the oracle."""

import itertools

import numpy as np
import pytest
from scipy.stats import friedmanchisquare, wilcoxon

from quantum_latents.random import stream
from quantum_latents.results.ranks import (
    doubled_ranks,
    friedman,
    nemenyi_difference,
    rank_law,
    signed_rank_p,
)


def scores(num_blocks, k, name="scores"):
    return stream(0, "tests", "ranks", name).generator().normal(size=(num_blocks, k))


def test_ranks_share_ties_and_ignore_rounding():
    third = 0.1 + 0.2
    assert doubled_ranks(np.array([[third, 0.3, 0.1], [2.0, 2.0, 2.0]])).tolist() == [
        [5, 5, 2],
        [4, 4, 4],
    ]


@pytest.mark.parametrize("ties", [False, True])
def test_friedman_is_that_of_scipy(ties):
    values = scores(9, 5)
    values = values.round(0) if ties else values
    ranks = doubled_ranks(values)
    assert friedman(ranks, rank_law(ranks)).statistic == pytest.approx(
        friedmanchisquare(*values.T).statistic
    )


# Friedman 1937, tables V and VI: probabilities of chi^2 at or above a value.
@pytest.mark.parametrize(
    ("k", "order", "value", "p_value"),
    [
        (3, [[1, 2, 3], [1, 2, 3], [1, 2, 3]], 6.0, 0.028),
        (3, [[1, 2, 3], [1, 2, 3], [1, 3, 2]], 4.667, 0.194),
        (4, [[1, 2, 3, 4], [1, 2, 3, 4]], 6.0, 0.042),
    ],
)
def test_the_exact_law_is_friedmans_table(k, order, value, p_value):
    ranks = 2 * np.array(order)
    test = friedman(ranks, rank_law(ranks))
    assert test.is_exact
    assert test.statistic == pytest.approx(value, abs=1e-3)
    assert test.p_value == pytest.approx(p_value, abs=5e-4)


def test_the_law_keeps_ties():
    """Against every arrangement of three blocks, one of them tied, counted one by one."""
    ranks = doubled_ranks(np.array([[1.0, 1.0, 2.0], [3.0, 1.0, 2.0], [1.0, 2.0, 3.0]]))
    spreads = [
        ((np.sum(rows, axis=0) - 12) ** 2).sum()
        for rows in itertools.product(*(itertools.permutations(row) for row in ranks.tolist()))
    ]
    observed = ((ranks.sum(axis=0) - 12) ** 2).sum()
    expected = np.mean(np.array(spreads) >= observed)
    assert rank_law(ranks).p_spread(ranks) == pytest.approx(expected, abs=1e-12)


def test_drawn_laws_agree_with_the_enumerated_one(monkeypatch):
    from quantum_latents.results import ranks as module

    ranks = doubled_ranks(scores(7, 4))
    exact = rank_law(ranks)
    monkeypatch.setattr(module, "_MOST_STATES", 0)
    drawn = module._law.__wrapped__(tuple(map(tuple, np.sort(ranks, axis=1).tolist())))
    assert exact.is_exact
    assert not drawn.is_exact
    p_value = exact.p_spread(ranks)
    # Five standard errors of 19,999 arrangements: false alarm about 6e-7.
    assert drawn.p_spread(ranks) == pytest.approx(p_value, abs=5 * (p_value / 19_999) ** 0.5)
    assert drawn.critical_difference() == exact.critical_difference()


def test_critical_differences():
    """Demsar 2006: table 5a has q = 1.960, 2.343, 2.569, 2.728, .. 3.164 for 2 to 10."""
    for k, q in {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 10: 3.164}.items():
        assert nemenyi_difference(k, 6) == pytest.approx(q * (k * (k + 1) / 36) ** 0.5, abs=2e-3)
    law = rank_law(doubled_ranks(scores(10, 4)))
    difference = law.critical_difference()
    ranges = (law.sums[:, -1] - law.sums[:, 0]) / 20
    assert law.weights.sum() == pytest.approx(1)
    assert law.weights[ranges >= difference - 1e-9].sum() <= 0.05
    assert law.weights[ranges >= difference - 0.1 - 1e-9].sum() > 0.05  # the next smaller one
    assert difference == pytest.approx(nemenyi_difference(4, 10), rel=0.1)
    assert rank_law(np.array([[2, 4, 6, 8]] * 2)).critical_difference() is None


def test_signed_ranks_are_scipys():
    differences = scores(11, 1)[:, 0]
    expected = wilcoxon(differences, method="exact").pvalue
    assert signed_rank_p(differences) == pytest.approx(expected, rel=1e-12)
    assert signed_rank_p(-differences) == signed_rank_p(differences)


def test_signed_ranks_with_ties_and_zeros_count_every_sign():
    differences = np.array([0.0, 1.0, 1.0, -1.0, 2.0, 2.0, 3.0])
    ranks = np.array([2.0, 2.0, 2.0, 4.5, 4.5, 6.0])
    sums = [ranks[np.array(s) > 0].sum() for s in itertools.product((-1, 1), repeat=6)]
    observed = 2 + 2 + 4.5 + 4.5 + 6
    above, below = np.mean(np.array(sums) >= observed), np.mean(np.array(sums) <= observed)
    assert signed_rank_p(differences) == pytest.approx(2 * min(above, below), abs=1e-12)
    assert signed_rank_p([0.0, 0.0]) == 1.0
