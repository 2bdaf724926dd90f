"""Repositories of the Hugging Face Hub, met without trust: its client, its errors, its files."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

__all__ = ["huggingface_client", "said_in_one_line", "take_file"]


def take_file(
    repo_id: str, fetched: Path, place: Path, size: int, error: type[ValueError] = ValueError
) -> None:
    """Move a fetched file to its place if it is a plain file of the announced size.

    Raises:
        ValueError: it is not; as `error`.
    """
    try:
        found = fetched.lstat()
    except FileNotFoundError:
        raise error(f"{repo_id}: {fetched.name} did not arrive") from None
    if not stat.S_ISREG(found.st_mode):
        raise error(f"{repo_id}: {fetched.name} is a link or no plain file")
    if found.st_size != size:
        raise error(
            f"{repo_id}: {fetched.name} has {found.st_size:,} bytes, not the {size:,} announced"
        )
    os.replace(fetched, place)


def huggingface_client(what: str) -> ModuleType:
    """Return the module huggingface_hub.

    Raises:
        ImportError: it is not installed; `what` is what needs it.
    """
    try:
        import huggingface_hub
    except ImportError as error:
        raise ImportError(
            f"{what} on the hub need huggingface_hub: pip install 'quantum-latents[hub]'"
        ) from error
    return huggingface_hub


@contextlib.contextmanager
def said_in_one_line(hub: ModuleType, repo_id: str, kind: str = "dataset") -> Iterator[None]:
    """Say in one line what the hub's client says in many.

    Raises:
        ValueError: `repo_id` is no repository, or the hub knows no such repository or revision.
        ConnectionError: the hub refuses or cannot be reached.
    """
    errors = hub.errors
    if repo_id.count("/") != 1:  # the client takes a bare name, and asks the network for it
        raise ValueError(f"{repo_id!r} is no repository, OWNER/NAME")
    try:
        yield
    except errors.HFValidationError as error:
        raise ValueError(f"{repo_id!r} is no repository, OWNER/NAME: {_first(error)}") from None
    except errors.RevisionNotFoundError:
        raise ValueError(f"{repo_id} has no such revision") from None
    except errors.RepositoryNotFoundError:
        raise ValueError(
            f"there is no {kind} {repo_id} on the hub, or this account may not see it: look at "
            "the name, and log in (hf auth login) or set HF_TOKEN"
        ) from None
    except (ValueError, TypeError, MemoryError):
        raise
    except Exception as error:  # which library carries the bytes changes with the client's version
        raise ConnectionError(f"{repo_id}: the hub says {_first(error)}") from None


def _first(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]
