"""Banks as latents of a study, beside those that are drawn for each seed.

Fair play: a bank is compared only with latents of its own length z (its modes), all of which keep
as many draws as it has shots to train on, and hold out as many.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quantum_latents.latents import BankSpec, bank_spec

__all__ = ["BANK_SOURCES", "bank_latents", "split_latents"]

_PREFIX = "bank:"

BANK_SOURCES = {"latent.checksum": "of the named bank's content"}
"""Where the settings of a bank as a latent come from, that no other latent has."""


def split_latents(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the latents without `bank:FOLDER`, and the folders.

    >>> split_latents(["quantum", "bank:there/pt2"])
    (('quantum',), ('there/pt2',))
    """
    drawn = tuple(name for name in names if not name.startswith(_PREFIX))
    folders = tuple(name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX))
    if "" in folders:
        raise ValueError("a bank as a latent is named by its folder: bank:FOLDER")
    return drawn, folders


def bank_latents(
    folders: Sequence[str],
    cache: Path | None,
    *,
    latent_dims: Sequence[int],
    scaling: str,
    bank_size: int | None,
    num_held_out: int,
) -> tuple[BankSpec, ...]:
    """Return the banks in some folders as latents.

    Args:
        folders: the banks'.
        cache: where banks are found again; needed with `folders`.
        latent_dims: lengths of z in the study.
        scaling: every latent's, see `latents.Scaling`.
        bank_size: every latent's kept draws.
        num_held_out: every latent's.

    Raises:
        ValueError: a bank that cannot be used, has too few shots, as many modes as no length of z,
            or the name of another.
    """
    if not folders:
        return ()
    if cache is None or bank_size is None:
        raise ValueError("a bank as a latent needs cache=, and a bank_size for the other latents")
    banks = tuple(
        bank_spec(
            folder,
            cache,
            scaling=scaling,  # type: ignore[arg-type]
            bank_size=bank_size,
            num_held_out=num_held_out,
        )
        for folder in folders
    )
    if odd := [bank for bank in banks if bank.dim not in latent_dims]:
        raise ValueError(
            f"{odd[0].name} has {odd[0].dim} modes and z is {', '.join(map(str, latent_dims))} "
            f"long: add --latent-dim {odd[0].dim}"
        )
    names = [bank.name for bank in banks]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"two banks are called {twice[0]!r}: rename the folder of one")
    return banks
