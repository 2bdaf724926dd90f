import json

import numpy as np
import pytest
import torch
from torch import nn

from quantum_latents.random import stream
from quantum_latents.theory import Affine, Network, certify, read_network

SEARCH = stream(0, "search")


def test_a_widening_generator_is_certified_with_its_constants(stacked, latents):
    made = certify(stacked(4, (8, 12), 16), latents(64, 4), SEARCH)
    assert made.verdict == "certified"
    assert made.features is None
    assert made.survives == ()
    g = made.generator
    assert [one.verdict for one in g.layers] == ["certified"] * 3
    assert [one.name for one in g.layers] == ["layer 1", "layer 2", "head"]
    assert g.lipschitz_found <= g.lipschitz.value
    assert g.route is not None
    assert g.inverse_lipschitz_found <= g.route.bound.value
    assert g.condition_number == g.lipschitz.value * g.route.bound.value


def test_a_narrowing_head_leaves_the_features(stacked, latents):
    """Table I's and the mixture's shape: 16 -> 32 -> 32 -> 16 undetermined, -> 2 impossible."""
    z = latents(64, 8)
    made = certify(stacked(8, (32, 32), 12, seed=3), z, SEARCH)
    assert made.verdict == "undetermined"
    assert "head is not certified" in made.generator.reason
    assert made.features is not None
    assert made.features.verdict == "certified"
    assert made.features.layers[-1].name == "layer 2"
    assert any("features before the head" in one for one in made.survives)
    assert any("near each of 64 latents" in one for one in made.survives)

    to_two = certify(stacked(8, (32, 32), 2), z, SEARCH)
    assert to_two.verdict == "not certified"
    assert "no continuous map of 8 numbers to 2" in to_two.generator.reason
    assert not any("near each" in one for one in to_two.survives)


def test_a_folding_generator_is_proved_not_injective():
    fold = Network(
        (
            Affine(np.array([[1.0, 0], [-1, 0], [0, 1]]), np.zeros(3), slope=0.1),
            Affine(np.array([[1.0, 1, 0], [0, 0, 1]]), np.zeros(2)),
        )
    )
    made = certify(fold, np.array([[1.0, 0.5], [-1.0, 0.5]]), SEARCH)
    assert made.verdict == "not certified"
    assert "both signs" in made.generator.reason


def test_two_latents_that_meet_are_found(latents):
    """|z1| beside z2, in three outputs: no orientation to tell, full rank, yet z1 and -z1 meet."""
    absolute = Network(
        (
            Affine(np.array([[1.0, 0], [-1, 0], [0, 1]]), np.zeros(3), slope=0.5),
            Affine(np.array([[1.0, 1, 0], [0, 0, 1], [0, 0, 2]]), np.zeros(3)),
        )
    )
    made = certify(absolute, latents(32, 2), SEARCH)
    assert made.verdict == "not certified"
    assert "two latents were found" in made.generator.reason


def test_relu_that_dies_is_proved_not_injective(latents):
    relu = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3)).double()
    with torch.no_grad():
        relu[0].weight.copy_(torch.eye(3))
        relu[0].bias.zero_()
        relu[2].weight.copy_(torch.eye(3))
    made = certify(relu, latents(64, 3), SEARCH)
    assert made.verdict == "not certified"
    assert "rank-deficient to working precision at" in made.generator.reason
    assert made.features is not None
    assert made.features.verdict == "not certified"
    assert made.survives == ()


def test_an_argmax_is_never_certified(stacked, latents):
    logits = read_network(stacked(4, (8,), 12))
    made = certify(Network(logits.layers, "argmax"), latents(32, 4), SEARCH)
    assert made.verdict == "not certified"
    assert made.generator.reason.startswith("argmax")
    assert made.generator.layers[-1].name == "decoding"
    assert made.features is not None
    assert made.features.verdict == "certified"


def test_a_softmax_leaves_it_undetermined(latents):
    parts = nn.Sequential(nn.Linear(3, 6), nn.LeakyReLU(0.2), nn.Linear(6, 9), nn.Softmax(1))
    made = certify(parts, latents(32, 3), SEARCH)
    assert made.verdict == "undetermined"
    assert "decoding is not certified" in made.generator.reason


def test_a_certificate_is_json_and_says_what_is_infinite_as_null(latents):
    dead = Network((Affine(np.zeros((3, 2)), np.zeros(3)), Affine(np.eye(3), np.zeros(3))))
    content = certify(dead, latents(8, 2), SEARCH).to_json()
    told = json.loads(json.dumps(content, allow_nan=False))
    assert told["verdict"] == "not certified"
    assert told["generator"]["inverse_lipschitz"]["found"] is None
    assert told["generator"]["layers"][0]["condition_number"] is None
    assert told["generator"]["condition_number"] is None


@pytest.mark.parametrize("seed", range(3))
def test_a_certificate_is_a_function_of_its_arguments(stacked, latents, seed):
    generator, z = stacked(4, (8,), 6, seed=seed), latents(16, 4, seed)
    assert certify(generator, z, SEARCH).to_json() == certify(generator, z, SEARCH).to_json()
