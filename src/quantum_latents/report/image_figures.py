"""Generated images as they are: small ones, side by side.

Colours and canvas as in `quantum_latents.report.canvas`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from quantum_latents.report.canvas import MUTED, SQUARE, fit, svg
from quantum_latents.report.styles import Style

__all__ = ["images_figure", "photographs_figure"]


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
    canvas = _side_by_side(pixels.reshape(-1, height, width), float(low))
    outside = float(((pixels < low) | (pixels > high)).mean())
    note = f"{len(pixels)} images" + (f", {outside:.0%} of pixels out of range" * (outside > 0))
    frame = {"cmap": "gray_r", "vmin": low, "vmax": high}
    return _drawn(canvas, title, note, style, frame)


def photographs_figure(levels: np.ndarray, *, title: str, style: Style | None = None) -> str:
    """Draw photographs in a square of rows, the first ones first.

    Args:
        levels: uint8 (num_images, 3, height, width), red, green and blue.
        title: what is shown.
        style: of the latent; None for the data.

    Raises:
        ValueError: no image, or not three colours.
    """
    if levels.ndim != 4 or not len(levels) or levels.shape[1] != 3 or levels.dtype != np.uint8:
        raise ValueError(
            f"photographs are uint8 (num_images, 3, height, width), not {levels.dtype} "
            f"{levels.shape}"
        )
    canvas = _side_by_side(levels.transpose(0, 2, 3, 1), 255)
    return _drawn(canvas, title, f"{len(levels)} images", style, {})


def _side_by_side(images: np.ndarray, space: float) -> np.ndarray:
    """Return images (N, H, W, ...) in one, with a pixel of space around each."""
    num_images, height, width = images.shape[:3]
    across = math.isqrt(num_images - 1) + 1
    down = -(-num_images // across)
    whole = (down * (height + 1), across * (width + 1), *images.shape[3:])
    canvas = np.full(whole, space, dtype=images.dtype)
    for place, image in enumerate(images):
        top, left = place // across * (height + 1), place % across * (width + 1)
        canvas[top : top + height, left : left + width] = image
    return canvas


def _drawn(
    canvas: np.ndarray, title: str, note: str, style: Style | None, frame: dict[str, Any]
) -> str:
    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.imshow(canvas, interpolation="none", **frame)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_color(style.colour if style else MUTED)
        axes.set_xlabel(note, fontsize=7.5, color=MUTED)
        axes.set_title(title)
        fit(figure, axes)

    return svg(draw, SQUARE, title)
