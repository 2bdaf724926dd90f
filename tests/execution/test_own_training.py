"""One's own training: paired, resumed bit for bit, and told by the same rows, tables and pages."""

import json
import logging
import os
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch

from quantum_latents.cli import main
from quantum_latents.data import BitsSpec, MixtureSpec
from quantum_latents.execution import compare_training, evaluate_study
from quantum_latents.latents import GaussianSpec
from quantum_latents.random import stream
from quantum_latents.recipes import autoencoder
from quantum_latents.results import deterministic_part, read_rows, read_study

ARRAY = stream(0, "test").generator().normal(size=(120, 2)) * [1, 5] + [0, 3]
FEW = {"latents": ("gaussian", "bernoulli"), "seeds": 2, "latent_dim": 4, "bank_size": 500}
CALLS = []


def train(latent, data, seed):
    """A map of z whose weights are of the seed, and whose shift is of the rows it has drawn."""
    CALLS.append((latent.name, seed))
    weights = np.random.default_rng(seed).normal(size=(latent.dim, data.shape[1]))
    shift = data.mean(0) - (latent.sample(100) @ weights).mean(0)
    return lambda z: z @ weights + shift


@pytest.fixture(autouse=True)
def no_calls():
    CALLS.clear()


def deterministic(directory):
    return [deterministic_part(row) for row in read_rows(directory)]


def test_runs_of_a_seed_share_everything_but_z(tmp_path):
    seen = {}

    def look(latent, data, seed):
        seen[latent.name, seed] = (data.copy(), latent.sample(5), latent.held_out)
        data[:] = 0  # in nobody's way
        return np.zeros((len(latent.held_out), 2))

    spec = MixtureSpec(num_train=60, num_held_out=30)
    compare_training(look, spec, tmp_path, version="1", **FEW)
    for seed in (0, 1):
        (data, z, held_out), (other_data, other_z, _) = (
            seen["gaussian", seed],
            seen["bernoulli", seed],
        )
        assert np.array_equal(data, other_data) and data.any()
        assert z.dtype == data.dtype == np.float32 and not np.array_equal(z, other_z)
        assert held_out.shape == (30, 4) and not np.isin(z, held_out).any()
    assert not np.array_equal(seen["gaussian", 0][0], seen["gaussian", 1][0])


def test_z_does_not_depend_on_how_it_is_drawn(tmp_path):
    drawn = []

    def at_once(latent, data, seed):
        drawn.append(latent.sample(3000))
        return latent.held_out[:, :2]

    def in_parts(latent, data, seed):
        drawn.append(np.concatenate([latent.sample(n) for n in (1, 0, 1500, 1499)]))
        return latent.held_out[:, :2]

    few = FEW | {"latents": ("gaussian",), "seeds": [5]}
    compare_training(at_once, ARRAY, tmp_path / "a", version="1", **few)
    compare_training(in_parts, ARRAY, tmp_path / "b", version="1", **few)
    assert np.array_equal(*drawn)


def test_samples_are_in_the_units_of_the_data(tmp_path):
    """The training rows themselves, given back, are as near to the held-out ones as data are."""

    def remember(latent, data, seed):
        return data[: len(latent.held_out)]

    (row,) = compare_training(
        remember, ARRAY, tmp_path, version="1", **FEW | {"latents": ("gaussian",), "seeds": [0]}
    )
    distance = row["metrics"]["energy_distance"]
    assert distance["value"] < 5 * distance["floor"] + 0.1
    assert row["metrics"].keys() == {"energy_distance", "mmd", "sliced_wasserstein"}


def test_the_same_call_trains_nothing_twice_and_more_seeds_only_what_is_new(tmp_path):
    rows = compare_training(train, ARRAY, tmp_path / "once", **FEW)
    assert len(CALLS) == 4 == len({row["run"] for row in rows})
    assert compare_training(train, ARRAY, tmp_path / "once", **FEW) == rows and len(CALLS) == 4
    with pytest.raises(ValueError, match="--extend"):
        compare_training(train, ARRAY, tmp_path / "once", **FEW | {"seeds": 3})
    more = compare_training(train, ARRAY, tmp_path / "once", extend=True, **FEW | {"seeds": 3})
    assert len(CALLS) == 6 and more[:4] == rows


CHILD = """
import os, signal, sys
import numpy as np
from quantum_latents.execution import compare_training
sys.path.insert(0, os.path.dirname({test!r}))
import test_own_training as own

def train(latent, data, seed):
    if (latent.name, seed) == ("gaussian", 1):
        os.kill(os.getpid(), signal.SIGKILL)
    return own.train(latent, data, seed)

compare_training(train, {file!r}, {directory!r}, version="1", **own.FEW)
"""


