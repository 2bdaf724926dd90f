"""Sample banks: counts on disk, drawn once, checked, memory-mapped and re-used.

Notation: a bank holds N shots of m modes, counts uint8 (N, m), one row a shot, in the order
in which they were drawn.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quantum_latents.banks.folder import (
    FORMAT_VERSION,
    LEDGER,
    MANIFEST,
    BankError,
    append_to_ledger,
    chunk_checksum,
    chunk_ranges,
    create_counts,
    map_counts,
    read_checksums,
    read_ledger,
    read_manifest,
    write_lock,
    write_manifest,
    write_rows,
)
from quantum_latents.banks.recipe import BankRecipe
from quantum_latents.samplers import (
    SAMPLER_VERSION,
    BosonSampler,
    DistinguishableSampler,
    NoisySampler,
)
from quantum_latents.samplers.cost import OPERATIONS_PER_SECOND
from quantum_latents.samplers.kernels.cuda import Device

__all__ = ["ChunkDrawer", "SampleBank", "build_bank", "open_bank"]

_CHUNK_SECONDS = 5.0
"""What a kill may lose, in seconds of one core by the recipe's estimate. No count depends on it."""

_MOST_CHUNK_ROWS = 65536

_SELECTED_CHUNK_ROWS = 2048
"""Most shots a chunk where most attempts may be discarded."""

Progress = Callable[[int, int], None]
"""Called with (shots on disk, shots in all) after every chunk."""

ChunkDrawer = Callable[
    [BankRecipe, Sequence[tuple[int, int]]], Iterable[tuple[tuple[int, int], np.ndarray]]
]
"""Draws ranges (start, stop) of a recipe's shots; gives each with its counts, in any order."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class SampleBank:
    """An open bank. Get one from `build_bank`, `open_bank`, `import_bank` or `collect_bank`.

    Attributes:
        folder: where the bank lies.
        manifest: what it is: recipe, path and sampler version, or provenance; checksums.
            Its kind is simulated, imported or collected (from a processor).
        counts: uint8 (N, m), memory-mapped, read-only.
    """

    folder: Path
    manifest: Mapping[str, Any]
    counts: np.ndarray

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def num_modes(self) -> int:
        """Number of modes m."""
        return self.counts.shape[1]

    @property
    def checksum(self) -> str:
        """SHA-256 of the content: the size and the checksums of the chunks."""
        content = {
            name: self.manifest[name]
            for name in ("num_samples", "num_modes", "chunk_rows", "checksums")
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def recipe(self) -> BankRecipe | None:
        """The recipe of a simulated bank, None for any other."""
        content = self.manifest["recipe"]
        return None if content is None else BankRecipe.from_json(content)

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Return shots [start, stop), uint8 (stop - start, m), read-only.

        Raises:
            ValueError: the range does not lie in the bank.
        """
        if not 0 <= start <= stop <= len(self):
            raise ValueError(
                f"the bank holds shots 0 to {len(self)}; there is no range [{start}, {stop})"
            )
        return self.counts[start:stop]

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Return the shots at `indices`, uint8 (*indices.shape, m), a new array.

        Raises:
            IndexError: an index beyond the bank.
        """
        return self.counts.take(indices, axis=0)

    def __repr__(self) -> str:
        return f"SampleBank({str(self.folder)!r}, shape={self.counts.shape})"


def build_bank(
    recipe: BankRecipe,
    directory: str | os.PathLike[str],
    *,
    num_threads: int | None = None,
    progress: Progress | None = None,
    draw: ChunkDrawer | None = None,
    device: Device = "cpu",
) -> SampleBank:
    """Return the bank of a recipe in `directory`: built, resumed, or re-used as it is.

    Nothing is drawn twice: finished chunks of a killed build are kept, and a complete bank is
    only checked. The counts do not depend on kills, threads or chunks. Two processes may
    build the same bank: one waits for the other.

    Args:
        recipe: what the bank holds.
        directory: the bank's own folder, created if need be; for a cache of many banks take
            ``cache / recipe.digest``.
        num_threads: threads to draw with; None is one for each core.
        progress: called with (shots on disk, shots in all) after every chunk.
        draw: draws the chunks that are missing, in many processes or on many machines; None draws
            them here. The bank is the same.
        device: where chunks are drawn here, `cpu` or `cuda`. The bank is the same, but for the
            rounding of float32.

    Raises:
        BankError: the folder holds another bank, a bank of a newer format, or other files.
        ValueError: a recipe that cannot be drawn, such as a post-selection that keeps nothing, or
            not on this device.
        ImportError, RuntimeError: `cuda` without CuPy, or without a GPU.

    >>> import tempfile
    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> recipe = BankRecipe(
    ...     interferometer=haar(4, stream(0, "interferometer")).recipe,
    ...     occupation=(1, 0, 1, 0),
    ...     statistics="boson",
    ...     num_samples=1000,
    ...     stream=stream(0, "latent"),
    ... )
    >>> with tempfile.TemporaryDirectory() as cache:
    ...     bank = build_bank(recipe, f"{cache}/{recipe.digest}")
    ...     len(bank), int(bank.counts.sum())
    (1000, 2000)
    """
    folder = Path(directory)
    if folder.exists() and not folder.is_dir():
        raise BankError(f"{folder} is a file; a bank is a folder")
    if (folder / MANIFEST).exists() and _matching_manifest(folder, recipe)["complete"]:
        return open_bank(folder, num_threads=num_threads)
    _refuse_foreign_files(folder)
    # Refuses what cannot be drawn before anything is written.
    draw = draw or _drawing_here(recipe.sampler(device), num_threads)
    folder.mkdir(parents=True, exist_ok=True)
    with write_lock(folder):
        if (folder / MANIFEST).exists():
            manifest = _matching_manifest(folder, recipe)
        else:
            manifest = _new_manifest(recipe)
            write_manifest(folder, manifest)
        if not manifest["complete"]:
            _draw_missing(folder, manifest, recipe, draw, progress)
    return open_bank(folder, num_threads=num_threads)


def open_bank(path: str | os.PathLike[str], *, num_threads: int | None = None) -> SampleBank:
    """Open a bank, after checking the checksum of every chunk.

    A damaged chunk of a simulated bank is drawn again, by the path in its manifest, and
    logged as a warning; a damaged chunk of any other bank is named and refused.

    Args:
        path: the bank's folder.
        num_threads: threads to draw damaged chunks with; None is one for each core.

    Raises:
        BankError: not a bank, not complete, of a newer format, or damaged beyond repair.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    if not manifest["complete"]:
        raise BankError(
            f"{folder} is not complete: build it again with the same recipe to resume it"
        )
    if _damaged(folder, manifest):
        _repair(folder, manifest, num_threads)
    counts = map_counts(folder, manifest["num_samples"], manifest["num_modes"])
    if counts is None:
        raise BankError(f"{folder}: the counts were removed while the bank was opened")
    return SampleBank(folder, manifest, counts)


