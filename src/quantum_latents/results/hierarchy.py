"""How much a latent helps over data sets, and how much that varies: a random-effects summary.

Notation: on data set i, with the scores y_ij of `quantum_latents.results.blocks`, the effect

    e_i = y_i,other - y_i,reference,

in run-to-run standard deviations, is positive where the reference is better, whichever way the
metric points. Its variance v_i is that of the jackknife over seeds (Tukey 1958), a seed taken out
of all settings at once, so that the uncertain c_g and seeds that settings share are in it; it errs
upwards (Efron and Stein 1981). v_i grows with e_i^2, so weights made of it would favour small
effects and pull the mean towards 0. The variances are therefore pooled, v_i = sum_l n_l v_l / K /
n_i, and weights follow the number of seeds alone (Bakbergenuly, Hoaglin and Kulinskaya, Statistics
in Medicine 39, 2020). Then, over K data sets,

    e_i ~ Normal(theta_i, v_i),   theta_i ~ Normal(mu, tau^2),   w_i = 1 / (v_i + tau^2),
    mu = sum w_i e_i / sum w_i,   sum w_i (e_i - mu)^2 = K - 1  or  tau = 0

with tau^2 by Paule and Mandel (1982). The interval is that of Hartung and Knapp (2001) and Sidik
and Jonkman (2002): mu +- t_{K-1} sqrt(max(1, q) / sum w_i), q = sum w_i (e_i - mu)^2 / (K - 1),
where max(1, .) keeps few data sets that happen to agree from looking surer than their seeds allow
(with Paule and Mandel's tau^2 > 0, q is 1). A new data set's theta is expected within
mu +- t_{K-2} sqrt(tau^2 + se^2) (Higgins, Thompson and Spiegelhalter 2009). I^2 is Higgins and
Thompson's (2002), (Q - (K - 1)) / Q or 0; the interval of tau is Viechtbauer's (2007) Q profile.

Why not Cohen's d_z: it grows with the correlation of the pairs, so that data sets would weigh by
how alike two runs of a seed are. Why not a share of the distance to the floor: where every latent
has reached the floor it divides by nothing, and leaving such data sets out would leave out those
on which no latent helps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from quantum_latents.results.blocks import Blocks
from quantum_latents.results.leaderboard import MIN_DATA_SETS_VERDICT, Leaderboard
from quantum_latents.results.statistics import holm
from quantum_latents.results.verdicts import ALPHA, Code
from quantum_latents.results.wording import interval_text, number_text, p_text

__all__ = [
    "MIN_DATA_SETS_POOLED",
    "Effect",
    "Pooled",
    "RandomEffects",
    "effects",
    "pooled_effects",
    "random_effects",
]

MIN_DATA_SETS_POOLED = 3
"""Data sets below which nothing is pooled: a prediction has K - 2 degrees of freedom."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A latent against the reference on one data set.

    Attributes:
        data: its name.
        effect: e_i, positive where the reference is better.
        standard_error: sqrt(v_i).
        interval: effect +- t_{n-1} standard errors.
        num_seeds: n.
        difference: mean of other - reference in the metric's unit; None for several settings.
    """

    data: str
    effect: float
    standard_error: float
    interval: tuple[float, float]
    num_seeds: int
    difference: float | None


@dataclass(frozen=True, kw_only=True)
class RandomEffects:
    """Effects of K studies summed up.

    Attributes:
        mean, standard_error: mu, with max(1, q) in the error.
        interval: of mu.
        prediction: of theta on a new data set.
        p_value: two-sided, of mu = 0, with K - 1 degrees.
        tau: standard deviation between data sets.
        tau_interval: of tau.
        i_squared: share of the scatter that the errors do not explain.
        p_heterogeneity: of Q, that tau = 0.
        weights: w_i / sum w, of every data set.
        confidence: of the intervals.
    """

    mean: float
    standard_error: float
    interval: tuple[float, float]
    prediction: tuple[float, float]
    p_value: float
    tau: float
    tau_interval: tuple[float, float]
    i_squared: float
    p_heterogeneity: float
    weights: tuple[float, ...]
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """A latent against the reference over all data sets.

    Attributes:
        reference, other: names.
        effects: one a data set.
        model: their summary; None below `MIN_DATA_SETS_POOLED`.
        p_holm: its p adjusted over the other latents; None without a model.
        code: "better" or "worse", said of the reference, if anything.
        left_out: data sets without an error of their effect, and why.
        sentence: what this says.
    """

    reference: str
    other: str
    effects: tuple[Effect, ...]
    model: RandomEffects | None
    p_holm: float | None
    code: Code
    left_out: tuple[str, ...]
    sentence: str


def random_effects(
    effects: Sequence[float], variances: Sequence[float] | np.ndarray, confidence: float = 0.95
) -> RandomEffects:
    """Sum up effects with known variances, three or more.

    Raises:
        ValueError: fewer than three, not as many variances, or one that is not positive.

    >>> made = random_effects([0.1, 0.3, 0.35, 0.65, 0.45], [0.01, 0.02, 0.05, 0.02, 0.01])
    >>> round(made.mean, 3), round(made.tau, 3)
    (0.361, 0.162)
    """
    from scipy.stats import chi2, t  # slow to import, and only reports need it

    e, v = np.asarray(effects, dtype=float), np.asarray(variances, dtype=float)
    if e.ndim != 1 or e.shape != v.shape or len(e) < MIN_DATA_SETS_POOLED:
        raise ValueError(
            f"a summary needs {MIN_DATA_SETS_POOLED} effects or more, each with its variance, not "
            f"shapes {e.shape} and {v.shape}"
        )
    if not np.isfinite(e).all() or not np.isfinite(v).all() or not (v > 0).all():
        raise ValueError(f"effects are finite and variances > 0, not {effects!r} and {variances!r}")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not {confidence!r}")
    degrees, tail = len(e) - 1, (1 - confidence) / 2
    tau_squared = _tau_squared(e, v, degrees)
    w = 1 / (v + tau_squared)
    mean = float((w * e).sum() / w.sum())
    q = float((w * (e - mean) ** 2).sum()) / degrees
    error = math.sqrt(max(1.0, q) / float(w.sum()))
    reach = float(t.isf(tail, degrees)) * error
    beyond = float(t.isf(tail, degrees - 1)) * math.hypot(math.sqrt(tau_squared), error)
    scatter = _scatter(e, v, 0.0)
    ends = [_tau_squared(e, v, float(chi2.isf(level, degrees))) for level in (tail, 1 - tail)]
    return RandomEffects(
        mean=mean,
        standard_error=error,
        interval=(mean - reach, mean + reach),
        prediction=(mean - beyond, mean + beyond),
        p_value=float(2 * t.sf(abs(mean) / error, degrees)),
        tau=math.sqrt(tau_squared),
        tau_interval=(math.sqrt(ends[0]), math.sqrt(ends[1])),
        i_squared=max(0.0, (scatter - degrees) / scatter) if scatter > 0 else 0.0,
        p_heterogeneity=float(chi2.sf(scatter, degrees)),
        weights=tuple((w / w.sum()).tolist()),
        confidence=confidence,
    )


def effects(
    found: Blocks, reference: str, other: str, confidence: float = 0.95
) -> tuple[list[Effect], list[str]]:
    """Return the effect on each data set, and the data sets left out with the reason.

    Raises:
        ValueError: one of the two latents is not among those of the blocks.
    """
    from scipy.special import stdtrit  # the quantile of Student's t

    for name in (reference, other):
        if name not in found.latents:
            raise ValueError(f"{name!r} is not on every data set; there {found.latents} are")
    places = found.latents.index(reference), found.latents.index(other)
    made, left_out = [], []
    for block in found.blocks:
        scores, without = block.scores(), block.scores_without()
        effect = float(scores[places[1]] - scores[places[0]])
        error = _jackknife(without[:, places[1]] - without[:, places[0]], effect)
        if not error > 0:
            left_out.append(f"{block.data} (its seeds give no error)")
            continue
        reach = float(stdtrit(len(block.seeds) - 1, (1 + confidence) / 2)) * error
        costs = block.settings[0].costs.mean(axis=0) * found.sign
        single = len(block.settings) == 1
        made.append(
            Effect(
                data=block.data,
                effect=effect,
                standard_error=error,
                interval=(effect - reach, effect + reach),
                num_seeds=len(block.seeds),
                difference=float(costs[places[1]] - costs[places[0]]) if single else None,
            )
        )
    return made, left_out


def pooled_effects(
    found: Blocks, reference: str, board: Leaderboard, confidence: float = 0.95
) -> list[Pooled]:
    """Sum up every other latent against the reference, in the order of every table.

    Args:
        found: the data sets.
        reference: name of the latent that all others are compared with.
        board: the leaderboard of the same data sets. Where it refuses a pair (a constant output
            would win the metric and no two-sample metric agrees, or numbers of samples differ), so
            does this.
        confidence: of the intervals.

    Raises:
        ValueError: the reference is not on every data set.
    """
    others = [name for name in found.latents if name != reference]
    raw = [effects(found, reference, other, confidence) for other in others]
    models = [_model(each, confidence) for each, _ in raw]
    adjusted = holm([1.0 if model is None else model.p_value for model in models])
    pooled = [
        Pooled(
            reference=reference,
            other=other,
            effects=tuple(each),
            model=model,
            p_holm=p_holm if model else None,
            code="too few",
            left_out=tuple(left_out),
            sentence="",
        )
        for other, (each, left_out), model, p_holm in zip(
            others, raw, models, adjusted, strict=True
        )
    ]
    coded = [replace(one, code=_code(one, board)) for one in pooled]
    return [replace(one, sentence=_sentence(one, board)) for one in coded]


def _jackknife(parts: np.ndarray, whole: float) -> float:
    """Return the standard error of an effect from the effects without each seed, 0 for none."""
    if not np.isfinite(parts).all():
        return 0.0
    n = len(parts)
    error = math.sqrt((n - 1) / n * float(((parts - parts.mean()) ** 2).sum()))
    return error if error > 1e-12 * max(1.0, abs(whole)) else 0.0


def _model(each: Sequence[Effect], confidence: float) -> RandomEffects | None:
    if len(each) < MIN_DATA_SETS_POOLED:
        return None
    n = np.array([one.num_seeds for one in each])
    single = np.mean([one.num_seeds * one.standard_error**2 for one in each])
    return random_effects([one.effect for one in each], single / n, confidence)


def _scatter(e: np.ndarray, v: np.ndarray, tau_squared: float) -> float:
    """Return Q(tau^2) = sum w_i (e_i - mu)^2, falling in tau^2."""
    w = 1 / (v + tau_squared)
    return float((w * (e - (w * e).sum() / w.sum()) ** 2).sum())


def _tau_squared(e: np.ndarray, v: np.ndarray, target: float) -> float:
    """Return the tau^2 >= 0 with Q(tau^2) = target, 0 where Q(0) is below it."""
    from scipy.optimize import brentq

    if _scatter(e, v, 0.0) <= target:
        return 0.0
    high = float(v.max())
    while _scatter(e, v, high) > target:
        high *= 4
    return float(brentq(lambda x: _scatter(e, v, x) - target, 0.0, high, xtol=1e-12 * high))  # type: ignore[arg-type]


def _code(pooled: Pooled, board: Leaderboard) -> Code:
    model = pooled.model
    if model is None or len(pooled.effects) < MIN_DATA_SETS_VERDICT or pooled.p_holm is None:
        return "too few"
    names = {pooled.reference, pooled.other}
    (pair,) = (pair for pair in board.pairs if {pair.ahead, pair.behind} == names)
    if pair.code == "unequal n":
        return "unequal n"
    low, high = model.interval
    if pooled.p_holm >= ALPHA or low <= 0 <= high:
        return "undecided"
    code = "better" if low > 0 else "worse"
    if board.constant_wins:
        ahead = pooled.reference if code == "better" else pooled.other
        return code if pair.code == "better" and pair.ahead == ahead else "uncorroborated"
    return code


def _sentence(pooled: Pooled, board: Leaderboard) -> str:
    reference, other, model = pooled.reference, pooled.other, pooled.model
    number = len(pooled.effects)
    if model is None:
        return (
            f"{reference} against {other}: {number} data sets, too few to sum up "
            f"(at least {MIN_DATA_SETS_POOLED})."
        )
    found = (
        f"{number_text(model.mean, signed=True)} run-to-run standard deviations in favour of "
        f"{reference} on the average of {number} data sets, "
        f"{100 * model.confidence:g} % interval {interval_text(model.interval)}"
    )
    spread = (
        f" Between data sets it varies by tau = {number_text(model.tau, 2)} (I² = "
        f"{100 * model.i_squared:.0f} %); on a new one it is expected within "
        f"{interval_text(model.prediction)}"
    )
    low, high = model.prediction
    if low <= 0 <= high:
        spread += ", so for either of the two."
    else:
        spread += f", so for {reference if low > 0 else other}."
    if pooled.code == "too few":
        return (
            f"Too few data sets for a verdict on {reference} against {other} by {board.label}: "
            f"{number} of at least {MIN_DATA_SETS_VERDICT} ({found})."
        )
    if pooled.code in ("better", "worse"):
        return (
            f"{reference} is {pooled.code} than {other} by {board.label}: {found}, Holm-adjusted "
            f"p = {p_text(pooled.p_holm)}.{spread}"
        )
    if pooled.code == "undecided":
        return f"{reference} against {other} by {board.label} is undecided: {found}.{spread}"
    reason = (
        "a constant output would win it, and no two-sample leaderboard tells them apart"
        if pooled.code == "uncorroborated"
        else "it depends on the number of samples, and they had different ones"
    )
    return f"No verdict on {reference} against {other} by {board.label}: {reason} ({found})."
