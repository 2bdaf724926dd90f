"""What a perceptron's spec takes, and how wide its layers must be."""

import math

import pytest

from quantum_latents.models import MLPSpec

GOOD = {
    "hidden": (8, 8),
    "activation": "relu",
    "negative_slope": 0.0,
    "initialisation": "pytorch",
}
LEAKY = {"activation": "leaky_relu", "negative_slope": 0.1}


def spec_of(**settings) -> MLPSpec:
    return MLPSpec(**(GOOD | settings))


def test_non_decreasing_widths_are_checked():
    plain = spec_of(**LEAKY, non_decreasing=True)
    assert plain.widths(4, 8) == (4, 8, 8, 8)
    with pytest.raises(ValueError, match="layer 1 is 8 wide and needs at least 9"):
        plain.widths(9, 16)
    with pytest.raises(ValueError, match="layer 3 is 2 wide and needs at least 8"):
        plain.widths(4, 2)
    with pytest.raises(ValueError, match="layer 2 is 6 wide and needs at least 8"):
        spec_of(**LEAKY, hidden=(8, 6), non_decreasing=True).widths(4, 8)


def test_re_injection_needs_room_for_z():
    # Paper, section 1: with re-injection layer l + 1 is as wide as layer l plus d_z.
    spec = spec_of(**LEAKY, hidden=(8, 12), non_decreasing=True, reinject_latent=True)
    assert spec.widths(4, 12) == (4, 8, 12, 12)
    with pytest.raises(ValueError, match="layer 2 is 12 wide and needs at least 13"):
        spec.widths(5, 12)
    widths = (64, 176, 288, 400, 512)
    molgan = spec_of(**LEAKY, hidden=widths, non_decreasing=True, reinject_latent=True)
    assert molgan.widths(48, 512)[1:-1] == widths


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hidden": ()}, r"not \(\)"),
        ({"hidden": (8, 0)}, r"\(8, 0\)"),
        ({"activation": "gelu"}, "'gelu'"),
        ({"negative_slope": 0.1}, "relu has negative_slope=0, not 0.1"),
        ({"activation": "leaky_relu"}, "leaky_relu needs .* not 0"),
        ({"activation": "leaky_relu", "negative_slope": 1.0}, "not 1.0"),
        ({"activation": "leaky_relu", "negative_slope": math.nan}, "not nan"),
        ({"initialisation": "zeros"}, "'zeros'"),
        ({"non_decreasing": True}, "relu cannot: use activation='leaky_relu'"),
        ({"hidden": (8,), "reinject_latent": True}, "add a layer or set reinject_latent=False"),
    ],
)
def test_bad_specs_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        spec_of(**settings)


@pytest.mark.parametrize("hidden", [[8, 8], (8.0,), (True,), 8])
def test_hidden_is_a_tuple_of_integers(hidden):
    with pytest.raises(TypeError, match="hidden is a tuple of integers"):
        spec_of(hidden=hidden)
