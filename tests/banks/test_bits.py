"""Qiskit's results as banks: the packing, the order of the qubits, what is refused."""

from types import SimpleNamespace

import numpy as np
import pytest

from quantum_latents.banks import bits_of, import_bits


def packed(strings):
    """Return what Qiskit documents a BitArray to be: big-endian bytes, bit 0 the last character."""
    num_bits = len(strings[0])
    rows = [list(int(text, 2).to_bytes(-(-num_bits // 8), "big")) for text in strings]
    return SimpleNamespace(array=np.array(rows, np.uint8), num_bits=num_bits)


@pytest.mark.parametrize("num_bits", [1, 7, 8, 9, 20])
def test_column_k_is_bit_k(num_bits):
    strings = [format(1 << bit, f"0{num_bits}b") for bit in range(num_bits)]
    assert np.array_equal(bits_of(packed(strings)), np.eye(num_bits, dtype=np.uint8))
    alone = SimpleNamespace(num_bits=num_bits, get_bitstrings=lambda: strings)
    assert np.array_equal(bits_of(alone), np.eye(num_bits, dtype=np.uint8))


def test_what_straggles_before_the_highest_bit_is_left_out():
    bits = SimpleNamespace(array=np.array([[0b11111101]], np.uint8), num_bits=3)
    assert bits_of(bits).tolist() == [[1, 0, 1]]


def test_results_of_circuits_and_jobs(tmp_path):
    bits, other = packed(["011", "100"]), packed(["1", "0"])
    one = SimpleNamespace(data={"meas": bits})
    assert bits_of(one).tolist() == bits_of([one]).tolist() == [[1, 1, 0], [0, 0, 1]]
    assert bits_of(SimpleNamespace(data=SimpleNamespace(c=bits))).tolist() == bits_of(bits).tolist()
    two = SimpleNamespace(data={"meas": bits, "flag": other})
    with pytest.raises(ValueError, match=r"2 classical registers \(meas, flag\)"):
        bits_of(two)
    assert bits_of(two, "flag").tolist() == [[1], [0]]
    with pytest.raises(ValueError, match="no register is called 'flg': there is meas, flag"):
        bits_of(two, "flg")
    with pytest.raises(ValueError, match="2 circuits"):
        bits_of([one, one])
    bank = import_bits(one, tmp_path / "mine", provenance={"device": "a test"})
    assert bank.counts.tolist() == [[1, 1, 0], [0, 0, 1]]
    assert bank.manifest["provenance"]["device"] == "a test"
    assert "bit k" in bank.manifest["provenance"]["notes"][0]


@pytest.mark.parametrize(
    ("result", "error", "said"),
    [
        ({"00": 5}, TypeError, "not a dict"),
        (np.eye(2), TypeError, "import_bank"),
        ([[0, 1]], TypeError, "import_bank"),
        (7, TypeError, "not a int"),
        (
            SimpleNamespace(array=np.zeros((3, 5, 1), np.uint8), num_bits=2),
            ValueError,
            "3 parameter",
        ),
        (SimpleNamespace(array=np.zeros((5, 2), np.uint8), num_bits=2), ValueError, r"shots, 1\)"),
        (SimpleNamespace(array=np.zeros((0, 1), np.uint8), num_bits=2), ValueError, "no shots"),
        (SimpleNamespace(num_bits=2, get_bitstrings=lambda: ["0x"]), ValueError, "of 2 bits"),
        (SimpleNamespace(data={"ev": 0.5}), TypeError, "holds a float"),
    ],
)
def test_what_is_no_shots_is_refused(result, error, said):
    with pytest.raises(error, match=said):
        bits_of(result)


def test_shots_of_qiskits_own_sampler():
    qiskit = pytest.importorskip("qiskit", reason="Qiskit is not installed")
    from qiskit.primitives import BitArray, StatevectorSampler

    circuit = qiskit.QuantumCircuit(10)
    circuit.x(0)
    circuit.x(8)
    circuit.h(4)
    circuit.measure_all()
    result = StatevectorSampler(seed=1).run([circuit], shots=200).result()
    counts = bits_of(result)
    assert counts.shape == (200, 10)
    mean = counts.mean(0)
    assert mean[[0, 8]].tolist() == [1, 1]
    assert mean[[1, 2, 3, 5, 6, 7, 9]].sum() == 0
    assert 0.3 < mean[4] < 0.7
    bits = result[0].data.meas
    assert np.array_equal(counts, bits.to_bool_array("little"))
    strings = ["".join(map(str, row[::-1])) for row in counts.tolist()]
    assert strings == bits.get_bitstrings()
    samples = ["0000000001", "1100000000"]
    assert bits_of(BitArray.from_samples(samples, 10)).tolist() == [
        [1] + 9 * [0],
        8 * [0] + [1, 1],
    ]
    sweep = BitArray.from_samples(samples, 10).reshape(2, 1)
    with pytest.raises(ValueError, match="2 parameter sets"):
        bits_of(sweep)
    assert bits_of(sweep[1]).tolist() == [8 * [0] + [1, 1]]
