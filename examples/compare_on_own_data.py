"""Compare latents on your own data: the same GAN on each, paired seeds, statistics, a page.

The smallest preset, which shows the way and decides nothing: below ten seeds there is no verdict.
preset="quick" with all four latents takes minutes and has ten.

    needs    pip install .
    run      python examples/compare_on_own_data.py

It prints:

    quantum: energy distance ... over 2 seeds
    gaussian: energy distance ... over 2 seeds
    Too few seeds for a verdict on quantum against gaussian by energy distance: ... of at least 10.
    the page has ... kB
"""

import tempfile
from pathlib import Path

import numpy as np

from quantum_latents.execution import compare_latents
from quantum_latents.report import table, write_report
from quantum_latents.results import read_study


def main() -> None:
    numbers = np.random.default_rng(0)
    heights = numbers.normal(170, 10, size=400)
    my_array = np.stack([heights, 0.9 * heights - 85 + numbers.normal(0, 8, size=400)], axis=1)
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "my-study"  # in a folder that stays, the same call resumes
        rows = compare_latents(my_array, study, preset="smoke", latents=("quantum", "gaussian"))
        for latent in ("quantum", "gaussian"):
            scores = [
                row["metrics"]["energy_distance"]["value"]
                for row in rows
                if row["spec"]["latent"]["name"] == latent
            ]
            print(f"{latent}: energy distance {np.mean(scores):.3f} over {len(scores)} seeds")
        (section,) = table(rows, read_study(study)).sections
        for comparison in section.comparisons["energy_distance"]:
            print(comparison.verdict.sentence)
        page = write_report(study)
        print(f"the page has {page.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":  # training runs in processes of its own, which import this file
    main()
