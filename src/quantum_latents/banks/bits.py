"""Shots of gate-model devices as counts: Qiskit's `BitArray` and the results of a `SamplerV2`.

Notation: a register of m bits gives counts (N, m) in {0, 1}; column k is bit k of the register,
so with `measure_all` it is qubit k. Qiskit prints bit 0 as the last character of a string, and
packs it as the lowest bit of the last byte. Qiskit itself is never imported: what is read are the
public attributes `data`, `array`, `num_bits` and `get_bitstrings`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from quantum_latents.banks.bank import SampleBank
from quantum_latents.banks.imported import import_bank

__all__ = ["bits_of", "import_bits"]


def bits_of(result: Any, register: str | None = None) -> np.ndarray:
    """Return the shots of a `BitArray`, or of a `SamplerV2` result that holds one.

    Args:
        result: a `BitArray`; the result of a circuit (its `data` has a `BitArray` a register); or
            the result of a job with one circuit.
        register: which classical register, where the circuit has several.

    Returns:
        uint8 (N, m), shots in the order in which they were taken, column k the register's bit k.

    Raises:
        TypeError: none of these.
        ValueError: several circuits, registers or parameter sets, and no word which is meant.

    >>> import types
    >>> packed = np.array([[0b01], [0b10], [0b11]], dtype=np.uint8)
    >>> bits_of(types.SimpleNamespace(array=packed, num_bits=2)).tolist()
    [[1, 0], [0, 1], [1, 1]]
    """
    if isinstance(result, str | bytes | Mapping | np.ndarray):
        raise _no_result(result)
    if hasattr(result, "num_bits"):
        if register is not None:
            raise ValueError(f"a BitArray is one register: leave register={register!r} out")
        return _shots(result)
    if hasattr(result, "data"):
        return _shots(_register(result.data, register))
    if not (hasattr(result, "__len__") and hasattr(result, "__getitem__")):
        raise _no_result(result)
    if len(result) != 1:
        raise ValueError(
            f"the result holds {len(result)} circuits: pass the one that is meant, result[0]"
        )
    if not hasattr(result[0], "data"):
        raise _no_result(result[0])
    return bits_of(result[0], register)


def import_bits(
    result: Any,
    path: str | os.PathLike[str],
    *,
    register: str | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> SampleBank:
    """Write the shots of `bits_of` as a bank; its manifest says which bit a mode is.

    Args:
        result: see `bits_of`.
        path: the new bank's folder; it must not exist, or be empty.
        register: see `bits_of`.
        provenance: what else is known of the shots, such as the device and the circuit; JSON-able.

    Raises:
        TypeError, ValueError: as `bits_of` and `import_bank`.
    """
    said = {
        "source": {"kind": "SamplerV2", "register": register},
        "shot_order": "kept",
        "notes": [
            "Mode k is bit k of the classical register: the last character but k of Qiskit's"
            " strings."
        ],
        **(provenance or {}),
    }
    return import_bank(bits_of(result, register), path, said)


def _no_result(result: Any) -> TypeError:
    return TypeError(
        f"shots are a BitArray or the result of a SamplerV2, not a {type(result).__name__}; arrays "
        "of bits go through import_bank"
    )


def _register(data: Any, register: str | None) -> Any:
    """Return the `BitArray` of a register."""
    names = list(data.keys() if hasattr(data, "keys") else vars(data))
    if register is None:
        if len(names) != 1:
            raise ValueError(
                f"the circuit has {len(names)} classical registers ({', '.join(names) or 'none'}): "
                "name the one that is meant, register=NAME"
            )
        return _register(data, names[0])
    if register not in names:
        raise ValueError(f"no register is called {register!r}: there is {', '.join(names)}")
    bits = data[register] if hasattr(data, "__getitem__") else getattr(data, register)
    if not hasattr(bits, "num_bits"):
        raise TypeError(f"register {register!r} holds a {type(bits).__name__}, not a BitArray")
    return bits


def _shots(bits: Any) -> np.ndarray:
    num_bits = int(bits.num_bits)
    if num_bits < 1:
        raise ValueError("the register has no bits")
    if hasattr(bits, "array"):
        packed = np.asarray(bits.array)
        if packed.ndim != 2:
            raise ValueError(
                f"the BitArray holds the shots of {int(np.prod(packed.shape[:-2])):,} parameter "
                f"sets (shape {packed.shape[:-2]}): pass the one that is meant, bits[0]"
            )
        num_bytes = -(-num_bits // 8)
        if packed.dtype != np.uint8 or packed.shape[1] != num_bytes:
            raise ValueError(
                f"{num_bits} bits are packed as uint8 (num_shots, {num_bytes}), not "
                f"{packed.dtype} {packed.shape}"
            )
        # The padding stands before the highest bit.
        unpacked = np.unpackbits(packed, axis=1, bitorder="big")[:, -num_bits:]
    else:
        strings = list(bits.get_bitstrings())
        if any(len(text) != num_bits or set(text) - {"0", "1"} for text in strings):
            raise ValueError(f"get_bitstrings gives strings that are not of {num_bits} bits")
        text = np.frombuffer("".join(strings).encode(), np.uint8)
        unpacked = text.reshape(-1, num_bits) - np.uint8(ord("0"))
    if len(unpacked) == 0:
        raise ValueError("the BitArray holds no shots")
    return np.ascontiguousarray(unpacked[:, ::-1])
