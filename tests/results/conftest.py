"""Made-up rows in the schema of docs/architecture.md; nothing here is a result."""

from collections.abc import Callable

import pytest


def make_row(latent="quantum", seed=0, *, data="bits", status="finished", **metrics) -> dict:
    """A row whose metrics are given as ``name=value`` or ``name={...}``."""
    entries = {
        name: {"direction": "lower", "label": name.replace("_", " ")}
        | (entry if isinstance(entry, dict) else {"value": entry})
        for name, entry in metrics.items()
    }
    return {
        "schema": 1,
        "run": f"{data}-{latent}-{seed}",
        "study": "demo",
        "spec": {"data": {"name": data}, "latent": {"name": latent}, "seed": seed},
        "status": status,
        "status_detail": "",
        "metrics": entries,
        "provenance": {"seconds": 1.5, "machine": "made up"},
    }


@pytest.fixture
def row() -> Callable[..., dict]:
    return make_row
