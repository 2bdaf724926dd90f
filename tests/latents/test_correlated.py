"""Squeezed light, commuting circuits and Ising spins as latents."""

import numpy as np
import pytest

from quantum_latents.circuits import interferometer_of_seed, random_commuting_circuit
from quantum_latents.latents import (
    CommutingSpec,
    IsingSpinsSpec,
    PhotonicSpec,
    SqueezedSpec,
    build_latent,
)
from quantum_latents.random import stream
from quantum_latents.samplers import commuting_law, covariance, ising_law, squeezed_law
from quantum_latents.samplers.squeezed import equal_squeezing
from quantum_latents.samplers.validation import chi_square

ALPHA = 1e-6
SHARED = {"scaling": "raw", "bank_size": None, "num_held_out": 10}
DEVICE = {"num_photons": 2, "interferometer": "haar", "sharing": "shared"}


def rows(spec, seed, cache, num=20_000):
    return build_latent(spec, seed, cache).sample(num, stream(0, "z")).numpy().astype(int)


@pytest.mark.parametrize("sharing", ["shared", "independent"])
def test_squeezed_light_is_in_the_quantum_latents_interferometer(sharing, tmp_path):
    device = {**DEVICE, "sharing": sharing}
    spec = SqueezedSpec(dim=4, **device, **SHARED)
    quantum = PhotonicSpec(name="quantum", dim=4, **device, **SHARED)
    owner = () if sharing == "shared" else ("quantum",)
    expected = interferometer_of_seed("haar", 4, 5, *owner)
    assert spec.interferometer_at(5) == quantum.interferometer_at(5) == expected
    squeezing = equal_squeezing((1, 0, 1, 0), 0.3)  # given the total any squeezing has one law
    law = squeezed_law(expected, squeezing, min_photons=2, max_photons=2)
    assert chi_square(rows(spec, 5, tmp_path), law).p_value > ALPHA


def test_squeezed_light_shares_what_its_card_says(tmp_path):
    device = {**DEVICE, "num_photons": 8}
    spec = SqueezedSpec(dim=16, **device, **SHARED)
    latent = build_latent(spec, 0, tmp_path)
    quantum = build_latent(PhotonicSpec(name="quantum", dim=16, **device, **SHARED), 0, tmp_path)
    np.testing.assert_allclose(latent.moments.mean, quantum.moments.mean, atol=1e-12)
    z = latent.sample(20_000, stream(0, "z")).double().numpy()
    assert (z.sum(axis=1) == 8).all()
    error = 5 * np.sqrt(latent.moments.variance / 20_000)
    assert (np.abs(z.mean(axis=0) - latent.moments.mean) < error).all()
    np.testing.assert_allclose(z.var(axis=0), latent.moments.variance, rtol=0.1)
    bosons = covariance(spec.interferometer_at(0), (1, 0) * 8)
    assert np.abs(latent.moments.variance - np.diag(bosons)).max() > 0.01
    # 8 photons of 8 modes at one a mode: C(7, 4) / 2**8.
    assert "13.6 % of a lossless device's shots" in spec.card.simulation
    assert "photon total and mean occupancy" in latent.card.shares


def test_commuting_circuits_are_those_of_the_seed(tmp_path):
    spec = CommutingSpec(dim=6, **SHARED)
    bits = (np.arange(64)[:, None] >> np.arange(6)) & 1
    for seed, is_it in ((2, True), (3, False)):
        law = commuting_law(random_commuting_circuit(6, stream(seed, "circuit")))
        p_value = chi_square(rows(spec, 2, tmp_path), (bits, law)).p_value
        assert (p_value > ALPHA) == is_it


def test_spins_have_the_temperature_that_is_named(tmp_path):
    spec = IsingSpinsSpec(dim=9, temperature=3.0, **SHARED)
    bits = (np.arange(512)[:, None] >> np.arange(9)) & 1
    assert chi_square(rows(spec, 0, tmp_path), (bits, ising_law(3, 3.0))).p_value > ALPHA
    assert "at 3 J/k_B (critical: 2.269)" in spec.card.what


@pytest.mark.parametrize(
    ("family", "fields", "said"),
    [
        (SqueezedSpec, {"dim": 6, **DEVICE, "num_photons": 3}, "in pairs: 'gbs' cannot have"),
        (SqueezedSpec, {"dim": 32, **DEVICE, "num_photons": 16}, "outcomes; the law is written"),
        (SqueezedSpec, {"dim": 4, **DEVICE, "interferometer": "harr"}, "'haar' or 'time-bin:'"),
        (CommutingSpec, {"dim": 21}, "1 to 20 qubits, not 21"),
        (IsingSpinsSpec, {"dim": 32}, "32 is no square number"),
        (IsingSpinsSpec, {"dim": 121}, "from 2 to 10 spins, not 11"),
        (IsingSpinsSpec, {"dim": 16, "temperature": 0.0}, "above 0"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_named(family, fields, said):
    with pytest.raises(ValueError, match=said):
        family(**SHARED, **fields)
