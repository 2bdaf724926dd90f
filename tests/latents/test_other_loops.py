"""What docs/other-loops.md says of other libraries' loops, with exact predictors in a net's place.

Data are x_1 = mu + sigma n, the source x_0 one of the K outcomes e_k of a small quantum latent,
with probability p_k, and tau n' of jitter. Then of x = a x_1 + s x_0

    E[x_0 | x] = sum_k w_k (e_k + s tau^2 / V (x - m_k)),    m_k = a mu + s e_k,
    V = a^2 sigma^2 + s^2 tau^2,    w_k proportional to p_k exp(-|x - m_k|^2 / (2 V)),

and E[x_1 | x] likewise, so that what a scheduler makes of them is the scheduler's own doing.
"""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from quantum_latents.latents import as_randn, quantum_latent
from quantum_latents.random import stream
from quantum_latents.samplers import boson_law

pytestmark = pytest.mark.slow  # diffusers takes seconds to import

PAGE = Path(__file__).parents[2] / "docs" / "other-loops.md"

NUM_SAMPLES, MU, SIGMA = 1000, torch.tensor([1.0, -1.0, 0.5, 0.0]).double(), 0.5


class Exact:
    """A source and the conditional means of source and data, tau > 0 or K > 1."""

    def __init__(self, points, probabilities, tau):
        self.points, self.log_p, self.tau = points, probabilities.log(), tau

    def means(self, x, a, s):
        variance = a**2 * SIGMA**2 + s**2 * self.tau**2
        gap = x[:, None] - a * MU - s * self.points
        w = torch.softmax(self.log_p - gap.square().sum(-1) / (2 * variance), dim=1)[..., None]
        of_source = (w * (self.points + s * self.tau**2 / variance * gap)).sum(1)
        return of_source, (w * (MU + a * SIGMA**2 / variance * gap)).sum(1)


@pytest.fixture(scope="module")
def latent():
    return quantum_latent(4, 2, scaling="standardised")


def start(latent, tau):
    """The exact means of the latent's law, and samples of the source."""
    outcomes, p = boson_law(latent.source.interferometer, latent.source.occupation)
    points = torch.from_numpy((outcomes - latent.shift) / latent.scale)
    randn = as_randn(latent, stream(0, "source"))
    x = randn(NUM_SAMPLES, 4, dtype=torch.float64)
    torch.manual_seed(0)
    return Exact(points, torch.from_numpy(p), tau), x + tau * torch.randn_like(x)


def normal_start():
    """The same for a standard normal source, for which every scheduler was made."""
    torch.manual_seed(0)
    exact = Exact(torch.zeros(1, 4).double(), torch.ones(1).double(), 1.0)
    return exact, torch.randn(NUM_SAMPLES, 4).double()


def flow(exact, x, num_steps=100):
    from diffusers import FlowMatchEulerDiscreteScheduler

    scheduler = FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / num_steps, num_steps).tolist())
    for sigma, t in zip(scheduler.sigmas, scheduler.timesteps, strict=False):
        # Points alone have no velocity of their own at the start: a little later, they do.
        s = min(float(sigma), 1 - 1e-3)
        of_source, of_data = exact.means(x, 1 - s, s)
        x = scheduler.step(of_source - of_data, t, x).prev_sample.double()
    return x


def denoised(name, exact, x, num_steps=250, **options):
    import diffusers

    scheduler = getattr(diffusers, name)(num_train_timesteps=1000, clip_sample=False)
    scheduler.set_timesteps(num_steps)
    for t in scheduler.timesteps:
        a = float(scheduler.alphas_cumprod[t]) ** 0.5
        epsilon = exact.means(x, a, (1 - a**2) ** 0.5)[0]
        x = scheduler.step(epsilon, int(t), x, **options).prev_sample.double()
    return x


