"""Random effects over data sets: published examples, and laws by simulation."""

import numpy as np
import pytest

from quantum_latents.random import stream
from quantum_latents.results import (
    Block,
    Blocks,
    MetricFacts,
    Setting,
    pooled_effects,
    random_effects,
    ranking,
)
from quantum_latents.results.hierarchy import effects

# Trials of the BCG vaccine (Colditz et al., JAMA 271, 1994): cases and others, vaccinated and not.
BCG = """4 119 11 128  6 300 29 274  3 228 11 209  62 13536 248 12619  33 5036 47 5761
180 1361 372 1079  8 2537 10 619  505 87886 499 87892  29 7470 45 7232  17 1699 65 1600
186 50448 141 27197  5 2493 3 2338  27 16886 29 17825"""


def facts(direction="lower", **changes):
    return MetricFacts(
        name="mmd",
        label="mmd",
        direction=direction,
        unit="",
        constant_wins=changes.get("constant_wins", False),
        corroborated_by=(),
    )


def blocks(costs, direction="lower", **changes):
    """Blocks of data sets (N, n, k) with costs of quantum and gaussian."""
    made = tuple(
        Block(data=f"set {index}", settings=(setting(values),))
        for index, values in enumerate(costs)
    )
    names = ("quantum", "gaussian", "uniform")[: np.shape(costs)[-1]]
    return Blocks(facts=facts(direction, **changes), latents=names, blocks=made, left_out=())


def setting(values, seeds=None, name="set"):
    values = np.asarray(values, dtype=float)
    return Setting(
        name=name,
        seeds=tuple(range(len(values))) if seeds is None else tuple(seeds),
        costs=values,
        sizes=np.zeros(values.shape, dtype=np.int64),
        num_dropped=0,
    )


def draws(shape, seed=0):
    return stream(seed, "tests", "hierarchy").generator().normal(size=shape)


def pooled(found):
    return pooled_effects(found, "quantum", ranking(found))


def test_the_bcg_trials():
    """Viechtbauer, *Conducting meta-analyses in R with the metafor package*, 2010: Q = 152.23,
    tau^2 in [0.120, 1.111] by the Q profile. tau^2, mean and its error by Paule and Mandel with
    Hartung and Knapp are those of statsmodels 0.15.0, `combine_effects(method_re="iterated")`."""
    cases, others, controls, rest = np.array(BCG.split(), dtype=float).reshape(13, 4).T
    ratio = np.log(cases / (cases + others)) - np.log(controls / (controls + rest))
    variance = 1 / cases - 1 / (cases + others) + 1 / controls - 1 / (controls + rest)
    made = random_effects(ratio, variance)
    assert made.tau**2 == pytest.approx(0.318068452, abs=1e-8)
    assert np.square(made.tau_interval) == pytest.approx((0.1197, 1.1115), abs=1e-4)
    assert made.mean == pytest.approx(-0.714968153, abs=1e-8)
    assert made.standard_error == pytest.approx(0.180892192, abs=1e-8)
    assert made.interval == pytest.approx((-1.10909838, -0.32083793), abs=1e-7)
    assert made.i_squared == pytest.approx(1 - 12 / 152.233, abs=1e-5)
    assert made.p_heterogeneity < 1e-20
    assert sum(made.weights) == pytest.approx(1)
    assert made.prediction[0] < made.interval[0] < made.interval[1] < made.prediction[1]


def test_agreeing_data_sets_are_not_surer_than_their_seeds():
    made = random_effects([0.10, 0.12, 0.11, 0.13], [0.01, 0.02, 0.05, 0.02])
    assert (made.tau, made.i_squared) == (0.0, 0.0)
    assert made.standard_error == pytest.approx((1 / sum([100, 50, 20, 50])) ** 0.5)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="3 effects or more"):
        random_effects([0.1, 0.2], [0.1, 0.1])
    with pytest.raises(ValueError, match="variances > 0"):
        random_effects([0.1, 0.2, 0.3], [0.1, 0.0, 0.1])
    with pytest.raises(ValueError, match="between 0 and 1"):
        random_effects([0.1, 0.2, 0.3], [0.1, 0.1, 0.1], confidence=95)
    with pytest.raises(ValueError, match="'copula' is not on every data set"):
        effects(blocks(draws((3, 5, 2))), "copula", "quantum")


def test_intervals_cover_the_mean_and_a_new_data_set():
    """Nine data sets, ten seeds, tau = 0.7: the mean effect 0.8 in 95 % of studies."""
    number, sets, mean, tau = 250, 9, 0.8, 0.7
    costs = draws((number, sets, 10, 2))
    costs += 1.5 * draws((number, sets, 10, 1), seed=1)  # seeds that pairs share
    scale = (1 + 1.5**2) ** 0.5
    costs[..., 1] += scale * (mean + tau * draws((number, sets, 1), seed=2))
    new = mean + tau * draws(number, seed=3)
    models = [pooled(blocks(of))[0].model for of in costs]
    inside = np.mean([m.interval[0] <= mean <= m.interval[1] for m in models])
    predicted = np.mean(
        [m.prediction[0] <= x <= m.prediction[1] for m, x in zip(models, new, strict=True)]
    )
    assert 0.91 <= inside <= 0.99
    # A prediction from few data sets covers less than it promises (Partlett and Riley 2017).
    assert 0.87 <= predicted <= 0.99
    assert np.mean([m.mean for m in models]) == pytest.approx(mean, abs=0.06)
    assert np.mean([m.tau for m in models]) == pytest.approx(tau, abs=0.1)


