"""Files from the web: resumed where they broke off, checked, and in place only when complete.

A download grows as NAME.part; a later call asks the server for the rest of it (HTTP Range). The
finished file is checked against its size and MD5 sum, then moved to NAME in one step.
"""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from quantum_latents.molecules import Progress

__all__ = ["QM9_ARCHIVE", "QM9_UNCHARACTERISED", "RemoteFile", "fetch"]

_BLOCK = 1 << 18  # bytes between two reports of progress
_TIMEOUT = 30  # seconds without a byte


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file on the web whose content is known.

    Attributes:
        name: what it is called here.
        urls: where it is, tried in this order.
        size: bytes.
        md5: its MD5 sum, as its publisher gives it; it guards against damage, not malice.
    """

    name: str
    urls: tuple[str, ...]
    size: int
    md5: str


QM9_ARCHIVE = RemoteFile(
    name="dsgdb9nsd.xyz.tar.bz2",
    urls=(
        "https://ndownloader.figshare.com/files/3195389",
        "https://springernature.figshare.com/ndownloader/files/3195389",
    ),
    size=86_144_227,
    md5="ad1ebd51ee7f5b3a6e32e974e5d54012",
)
"""QM9 as its authors published it: an XYZ file a molecule."""

QM9_UNCHARACTERISED = RemoteFile(
    name="uncharacterized.txt",
    urls=(
        "https://ndownloader.figshare.com/files/3195404",
        "https://springernature.figshare.com/ndownloader/files/3195404",
    ),
    size=0,
    md5="a361887bacb427b8a0ce7903d92a53b4",
)
"""The numbers of the 3,054 molecules whose geometry QM9's authors found inconsistent."""


def fetch(remote: RemoteFile, folder: Path, on_progress: Progress) -> Path:
    """Return `folder` / name, downloaded unless it is there."""
    raise NotImplementedError