def _chunk_rows(recipe: BankRecipe) -> int:
    selects = recipe.noise is not None and recipe.noise.selects
    most = _SELECTED_CHUNK_ROWS if selects else _MOST_CHUNK_ROWS
    fitting = _CHUNK_SECONDS * OPERATIONS_PER_SECOND / recipe.estimated_operations
    return int(min(most, 2 ** max(4, math.floor(math.log2(max(1.0, fitting))))))


def _new_manifest(recipe: BankRecipe) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "kind": "simulated",
        "complete": False,
        "num_samples": recipe.num_samples,
        "num_modes": recipe.num_modes,
        "chunk_rows": _chunk_rows(recipe),
        "checksums": [],
        "recipe": recipe.to_json(),
        "digest": recipe.digest,
        "path": recipe.path,
        "sampler_version": SAMPLER_VERSION,
        "provenance": None,
    }


def _matching_manifest(folder: Path, recipe: BankRecipe) -> dict[str, Any]:
    manifest = read_manifest(folder)
    if manifest["kind"] != "simulated":
        raise BankError(
            f"{folder} holds a bank that was not simulated ({manifest['kind']}); choose another "
            "folder"
        )
    if manifest["recipe"] != recipe.to_json():
        wanted = recipe.to_json()
        found = manifest["recipe"]
        differing = [name for name in {**wanted, **found} if found.get(name) != wanted.get(name)]
        raise BankError(
            f"{folder} holds a bank of another recipe (it differs in {', '.join(differing)}); "
            "choose another folder"
        )
    if manifest["digest"] != recipe.digest:
        raise BankError(
            f"{folder} was drawn by path {manifest['path']!r}, sampler version "
            f"{manifest['sampler_version']}; this version draws {recipe.path!r}, "
            f"{SAMPLER_VERSION}: choose another folder"
        )
    return manifest


