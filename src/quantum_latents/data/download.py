"""Files from the web: resumed where they broke off, checked, and in place only when complete.

A download grows as NAME.part; a later call asks the server for the rest of it (HTTP Range). The
finished file is checked against its size and its sum, then moved to NAME in one step. A server is
not believed: more than was promised is not kept, and what is asked for by TLS is not taken without.
"""

from __future__ import annotations

import hashlib
import os
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from quantum_latents.molecules import Progress

__all__ = [
    "CIFAR10_ARCHIVE",
    "INCEPTION_WEIGHTS",
    "LARGEST_UNKNOWN",
    "QM9_ARCHIVE",
    "QM9_UNCHARACTERISED",
    "Guarded",
    "RemoteFile",
    "fault_of",
    "fetch",
]

LARGEST_UNKNOWN = 64 << 20
"""Bytes that are kept of a file whose size its publisher does not say: 64 MiB."""

_BLOCK = 1 << 18  # bytes between two reports of progress


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file on the web whose content is known.

    Attributes:
        name: what it is called here.
        urls: where it is, tried in this order.
        size: bytes, or None if its publisher does not say.
        md5: its MD5 sum, as its publisher gives it; it guards against damage, not malice.
        sha256: its SHA-256, which guards against both and is checked in the MD5 sum's place; "" if
            it is not known.

    Raises:
        ValueError: neither sum is given.
    """

    name: str
    urls: tuple[str, ...]
    size: int | None
    md5: str = ""
    sha256: str = ""

    def __post_init__(self) -> None:
        if not (self.md5 or self.sha256):
            raise ValueError(f"{self.name}: a file from the web needs its sha256, or its md5")

    @property
    def sum(self) -> tuple[str, str]:
        """What the sum is called, and the sum that a file of this content has.

        >>> RemoteFile(name="a", urls=(), size=None, md5="12", sha256="34").sum
        ('SHA-256', '34')
        """
        return ("SHA-256", self.sha256) if self.sha256 else ("MD5", self.md5)


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
    size=None,
    md5="a361887bacb427b8a0ce7903d92a53b4",
)
"""The numbers of the 3,054 molecules whose geometry QM9's authors found inconsistent."""

