"""`qlat certify`: which hypotheses of Theorem 1 a trained generator meets."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from quantum_latents.cli.progress import Line

if TYPE_CHECKING:
    from quantum_latents.execution import RunCertificate
    from quantum_latents.theory import MapCertificate

__all__ = ["COMMANDS", "Certify"]

_LEAST_SAMPLES = 100


@dataclass(frozen=True)
class Certify:
    """Say which hypotheses of Theorem 1 hold for trained generators, with constants.

    Certificates are kept in certificates.json beside the study's rows, and shown by its page.
    """

    run: Annotated[Path, tyro.conf.Positional]
    """Folder of a run (DIR/runs/<digest>), or the directory of a study: then all its runs."""
    digest: Annotated[str, tyro.conf.Positional] = ""
    """With a study's directory: the first digits of one run's digest."""
    num_samples: int = 20_000
    """Draws whose outputs are told apart, and shots of the reduction: generate, invert, and test
    the counts that come back."""
    seed: int = 0
    """Names the latents, the search and the shots."""
    json: bool = False
    """Print machine-readable output alone."""


def _certify(command: Certify, arguments: Sequence[str]) -> int:
    from quantum_latents.execution import certify_runs, runs_of

    if command.num_samples < _LEAST_SAMPLES:
        raise ValueError(f"--num-samples is at least {_LEAST_SAMPLES}, not {command.num_samples}")
    folders = runs_of(command.run, command.digest)
    line = Line(quiet=command.json)
    refused: list[str] = []
    made = certify_runs(
        folders,
        num_samples=command.num_samples,
        seed=command.seed,
        on_progress=line.show,
        on_refused=refused.append,
    )
    line.close()
    for why in refused:
        print(f"qlat: left out: {why}", file=sys.stderr)
    if command.json:
        print(json.dumps([one.to_json() for one in made], indent=1, allow_nan=False))
        return 0 if made else 1
    print("\n\n".join("\n".join(_lines(one)) for one in made))
    return 0 if made else 1


def _lines(one: RunCertificate) -> Iterator[str]:
    spec = one.spec
    yield (
        f"run {spec.digest}: {spec.data.name} data, {spec.latent.name} latent of "
        f"{spec.latent.dim}, seed {spec.seed}, {spec.training.num_steps:,} steps"
    )
    for part in (one.certificate.generator, one.certificate.features):
        if part is not None:
            yield from _map_lines(part)
    for kept in one.certificate.survives:
        yield f"  survives: {kept}"
    seen = one.support
    yield f"  {seen.num_latents:,} different draws of the latent gave {seen.num_outputs:,} outputs"
    yield "  Theorem 1:"
    for hypothesis in one.statement.hypotheses:
        yield f"    {hypothesis.holds:15} {hypothesis.name}: {hypothesis.why}"
    yield f"  {one.statement.conclusion}"
    yield f"  The reduction: {one.reduction_note}."
    if one.reduction is not None:
        yield (
            f"    noise on x up to {one.reduction.guaranteed_radius:.2e} is certain to leave the "
            "counts as they are; found:"
        )
        for level in one.reduction.levels:
            yield f"    {level.precision}, noise {level.noise:8.2e}: {level.success_rate:8.2%}"


def _map_lines(part: MapCertificate) -> Iterator[str]:
    widths = " -> ".join(str(width) for width in part.widths)
    yield f"  {part.name} ({widths}): {part.verdict}: {part.reason}"
    for layer in part.layers:
        numbers = ""
        if layer.smallest_singular_value is not None:
            numbers = (
                f"singular values {layer.smallest_singular_value:.3g} to "
                f"{layer.largest_singular_value:.3g}, condition {layer.condition_number:.3g}; "
            )
        yield f"    {layer.name:9} {layer.verdict:14} {numbers}{layer.reason}"
    yield (
        f"    Lip(g) in [{part.lipschitz_found:.3g}, {part.lipschitz.value:.3g}] "
        f"(product of norms {part.lipschitz.product:.3g})"
    )
    if part.route is None:
        if math.isfinite(part.inverse_lipschitz_found):
            yield (
                "    Lip(g^-1), if there is an inverse, at least "
                f"{part.inverse_lipschitz_found:.3g}"
            )
        return
    bound = part.route.bound
    yield (
        f"    Lip(g^-1) in [{part.inverse_lipschitz_found:.3g}, {bound.value:.3g}] "
        f"(product of norms {bound.product:.3g}), condition {part.condition_number:.3g}"
    )


COMMANDS = {"certify": (Certify, _certify)}
