"""The recipe of a bank: what it says, what its digest knows, and what is refused."""

import json

import pytest

from quantum_latents.banks import BankError, BankRecipe, build_bank
from quantum_latents.banks import folder as files
from quantum_latents.circuits import haar
from quantum_latents.random import stream
from quantum_latents.samplers import Noise, sample_boson

DEVICE = haar(6, stream(0, "interferometer"))
NOISE = Noise(interference=0.9, input_transmission=0.8, dark_counts=0.01, at_least=2)


def small_recipe(**changes):
    fields = {
        "interferometer": DEVICE.recipe,
        "occupation": (1, 0, 2, 0, 1, 0),
        "statistics": "boson",
        "num_samples": 200_000,  # four chunks
        "stream": stream(0, "latent"),
    }
    return BankRecipe(**{**fields, **changes})


def test_recipes_survive_json_and_refuse_unknown_fields():
    recipe = small_recipe()
    again = BankRecipe.from_json(json.loads(json.dumps(recipe.to_json())))
    assert again == recipe
    assert hash(again) == hash(recipe)
    assert again.digest == recipe.digest
    assert small_recipe(interferometer=DEVICE) == recipe
    with pytest.raises(ValueError, match="sede"):
        BankRecipe.from_json({**recipe.to_json(), "sede": 0})
    content = recipe.to_json()
    del content["stream"]
    with pytest.raises(ValueError, match="stream"):
        BankRecipe.from_json(content)


def test_the_digest_knows_the_path(monkeypatch):
    digest = small_recipe().digest
    monkeypatch.setattr("quantum_latents.samplers.boson.MAX_ENUMERATED_OUTCOMES", 1)
    assert small_recipe().path == "clifford-clifford"
    assert small_recipe().digest != digest


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"statistics": "fermion"}, ValueError, "fermion"),
        ({"num_samples": 0}, ValueError, "0"),
        ({"num_samples": 1.5}, TypeError, "1.5"),
        ({"occupation": (1, 0)}, ValueError, r"\(6,\)"),
        ({"occupation": (300, 0, 0, 0, 0, 0)}, ValueError, "300"),
        ({"occupation": (41, 0, 0, 0, 0, 0)}, ValueError, "41 photons"),
        ({"stream": 0}, TypeError, "Stream"),
        ({"interferometer": {"kind": "fourier"}}, ValueError, "fourier"),
        ({"noise": 0.5}, TypeError, "0.5"),
        ({"noise": NOISE, "statistics": "distinguishable"}, ValueError, "interference=0"),
        ({"noise": Noise(exactly=5)}, ValueError, "exactly 0 of the shots"),
        ({"noise": Noise(loop_transmission=(0.5,))}, ValueError, "time-bin"),
        ({"noise": Noise(emission=(0.5, 0.5))}, ValueError, "emission of 6"),
    ],
)
def test_bad_recipes_name_the_value(changes, error, message):
    with pytest.raises(error, match=message):
        small_recipe(**changes)


@pytest.mark.parametrize(("num_photons", "num_rows"), [(4, 65536), (16, 2**14), (24, 64), (40, 16)])
def test_a_chunk_takes_seconds_whatever_a_shot_costs(num_photons, num_rows, tmp_path, monkeypatch):
    recipe = small_recipe(
        interferometer=haar(2 * num_photons, stream(0, "interferometer")).recipe,
        occupation=(1, 0) * num_photons,
        num_samples=10**6,
    )
    monkeypatch.setattr("quantum_latents.banks.bank._draw_missing", lambda *arguments: None)
    with pytest.raises(BankError, match="not complete"):
        build_bank(recipe, tmp_path / "bank")
    manifest = json.loads((tmp_path / "bank" / files.MANIFEST).read_text())
    assert manifest["chunk_rows"] == num_rows


def test_a_path_and_a_precision_can_be_asked_for(tmp_path):
    usual = small_recipe()
    assert small_recipe(forced_path="enumeration").digest == usual.digest
    assert "forced_path" not in usual.to_json()
    recipe = small_recipe(forced_path="clifford-clifford", precision="float32", num_samples=3000)
    assert recipe.digest != usual.digest
    assert BankRecipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe
    bank = build_bank(recipe, tmp_path / "bank")
    assert bank.manifest["path"] == "clifford-clifford"
    assert bank.manifest["recipe"]["precision"] == "float32"
    expected = sample_boson(
        DEVICE, recipe.occupation, 3000, recipe.stream, path="clifford-clifford"
    )
    # The same draws: float32 parts from float64 only where one falls on an edge.
    assert (bank.counts == expected).all(axis=1).mean() > 0.99


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"forced_path": "gibbs"}, "one of .* not 'gibbs'"),
        ({"forced_path": "progressive"}, "kind 'haar' cannot be measured progressively"),
        ({"precision": "float16"}, "'float64' or 'float32', not 'float16'"),
        ({"precision": "float32"}, "this bank takes 'enumeration'"),
        ({"statistics": "distinguishable", "precision": "float32"}, "ideal indistinguishable"),
        ({"noise": Noise(g2=0.01), "forced_path": "enumeration"}, "leave out the noise"),
        (
            {
                "interferometer": haar(32, stream(0, "interferometer")).recipe,
                "occupation": (1, 0) * 16,
                "forced_path": "enumeration",
            },
            "at most 3,000,000 outcomes",
        ),
    ],
)
def test_paths_and_precisions_that_cannot_be_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        small_recipe(**changes)


def test_the_expected_time_counts_what_post_selection_discards():
    every = small_recipe(noise=Noise(input_transmission=0.5))
    n = sum(every.occupation)
    whole = small_recipe(noise=Noise(input_transmission=0.5, exactly=n))
    a_shot = {r: r.estimated_seconds() / r.estimated_operations for r in (every, whole)}
    assert a_shot[whole] == pytest.approx(2**n * a_shot[every])


def test_an_ideal_bank_has_no_noise_and_the_digest_it_always_had(tmp_path, monkeypatch):
    # Banks written before there was noise stay valid.
    monkeypatch.setattr("quantum_latents.banks.recipe.SAMPLER_VERSION", 1)
    recipe = small_recipe()
    assert "noise" not in recipe.to_json()
    assert recipe.digest == "da13b74969d13926f685a6cdbd3c6572c25473899644e37b99f1fc546336280f"
    assert small_recipe(noise=Noise()).to_json() == recipe.to_json()
    assert small_recipe(noise=NOISE).digest != recipe.digest
    again = BankRecipe.from_json(json.loads(json.dumps(small_recipe(noise=NOISE).to_json())))
    assert again == small_recipe(noise=NOISE)
    build_bank(small_recipe(num_samples=100, noise=NOISE), tmp_path / "bank")
    with pytest.raises(BankError, match="differs in noise"):
        build_bank(small_recipe(num_samples=100), tmp_path / "bank")
