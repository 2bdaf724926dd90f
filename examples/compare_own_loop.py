"""Compare latents under your own training loop: you write one function, the rest is done.

The "training" here is three lines of numpy: the affine map of z that has the mean and covariance
of the data. Yours may be any framework's; see docs/own-training.md.

    needs    pip install .
    run      python examples/compare_own_loop.py

It prints:

    quantum: energy distance ... over 3 seeds
    gaussian: energy distance ... over 3 seeds
    Too few seeds for a verdict on quantum against gaussian by energy distance: ... of at least 10.
    called again, it trains ... runs
    the page has ... kB
"""

import tempfile
from pathlib import Path

import numpy as np

from quantum_latents.execution import compare_training
from quantum_latents.report import table, write_report
from quantum_latents.results import read_study

calls = []


def train(latent, data, seed):
    """Return the affine map of z whose output has the mean and covariance of the data."""
    calls.append((latent.name, seed))
    numbers = np.random.default_rng(seed)  # all else that is random: of the seed alone
    z = latent.sample(2000)
    mix = numbers.normal(size=(latent.dim, data.shape[1]))
    made = z @ mix
    whiten = np.linalg.inv(np.linalg.cholesky(np.cov(made.T))).T
    colour = np.linalg.cholesky(np.cov(data.T)).T
    shift = data.mean(axis=0) - made.mean(axis=0) @ whiten @ colour
    return lambda z: z @ mix @ whiten @ colour + shift


def main() -> None:
    numbers = np.random.default_rng(0)
    heights = numbers.normal(170, 10, size=400)
    my_array = np.stack([heights, 0.9 * heights - 85 + numbers.normal(0, 8, size=400)], axis=1)
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "my-study"  # in a folder that stays, the same call resumes
        settings = {"latents": ("quantum", "gaussian"), "seeds": 3, "bank_size": 10_000}
        rows = compare_training(train, my_array, study, **settings)
        for latent in ("quantum", "gaussian"):
            scores = [
                row["metrics"]["energy_distance"]["value"]
                for row in rows
                if row["spec"]["latent"]["name"] == latent
            ]
            print(f"{latent}: energy distance {np.mean(scores):.4f} over {len(scores)} seeds")
        (section,) = table(rows, read_study(study)).sections
        for comparison in section.comparisons["energy_distance"]:
            print(comparison.verdict.sentence)
        num_calls = len(calls)
        compare_training(train, my_array, study, **settings)
        print(f"called again, it trains {len(calls) - num_calls} runs")
        page = write_report(study)
        print(f"the page has {page.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
