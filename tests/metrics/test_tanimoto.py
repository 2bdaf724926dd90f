import numpy as np
import pytest
from rdkit import DataStructs

from quantum_latents.metrics.tanimoto import mean_pairwise_tanimoto, nearest_tanimoto
from quantum_latents.random import stream


def drawn(name, num, density=0.05):
    bits = stream(0, "test", name).generator().random((num, 2048)) < density
    vectors = [
        DataStructs.CreateFromBitString("".join("01"[int(bit)] for bit in row)) for row in bits
    ]
    return np.packbits(bits, axis=1), vectors


def test_the_nearest_is_rdkits():
    ours, theirs = drawn("a", 700), drawn("b", 40)
    ours[0][3], ours[1][3] = theirs[0][7], theirs[1][7]
    expected = [max(DataStructs.BulkTanimotoSimilarity(v, theirs[1])) for v in ours[1]]
    found = nearest_tanimoto(ours[0], theirs[0])
    assert np.allclose(found, expected, atol=1e-6)
    assert found[3] == 1


def test_the_mean_over_pairs_is_over_repeated_draws():
    packed, vectors = drawn("a", 30)
    times = stream(0, "times").generator().integers(4, size=30)
    draws = [vector for vector, number in zip(vectors, times, strict=True) for _ in range(number)]
    pairs = [DataStructs.TanimotoSimilarity(a, b) for i, a in enumerate(draws) for b in draws[:i]]
    assert mean_pairwise_tanimoto(packed, times) == pytest.approx(np.mean(pairs), abs=1e-6)
    assert mean_pairwise_tanimoto(packed[:1], np.array([5])) == 1


def test_empty_fingerprints_are_alike():
    nothing, something = np.zeros((1, 2), np.uint8), np.array([[1, 0]], np.uint8)
    assert nearest_tanimoto(nothing, nothing).tolist() == [1]
    assert nearest_tanimoto(nothing, something).tolist() == [0]
    assert nearest_tanimoto(np.zeros((0, 2), np.uint8), something).shape == (0,)


def test_nothing_to_compare_with_is_refused():
    one = np.zeros((1, 2), np.uint8)
    with pytest.raises(ValueError, match=r"have no nearest among \(0, 2\)"):
        nearest_tanimoto(one, one[:0])
    with pytest.raises(ValueError, match="2 draws or more, not 1"):
        mean_pairwise_tanimoto(one, np.array([1]))
