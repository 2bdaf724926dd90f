"""What generators made, at one seed of every data set: points, means and correlations, molecules.

Molecules are drawn at evaluation; their drawings are taken from ``pictures`` beside the rows.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from quantum_latents.report.figure_numbers import (
    correlation_numbers,
    distribution_numbers,
    levels_numbers,
    marginals_numbers,
    pixels_numbers,
    points_numbers,
)
from quantum_latents.report.gallery import Gallery, Numbers
from quantum_latents.report.pictures import Picture, read_pictures
from quantum_latents.report.styles import Style
from quantum_latents.report.tables import Table
from quantum_latents.results import latents, select
from quantum_latents.results.row_details import unpacked_levels

__all__ = ["previews"]

Row = Mapping[str, Any]

_OF_IMAGES = "The first held-out images, and the first of each latent's generator."


def previews(
    rows: Sequence[Row],
    numbers: Table,
    looks: Mapping[str, Style],
    directory: Path,
    gallery: Gallery,
) -> list[dict[str, Any]]:
    """Return, of each data set, what the latents' generators made at one seed.

    Args:
        rows: as tables compare them.
        numbers: of the same rows.
        looks: style of each latent.
        directory: of the study.
        gallery: of the page.

    Raises:
        ValueError: a preview of an unknown kind, or damaged pictures.
    """
    groups = []
    for section in numbers.sections:
        shown = _preview_rows(select(rows, data=section.data))
        if shown and numbers.along and shown[0]["preview"]["kind"] == "scatter":
            continue  # they stand in the grid along the axis
        if shown:
            kind = shown[0]["preview"]["kind"]
            if kind not in _PREVIEWS:
                raise ValueError(
                    f"run {shown[0]['run']}: preview kind {kind!r} is none of {tuple(_PREVIEWS)}"
                )
            maker = _PREVIEWS[kind]
            seed = shown[0]["spec"]["seed"]
            groups.append(
                {
                    "data": section.data,
                    "seed": seed,
                    **maker(shown, looks, directory, gallery, section.data),
                }
            )
    return groups


def _preview_rows(rows: Sequence[Row]) -> list[Row]:
    """Rows of the smallest seed for which most latents have a preview, one a latent.

    Of one kind, the first's: what rows of one data set have, unless someone changed them.
    """
    usable = [row for row in rows if row["status"] == "finished" and row.get("preview")]
    if not usable:
        return []
    usable = [row for row in usable if row["preview"]["kind"] == usable[0]["preview"]["kind"]]
    number = Counter(row["spec"]["seed"] for row in usable)
    seed = min(number, key=lambda seed: (-number[seed], seed))
    chosen = [row for row in usable if row["spec"]["seed"] == seed]
    names = latents(chosen)
    return sorted(chosen, key=lambda row: names.index(row["spec"]["latent"]["name"]))


def _scatter(
    rows: Sequence[Row],
    looks: Mapping[str, Style],
    directory: Path,
    gallery: Gallery,
    data_set: str,
) -> dict[str, Any]:
    from quantum_latents.report import sample_figures as figures

    data = rows[0]["preview"]["data"]
    most = figures.MAX_SCATTER_POINTS
    drawn = [
        gallery.add(
            figures.scatter_figure(data, data, title="data"),
            points_numbers({"data": data}, most),
            kind="samples",
            data=data_set,
        )
    ]
    for row in rows:
        name = row["spec"]["latent"]["name"]
        points = row["preview"]["generated"]
        drawn.append(
            gallery.add(
                figures.scatter_figure(points, data, title=name, style=looks[name]),
                points_numbers({name: points}, most),
                kind="samples",
                data=data_set,
                latent=name,
            )
        )
    return {
        "caption": "Points of the data and of each latent's generator, in one frame.",
        "rows": [drawn],
    }


def _columns(
    rows: Sequence[Row],
    looks: Mapping[str, Style],
    directory: Path,
    gallery: Gallery,
    data_set: str,
) -> dict[str, Any]:
    from quantum_latents.report import sample_figures as figures

    previews = [(row["spec"]["latent"]["name"], row["preview"]) for row in rows]
    means = [
        value
        for _, preview in previews
        for value in (*preview["mean_data"], *preview["mean_generated"])
    ]
    top, bottom = max(0.0, *means), min(0.0, *means)
    margin = 0.06 * (top - bottom) or 1.0
    top, bottom = top + margin, bottom - margin if bottom < 0 else 0.0
    mean_data = previews[0][1]["mean_data"]
    marginals = [
        gallery.add(
            figures.marginals_figure(mean_data, title="data", top=top, bottom=bottom),
            marginals_numbers(mean_data),
            kind="means",
            data=data_set,
        )
    ]
    for name, preview in previews:
        figure = figures.marginals_figure(
            mean_data,
            preview["mean_generated"],
            looks[name],
            title=name,
            top=top,
            bottom=bottom,
        )
        marginals.append(
            gallery.add(
                figure,
                marginals_numbers(mean_data, preview["mean_generated"]),
                kind="means",
                data=data_set,
                latent=name,
            )
        )
    matrices = {"": previews[0][1]["correlation_data"]} | {
        name: preview["correlation_generated"] for name, preview in previews
    }
    limit = max((_largest_pair(matrix) for matrix in matrices.values()), default=0.0) or 1.0
    correlations = [
        gallery.add(
            figures.correlation_figure(matrix, title=name or "data", limit=limit),
            correlation_numbers(matrix),
            kind="correlations",
            data=data_set,
            latent=name,
        )
        for name, matrix in matrices.items()
    ]
    return {
        "caption": (
            "Above, the mean of each column: the data as bars, generated samples as points. "
            "Below, the correlation of each pair of columns, on one scale of colour."
        ),
        "rows": [marginals, correlations],
    }


def _molecules(
    rows: Sequence[Row],
    looks: Mapping[str, Style],
    directory: Path,
    gallery: Gallery,
    data_set: str,
) -> dict[str, Any]:
    """A gallery a latent, and the shares of every descriptor, all latents in one figure."""
    from quantum_latents.report import sample_figures as figures

    previews = {row["spec"]["latent"]["name"]: row["preview"] for row in rows}
    # The latents of one seed share data and trivial sampler: the first says them for all.
    described: dict[str, dict[str, Any]] = {}
    generated: dict[str, dict[str, Any]] = {}
    for latent, preview in previews.items():
        for entry in preview.get("distributions") or ():
            described.setdefault(entry["name"], entry)
            shares = generated.setdefault(entry["name"], {})
            if any(entry["generated"]):  # without a valid molecule there is no distribution
                shares[latent] = entry["generated"]
    drawn = []
    for name, entry in described.items():
        scale = {"edges": entry.get("edges"), "categories": entry.get("categories")}
        scale["trivial"] = entry.get("trivial")
        figure = figures.distribution_figure(
            entry["data"],
            generated[name],
            looks,
            title=entry.get("label") or name,
            label=entry.get("unit") or "",
            **scale,
        )
        shares = distribution_numbers(entry["data"], generated[name], **scale)
        drawn.append(gallery.add(figure, shares, kind=f"distribution-{name}", data=data_set))
    return {
        "rows": [],
        "caption": "",
        "galleries": [
            _gallery(latent, preview.get("pictures"), directory)
            for latent, preview in previews.items()
        ],
        "distributions": drawn,
        "has_trivial": any(entry.get("trivial") for entry in described.values()),
        "latents": list(previews),
    }


def _gallery(latent: str, name: str | None, directory: Path) -> dict[str, Any]:
    """The pictures of a run, and how many of them are what."""
    pictures: list[Picture] = (read_pictures(directory, name) if name else None) or []
    valid = [picture for picture in pictures if picture.valid]
    novel = sum(picture.novel for picture in valid)
    return {
        "latent": latent,
        "file": name or "",
        "pictures": [
            {"svg": Markup(picture.svg), "smiles": picture.smiles, "reason": picture.reason}
            | {"valid": picture.valid, "novel": picture.novel}
            for picture in pictures
        ],
        "summary": f"{len(valid)} of these {len(pictures)} are valid, {novel} novel",
    }


def _images(
    rows: Sequence[Row],
    looks: Mapping[str, Style],
    directory: Path,
    gallery: Gallery,
    data_set: str,
) -> dict[str, Any]:
    from quantum_latents.report.image_figures import images_figure

    preview = rows[0]["preview"]
    frame: dict[str, Any] = {
        "shape": tuple(preview["shape"]),
        "pixel_range": tuple(preview["pixel_range"]),
    }
    shown = [("", preview["data"])]
    shown += [(row["spec"]["latent"]["name"], row["preview"]["generated"]) for row in rows]
    draw = functools.partial(images_figure, **frame)
    return _grids(shown, draw, pixels_numbers, looks, gallery, data_set)


def _photographs(
    rows: Sequence[Row],
    looks: Mapping[str, Style],
    directory: Path,
    gallery: Gallery,
    data_set: str,
) -> dict[str, Any]:
    from quantum_latents.report.image_figures import photographs_figure

    def levels(row: Row, of: str) -> np.ndarray:
        return unpacked_levels(row["preview"][of], row["preview"]["shape"])

    shown = [("", levels(rows[0], "data"))]
    shown += [(row["spec"]["latent"]["name"], levels(row, "generated")) for row in rows]
    return _grids(shown, photographs_figure, levels_numbers, looks, gallery, data_set)


def _grids(
    shown: Sequence[tuple[str, Any]],
    draw: Callable[..., str],
    numbers: Callable[[Any], Numbers],
    looks: Mapping[str, Style],
    gallery: Gallery,
    data_set: str,
) -> dict[str, Any]:
    """Return the images of the data, which no latent's name stands before, and of each latent."""
    drawn = [
        gallery.add(
            draw(images, title=name or "data", style=looks.get(name)),
            numbers(images),
            kind="samples",
            data=data_set,
            latent=name,
        )
        for name, images in shown
    ]
    return {"caption": _OF_IMAGES, "rows": [drawn]}


_PREVIEWS: dict[str, Callable[..., dict[str, Any]]] = {
    "scatter": _scatter,
    "counts": _columns,
    "vector": _columns,
    "images": _images,
    "photographs": _photographs,
    "molecules": _molecules,
}


def _largest_pair(matrix: Sequence[Sequence[float | None]]) -> float:
    return max(
        (
            abs(value)
            for i, line in enumerate(matrix)
            for j, value in enumerate(line)
            if i != j and value is not None
        ),
        default=0.0,
    )
