"""Data sets as blocks: the matrix that a leaderboard ranks and a hierarchical summary pools.

Notation: data sets i = 1..N, latents j = 1..k, seeds s. A *setting* g of a data set is one
comparison on it: a group of a study (a length of z, a depth), a choice of restarts, or the same
data set in another folder. x_gsj is the metric, its sign turned so that less is better, of the n_g
seeds at which every latent has a value. The run-to-run standard deviation of a setting is

    c_g^2 = mean over j of sum over s of (x_gsj - x_g.j)^2 / (n_g - 1),

pooled over the latents, so that it prefers none of them, and the *score* of a latent on a data set

    y_ij = mean over g of J_g x_g.j / c_g,      x_g.j the mean over the seeds,

with Hedges' (1981) correction J_g = 1 - 3 / (4 nu_g - 1) for the c_g of few seeds; since a seed's
runs are alike, c_g has nu_g = (n_g - 1) tr(S)^2 / tr(S^2) degrees of freedom (Box 1954), S the
latents' covariance over the seeds: n_g - 1 if they are all alike, k (n_g - 1) if nothing is.

Differences of scores are in run-to-run standard deviations, whatever the metric's unit is worth on
a data set, add up along latents (y_ia - y_ib + y_ib - y_ic = y_ia - y_ic), and exist where the
metric's sampling floor has been reached and a ratio to it would divide by nothing.

A data set is one block however many settings and seeds it has: these repeat it, they do not make
another. Which data sets are the same is decided by their name and, of a user's file, its content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantum_latents.results.restarts import as_compared
from quantum_latents.results.selection import (
    MetricFacts,
    latents,
    metric_facts,
    metric_names,
    ordered,
    sizes_by_seed,
    values_by_seed,
)

__all__ = ["MIN_SEEDS_BLOCK", "Block", "Blocks", "Setting", "Studies", "collect", "shared_metrics"]

Row = Mapping[str, Any]
Studies = Mapping[str, tuple[Sequence[Row], Mapping[str, Any]]]
"""Label of a study (its folder) -> its rows and its checked ``study.json``."""

MIN_SEEDS_BLOCK = 3
"""Seeds with a value of every latent below which a setting has no usable spread."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """One comparison of the latents on a data set.

    Attributes:
        name: of the data set with its group, and of its folder where there are several.
        seeds: at which every latent has a value, ascending, (n,).
        costs: float64 (n, k), the metric, its sign turned so that less is better.
        sizes: int64 (n, k), from how many samples it was computed; 0 where rows do not say.
        num_dropped: seeds left out because a run diverged, has no value, or is still missing.
    """

    name: str
    seeds: tuple[int, ...]
    costs: np.ndarray
    sizes: np.ndarray
    num_dropped: int

    @property
    def scale(self) -> float:
        """The run-to-run standard deviation c_g, 0 where it is nothing but rounding."""
        centred = self.costs - self.costs.mean(axis=0)
        return float(self._deviation((centred**2).sum(), len(centred)))

    @property
    def correction(self) -> float:
        """Hedges' J_g."""
        covariance = np.atleast_2d(np.cov(self.costs, rowvar=False))
        alike = float((covariance**2).sum()) / float(np.trace(covariance)) ** 2
        return 1 - 3 / (4 * (len(self.costs) - 1) / alike - 1)

    def scores(self) -> np.ndarray:
        """Return the mean costs in run-to-run standard deviations, float64 (k,)."""
        return self.correction * self.costs.mean(axis=0) / self.scale

    def scores_without(self) -> np.ndarray:
        """Return the scores without each seed in turn, (n, k), by J_g of all; NaN if no spread."""
        n = len(self.costs)
        centred = self.costs - self.costs.mean(axis=0)
        means = self.costs.mean(axis=0) - centred / (n - 1)
        squares = (centred**2).sum() - n / (n - 1) * (centred**2).sum(axis=1)
        scales = self._deviation(squares, n - 1)
        return self.correction * means / np.where(scales > 0, scales, np.nan)[:, None]

    def _deviation(self, squares: Any, num_seeds: int) -> np.ndarray:
        """Return c_g from the sum of squares of all centred costs."""
        scale = np.sqrt(np.maximum(squares, 0) / (self.costs.shape[1] * (num_seeds - 1)))
        return np.where(scale > 1e-12 * np.abs(self.costs).max(), scale, 0.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """One data set.

    Attributes:
        data: its name.
        settings: its comparisons, one or more.
    """

    data: str
    settings: tuple[Setting, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of any setting, ascending."""
        return tuple(sorted({seed for setting in self.settings for seed in setting.seeds}))

    @property
    def num_dropped(self) -> int:
        """Seeds left out, over the settings."""
        return sum(setting.num_dropped for setting in self.settings)

    def scores(self) -> np.ndarray:
        """Return y_i, float64 (k,), less is better."""
        return np.mean([setting.scores() for setting in self.settings], axis=0)

    def scores_without(self) -> np.ndarray:
        """Return y_i without each of `seeds` in turn, taken out of all settings, (n, k)."""
        parts = []
        for setting in self.settings:
            whole = setting.scores()
            without = dict(zip(setting.seeds, setting.scores_without(), strict=True))
            parts.append([without.get(seed, whole) for seed in self.seeds])
        return np.mean(parts, axis=0)

    def seed_scores(self) -> tuple[tuple[int, ...], np.ndarray]:
        """Return the seeds that all settings have, and the score of each, float64 (n, k)."""
        common = set.intersection(*(set(setting.seeds) for setting in self.settings))
        seeds = tuple(sorted(common))
        each = [
            setting.correction
            * setting.costs[[setting.seeds.index(seed) for seed in seeds]]
            / setting.scale
            for setting in self.settings
        ]
        return seeds, np.mean(each, axis=0)

    def is_of_unequal_sizes(self, first: int, second: int) -> bool:
        """Whether two latents' metrics of a seed were computed from different numbers."""
        return any(
            bool(((sizes := setting.sizes[:, [first, second]]) > 0).all(axis=1).any())
            and bool((sizes[:, 0] != sizes[:, 1]).any())
            for setting in self.settings
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Blocks:
    """Data sets that can be ranked together.

    Attributes:
        facts: what the rows say about the metric.
        latents: those that every data set has, in the order of every table, (k,).
        blocks: the data sets, in the order of every table.
        left_out: one phrase for each latent, data set or setting that is not among them, and why.
    """

    facts: MetricFacts
    latents: tuple[str, ...]
    blocks: tuple[Block, ...]
    left_out: tuple[str, ...]

    @property
    def sign(self) -> int:
        """1 if less of the metric is better, else -1: value = sign * cost."""
        return 1 if self.facts.direction == "lower" else -1


def shared_metrics(studies: Studies) -> list[str]:
    """Return the metrics that every data set has, those primary in every study leading.

    Raises:
        ValueError: there are no rows.
    """
    every = [rows for settings in _settings(studies)[0].values() for rows in settings.values()]
    primary = [name for _, study in studies.values() for name in study["primary_metrics"]]
    first = [
        name
        for name in dict.fromkeys(primary)
        if all(name in study["primary_metrics"] for _, study in studies.values())
    ]
    data_sets = [
        [row for rows in settings.values() for row in rows]
        for settings in _settings(studies)[0].values()
    ]
    present = [set(metric_names(rows)) for rows in data_sets]
    names = metric_names([row for rows in every for row in rows], first)
    return [name for name in names if all(name in metrics for metrics in present)]


def collect(studies: Studies, metric: str, wanted: Sequence[str] = ()) -> Blocks:
    """Return the data sets of one study or several as blocks, by one metric.

    Args:
        studies: label -> rows and ``study.json``.
        metric: its name; data sets without it are left out, by name.
        wanted: latents to rank; data sets without one of them are left out. All that every data
            set has, if empty.

    Raises:
        ValueError: there are no rows, none has the metric, or two cannot be told apart.
    """
    found, names = _settings(studies)
    every = [row for settings in found.values() for rows in settings.values() for row in rows]
    facts = metric_facts(every, metric)
    left_out: list[str] = []
    with_metric: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for key, settings in found.items():
        kept = {
            name: rows
            for name, rows in settings.items()
            if any(metric in row["metrics"] for row in rows)
        }
        if kept:
            with_metric[key] = kept
        else:
            left_out.append(f"{names[key]} (its rows do not have {facts.label})")
    present = [
        set(latents(row for rows in settings.values() for row in rows))
        for settings in with_metric.values()
    ]
    known = set().union(*present)
    if unknown := [name for name in wanted if name not in known]:
        raise ValueError(
            f"no row by {metric} has the latent {unknown[0]!r}; there are "
            f"{', '.join(ordered(known))}"
        )
    ranked = ordered(wanted or set.intersection(*present))
    if not wanted:
        left_out += [
            f"latent {name} (not on every data set)" for name in ordered(known - set(ranked))
        ]
    blocks = []
    for key, settings in with_metric.items():
        usable = []
        for name, rows in settings.items():
            setting, reason = _setting(rows, name, metric, ranked, facts.direction)
            if setting is None:
                left_out.append(f"{name} ({reason})")
            else:
                usable.append(setting)
        if usable:
            blocks.append(Block(data=names[key], settings=tuple(usable)))
    by_name = {block.data: block for block in blocks}
    return Blocks(
        facts=facts,
        latents=tuple(ranked),
        blocks=tuple(by_name[name] for name in ordered(by_name)),
        left_out=tuple(left_out),
    )


def _settings(
    studies: Studies,
) -> tuple[dict[tuple[str, str], dict[str, list[Row]]], dict[tuple[str, str], str]]:
    """Return data set -> setting -> rows, and the data sets' names for readers."""
    found: dict[tuple[str, str], dict[str, list[Row]]] = {}
    places: dict[tuple[str, str], list[str]] = {}
    for label, (rows, study) in studies.items():
        written = {row["run"]: row["spec"]["data"] for row in rows}
        for row in as_compared(rows, study):
            data = written[row["run"]]
            key = (data["name"], str(data.get("sha256", "")))
            setting = row["spec"]["data"]["name"]
            setting = setting if len(studies) == 1 else f"{setting} in {label}"
            found.setdefault(key, {}).setdefault(setting, []).append(row)
            places.setdefault(key, []).append(label)
    if not found:
        raise ValueError("no rows: not one run has finished yet")
    ambiguous = {name for name, _ in found if sum(other == name for other, _ in found) > 1}
    names = {
        key: f"{key[0]} ({places[key][0]})" if key[0] in ambiguous else key[0] for key in found
    }
    if len(set(names.values())) < len(names):  # two files of one name in one folder
        names = {key: f"{key[0]} {key[1][:8]}".strip() for key in found}
    return found, names


def _setting(
    rows: Sequence[Row], name: str, metric: str, ranked: Sequence[str], direction: str
) -> tuple[Setting | None, str]:
    """Return a setting, or None and why it cannot be ranked."""
    data = rows[0]["spec"]["data"]["name"]
    if missing := [latent for latent in ranked if latent not in set(latents(rows))]:
        return None, f"no rows of {', '.join(missing)}"
    values = [values_by_seed(rows, data, latent, metric) for latent in ranked]
    every = sorted(set().union(*values))
    seeds = [seed for seed in every if all(of.get(seed) is not None for of in values)]
    if len(seeds) < MIN_SEEDS_BLOCK:
        return None, f"{len(seeds)} seeds with a value of every latent, of {MIN_SEEDS_BLOCK}"
    sizes = [sizes_by_seed(rows, data, latent, metric) for latent in ranked]
    sign = 1.0 if direction == "lower" else -1.0
    table = [[float(of[seed] or 0.0) for of in values] for seed in seeds]
    setting = Setting(
        name=name,
        seeds=tuple(seeds),
        costs=sign * np.array(table).reshape(len(seeds), len(ranked)),
        sizes=np.array([[of.get(seed, 0) for of in sizes] for seed in seeds], dtype=np.int64),
        num_dropped=len(every) - len(seeds),
    )
    if not np.isfinite(setting.costs).all():
        raise ValueError(f"{name}: a value of {metric} is not finite; give null for a diverged run")
    return (setting, "") if setting.scale else (None, "every run of a latent has the same value")
