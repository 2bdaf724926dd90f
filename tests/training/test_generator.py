"""A trained generator out of its file alone."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from quantum_latents.data import ArraySpec, BitsSpec
from quantum_latents.evaluation import write_run
from quantum_latents.evaluation.stored import run_folder
from quantum_latents.latents import build_latent
from quantum_latents.models import MLPSpec, StackedMLP
from quantum_latents.random import stream
from quantum_latents.recipes import table1
from quantum_latents.training import Outcome, TrainedGenerator, load_generator
from quantum_latents.training.generator import ToDataUnits


def outcome(*, spread=None, diverged=False, reinject=False):
    run = table1("smoke").runs[0]
    hidden = MLPSpec(
        hidden=(6, 6),
        activation="leaky_relu",
        negative_slope=0.1,
        initialisation="pytorch",
        reinject_latent=reinject,
    )
    data = BitsSpec(num_bits=3, num_train=40, num_held_out=20)
    if spread is not None:
        data = ArraySpec(path="mine.npy", sha256="0" * 64)
    run = replace(run, data=data, model=replace(run.model, generator=hidden))
    mlp = StackedMLP(hidden, run.latent.dim, 3, stack=2)
    mlp.initialise([torch.Generator().manual_seed(seed) for seed in (1, 2)])
    weights = {name: view[1].clone() for name, view in mlp.views(mlp.flat.detach()).items()}
    if diverged:
        weights = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    affine = {} if spread is None else {"offset": np.arange(3.0), "scale": np.array(spread)}
    made = Outcome(
        spec=run,
        samples=None,
        weights=weights,
        diverged_at=7 if diverged else None,
        curves={},
        kernel="torch",
        seconds=1.0,
        **affine,
    )
    return made, mlp.extract(1)


def written(tmp_path, **settings):
    made, plain = outcome(**settings)
    write_run(tmp_path, made)
    return run_folder(tmp_path, made.spec.digest), made.spec, plain


@pytest.mark.parametrize("num_samples", [1, 2, 7, 9, 33, 1023, 1025])
def test_a_sample_is_the_same_to_the_bit_however_many_follow_it(tmp_path, num_samples):
    """A matrix product rounds by its size: here the sums are long enough to show it."""
    run = table1("smoke").runs[0]
    network = replace(run.model.generator, hidden=(300, 300))
    run = replace(run, model=replace(run.model, generator=network))
    mlp = StackedMLP(network, run.latent.dim, 3, stack=1)
    mlp.initialise([torch.Generator().manual_seed(1)])
    to_data = ToDataUnits(np.zeros(3), np.ones(3))
    generator = TrainedGenerator(run, mlp, to_data)
    z = build_latent(run.latent, run.seed, tmp_path).sample(2000, stream(1, "z"))
    many = generator.generate(z)
    assert np.array_equal(generator.generate(z[:num_samples]), many[:num_samples])


@pytest.mark.parametrize("reinject", [False, True])
def test_it_maps_latents_as_the_trained_one_does(tmp_path, reinject):
    folder, spec, plain = written(tmp_path, reinject=reinject)
    generator = load_generator(folder)
    assert generator.spec == spec
    assert generator.layout is None
    z = torch.randn(50, spec.latent.dim, generator=torch.Generator().manual_seed(0))
    made = generator.generate(z)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, plain(z).detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(generator.generate(z.numpy()), made)


def test_it_knows_its_map_to_data_units(tmp_path):
    folder, spec, plain = written(tmp_path, spread=[1.0, 10.0, 0.1])
    z = torch.ones(2, spec.latent.dim)
    expected = plain(z).detach().numpy() * [1.0, 10.0, 0.1] + np.arange(3.0)
    np.testing.assert_allclose(load_generator(folder).generate(z), expected, rtol=1e-5)


def test_latents_of_any_law_fit(tmp_path):
    folder, spec, _ = written(tmp_path)
    latent = build_latent(replace(spec.latent, bank_size=None), spec.seed, tmp_path)
    assert load_generator(folder).generate(latent.held_out(3)).shape == (3, 3)


def test_mistakes_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no generator\.safetensors"):
        load_generator(tmp_path)
    folder, spec, _ = written(tmp_path)
    with pytest.raises(ValueError, match=rf"shape \(N, {spec.latent.dim}\), not \(2, 5\)"):
        load_generator(folder).generate(np.zeros((2, 5)))
    path = folder / "generator.safetensors"
    weights = load_file(path)
    metadata = {"spec": json.dumps(spec.to_json())}
    save_file({**weights, "bias2": torch.zeros(1, 9)}, path, metadata=metadata)
    with pytest.raises(ValueError, match="do not fit"):
        load_generator(folder)
    save_file(weights, path)
    with pytest.raises(ValueError, match="damaged, or not a generator"):
        load_generator(folder)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="damaged"):
        load_generator(folder)


def test_a_diverged_run_generates_nothing(tmp_path):
    folder, _, _ = written(tmp_path, diverged=True)
    with pytest.raises(ValueError, match="diverged"):
        load_generator(folder)


def test_an_old_file_of_standardised_data_is_refused(tmp_path):
    made, _ = outcome(spread=[1.0, 1.0, 1.0])
    write_run(tmp_path, replace(made, offset=None, scale=None))
    with pytest.raises(ValueError, match="before generators kept their map"):
        load_generator(run_folder(tmp_path, made.spec.digest))
