"""Which processor a user names.

Notation: a name is ``simulate``, ``orca`` or ``orca:MACHINE``, or ``quandela:PLATFORM`` such as
``quandela:sim:altair``.
"""

from __future__ import annotations

import importlib

from quantum_latents.processors.orca import OrcaProcessor
from quantum_latents.processors.processor import Processor
from quantum_latents.processors.simulate import SimulatedProcessor

__all__ = ["KINDS", "open_processor", "split_name"]

KINDS = ("simulate", "orca", "quandela")


def split_name(name: str) -> tuple[str, str]:
    """Return the kind of a processor and what follows it.

    Raises:
        ValueError: no such kind.

    >>> split_name("quandela:sim:altair")
    ('quandela', 'sim:altair')
    """
    kind, _, which = name.partition(":")
    if kind not in KINDS:
        raise ValueError(
            f"a processor is simulate, orca, orca:PT-2 or quandela:sim:altair, not {name!r}"
        )
    return kind, which


def open_processor(name: str, *, url: str | None = None, phase_shifters: bool = False) -> Processor:
    """Return the processor of a name; nothing is sent yet.

    Args:
        name: see above.
        url: where its service is; None for the service's own environment variable.
        phase_shifters: whether an ORCA machine has them.

    Raises:
        ImportError: the client's library is not installed.
        ValueError: no such processor, or it lacks an address.

    >>> open_processor("simulate").name
    'simulate'
    """
    kind, which = split_name(name)
    if kind == "simulate":
        if which or url is not None:
            raise ValueError("simulate takes no platform and no --url")
        return SimulatedProcessor()
    if kind == "orca":
        return OrcaProcessor(url, machine=which or "PT-1", phase_shifters=phase_shifters)
    if not which:
        raise ValueError("name the platform: quandela:sim:altair or quandela:qpu:altair")
    try:
        quandela = importlib.import_module("quantum_latents.processors.quandela")
    except ModuleNotFoundError as error:
        raise ImportError(
            f"Quandela's platforms cannot be spoken to here ({error}): "
            "pip install 'quantum-latents[quandela]'"
        ) from None
    return quandela.open_quandela(which, url=url)
