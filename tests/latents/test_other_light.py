"""Mean-field bosons, fermions and thermal light as latents."""

import numpy as np
import pytest

from quantum_latents.latents import PhotonicSpec, RivalSpec, build_latent
from quantum_latents.random import stream

SHARED = {
    "dim": 16,
    "num_photons": 8,
    "interferometer": "haar",
    "sharing": "shared",
    "scaling": "raw",
    "bank_size": 20_000,
    "num_held_out": 10,
}
FIXED_TOTAL = {"mean_field": True, "fermions": True, "thermal": False}


@pytest.mark.parametrize("name", FIXED_TOTAL)
def test_they_share_what_their_cards_say(name, tmp_path):
    latent = build_latent(RivalSpec(name=name, **SHARED), 0, tmp_path)
    quantum = build_latent(PhotonicSpec(name="quantum", **SHARED), 0, tmp_path)
    np.testing.assert_allclose(latent.moments.mean, quantum.moments.mean, atol=1e-12)
    assert np.abs(latent.moments.variance - quantum.moments.variance).max() > 0.01
    z = latent.sample(20_000, stream(0, "z")).double().numpy()
    error = np.sqrt(latent.moments.variance / 20_000)
    assert (np.abs(z.mean(0) - latent.moments.mean) < 7 * error).all()  # re-drawn from a bank
    np.testing.assert_allclose(z.var(0), latent.moments.variance, rtol=0.1)
    assert (z.sum(1) == 8).all() == FIXED_TOTAL[name]
    assert latent.card.shares.startswith(("photon total and mean", "mean occupancy"))


def test_fermions_never_share_a_mode(tmp_path):
    latent = build_latent(RivalSpec(name="fermions", **SHARED), 3, tmp_path)
    assert latent.sample(5000, stream(0, "z")).max() == 1
