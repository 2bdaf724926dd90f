"""The dials as studies: interference, and loss."""

import json

import pytest

from quantum_latents.metrics import METRICS
from quantum_latents.recipes import (
    DOSES,
    PRESETS,
    TRANSMISSIONS,
    interference,
    loss,
    settings_of,
    table1,
)
from quantum_latents.results import MIN_SEEDS_VERDICT
from quantum_latents.training import RunSpec


@pytest.mark.parametrize("dial", [interference, loss])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_setting_has_a_source_and_no_source_is_left_over(preset, dial):
    study = dial(preset)
    names = {setting["name"] for setting in settings_of(study)}
    for source in study.sources:
        assert any(name == source or name.startswith(f"{source}.") for name in names), source
    for run in study.runs:
        assert RunSpec.from_json(json.loads(json.dumps(run.to_json()))).digest == run.digest


@pytest.mark.parametrize(
    ("dial", "doses", "turned", "other"),
    [
        (interference, DOSES, "interference", "transmission"),
        (loss, TRANSMISSIONS, "transmission", "interference"),
    ],
)
def test_a_dose_changes_one_thing_and_nothing_else(dial, doses, turned, other):
    study = dial("quick")
    assert len({run.seed for run in study.runs}) >= MIN_SEEDS_VERDICT
    assert sorted(study.doses.values()) == list(doses)
    assert {run.latent.name for run in study.runs} == set(study.doses)
    assert len({(run.model, run.training, run.evaluation) for run in study.runs}) == 1
    alike = ("dim", "num_photons", "interferometer", "scaling", "bank_size", "num_held_out")
    assert len({tuple(getattr(run.latent, name) for name in alike) for run in study.runs}) == 1
    for run in study.runs:
        assert getattr(run.latent, turned, 1.0) == study.doses[run.latent.name]
        assert getattr(run.latent, other, 1.0) == 1.0
        assert run.latent.sharing == "shared"


def test_it_is_table_1_but_for_the_latents():
    theirs, ours = table1("paper").runs[0], interference("paper").runs[0]
    assert (ours.data, ours.model, ours.training) == (theirs.data, theirs.model, theirs.training)
    study = interference("paper")
    assert set(study.primary_metrics) <= set(METRICS)
    assert not all(METRICS[name].constant_wins for name in study.primary_metrics)


def test_full_interference_is_always_there():
    study = interference("smoke", doses=(0.0, 0.4))
    assert study.doses == {"interference:0": 0.0, "interference:0.4": 0.4, "quantum": 1.0}
    assert study.reference == "quantum"


def test_a_photon_always_gets_in_at_times():
    with pytest.raises(ValueError, match=r"transmission is in \(0, 1\], not 0.0"):
        loss("smoke", doses=(0.0, 0.5))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"doses": (0.5,)}, "three or more overlaps"),
        ({"doses": (0.0, 1.5)}, r"interference is in \[0, 1\], not 1.5"),
        ({"data_sets": ("bits",)}, "'bits': choose among quantum, bernoulli"),
        ({"num_seeds": 0}, "at least one run"),
    ],
)
def test_mistakes_are_named(settings, said):
    with pytest.raises(ValueError, match=said):
        interference("smoke", **settings)
