"""What a certificate says of the theorem: no more than was shown."""

import numpy as np
import pytest

from quantum_latents.latents import BernoulliSpec, GaussianSpec, PhotonicSpec
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


def told(decoding, latents):
    network = Network((Affine(np.eye(3, 2), np.zeros(3)),), decoding)
    latent = BernoulliSpec(dim=2, scaling="raw", bank_size=None, num_held_out=1)
    return state(certify(network, latents(16, 2), stream(0, "search")), latent, 0, DISTINCT)


def test_remark_1_is_not_claimed_of_an_argmax(latents):
    """An argmax jumps: the pushforward is easy for another reason."""
    assert "Remark 1 does: " in told("none", latents).conclusion
    assert "Lip(g) is at most 1)" in told("softmax", latents).conclusion
    conclusion = told("argmax", latents).conclusion
    assert "Nor does Remark 1" in conclusion and "total variation" in conclusion
    assert "Lip(g)" not in conclusion


def test_no_bound_of_an_inverse_is_stated_where_none_is_proved(latents):
    held = {one.name: one for one in told("softmax", latents).hypotheses}
    assert held["the inverse is Lipschitz"].holds == "undetermined"
    assert "no bound is known" in held["the inverse is Lipschitz"].why
    assert held["the inverse is cheap to compute"].why == "no inverse is known"
