"""A study of seconds: four runs in two stacks. As a script it is run, to be killed."""

import sys
from dataclasses import replace
from pathlib import Path

from quantum_latents.data import BitsSpec
from quantum_latents.execution import plan, run_study
from quantum_latents.models import GANSpec
from quantum_latents.recipes import Study, table1
from quantum_latents.training import EvaluationSpec

NUM_SAMPLES = 60


def tiny_study(num_steps: int = 12_000) -> Study:
    """Table I's smoke, shrunken: two latents of 16 coordinates, and two of 8 in a second stack."""
    study = table1("smoke", num_seeds=1, data_sets=("bernoulli",))
    network = replace(study.runs[0].model.generator, hidden=(8, 8))
    training = replace(study.runs[0].training, batch_size=8, critic_steps=1, num_steps=num_steps)
    runs = []
    for run in study.runs:
        small = {"dim": 8} if run.latent.name in ("bernoulli", "gaussian") else {}
        latent = replace(run.latent, bank_size=400, num_held_out=NUM_SAMPLES, **small)
        runs.append(
            replace(
                run,
                data=BitsSpec(num_bits=4, num_train=400, num_held_out=NUM_SAMPLES),
                latent=latent,
                model=GANSpec(generator=network, critic=network),
                training=training,
                evaluation=EvaluationSpec(num_samples=NUM_SAMPLES),
            )
        )
    return replace(study, runs=tuple(runs))


if __name__ == "__main__":
    plan.available_cores = lambda: 1  # one thread a worker, wherever the test runs
    try:
        ended = run_study(
            tiny_study(),
            Path(sys.argv[1]),
            command="qlat run tiny",
            num_workers=1,
            cache=Path(sys.argv[2]),
            seconds_between_checkpoints=0.0,
            on_progress=lambda progress: print(progress.num_finished, flush=True),
        )
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0 if ended else 3)
