"""A minute of checks of an installation against exact laws.

Every check draws with fixed seeds, so that on a machine it always ends the same: what fails here is
no bad luck, but a kernel that computes something else. A law is checked by Pearson's chi-square
(`samplers.validation.chi_square`) and fails below a p-value of 1e-6.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from quantum_latents.banks import BankRecipe, build_bank, open_bank
from quantum_latents.circuits import Interferometer, from_unitary, haar, time_bin
from quantum_latents.random import stream
from quantum_latents.samplers import boson_law, sample_boson, sample_distinguishable
from quantum_latents.samplers.probabilities import Law

__all__ = ["CHECKS", "Checked", "self_check"]

_LEAST_P = 1e-6
_SHOTS = 20_000
_INPUT = (1, 0, 1, 0, 1, 0)


@dataclass(frozen=True)
class Checked:
    """How a check ended.

    Attributes:
        name: of the check.
        is_right: whether what it holds was found.
        said: what was found, or why it failed.
        seconds: that it took.
    """

    name: str
    is_right: bool
    said: str
    seconds: float


class _Wrong(Exception):
    """A check found something else than it must."""


def self_check() -> Iterator[Checked]:
    """Run all checks; yield how each ended."""
    for name, check in CHECKS.items():
        started = time.monotonic()
        try:
            said, is_right = check(), True
        except _Wrong as error:
            said, is_right = str(error), False
        except Exception as error:  # whatever it is, the other checks are told too
            said, is_right = f"{type(error).__name__}: {error}", False
        yield Checked(name, is_right, said, time.monotonic() - started)


def _interference() -> str:
    """Two photons never leave a balanced beam splitter apart, unless they are distinguishable.

    Hong, Ou & Mandel, Phys. Rev. Lett. 59, 2044 (1987).
    """
    splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    shots = stream(0, "self-check", "interference")
    together = sample_boson(splitter, [1, 1], _SHOTS, shots)
    apart = sample_distinguishable(splitter, [1, 1], _SHOTS, shots)
    if found := int((together == 1).all(axis=1).sum()):
        raise _Wrong(f"{found} of {_SHOTS} pairs of indistinguishable photons left apart, not 0")
    share = float((apart == 1).all(axis=1).mean())
    if abs(share - 0.5) > 5 * 0.5 / _SHOTS**0.5:
        raise _Wrong(f"{share:.1%} of pairs of distinguishable photons left apart, not 50 %")
    return f"indistinguishable pairs apart: 0 of {_SHOTS}; distinguishable: {share:.1%}"


def _law(path: str, device: Callable[[], Interferometer]) -> Callable[[], str]:
    """Return the check of a sampler's path against the exact law."""

    def check() -> str:
        interferometer = device()
        counts = sample_boson(
            interferometer, _INPUT, _SHOTS, stream(0, "self-check", path), path=path
        )
        if (counts.sum(axis=1) != sum(_INPUT)).any():
            raise _Wrong("a shot has another number of photons than went in")
        return _fit(counts, boson_law(interferometer, _INPUT))

    return check


def _fit(counts: np.ndarray, law: Law) -> str:
    from quantum_latents.samplers.validation import chi_square  # slow to import

    test = chi_square(counts, law)
    if not test.p_value >= _LEAST_P:
        raise _Wrong(f"chi-square {test.statistic:.1f}, p = {test.p_value:.2g}")
    return f"{len(law[1])} outcomes, {len(counts):,} shots, chi-square p = {test.p_value:.2f}"


def _threads() -> str:
    device = _haar()
    one, two = (
        sample_boson(device, _INPUT, _SHOTS, stream(0, "self-check", "threads"), num_threads=n)
        for n in (1, 2)
    )
    if not np.array_equal(one, two):
        raise _Wrong("one thread and two draw other shots for one seed")
    return f"{_SHOTS:,} shots are the same on one thread and on two"


def _bank() -> str:
    recipe = BankRecipe(
        interferometer=_haar().recipe,
        occupation=_INPUT,
        statistics="boson",
        num_samples=_SHOTS,
        stream=stream(0, "self-check", "bank"),
    )
    with tempfile.TemporaryDirectory(prefix="qlat-check-") as folder:
        written = build_bank(recipe, Path(folder) / "bank")
        read = open_bank(Path(folder) / "bank")
        if read.checksum != written.checksum or len(read.counts) != _SHOTS:
            raise _Wrong("a bank that was written reads back as another")
    return f"{_SHOTS:,} shots written, checked and read"


def _training() -> str:
    """A run's numbers do not depend on its stack."""
    import torch

    from quantum_latents import recipes
    from quantum_latents.training import train_stack

    study = recipes.with_num_steps(recipes.mixture("smoke"), 16)
    runs = [
        replace(run, evaluation=replace(run.evaluation, milestones=())) for run in study.runs[:2]
    ]
    with tempfile.TemporaryDirectory(prefix="qlat-check-") as name:
        folder = Path(name)
        both, alone = (
            train_stack(some, cache=folder / "cache", checkpoint=folder / f"{len(some)}.part")
            for some in (runs, runs[:1])
        )
    assert both is not None
    assert alone is not None
    if both[0].diverged_at is not None or both[0].samples is None:
        raise _Wrong("a GAN diverged within 16 steps")
    if not all(torch.equal(both[0].weights[n], w) for n, w in alone[0].weights.items()):
        raise _Wrong("a run has other weights in a stack of two than alone")
    return f"16 steps of a GAN, alone and stacked: the same weights ({both[0].kernel} kernel)"


def _haar() -> Interferometer:
    return haar(len(_INPUT), stream(0, "self-check", "interferometer"))


def _time_bins() -> Interferometer:
    return time_bin(len(_INPUT), (1,), stream=stream(0, "self-check", "time bins"))


CHECKS: dict[str, Callable[[], str]] = {
    "Hong-Ou-Mandel interference": _interference,
    "sampler: enumeration": _law("enumeration", _haar),
    "sampler: Clifford-Clifford": _law("clifford-clifford", _haar),
    "sampler: progressive, time bins": _law("progressive", _time_bins),
    "threads": _threads,
    "banks": _bank,
    "training": _training,
}
"""Checks by name, in order."""
