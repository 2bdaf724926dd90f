"""What a certificate says of Theorem 1 and Remark 1, in words."""

import numpy as np

from quantum_latents.latents import BernoulliSpec
from quantum_latents.random import stream
from quantum_latents.theory import Affine, Network, certify, state


def told(decoding, latents):
    network = Network((Affine(np.eye(3, 2), np.zeros(3)),), decoding)
    latent = BernoulliSpec(dim=2, scaling="raw", bank_size=None, num_held_out=1)
    return state(certify(network, latents(16, 2), stream(0, "search")), latent, 0)


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
