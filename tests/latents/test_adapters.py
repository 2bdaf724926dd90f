"""Latents outside this library: the same rows whoever asks, however often and with what workers."""

import builtins
import importlib.util

import numpy as np
import pytest
import torch

from quantum_latents.banks import import_bank
from quantum_latents.latents import (
    LatentRows,
    as_data_loader,
    as_dataset,
    as_distribution,
    as_merlin,
    latent_of,
    quantum_latent,
)
from quantum_latents.latents.merlin import merlin_sample
from quantum_latents.random import stream

Z = stream(0, "z")


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    counts = np.random.default_rng(0).poisson([0.5, 1.0, 2.0], size=(400, 3))
    return import_bank(counts, tmp_path_factory.mktemp("banks") / "mine", {})


@pytest.fixture(scope="module", params=["quantum", "bank"])
def latent(request, bank):
    return bank if request.param == "bank" else quantum_latent(6, 3)


def test_a_row_depends_on_its_place_alone(latent):
    rows = LatentRows(latent_of(latent), Z)
    whole = rows.between(0, 3000)
    assert whole.shape == (3000, latent_of(latent).dim)
    for start, stop in ((0, 1), (1000, 1100), (2047, 2049), (5, 5), (1024, 3000)):
        assert torch.equal(LatentRows(latent_of(latent), Z).between(start, stop), whole[start:stop])
    assert len(whole.unique(dim=0)) > 10
    assert not torch.equal(whole[:1024], whole[1024:2048])  # blocks are not repeated
    rows.between(0, 5).zero_()  # what a caller does stays with the caller
    assert torch.equal(rows.between(0, 3000), whole)
    with pytest.raises(ValueError, match="0 <= start <= stop"):
        rows.between(3, 2)


def test_a_bank_gives_its_shots_with_its_own_moments(bank):
    raw = latent_of(bank, "raw")
    shots = {tuple(row) for row in bank.counts.tolist()}
    assert {tuple(row) for row in LatentRows(raw, Z).between(0, 500).int().tolist()} <= shots
    assert np.allclose(raw.moments.mean, bank.counts.mean(0))
    assert np.allclose(raw.moments.variance, bank.counts.var(0))
    with pytest.raises(TypeError, match="neither a latent nor a bank but a ndarray"):
        latent_of(np.eye(3))


def test_a_distribution_gives_rows_in_turn_however_its_calls_are_cut(latent):
    rows = LatentRows(latent_of(latent), Z).between(0, 60)
    at_once = as_distribution(latent, Z)
    assert torch.equal(at_once.sample((60,)), rows)
    in_parts = as_distribution(latent, Z)
    torch.manual_seed(0)
    parts = [in_parts.sample((2, 5)), in_parts.sample()]
    torch.manual_seed(0)  # torch's generator plays no part
    parts += [in_parts.sample((0,)), in_parts.sample((49,))]
    assert parts[0].shape == (2, 5, rows.shape[1]) and parts[1].shape == rows.shape[1:]
    assert torch.equal(torch.cat([part.reshape(-1, rows.shape[1]) for part in parts]), rows)
    assert in_parts.position == 60
    in_parts.position = 10
    assert torch.equal(in_parts.sample(), rows[10])
    with pytest.raises(ValueError, match="position is a row"):
        in_parts.position = -1
    assert "row=11" in repr(in_parts)


def test_a_distribution_is_one_of_torchs(latent):
    prior = as_distribution(latent, Z)
    dim = latent_of(latent).dim
    assert isinstance(prior, torch.distributions.Distribution)
    assert (prior.batch_shape, prior.event_shape) == ((), (dim,))
    moments = latent_of(latent).moments
    assert np.array_equal(prior.mean.numpy(), moments.mean)
    assert np.array_equal(prior.variance.numpy(), moments.variance)
    assert np.allclose(prior.stddev.numpy() ** 2, moments.variance)
    z = prior.sample((40_000,)).double()
    spread = np.sqrt(moments.variance / len(z))
    assert (np.abs(z.mean(0).numpy() - moments.mean) < 5.5 * spread + 1e-6).all()
    several = prior.expand((2, 3))
    assert several.sample((4,)).shape == (4, 2, 3, dim)
    assert several.mean.shape == (2, 3, dim)
    assert prior.position == 40_024  # rows that were given are not given again
    assert prior.support.check(z[0])
    with pytest.raises(NotImplementedError, match="permanent"):
        prior.log_prob(z)
    with pytest.raises(NotImplementedError):
        prior.rsample()
    with pytest.raises(TypeError, match="Stream"):
        as_distribution(latent, 0)


