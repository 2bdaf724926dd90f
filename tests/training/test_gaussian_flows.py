"""Flows from a normal law to a normal law, whose velocity and transport have closed forms.

Notation: x_0 of N(m_0, S_0), x_1 of N(m_1, S_1), x_t = (1 - t) x_0 + t x_1. If both are drawn
independently, (x_1 - x_0, x_t) is normal, so that the mean of the velocity given x_t is

    v(x, t) = m_1 - m_0 + (t S_1 - (1 - t) S_0) S_t^-1 (x - m_t),   S_t = (1 - t)^2 S_0 + t^2 S_1.

With S_0 = P P^T and S_1 = P D P^T, D diagonal, the matrix of v is P d_t P^-1, d_t diagonal with
d_t = (log sqrt((1 - t)^2 + t^2 D))': its flow takes x_0 to m_1 + P D^1/2 P^-1 (x_0 - m_0), and the
matrix is (S_1 S_0^-1)^1/2. Under optimal coupling x_1 is a function of x_0 already, Monge's map
m_1 + A (x_0 - m_0), A = S_0^-1/2 (S_0^1/2 S_1 S_0^1/2)^1/2 S_0^-1/2 (Olkin and Pukelsheim 1982),
and so is the flow. The two are the same where S_0 and S_1 commute, as in one dimension or with
S_0 = 1, and are not below.
"""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from quantum_latents.models import FlowSpec, SolverSpec, VelocitySpec
from quantum_latents.random import stream
from quantum_latents.training import FlowMatchingSpec, FlowStack, OptimiserSpec, StackMember

ROTATION = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
LAWS = {
    "one dimension": ([0.5], [[0.64]], [-1.0], [[2.25]]),
    "two dimensions": (
        [0.0, 0.5],
        np.diag([2.25, 0.16]),
        [1.0, 0.0],
        ROTATION @ np.diag([2.25, 0.16]) @ ROTATION.T,
    ),
}
SMALL = {"independent": 0.06, "optimal_transport": 0.15}
"""Root mean square errors allowed, in a space whose points are about 2 apart. Batches of 128 leave
optimal transport a bias towards the independent coupling."""
BATCH = {"independent": 1024, "optimal_transport": 128}


@dataclass
class Normal:
    mean: np.ndarray
    covariance: np.ndarray

    @property
    def dim(self):
        return len(self.mean)

    def sample(self, num_samples, stream):
        drawn = stream.generator().multivariate_normal(self.mean, self.covariance, num_samples)
        return torch.from_numpy(drawn).float()


def trained(law, coupling):
    m0, s0, m1, s1 = (np.asarray(part) for part in LAWS[law])
    data = Normal(m1, s1).sample(50_000, stream(0, "data"))
    model = FlowSpec(
        velocity=VelocitySpec(
            hidden=(32, 32), activation="silu", num_frequencies=2, initialisation="pytorch"
        ),
        embedding="none",
        dequantisation="none",
        jitter=0.0,
        solver=SolverSpec(name="dopri5", rtol=1e-4, atol=1e-4),
    )
    training = FlowMatchingSpec(
        num_steps=800,
        batch_size=BATCH[coupling],
        path="straight",
        coupling=coupling,
        sigma_min=0.0,
        optimiser=OptimiserSpec(name="adam", learning_rate=2e-2, betas=(0.9, 0.999)),
        decay=1.0,
    )
    stack = FlowStack([StackMember(data, Normal(m0, s0), stream(0, "training"))], model, training)
    while stack.step < training.num_steps:
        stack.train_block()
    z = Normal(m0, s0).sample(4000, stream(0, "held out"))
    (made,) = stack.generate([z])
    return stack, z.double().numpy(), made.double().numpy(), (m0, s0, m1, s1)


def rms(errors):
    return float(np.sqrt((errors**2).sum(1).mean()))


def maps(s0, s1):
    """The matrices of the flow under independent and under optimal coupling."""
    root = np.real(sqrtm(s0))
    monge = np.linalg.inv(root) @ np.real(sqrtm(root @ s1 @ root)) @ np.linalg.inv(root)
    return {
        "independent": np.real(sqrtm(s1 @ np.linalg.inv(s0))),
        "optimal_transport": monge,
    }


def test_both_maps_carry_the_law_and_differ_where_covariances_do_not_commute():
    for _, s0, _, s1 in LAWS.values():
        found = maps(np.asarray(s0), np.asarray(s1))
        for matrix in found.values():
            assert np.allclose(matrix @ s0 @ matrix.T, s1)
    assert np.allclose(found["optimal_transport"], found["optimal_transport"].T)
    # By more than twice what is allowed below, on average over the source.
    apart = found["independent"] - found["optimal_transport"]
    assert np.sqrt(np.trace(apart @ s0 @ apart.T)) > 2 * max(SMALL.values())


@pytest.mark.parametrize(
    ("law", "coupling"),
    [
        ("one dimension", "independent"),
        ("two dimensions", "independent"),
        ("two dimensions", "optimal_transport"),
    ],
)
def test_a_flow_between_normal_laws_is_the_closed_form(law, coupling):
    stack, z, made, (m0, s0, m1, s1) = trained(law, coupling)
    wanted = m1 + (z - m0) @ maps(s0, s1)[coupling].T
    assert rms(made - wanted) < SMALL[coupling]
    # The means and covariances of what comes out are the data's, within sampling.
    assert np.allclose(made.mean(0), m1, atol=0.12)
    assert np.allclose(np.cov(made.T).reshape(s1.shape), s1, atol=0.2)
    if coupling == "independent":
        for t in (0.05, 0.25, 0.5, 0.75, 0.95):
            noise = stream(0, "points", str(t)).generator()
            st = (1 - t) ** 2 * s0 + t**2 * s1
            mt = (1 - t) * m0 + t * m1
            x = noise.multivariate_normal(mt, st, 2000)
            slope = (t * s1 - (1 - t) * s0) @ np.linalg.inv(st)
            exact = m1 - m0 + (x - mt) @ slope.T
            with torch.no_grad():
                points = torch.from_numpy(x)[None].float()
                velocity = stack._parts[0].velocity(points, torch.tensor(t))
            error = rms(velocity[0].double().numpy() - exact)
            assert error < 0.08 * rms(exact)
