"""A bank against its manifest: a recipe, the provenance of a processor, or nothing."""

import json

import numpy as np
import pytest

from quantum_latents.banks import BankRecipe, build_bank, import_bank, validate_bank
from quantum_latents.banks.validation import promise_of
from quantum_latents.circuits import haar
from quantum_latents.random import stream
from quantum_latents.samplers import Noise, sample_noisy
from quantum_latents.samplers.validation import Promise

DEVICE = haar(6, stream(0, "interferometer"))
INPUT = (1,) * 6


def provenance(**changes):
    """What a processor's bank says of itself."""
    said = {
        "processor": "a device",
        "interferometer": DEVICE.recipe,
        "occupation": list(INPUT),
        "postselection": {"at_least": 2},
        "num_discarded": 0,
        "jobs": [{"id": "1", "shots": 100}],
    }
    return {name: value for name, value in {**said, **changes}.items() if value is not ...}


def device_counts(noise, number):
    """Kept shots, and the histogram of all."""
    every = sample_noisy(DEVICE, INPUT, noise, number, stream(0, "device"))
    totals = every.sum(axis=1)
    return every[totals >= 2], np.bincount(totals)


def test_a_simulated_bank_is_held_to_its_recipe_noise_included(tmp_path):
    recipe = BankRecipe(
        interferometer=DEVICE,
        occupation=INPUT,
        statistics="boson",
        num_samples=2000,
        stream=stream(0, "shots"),
        noise=Noise(interference=0.8, input_transmission=0.6, at_least=2),
    )
    found = validate_bank(build_bank(recipe, tmp_path / "bank"))
    assert found.validation.verdict == "consistent"
    assert found.promise["noise"] == {
        "interference": 0.8,
        "input_transmission": 0.6,
        "at_least": 2,
    }
    assert found.headline.startswith("No test contradicts the promise")
    assert found.notes == ()


def test_distinguishable_photons_are_promised_not_to_interfere(tmp_path):
    recipe = BankRecipe(
        interferometer=DEVICE,
        occupation=INPUT,
        statistics="distinguishable",
        num_samples=2000,
        stream=stream(0, "shots"),
    )
    found = validate_bank(build_bank(recipe, tmp_path / "bank")).validation
    assert found.verdict == "consistent"
    assert found.finding("interference").expected == 0.0


def test_a_device_bank_is_compared_with_its_simulated_twin(tmp_path):
    kept, histogram = device_counts(Noise(input_transmission=0.5), 6000)
    said = provenance(
        photon_numbers={str(k): int(shots) for k, shots in enumerate(histogram)},
        num_discarded=int(histogram[:2].sum()),
        sessions=[{"certificate": {"version": 1}}, {"certificate": {"version": 2}, "status": "up"}],
    )
    found = validate_bank(import_bank(kept, tmp_path / "bank", said))
    assert found.validation.verdict == "consistent"
    assert found.notes == ()
    # What the device said of itself last stands on the page, too.
    assert found.bank["certificate"] == {"version": 2}
    assert found.bank["status"] == "up"
    transmission = found.validation.finding("transmission")
    assert transmission.num_shots == 6000
    assert transmission.interval[0] < 0.5 < transmission.interval[1]
    assert found.bank["num_jobs"] == 1 and found.bank["num_discarded"] == histogram[:2].sum()
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.parametrize("kept", [None, {"at_least": 0}, {"at_least": 2}])
def test_a_service_that_reports_no_empty_shot_is_not_blamed_for_it(tmp_path, kept):
    every = sample_noisy(DEVICE, INPUT, Noise(input_transmission=0.3), 8000, stream(0, "device"))
    totals = every.sum(axis=1)
    least = max(1, (kept or {}).get("at_least", 0))
    histogram = np.bincount(totals)
    histogram[0] = 0
    said = provenance(
        postselection=kept,
        photon_numbers=histogram.tolist(),
        sessions=[{"min_detected_photons_filter": 1}],
    )
    found = validate_bank(import_bank(every[totals >= least], tmp_path / "bank", said))
    assert found.validation.verdict == "consistent"
    low, high = found.validation.finding("transmission").interval
    assert low < 0.3 < high
    assert any("report" in note for note in found.notes)
    # Without that knowledge the same counts look wrong.
    blind = provenance(postselection=kept, photon_numbers=histogram.tolist())
    other = validate_bank(import_bank(every[totals >= least], tmp_path / "blind", blind))
    assert other.validation.finding("photon_numbers").verdict == "inconsistent"


