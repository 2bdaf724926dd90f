"""A latent is drawn the same in every figure."""

from quantum_latents.report.styles import styles


def test_paper_latents_keep_their_colour_and_new_ones_differ():
    few = styles(["gaussian", "quantum"])
    many = styles(["gaussian", "copula", "dirichlet", "quantum", "bernoulli"])
    assert few["gaussian"] == many["gaussian"]
    assert len({style.colour for style in many.values()}) == 5
    assert len({style.marker for style in many.values()}) == 5