def test_wrapped_distributions_of_torch_work(bank):
    prior = as_distribution(bank, Z, scaling="standardised")
    together = torch.distributions.TransformedDistribution(
        prior, [torch.distributions.AffineTransform(1.0, 2.0, event_dim=1)]
    )
    z = LatentRows(latent_of(bank, "standardised"), Z).between(0, 7)
    assert torch.equal(together.sample((7,)), 1 + 2 * z)


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_a_loader_gives_the_same_batches_with_any_number_of_workers(latent, num_workers):
    batches = list(as_dataset(latent, 300, Z, num_batches=7))
    loader = as_data_loader(latent, 300, Z, num_batches=7, num_workers=num_workers)
    assert len(loader) == 7
    loaded = list(loader)
    assert len(loaded) == 7
    assert all(torch.equal(a, b) for a, b in zip(batches, loaded, strict=True))
    rows = LatentRows(latent_of(latent), Z.child("epoch", 0)).between(0, 2100)
    assert torch.equal(torch.cat(loaded), rows)


def test_another_epoch_gives_other_batches_and_the_same_again(bank):
    loader = as_data_loader(bank, 50, Z, num_batches=2)
    first, again = torch.cat(list(loader)), torch.cat(list(loader))
    loader.dataset.set_epoch(1)
    second = torch.cat(list(loader))
    assert torch.equal(first, again) and not torch.equal(first, second)
    loader.dataset.set_epoch(0)
    assert torch.equal(torch.cat(list(loader)), first)


def test_batches_without_end_and_numbers_that_cannot_be(bank):
    endless = as_dataset(bank, 5, Z)
    taken = [z for z, _ in zip(endless, range(500), strict=False)]
    assert len(taken) == 500
    with pytest.raises(TypeError, match="never end"):
        len(endless)
    for options in ({"batch_size": 0}, {"batch_size": 5, "num_batches": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            as_dataset(bank, stream=Z, **options)
    with pytest.raises(ValueError, match="epoch"):
        endless.set_epoch(-1)
    with pytest.raises(TypeError, match="Stream"):
        as_dataset(bank, 5, 0)
    on_gpu = latent_of(bank).to("meta")
    with pytest.raises(ValueError, match="workers draw on the CPU"):
        as_data_loader(on_gpu, 5, Z, num_workers=1)


def test_merlins_protocol(latent):
    rows = LatentRows(latent_of(latent), Z)
    z = merlin_sample(rows, 3, 5)
    assert torch.equal(z, rows.between(3, 8)) and z.dtype == torch.get_default_dtype()
    assert merlin_sample(rows, 0, 2, dtype=torch.float64).dtype == torch.float64
    generator = torch.Generator().manual_seed(7)
    first, second = (merlin_sample(rows, 0, 5, generator=generator) for _ in range(2))
    generator.manual_seed(7)
    assert torch.equal(merlin_sample(rows, 99, 5, generator=generator), first)
    assert not torch.equal(first, second)
    with pytest.raises(TypeError, match="an int"):
        merlin_sample(rows, 0, True)
    with pytest.raises(ValueError, match="at least 1"):
        merlin_sample(rows, 0, 0)


def test_without_merlin_it_says_what_to_install(bank, monkeypatch):
    usual = builtins.__import__

    def without(name, *rest):
        if name.partition(".")[0] == "merlin":
            raise ImportError(name)
        return usual(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    from quantum_latents.latents.merlin import _latent_class

    _latent_class.cache_clear()
    with pytest.raises(ImportError, match="pip install merlinquantum"):
        as_merlin(bank, Z)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("merlin") is None,
    reason="MerLin is not installed: it asks for another torch, in an environment of its own",
)
def test_merlin_generates_from_our_latent(bank):
    import merlin

    from quantum_latents.latents.merlin import _latent_class

    _latent_class.cache_clear()
    latent = as_merlin(bank, Z)
    assert isinstance(latent, merlin.LatentDistribution)
    assert (latent.dim, type(latent.dim)) == (3, int)
    rows = LatentRows(latent_of(bank), Z).between(0, 12)
    assert torch.equal(torch.cat([latent.sample(5), latent.sample(7)]), rows)
    layer = merlin.QuantumLayer.simple(input_size=3).quantum_layer
    generator = merlin.PhotonicGenerator(layer, merlin.VectorAdapter(2), latent=as_merlin(bank, Z))
    seeded = [torch.Generator().manual_seed(5) for _ in range(2)]
    first, second = (generator.sample_latent(6, generator=one) for one in seeded)
    assert torch.equal(first, second) and first.shape == (6, 3)
    assert generator.generate(4).shape == (4, 2)
    with pytest.raises(ValueError, match="dim"):
        merlin.PhotonicGenerator(
            merlin.QuantumLayer.simple(input_size=2).quantum_layer,
            merlin.VectorAdapter(2),
            as_merlin(bank, Z),
        )