def test_a_device_whose_photons_do_not_interfere_is_inconsistent_unless_it_said_so(tmp_path):
    kept, _ = device_counts(Noise(input_transmission=0.5, interference=0.0), 6000)
    bank = import_bank(kept, tmp_path / "bank", provenance())
    found = validate_bank(bank)
    assert found.validation.finding("interference").verdict == "inconsistent"
    assert "tests are inconsistent with the promise" in found.headline
    assert validate_bank(bank, interference=0.0).validation.verdict == "consistent"


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"interferometer": ...}, "names no interferometer"),
        ({"occupation": ...}, "no occupation"),
        ({"photon_numbers": ...}, "no histogram of all shots"),
        ({"postselection": ..., "photon_numbers": None}, "nothing of post-selection"),
        ({"photon_numbers": [0, 0, 3]}, "is left out"),
    ],
)
def test_what_a_manifest_lacks_is_named_and_tolerated(tmp_path, changes, note):
    counts, _ = device_counts(Noise(input_transmission=0.5), 600)
    if "postselection" in changes:  # then every shot is there
        counts = sample_noisy(DEVICE, INPUT, Noise(input_transmission=0.5), 600, stream(1))
    found = validate_bank(import_bank(counts, tmp_path / "bank", provenance(**changes)))
    assert any(note in one for one in found.notes)
    assert found.validation.verdict != "inconsistent"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"postselection": {"most": 3}}, "at_least"),
        ({"postselection": 3}, "at_least"),
        ({"photon_numbers": "many"}, "photon_numbers"),
        ({"photon_numbers": {"-1": 3}}, "photon_numbers"),
        ({"photon_numbers": {"1": None}}, "photon_numbers"),
        ({"occupation": [1, 1]}, "shape"),
        ({"interferometer": {"kind": "magic"}}, "magic"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(tmp_path, changes, message):
    bank = import_bank(np.ones((50, 6), np.uint8), tmp_path / "bank", provenance(**changes))
    with pytest.raises(ValueError, match=message):
        validate_bank(bank)


def test_an_imported_bank_is_held_to_what_it_is_told(tmp_path):
    kept, _ = device_counts(Noise(input_transmission=0.5), 3000)
    bank = import_bank(kept, tmp_path / "bank", {"from": "me"})
    assert promise_of(bank)[0] is None
    alone = validate_bank(bank).validation
    assert alone.finding("mean_occupancies").verdict == "undetermined"
    promise = Promise(
        interferometer=DEVICE, occupation=INPUT, noise=Noise(at_least=2), known_loss=False
    )
    found = validate_bank(bank, promise=promise).validation
    assert found.verdict == "consistent"
    assert found.finding("mean_occupancies").verdict == "consistent"


def test_a_promise_beside_that_of_the_manifest_is_refused(tmp_path):
    recipe = BankRecipe(
        interferometer=DEVICE,
        occupation=INPUT,
        statistics="boson",
        num_samples=200,
        stream=stream(0, "shots"),
    )
    bank = build_bank(recipe, tmp_path / "bank")
    promise = Promise(interferometer=DEVICE, occupation=INPUT)
    with pytest.raises(ValueError, match="leave the interferometer out"):
        validate_bank(bank, promise=promise)
    with pytest.raises(ValueError, match="stands in its recipe"):
        validate_bank(bank, interference=0.5)
