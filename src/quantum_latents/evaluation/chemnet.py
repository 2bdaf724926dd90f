"""Activations of ChemNet, from which the Fréchet ChemNet distance is computed.

Notation: U molecules as SMILES; a SMILES is written out in T = 350 places, one a token, and
ChemNet's two convolutions leave 88 steps of it for two LSTMs, the first of which reads them
backwards. Its last 512 numbers are the activations.

The weights come with the package `fcd`. They are applied here by hand, for two savings that
change no number: nearly all of the 350 places are empty, and there the convolutions are zero,
the first LSTM is in the same states for every molecule, and the second one sees the same inputs.

Source: Preuer, Renz, Unterthiner, Hochreiter, Klambauer, *Fréchet ChemNet distance*, Journal of
Chemical Information and Modeling 58 (2018).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["NUM_ACTIVATIONS", "activations", "fcd_version"]

NUM_ACTIVATIONS = 512

_BATCH = 256
_NUM_PLACES = 350
_STRIDE = 4  # of both convolutions together


def activations(smiles: Sequence[str]) -> np.ndarray:
    """Return ChemNet's activations, float32 (U, 512), on torch's threads.

    Args:
        smiles: canonical SMILES, each of which is computed as often as it is given.

    Raises:
        ImportError: the package `fcd` is not installed, or its network is not the known one.

    >>> activations(["CCO", "CC"]).shape
    (2, 512)
    """
    parts = [
        _activations(smiles[start : start + _BATCH]) for start in range(0, len(smiles), _BATCH)
    ]
    return np.concatenate([np.zeros((0, NUM_ACTIVATIONS), np.float32), *parts])


def fcd_version() -> str:
    """Return the version of the package that brings the weights.

    Raises:
        ImportError: it is not installed.
    """
    return _import_fcd().__version__


def _import_fcd() -> Any:
    try:
        import fcd
    except ImportError as error:
        raise ImportError(
            "the Fréchet ChemNet distance needs the package fcd: "
            "pip install 'quantum-latents[molecules]'"
        ) from error
    return fcd


@functools.cache
def _network() -> tuple[nn.Sequential, Any, Any]:
    """Return the convolutions and the two LSTMs."""
    layers = list(_import_fcd().load_ref_model())
    names = [type(layer).__name__ for layer in layers]
    convolutions = ["SamePadding1d", "Conv1d", "SELU"] * 2
    rest = ["Transpose", "Reverse", "LSTM", "IndexTuple", "Reverse", "LSTM"]
    if names != [*convolutions, *rest, "IndexTuple", "IndexTensor"]:
        raise ImportError(
            f"fcd {fcd_version()} brings another network than 1.2.2 does: pip install fcd==1.2.2"
        )
    return nn.Sequential(*layers[:6]), layers[8], layers[11]


@torch.inference_mode()
def _activations(smiles: Sequence[str]) -> np.ndarray:
    convolutions, backwards, forwards = _network()
    # Convolutions of a shorter row are those of the whole one if its length leaves the same
    # remainder (they pad by it), and if what is cut off is empty and its last place is, too.
    longest = max(map(len, smiles)) + 1  # and a closing token
    num_places = max(_NUM_PLACES, longest)
    cut = min(num_places, longest // _STRIDE * _STRIDE + _STRIDE + num_places % _STRIDE)
    head = convolutions(_one_hot(smiles, cut)).transpose(1, 2)
    whole = convolutions(_one_hot([""], num_places)).transpose(1, 2)
    tail = whole[:, head.shape[1] :]
    assert not tail.any(), "ChemNet's convolutions have biases"

    states, carried = None, None
    if tail.shape[1]:
        states, carried = backwards(tail)
        carried = tuple(part.expand(-1, len(smiles), -1).contiguous() for part in carried)
        states = states.flip(1)[0]
    inputs = backwards(head.flip(1), carried)[0].flip(1)

    weights, recurrent = forwards.weight_ih_l0.T, forwards.weight_hh_l0.T.contiguous()
    bias = forwards.bias_ih_l0 + forwards.bias_hh_l0
    steps = [inputs[:, step] @ weights + bias for step in range(inputs.shape[1])]
    if states is not None:
        steps.extend(states @ weights + bias)
    hidden = cell = torch.zeros(len(smiles), NUM_ACTIVATIONS)
    for step in steps:
        gates = torch.addmm(step, hidden, recurrent)
        enter, keep, new, leave = gates.chunk(4, 1)
        cell = keep.sigmoid() * cell + enter.sigmoid() * new.tanh()
        hidden = leave.sigmoid() * cell.tanh()
    return hidden.numpy()


def _one_hot(smiles: Sequence[str], num_places: int) -> Tensor:
    """Return what ChemNet reads, (U, 35, places): one-hot tokens over the alphabet's size."""
    from fcd.utils import get_one_hot

    encoded = np.stack([get_one_hot(text, pad_len=num_places) for text in smiles])
    return torch.from_numpy(encoded / encoded.shape[2]).transpose(1, 2).float()
