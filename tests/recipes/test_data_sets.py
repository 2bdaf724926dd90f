"""Named data sets: what a study may rely on, whichever of them it names."""

import json
import re
from itertools import permutations
from pathlib import Path

import pytest

from quantum_latents.data import load
from quantum_latents.data.width import width_of
from quantum_latents.metrics import METRICS
from quantum_latents.random import stream
from quantum_latents.recipes import (
    CHALLENGERS,
    DATA_SETS,
    NON_CIRCULAR,
    TABLE1_DATA,
    challengers,
    interference,
    settings_of,
    table1,
)
from quantum_latents.recipes.data_sets import (
    SHARED_METRIC,
    data_notes,
    data_sources,
    margins_of,
    primary_of,
    specs_of,
)
from quantum_latents.training import RunSpec

RESULTS = Path(__file__).resolve().parents[2] / "results"
RECIPES = (table1, challengers, interference)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    cache = tmp_path_factory.mktemp("banks")
    return {
        name: load(data.build(100, 50), stream(0, "data"), cache)
        for name, data in DATA_SETS.items()
    }


def test_a_name_is_the_name_of_its_data(loaded):
    for name, data in loaded.items():
        assert data.name == name
        assert DATA_SETS[name].what and DATA_SETS[name].source
        assert DATA_SETS[name].family in (*CHALLENGERS, "")


def test_all_share_a_metric_that_no_constant_wins(loaded):
    assert not METRICS[SHARED_METRIC].constant_wins
    for name, data in loaded.items():
        assert DATA_SETS[name].primary_metrics[-1] == SHARED_METRIC
        assert set(DATA_SETS[name].primary_metrics) <= set(data.metrics)


def test_no_data_set_gets_a_verdict_by_a_metric_declared_for_another(loaded):
    for one, other in permutations(DATA_SETS, 2):
        shown = set(primary_of([one, other])) & set(loaded[one].metrics)
        assert shown == set(DATA_SETS[one].primary_metrics)


def test_only_photon_counts_are_the_quantum_latents_own():
    assert "quantum" not in NON_CIRCULAR
    assert {name for name in DATA_SETS if name not in NON_CIRCULAR} == {"quantum"}


def test_the_docs_have_every_data_set_with_its_width_and_primary_metrics():
    docs = (RESULTS.parent / "docs" / "data-sets.md").read_text()
    rows = {row[0]: row for row in re.findall(r"^\| `(\w+)` \| (\d+) \|.*\| (.+) \|$", docs, re.M)}
    assert set(rows) == set(DATA_SETS)
    words = {"outcome_distance": "distance of the laws of outcomes"}
    words |= {"l1_to_integer": "L1 to the nearest integer", "energy_distance": "energy distance"}
    words |= {"share_outside": "share outside every blob", "share_off_board": "share off the board"}
    for name, (_, width, metrics) in rows.items():
        assert int(width) == width_of(DATA_SETS[name].build(100, 50))
        assert metrics == ", ".join(words[metric] for metric in DATA_SETS[name].primary_metrics)
    readme = (RESULTS.parent / "README.md").read_text()
    assert f"({', '.join(f'`{name}`' for name in NON_CIRCULAR)})" in readme


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", DATA_SETS)
def test_every_recipe_takes_every_data_set(recipe, name):
    study = recipe("paper", data_sets=(name,), num_seeds=1)
    (spec,) = specs_of([name], num_train=1_000_000, num_held_out=10_000)
    settings_of(study)  # raises where a setting has no source
    for run in study.runs:
        assert run.data == spec
        # As many are generated as are held out, so that value and floor are of one size.
        assert run.evaluation.num_samples == spec.num_held_out
        assert RunSpec.from_json(json.loads(json.dumps(run.to_json()))).digest == run.digest
    assert study.primary_metrics == DATA_SETS[name].primary_metrics
    assert set(study.equivalence_margins) <= set(study.primary_metrics)


def test_table_1_is_what_it_was():
    committed = json.loads((RESULTS / "table1-quick" / "study.json").read_text())
    runs = json.loads((RESULTS / "table1-quick" / "runs.json").read_text())
    study = table1("quick", data_sets=("quantum",))
    assert {run.digest for run in study.runs} == set(runs)
    assert settings_of(study) == committed["settings"]
    for field in ("title", "question", "notes", "primary_metrics", "equivalence_margins"):
        ours = getattr(study, field)
        assert (list(ours) if isinstance(ours, tuple) else ours) == committed[field]
    assert primary_of(TABLE1_DATA) == ("l1_to_integer", "energy_distance")
    assert margins_of(TABLE1_DATA) == {"l1_to_integer": 0.005}
    assert data_sources(TABLE1_DATA) == {}


def test_settings_of_other_data_do_not_come_from_the_paper():
    study = table1("quick", data_sets=("quantum", "moons", "mixture"))
    sources = {setting["name"]: setting["source"] for setting in settings_of(study)}
    assert sources["data.name"] == "ours: the data sets of this study"
    assert sources["data.noise"].startswith("moons: scikit-learn")
    # One setting, two data sets: sixteen modes of light and seven blobs.
    assert sources["data.num_modes"] == (
        "quantum: paper, Appendix D; mixture: the authors' released demo"
    )
    assert "moons" in study.question and "photon counts" not in study.title


def test_the_digits_say_once_how_few_they_are():
    (note,) = data_notes(["binary_digits", "moons", "grey_digits"])
    digits = DATA_SETS["grey_digits"].build(10_000, 10_000)
    assert f"{digits.num_train} to train on, {digits.num_held_out} held out" in note
    assert data_notes(["moons"]) == ()