def test_verdicts_over_data_sets_that_do_not_differ():
    costs = draws((120, 9, 6, 3), seed=4)
    found = [pooled(blocks(of)) for of in costs]
    errors = np.mean([any(one.code != "undecided" for one in each) for each in found])
    assert errors <= 0.05 + 4 * (0.05 * 0.95 / 120) ** 0.5


@pytest.mark.parametrize("direction", ["lower", "higher"])
def test_positive_is_in_favour_of_the_reference(direction):
    costs = draws((9, 8, 2))
    costs[..., 1] += 4.0  # gaussian is worse, whichever way the metric points
    (one,) = pooled(blocks(costs, direction))
    assert one.code == "better"
    assert one.model.interval[0] > 0
    assert all(effect.effect > 0 for effect in one.effects)
    sign = 1 if direction == "lower" else -1
    assert all(sign * effect.difference > 0 for effect in one.effects)
    assert "quantum is better than gaussian by mmd: +" in one.sentence
    assert "so for quantum." in one.sentence
    (other,) = pooled(blocks(costs[..., ::-1], direction))
    assert other.code == "worse"
    assert other.model.mean == pytest.approx(-one.model.mean)
    assert "so for gaussian." in other.sentence


def test_few_data_sets_have_no_verdict():
    costs = draws((7, 10, 2))
    costs[..., 1] += 9.0
    (one,) = pooled(blocks(costs))
    assert one.code == "too few"
    assert "7 of at least 8" in one.sentence
    (one,) = pooled(blocks(costs[:2]))
    assert (one.model, one.p_holm) == (None, None)
    assert "2 data sets, too few to sum up" in one.sentence


def test_an_effect_that_turns_is_not_predicted():
    costs = draws((12, 10, 2))
    costs[..., 1] += 2.2 + 2.0 * draws((12, 1), seed=7)
    (one,) = pooled(blocks(costs))
    low, high = one.model.prediction
    assert one.code == "better"
    assert low < 0 < high
    assert "so for either of the two" in one.sentence


def test_a_metric_that_a_constant_wins_gives_no_verdict_alone():
    costs = draws((9, 8, 2))
    costs[..., 1] += 4.0
    found = blocks(costs, constant_wins=True)
    board = ranking(found)
    assert pooled_effects(found, "quantum", board)[0].code == "better"  # as if corroborated
    from quantum_latents.results.leaderboard import _corroborated

    (one,) = pooled_effects(found, "quantum", _corroborated(board, []))
    assert one.code == "uncorroborated"
    assert "no two-sample leaderboard" in one.sentence


def test_the_jackknife_takes_one_seed_out_of_all_settings():
    values = draws((6, 2), seed=5)
    both = Block(data="a", settings=(setting(values), setting(values[:4] ** 2, name="b")))
    for place, seed in enumerate(both.seeds):
        kept = [other for other in range(6) if other != seed]
        rest = setting(values[:4] ** 2) if seed > 3 else setting((values[:4] ** 2)[kept[:3]])
        parts = zip((setting(values[kept]), rest), both.settings, strict=True)
        expected = [part.scores() * of.correction / part.correction for part, of in parts]
        assert both.scores_without()[place] == pytest.approx(np.mean(expected, axis=0))


def test_the_effect_has_neither_bias_nor_a_wrong_error():
    """Normal runs of few seeds that share half their variance, against those of many draws."""
    for n, excess in ((5, 0.4), (12, 0.15)):
        costs = draws((400, n, 2), seed=8) + draws((400, n, 1), seed=10)
        costs /= np.sqrt(2)
        costs[..., 1] += 1.0
        made, _ = effects(blocks(costs), "quantum", "gaussian")
        values = np.array([one.effect for one in made])
        errors = np.array([one.standard_error for one in made])
        assert values.mean() == pytest.approx(1.0, abs=4 * values.std() / 20)
        error = np.sqrt((errors**2).mean())
        assert 0.9 * values.std() <= error <= (1 + excess) * values.std()  # errs upwards


def test_settings_of_a_data_set_are_one_effect_and_their_seeds_are_shared():
    """A setting that is counted twice makes nothing surer."""
    costs = draws((10, 2), seed=9)
    costs[:, 1] += 1.0
    once = Block(data="a", settings=(setting(costs),))
    twice = Block(data="a", settings=(setting(costs), setting(10 * costs, name="again")))
    for block in (once, twice):
        found = Blocks(facts=facts(), latents=("quantum", "gaussian"), blocks=(block,), left_out=())
        (one,), _ = effects(found, "quantum", "gaussian")
        if block is once:
            expected = one
    assert one.effect == pytest.approx(expected.effect)
    assert one.standard_error == pytest.approx(expected.standard_error)
    assert (expected.difference is None, one.difference is None) == (False, True)


def test_a_data_set_without_an_error_is_left_out_by_name():
    costs = draws((4, 5, 2))
    costs[2, :, 1] = costs[2, :, 0]
    (one,) = pooled(blocks(costs))
    assert one.left_out == ("set 2 (its seeds give no error)",)
    assert [effect.data for effect in one.effects] == ["set 0", "set 1", "set 3"]
