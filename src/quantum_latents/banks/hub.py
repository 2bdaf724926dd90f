"""Banks on the Hugging Face Hub: published with a data card, fetched without trust.

A published bank is a dataset repository of three files: ``README.md``, ``manifest.json`` and
``counts.npy``. Of a repository that somebody else wrote, nothing is believed: it holds these files
alone, their sizes are known and allowed before anything is downloaded, each lies under its own name
in a folder of ours, nothing is unpickled, and every chunk has the SHA-256 that the manifest gives.
Needs the extra `hub`.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quantum_latents.banks.bank import SampleBank, open_bank
from quantum_latents.banks.card import data_card
from quantum_latents.banks.folder import (
    COUNTS,
    MANIFEST,
    BankError,
    chunk_ranges,
    counts_header,
    map_counts,
    read_checksums,
    read_manifest,
    write_manifest,
)
from quantum_latents.banks.imported import check_new_folder
from quantum_latents.banks.repository import huggingface_client, said_in_one_line, take_file
from quantum_latents.disk import sync_folder

__all__ = ["LARGEST_BANK", "PublishedBank", "load_bank_from_hub", "push_bank"]

LARGEST_BANK = 8 << 30
"""Bytes of counts that are fetched unless more is asked for: 8 GiB."""

_LARGEST_MANIFEST = 64 << 20

_CARD = "README.md"
_ALLOWED = frozenset({_CARD, MANIFEST, COUNTS, ".gitattributes"})
"""What a repository of a bank may hold; the hub itself adds .gitattributes."""


@dataclass(frozen=True)
class PublishedBank:
    """Where a bank was published.

    Attributes:
        repo_id: OWNER/NAME.
        revision: the commit.
        url: of the repository's page.
        checksum: of the content, `SampleBank.checksum`.
    """

    repo_id: str
    revision: str
    url: str
    checksum: str


def push_bank(
    bank: SampleBank,
    repo_id: str,
    *,
    licence: str,
    citation: str | None = None,
    public: bool = False,
    token: str | None = None,
    endpoint: str | None = None,
) -> PublishedBank:
    """Publish a bank as a new dataset repository, in one commit.

    Args:
        bank: the bank; its manifest is published as it is, the names of source files included.
        repo_id: OWNER/NAME; the repository must not exist, or be empty.
        licence: what others may do with the shots, such as `cc-by-4.0`: nobody else can say it.
        citation: how to cite them.
        public: whether all may see it; otherwise only those whom the owner lets.
        token: of the account; None takes the one that the hub's own client knows.
        endpoint: another hub's address.

    Raises:
        ValueError: a name that cannot be, or a repository that holds something.
        ConnectionError: the hub refuses or cannot be reached.
        ImportError: huggingface_hub is not installed.
    """
    if not licence.strip():
        raise ValueError("a published bank needs a licence, such as cc-by-4.0")
    hub = huggingface_client("banks")
    api = hub.HfApi(endpoint=endpoint, token=token)
    with said_in_one_line(hub, repo_id):
        if api.repo_exists(repo_id, repo_type="dataset"):
            files = {file.rfilename for file in api.dataset_info(repo_id).siblings or ()}
            if foreign := files - {".gitattributes"}:
                raise ValueError(
                    f"{repo_id} exists and holds {min(foreign)!r}: nothing is overwritten; choose "
                    "another name"
                )
        else:
            api.create_repo(repo_id, repo_type="dataset", private=not public)
        card = data_card(bank, licence, citation).replace("OWNER/NAME", repo_id)
        add = hub.CommitOperationAdd
        commit = api.create_commit(
            repo_id,
            [
                add(path_in_repo=_CARD, path_or_fileobj=card.encode()),
                add(path_in_repo=MANIFEST, path_or_fileobj=bank.folder / MANIFEST),
                add(path_in_repo=COUNTS, path_or_fileobj=bank.folder / COUNTS),
            ],
            commit_message=f"{len(bank)} shots of {bank.num_modes} modes",
            repo_type="dataset",
        )
    url = f"{api.endpoint}/datasets/{repo_id}"
    return PublishedBank(repo_id, str(commit.oid), url, bank.checksum)


def load_bank_from_hub(
    repo_id: str,
    folder: str | os.PathLike[str],
    *,
    revision: str | None = None,
    checksum: str | None = None,
    largest: int = LARGEST_BANK,
    token: str | None = None,
    endpoint: str | None = None,
) -> SampleBank:
    """Fetch a published bank into a new folder, check every chunk, and open it.

    The manifest's `provenance` then names the repository and the commit, under `hub`.

    Args:
        repo_id: OWNER/NAME of a dataset repository.
        folder: the bank's; it must not exist, or be empty.
        revision: branch, tag or commit; None is the newest.
        checksum: what `SampleBank.checksum` must be; None takes what is there.
        largest: bytes of counts that may be fetched.
        token: of the account; None takes the one that the hub's own client knows.
        endpoint: another hub's address.

    Raises:
        ValueError: no such repository or revision, or the disk is too small.
        BankError: the repository is not, or not safely, a bank; the folder holds something.
        ConnectionError: the hub refuses or cannot be reached.
        ImportError: huggingface_hub is not installed.
    """
    target = check_new_folder(folder)
    hub = huggingface_client("banks")
    api = hub.HfApi(endpoint=endpoint, token=token)
    with said_in_one_line(hub, repo_id):
        info = api.dataset_info(repo_id, revision=revision, files_metadata=True)
    commit = str(info.sha)
    if not re.fullmatch("[0-9a-f]{40,64}", commit):
        raise BankError(f"{repo_id} has no commit but {commit[:80]!r}")
    sizes = _allowed_sizes(repo_id, {file.rfilename: file.size for file in info.siblings or ()})
    if sizes[COUNTS] > largest:
        raise BankError(
            f"{repo_id} has {sizes[COUNTS]:,} bytes of counts; at most {largest:,} are fetched "
            "unless more is asked for: largest="
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    if (needed := sum(sizes.values())) > (free := shutil.disk_usage(target.parent).free):
        raise ValueError(f"{repo_id} takes {needed:,} bytes and {target.parent} has {free:,}")
    # The hub's client writes what it likes beside a file: its folder is not the bank's.
    fetched = target.with_name(f".{target.name}.fetched-{os.getpid()}")
    whole = target.with_name(f".{target.name}.new-{os.getpid()}")
    try:
        for temporary in (fetched, whole):
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
        for name in (MANIFEST, COUNTS):
            with said_in_one_line(hub, repo_id):
                hub.hf_hub_download(
                    repo_id,
                    name,
                    repo_type="dataset",
                    revision=commit,
                    local_dir=fetched,
                    token=token,
                    endpoint=api.endpoint,
                )
            take_file(repo_id, fetched / name, whole / name, sizes[name], BankError)
            if name == MANIFEST:  # before the counts are fetched
                manifest = _checked_manifest(repo_id, whole, sizes[COUNTS])
        _check_counts(repo_id, whole, manifest)
        manifest_sha256 = hashlib.sha256((whole / MANIFEST).read_bytes()).hexdigest()
        origin = {"repo_id": repo_id, "revision": commit, "manifest_sha256": manifest_sha256}
        said = {**(manifest["provenance"] or {}), "hub": origin}
        write_manifest(whole, {**manifest, "provenance": said})
        bank = open_bank(whole)
        if checksum is not None and bank.checksum != checksum:
            raise BankError(f"{repo_id} holds the bank {bank.checksum}, not {checksum}")
        try:
            os.rename(whole, target)
        except OSError as error:
            raise BankError(f"{target} cannot be created: {error}") from error
    finally:
        for temporary in (fetched, whole):
            shutil.rmtree(temporary, ignore_errors=True)
    sync_folder(target.parent)
    return open_bank(target)


def _allowed_sizes(repo_id: str, sizes: dict[str, int | None]) -> dict[str, int]:
    """Return the sizes of manifest and counts; refuse a repository of anything else."""
    if foreign := sorted(set(sizes) - _ALLOWED):
        raise BankError(
            f"{repo_id} holds {foreign[0][:80]!r}: a bank is {MANIFEST}, {COUNTS} and a "
            f"{_CARD}, and nothing else is fetched"
        )
    if missing := {MANIFEST, COUNTS} - set(sizes):
        raise BankError(f"{repo_id} is not a bank: it holds no {min(missing)}")
    known: dict[str, int] = {}
    for name in (MANIFEST, COUNTS):
        size = sizes[name]
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise BankError(f"{repo_id}: the hub does not say how large {name} is")
        known[name] = size
    if known[MANIFEST] > _LARGEST_MANIFEST:
        raise BankError(
            f"{repo_id}: {MANIFEST} has {known[MANIFEST]:,} bytes, more than any bank's "
            f"({_LARGEST_MANIFEST:,})"
        )
    return known


def _checked_manifest(repo_id: str, folder: Path, counts_size: int) -> dict[str, Any]:
    """Return a stranger's manifest if it can be that of the announced counts."""
    try:
        manifest = read_manifest(folder)
    except BankError as error:
        why = str(error).replace(str(folder), repo_id)
        raise BankError(f"{repo_id} is not a bank: {why}") from None
    if not manifest["complete"]:
        raise BankError(f"{repo_id}: the bank is not complete")
    num_samples, num_modes = manifest["num_samples"], manifest["num_modes"]
    if counts_size != (
        size := len(counts_header(num_samples, num_modes)) + num_samples * num_modes
    ):
        raise BankError(
            f"{repo_id}: {num_samples:,} shots of {num_modes} modes take {size:,} bytes, and "
            f"{COUNTS} has {counts_size:,}"
        )
    return manifest


def _check_counts(repo_id: str, folder: Path, manifest: dict[str, Any]) -> None:
    """Refuse counts that are no plain array of bytes, or not the manifest's."""
    num_samples, num_modes = manifest["num_samples"], manifest["num_modes"]
    if map_counts(folder, num_samples, num_modes) is None:
        raise BankError(
            f"{repo_id}: {COUNTS} is no plain array of {num_samples:,} shots of {num_modes} modes"
        )
    ranges = chunk_ranges(num_samples, manifest["chunk_rows"])
    found = read_checksums(folder, ranges, num_modes)
    wrong = [
        i
        for i, pair in enumerate(zip(found, manifest["checksums"], strict=True))
        if pair[0] != pair[1]
    ]
    if wrong:
        # Not drawn again, as a simulated bank of our own would be: it is not what was published.
        start, stop = ranges[wrong[0]]
        raise BankError(
            f"{repo_id}: the checksum of {len(wrong)} chunks is wrong, first of shots {start} to "
            f"{stop}: damaged on the way or not what was published; fetch it again"
        )