def test_a_kill_costs_the_run_that_was_in_training_and_changes_no_bit(tmp_path):
    file = tmp_path / "data.npy"
    np.save(file, ARRAY)
    script = CHILD.format(test=__file__, file=str(file), directory=str(tmp_path / "killed"))
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert len(read_rows(tmp_path / "killed")) == 2
    with open(tmp_path / "killed" / "rows.jsonl", "a") as rows:
        rows.write('{"schema": 1, "run": "to')  # as a kill in the middle of a write leaves it
    compare_training(train, file, tmp_path / "killed", version="1", **FEW)
    assert CALLS == [("gaussian", 1), ("bernoulli", 1)]
    compare_training(train, file, tmp_path / "whole", version="1", **FEW)
    assert deterministic(tmp_path / "killed") == deterministic(tmp_path / "whole")


def test_a_run_that_raises_is_a_row_and_the_others_go_on(tmp_path):
    def fails_once(latent, data, seed):
        CALLS.append((latent.name, seed))
        if (latent.name, seed) == ("gaussian", 0):
            raise ZeroDivisionError("by\nzero")
        if (latent.name, seed) == ("bernoulli", 1):
            return np.full((len(latent.held_out), 2), np.nan)
        return lambda z: z[:, :2]

    rows = compare_training(fails_once, ARRAY, tmp_path, version="1", **FEW)
    by_run = {(row["spec"]["latent"]["name"], row["spec"]["seed"]): row for row in rows}
    failed, diverged = by_run["gaussian", 0], by_run["bernoulli", 1]
    assert (failed["status"], failed["metrics"]) == ("failed", {})
    assert failed["status_detail"].endswith("fails_once raised ZeroDivisionError: by zero")
    trace = (tmp_path / "runs" / failed["run"] / "traceback.txt").read_text()
    assert "fails_once" in trace
    assert diverged["status"] == "diverged" and "not finite" in diverged["status_detail"]
    assert {row["status"] for row in rows} == {"finished", "failed", "diverged"}
    compare_training(fails_once, ARRAY, tmp_path, version="1", **FEW)
    assert len(CALLS) == 4


def test_ctrl_c_ends_it_and_the_same_call_goes_on(tmp_path):
    def stops(latent, data, seed):
        if seed == 1 and not CALLS:
            CALLS.append("stopped")
            raise KeyboardInterrupt
        return latent.held_out[:, :2]

    with pytest.raises(KeyboardInterrupt):
        compare_training(stops, ARRAY, tmp_path, version="1", **FEW)
    assert len(read_rows(tmp_path)) == 2
    assert len(compare_training(stops, ARRAY, tmp_path, version="1", **FEW)) == 4


class ArrayLike:
    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype=dtype)


def test_any_array_or_module_may_come_back(tmp_path):
    weight = torch.nn.Linear(4, 2)

    def as_samples(kind, latent):
        with torch.no_grad():
            made = weight(torch.from_numpy(latent.held_out)).numpy()
        return {
            "list": made.tolist(),
            "array-like": ArrayLike(made),
            "tensor": weight(torch.from_numpy(latent.held_out)),  # remembers gradients
            "module": weight,
            "function": lambda z: weight(torch.from_numpy(z)),
        }[kind]

    few, found = FEW | {"latents": ("gaussian",), "seeds": [0]}, []
    for kind in ("list", "array-like", "tensor", "module", "function"):

        def returns(latent, data, seed, kind=kind):
            return as_samples(kind, latent)

        (row,) = compare_training(returns, ARRAY, tmp_path / kind, version="1", **few)
        found.append(row["metrics"])
    assert all(metrics == found[0] for metrics in found)
    (row,) = compare_training(returns, torch.from_numpy(ARRAY), tmp_path / "t", version="1", **few)
    assert row["metrics"] == found[0]


def refused(directory, said, error=ValueError, function=train, data=ARRAY, **changed):
    with pytest.raises(error, match=said):
        compare_training(function, data, directory, **FEW | changed)
    assert not (directory / "rows.jsonl").exists() and CALLS == []


def test_mistakes_are_told_before_anything_is_trained(tmp_path):
    refused(tmp_path, "no latent: give one", latents=())
    refused(
        tmp_path, "no latent is called 'gausian': did you mean 'gaussian'", latents=("gausian",)
    )
    refused(tmp_path, r"\('gaussian',\), not one text", error=TypeError, latents="gaussian")
    refused(tmp_path, "two latents are called", latents=("gaussian", "gaussian"))
    refused(tmp_path, "let your own training learn them", latents=("learned_prior",))
    refused(tmp_path, "a name or a spec", error=TypeError, latents=(GaussianSpec,))
    refused(tmp_path, "no seed", seeds=0)
    refused(tmp_path, "a seed is named twice", seeds=[1, 1])
    refused(tmp_path, "integer >= 0, not -1", seeds=[-1])
    refused(tmp_path, "number of seeds or a sequence", error=TypeError, seeds=True)
    refused(tmp_path, "at most the 12 held-out", num_samples=13)
    refused(tmp_path, "a function of", error=TypeError, function="train")
    refused(tmp_path, "three arguments", error=TypeError, function=lambda latent: None)
    refused(tmp_path, "no spec of a data set", error=TypeError, data=[[1.0, 2.0]])
    refused(tmp_path, "NaN", data=ARRAY * np.nan)
    assert not list(tmp_path.iterdir())
    refused(tmp_path / "none", "none.csv", data=tmp_path / "none.csv")


