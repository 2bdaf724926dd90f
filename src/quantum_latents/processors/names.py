"""Which processor a user names.

Notation: a name is ``simulate``, ``orca`` or ``orca:MACHINE``, ``quandela:PLATFORM`` such as
``quandela:sim:altair``, or ``scaleway:PLATFORM`` such as ``scaleway:QPU-ALTAIR-10PQ``.
"""

from __future__ import annotations

from quantum_latents.processors.orca import TOKEN_VARIABLE, OrcaProcessor
from quantum_latents.processors.perceval_account import TOKEN_VARIABLES
from quantum_latents.processors.processor import Processor
from quantum_latents.processors.quandela import open_quandela
from quantum_latents.processors.simulate import SimulatedProcessor

__all__ = ["KINDS", "open_processor", "split_name", "token_variables"]

KINDS = ("simulate", "orca", "quandela", "scaleway")


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
            "a processor is simulate, orca, orca:PT-2, quandela:sim:altair or "
            f"scaleway:QPU-ALTAIR-10PQ, not {name!r}"
        )
    return kind, which


def token_variables(name: str) -> tuple[str, ...]:
    """Return the environment variables that may hold a processor's token; none for a simulated one.

    Raises:
        ValueError: no such kind.

    >>> token_variables("orca"), token_variables("simulate")
    (('ORCA_AUTH_TOKEN',), ())
    """
    kind, _ = split_name(name)
    return {"orca": (TOKEN_VARIABLE,), **TOKEN_VARIABLES}.get(kind, ())


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
        example = "scaleway:QPU-ALTAIR-10PQ" if kind == "scaleway" else "quandela:sim:altair"
        raise ValueError(f"name the platform: {example}, for example")
    return open_quandela(which, url=url, provider="scaleway" if kind == "scaleway" else "quandela")
