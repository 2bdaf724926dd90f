"""Certificates of trained runs: which hypotheses of Theorem 1 their generators meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from quantum_latents.execution.generate import find_run
from quantum_latents.execution.machine import default_cache
from quantum_latents.latents import BankSpec, Latent, PhotonicSpec
from quantum_latents.random import stream
from quantum_latents.results import write_certificates
from quantum_latents.theory import (
    Certificate,
    Network,
    Reduction,
    Statement,
    Support,
    certify,
    on_support,
    read_network,
    reduce_to_counts,
    state,
)
from quantum_latents.training import (
    RunSpec,
    TrainedFlow,
    TrainedGenerator,
    latent_of_run,
    load_generator,
)

__all__ = ["RunCertificate", "certify_runs", "runs_of"]

NUM_LATENTS = 64
"""Latents at which local constants are measured and the search begins."""


@dataclass(frozen=True, kw_only=True)
class RunCertificate:
    """What is known of one run's generator.

    Attributes:
        spec: of the run.
        certificate: of its generator.
        support: its generator on `num_samples` draws of its latent.
        statement: what they say of Theorem 1.
        reduced: what was inverted in the reduction: `generator`, `features` or nothing.
        reduction: Theorem 1's argument run on samples; None where it cannot be.
        reduction_note: why it was not run, or what it says.
    """

    spec: RunSpec
    certificate: Certificate
    support: Support
    statement: Statement
    reduced: str | None
    reduction: Reduction | None
    reduction_note: str

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON-able dict, as ``certificates.json`` holds it."""
        spec = self.spec
        return {
            "run": spec.digest,
            "data": spec.data.name,
            "latent": spec.latent.name,
            "dim": spec.latent.dim,
            "seed": spec.seed,
            "num_steps": spec.training.num_steps,
            **self.certificate.to_json(),
            "support": self.support.to_json(),
            "hypotheses": [asdict(one) for one in self.statement.hypotheses],
            "conclusion": self.statement.conclusion,
            "reduced": self.reduced,
            "reduction": None if self.reduction is None else self.reduction.to_json(),
            "reduction_note": self.reduction_note,
        }


def runs_of(path: Path, prefix: str = "") -> list[Path]:
    """Return the folders of the runs that a path names: one run, or all of a study.

    Raises:
        ValueError: there is no such run, see `find_run`, or no run at all.
    """
    if prefix or (path / "generator.safetensors").exists() or not (path / "runs").is_dir():
        return [find_run(path, prefix)]
    folders = sorted(file.parent for file in (path / "runs").glob("*/generator.safetensors"))
    if not folders:
        raise ValueError(f"no trained generator in {path / 'runs'}: run the study first")
    return folders


def certify_runs(
    folders: Sequence[Path],
    *,
    num_samples: int = 20_000,
    seed: int = 0,
    cache: Path | None = None,
    on_progress: Callable[[str], None] = lambda text: None,
    on_refused: Callable[[str], None] = lambda text: None,
) -> list[RunCertificate]:
    """Certify the generators of runs, and keep each certificate beside its study's rows.

    Args:
        folders: of the runs, see `runs_of`. Of several, those that cannot be certified, because
            they diverged or are damaged, are told to `on_refused` and left out.
        num_samples: draws whose outputs are told apart, and shots of the reduction, for photonic
            latents whose generator, or at least its features, can be undone.
        seed: names the latents, the search and the shots.
        cache: folder of banks; None is `default_cache`.
        on_progress: called with what is being done.
        on_refused: called with why a run is left out.

    Raises:
        ValueError: a generator's file is damaged, or its run diverged, and there is no other; or
            the certificates that are there already are damaged.
    """
    made = []
    for place, folder in enumerate(folders, start=1):
        folder = folder.resolve()
        on_progress(f"run {place} of {len(folders)}: {folder.name}")
        try:
            generator = load_generator(folder)
            if not isinstance(generator, TrainedGenerator):
                kind = "flow" if isinstance(generator, TrainedFlow) else "diffusion GAN"
                raise ValueError(
                    f"run {generator.spec.digest} is a {kind}: certificates are of piecewise "
                    "linear generators, whose layers can be undone one by one"
                )
            if generator.to_data.decoder is not None:
                raise ValueError(
                    f"run {generator.spec.digest} generates codes, which the decoder of an "
                    "autoencoder takes to samples: no certificate covers that decoder"
                )
        except ValueError as error:
            if len(folders) == 1:
                raise
            on_refused(str(error))
            continue
        one = _certify(generator, num_samples, seed, cache or default_cache())
        made.append(one)
        study = folder.parent.parent
        if (study / "study.json").exists():
            write_certificates(study, [one.to_json()])
    return made


def _certify(
    generator: TrainedGenerator, num_samples: int, seed: int, cache: Path
) -> RunCertificate:
    spec = generator.spec
    fresh = (
        spec.latent if isinstance(spec.latent, BankSpec) else replace(spec.latent, bank_size=None)
    )
    latent = latent_of_run(fresh, spec.seed, cache)
    draws = stream(seed, "certify")
    z = latent.sample(num_samples, draws.child("latents")).double().numpy()
    network = read_network(generator)
    certificate = certify(network, z[:NUM_LATENTS], draws.child("search"))
    # Codes of graphs; of vectors what float64 tells apart.
    outputs = generator.generate(z) if generator.layout is not None else network(z)
    support = on_support(latent.to_raw(z), outputs)
    reduced, reduction, note = _reduced(network, certificate, latent, spec, num_samples, seed)
    return RunCertificate(
        spec=spec,
        certificate=certificate,
        support=support,
        statement=state(certificate, spec.latent, spec.seed, support),
        reduced=reduced,
        reduction=reduction,
        reduction_note=note,
    )


def _reduced(
    network: Network,
    certificate: Certificate,
    latent: Latent,
    spec: RunSpec,
    num_samples: int,
    seed: int,
) -> tuple[str | None, Reduction | None, str]:
    if isinstance(spec.latent, BankSpec):
        return None, None, "not run: of a bank of recorded shots no law is known to test against"
    if not isinstance(spec.latent, PhotonicSpec):
        return None, None, f"not run: the {spec.latent.name} latent is no boson sampler's counts"
    for part, found in (
        (certificate.generator, network),
        (certificate.features, network.features),
    ):
        if part is None or found is None or part.verdict != "certified":
            continue
        made = reduce_to_counts(
            found, latent, stream(seed, "certify", "reduction"), num_samples=num_samples
        )
        return part.name, made, _told(made, part.name)
    return None, None, "not run: neither the generator nor its features have a certified inverse"


def _told(made: Reduction, name: str) -> str:
    exact = made.levels[0].success_rate
    text = (
        f"from {made.num_samples:,} samples of the {name}, {exact:.2%} of the latent's counts come "
        f"back exactly; they are {made.recovered.verdict} with the boson sampler's law"
    )
    if made.control is None:
        return text
    return f"{text}, distinguishable photons sent the same way {made.control.verdict}"
