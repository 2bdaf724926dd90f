"""The interference dial: between distinguishable photons and the quantum latent."""

from dataclasses import replace

import numpy as np
import pytest

from quantum_latents.latents import (
    NoisyPhotonicSpec,
    PhotonicSpec,
    build_latent,
    noisy_name,
)
from quantum_latents.random import stream

SHARED = {"dim": 8, "scaling": "centred", "bank_size": 4000, "num_held_out": 50}
DEVICE = {"num_photons": 4, "interferometer": "haar", "sharing": "shared"}
QUANTUM = PhotonicSpec(name="quantum", **DEVICE, **SHARED)


def dial(interference=1.0, transmission=1.0) -> NoisyPhotonicSpec:
    name = noisy_name(interference, transmission)
    return NoisyPhotonicSpec(
        name=name, interference=interference, transmission=transmission, **DEVICE, **SHARED
    )


@pytest.mark.parametrize("seed", [0, 3])
def test_variances_run_from_one_end_to_the_other_with_the_square_of_the_overlap(seed, tmp_path):
    full = build_latent(QUANTUM, seed, tmp_path).moments.variance
    none = build_latent(replace(QUANTUM, name="distinguishable"), seed, tmp_path).moments.variance
    assert np.abs(full - none).max() > 0.1
    for x in (0.0, 0.3, 1.0):
        here = build_latent(dial(x), seed, tmp_path).moments.variance
        np.testing.assert_allclose(here, none + x**2 * (full - none), atol=1e-10)


def test_draws_have_the_moments_promised(tmp_path):
    latent = build_latent(dial(0.6), 1, tmp_path)
    z = latent.sample(4000, stream(0, "z")).double().numpy()
    error = np.sqrt(latent.moments.variance / 4000)
    assert (np.abs(z.mean(0)) < 6 * error).all()
    np.testing.assert_allclose(z.var(0), latent.moments.variance, rtol=0.2)
    raw = build_latent(replace(dial(0.6), scaling="raw"), 1, tmp_path)
    assert set(raw.sample(500, stream(0, "z")).sum(1).tolist()) == {4.0}


def test_loss_takes_photons_away_and_keeps_where_they_go(tmp_path):
    whole = build_latent(replace(QUANTUM, scaling="raw"), 2, tmp_path)
    lossy = build_latent(replace(dial(1.0, 0.5), scaling="raw"), 2, tmp_path)
    np.testing.assert_allclose(lossy.moments.mean, 0.5 * whole.moments.mean, atol=1e-12)
    totals = lossy.sample(2000, stream(0, "z")).sum(1).numpy()
    assert abs(totals.mean() - 2.0) < 6 / np.sqrt(2000)  # binomial: 4 photons, half of them lost
    assert totals.max() <= 4


def test_cards_say_how_much_is_shared():
    assert dial(1.0).card == QUANTUM.card
    assert "0.25 of what interference adds" in dial(0.5).card.shares
    assert "not the photon total" in dial(1.0, 0.5).card.shares


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"interference": 1.5, "name": "interference:1.5"}, r"interference is in \[0, 1\]"),
        ({"transmission": 0.0}, r"transmission is in \(0, 1\]"),
        ({"name": "quantum"}, "this latent's name is 'interference:0.5'"),
        ({"num_photons": 9}, "between 1 and the 8 modes, not 9"),
        ({"interferometer": "hair"}, "not 'hair'"),
    ],
)
def test_bad_settings_are_refused(changed, said):
    with pytest.raises(ValueError, match=said):
        replace(dial(0.5), **changed)
