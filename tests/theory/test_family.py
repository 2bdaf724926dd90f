"""How constants grow: known families grow as they must."""

import numpy as np
import pytest

from quantum_latents.random import stream
from quantum_latents.theory import FAMILIES, grow

BY_NAME = {family.name: family for family in FAMILIES}
SIZES = [2, 4, 8]


def grown(name):
    return grow(BY_NAME[name], SIZES, stream(0, "family"), num_networks=2)


def test_orthogonal_layers_of_fixed_depth_have_constants_that_do_not_grow():
    for one in grown("orthogonal"):
        assert one.lipschitz == pytest.approx(1, rel=1e-5)
        # Two hidden layers of slope 0.2: (1 / 0.2)^2.
        assert one.inverse_lipschitz == pytest.approx(25, rel=1e-5)


def test_orthogonal_layers_that_deepen_grow_exponentially():
    logs = [np.log(one.condition_number) for one in grown("deepening")]
    # n maps, n - 1 of them with an activation: log kappa = (n - 1) log 5.
    assert logs == pytest.approx([(n - 1) * np.log(5) for n in SIZES], rel=1e-5)


@pytest.mark.parametrize("name", list(BY_NAME))
def test_every_family_is_told_with_its_spread(name):
    for one, size in zip(grown(name), SIZES, strict=True):
        assert one.num_latents == size
        assert one.least <= one.condition_number <= one.most
        assert one.to_json()["family"] == name


def test_a_size_or_number_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        grow(FAMILIES[0], [0], stream(0, "family"))
    with pytest.raises(ValueError, match="at least 1"):
        grow(FAMILIES[0], [2], stream(0, "family"), num_networks=0)
