"""TensorBoard's files, read back by TensorBoard itself."""

import sys

import pytest

from quantum_latents.execution import run_study
from quantum_latents.execution.tensorboard import Board
from quantum_latents.results import read_rows


@pytest.fixture(scope="module")
def study(tiny_study):
    return tiny_study(num_steps=64)


@pytest.fixture(scope="module")
def directory(finished_tiny_study):
    return finished_tiny_study


def scalars(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder))
    read.Reload()
    return {
        tag: {event.step: event.value for event in read.Scalars(tag)}
        for tag in read.Tags()["scalars"]
    }


def folder_of(directory, row):
    spec = row["spec"]
    name = f"seed-{spec['seed']}-{row['run'][:6]}"
    return directory / "tensorboard" / spec["data"]["name"] / spec["latent"]["name"] / name


def test_every_run_has_its_losses_and_its_metrics(directory):
    rows = read_rows(directory)
    assert len(list((directory / "tensorboard").rglob("events.*"))) == len(rows) == 4
    for row in rows:
        found = scalars(folder_of(directory, row))
        for name, entry in row["metrics"].items():
            assert found[f"metric/{name}"] == {64: pytest.approx(entry["value"], rel=1e-6)}
        for name in ("critic_loss", "wasserstein", "gradient_penalty"):
            last = sum(row["curves"][name][-16:]) / 16
            assert found[f"loss/{name}"][64] == pytest.approx(last, rel=1e-5)


def test_what_finished_before_comes_from_its_row(directory, study, tmp_path):
    row = read_rows(directory)[0]
    board = Board(study, tmp_path)
    board.take_over(row)
    files = list(tmp_path.rglob("events.*"))
    assert len(files) == 1
    found = scalars(folder_of(tmp_path, row))
    assert len(found["loss/wasserstein"]) == len(row["curves"]["step"])
    assert set(found["metric/energy_distance"]) == {64}
    board.take_over(row)
    assert list(tmp_path.rglob("events.*")) == files


def test_milestones_stand_at_their_steps(directory, study, tmp_path):
    row = read_rows(directory)[0]
    budget = {"step": [16, 32], "metrics": {"energy_distance": [0.5, None]}}
    Board(study, tmp_path).add_row(row | {"budget": budget})
    assert set(scalars(folder_of(tmp_path, row))["metric/energy_distance"]) == {16, 64}


def test_steps_of_a_killed_call_are_taken_back(study, tmp_path):
    run = study.runs[0].digest
    for first, value in ((16, 1.0), (32, 2.0)):
        board = Board(study, tmp_path)
        for step in range(first, 65, 16):
            board.add_losses(run, step, {"wasserstein": value})
        board.close()
    (folder,) = {path.parent for path in tmp_path.rglob("events.*")}
    assert scalars(folder)["loss/wasserstein"] == {16: 1.0, 32: 2.0, 48: 2.0, 64: 2.0}


def test_without_the_package_nothing_is_begun(study, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match=r"pip install 'quantum-latents\[tensorboard\]'"):
        run_study(study, tmp_path / "study", command="", tensorboard=True)
    assert list(tmp_path.iterdir()) == []
