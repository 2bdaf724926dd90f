"""Diffusion GANs of CIFAR-10: what the recipe runs, a step on colours, the command end to end."""

import re

import numpy as np
import pytest
import torch

from quantum_latents.cli import main
from quantum_latents.data import Cifar10Spec
from quantum_latents.evaluation import inception
from quantum_latents.latents import GaussianSpec, build_latent
from quantum_latents.models import (
    DDGANSpec,
    Diffusion,
    TimeCritic,
    TimeCriticSpec,
    UNet,
    UNetSpec,
    initialise,
)
from quantum_latents.random import stream
from quantum_latents.recipes import PRESETS, ddgan, settings_of
from quantum_latents.results import read_rows, read_study
from quantum_latents.results.row_details import unpacked_levels
from quantum_latents.training import DenoisingSpec, DenoisingStack, OptimiserSpec, StackMember

WHOLE = Cifar10Spec(sha256="0" * 64)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_setting_has_a_source(preset):
    study = ddgan(preset, data=WHOLE)
    assert len(settings_of(study)) > 40  # raises where one has none
    assert study.primary_metrics == ("frechet_inception_distance", "energy_distance")
    run = study.runs[0]
    assert run.data.name == "cifar10" and run.model.image_shape == (3, 32, 32)
    assert run.latent.dim == 16
    assert run.latent.num_held_out == 4 * run.evaluation.num_samples
    # As many images are generated as stand beside the held-out ones for the floor.
    assert run.evaluation.num_samples == run.data.num_held_out
    assert any("lacks mirrored images" in note for note in study.notes)


def test_the_full_preset_is_xiao_et_al_s_for_cifar_10():
    run = ddgan("paper", data=WHOLE).runs[0]
    assert run.data == WHOLE
    generator, critic, training = run.model.generator, run.model.critic, run.training
    assert (generator.channels, generator.multipliers) == (128, (1, 2, 2, 2))
    assert (generator.num_blocks, generator.attention, generator.style_width) == (2, (16,), 256)
    assert generator.mapping_layers == 4 and run.model.diffusion.num_timesteps == 4
    assert [critic.channels * m for m in critic.multipliers] == [128, 256, 512, 512]
    assert (critic.time_width, critic.group) == (256, 4)
    assert (training.batch_size, training.num_steps, training.averaging) == (256, 400_000, 0.9999)
    rates = training.optimiser.learning_rate, training.critic_learning_rate
    assert rates == (1.6e-4, 1.25e-4)
    assert (training.gradient_penalty, training.penalty_every) == (0.02, 15)


def test_no_more_images_are_asked_for_than_there_are():
    few = Cifar10Spec(sha256="0" * 64, num_train=100, num_held_out=10)
    run = ddgan("paper", data=few).runs[0]
    assert run.data == few and run.evaluation.num_samples == 10


SMALL = DDGANSpec(
    image_shape=(3, 32, 32),
    diffusion=Diffusion(num_timesteps=2, beta_min=0.1, beta_max=20.0),
    generator=UNetSpec(
        channels=4,
        multipliers=(1, 1),
        num_blocks=1,
        attention=(16,),
        style_width=4,
        mapping_layers=1,
        normalise_latent=True,
    ),
    critic=TimeCriticSpec(channels=4, multipliers=(1, 1), time_width=4, group=2),
)


def test_a_step_on_colours_is_finite_and_moves_the_weights():
    latent = GaussianSpec(dim=2, scaling="centred", bank_size=100, num_held_out=4)
    data = torch.from_numpy(stream(0, "data").generator().random((6, 3072))).float()
    member = StackMember(data, build_latent(latent, 0, None), stream(0, "training"))
    training = DenoisingSpec(
        num_steps=1,
        batch_size=2,
        optimiser=OptimiserSpec(name="adam", learning_rate=1e-3, betas=(0.5, 0.9)),
        critic_learning_rate=1e-3,
        least_learning_rate=0.0,
        gradient_penalty=0.5,
        penalty_every=1,
        averaging=0.0,
    )
    stack = DenoisingStack([member], SMALL, training)
    before = {name: value.clone() for name, value in stack.weights_of(0).items()}
    flags = set()

    def note(*_):
        flags.add((torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic))

    stack._runs[0].generator.module.register_forward_hook(note)
    stack.train_block()
    assert stack.losses.isfinite().all() and (stack.losses[:, :, 2] > 0).all()
    after = stack.weights_of(0)
    still = {name for name in before if torch.equal(before[name], after[name])}
    # Attention begins as the identity: its gradients are so small that Adam's step is lost in a 1.
    assert all(name.endswith("attention.norm.weight") for name in still)
    (made,) = stack.generate([member.latent.held_out(4)])
    assert flags == {(False, True)}  # float32 on a GPU, too, and the same after a resume
    assert made.shape == (2, 3072) and ((made >= 0) & (made <= 1)).all()
    assert torch.equal(member.data, data)  # which the runs on a CPU share