CIFAR10_ARCHIVE = RemoteFile(
    name="cifar-10-binary.tar.gz",
    urls=("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    size=170_052_171,
    md5="c32a1d4ab5d03f1284b67883e8d87530",
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
"""CIFAR-10 in its authors' binary version, which no pickle is needed for."""

INCEPTION_WEIGHTS = RemoteFile(
    name="weights-inception-2015-12-05-6726825d.pth",
    urls=(
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
        "weights-inception-2015-12-05-6726825d.pth",
        "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth",
    ),
    size=95_628_359,
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
)
"""Inception of the published FID, converted to PyTorch by the authors of pytorch-fid."""


class Guarded(urllib.request.HTTPRedirectHandler):
    """Follows redirections to https, and from http to http; to nothing else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Return the request that a redirection leads to.

        Raises:
            URLError: it leads to another protocol.
        """
        scheme = urlsplit(newurl).scheme
        if scheme != "https" and (scheme, req.type) != ("http", "http"):
            raise URLError(f"it leads to {newurl[:200]!r}, which is not asked for")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(
    remote: RemoteFile,
    folder: Path,
    on_progress: Progress = lambda what, done, total: None,
    *,
    timeout: float = 30.0,
) -> Path:
    """Return `folder` / name, downloaded unless it is there; checked either way.

    A place is asked again, for the rest, as long as every answer brings something; then the next
    place is. What has arrived stays for the next call. A complete file with another sum is
    deleted, and asked for once more from its beginning if an earlier call had begun it.

    Args:
        remote: which file.
        folder: where to put it; made if missing.
        on_progress: called with what is being done, bytes done and bytes in all.
        timeout: seconds without a byte after which a server is given up.

    Raises:
        ValueError: a file of that name is there, and it is another one or damaged.
        ConnectionError: it could not be downloaded; the message says what to put where.
    """
    path = folder / remote.name
    if path.is_file():
        if fault := fault_of(remote, path):
            raise ValueError(
                f"{str(path)!r} is damaged or another file ({fault}): delete it, and it is "
                "downloaded again"
            )
        return path
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{remote.name}.part"
    failures = []
    for url in remote.urls:
        try:
            fault = _complete(url, remote, part, on_progress, timeout)
        except (OSError, HTTPException, ValueError) as error:  # ValueError: an address that is none
            failures.append(f"{url}: {' '.join(str(error).split()) or type(error).__name__}")
            continue
        if fault:
            failures.append(f"{url}: sends another file ({fault})")
            continue
        os.replace(part, path)
        return path
    raise ConnectionError(
        f"{remote.name} could not be downloaded ({'; '.join(failures)}); without a network, put "
        f"it (from {remote.urls[0]}, {' '.join(remote.sum)}) at {str(path)!r}"
    )


def _complete(
    url: str, remote: RemoteFile, part: Path, on_progress: Progress, timeout: float
) -> str:
    """Grow `part` until nothing is missing; return what is wrong with it then, or nothing."""
    while True:
        begun_before = size = part.stat().st_size if part.is_file() else 0
        goal = remote.size
        while size == 0 or goal is None or size < goal:
            goal = _append(url, remote, part, size, on_progress, timeout)
            before, size = size, part.stat().st_size
            # Where the server does not say how much there is, the sum decides.
            if goal is None or size >= goal:
                break
            if size <= before:
                raise ConnectionError("the server breaks off and sends nothing more")
        fault = fault_of(remote, part)
        if fault:
            part.unlink()
        if not (fault and begun_before):
            return fault


def _append(
    url: str, remote: RemoteFile, part: Path, start: int, on_progress: Progress, timeout: float
) -> int | None:
    """Ask for the bytes from `start` on, keep what arrives, return the file's size if known.

    Raises:
        OSError, HTTPException: nothing came, or another file, of which nothing is kept then.
    """
    most = LARGEST_UNKNOWN if remote.size is None else remote.size
    request = urllib.request.Request(url, headers={"User-Agent": "quantum-latents"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        answer = urllib.request.build_opener(Guarded).open(request, timeout=timeout)
    except HTTPError as error:
        if error.code == 416 and start and remote.size is None:
            return start  # there is no more: the sum tells whether it is what was asked for
        raise
    is_larger = False
    with answer:
        # A server that does not know ranges sends everything, with status 200 and not 206.
        resumed = answer.status == 206
        goal = _length(answer.headers.get("Content-Length", ""))
        if resumed:
            span, _, total = answer.headers.get("Content-Range", "").partition("/")
            if not span.startswith(f"bytes {start}-"):
                raise ConnectionError("the server sends another range than it was asked for")
            goal = _length(total)
        goal = goal or remote.size
        if remote.size is not None and goal != remote.size:
            raise ConnectionError(f"another file ({goal:,} bytes, not {remote.size:,})")
        if goal is not None and goal > most:
            raise ConnectionError(f"another file (larger than {most:,} bytes)")
        done = start if resumed else 0
        with part.open("ab" if resumed else "wb") as file:
            try:
                while block := answer.read1(_BLOCK):
                    done += len(block)
                    if is_larger := done > most:
                        break
                    file.write(block)
                    on_progress(f"downloading {remote.name}", done, goal or done)
            except (OSError, HTTPException):
                if done <= start:
                    raise
    if is_larger:
        part.unlink()
        raise ConnectionError(f"another file (larger than {most:,} bytes)")
    return goal


def _length(text: str) -> int | None:
    """Return a length that a server states, None if it states none.

    >>> _length("12"), _length("-1"), _length("9" * 5000)
    (12, None, None)
    """
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def fault_of(remote: RemoteFile, file: Path) -> str:
    """Return what is wrong with a file that should be `remote`, or nothing."""
    size = file.stat().st_size
    if remote.size is not None and size != remote.size:
        return f"{size:,} bytes, not {remote.size:,}"
    what, wanted = remote.sum
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, what.replace("-", "").lower()).hexdigest()
    return "" if found == wanted else f"{what} {found}, not {wanted}"