def fits(x):
    """Whether the mean is the data's to 7 standard errors, and the deviation to a fifth."""
    mean_error = (x.mean(0) - MU).abs().max()
    spread_error = (x.std(0) / SIGMA - 1).abs().max()
    return bool(mean_error < 7 * SIGMA / NUM_SAMPLES**0.5 and spread_error < 0.2)


@pytest.fixture(scope="module", autouse=True)
def _diffusers():
    pytest.importorskip("diffusers", reason="pip install diffusers, whose schedulers are tried")


def test_every_scheduler_is_right_for_a_normal_source():
    assert fits(flow(*normal_start()))
    assert fits(denoised("DDPMScheduler", *normal_start()))
    assert fits(denoised("DDIMScheduler", *normal_start(), eta=0.0))


def test_a_dequantised_latent_flows_to_the_data(latent):
    assert fits(flow(*start(latent, 0.3)))


def test_deterministic_ddim_is_a_flow_too(latent):
    assert fits(denoised("DDIMScheduler", *start(latent, 0.3), eta=0.0))


def test_steps_that_add_normal_noise_miss_the_data(latent):
    x = denoised("DDPMScheduler", *start(latent, 0.3))
    assert not fits(x) and x.std(0).min() > 1.3 * SIGMA
    x = denoised("DDIMScheduler", *start(latent, 0.3), eta=1.0)
    assert not fits(x) and x.std(0).min() > 1.3 * SIGMA


def test_a_flow_of_points_makes_no_more_points(latent):
    exact, x = start(latent, 0.0)
    assert len(x.unique(dim=0)) == len(exact.points)
    made = flow(exact, x)
    assert len(made.unique(dim=0)) <= len(exact.points) and not fits(made)


def test_one_of_torchcfms_matchers_ignores_the_source():
    torchcfm = pytest.importorskip(
        "torchcfm", reason="pip install --no-deps torchcfm, whose matchers are tried"
    )
    x0, x1, t = torch.full((4000, 1), 100.0), torch.zeros(4000, 1), torch.full((4000,), 0.01)
    for name in (
        "ConditionalFlowMatcher",
        "ExactOptimalTransportConditionalFlowMatcher",
        "VariancePreservingConditionalFlowMatcher",
    ):
        matcher = getattr(torchcfm, name)(sigma=0.0)
        assert (matcher.sample_location_and_conditional_flow(x0, x1, t)[1] > 98).all()
    bridge = torchcfm.SchrodingerBridgeConditionalFlowMatcher(sigma=1.0)
    assert (bridge.sample_location_and_conditional_flow(x0, x1, t)[1] > 90).all()
    blind = torchcfm.TargetConditionalFlowMatcher(sigma=0.0)
    assert (blind.sample_location_and_conditional_flow(x0, x1, t)[1] < 10).all()


def test_the_page_runs_as_printed():
    torchcfm = pytest.importorskip(
        "torchcfm", reason="pip install --no-deps torchcfm, which the page shows"
    )
    from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DModel

    first, matching, denoising, jitter = re.findall(
        r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
    )
    names = {"torch": torch, "images": torch.zeros(32, 1, 8, 8)}
    exec(first, names)
    assert names["z"].shape == (32, 64) and names["noise"].shape == (32, 1, 8, 8)
    narrow = as_randn(quantum_latent(16), stream(0, "narrow"))
    names |= {"x1": torch.zeros(50, 16), "randn": narrow} | vars(torchcfm)
    exec(matching, names)
    assert names["xt"].shape == names["ut"].shape == (50, 16)
    names["randn"] = as_randn(quantum_latent(64, 8), stream(0, "wide"))
    names["scheduler"] = FlowMatchEulerDiscreteScheduler()
    names["unet"] = UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    exec(denoising, names)
    names["loss"].backward()
    assert torch.isfinite(names["loss"])
    for line in jitter.splitlines():
        before = names["z"]
        exec(line, names)
        assert names["z"].shape == before.shape and not torch.equal(names["z"], before)
