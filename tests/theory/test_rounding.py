"""No bound may be wrong, and no verdict a false proof, because of rounding, kinks or offsets."""

import numpy as np
import pytest

from quantum_latents.random import stream
from quantum_latents.theory import (
    Affine,
    Network,
    certify,
    inverse,
    local_constants,
    routes,
    search,
    upper_bound,
)

SEARCH = stream(0, "search")
KINK = np.array([[1.0], [-1.0]])


def linear(*matrices: np.ndarray) -> Network:
    return Network(tuple(Affine(matrix, np.zeros(len(matrix))) for matrix in matrices))


@pytest.mark.parametrize("smallest", [1e-3, 1e-9, 1e-14, 8e-16])
def test_the_inverses_bound_holds_for_ill_conditioned_matrices(smallest):
    (route,) = routes(linear(np.diag([1.0, smallest])))
    assert route.bound.value >= 1 / smallest
    if smallest > 1e-12:
        assert route.bound.value == pytest.approx(1 / smallest, rel=1e-2)


def test_the_inverses_bound_holds_where_the_pseudo_inverse_is_rounded():
    """[[1, 1], [1, 1 + e]] with e = 2^-40, whose inverse is known exactly: |.| > 2 / e."""
    e = 2.0**-40
    (route,) = routes(linear(np.array([[1.0, 1.0], [1.0, 1.0 + e]])))
    exact = np.linalg.norm(np.array([[1 + e, -1.0], [-1.0, 1.0]]), 2) / e
    assert exact <= route.bound.value <= exact * 1.01


@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_a_latent_on_a_kink_proves_nothing(slope):
    """g(z) = c z; at z = 0 no linear piece has both numbers below 0."""
    network = Network((Affine(KINK, np.zeros(2), slope=slope), Affine(KINK.T.copy(), np.zeros(1))))
    z = np.array([[0.0], [1.0], [-1.0], [2.0]])
    assert network.is_inside(z).tolist() == [False, True, True, True]
    local = local_constants(network, z)
    np.testing.assert_allclose(local.smallest, 1 + slope)
    assert local.num_rank_deficient == 0
    assert certify(network, z, SEARCH).verdict == "undetermined"
    with pytest.raises(ValueError, match="kink at every one"):
        local_constants(network, z[:1])


def test_a_number_that_no_latent_moves_is_no_kink():
    dead = Network((Affine(np.array([[1.0], [0.0]]), np.array([5.0, 0.0]), slope=0.1),))
    assert dead.is_inside(np.zeros((1, 1))).all()


def test_an_injective_map_is_not_refused_for_being_ill_conditioned(latents):
    """diag(1, 1e-12), by way of three numbers, so that no layer-wise certificate decides."""
    network = linear(np.eye(3, 2), np.array([[1.0, 0, 0], [0, 1e-12, 0]]))
    made = certify(network, latents(64, 2), SEARCH)
    assert made.verdict == "undetermined"
    assert made.generator.inverse_lipschitz_found <= 1e12
    assert made.generator.inverse_lipschitz_found == pytest.approx(1e12, rel=0.01)


@pytest.mark.parametrize("offset", [1e9, 1e15])
def test_data_far_from_0_change_nothing(latents, offset):
    rng = np.random.default_rng(0)
    first = Affine(rng.normal(size=(6, 2)), rng.normal(size=6), slope=0.5)
    head, z = rng.normal(size=(4, 6)), latents(64, 2)
    near, far = (
        certify(Network((first, Affine(head, np.full(4, at)))), z, SEARCH) for at in (0.0, offset)
    )
    assert far.to_json() == near.to_json()
    assert far.generator.lipschitz_found <= far.generator.lipschitz.value


@pytest.mark.parametrize("slope", [0.0, 0.2])
@pytest.mark.parametrize("reinject", [False, True])
def test_differences_are_those_of_outputs(stacked, latents, slope, reinject):
    from quantum_latents.theory import read_network

    network = read_network(stacked(3, (8, 12), 5, slope=slope, reinject_latent=reinject))
    z, other = latents(300, 3), latents(300, 3, 1)
    expected = network(z) - network(other)
    np.testing.assert_allclose(network.differences(z, other), expected, atol=1e-13)


def test_what_is_found_never_exceeds_a_bound_that_is_attained(latents):
    network = linear(3 * np.eye(4))
    made = certify(network, latents(32, 4), SEARCH).generator
    assert made.lipschitz_found <= 3 <= made.lipschitz.value
    assert made.inverse_lipschitz_found <= 1 / 3 <= made.route.bound.value
    assert search(network, latents(32, 4), SEARCH).stretched.ratio == pytest.approx(3)
    assert upper_bound(network).value == pytest.approx(3)


@pytest.mark.parametrize("slope", [-1.0, 2.0, np.nan])
def test_slopes_beyond_a_leaky_relus_are_refused(slope):
    """|z| has slope -1: it would pass for injective."""
    with pytest.raises(ValueError, match=r"layer 1: slopes are in \[0, 1\]"):
        Network((Affine(np.eye(2), np.zeros(2), slope=slope),))


def test_maps_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"layer 2: its weight is \(4, 3\), not \(4, 5\)"):
        Network((Affine(np.eye(3, 2), np.zeros(3)), Affine(np.eye(4, 5), np.zeros(4))))
    with pytest.raises(ValueError, match=r"layer 1: its bias is \(3,\), not \(1,\)"):
        Network((Affine(np.eye(3, 2), np.zeros(1)),))


def test_a_matrix_that_is_singular_in_float32_alone_is_refused_by_name():
    near = linear(np.array([[1.0, 1.0], [1.0, 1.0 + 1e-9]]))
    z = np.ones((3, 2))
    np.testing.assert_allclose(inverse(near, near(z)).z, z, atol=1e-6)
    with pytest.raises(ValueError, match="full column rank in float64, but not in float32"):
        inverse(near, near(z.astype(np.float32)))


@pytest.mark.parametrize("decoding", ["softmax", "argmax"])
def test_a_decoded_generator_has_no_way_back(latents, decoding):
    made = certify(Network((Affine(np.eye(2), np.zeros(2)),), decoding), latents(8, 2), SEARCH)
    assert made.verdict == "not certified"
    assert made.generator.route is None
    assert made.generator.condition_number is None
