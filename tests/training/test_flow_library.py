"""Moons beside an independent flow-matching library: equal networks, steps and evaluations."""

import numpy as np
import pytest
import torch

from quantum_latents.latents import build_latent
from quantum_latents.metrics import compute
from quantum_latents.models.threads import one_thread
from quantum_latents.random import stream
from quantum_latents.random.torch import torch_generator
from quantum_latents.recipes import moons
from quantum_latents.training import data_of, train_stack

pytestmark = pytest.mark.slow

NUM_SEEDS = 4


def theirs(run, data, z):
    """Facebook's flow_matching: its path, its loss, its solver; a network of torch.nn."""
    from flow_matching.path import CondOTProbPath
    from flow_matching.solver import ODESolver

    width = run.model.velocity.hidden[0]
    layers = [torch.nn.Linear(3, width)]
    for hidden in run.model.velocity.hidden[1:]:
        layers += [torch.nn.SELU(), torch.nn.Linear(width, hidden)]
    layers += [torch.nn.SELU(), torch.nn.Linear(width, 2)]
    network = torch.nn.Sequential(*layers)
    draws = torch_generator(stream(run.seed, "theirs"))
    with torch.no_grad():
        for layer in network:
            if isinstance(layer, torch.nn.Linear):
                for part in (layer.weight, layer.bias):
                    part.uniform_(
                        -(layer.in_features**-0.5), layer.in_features**-0.5, generator=draws
                    )

    def velocity(x, t):
        return network(torch.cat([x, t.expand(len(x))[:, None]], dim=1))

    optimiser = torch.optim.Adam(network.parameters(), lr=run.training.optimiser.learning_rate)
    path, size = CondOTProbPath(), run.training.batch_size
    for rate in run.training.learning_rates(0, run.training.num_steps):
        optimiser.param_groups[0]["lr"] = float(rate)
        x1 = data[torch.randint(len(data), (size,), generator=draws)]
        x0, t = torch.randn(size, 2, generator=draws), torch.rand(size, generator=draws)
        at = path.sample(t=t, x_0=x0, x_1=x1)
        loss = (velocity(at.x_t, at.t) - at.dx_t).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    # Two evaluations a step of the midpoint rule.
    step = 2 / run.model.solver.num_evaluations
    return ODESolver(velocity).sample(x_init=z, step_size=step, method="midpoint").numpy()


def test_a_gaussian_source_reaches_the_quality_of_an_independent_library(tmp_path):
    pytest.importorskip("flow_matching", reason="pip install flow_matching, the peer of this test")
    study = moons("quick", num_seeds=NUM_SEEDS, latents=("gaussian",), latent_dim=2)
    ours = train_stack(study.runs, cache=tmp_path, checkpoint=tmp_path / "stack.safetensors")
    assert ours is not None
    distances = {"ours": [], "theirs": []}
    for outcome in ours:
        run = outcome.spec
        data = data_of(run, tmp_path)
        z = build_latent(run.latent, run.seed, tmp_path).held_out(run.evaluation.num_samples)
        with one_thread():
            peer = theirs(run, torch.from_numpy(data.train.copy()), z)
        for name, samples in (("ours", outcome.samples), ("theirs", peer)):
            value = compute(
                "energy_distance", samples, data.held_out, data.facts, stream(run.seed, "metrics")
            )
            distances[name].append(value)
    print({name: np.round(values, 5).tolist() for name, values in distances.items()})
    gaps = np.subtract(distances["ours"], distances["theirs"])
    # Not worse than theirs by more than three standard errors of the difference.
    assert gaps.mean() < 3 * gaps.std(ddof=1) / np.sqrt(NUM_SEEDS)
    assert np.mean(distances["ours"]) < 0.02
