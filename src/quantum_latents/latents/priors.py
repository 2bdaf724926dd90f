"""Simple priors: laws that people use for z and that know nothing of any interferometer.

Notation: d = `dim`. The continuous ones have mean 0 and variance 1 in every coordinate.

=================  =========================================  ==================================
name               law of a row                               parameter
=================  =========================================  ==================================
uniform            uniform on [-sqrt 3, sqrt 3]               none
laplace            Laplace of scale 1 / sqrt 2                none
student_t          t_nu sqrt((nu - 2) / nu)                   nu > 2, degrees of freedom
gaussian_mixture   (r c + N(0, 1)) / sqrt(1 + r**2 / d)       r > 0, distance of the means from 0
rounded_gaussian   N(0, sigma**2) rounded to whole numbers    sigma > 0, before rounding
poisson            Poisson                                    rate > 0: photons over modes
one_hot            1 in one coordinate, 0 in the others       none
=================  =========================================  ==================================

Coordinates are independent but for the mixture and the one-hot rows. The mixture's 2 d means lie
on the axes, c = +e_k or -e_k with equal chances (a cross-polytope): at any d they are alike, r
from the middle and at least r sqrt 2 from each other in units of a component's deviation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy import special

from quantum_latents.latents.independent import IndependentCounts, count_law
from quantum_latents.latents.sharing import full
from quantum_latents.latents.sources import Card, Source
from quantum_latents.random import Stream

__all__ = ["PRIORS", "PRIOR_CARDS", "PriorName", "check_prior", "prior_source"]

PriorName = Literal[
    "uniform",
    "laplace",
    "student_t",
    "gaussian_mixture",
    "rounded_gaussian",
    "poisson",
    "one_hot",
]

PRIOR_CARDS: dict[str, Card] = {
    "uniform": Card(
        "independent uniform numbers of variance 1", "nothing but its length", "one number each", {}
    ),
    "laplace": Card(
        "independent Laplace numbers of variance 1", "nothing but its length", "one number each", {}
    ),
    "student_t": Card(
        "independent Student-t numbers of variance 1: heavy tails",
        "nothing but its length",
        "a normal and a gamma number each",
        {},
    ),
    "gaussian_mixture": Card(
        "mixture of Gaussians with means on the axes, two an axis",
        "having separate modes",
        "one normal each and one choice a row",
        {},
    ),
    "rounded_gaussian": Card(
        "independent normals rounded to whole numbers",
        "being whole numbers",
        "one normal each",
        full("whole_numbers"),
    ),
    "poisson": Card(
        "independent Poisson counts of one rate",
        "being counts, and at a rate of photons over modes the mean photon total",
        "one table look-up each",
        full("whole_numbers"),
    ),
    "one_hot": Card(
        "one coordinate 1, the others 0, uniformly: a category",
        "being counts, of one photon in all",
        "one choice a row",
        full("whole_numbers"),
    ),
}
"""What each prior is, what it shares with the quantum latent, and what drawing it costs."""

PRIORS: tuple[str, ...] = tuple(PRIOR_CARDS)
"""Names of all priors."""

_PARAMETERS = {
    "student_t": ("its degrees of freedom, more than 2", 2.0, math.inf),
    "gaussian_mixture": ("the distance of the means from 0, more than 0", 0.0, math.inf),
    "rounded_gaussian": ("the deviation before rounding, from 0.1 to 100", 0.1, 100.0),
    "poisson": ("its rate, above 0 and at most 100", 0.0, 100.0),
}
_CLOSED = {"rounded_gaussian"}
"""Whose least parameter is allowed too."""


def check_prior(name: str, dim: int, parameter: float | None) -> None:
    """Refuse a prior that does not exist.

    Raises:
        TypeError: a parameter that is no number.
        ValueError: an unknown name, a parameter that is missing, not in its range or not the
            law's, or one-hot rows of one coordinate.

    >>> check_prior("student_t", 16, 5.0)
    """
    if name not in PRIOR_CARDS:
        raise ValueError(f"no prior is called {name!r}: choose among {', '.join(PRIORS)}")
    if name == "one_hot" and dim < 2:
        raise ValueError(f"one-hot rows need at least 2 coordinates, not {dim}")
    if name not in _PARAMETERS:
        if parameter is not None:
            raise ValueError(f"{name!r} has no parameter: give None, not {parameter!r}")
        return
    what, least, most = _PARAMETERS[name]
    if parameter is None:
        raise ValueError(f"{name!r} needs a parameter: {what}")
    if isinstance(parameter, bool) or not isinstance(parameter, (int, float)):
        raise TypeError(f"the parameter of {name!r} is a number, {what}, not {parameter!r}")
    inside = parameter > least or (parameter == least and name in _CLOSED)
    if not inside or not parameter <= most or math.isinf(parameter):
        raise ValueError(f"the parameter of {name!r} is {what}, not {parameter!r}")


def prior_source(name: PriorName, dim: int, parameter: float | None = None) -> Source:
    """Return a simple prior.

    Args:
        name: one of `PRIORS`; the table above says what it is.
        dim: d.
        parameter: of the laws that have one, see the table above.

    Raises:
        TypeError, ValueError: as in `check_prior`.

    >>> from quantum_latents.random import stream
    >>> prior_source("one_hot", 4).draw(3, stream(0, "latent")).sum(axis=1).tolist()
    [1, 1, 1]
    >>> prior_source("student_t", 2, 5.0).variance.tolist()
    [1.0, 1.0]
    """
    check_prior(name, dim, parameter)
    if name == "poisson":
        assert parameter is not None
        return IndependentCounts([count_law(parameter, parameter)] * dim, PRIOR_CARDS[name])
    return _Prior(name, dim, math.nan if parameter is None else float(parameter))


class _Prior:
    """A prior drawn block by block; its coordinates have one mean and one variance."""

    def __init__(self, name: str, dim: int, parameter: float) -> None:
        self.name, self.dim, self.parameter = name, dim, parameter
        self.card = PRIOR_CARDS[name]
        mean, variance = 0.0, 1.0
        if name == "one_hot":
            mean, variance = 1 / dim, (1 - 1 / dim) / dim
        elif name == "rounded_gaussian":
            variance = _rounded_variance(parameter)
        self.mean, self.variance = np.full(dim, mean), np.full(dim, variance)

    def draw(self, num_samples: int, stream: Stream) -> np.ndarray:
        """Return float32 (num_samples, dim); uint8 of one-hot rows."""
        block = _BLOCKS[self.name]

        def draw(generator: np.random.Generator, rows: int) -> np.ndarray:
            return block(generator, (rows, self.dim), self.parameter)

        return stream.rows(0, num_samples, draw)


def _uniform(generator: np.random.Generator, shape: tuple[int, int], _: float) -> np.ndarray:
    return generator.uniform(-math.sqrt(3), math.sqrt(3), shape).astype(np.float32)


def _laplace(generator: np.random.Generator, shape: tuple[int, int], _: float) -> np.ndarray:
    return generator.laplace(0.0, math.sqrt(0.5), shape).astype(np.float32)


def _student_t(generator: np.random.Generator, shape: tuple[int, int], nu: float) -> np.ndarray:
    return (generator.standard_t(nu, shape) * math.sqrt((nu - 2) / nu)).astype(np.float32)


def _mixture(generator: np.random.Generator, shape: tuple[int, int], r: float) -> np.ndarray:
    rows, dim = shape
    z = generator.standard_normal(shape)
    axis = generator.integers(dim, size=rows)
    z[np.arange(rows), axis] += np.where(generator.integers(2, size=rows), r, -r)
    return (z / math.sqrt(1 + r**2 / dim)).astype(np.float32)


def _rounded(generator: np.random.Generator, shape: tuple[int, int], sigma: float) -> np.ndarray:
    return np.rint(sigma * generator.standard_normal(shape)).astype(np.float32)


def _one_hot(generator: np.random.Generator, shape: tuple[int, int], _: float) -> np.ndarray:
    rows, dim = shape
    z = np.zeros(shape, dtype=np.uint8)
    z[np.arange(rows), generator.integers(dim, size=rows)] = 1
    return z


_BLOCKS: dict[str, Callable[[np.random.Generator, tuple[int, int], float], np.ndarray]] = {
    "uniform": _uniform,
    "laplace": _laplace,
    "student_t": _student_t,
    "gaussian_mixture": _mixture,
    "rounded_gaussian": _rounded,
    "one_hot": _one_hot,
}


def _rounded_variance(sigma: float) -> float:
    """``E k**2 = 2 sum_k (2 k - 1) P(x >= k - 1/2)``, summed to where nothing is left."""
    k = np.arange(1, math.ceil(40 * sigma) + 2)
    return float(2 * np.sum((2 * k - 1) * special.ndtr(-(k - 0.5) / sigma)))
