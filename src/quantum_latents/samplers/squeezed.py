"""Gaussian boson sampling: photon counts of squeezed light in an interferometer.

Notation: m modes, r_k >= 0 the squeezing of input mode k, ``t_k = tanh r_k``, and
``B = U diag(t) U^T`` (m, m). The pure state is ``exp(a^dagger B a^dagger / 2) |0>`` over its norm,
and counts s have probability

    |haf B[s]|**2 / prod_k (s_k! cosh r_k),

rows and columns of B repeated by s, haf the hafnian. Photons come in pairs: with p pairs the total
is 2 p, and ``sum_p P(2 p) w**p = prod_k sqrt((1 - t_k**2) / (1 - t_k**2 w))``, for K equally
squeezed modes the negative binomial law of K / 2.

Counts have no upper bound, a table has: what is sampled here is *post-selected* on totals from
`min_photons` to `max_photons`, as an experiment keeps some of its shots; the `acceptance` is the
share that it keeps, in closed form.

Sources: Hamilton et al., *Gaussian boson sampling*, PRL 119, 170501 (2017), arXiv 1612.01199;
Quesada, *Franck-Condon factors by counting perfect matchings of graphs with loops*, J. Chem. Phys.
150, 164113 (2019), for amplitudes by recursion.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numba
import numpy as np

from quantum_latents.circuits import Interferometer
from quantum_latents.random import Stream
from quantum_latents.random.numba import kernel_key
from quantum_latents.samplers.enumeration import binomial_table, num_outcomes, outcome_table
from quantum_latents.samplers.kernels.tables import shell_shots
from quantum_latents.samplers.occupation import Occupation, checked_occupation
from quantum_latents.samplers.probabilities import Law
from quantum_latents.samplers.shots import draw_shots

__all__ = [
    "MAX_SQUEEZED_OUTCOMES",
    "MIN_SQUEEZED_ACCEPTANCE",
    "SqueezedSampler",
    "check_squeezed",
    "equal_squeezing",
    "squeezed_law",
    "squeezed_total_law",
]

MAX_SQUEEZED_OUTCOMES = 4_000_000
"""Most outcomes of a law that is written out: 10 photons in 16 modes are within it."""

MIN_SQUEEZED_ACCEPTANCE = 0.01
"""Least share of the shots that post-selection may keep."""


def equal_squeezing(occupation: Occupation, mean_photons: float) -> np.ndarray:
    """Return the squeezing r (m,) of equally bright modes with a mean total of photons.

    ``sinh(r)**2 = mean_photons / K`` in each of the K occupied modes, before any post-selection.

    Args:
        occupation: 1 for each input mode that is squeezed, else 0, (m,).
        mean_photons: mean total, finite and above 0.

    Raises:
        TypeError, ValueError: a bad occupation, no squeezed mode, or a bad mean.

    >>> (np.sinh(equal_squeezing([1, 0, 1, 0], 3.0)) ** 2).round(12).tolist()
    [1.5, 0.0, 1.5, 0.0]
    """
    chosen = np.array(checked_occupation(occupation, len(occupation)))
    if chosen.max(initial=0) != 1:
        raise ValueError(
            f"the modes that are squeezed are 1, the others 0, at least one of them 1: not "
            f"{chosen.tolist()}"
        )
    if not 0 < mean_photons < np.inf:
        raise ValueError(f"mean_photons is a finite number above 0, not {mean_photons}")
    return chosen * np.arcsinh(np.sqrt(mean_photons / chosen.sum()))


def squeezed_total_law(squeezing: Sequence[float] | np.ndarray, max_photons: int) -> np.ndarray:
    """Return the probability of every total up to `max_photons`, float64 (max_photons + 1,).

    Before any post-selection, so it sums to what is kept. Odd totals have none.

    Raises:
        TypeError, ValueError: a squeezing that is no finite number >= 0, or none above 0.

    >>> squeezed_total_law([np.arctanh(np.sqrt(0.5))] * 2, 4).round(12).tolist()  # geometric
    [0.5, 0.0, 0.25, 0.0, 0.125]
    """
    squares = np.tanh(_checked_squeezing(squeezing, None)) ** 2
    law = np.zeros(max_photons + 1)
    law[::2] = _pair_series(squares, max_photons // 2) * np.sqrt(np.prod(1 - squares))
    return law


def check_squeezed(num_modes: int, max_photons: int, min_photons: int = 0) -> None:
    """Refuse totals that cannot be written out or do not occur.

    Raises:
        TypeError, ValueError: a total that is no whole number, none that is even between the two,
            or more than 4,000,000 outcomes.

    >>> check_squeezed(16, 10)
    """
    for name, value in (("min_photons", min_photons), ("max_photons", max_photons)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"{name} is a whole number of photons, not {value!r}")
    if not 0 <= min_photons <= max_photons <= 255:
        raise ValueError(
            f"0 <= min_photons <= max_photons <= 255, not {min_photons} and {max_photons}"
        )
    kept = _even(min_photons, max_photons)
    if not kept:
        raise ValueError(
            f"squeezed light makes photons in pairs: there are never {max_photons} of them, "
            "so keep an even total"
        )
    number = sum(num_outcomes(num_modes, total) for total in kept)
    if number > MAX_SQUEEZED_OUTCOMES:
        raise ValueError(
            f"{kept[0]} to {kept[-1]} photons of squeezed light in {num_modes} modes have "
            f"{number:,} outcomes; the law is written out up to {MAX_SQUEEZED_OUTCOMES:,}: "
            "take fewer photons or modes"
        )


class SqueezedSampler:
    """Gaussian boson sampling of one interferometer and squeezing, ready to draw any shots.

    The total is drawn from its closed-form law, the outcome from the amplitudes of that total,
    each made of those with two photons less: about n products an outcome.

    Args:
        interferometer: m modes.
        squeezing: r_k of each input mode, (m,), none below 0, at least one above 0.
        max_photons: largest total that is kept.
        min_photons: least total that is kept.

    Attributes:
        acceptance: share of the shots that this keeps, in (0, 1].
        totals: the kept totals, int64 (S,), and
        total_law: their law, float64 (S,), given that they are kept.

    Raises:
        TypeError, ValueError: a bad squeezing or total (`check_squeezed`), or less than a hundredth
            of the shots kept.

    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> r = equal_squeezing([1, 1, 1, 1], 1.0)
    >>> sampler = SqueezedSampler(haar(4, stream(0, "interferometer")), r, max_photons=6)
    >>> round(sampler.acceptance, 4)
    0.9933
    >>> sorted(set(sampler.sample(1000, stream(0, "shots")).sum(axis=1).tolist()))
    [0, 2, 4, 6]
    """

    path = "squeezed"

    def __init__(
        self,
        interferometer: Interferometer,
        squeezing: Sequence[float] | np.ndarray,
        *,
        max_photons: int,
        min_photons: int = 0,
    ) -> None:
        self.num_modes = m = interferometer.num_modes
        self.squeezing = _checked_squeezing(squeezing, m)
        check_squeezed(m, max_photons, min_photons)
        self.totals = np.array(_even(min_photons, max_photons), dtype=np.int64)
        law = squeezed_total_law(self.squeezing, max_photons)[self.totals]
        self.acceptance = float(law.sum())
        if self.acceptance < MIN_SQUEEZED_ACCEPTANCE:
            raise ValueError(
                f"{min_photons} to {max_photons} photons are {self.acceptance:.2g} of the shots "
                f"of this squeezed light, less than {MIN_SQUEEZED_ACCEPTANCE:g}: keep other totals "
                "or squeeze by another amount"
            )
        self.total_law = law / self.acceptance
        self._tanh = np.tanh(self.squeezing)
        self._unitary = interferometer.unitary
        # In sums of numpy's own: a BLAS may round with its number of threads.
        B = np.einsum("ik,k,jk->ij", interferometer.unitary, self._tanh, interferometer.unitary)
        binomial = binomial_table(m, max_photons)
        self._binomial = binomial
        shells, psi = [], np.ones(1, dtype=np.complex128)
        for total in range(0, max_photons + 1, 2):
            if total:
                psi = _add_pair(B, total, psi, binomial)
            if total >= min_photons:
                shells.append(np.cumsum(psi.real**2 + psi.imag**2))
        norm = np.sqrt(np.prod(1 - self._tanh**2))
        for shell, expected in zip(shells, law, strict=True):
            assert abs(shell[-1] * norm - expected) < 1e-9, "the law of a total is off"
        self._cumulative = np.concatenate(shells)
        self._offsets = np.cumsum([0, *map(len, shells)])

    def sample(
        self, num_samples: int, stream: Stream, *, start: int = 0, num_threads: int | None = None
    ) -> np.ndarray:
        """Return shots [start, start + num_samples) of the stream, uint8 (num_samples, m)."""
        key = kernel_key(stream.child("squeezed"))
        totals = np.cumsum(self.total_law)

        def kernel(first: int, rows: np.ndarray) -> None:
            shell_shots(
                totals, self.totals, self._cumulative, self._offsets, self._binomial, key, first,
                rows,
            )  # fmt: skip

        return draw_shots(kernel, num_samples, self.num_modes, start=start, num_threads=num_threads)

    @cached_property
    def collision_probability(self) -> float:
        """The probability that two shots are equal."""
        value = 0.0
        for shell, weight in enumerate(self.total_law):
            running = self._cumulative[self._offsets[shell] : self._offsets[shell + 1]]
            law = np.diff(running, prepend=0.0) / running[-1]
            value += float(weight**2 * (law**2).sum())
        return value

    @cached_property
    def mean(self) -> np.ndarray:
        """Mean of every mode's count given that the shot is kept, exact, float64 (m,)."""
        return self._kept(self._number_series()[1])

    @cached_property
    def covariance(self) -> np.ndarray:
        """Covariance of the counts given that the shot is kept, exact, float64 (m, m).

        By Wick's theorem ``<n_i n_j> - <n_i> <n_j> = delta_ij <n_i> + |N_ij|**2 + |M_ij|**2`` with
        ``N = <a_i^dagger a_j>``, ``M = <a_i a_j>``. Replacing t by ``t sqrt(w)`` makes all of them
        power series in w whose coefficients, times those of the total, are the parts of each p.
        """
        N, mean = self._number_series()
        pairs = len(N)
        powers = self._tanh[None] ** (2 * np.arange(pairs)[:, None] + 1)
        U = self._unitary
        M = np.einsum("ik,pk,jk->pij", U, powers, U)
        second = np.real(_product(N, N.conj())) + _product(mean[:, :, None], mean[:, None, :])
        second[1:] += np.real(_product(M, M.conj()))[:-1]
        second += mean[:, :, None] * np.eye(self.num_modes)
        return self._kept(second) - np.outer(self.mean, self.mean)

    def _number_series(self) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients of N, complex128 (p, m, m), and of its diagonal, float64 (p, m)."""
        pairs = int(self.totals[-1]) // 2 + 1
        powers = self._tanh[None] ** (2 * np.arange(pairs)[:, None])
        powers[0] = 0.0
        U = self._unitary
        N = np.einsum("ik,pk,jk->pij", U.conj(), powers, U)
        return N, np.einsum("pii->pi", N).real

    def _kept(self, series: np.ndarray) -> np.ndarray:
        """Return the mean over the kept totals of what has these coefficients, (p, ...)."""
        pairs = len(series)
        weights = _pair_series(self._tanh**2, pairs - 1)
        by_pairs = _product(weights.reshape(-1, *[1] * (series.ndim - 1)), series)
        kept = self.totals // 2
        return by_pairs[kept].sum(axis=0) / weights[kept].sum()


def squeezed_law(
    interferometer: Interferometer,
    squeezing: Sequence[float] | np.ndarray,
    *,
    max_photons: int,
    min_photons: int = 0,
) -> Law:
    """Return the law of Gaussian boson sampling, post-selected on its total.

    Args and raises: as `SqueezedSampler`.

    Returns:
        Outcomes, uint8 (K, m), total by total, and probabilities, float64 (K,).

    >>> from quantum_latents.circuits import from_unitary
    >>> splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    >>> outcomes, probabilities = squeezed_law(splitter, [1, 1], min_photons=2, max_photons=2)
    >>> outcomes.tolist(), probabilities.round(12).tolist()  # B is diagonal: no photon apart
    ([[2, 0], [1, 1], [0, 2]], [0.5, 0.0, 0.5])
    """
    sampler = SqueezedSampler(
        interferometer, squeezing, max_photons=max_photons, min_photons=min_photons
    )
    tables, laws = [], []
    for shell, (total, weight) in enumerate(zip(sampler.totals, sampler.total_law, strict=True)):
        running = sampler._cumulative[sampler._offsets[shell] : sampler._offsets[shell + 1]]
        tables.append(outcome_table(sampler.num_modes, int(total)))
        laws.append(weight * np.diff(running, prepend=0.0) / running[-1])
    return np.concatenate(tables), np.concatenate(laws)


def _even(least: int, most: int) -> list[int]:
    return [total for total in range(least, most + 1) if total % 2 == 0]


def _checked_squeezing(
    squeezing: Sequence[float] | np.ndarray, num_modes: int | None
) -> np.ndarray:
    array = np.asarray(squeezing)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"a squeezing holds numbers, one a mode, not {squeezing!r}")
    if array.ndim != 1 or num_modes not in (None, len(array)):
        raise ValueError(f"a squeezing has shape ({num_modes or 'm'},), not {array.shape}")
    r = array.astype(np.float64)
    if not (np.isfinite(r) & (r >= 0)).all() or not (r > 0).any():
        raise ValueError(
            "squeezing is finite and not negative (a phase belongs to the interferometer), and "
            f"above 0 in at least one mode: not {r.tolist()}"
        )
    if np.tanh(r).max() >= 1 - 1e-12:
        raise ValueError(f"a squeezing of {r.max():g} is beyond double precision: at most 14")
    return r


def _pair_series(squares: np.ndarray, pairs: int) -> np.ndarray:
    """Coefficients of ``prod_k (1 - t_k**2 w)**(-1/2)`` up to w**pairs."""
    p = np.arange(1, pairs + 1)
    roots = np.cumprod(np.concatenate([[1.0], (2 * p - 1) / (2 * p)]))
    series = np.zeros(pairs + 1)
    series[0] = 1.0
    for square in squares:
        series = np.convolve(series, roots * square ** np.arange(pairs + 1))[: pairs + 1]
    return series


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Product of two power series, coefficients along the first axis, as far as both go."""
    return np.stack([sum(a[q] * b[p - q] for q in range(p + 1)) for p in range(len(b))])


