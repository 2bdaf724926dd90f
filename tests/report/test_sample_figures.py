"""Figures of samples say what they leave out, and refuse what they cannot draw."""

import pytest

from quantum_latents.report import sample_figures as figures


def test_scatter_counts_what_falls_outside_the_frame():
    frame = [[0, 0], [1, 1]]
    svg = figures.scatter_figure([[0.5, 0.5], [9, 9], [float("nan"), 0]], frame, title="t")
    assert "3 points, 2 outside the frame" in svg


def test_mistakes_are_named():
    with pytest.raises(ValueError, match=r"\(1, 3\)"):
        figures.scatter_figure([[1, 2, 3]], [[0, 0]], title="t")
    with pytest.raises(ValueError, match="square"):
        figures.correlation_figure([[1, 0.5]], title="t", limit=1)
