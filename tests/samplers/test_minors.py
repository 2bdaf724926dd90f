"""The minors of a chain-rule step against permanents by definition and by thewalrus."""

from functools import cache

import numpy as np
import pytest
from thewalrus._permanent import perm_bbfg

from quantum_latents.circuits import haar
from quantum_latents.random import stream
from quantum_latents.samplers import BosonSampler, boson_law, reference, sample_boson
from quantum_latents.samplers.kernels.minors import MOST_LANE_BYTES, add_minors
from quantum_latents.samplers.validation import chi_square

perm = perm_bbfg.py_func  # not compiled: that takes longer than all its sums

# On both sides of a vector and of the change to two vectors, with and without a single row.
MULTIPLICITIES = [
    (1,),
    (5,),
    (1, 1),
    (2, 2),
    (1, 1, 1, 1),
    (3, 2, 2),
    (1, 3, 1, 2),
    (2, 2, 2, 2),
    (1,) * 6,
    (1,) * 7,
    (4, 4),
    (1, 6),
]


def minors_of(matrix: np.ndarray, multiplicity: tuple[int, ...], dtype) -> np.ndarray:
    """Return the k permanents of rows repeated by multiplicity, each column left out once."""
    num_rows, k = matrix.shape
    lanes = MOST_LANE_BYTES // np.dtype(dtype).itemsize
    rows = np.full((k, k, 2), np.nan, dtype=dtype)
    rows[:num_rows, :, 0], rows[:num_rows, :, 1] = matrix.real, matrix.imag
    total = np.zeros((k, 2), dtype=dtype)
    for r, copies in enumerate(multiplicity):
        total += copies * rows[r]
    minors = np.full((k, 2), np.nan)
    add_minors(
        np.full((3, 2 * k * lanes), np.nan, dtype=dtype),
        rows,
        total,
        np.array([*multiplicity, *[0] * (k - num_rows)], dtype=np.int64),
        num_rows,
        k,
        np.full((5, k + 1), -1, dtype=np.int64),
        np.full(k + 2 + 3 * lanes, np.nan, dtype=dtype),
        np.full((8, lanes), -1, dtype=np.int64),
        minors,
    )
    return (minors[:, 0] + 1j * minors[:, 1]) / 2.0 ** (k - 2)


def random_rows(num_rows: int, k: int) -> np.ndarray:
    draw = stream(num_rows, str(k)).generator()
    return draw.normal(size=(num_rows, k)) + 1j * draw.normal(size=(num_rows, k))


def error(actual: np.ndarray, expected: list[complex]) -> float:
    return float(np.abs(actual - np.array(expected)).max() / np.abs(expected).max())


@cache
def by_definition(multiplicity: tuple[int, ...]) -> tuple[np.ndarray, list[complex]]:
    """Return random rows and the k permanents that belong to them."""
    k = sum(multiplicity) + 1
    matrix = random_rows(len(multiplicity), k)
    repeated = np.repeat(matrix, multiplicity, axis=0)
    return matrix, [reference.permanent(np.delete(repeated, j, axis=1)) for j in range(k)]


@pytest.mark.parametrize("multiplicity", MULTIPLICITIES, ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_minors_are_permanents_by_definition(multiplicity, dtype, tolerance):
    matrix, expected = by_definition(multiplicity)
    assert error(minors_of(matrix, multiplicity, dtype), expected) < tolerance


@pytest.mark.parametrize(
    "multiplicity", [(1,) * 9, (1,) * 12, (2, 1, 3, 1, 1, 2, 1), (2, 2, 3, 2, 2)], ids=str
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-4)])
def test_larger_minors_are_those_of_thewalrus(multiplicity, dtype, tolerance):
    k = sum(multiplicity) + 1
    matrix = random_rows(len(multiplicity), k)
    repeated = np.repeat(matrix, multiplicity, axis=0)
    expected = [perm(np.delete(repeated, j, axis=1)) for j in range(k)]
    assert error(minors_of(matrix, multiplicity, dtype), expected) < tolerance


@pytest.mark.parametrize("occupation", [(1, 0, 1, 0, 1, 0), (2, 0, 3), (3, 3, 0, 1)], ids=str)
def test_float32_follows_the_law_and_repeats_the_shots_of_float64(occupation):
    device = haar(len(occupation), stream(0, "interferometer"))
    counts = {}
    for precision in ("float64", "float32"):
        sampler = BosonSampler(device, occupation, path="clifford-clifford", precision=precision)
        counts[precision] = sampler.sample(30_000, stream(0, "shots"))
    law = boson_law(device, occupation)
    assert chi_square(counts["float32"], law).p_value > 1e-6
    # Both read the same draws, so they part only where one falls within rounding of an edge.
    assert (counts["float32"] == counts["float64"]).all(axis=1).mean() > 0.999


def test_shots_of_clifford_clifford_are_what_they_were():
    # Written down when the kernel was plain loops: another layout of the sums changes no shot.
    device = haar(24, stream(0, "interferometer"))
    counts = sample_boson(device, [1, 0] * 12, 500, stream(0, "shots"), path="clifford-clifford")
    weights = np.arange(1, 25) * np.arange(1, 501)[:, None]
    assert int((counts * weights).sum()) == 19_745_014


def test_an_unknown_precision_is_refused():
    device = haar(4, stream(0, "interferometer"))
    with pytest.raises(ValueError, match="precision is 'float64' or 'float32', not 'float16'"):
        BosonSampler(device, [1, 1, 0, 0], precision="float16")
