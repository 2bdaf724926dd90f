"""A bank against what its manifest promises.

Notation: a bank holds N shots of m modes. A simulated bank promises its recipe, noise included. A
bank of a real processor promises the interferometer, the input and the post-selection of its
provenance, and photons that interfere; it may lose an equal share of all photons, which is
fitted. An imported bank promises nothing unless it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from quantum_latents.banks.bank import SampleBank
from quantum_latents.banks.recipe import BankRecipe
from quantum_latents.circuits import rebuild
from quantum_latents.samplers import Noise

if TYPE_CHECKING:
    from quantum_latents.samplers.validation import Promise, Validation

__all__ = ["BankValidation", "promise_of", "validate_bank"]

SCHEMA = 1
"""Of the JSON that `BankValidation.to_json` writes."""

_TOLD = ("processor", "num_discarded", "software", "certificate", "calibration", "status")
"""Fields of a processor's provenance that the page repeats."""


@dataclass(frozen=True, kw_only=True)
class BankValidation:
    """What the tests of a bank found.

    Attributes:
        bank: what was tested, JSON-able: folder, kind, sizes, and what its provenance says.
        promise: what it was held to, JSON-able; None for nothing.
        notes: what the manifest lacked, in words.
        validation: the tests.
    """

    bank: Mapping[str, Any]
    promise: Mapping[str, Any] | None
    notes: tuple[str, ...]
    validation: Validation

    @property
    def headline(self) -> str:
        """One sentence that gathers the verdicts."""
        named: dict[str, list[str]] = {"consistent": [], "inconsistent": [], "undetermined": []}
        for one in self.validation.findings:
            named[one.verdict].append(one.title)
        total, off = len(self.validation.findings), named["inconsistent"]
        told = f"{len(named['consistent'])} consistent, {len(named['undetermined'])} undetermined"
        if off:
            return f"{len(off)} of {total} tests are inconsistent with the promise: " + (
                "; ".join(off) + f" ({told})"
            )
        if not named["consistent"]:
            return f"No test of {total} could be decided."
        return f"No test contradicts the promise: {told}, of {total}."

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON-able dict; `report.write_validation` makes a page of it."""
        return {
            "schema": SCHEMA,
            "headline": self.headline,
            "bank": dict(self.bank),
            "promise": None if self.promise is None else dict(self.promise),
            "notes": list(self.notes),
            **self.validation.to_json(),
        }


def promise_of(bank: SampleBank) -> tuple[Promise | None, tuple[str, ...]]:
    """Return what a bank's manifest promises, or None; and what it lacks, in words.

    Raises:
        ValueError: a manifest whose promise contradicts itself, named.

    >>> import tempfile
    >>> from quantum_latents.banks import import_bank
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bank = import_bank(np.array([[1, 0]]), f"{folder}/mine", {"from": "me"})
    ...     promise_of(bank)
    (None, ('the manifest names no interferometer',))
    """
    recipe = bank.recipe
    if recipe is not None:
        return _of_recipe(recipe), ()
    provenance = bank.manifest.get("provenance") or {}
    device, occupation = provenance.get("interferometer"), provenance.get("occupation")
    if device is None:
        return None, ("the manifest names no interferometer",)
    if occupation is None:
        return None, ("the manifest names an interferometer, and no occupation of its inputs",)
    notes = []
    if "postselection" not in provenance:
        notes.append("the manifest says nothing of post-selection: all shots are taken as kept")
    selection: Any = provenance.get("postselection") or {}
    if not isinstance(selection, Mapping) or set(selection) - {"at_least", "exactly"}:
        raise ValueError(
            f'postselection in the manifest is {{"at_least": N}}, {{"exactly": N}} or null, '
            f"not {selection!r}"
        )
    least = _least_reported(provenance)
    if least and selection.get("exactly") is None and (selection.get("at_least") or 0) < least:
        selection = {"at_least": least}
        notes.append(f"shots of fewer than {least} photons are not reported by this service")
    from quantum_latents.samplers.validation import Promise  # slow to import

    promise = Promise(
        interferometer=rebuild(device),
        occupation=tuple(occupation),
        noise=Noise(**selection),
        known_loss=False,
    )
    return promise, tuple(notes)


def validate_bank(
    bank: SampleBank,
    *,
    alpha: float = 0.01,
    promise: Promise | None = None,
    interference: float | None = None,
    progress: Callable[[str], None] | None = None,
) -> BankValidation:
    """Test a bank's counts against its promise, as one family of tests.

    Args:
        bank: an open bank.
        alpha: family-wise error rate, declared before the counts are looked at.
        promise: for a bank whose manifest names no interferometer.
        interference: overlap that a real processor promises; None for 1.
        progress: called with the title of each test as it begins.

    Raises:
        ValueError: a promise beside that of the manifest; an overlap beside that of a recipe; a
            promise that does not fit the counts.

    >>> import tempfile
    >>> from quantum_latents.banks import BankRecipe, build_bank
    >>> from quantum_latents.circuits import haar
    >>> from quantum_latents.random import stream
    >>> recipe = BankRecipe(
    ...     interferometer=haar(4, stream(0, "interferometer")).recipe,
    ...     occupation=(1, 0, 1, 0),
    ...     statistics="boson",
    ...     num_samples=2000,
    ...     stream=stream(0, "shots"),
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     validate_bank(build_bank(recipe, folder)).validation.verdict
    'consistent'
    """
    own, notes = promise_of(bank)
    if promise is not None and own is not None:
        raise ValueError("the bank's manifest says what it promises: leave the interferometer out")
    if promise is None and own is not None:
        promise = own
    if promise is not None and interference is not None:
        if promise.known_loss:
            raise ValueError("the overlap of a simulated bank stands in its recipe: leave it out")
        promise = replace(promise, noise=replace(promise.noise, interference=interference))
    all_shots, more = _all_shots(bank, promise)
    provenance = bank.manifest.get("provenance") or {}
    from quantum_latents.samplers.validation import validate_counts  # slow to import

    validation = validate_counts(
        np.asarray(bank.counts),
        promise,
        alpha=alpha,
        all_shots=all_shots,
        is_in_order=provenance.get("shot_order") != "lost",
        progress=progress,
    )
    return BankValidation(
        bank=_told(bank),
        promise=None if promise is None else _promise_in_words(promise),
        notes=notes + more,
        validation=validation,
    )


def _of_recipe(recipe: BankRecipe) -> Promise:
    from quantum_latents.samplers.validation import Promise  # slow to import

    noise = recipe.noise or Noise()
    if recipe.statistics == "distinguishable":
        noise = Noise(interference=0.0)
    return Promise(
        interferometer=rebuild(recipe.interferometer), occupation=recipe.occupation, noise=noise
    )


def _all_shots(bank: SampleBank, promise: Promise | None) -> tuple[np.ndarray | None, tuple]:
    """The histogram of all shots, discarded ones included, where the manifest has one."""
    provenance = bank.manifest.get("provenance") or {}
    if bank.recipe is not None or promise is None or not promise.noise.selects:
        return None, ()
    said = provenance.get("photon_numbers")
    if said is None:
        why = "the manifest has no histogram of all shots: the transmission is that of kept shots"
        return None, (why,)
    if _least_reported(provenance):
        why = "the histogram of all shots lacks those that the service does not report: "
        return None, (why + "the transmission is that of kept shots",)
    try:
        pairs = said.items() if isinstance(said, Mapping) else enumerate(said)
        known = {int(number): int(shots) for number, shots in pairs}
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"photon_numbers in the manifest is shots by photon number, not {said!r}"
        ) from error
    if not known or min(known) < 0 or max(known) > 10_000 or min(known.values()) < 0:
        raise ValueError(f"photon_numbers in the manifest is shots by photon number, not {said!r}")
    histogram = np.zeros(max(known) + 1, dtype=np.int64)
    for number, shots in known.items():
        histogram[number] = shots
    kept = histogram[promise.noise.selected(np.arange(len(histogram)))].sum()
    if kept < len(bank):
        why = f"the histogram of all shots keeps {kept:,} shots, the bank holds {len(bank):,}: "
        return None, (why + "it is left out",)
    return histogram, ()


def _least_reported(provenance: Mapping[str, Any]) -> int:
    """Photons below which a service does not report a shot at all; 0 if it reports every one."""
    sessions = provenance.get("sessions")
    filters = [
        session.get("min_detected_photons_filter")
        for session in (sessions if isinstance(sessions, list) else [])
        if isinstance(session, Mapping)
    ]
    return max((one for one in filters if isinstance(one, int)), default=0)


def _told(bank: SampleBank) -> dict[str, Any]:
    manifest = bank.manifest
    told: dict[str, Any] = {
        "folder": bank.folder.name,
        "kind": manifest["kind"],
        "num_samples": len(bank),
        "num_modes": bank.num_modes,
    }
    for name in ("digest", "path", "sampler_version"):
        if manifest.get(name) is not None:
            told[name] = manifest[name]
    provenance = manifest.get("provenance") or {}
    sessions = provenance.get("sessions")
    # What a processor said of itself at the last call; what the bank says of it goes first.
    last = sessions[-1] if isinstance(sessions, list) and sessions else {}
    said = {**last, **provenance} if isinstance(last, Mapping) else provenance
    told |= {name: said[name] for name in _TOLD if said.get(name) is not None}
    jobs = provenance.get("jobs")
    if isinstance(jobs, list):
        told["num_jobs"] = len(jobs)
    return told


def _promise_in_words(promise: Promise) -> dict[str, Any]:
    recipe = promise.interferometer.recipe
    noise, ideal = promise.noise.to_json(), Noise().to_json()
    kept = {key: recipe[key] for key in recipe if key not in ("entries", "angles", "phases")}
    return {
        "interferometer": kept,
        "occupation": list(promise.occupation),
        "num_photons": sum(promise.occupation),
        "noise": {name: value for name, value in noise.items() if value != ideal[name]},
        "known_loss": promise.known_loss,
    }
