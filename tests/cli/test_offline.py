"""Training where only torch, numpy, scipy, numba and safetensors can be imported."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from quantum_latents.cli import offline
from quantum_latents.cli.flow import FlowOptions
from quantum_latents.cli.run import Run
from quantum_latents.cli.studies import study_of
from quantum_latents.data import molecules_spec, write_prepared
from quantum_latents.execution import evaluate_study, read_events
from quantum_latents.results import read_rows, unevaluated

ROOT = Path(__file__).parents[2]
BY_HAND = ROOT / "tests" / "molecules" / "by_hand.smi"

# Found by every interpreter that inherits PYTHONPATH, so by the study's workers too. What torch and
# numba bring themselves is allowed.
ONLY = """
import sys
from importlib.machinery import PathFinder

ALLOWED = set(
    "quantum_latents torch torchgen functorch numpy scipy numba llvmlite safetensors sympy mpmath "
    "networkx typing_extensions filelock fsspec jinja2 markupsafe setuptools "
    "_distutils_hack".split()
)


class Only(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in ALLOWED or top in sys.stdlib_module_names or top.startswith("_sysconfigdata"):
            return PathFinder.find_spec(name, path, target)
        return None


built_in = [finder for finder in sys.meta_path if finder.__module__ == "_frozen_importlib"]
sys.meta_path[:] = [*built_in, Only]
"""

ABSENT = "tyro rich matplotlib pandas pyarrow sklearn rdkit fcd tensorboard ray".split()


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Variables of an interpreter that finds nothing but what the machine is said to hold."""
    folder = tmp_path_factory.mktemp("only")
    (folder / "sitecustomize.py").write_text(ONLY)
    path = os.pathsep.join([str(folder), str(ROOT / "src")])
    return os.environ | {
        "PYTHONPATH": path,
        "PYTHONNOUSERSITE": "1",
        "PYTHON": sys.executable,
        "DEVICE": "cpu",
        "OMP_NUM_THREADS": "1",
    }


def test_the_environment_lacks_what_it_should_and_the_library_loads_in_it(environment):
    code = f"""
import importlib, sys
for name in {ABSENT!r}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    sys.exit(f"{{name}} was found")
for name in ("recipes", "training", "execution", "evaluation", "cli", "cli.offline"):
    importlib.import_module(f"quantum_latents.{{name}}")
assert "jinja2" not in sys.modules
try:
    sys.modules["quantum_latents.cli"].main([])
except SystemExit as end:
    assert "needs tyro" in str(end), end
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr


def test_molecules_are_trained_there_and_measured_here(environment, tmp_path, monkeypatch):
    """The whole way: prepare, train, carry a few files back, evaluate."""
    here = tmp_path / "here"
    monkeypatch.setenv("QLAT_CACHE", str(here))
    spec = molecules_spec(BY_HAND, here)
    prepared = write_prepared(spec, here, tmp_path / "by_hand.npz")
    back, work = tmp_path / "back", tmp_path / "work"
    there = environment | {"OUT": str(back), "WORK": str(work), "QLAT_CACHE": str(tmp_path / "t")}
    words = "table2 --preset smoke --seeds 1 --latents quantum,gaussian --num-steps 20 --workers 1"
    call = [ROOT / "scripts" / "gpu_study.sh", *words.split(), "--latent-dim", "8", "--json"]
    call += ["--data", prepared]
    answer = subprocess.run(call, env=there, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert (told["runs"], told["rows"], told["waiting"]) == (2, 0, 2)
    assert sorted(path.name for path in back.iterdir()) == ["samples-000.tar.gz", "study.tar.gz"]
    assert read_events(work)[-1]["why"] == "finished"

    done = evaluate_study(back, cache=here)
    assert len(done.first_measured) == 2 and unevaluated(back) == []
    rows = read_rows(back)
    wanted = study_of(
        Run(
            recipe="table2",
            preset="smoke",
            seeds=1,
            latents="quantum,gaussian",
            num_steps=20,
            latent_dim="8",
            data=str(prepared),
        )
    )
    assert {row["run"] for row in rows} == {run.digest for run in wanted.runs}
    for row in rows:
        assert row["status"] == "finished"
        assert row["metrics"]["validity"]["trivial"] > 0.9


def test_it_takes_every_option_of_qlat_run_but_tuning():
    options = {action.dest for action in offline.parser()._actions} - {"help"}
    of_flows = {field.name for field in dataclasses.fields(FlowOptions)}
    fields = {field.name for field in dataclasses.fields(Run)} - {"flow"}
    assert options - fields - of_flows == {"pack", "part_size"}
    assert fields - options == {"tuned", "trials", "tuning_seeds"}
    assert of_flows < options
    assert all(action.help for action in offline.parser()._actions)
    given = vars(offline.parser().parse_args(["mixture"]))
    defaults = {**vars(Run(recipe="mixture")), **vars(FlowOptions())}
    assert {name: given[name] for name in options & defaults.keys()} == {
        name: defaults[name] for name in options & defaults.keys()
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("tabel1", "did you mean 'table1'"),
        ("tune", "run it with qlat"),
        ("table1 --data moon", "did you mean 'moons'"),
        ("mixture --part-size 0 --pack there", "above 0 MiB"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    words, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert offline.main(words.split()) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
