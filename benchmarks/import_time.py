"""How long `import quantum_latents` takes in a fresh interpreter, best of several.

python benchmarks/import_time.py
"""

from __future__ import annotations

import subprocess
import sys

__all__ = ["import_seconds"]

_CODE = (
    "import time; started = time.perf_counter(); import quantum_latents; "
    "print(time.perf_counter() - started)"
)


def import_seconds(repetitions: int = 5) -> float:
    """Return the shortest import of several fresh interpreters, in seconds."""
    answers = (
        subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=True)
        for _ in range(repetitions)
    )
    return min(float(answer.stdout) for answer in answers)


if __name__ == "__main__":
    print(f"import quantum_latents: {import_seconds() * 1e3:.2f} ms (goal: below 500 ms)")
