"""What a node of a cluster does with a stack, without Ray: sends, goes on, fails and says so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quantum_latents.banks import import_bank
from quantum_latents.data import array_spec
from quantum_latents.execution.inputs import files_of
from quantum_latents.execution.node import StackTask, StackTrainer
from quantum_latents.execution.plan import StackPlan
from quantum_latents.latents.kinds.bank import bank_spec
from quantum_latents.results import deterministic_part
from quantum_latents.training import GANStack

NUM_STEPS = 2_000


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def heard(trainer):
    """Every message of a node, until the last."""
    found = []
    while not found or found[-1][0] != "ended":
        found += trainer.next()
    return found


def as_node(study, cache, inputs, **changes):
    """What a node is told of a study of one stack."""
    return StackTask(
        stack=StackPlan(0, tuple(run.digest for run in study.runs), "cpu", 1),
        study=study.name,
        specs={run.digest: run.to_json() for run in study.runs},
        seconds_between_checkpoints=0.0,
        commit="",
        cache=str(cache),
        mark="mark",
        inputs={name: str(path) for name, path in inputs.items()},
        evaluate_later=False,
        **changes,
    )


def test_a_node_that_sees_nothing_is_sent_what_streams_cannot_draw(
    tmp_path, tiny_study, monkeypatch
):
    """The user's file and a named bank; everything else it makes itself, and sends back."""
    home, node = tmp_path / "home", tmp_path / "node"
    home.mkdir()
    rows = np.random.default_rng(0).normal(size=(400, 4)).astype(np.float32)
    np.save(home / "data.npy", rows)
    counts = np.random.default_rng(1).integers(0, 3, size=(800, 8)).astype(np.uint8)
    import_bank(counts, home / "bank", {"source": "a test"})
    named = bank_spec(
        home / "bank", home / "cache", scaling="centred", bank_size=400, num_held_out=60
    )
    study = tiny_study(64)
    (first, *_) = study.runs
    evaluation = replace(first.evaluation, num_samples=40)
    own = replace(
        first, data=array_spec(home / "data.npy"), latent=named, evaluation=evaluation, seed=0
    )
    study = replace(study, runs=(own,))
    inputs = files_of(study.runs, home / "cache")
    assert {Path(name).name for name in inputs} >= {"counts.npy", "manifest.json"}
    contents = {name: path.read_bytes() for name, path in inputs.items()}
    (home / "data.npy").rename(home / "hidden.npy")
    (home / "bank").rename(home / "hidden")

    monkeypatch.setenv("QLAT_CACHE", str(node))
    trainer = StackTrainer(as_node(study, home / "cache", inputs))
    assert set(trainer.hello().lacks) == set(inputs)
    for name, content in contents.items():
        trainer.take(name, content)
    assert not trainer.hello().lacks
    trainer.begin({})
    messages = heard(trainer)
    kinds = [kind for kind, _, _ in messages]
    assert kinds[-2:] == ["rows", "ended"]
    assert messages[-2][2][0]["status"] == "finished"
    files = {name for kind, _, content in messages if kind == "files" for name in content}
    assert f"runs/{own.digest}/samples.safetensors" in files
    assert "stack-0000.safetensors" in files


def test_a_node_goes_on_from_the_checkpoint_it_is_given(tmp_path, tiny_study, cache):
    study = tiny_study(NUM_STEPS)
    study = replace(study, runs=study.runs[:1])
    (cache / "mark").touch()
    whole = StackTrainer(as_node(study, cache, {}))
    whole.begin({})
    expected = [content for kind, _, content in heard(whole) if kind == "rows"]

    first = StackTrainer(as_node(study, cache, {}))
    first.stop()
    first.begin({})
    left = [content for kind, _, content in heard(first) if kind == "files"]
    assert set(left[-1]) == {"stack-0000.safetensors"}
    second = StackTrainer(as_node(study, cache, {}))
    second.begin(left[-1])
    found = [content for kind, _, content in heard(second) if kind == "rows"]
    ours, theirs = ([deterministic_part(row) for row in one[0]] for one in (found, expected))
    assert ours == theirs


def test_a_checkpoint_comes_back_from_a_node_that_fails_behind_it(
    tmp_path, tiny_study, cache, monkeypatch
):
    study = tiny_study(64)
    study = replace(study, runs=study.runs[:1])
    (cache / "mark").touch()
    with monkeypatch.context() as patched:
        patched.setattr(GANStack, "generate", lambda self, latents: 1 / 0)
        failed = StackTrainer(as_node(study, cache, {}))
        failed.begin({})
        messages = heard(failed)
    assert [kind for kind, _, _ in messages[-2:]] == ["error", "ended"]
    files = [content for kind, _, content in messages if kind == "files"]
    again = StackTrainer(as_node(study, cache, {}))
    again.begin(files[-1])
    messages = heard(again)
    assert {step for kind, _, step in messages if kind == "step"} == {64}
    assert [kind for kind, _, _ in messages[-2:]] == ["rows", "ended"]


def test_a_stack_that_fails_on_a_node_says_why(tmp_path, tiny_study, cache):
    (cache / "mark").touch()
    trainer = StackTrainer(as_node(replace(tiny_study(16)), cache, {}))
    trainer.begin({"stack-0000.safetensors": b"not a checkpoint"})
    kind, _, text = heard(trainer)[0]
    assert kind == "error"
    assert "stack 0 failed on" in text
