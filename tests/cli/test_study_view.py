"""What a terminal shows of a study, whatever its size."""

import io

import pytest
from rich.console import Console

from quantum_latents.cli.study_view import StudyView, view
from quantum_latents.execution import LatentProgress, Progress


def latent(name, data="quantum", finished=1, **metrics):
    losses = {"critic_loss": -0.1, "wasserstein": 0.25, "gradient_penalty": 0.01}
    return LatentProgress(
        data=data,
        latent=name,
        num_runs=2,
        num_finished=finished,
        losses=losses,
        metrics={"l1_to_integer": 0.125, "energy_distance": None} | metrics,
    )


def progress(latents=(), **settings):
    settings = {"num_steps_done": 50, "steps_per_second": 10.0, "seconds": 5.0} | settings
    return Progress(
        num_runs=4,
        num_finished=2,
        num_steps=200,
        latents=tuple(latents),
        labels={
            "l1_to_integer": "L1 distance to the nearest integer",
            "energy_distance": "energy distance",
        },
        **settings,
    )


def shown(what, width, height):
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    console.print(view(what, width, height))
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("height", [10, 24, 60])
def test_it_fits_and_says_how_far_the_study_is(width, height):
    many = [latent(f"latent{k}", data=d) for d in ("quantum", "bernoulli") for k in range(20)]
    lines = shown(progress(many), width, height)
    assert max(map(len, lines)) <= width
    assert len(lines) <= max(height, 12)
    text = " ".join(" ".join(lines).split())
    assert "25% of all steps, 2 of 4 runs, 10 steps/s, 15 s left" in text
    assert "0.25" in text
    if height < 60:
        assert "more: progress.jsonl has all" in text


def test_a_wide_terminal_has_the_metrics_and_what_is_not_known_is_a_dash():
    lines = shown(progress([latent("quantum"), latent("gaussian", finished=2)]), 100, 30)
    (line,) = (line for line in lines if line.startswith("quantum"))
    assert line.split() == ["quantum", "1/2", "0.25", "0.125", "–"]
    assert "data" not in lines[1].split(), "one data set needs no column"


def test_runs_that_wait_and_notes_are_told():
    lines = shown(progress(num_waiting=2, note="computing metrics"), 100, 30)
    assert "2 wait for metrics" in " ".join(lines)
    assert lines[-1] == "computing metrics"
    (end,) = shown(progress(num_steps_done=200), 100, 30)
    assert "left" not in end


def test_the_terminal_gets_its_cursor_back():
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
    shown_of = StudyView(console)
    shown_of(progress([latent("quantum")]))
    shown_of.close()
    shown_of.close()
    text = console.file.getvalue()
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    assert text.rfind("\x1b[?25h") > text.rfind("quantum")
