"""Kinds of latents, a file each: every one that lies here, or in a package of one's own, is found.

A kind is a frozen `LatentSpec`. A file in this folder needs no other line anywhere: names that
studies take, the reading of specs, contract tests, tables and pages follow `latent_kinds`. A
package of one's own names its kinds as entry points, in its ``pyproject.toml``::

    [project.entry-points."quantum_latents.latents"]
    checkers = "my_package.checkers:CheckersSpec"
"""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from quantum_latents.latents.spec import LatentSpec

__all__ = ["ENTRY_POINTS", "latent_kinds", "latent_names", "named_latent"]

ENTRY_POINTS = "quantum_latents.latents"
"""The group of entry points that name kinds of latents."""


@functools.cache
def latent_kinds() -> tuple[type[LatentSpec], ...]:
    """Return all kinds of latents: those of this folder by file name, then those of entry points.

    Raises:
        ImportError: an entry point cannot be loaded.
        TypeError: one leads to something that is no kind of latents.
        ValueError: two kinds have one class name, by which specs are read, or share a name.

    >>> "GaussianSpec" in {kind.__name__ for kind in latent_kinds()}
    True
    """
    kinds = [*_of_this_folder(), *map(_of_entry_point, entry_points(group=ENTRY_POINTS))]
    owners: dict[str, type[LatentSpec]] = {}
    for kind in kinds:
        for name in (kind.__name__, *kind.names()):
            if (owner := owners.setdefault(name, kind)) is not kind:
                raise ValueError(
                    f"two kinds of latents are called {name!r}, in {owner.__module__} and "
                    f"{kind.__module__}: rename one, or uninstall its package"
                )
    return tuple(kinds)


def _of_this_folder() -> Iterator[type[LatentSpec]]:
    for module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        content = vars(importlib.import_module(f"{__name__}.{module}"))
        for kind in content.values():
            if _is_kind(kind) and kind.__module__ == f"{__name__}.{module}":
                yield kind


def _of_entry_point(entry: EntryPoint) -> type[LatentSpec]:
    whose = f"the latent {entry.name!r} of {entry.dist.name if entry.dist else entry.value}"
    try:
        kind = entry.load()
    except Exception as error:
        raise ImportError(
            f"{whose} cannot be loaded ({error}): mend or uninstall that package"
        ) from error
    if not _is_kind(kind):
        raise TypeError(f"{whose}, {entry.value}, is no frozen subclass of LatentSpec with a law")
    return kind


def _is_kind(thing: Any) -> bool:
    return (
        isinstance(thing, type) and issubclass(thing, LatentSpec) and not inspect.isabstract(thing)
    )


def latent_names() -> tuple[str, ...]:
    """Return the names of all latents that a study may ask for.

    >>> "ising" in latent_names()
    True
    """
    return tuple(name for kind in latent_kinds() for name in kind.names())


def named_latent(
    name: str, *, dim: int, scaling: str, bank_size: int | None, num_held_out: int
) -> LatentSpec:
    """Return the latent that a study means by a name.

    Args:
        name: one of `latent_names`.
        dim: d_z.
        scaling: see `Scaling`.
        bank_size: draws kept and re-used; None draws afresh.
        num_held_out: further draws.

    Raises:
        ValueError: there is no latent of this name, or not at this length.

    >>> named_latent("poisson", dim=4, scaling="raw", bank_size=None, num_held_out=1).parameter
    0.5
    """
    sizes = {"dim": dim, "scaling": scaling, "bank_size": bank_size, "num_held_out": num_held_out}
    for kind in latent_kinds():
        if name in kind.names():
            return kind.usual(name, sizes)
    near = difflib.get_close_matches(name, latent_names(), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"choose among {', '.join(latent_names())}"
    raise ValueError(f"no latent is called {name!r}: {hint}")