def test_gradients_of_colours_are_slopes():
    unet = UNet(SMALL.generator, SMALL.image_shape, 2)
    critic = TimeCritic(SMALL.critic, SMALL.image_shape)
    chance = torch.Generator().manual_seed(0)

    def normals(*shape):
        return torch.randn(*shape, generator=chance, dtype=torch.float64)

    for module in (unet, critic):
        initialise(module, chance)
        module.double()
        for parameter in module.parameters():  # the last layers begin near zero
            parameter.data += 0.1 * normals(*parameter.shape)
    x, z, t = normals(2, 3, 32, 32), normals(2, 2).requires_grad_(), torch.tensor([1, 2])

    def score(latents):
        return critic(unet(x, t, latents), x, t).sum()

    (slopes,) = torch.autograd.grad(score(z), z)
    assert slopes.abs().min() > 1e-8
    for place in np.ndindex(2, 2):
        step = torch.zeros(2, 2, dtype=torch.float64)
        step[place] = 1e-5
        with torch.no_grad():
            difference = (score(z + step) - score(z - step)) / 2e-5
        assert float(slopes[place]) == pytest.approx(float(difference), rel=1e-4, abs=1e-8)


@pytest.mark.slow
def test_from_the_folder_to_the_page(cifar10_files, tmp_path, capsys, monkeypatch, trains_here):
    monkeypatch.setenv("QLAT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("quantum_latents.data.cifar10.NUM_RECORDS", 20)
    monkeypatch.setattr(inception, "check_inception", lambda folder, *progress: folder)
    monkeypatch.setattr(inception, "fidelity_version", lambda: "of a test")
    monkeypatch.setattr(
        inception, "features", lambda levels, folder, device: levels.mean((2, 3), np.float32)
    )
    files, out = cifar10_files.write_files(tmp_path / "files"), tmp_path / "study"
    call = ["run", "ddgan", "--data", str(files), "--preset", "smoke", "--seeds", "1"]
    call += ["--latents", "bernoulli,gaussian", "--num-steps", "2", "--workers", "1"]
    with trains_here():
        assert main([*call, "--out", str(out)]) == 0
    assert "2 runs of 2 steps" in capsys.readouterr().out
    rows = read_rows(out)
    assert [row["status"] for row in rows] == ["finished"] * 2
    for row in rows:
        assert row["spec"]["data"]["kind"] == row["spec"]["data"]["name"] == "cifar10"
        assert str(files) not in str(row["spec"])
        assert row["metrics"]["frechet_inception_distance"]["floor"] >= 0
        assert row["preview"]["kind"] == "photographs"
        for of in ("data", "generated"):
            shown = unpacked_levels(row["preview"][of], row["preview"]["shape"])
            assert shown.shape == (10, 3, 32, 32)
    data = cifar10_files.levels_of(files)[100:]
    shown = unpacked_levels(rows[0]["preview"]["data"], rows[0]["preview"]["shape"])
    assert {image.tobytes() for image in shown} <= {image.tobytes() for image in data}
    page = (out / "report.html").read_text()
    assert len(re.findall("data:image/png;base64", page)) == 1 + len(rows)
    assert "The first held-out images, and the first of each latent" in page
    assert "levels 3 x 32 x 32 as base64" in page
    assert "CIFAR-10" in read_study(out)["title"]
    files.rename(tmp_path / "moved")
    assert main(["evaluate", str(out)]) == 0  # from the cache, wherever the files are
    assert read_rows(out) == rows
    file = tmp_path / "made.npy"
    assert (
        main(["generate", str(out), rows[0]["run"], "--num-samples", "3", "--out", str(file)]) == 0
    )
    made = np.load(file)
    assert made.shape == (3, 3072) and made.max() > 1
