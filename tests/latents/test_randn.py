"""A latent called as torch.randn is: shapes, rows in turn, generators, and what is refused."""

import numpy as np
import pytest
import torch

from quantum_latents.banks import import_bank
from quantum_latents.latents import LatentRows, as_randn, latent_of, quantum_latent
from quantum_latents.random import stream

Z = stream(0, "z")


@pytest.fixture(scope="module")
def latent():
    return quantum_latent(6, 3, scaling="raw")


def test_every_shape_holds_the_same_rows_in_turn(latent):
    rows = LatentRows(latent, Z).between(0, 40)
    randn = as_randn(latent, Z)
    parts = [
        randn(5, 6),
        randn((4, 1, 2, 3)),
        randn([2, 3, 1, 6, 1]),
        randn(2, 3),
        randn(torch.Size([0, 6])),
        randn.like(torch.empty(12, 3, 2)),
    ]
    shapes = [(5, 6), (4, 1, 2, 3), (2, 3, 1, 6, 1), (2, 3), (0, 6), (12, 3, 2)]
    assert [tuple(part.shape) for part in parts] == shapes
    assert torch.equal(torch.cat([part.reshape(-1, 6) for part in parts]), rows[:28])
    assert randn.position == 28
    randn.position = 10
    torch.manual_seed(3)  # torch's own generator plays no part
    assert torch.equal(randn(30, 6), rows[10:])


def test_a_generator_names_the_rows_of_its_call_alone(latent):
    randn = as_randn(latent, Z)
    generator = torch.Generator().manual_seed(7)
    first, second = (randn(5, 6, generator=generator) for _ in range(2))
    assert randn.position == 0 and not torch.equal(first, second)
    again = as_randn(latent, stream(1, "another"))
    generator.manual_seed(7)
    assert torch.equal(again.like(first, generator=generator), first)


def test_types_are_those_that_torch_would_give(latent):
    randn = as_randn(latent, Z)
    assert randn(2, 6).dtype == torch.get_default_dtype()
    assert randn(2, 6, dtype=torch.float64).dtype == torch.float64
    half = randn.like(torch.empty(2, 6, dtype=torch.float16))
    assert (half.dtype, half.device) == (torch.float16, torch.device("cpu"))
    assert randn(2, 6, device="meta").device.type == "meta"


def test_a_bank_comes_with_mean_zero_and_variance_one(tmp_path):
    counts = np.random.default_rng(0).poisson([0.5, 1.0, 2.0], size=(400, 3))
    bank = import_bank(counts, tmp_path / "mine", {})
    moments = as_randn(bank, Z).latent.moments
    assert np.allclose(moments.mean, 0) and np.allclose(moments.variance, 1)
    raw = as_randn(bank, Z, scaling="raw")(50, 3)
    assert torch.equal(raw, LatentRows(latent_of(bank, "raw"), Z).between(0, 50))


@pytest.mark.parametrize("size", [(5, 4), (7,), (), (4, 3), (6, 0)])
def test_a_shape_that_holds_no_whole_z_is_refused(latent, size):
    randn = as_randn(latent, Z)
    with pytest.raises(ValueError, match="multiply to 6, the length of z"):
        randn(size)
    assert randn.position == 0


@pytest.mark.parametrize("size", [(5.0, 6), ("5", 6), (None,), ((5, 6), 6), (True, 6)])
def test_sizes_that_are_no_whole_numbers_are_refused(latent, size):
    with pytest.raises(TypeError, match="whole numbers"):
        as_randn(latent, Z)(*size)


def test_what_else_is_refused(latent):
    with pytest.raises(ValueError, match="0 or more"):
        as_randn(latent, Z)(-1, 6)
    with pytest.raises(TypeError, match="Stream"):
        as_randn(latent, 0)
    with pytest.raises(TypeError, match="neither a latent nor a bank"):
        as_randn(np.eye(3), Z)
