"""The diffusion: its marginals, and its way back against Bayes' rule."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from quantum_latents.models import Diffusion
from quantum_latents.random import stream

PROCESS = Diffusion(num_timesteps=4, beta_min=0.1, beta_max=20.0)


def normals(name, *shape):
    return torch.from_numpy(stream(0, name).generator().standard_normal(shape))


def test_the_variance_that_is_left_solves_the_differential_equation():
    for t, bar in enumerate(PROCESS.alpha_bars.tolist()):
        total, _ = quad(lambda s: 0.1 + (20.0 - 0.1) * s, 0, t / 4)
        assert bar == pytest.approx(np.exp(-total), rel=1e-10)


@pytest.mark.parametrize("t", [1, 2, 4])
def test_pairs_have_their_marginals(t):
    number = 200_000
    x = torch.full((number, 1, 1, 1), 0.7, dtype=torch.float64)
    steps = torch.full((number,), t)
    before, at = PROCESS.pair(x, steps, normals("a", *x.shape), normals("b", *x.shape))
    bars = PROCESS.alpha_bars.tolist()
    for bar, found in ((bars[t - 1], before), (bars[t], at)):
        assert float(found.mean()) == pytest.approx(0.7 * bar**0.5, abs=0.01)
        assert float(found.var()) == pytest.approx(1 - bar, abs=0.01)


@pytest.mark.parametrize("t", [2, 3, 4])
def test_the_way_back_is_bayes_rule(t):
    """Of three jointly normal numbers: x_{t-1} and x_t, given x_0."""
    bars = PROCESS.alpha_bars.numpy()
    alpha = bars[t] / bars[t - 1]
    x, at = 0.7, -0.3
    # x_{t-1} ~ N(sqrt(abar) x, 1 - abar), and x_t given it ~ N(sqrt(alpha) x_{t-1}, 1 - alpha).
    precision = 1 / (1 - bars[t - 1]) + alpha / (1 - alpha)
    mean = (np.sqrt(bars[t - 1]) * x / (1 - bars[t - 1]) + np.sqrt(alpha) * at / (1 - alpha)) / (
        precision
    )
    number = 3
    shape = (number, 1, 1, 1)
    noise = torch.tensor([0.0, 1.0, -2.0], dtype=torch.float64).view(shape)
    found = PROCESS.back(
        torch.full(shape, x).double(), torch.full(shape, at).double(), torch.full((3,), t), noise
    )
    assert np.allclose(found.flatten(), mean + noise.flatten().numpy() / np.sqrt(precision))


def test_the_last_step_back_ends_in_the_guess():
    x, at, noise = (normals(name, 5, 1, 2, 2) for name in "abc")
    found = PROCESS.back(x, at, torch.ones(5, dtype=torch.long), noise)
    assert torch.allclose(found, x, atol=1e-12)


def test_every_image_has_its_own_step():
    x, at, noise = (normals(name, 4, 1, 2, 2) for name in "abc")
    steps = torch.tensor([1, 2, 3, 4])
    together = PROCESS.back(x, at, steps, noise)
    for row in range(4):
        of_row = slice(row, row + 1)
        alone = PROCESS.back(x[of_row], at[of_row], steps[of_row], noise[of_row])
        assert torch.equal(together[of_row], alone)


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"num_timesteps": 0}, ValueError, "num_timesteps must be at least 1, not 0"),
        ({"num_timesteps": 4.0}, TypeError, "num_timesteps is an integer, not 4.0"),
        ({"beta_min": 0.0}, ValueError, "0 < beta_min < beta_max"),
        ({"beta_max": 0.1}, ValueError, "not 0.1 and 0.1"),
        ({"beta_max": float("inf")}, ValueError, "are finite"),
    ],
)
def test_what_is_no_diffusion_is_refused(settings, error, said):
    with pytest.raises(error, match=said):
        Diffusion(**{"num_timesteps": 4, "beta_min": 0.1, "beta_max": 20.0} | settings)