def test_too_few_seeds_are_told(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        compare_training(train, ARRAY, tmp_path, **FEW)
    assert "2 seeds are too few for a verdict, which takes 10" in caplog.text
    assert any("too few for a verdict" in note for note in read_study(tmp_path)["notes"])


def test_samples_of_another_shape_stop_the_study_and_can_be_mended(tmp_path):
    def wrong(latent, data, seed):
        return latent.held_out

    def text(latent, data, seed):
        return "samples"

    with pytest.raises(ValueError, match=r"gaussian, seed 0: .* shape \(12, 2\), .* not \(12, 4\)"):
        compare_training(wrong, ARRAY, tmp_path, version="1", **FEW)
    with pytest.raises(TypeError, match="array of numbers, or a callable"):
        compare_training(text, ARRAY, tmp_path, version="1", **FEW)
    assert len(compare_training(train, ARRAY, tmp_path, **FEW)) == 4


def test_changed_code_is_another_training(tmp_path):
    compare_training(train, ARRAY, tmp_path, version="1", **FEW)
    with pytest.raises(ValueError, match=r"holds rows of train 1, and this is train sha256:"):
        compare_training(train, ARRAY, tmp_path, **FEW)
    assert len(read_rows(tmp_path)) == 4


def test_code_that_no_file_shows_wants_a_version(tmp_path):
    rate = 0.1

    def around(latent, data, seed):
        return rate * latent.held_out[:, :2]

    said = 'version="1"'
    refused(tmp_path, f"takes rate from around it.*{said}", function=around)
    refused(tmp_path, f"no plain function.*{said}", function=partial(train))
    made = {}
    exec("def train(latent, data, seed): return latent.held_out[:, :2]", made)
    refused(tmp_path, f"no file.*{said}", function=made["train"])


def test_a_latent_may_be_a_spec_and_data_any_vectors(tmp_path):
    spec = GaussianSpec(dim=3, scaling="raw", bank_size=None, num_held_out=1)
    data = BitsSpec(num_bits=4, num_train=50, num_held_out=20)

    def bits(latent, data, seed):
        assert latent.dim == 3 and set(np.unique(data)) == {0, 1}
        return np.zeros((20, 4))

    (row,) = compare_training(
        bits, data, tmp_path, version="1", latents=(spec,), seeds=1, bank_size=None
    )
    assert row["spec"]["latent"]["scaling"] == "raw" and "l1_to_integer" in row["metrics"]


def test_from_a_function_to_the_page(tmp_path, capsys):
    directory = tmp_path / "study"
    settings = FEW | {"latents": ("quantum", "gaussian"), "seeds": 10}

    def own_loop(latent, data, seed):
        if (latent.name, seed) == ("gaussian", 9):
            raise RuntimeError("<script>alert(1)</script>")
        return train(latent, data, seed)

    compare_training(own_loop, ARRAY, directory, version="v1.2", **settings)
    assert main(["table", str(directory)]) == 0
    told = capsys.readouterr().out
    assert "by energy distance: 9 of at least 10" in " ".join(told.split())
    assert main(["report", str(directory)]) == 0
    page = (directory / "report.html").read_text()
    assert "took its initial weights and batches from the seed alone" in page
    assert "trains the same model from the same initial weights" not in page
    assert "The training was the user" in page and "own_loop, version v1.2" in page
    assert "Runs that diverged or failed" in page and "RuntimeError" in page
    assert "<script>alert" not in page
    before = deterministic(directory)
    evaluated = evaluate_study(directory)
    assert (evaluated.num_evaluated, evaluated.changed) == (19, [])
    assert deterministic(directory) == before
    frozen = json.loads((directory / "frozen.json").read_text())
    assert len(frozen["specs"][0]["runs"]) == 20
    assert main(["generate", str(directory), "--num-samples", "5", "--out", "x.npy"]) == 2
    assert "no run at" in capsys.readouterr().err
    assert not os.path.exists("x.npy")


def test_codes_are_no_rows_to_train_on(tmp_path):
    encoded = autoencoder("smoke").runs[0].data
    with pytest.raises(ValueError, match="train on what a decoder makes of codes"):
        compare_training(train, encoded, tmp_path / "study", version="1", cache=tmp_path)
    assert not (tmp_path / "study").exists()
