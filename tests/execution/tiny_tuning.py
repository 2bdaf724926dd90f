"""A tuned study of seconds, run as a script, to be killed: see `test_tune.py`."""

import sys
from dataclasses import replace
from pathlib import Path

from quantum_latents.data import BitsSpec
from quantum_latents.execution import plan, run_tuned
from quantum_latents.models import GANSpec
from quantum_latents.recipes import TunedStudy, table1, tune
from quantum_latents.training import EvaluationSpec


def tiny_tuning() -> TunedStudy:
    """Two latents, three trials, one tuning seed, two test seeds."""
    study = table1("smoke", data_sets=("bernoulli",), latents=("bernoulli", "gaussian"))
    network = replace(study.runs[0].model.generator, hidden=(8, 8))
    runs = [
        replace(
            run,
            data=BitsSpec(num_bits=4, num_train=400, num_held_out=60),
            latent=replace(run.latent, bank_size=400, num_held_out=60),
            model=GANSpec(generator=network, critic=network),
            training=replace(run.training, batch_size=8, num_steps=4000),
            evaluation=EvaluationSpec(num_samples=60),
        )
        for run in study.runs
    ]
    return tune(replace(study, runs=tuple(runs)))


if __name__ == "__main__":
    plan.available_cores = lambda: 1  # one thread a worker, wherever the test runs
    ended = run_tuned(
        tiny_tuning(),
        Path(sys.argv[1]),
        command="qlat run tune",
        num_workers=1,
        cache=Path(sys.argv[2]),
        seconds_between_checkpoints=0.0,
    )
    sys.exit(0 if ended else 3)
