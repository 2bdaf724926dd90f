"""Named streams: addressed draws, independent names, and the published Philox answers."""

import numba
import numpy as np
import pytest

from quantum_latents.random import BLOCK_ROWS, Stream, stream
from quantum_latents.random.numba import kernel_key, philox4x32, uniform_pair

# Random123 1.09, tests/kat_vectors, philox4x32 with 10 rounds.
KNOWN_ANSWERS = [
    ("00000000 " * 4, "00000000 " * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff " * 4, "ffffffff " * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


def words(text):
    return [np.uint32(int(word, 16)) for word in text.split()]


@numba.njit
def encrypt(c0, c1, c2, c3, k0, k1):
    return philox4x32(c0, c1, c2, c3, k0, k1)


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(counter, key, answer):
    assert list(encrypt(*words(counter), *words(key))) == words(answer)


def test_uniform_pair_is_53_bits_of_the_cipher():
    key, shot, pair = 0x299F31D0A4093822, 0x0370734413198A2E, 7
    output = encrypt(
        *(np.uint32(word) for word in (pair, 0, 0x13198A2E, 0x03707344)),
        *words("a4093822 299f31d0"),
    )
    bits = [int(output[0]) << 32 | int(output[1]), int(output[2]) << 32 | int(output[3])]
    assert list(uniform_pair(np.uint64(key), shot, pair)) == [(b >> 11) / 2**53 for b in bits]


def test_uniforms_of_many_shots_are_uniform_and_uncorrelated():
    key = kernel_key(stream(0, "test"))
    draws = np.array([uniform_pair(key, shot, pair) for shot in range(4000) for pair in (0, 1)])
    table = draws.reshape(4000, 4)
    assert abs(table.mean() - 0.5) < 5 * np.sqrt(1 / 12 / table.size)
    correlation = np.corrcoef(np.concatenate([table[:-1], table[1:]], axis=1).T)
    assert np.abs(correlation - np.eye(8)).max() < 5.5 / np.sqrt(4000)
    histogram = np.bincount((table.ravel() * 20).astype(int), minlength=20)
    assert ((histogram - 800) ** 2 / 800).sum() < 68  # chi-square, 19 degrees, alpha 2e-7


def test_names_seeds_and_types_give_different_keys():
    paths = [
        stream(0),
        stream(1),
        stream(0, "a"),
        stream(0, "a", "b"),
        stream(0, "ab"),
        stream(0, "a/b"),
        stream(0, 1),
        stream(0, "1"),
        stream(0, "0", 1),
        stream(0, "a", 0),
    ]
    assert len({path.key for path in paths}) == len(paths)


def test_rows_do_not_depend_on_what_is_asked_for():
    def draw(generator, num_rows):
        return generator.normal(size=(num_rows, 3))

    name = stream(3, "rows")
    whole = name.rows(0, 3 * BLOCK_ROWS, draw)
    for start, stop in [(0, 1), (BLOCK_ROWS - 1, BLOCK_ROWS + 1), (5000, 12000), (7, 7)]:
        assert np.array_equal(name.rows(start, stop, draw), whole[start:stop])
    assert len(np.unique(whole)) == whole.size  # blocks do not repeat


def test_generators_at_neighbouring_indices_differ():
    first, second = (stream(0, "x").generator(i).random(1000) for i in (0, 1))
    assert not np.intersect1d(first, second).size


@pytest.mark.parametrize("seed", [-1, 1.0, "0", True, None])
def test_bad_seeds_are_refused(seed):
    with pytest.raises((TypeError, ValueError), match="seed"):
        stream(seed)


def test_bad_names_and_indices_are_refused():
    with pytest.raises(TypeError, match="name"):
        stream(0, 1.5)
    with pytest.raises(TypeError, match="name"):
        stream(0).child(None)
    with pytest.raises(ValueError, match="index"):
        stream(0).generator(-1)
    with pytest.raises(ValueError, match="start"):
        stream(0).rows(5, 4, lambda generator, n: generator.random(n))


def test_a_stream_is_frozen():
    with pytest.raises(AttributeError):
        stream(0).path = (1,)
    assert isinstance(stream(0), Stream)
