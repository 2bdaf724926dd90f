"""What cards say as data: what they claim holds exactly, and what they do not claim does not."""

import numpy as np
import pytest

from quantum_latents.circuits import haar
from quantum_latents.latents import (
    PRIORS,
    PROPERTIES,
    RIVALS,
    BernoulliSource,
    GaussianSource,
    PhotonicSpec,
    rival_source,
)
from quantum_latents.latents.kinds.bank import stored_card
from quantum_latents.latents.priors import PRIOR_CARDS
from quantum_latents.latents.rivals import RIVAL_CARDS
from quantum_latents.latents.sharing import full
from quantum_latents.latents.sources import PHOTONIC_CARDS, noisy_card
from quantum_latents.random import stream
from quantum_latents.samplers import Noise, covariance, mean_occupancy

OCCUPATION = (1, 0, 1, 0, 1, 0)
# The second has over-dispersed modes alone, which a negative binomial needs.
DEVICE, OVER_DISPERSED = haar(6, stream(7, "interferometer")), haar(6, stream(2, "interferometer"))


def _moments(name, device):
    if name == "distinguishable":
        matrix = covariance(device, OCCUPATION, statistics="distinguishable")
        return mean_occupancy(device, OCCUPATION), matrix
    source = rival_source(name, device, OCCUPATION)
    return source.mean, source.covariance


def _agree(a, b):
    return bool(np.allclose(a, b, atol=1e-6))


@pytest.mark.parametrize("name", ["distinguishable", *RIVALS])
def test_a_card_claims_in_full_what_holds_and_nothing_else(name):
    needs_it = name in ("negative_binomial", "dirichlet_multinomial")
    device = OVER_DISPERSED if needs_it else DEVICE
    mean, matrix = _moments(name, device)
    card = PHOTONIC_CARDS["distinguishable"] if name == "distinguishable" else RIVAL_CARDS[name]
    exact = covariance(device, OCCUPATION)
    others = ~np.eye(6, dtype=bool)
    found = {
        "means": _agree(mean, mean_occupancy(device, OCCUPATION)),
        "variances": _agree(np.diag(matrix), np.diag(exact)),
        "total": _agree(matrix.sum(), 0.0),
        "pairs": _agree(matrix[others], exact[others]),
    }
    assert card.sharing is not None
    claimed = {of: card.sharing.get(of) == "full" for of in found}
    assert claimed == found


def test_every_card_says_what_it_shares_by_known_names():
    cards = [*PHOTONIC_CARDS.values(), *RIVAL_CARDS.values(), *PRIOR_CARDS.values()]
    cards += [GaussianSource.card, BernoulliSource.card]
    for card in cards:
        assert card.sharing is not None, card
        assert set(card.sharing) <= set(PROPERTIES)
    assert {*PRIORS} == {*PRIOR_CARDS}
    assert PHOTONIC_CARDS["boson"].sharing == full(*PROPERTIES)


def test_a_bank_cannot_say():
    assert stored_card("mine").sharing is None


def test_the_dial_shares_between_nothing_of_interference_and_all_of_it():
    counts = {"whole_numbers": "full", "means": "full", "total": "full"}
    assert noisy_card(Noise(interference=0.0)).sharing == counts
    between = noisy_card(Noise(interference=0.5)).sharing
    assert between is not None
    assert between["pairs"] == "part"
    assert between["means"] == "full"
    assert noisy_card(Noise(interference=1.0)).sharing == full(*PROPERTIES)
    lossy = noisy_card(Noise(input_transmission=0.5)).sharing
    assert lossy is not None
    assert "total" not in lossy


def test_independent_interferometers_share_no_mean_of_a_mode():
    spec = PhotonicSpec(
        name="distinguishable", dim=4, num_photons=2, interferometer="haar", scaling="raw",
        sharing="independent", bank_size=None, num_held_out=1,
    )  # fmt: skip
    sharing = spec.card.sharing
    assert sharing is not None
    assert "means" not in sharing


def test_unknown_properties_are_refused():
    with pytest.raises(ValueError, match="'mean': one of whole_numbers"):
        full("mean")
