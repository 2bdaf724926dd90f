"""Made-up rows in the schema of docs/architecture.md; nothing here is a result."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from quantum_latents.random import stream
from quantum_latents.results import RowStore

LATENTS = {"quantum": 0.036, "distinguishable": 0.041, "bernoulli": 0.065, "gaussian": 0.061}


def _metric(value, floor, label, **facts):
    return {
        "value": value,
        "floor": floor,
        "direction": "lower",
        "label": label,
        "unit": "",
        "constant_wins": False,
        "corroborated_by": [],
    } | facts


def make_row(latent: str, data: str, seed: int, *, centre: float, status: str = "finished") -> dict:
    generator = stream(seed, "synthetic", data).generator()
    shared = 0.004 * generator.normal()
    own = stream(seed, "synthetic", data, latent).generator()
    l1 = centre + shared + 0.002 * own.normal()
    steps = list(range(0, 2001, 50))
    decay = np.exp(-np.array(steps) / 600)
    if data == "mixture":
        angle = generator.integers(0, 7, 600) * 2 * np.pi / 7
        points = 5 * np.stack([np.cos(angle), np.sin(angle)], 1) + generator.normal(
            0, 0.25, (600, 2)
        )
        blurred = points + own.normal(0, 8 * centre, points.shape)
        preview = {
            "kind": "scatter",
            "data": points.round(3).tolist(),
            "generated": blurred.round(3).tolist(),
        }
    else:
        mean = generator.uniform(0.2, 0.9, 16)
        correlation = generator.normal(0, 0.06, (16, 16))
        correlation = (correlation + correlation.T) / 2 + np.eye(16)
        noise = own.normal(0, centre / 2, (16, 16))
        preview = {
            "kind": "counts",
            "mean_data": mean.tolist(),
            "mean_generated": (mean + noise[0]).tolist(),
            "correlation_data": correlation.tolist(),
            "correlation_generated": (correlation + (noise + noise.T) / 2).tolist(),
        }
    diverged = status == "diverged"
    wobble = own.normal(0, 0.02, len(steps))
    return {
        "schema": 1,
        "run": f"{data}-{latent}-{seed}",
        "study": "table1",
        "spec": {
            "data": {"name": data},
            "latent": {"name": latent},
            "model": {"width": 128},
            "training": {"steps": 2000},
            "evaluation": {},
            "seed": seed,
        },
        "status": status,
        "status_detail": "the critic's loss was NaN at step 812" if diverged else "",
        "metrics": {}
        if diverged
        else {
            "l1_to_integer": _metric(
                l1,
                0.0,
                "L1 to nearest integer",
                constant_wins=True,
                corroborated_by=["energy_distance", "mmd"],
            ),
            "energy_distance": _metric(0.4 * l1 + 0.001 * own.normal(), 0.0021, "energy distance"),
            "mmd": _metric(l1**2 + 0.0004 * own.normal(), 0.0002, "MMD, unbiased"),
            "sliced_wasserstein": _metric(
                0.2 + 0.01 * own.normal() + shared, 0.15, "sliced Wasserstein"
            ),
            "photon_total_error": _metric(
                0.5 + 5 * l1 + 0.05 * own.normal(), 0.0, "photon total error", unit="photons"
            ),
        },
        "curves": {
            "step": steps,
            "wasserstein": (decay + 4 * centre + wobble).tolist(),
            "critic_loss": (-decay - 4 * centre - wobble).tolist(),
            "gradient_penalty": (0.1 * decay + 0.02 + 0.1 * wobble).tolist(),
        },
        "preview": None if diverged else preview,
        "provenance": {
            "finished_at": f"2026-01-01T00:00:{seed:02d}Z",
            "seconds": 3.5 + seed / 10,
            "machine": {"cpu": "a made-up processor", "cores": 2},
            "version": "0.1.0",
            "commit": "abc1234",
            "stack": 8,
        },
    }


def make_rows(seeds=10, data=("quantum", "mixture"), diverged=()) -> list[dict]:
    return [
        make_row(
            latent,
            name,
            seed,
            centre=centre,
            status="diverged" if (latent, name, seed) in diverged else "finished",
        )
        for name in data
        for seed in range(seeds)
        for latent, centre in LATENTS.items()
    ]


STUDY = {
    "schema": 1,
    "study": "table1",
    "title": "Synthetic discrete data",
    "question": "Does the same model, trained the same way, come closer to photon counts when its "
    "latent is made of them?",
    "preset": "quick",
    "command": "qlat run table1 --preset quick",
    "notes": [
        "Shrunken: 2 hidden layers of 128 instead of 512.",
        "Shrunken: 2,000 generator steps instead of 40,000. A gap at this budget may close.",
    ],
    "reference": "quantum",
    "primary_metrics": ["l1_to_integer", "energy_distance"],
    "equivalence_margins": {"sliced_wasserstein": 0.02},
    "settings": [
        {"name": "training.learning_rate", "value": "0.0005", "source": "paper"},
        {"name": "training.gradient_penalty", "value": "10", "source": "released demo"},
        {"name": "model.widths", "value": "128, 128", "source": "ours"},
    ],
    "num_runs": 80,
    "version": "0.1.0",
    "commit": "abc1234",
}


@pytest.fixture
def study() -> dict:
    return json.loads(json.dumps(STUDY))


@pytest.fixture(scope="session")
def rows() -> Callable[..., list[dict]]:
    return make_rows


@pytest.fixture
def study_directory(tmp_path) -> Callable[..., Path]:
    """Return a function that writes a study of made-up rows and returns its directory."""

    def write(rows: list[dict], **changes) -> Path:
        directory = tmp_path / "study"
        store = RowStore(directory)
        for row in rows:
            store.append(row)
        (directory / "study.json").write_text(json.dumps(STUDY | changes))
        return directory

    return write


def _beside(name: str) -> ModuleType:
    """Return a module that lies beside this file."""
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def molecular() -> ModuleType:
    """The made-up study of molecules of `molecular.py`."""
    return _beside("molecular")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A headless Chromium (`browser.py`); what it downloads is in `browser.folder`."""
    module = _beside("browser")
    if (executable := module.find()) is None:
        pytest.skip(f"no browser is installed: one of {', '.join(module.NAMES)}")
    with module.Browser(executable, tmp_path_factory.mktemp("profile")) as browser:
        browser.downloads_to(tmp_path_factory.mktemp("downloads"))
        yield browser
