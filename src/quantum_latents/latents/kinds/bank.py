"""A bank on disk as a latent.

A run names a bank by its content. Where the bank lies is kept beside the banks of the cache, so
that workers and later calls find it again.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quantum_latents.banks import SampleBank, open_bank
from quantum_latents.latents.sources import Card
from quantum_latents.latents.spec import LatentSpec, Scaling
from quantum_latents.random import Stream

__all__ = ["BankSpec", "StoredSource", "bank_spec", "find_bank", "note_bank"]


class StoredSource:
    """The shots of a bank, with the means and variances that they have.

    Args:
        bank: the bank.
    """

    def __init__(self, bank: SampleBank) -> None:
        self.bank = bank
        self.dim = bank.num_modes
        total, squares = np.zeros(self.dim), np.zeros(self.dim)
        for start in range(0, len(bank), 65536):
            rows = bank.rows(start, min(start + 65536, len(bank))).astype(np.float64)
            total += rows.sum(0)
            squares += (rows**2).sum(0)
        self.mean = total / len(bank)
        self.variance = np.maximum(squares / len(bank) - self.mean**2, 0.0)

    @property
    def card(self) -> Card:
        """What the shots are."""
        return stored_card(self.bank.folder.name)

    def draw(self, num_samples: int, stream: Stream) -> np.ndarray:
        """Return shots drawn with replacement."""
        return self.bank.take(stream.generator().integers(len(self.bank), size=num_samples))


def stored_card(name: str) -> Card:
    """Return the card of the bank of a name."""
    return Card(
        f"photon counts of the bank {name}, drawn before and re-used",
        "whatever its manifest says",
        "none: they lie on the disk",
    )


@dataclass(frozen=True, kw_only=True)
class BankSpec(LatentSpec):
    """The shots of one bank, simulated or from a processor; `bank_spec` makes one from its folder.

    Its coordinates are centred and scaled by the means and variances of all its shots, since the
    law of a bank from elsewhere is not known. A seed names which of the shots a run trains on and
    which it holds out.

    Further attributes than those of `LatentSpec`:
        name: `bank:` and the folder's name.
        checksum: of the content, so that a run's name does not depend on where the bank lies.
    """

    name: str
    checksum: str

    def __post_init__(self):
        super().__post_init__()
        if not self.name.startswith("bank:") or len(self.name) == len("bank:"):
            raise ValueError(f"a bank's name is such as 'bank:pt2', not {self.name!r}")
        if self.bank_size is None:
            raise ValueError("a bank cannot be drawn afresh: give bank_size, its training shots")
        if not re.fullmatch("[0-9a-f]{64}", self.checksum):
            raise ValueError(
                f"checksum is 64 hexadecimal digits, not {self.checksum!r}; bank_spec computes it"
            )

    def source(self, seed: int, cache: Path) -> StoredSource:
        """Return the shots of the bank, the same at every seed; raises as `find_bank`."""
        return StoredSource(find_bank(self, cache))

    @property
    def card(self) -> Card:
        """With the bank's name."""
        return stored_card(self.name.removeprefix("bank:"))


def bank_spec(
    folder: str | os.PathLike[str],
    cache: Path,
    *,
    scaling: Scaling,
    bank_size: int,
    num_held_out: int,
) -> BankSpec:
    """Return the spec of the bank in a folder, and note in the cache where it lies.

    Args:
        folder: the bank's.
        cache: the folder of banks.
        scaling: see `Scaling`.
        bank_size: shots for training, others for every seed.
        num_held_out: further shots, for the metrics.

    Raises:
        ValueError: not a bank, a damaged one, or one with too few shots.
    """
    bank = open_bank(folder)
    if len(bank) < bank_size + num_held_out:
        raise ValueError(
            f"{folder} holds {len(bank)} shots and {bank_size} for training and {num_held_out} "
            f"held out are asked for: draw more, or ask for a smaller bank (--bank "
            f"{max(1, len(bank) - num_held_out)})"
        )
    checksum = bank.checksum
    path = Path(folder).absolute()
    note_bank(path, checksum, cache)
    return BankSpec(
        name=f"bank:{path.name}",
        dim=bank.num_modes,
        scaling=scaling,
        bank_size=bank_size,
        num_held_out=num_held_out,
        checksum=checksum,
    )


def note_bank(folder: Path, checksum: str, cache: Path) -> None:
    """Note in a cache where the bank of a content lies."""
    note = _note(cache, checksum)
    note.parent.mkdir(parents=True, exist_ok=True)
    temporary = note.with_suffix(f".{os.getpid()}.part")
    temporary.write_text(json.dumps({"folder": str(folder)}))
    os.replace(temporary, note)


def find_bank(spec: BankSpec, cache: Path) -> SampleBank:
    """Return the bank of a spec.

    Raises:
        ValueError: it is not where it was, or has changed.
    """
    again = f"name its folder again, --latents bank:FOLDER, for {spec.name!r}"
    try:
        folder = json.loads(_note(cache, spec.checksum).read_text())["folder"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(f"this machine does not know where the bank lies: {again}") from None
    if not Path(folder).is_dir():
        raise ValueError(f"the bank was in {folder} and is there no more: {again}")
    bank = open_bank(folder)
    if bank.checksum != spec.checksum:
        raise ValueError(f"the bank in {folder} is not the one that the study began with: {again}")
    return bank


def _note(cache: Path, checksum: str) -> Path:
    return cache / "named-banks" / f"{checksum}.json"