@numba.njit(nogil=True, cache=True)
def _add_pair(B, num_photons, previous, binomial):
    """Amplitudes of n photons, all outcomes by rank, from those of n - 2.

    With k the last occupied mode of s,
    ``psi(s) = sum_j B[k, j] sqrt((s - e_k)_j / s_k) psi(s - e_k - e_j)``.
    """
    num_modes = B.shape[0]
    size = binomial[num_modes + num_photons - 1, num_photons]
    psi = np.empty(size, previous.dtype)
    rest = num_photons - 1
    modes = np.zeros(num_photons, np.int64)
    below = np.zeros(num_photons + 1, np.int64)  # rank of the first p modes
    roots = np.sqrt(np.arange(num_photons + 1).astype(np.float64))
    for rank in range(size):
        for p in range(rest):
            below[p + 1] = below[p] + binomial[modes[p] + p, p + 1]
        last = modes[rest]
        repeats = 1
        while repeats <= rest and modes[rest - repeats] == last:
            repeats += 1
        above = 0  # what the modes after p add to the rank once mode p is taken out
        total = previous[0] * 0
        p = rest
        while p > 0:
            q = p
            while q > 0 and modes[q - 1] == modes[p - 1]:
                q -= 1
            total += B[last, modes[p - 1]] * roots[p - q] * previous[below[p - 1] + above]
            for j in range(max(q, 1), p):
                above += binomial[modes[j] + j - 1, j]
            p = q
        psi[rank] = total / roots[repeats]
        k = 0  # the multiset of the next rank
        while k + 1 < num_photons and modes[k] == modes[k + 1]:
            k += 1
        modes[k] += 1
        modes[:k] = 0
    return psi