def _refuse_foreign_files(folder: Path) -> None:
    if folder.exists() and not (folder / MANIFEST).exists():
        foreign = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
        # Another process may have written the manifest since we looked.
        if foreign and not (folder / MANIFEST).exists():
            raise BankError(
                f"{folder} is not a bank and holds {foreign[0]!r}; choose an empty folder"
            )


def _ranges(manifest: Mapping[str, Any]) -> list[tuple[int, int]]:
    return chunk_ranges(manifest["num_samples"], manifest["chunk_rows"])


def _drawing_here(
    sampler: BosonSampler | DistinguishableSampler | NoisySampler, num_threads: int | None
) -> ChunkDrawer:
    def draw(
        recipe: BankRecipe, ranges: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
        for start, stop in ranges:
            rows = sampler.sample(stop - start, recipe.stream, start=start, num_threads=num_threads)
            yield (start, stop), rows

    return draw


def _draw_missing(
    folder: Path,
    manifest: dict[str, Any],
    recipe: BankRecipe,
    draw: ChunkDrawer,
    progress: Progress | None,
) -> None:
    ranges = _ranges(manifest)
    if map_counts(folder, recipe.num_samples, recipe.num_modes) is None:
        (folder / LEDGER).unlink(missing_ok=True)
        create_counts(folder, recipe.num_samples, recipe.num_modes)
    finished = {chunk: sha for chunk, sha in read_ledger(folder).items() if chunk < len(ranges)}
    if finished:
        logger.info("bank %s: resuming at %d of %d chunks", folder, len(finished), len(ranges))
    done = sum(stop - start for i, (start, stop) in enumerate(ranges) if i in finished)
    chunk_of = {pair: chunk for chunk, pair in enumerate(ranges) if chunk not in finished}
    for pair, rows in draw(recipe, tuple(chunk_of)):
        chunk, (start, stop) = chunk_of[pair], pair
        write_rows(folder, start, rows)
        finished[chunk] = chunk_checksum(rows)
        append_to_ledger(folder, chunk, finished[chunk])
        done += stop - start
        if progress is not None:
            progress(done, recipe.num_samples)
    checksums = [finished[chunk] for chunk in range(len(ranges))]
    write_manifest(folder, {**manifest, "complete": True, "checksums": checksums})
    (folder / LEDGER).unlink(missing_ok=True)


def _damaged(folder: Path, manifest: Mapping[str, Any]) -> list[int]:
    ranges = _ranges(manifest)
    counts = map_counts(folder, manifest["num_samples"], manifest["num_modes"])
    if counts is None:
        return list(range(len(ranges)))
    found = read_checksums(folder, ranges, manifest["num_modes"])
    return [
        chunk
        for chunk, (ours, theirs) in enumerate(zip(found, manifest["checksums"], strict=True))
        if ours != theirs
    ]


def _repair(folder: Path, manifest: Mapping[str, Any], num_threads: int | None) -> None:
    with write_lock(folder):
        # Another process may have repaired the bank while this one waited.
        damaged = _damaged(folder, manifest)
        if not damaged:
            return
        ranges = _ranges(manifest)
        named = ", ".join(
            f"{chunk} (shots {ranges[chunk][0]} to {ranges[chunk][1]})" for chunk in damaged[:5]
        )
        if manifest["kind"] != "simulated":
            raise BankError(
                f"{folder} is damaged in chunk {named} and cannot be drawn again: "
                + (
                    "make the call that drew it once more, which takes it from the shots that "
                    "were kept beside it"
                    if manifest["kind"] == "collected"
                    else "import the counts anew"
                )
            )
        recipe = BankRecipe.from_json(manifest["recipe"])
        if manifest["digest"] != recipe.digest:
            raise BankError(
                f"{folder} is damaged in chunk {named} and was drawn by path "
                f"{manifest['path']!r}, sampler version {manifest['sampler_version']}, "
                "which this version does not have: build the bank anew in another folder"
            )
        if map_counts(folder, recipe.num_samples, recipe.num_modes) is None:
            create_counts(folder, recipe.num_samples, recipe.num_modes)
        sampler = recipe.sampler()
        for chunk in damaged:
            start, stop = ranges[chunk]
            logger.warning("bank %s: chunk %d is damaged; drawing it again", folder, chunk)
            rows = sampler.sample(stop - start, recipe.stream, start=start, num_threads=num_threads)
            if chunk_checksum(rows) != manifest["checksums"][chunk]:
                raise BankError(
                    f"{folder}: chunk {chunk} is damaged and drawn again differs from what was "
                    "recorded (another machine's rounding?): build the bank anew in another folder"
                )
            write_rows(folder, start, rows)
