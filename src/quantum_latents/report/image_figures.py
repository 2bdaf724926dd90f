"""Generated images as they are: small ones, side by side.

Colours and canvas as in `quantum_latents.report.canvas`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from quantum_latents.report.canvas import MUTED, SQUARE, fit, svg
from quantum_latents.report.styles import Style

__all__ = ["images_figure"]


def images_figure(
    images: Sequence[Sequence[float]],
    shape: tuple[int, int],
    *,
    pixel_range: tuple[float, float],
    title: str,
    style: Style | None = None,
) -> str:
    """Draw images in a square of rows, the first ones first; dark is the end of the range.

    Args:
        images: (num_images, height * width), pixels row by row. What lies outside the range is
            drawn as its end; the share of such pixels is written below.
        shape: height and width.
        pixel_range: least and greatest pixel of the data.
        title: what is shown.
        style: of the latent; None for the data.

    Raises:
        ValueError: no image, or of other shapes than said.
    """
    pixels = np.asarray(images, dtype=float)
    height, width = shape
    if pixels.ndim != 2 or not len(pixels) or pixels.shape[1] != height * width:
        raise ValueError(f"images are (num_images, {height * width}) here, not {pixels.shape}")
    low, high = pixel_range
    # A pixel of space around each image, in the colour of no ink.
    across = math.isqrt(len(pixels) - 1) + 1
    down = -(-len(pixels) // across)
    canvas = np.full((down * (height + 1), across * (width + 1)), float(low))
    for place, image in enumerate(pixels.reshape(-1, height, width)):
        top, left = place // across * (height + 1), place % across * (width + 1)
        canvas[top : top + height, left : left + width] = image
    outside = float(((pixels < low) | (pixels > high)).mean())

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.imshow(canvas, cmap="gray_r", vmin=low, vmax=high, interpolation="none")
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_color(style.colour if style else MUTED)
        note = f"{len(pixels)} images" + (f", {outside:.0%} of pixels out of range" * (outside > 0))
        axes.set_xlabel(note, fontsize=7.5, color=MUTED)
        axes.set_title(title)
        fit(figure, axes)

    return svg(draw, SQUARE, title)
