"""Latents: exact moments, scaling, banks, pairing by interferometer, and bad settings."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quantum_latents.circuits import haar
from quantum_latents.latents import (
    BernoulliSource,
    BernoulliSpec,
    GaussianSource,
    GaussianSpec,
    Latent,
    PhotonicSource,
    PhotonicSpec,
    build_latent,
    quantum_latent,
)
from quantum_latents.random import stream

DIM, NUM_PHOTONS = 6, 3
SHARED = {"dim": DIM, "scaling": "raw", "bank_size": None, "num_held_out": 200}
QUANTUM = PhotonicSpec(
    name="quantum", num_photons=NUM_PHOTONS, interferometer="haar", sharing="shared", **SHARED
)
SPECS = {
    "quantum": QUANTUM,
    "distinguishable": replace(QUANTUM, name="distinguishable"),
    "time-bin": replace(QUANTUM, interferometer="time-bin:1,2"),
    "bernoulli": BernoulliSpec(**SHARED),
    "gaussian": GaussianSpec(**SHARED),
}
SCALINGS = ("raw", "centred", "standardised", "minus_half")
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
every_scaling = pytest.mark.parametrize("scaling", SCALINGS)


@every_spec
@every_scaling
def test_moments_are_those_of_a_large_sample(spec, scaling, tmp_path):
    latent = build_latent(replace(spec, scaling=scaling), 0, tmp_path)
    z = latent.sample(40_000, stream(0, "test")).double().numpy()
    mean, variance = latent.moments
    # Six standard errors, one chance in 5e8 a coordinate; the fourth moment is the sample's.
    assert (abs(z.mean(0) - mean) <= 6 * np.sqrt(variance / len(z))).all()
    spread = ((z - z.mean(0)) ** 2).var(axis=0)
    assert (abs(z.var(axis=0) - variance) <= 6 * np.sqrt(spread / len(z)) + 1e-4).all()
    if scaling in ("centred", "standardised"):
        assert np.allclose(mean, 0, atol=1e-12)
    if scaling == "standardised":
        assert np.allclose(variance, 1, atol=1e-12)


@every_spec
def test_scalings_are_affine_maps_of_the_same_draws(spec, tmp_path):
    raw, centred, standardised, minus_half = (
        build_latent(replace(spec, scaling=s), 0, tmp_path).sample(500, stream(0, "test"))
        for s in SCALINGS
    )
    latent = build_latent(spec, 0, tmp_path)
    mean = torch.from_numpy(latent.moments.mean).float()
    deviation = torch.from_numpy(np.sqrt(latent.moments.variance)).float()
    assert torch.equal(minus_half, raw - 0.5)
    assert torch.allclose(centred, raw - mean, atol=1e-6)
    assert torch.allclose(standardised, (raw - mean) / deviation, atol=1e-5)


def test_a_mode_that_never_varies_stays_finite():
    # Photons of an identity interferometer leave where they entered.
    source = PhotonicSource(_identity(4), (1, 0, 1, 0), "boson")
    latent = Latent(source, "standardised", stream(0, "held out"))
    z = latent.sample(10, stream(0, "test"))
    assert torch.equal(z, torch.zeros(10, 4))
    assert np.isfinite(latent.moments.variance).all()


def _identity(num_modes):
    from quantum_latents.circuits import from_unitary

    return from_unitary(np.eye(num_modes))


@every_spec
@pytest.mark.parametrize("bank_size", [None, 300])
def test_a_sample_depends_on_its_stream_alone(spec, bank_size, tmp_path):
    latent = build_latent(replace(spec, bank_size=bank_size), 0, tmp_path)
    again = build_latent(replace(spec, bank_size=bank_size), 0, tmp_path)
    first = latent.sample(100, stream(3, "z"))
    latent.sample(7, stream(4, "z"))
    assert first.shape == (100, DIM)
    assert first.dtype == torch.float32
    assert torch.equal(latent.sample(100, stream(3, "z")), first)
    assert torch.equal(again.sample(100, stream(3, "z")), first)
    assert not torch.equal(latent.sample(100, stream(3, "other")), first)


@every_spec
def test_held_out_rows_are_no_rows_of_training(spec, tmp_path):
    latent = build_latent(replace(spec, bank_size=300), 0, tmp_path)
    bank = latent._bank
    # Rows named by their index: what a draw returns says where it comes from.
    latent._bank = torch.arange(len(bank), dtype=torch.float32)[:, None].repeat(1, DIM)
    trained_on = latent.sample(20_000, stream(0, "z"))[:, 0].unique()
    held_out = latent.held_out(200)[:, 0]
    assert trained_on.tolist() == list(range(300))
    assert held_out.tolist() == list(range(300, 500))
    with pytest.raises(ValueError, match="201 held-out draws asked for and 200 kept"):
        latent.held_out(201)


@every_spec
@every_scaling
@pytest.mark.parametrize("bank_size", [None, 300])
def test_held_out_rows_are_the_same_each_time(spec, scaling, bank_size, tmp_path):
    latent = build_latent(replace(spec, scaling=scaling, bank_size=bank_size), 0, tmp_path)
    first = latent.held_out(200).clone()
    assert torch.equal(latent.held_out(200), first)
    assert torch.equal(latent.held_out(50), first[:50])
    assert first.unique(dim=0).shape[0] > 1


@every_spec
def test_a_bank_holds_the_law_that_fresh_draws_have(spec, tmp_path):
    kept = build_latent(replace(spec, bank_size=20_000), 0, tmp_path)
    z = kept.sample(40_000, stream(0, "test")).double().numpy()
    mean, variance = build_latent(spec, 0, tmp_path).moments
    # Rows recur, so errors are those of 20,000 and of 40,000 draws together.
    assert (abs(z.mean(0) - mean) <= 6 * np.sqrt(variance * (1 / 20_000 + 1 / 40_000))).all()
    assert len(np.unique(z, axis=0)) <= 20_000


def test_photonic_banks_are_built_once_and_shared(tmp_path):
    spec = replace(QUANTUM, bank_size=300)
    build_latent(spec, 0, tmp_path)
    folders = sorted(tmp_path.iterdir())
    written = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.npy")}
    assert len(folders) == 1
    assert written
    # Scaling is applied on the way out; the bank does not know it.
    build_latent(replace(spec, scaling="standardised"), 0, tmp_path)
    build_latent(spec, 0, tmp_path)
    assert sorted(tmp_path.iterdir()) == folders
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.npy")} == written
    for other in (replace(spec, name="distinguishable"), replace(spec, sharing="independent")):
        build_latent(other, 0, tmp_path)
    build_latent(spec, 1, tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def test_shared_and_independent_interferometers():
    control = replace(QUANTUM, name="distinguishable")
    assert QUANTUM.interferometer_at(0) == control.interferometer_at(0)
    assert QUANTUM.interferometer_at(0) != QUANTUM.interferometer_at(1)
    apart = [replace(spec, sharing="independent") for spec in (QUANTUM, control)]
    devices = {spec.interferometer_at(0) for spec in (QUANTUM, *apart)}
    assert len(devices) == 3
    assert SPECS["time-bin"].interferometer_at(0).recipe["kind"] == "time-bin"


def test_the_control_shares_the_mean_and_the_total_but_not_the_variance(tmp_path):
    quantum, control = (build_latent(SPECS[n], 0, tmp_path) for n in ("quantum", "distinguishable"))
    assert np.allclose(quantum.moments.mean, control.moments.mean, atol=1e-12)
    assert not np.allclose(quantum.moments.variance, control.moments.variance, atol=1e-2)
    for latent in (quantum, control):
        totals = latent.sample(1000, stream(0, "test")).sum(dim=1)
        assert (totals == NUM_PHOTONS).all()


def test_laws_of_the_classical_sources():
    bits = BernoulliSource(4).draw(1000, stream(0, "test"))
    assert set(np.unique(bits)) == {0, 1}
    import scipy.stats

    normals = GaussianSource(4).draw(20_000, stream(0, "test"))
    assert scipy.stats.kstest(normals.ravel(), "norm").pvalue > 1e-6
    assert (np.triu(np.corrcoef(normals.T), 1) ** 2 < 36 / len(normals)).all()


@every_spec
def test_cards_say_something(spec, tmp_path):
    card = build_latent(spec, 0, tmp_path).card
    assert all(len(text) > 10 for text in (card.what, card.shares, card.simulation))


def test_cards_differ():
    cards = {build_latent(spec, 0, None).card for name, spec in SPECS.items() if name != "time-bin"}
    assert len(cards) == 4


@every_spec
@pytest.mark.parametrize("bank_size", [None, 300])
def test_a_latent_follows_to_its_device(spec, bank_size, tmp_path):
    latent = build_latent(replace(spec, bank_size=bank_size), 0, tmp_path)
    assert latent.device == torch.device("cpu")
    before = latent.sample(10, stream(0, "z"))
    assert latent.to("cpu") is latent
    assert torch.equal(latent.sample(10, stream(0, "z")), before)
    # Torch's device without memory stands in for an accelerator: all that is kept moves there.
    latent.to("meta")
    assert latent.device == torch.device("meta")
    assert latent.sample(10, stream(0, "z")).device.type == "meta"
    assert latent.held_out(10).device.type == "meta"


def test_quantum_latent_is_the_drop_in():
    latent = quantum_latent(8, 4, seed=3, scaling="raw")
    assert (latent.sample(100, stream(0, "z")).sum(dim=1) == 4).all()
    assert quantum_latent(8).sample(5, stream(0, "z")).shape == (5, 8)
    assert quantum_latent(1).dim == 1
    centred = quantum_latent(8, 4, seed=3)
    assert np.allclose(centred.moments.mean, 0)
    assert quantum_latent(8, interferometer="time-bin:1,3").dim == 8
    own = haar(8, stream(9, "mine"))
    assert quantum_latent(8, interferometer=own).source.interferometer is own
    same = quantum_latent(8, 4, seed=3, scaling="raw")
    assert torch.equal(same.sample(9, stream(1, "z")), latent.sample(9, stream(1, "z")))
    other = quantum_latent(8, 4, seed=4, scaling="raw")
    assert not np.allclose(other.moments.mean, latent.moments.mean)


def test_quantum_latent_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="between 1 and the 4 modes, not 5"):
        quantum_latent(4, 5)
    with pytest.raises(ValueError, match="between 1 and the 4 modes, not 0"):
        quantum_latent(4, 0)
    with pytest.raises(ValueError, match="dim=4 needs 4 modes, not 8"):
        quantum_latent(4, interferometer=haar(8, stream(0, "mine")))
    with pytest.raises(ValueError, match="'clements'"):
        quantum_latent(4, interferometer="clements")
    with pytest.raises(ValueError, match="'whitened'"):
        quantum_latent(4, scaling="whitened")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"dim": 0}, "dim is at least 1, not 0"),
        ({"scaling": "centered"}, "'centered'"),
        ({"bank_size": 0}, "bank_size is at least 1, or None for fresh, not 0"),
        ({"num_held_out": 0}, "num_held_out is at least 1, not 0"),
        ({"name": "squeezed"}, "'squeezed'"),
        ({"num_photons": 7}, "between 1 and the 6 modes, not 7"),
        ({"interferometer": "haar:6"}, "'haar:6'"),
        ({"sharing": "both"}, "'both'"),
    ],
)
def test_bad_settings_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        replace(QUANTUM, **settings)
