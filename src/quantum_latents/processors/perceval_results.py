"""The results of a job, as perceval's service sends them, read without trusting them.

Notation: m modes, n photons, N shots. The *envelope* is the service's answer; its field
``results`` is a JSON text whose own field ``results`` holds the shots as perceval writes them.

An answer that is not in this format is asked for again (`Answered`): the job is done, and its
shots are there. One in the right format that holds something else will not change (`NotSamples`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantum_latents.processors.perceval_circuit import NotSamples, samples_to_counts
from quantum_latents.processors.perceval_faults import Answered, plain, scrubbed

__all__ = ["Asked", "held_against", "read_counts"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a job was asked for: shots of n photons in m modes."""

    num_modes: int
    num_photons: int
    num_shots: int


def read_counts(envelope: Any, details: dict[str, Any], *, what: str, token: str) -> np.ndarray:
    """Return the shots in the envelope, uint8 (N, m), in their order.

    Args:
        envelope: the service's answer.
        details: receives the service's own numbers, or a piece of what cannot be read.
        what: what was asked, for the message.
        token: struck out of everything.

    Raises:
        Answered: not in the service's format.
        NotSamples: something else than shots.
    """
    from perceval.serialization import deserialize

    text = envelope.get("results") if isinstance(envelope, dict) else None
    if not isinstance(text, str):
        raise Answered(f"{what}: the answer has no 'results'")
    for key in ("duration", "shots"):
        if isinstance(envelope.get(key), (int, float)):
            details[key] = plain(envelope[key], token)
    # Exceptions of others hold the text they could not read, and whatever it repeats, so none may
    # hang on ours: ours are raised after the except clause is left.
    content, unread = None, False
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        unread = True
    if unread:
        raise Answered(f"{what}: they are no JSON ({scrubbed(text, token)[:80]})")
    if not isinstance(content, dict) or "results" not in content:
        details["received"] = scrubbed(text, token)
        raise NotSamples("the result holds no 'results'")
    details["performance"] = {
        key: plain(value, token)
        for key, value in content.items()
        if key.endswith("_perf") or key == "nb_shots_used"
    }
    context = content.get("job_context")
    if isinstance(context, dict) and context.get("result_mapping"):
        # perceval would import and call whatever function the service names here.
        raise NotSamples("the service wants the result converted by a function of its choice")
    samples, failure = None, ""
    try:
        samples = deserialize(content["results"], strict=False)
    except Exception as error:
        failure = type(error).__name__
    if failure:
        details["received"] = scrubbed(content["results"], token)
        raise NotSamples(f"perceval cannot read the result ({failure})")
    return samples_to_counts(samples)


def held_against(
    counts: np.ndarray, asked: Asked, details: dict[str, Any], *, noisy: bool
) -> np.ndarray:
    """Return the shots that were asked for, or refuse shots that cannot be what was asked for.

    Fewer are returned as they are. `details` receives how many shots have more photons than were
    put in, and how many were beyond those asked for.

    Args:
        counts: uint8 (N, m).
        asked: what the job was asked for.
        details: receives what is remarkable.
        noisy: whether there is a source that may emit two photons instead of one, and a detector
            that may click in the dark. An ideal simulator has neither.

    Raises:
        NotSamples: another number of modes, more than n photons from an ideal simulator, or
            more than 2n from anything.

    >>> shots = np.array([[1, 1], [2, 1]], dtype=np.uint8)
    >>> details = {}
    >>> asked = Asked(num_modes=2, num_photons=2, num_shots=2)
    >>> len(held_against(shots, asked, details, noisy=True))
    2
    >>> details
    {'shots_with_more_photons_than_put_in': 1}
    """
    num_shots, num_modes = counts.shape
    if num_modes != asked.num_modes:
        details["received"] = f"{num_shots} shots of {num_modes} modes"
        raise NotSamples(f"the shots have {num_modes} modes instead of {asked.num_modes}")
    totals = counts.sum(axis=1, dtype=np.int64)
    most = (2 if noisy else 1) * asked.num_photons
    if totals.max() > most:
        details["received"] = f"{num_shots} shots of up to {totals.max()} photons"
        raise NotSamples(
            f"{int((totals > most).sum())} of {num_shots} shots have up to {totals.max()} photons, "
            f"but {asked.num_photons} were put in"
        )
    if surplus := int((totals > asked.num_photons).sum()):
        details["shots_with_more_photons_than_put_in"] = surplus
    if num_shots > asked.num_shots:
        details["shots_beyond_those_asked_for"] = num_shots - asked.num_shots
    return counts[: asked.num_shots]
