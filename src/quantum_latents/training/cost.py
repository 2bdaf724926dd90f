"""What training a run costs, counted before it starts.

Notation: B is the batch, c critic steps a generator step. One *sweep* of a network over a batch is
2 B times its matrix entries floating-point operations; a perceptron's ends, narrow beside its
hidden layers, are counted with the latent's width, but for graphs.
"""

from __future__ import annotations

from itertools import pairwise

from quantum_latents.data.width import width_of
from quantum_latents.models import FlowSpec, GraphGANSpec, MolGANSpec
from quantum_latents.models.molgan import layers_of
from quantum_latents.training.settings import WGANSpec
from quantum_latents.training.spec import RunSpec

__all__ = ["flop_of"]


def flop_of(run: RunSpec) -> float:
    """Return the floating-point operations of a run's matrix products.

    Perceptrons: a critic step has 10 sweeps of the critic (6 for the means, 4 for the penalty) and
    1 of the generator, a generator step 5 more (2 of the critic, 3 of the generator).

    A relational critic: a critic step has 12 sweeps of it (6 for the means, 6 for the penalty,
    whose second derivatives are not 0) and 1 of the generator, a generator step 2 and 3.

    Flows: a step has 3 sweeps of the velocity; generating, which is counted once, one for every
    evaluation of a solver of equal steps. Optimal transport is no matrix product.
    """
    training, model = run.training, run.model
    if isinstance(model, FlowSpec):
        return _of_flow(run, model)
    assert isinstance(training, WGANSpec)
    per_batch = 2.0 * training.batch_size
    if isinstance(model, MolGANSpec):
        critic = 0.0
        for layer in layers_of(model.critic, model.num_node_classes):
            entries = layer.rows * layer.columns
            critic += entries * (1 if layer.kind == "dense" else model.num_atoms)
        z, widths = run.latent.dim, (run.latent.dim, *model.generator.hidden, model.data_dim)
        generator = sum(a * b for a, b in pairwise(widths)) + z * sum(widths[2:-1])
        of_critic, of_generator = per_batch * critic, per_batch * generator
        step = training.critic_steps * (12 * of_critic + of_generator)
        return training.num_steps * (step + 2 * of_critic + 3 * of_generator)
    ends = run.latent.dim, 1
    if isinstance(model, GraphGANSpec):  # far wider than z
        ends = model.data_dim, model.data_dim
    of_critic, of_generator = (
        per_batch * sum(a * b for a, b in pairwise((first, *network.hidden, last)))
        for first, network, last in (
            (ends[0], model.critic, 1),
            (run.latent.dim, model.generator, ends[1]),
        )
    )
    step = training.critic_steps * (10 * of_critic + of_generator)
    return training.num_steps * (step + 2 * of_critic + 3 * of_generator)


def _of_flow(run: RunSpec, model: FlowSpec) -> float:
    dim = max(run.latent.dim, width_of(run.data))
    widths = (dim + 1 + 2 * model.velocity.num_frequencies, *model.velocity.hidden, dim)
    per_row = 2.0 * sum(a * b for a, b in pairwise(widths))
    trained = 3 * run.training.num_steps * run.training.batch_size
    generated = model.solver.num_evaluations * run.evaluation.num_samples
    return per_row * (trained + generated)
