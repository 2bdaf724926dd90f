"""The data card of a bank: what somebody who finds it must know, from its manifest alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from quantum_latents.banks.bank import SampleBank

__all__ = ["data_card"]

_LONGEST = 200
"""Characters of a value that stands in the card; a longer one is in the manifest."""

_SIZES = ((1e3, "n<1K"), (1e4, "1K<n<10K"), (1e5, "10K<n<100K"), (1e6, "100K<n<1M"))


def data_card(bank: SampleBank, licence: str, citation: str | None = None) -> str:
    """Return the README.md of a published bank: a YAML header, and Markdown.

    Args:
        bank: the bank.
        licence: its identifier on the hub, such as `cc-by-4.0`.
        citation: how to cite the shots; None says that nobody said.

    >>> import tempfile
    >>> import numpy as np
    >>> from quantum_latents.banks import import_bank
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bank = import_bank(np.eye(3), f"{folder}/pt2", {"processor": "orca:PT-2"})
    ...     print(data_card(bank, "cc0-1.0")[:52])
    ---
    license: "cc0-1.0"
    pretty_name: "pt2: 3 shots of
    """
    facts = _facts(bank.manifest)
    title = f"{bank.folder.name}: {len(bank):,} shots of {bank.num_modes} modes"
    # JSON's strings and lists are YAML's too, whatever they hold.
    header = {
        "license": licence,
        "pretty_name": title,
        "size_categories": [next((name for most, name in _SIZES if len(bank) < most), "n>1M")],
        "tags": ["quantum-latents", "photonics", "boson-sampling", "photon-counts"],
        "viewer": False,
    }
    lines = ["---"]
    lines += [f"{name}: {json.dumps(value)}" for name, value in header.items()]
    lines += ["---", "", f"# {_plain(title)}", ""]
    lines += ["Photon counts, one row a shot and one column a mode, in the order of the shots."]
    if facts.pop("shot_order", None) == "lost":
        lines[-1] = "Photon counts, one row a shot and one column a mode. The order is lost."
    lines += ["", "| what | value |", "|---|---|"]
    checksum = bank.checksum
    facts |= {"shots": len(bank), "modes": bank.num_modes, "checksum of the content": checksum}
    lines += [f"| {_plain(name)} | {_code(value)} |" for name, value in facts.items()]
    lines += ["", "`manifest.json` says the rest, with a SHA-256 for every chunk of `counts.npy`."]
    lines += ["", "## Use", "", "```python"]
    lines += ["from quantum_latents.banks.hub import load_bank_from_hub", ""]
    lines += ['bank = load_bank_from_hub("OWNER/NAME", "FOLDER")', "```", ""]
    lines += ["`counts.npy` is a plain array: `numpy.load(FILE, allow_pickle=False)`.", ""]
    lines += ["## Citation", "", citation or "Who published these shots did not say how to cite."]
    return "\n".join(lines) + "\n"


def _facts(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the manifest says in short words."""
    recipe = manifest["recipe"]
    if recipe is None:
        said = manifest["provenance"] or {}
        facts: dict[str, Any] = {"kind": manifest["kind"]}
    else:
        said = recipe
        facts = {
            "kind": manifest["kind"],
            "path of the sampler": manifest["path"],
            "version of the sampler": manifest["sampler_version"],
        }
    if isinstance(said.get("occupation"), list):
        facts["photons in the input"] = sum(said["occupation"])
    for name, value in said.items():
        if name == "interferometer" and isinstance(value, Mapping):
            value = {key: item for key, item in value.items() if _is_short(item)}
        if name not in ("notes", "hub") and _is_short(value):
            facts[name] = value
    return facts


def _is_short(value: Any) -> bool:
    return value is not None and len(json.dumps(value)) <= _LONGEST


def _plain(text: str) -> str:
    """Return text that is no markup of a table."""
    return " ".join(text.split()).replace("|", "/").replace("<", "").replace("[", "(")


def _code(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"`{_plain(text).replace('`', chr(39))}`"
