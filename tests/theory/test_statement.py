"""What a certificate says of the theorem: no more than was shown."""

import numpy as np
import pytest

from quantum_latents.latents import GaussianSpec, PhotonicSpec
from quantum_latents.random import stream
from quantum_latents.theory import Affine, Network, certify, on_support, state
from quantum_latents.theory.support import Support

SHARED = {"dim": 2, "scaling": "raw", "bank_size": None, "num_held_out": 1}
GAUSSIAN = GaussianSpec(**SHARED)
QUANTUM = PhotonicSpec(
    name="quantum", num_photons=1, interferometer="haar", sharing="shared", **SHARED
)
FOLD = Network(
    (
        Affine(np.array([[1.0, 0], [-1, 0], [0, 1]]), np.zeros(3), slope=0.1),
        Affine(np.array([[1.0, 1, 0], [0, 0, 1]]), np.zeros(2)),
    )
)
DISTINCT, MEETING = Support(True, 100, 100), Support(True, 100, 60)


@pytest.fixture(scope="module")
def folding():
    return certify(FOLD, np.array([[1.0, 0.5], [-1.0, 0.5]]), stream(0, "search"))


def inverse_of(certificate, latent, support):
    told = {one.name: one for one in state(certificate, latent, 0, support).hypotheses}
    return told["g has an inverse on its image"]


def test_what_is_shown_on_all_of_space_is_not_said_of_whole_numbers(folding):
    told = inverse_of(folding, QUANTUM, DISTINCT)
    assert told.holds == "undetermined"
    assert "not on all of R^2" in told.why
    assert "100 different draws gave as many outputs" in told.why


def test_of_a_latent_with_a_density_it_is_said(folding):
    told = inverse_of(folding, GAUSSIAN, Support(False, 100, 100))
    assert told.holds == "does not hold"
    assert "both signs" in told.why


def test_two_draws_with_one_output_decide_it(folding):
    told = inverse_of(folding, QUANTUM, MEETING)
    assert told.holds == "does not hold"
    assert "100 different draws gave 60 outputs" in told.why


def test_the_support_counts_different_draws_and_outputs():
    raw = np.array([[0.0, 1.0], [1.0, 1e-6], [1.0, 0.0], [2.0, 0.0]])
    assert on_support(raw, np.array([1, 2, 2, 1])) == Support(True, 3, 2)
    assert on_support(raw + 0.3, np.arange(4)) == Support(False, 4, 4)
    with pytest.raises(ValueError, match="4 draws and 3 outputs"):
        on_support(raw, np.zeros(3))
