"""Measure how certificates' constants grow with n, and write results/certificate-growth.json.

.venv/bin/python scripts/certificate_growth.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from quantum_latents.random import stream
from quantum_latents.theory import FAMILIES, grow

__all__ = ["main"]

_OUT = Path(__file__).resolve().parents[1] / "results" / "certificate-growth.json"
_SIZES = (4, 8, 16, 32, 64)
_MOST = {"deepening": 32}
"""n layers of 2n numbers: beyond this only the digits of an exponential grow."""


def main() -> int:
    """Draw, bound and write."""
    growth = []
    for family in FAMILIES:
        sizes = [size for size in _SIZES if size <= _MOST.get(family.name, size)]
        for one in grow(family, sizes, stream(0, "certificate growth"), num_networks=5):
            growth.append(one.to_json() | {"what": family.what})
            print(f"{one.family} n={one.num_latents}: {one.condition_number:.3g}", flush=True)
    content = {"command": "python scripts/certificate_growth.py", "growth": growth}
    _OUT.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
