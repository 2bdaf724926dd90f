"""Studies whose generators can be certified."""

import numpy as np
import pytest

from quantum_latents.models import StackedMLP
from quantum_latents.random import stream
from quantum_latents.random.torch import torch_generator
from quantum_latents.recipes import (
    compare,
    mixture,
    settings_of,
    table1,
    with_certifiable_generators,
)
from quantum_latents.recipes.certifiable import certifiable_widths
from quantum_latents.theory import certify
from quantum_latents.training import flop_of


def test_every_generator_of_the_study_is_certified():
    study = with_certifiable_generators(table1("smoke", num_seeds=1))
    for run in study.runs:
        module = StackedMLP(run.model.generator, run.latent.dim, 16, stack=1)
        module.initialise([torch_generator(stream(0, "init"))])
        z = stream(0, "z").generator().normal(size=(8, run.latent.dim))
        assert certify(module, z, stream(0, "search")).verdict == "certified"
        assert flop_of(run) > 0  # counted before it starts, whatever its widths
    assert "Certifiable generators: hidden widths 16/16 instead of" in study.notes[-1]


def test_critics_data_latents_and_training_stay_as_they_are():
    usual = table1("smoke", num_seeds=1)
    study = with_certifiable_generators(usual)
    for before, after in zip(usual.runs, study.runs, strict=True):
        assert after.model.critic == before.model.critic
        assert (after.data, after.latent, after.training) == (
            before.data, before.latent, before.training
        )  # fmt: skip
        assert after.digest != before.digest
    sources = {setting["name"]: setting["source"] for setting in settings_of(study)}
    assert "certifiable" in sources["model.generator.hidden"]
    assert "certifiable" not in sources["model.critic.hidden"]


def test_a_users_file_is_read_for_its_columns(tmp_path):
    file = tmp_path / "mine.npy"
    np.save(file, np.random.default_rng(0).normal(size=(200, 40)))
    study = with_certifiable_generators(compare(file, "smoke", num_seeds=1, latent_dim=16))
    widths = study.runs[0].model.generator.widths(16, 40)
    assert list(widths) == sorted(widths)
    assert widths[1] > 16


def test_fewer_numbers_than_latents_cannot_be_certified():
    with pytest.raises(ValueError, match=r"no generator of 16 latents .* samples of 2 numbers"):
        with_certifiable_generators(mixture("smoke", num_seeds=1))
    # Two modes are too few for the mixture's loops: of two numbers only classical latents.
    classical = ["gaussian", "bernoulli"]
    two = with_certifiable_generators(
        mixture("smoke", num_seeds=1, latent_dim=2, latents=classical)
    )
    assert two.runs[0].model.generator.hidden == (2, 2)


def test_widths_grow_evenly():
    assert certifiable_widths(16, 16, 3) == (16, 16, 16)
    assert certifiable_widths(2, 10, 3) == (4, 6, 8)
