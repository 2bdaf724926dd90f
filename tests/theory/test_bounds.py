import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_latents.random import stream
from quantum_latents.theory import (
    Affine,
    Network,
    Slopes,
    chain_bound,
    local_constants,
    read_network,
    routes,
    search,
    upper_bound,
)


def norms_over_all_signs(maps, slopes):
    """The exact maximum of the norm over D: a convex function has it at a corner of the box."""
    best = 0.0
    sizes = [len(m) if s.width is None else s.width for m, s in zip(maps, slopes, strict=False)]
    for corner in itertools.product((0, 1), repeat=sum(sizes)):
        made, at = maps[0], 0
        for matrix, size, slope in zip(maps[1:], sizes, slopes, strict=True):
            diagonal = np.ones(len(made))
            chosen = np.array(corner[at : at + size])
            diagonal[:size] = np.where(chosen, slope.highest, slope.lowest)
            made, at = matrix @ (diagonal[:, None] * made), at + size
        best = max(best, np.linalg.norm(made, 2))
    return best


@given(seed=st.integers(0, 10**6), low=st.floats(0.01, 1), width=st.sampled_from([None, 2]))
@settings(max_examples=40, deadline=None)
def test_a_chain_bound_lies_between_the_true_maximum_and_the_product(seed, low, width):
    rng = np.random.default_rng(seed)
    maps = [rng.normal(size=shape) for shape in ((3, 2), (4, 3), (2, 4))]
    slopes = [Slopes(low, 1.0, width), Slopes(low, 1.3, None)]
    bound = chain_bound(maps, slopes)
    assert norms_over_all_signs(maps, slopes) <= bound.value <= bound.product * (1 + 1e-12)


def test_without_slopes_a_chain_is_one_matrix():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 3)), rng.normal(size=(4, 5))
    bound = chain_bound([a, b], [Slopes(1.0, 1.0)])
    assert bound.value == pytest.approx(np.linalg.norm(b @ a, 2), rel=1e-12)
    assert bound.value < bound.product


def isometry(slope: float, scale: float = 1.0, depth: int = 3) -> Network:
    """A network with known constants: Lip(g) = scale^depth, Lip(g^-1) = (scale slope)^-depth."""
    return Network(tuple(Affine(scale * np.eye(4), np.zeros(4), slope=slope) for _ in range(depth)))


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_networks_with_known_constants(latents, scale):
    network = isometry(0.25, scale)
    true, true_inverse = scale**3, (0.25 * scale) ** -3
    assert upper_bound(network).value == pytest.approx(true, rel=1e-9)
    (route,) = routes(network)
    assert route.bound.value == pytest.approx(true_inverse, rel=1e-9)
    z = np.abs(latents(40, 4)) * np.sign(latents(40, 1))
    local = local_constants(network, z)
    assert local.largest.max() == pytest.approx(true)
    assert 1 / local.smallest.min() == pytest.approx(true_inverse)
    found = search(network, z, stream(0, "search"))
    assert found.stretched.ratio <= true * (1 + 1e-9)
    assert found.shrunk.ratio >= 1 / true_inverse * (1 - 1e-9)
    assert found.stretched.ratio == pytest.approx(true, rel=1e-6)
    assert found.shrunk.ratio == pytest.approx(1 / true_inverse, rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("reinject", [False, True])
@pytest.mark.parametrize("slope", [0.01, 0.2, 0.9])
def test_lower_never_exceeds_upper(stacked, latents, seed, reinject, slope):
    network = read_network(
        stacked(4, (8, 14), 20, seed=seed, reinject_latent=reinject, slope=slope)
    )
    z = latents(64, 4, seed)
    local, found = local_constants(network, z), search(network, z, stream(seed, "search"))
    upper, back = upper_bound(network), min(routes(network), key=lambda one: one.bound.value)
    tolerance = 1 + 1e-9
    assert local.largest.max() <= upper.value * tolerance
    assert found.stretched.ratio <= upper.value * tolerance
    assert upper.value <= upper.product * tolerance
    assert 1 / local.smallest.min() <= back.bound.value * tolerance
    assert 1 / found.shrunk.ratio <= back.bound.value * tolerance
    # The search finds what it began with, or more.
    assert found.stretched.ratio >= np.median(local.largest)
    assert found.shrunk.ratio <= np.median(local.smallest)


def test_a_searched_pair_has_the_ratio_it_claims(stacked, latents):
    network = read_network(stacked(3, (6,), 9))
    for one in search(network, latents(32, 3), stream(0, "search")):
        pair = np.stack([one.z, one.other])
        made = np.diff(network(pair), axis=0)
        assert np.linalg.norm(made) / np.linalg.norm(np.diff(pair, axis=0)) == pytest.approx(
            one.ratio
        )


def test_the_tighter_bound_is_tighter_for_random_networks(stacked):
    network = read_network(stacked(8, (16, 16), 16))
    assert upper_bound(network).value < 0.95 * upper_bound(network).product


def test_both_orientations_are_seen():
    fold = Network(
        (
            Affine(np.array([[1.0, 0], [-1, 0], [0, 1]]), np.zeros(3), slope=0.1),
            Affine(np.array([[1.0, 1, 0], [0, 0, 1]]), np.zeros(2)),
        )
    )
    z = np.array([[1.0, 0.5], [-1.0, 0.5]])
    assert np.sign(np.linalg.det(fold.jacobians(z))).tolist() == [1, -1]
    assert local_constants(fold, z).num_orientations == 2


@pytest.mark.parametrize("z", [np.zeros((0, 4)), np.zeros((3, 5)), np.zeros(4)])
def test_latents_of_another_shape_are_refused(z):
    with pytest.raises(ValueError, match=r"z has shape \(N, 4\)"):
        local_constants(isometry(0.5), z)
    with pytest.raises(ValueError, match=r"z has shape \(N, 4\) with N >= 2"):
        search(isometry(0.5), z, stream(0, "search"))


def test_latents_that_lie_on_one_another_are_refused(latents):
    close = 1e6 + 1e-7 * latents(8, 4)
    with pytest.raises(ValueError, match="too close together"):
        search(isometry(0.5), close, stream(0, "search"))
