"""The README's Python, run as printed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from quantum_latents.models import MLPSpec, StackedMLP
from quantum_latents.results import read_rows

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_api_is_shown_in_under_fifteen_lines():
    lines = [line for block in BLOCKS for line in block.splitlines() if line.strip()]
    assert len(lines) < 15


def test_a_quantum_latent_in_ones_own_module():
    spec = MLPSpec(hidden=(8,), activation="relu", negative_slope=0.0, initialisation="pytorch")
    names = {"my_generator": StackedMLP(spec, 16, 3, stack=1).extract(0)}
    exec(BLOCKS[0], names)
    assert names["z"].shape == (500, 16)
    assert names["x"].shape == (500, 3)


@pytest.mark.slow
def test_a_comparison_on_ones_own_array(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QLAT_CACHE", str(tmp_path / "cache"))
    block = BLOCKS[1].replace('preset="quick"', 'preset="smoke"')
    assert block != BLOCKS[1]
    exec(block, {"my_array": np.random.default_rng(0).normal(size=(200, 3))})
    assert len(read_rows(tmp_path / "my-study")) == 8
    assert "quantum" in capsys.readouterr().out
    assert (tmp_path / "my-study" / "report.html").exists()
