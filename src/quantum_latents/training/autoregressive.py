"""The fit of the learned rival, and the latent of a run once all that it needs is fitted.

Notation and formulas: `quantum_latents.latents.autoregressive`; N shots s (m,) of n photons, H
hidden units, batch B. A fit maximises the mean of log P(s) over batches of the shots by Adam
(Kingma and Ba 2015, its usual decays 0.9 and 0.999); the learning rate falls linearly to 0.

A fit is a function of its spec and seed: everything random is drawn from the seed's own streams
(`fit_stream`), in float32 on one thread whatever the threads of the process. A cached fit is never
made again; machines with other vector units may round otherwise.
"""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save
from torch import Tensor, nn

from quantum_latents.banks import build_bank
from quantum_latents.circuits import Interferometer
from quantum_latents.circuits.occupation import evenly_spread
from quantum_latents.disk import write_atomically
from quantum_latents.latents import (
    AutoregressiveFitSpec,
    AutoregressiveSource,
    DamagedFitError,
    FitReport,
    Latent,
    LatentSpec,
    LearnedSpec,
    MissingFitError,
    build_latent,
)
from quantum_latents.latents.autoregressive import weight_shapes
from quantum_latents.latents.fitted import (
    facts_of,
    fit_path,
    fit_stream,
    read_fit,
    shots_recipe,
)
from quantum_latents.models.threads import one_thread
from quantum_latents.random import Stream
from quantum_latents.samplers import boson_law, covariance, mean_occupancy
from quantum_latents.samplers.enumeration import num_outcomes
from quantum_latents.samplers.probabilities import MAX_LAW_OUTCOMES

__all__ = ["fit_autoregressive", "fit_latent", "is_fitted", "latent_of_run"]

_IMPOSSIBLE = -1e30
"""Added to the logit of more photons than are left: its probability is 0 exactly."""

logger = logging.getLogger(__name__)


def latent_of_run(spec: LatentSpec, seed: int, cache: Path) -> Latent:
    """Return the latent of a run, fitted first if it is a learned one that is not yet.

    Args:
        spec: its settings.
        seed: the run's.
        cache: folder of banks and fits.

    Raises:
        ValueError: as `build_latent` does; a fit that diverges, or a file in its place that is no
            fit or another one.

    >>> import tempfile
    >>> from quantum_latents.latents import GaussianSpec
    >>> spec = GaussianSpec(dim=3, scaling="raw", bank_size=None, num_held_out=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     latent_of_run(spec, 0, Path(folder)).dim
    3
    """
    if isinstance(spec, LearnedSpec):
        fit_latent(spec, seed, cache)
    return build_latent(spec, seed, cache)


def is_fitted(spec: LatentSpec, seed: int, cache: Path) -> bool:
    """Return whether nothing must be fitted before a latent is built."""
    if not isinstance(spec, LearnedSpec):
        return True
    return fit_path(spec, spec.interferometer_at(seed), seed, cache).exists()


def fit_latent(spec: LearnedSpec, seed: int, cache: Path) -> FitReport:
    """Fit a learned latent, unless the cache has the fit, and return what it learned.

    A damaged file is fitted anew, to the same weights.

    Raises:
        ValueError: the fit diverges, or a file in its place is no fit or another one.
    """
    device = spec.interferometer_at(seed)
    path = fit_path(spec, device, seed, cache)
    try:
        return read_fit(path)[1]
    except MissingFitError:
        pass
    except DamagedFitError as error:
        logger.warning("%s; fitting it anew", error)
    recipe = shots_recipe(spec, device, seed)
    shots = build_bank(recipe, cache / recipe.digest).counts
    seen, judged = shots[: spec.fit.num_shots], shots[spec.fit.num_shots :]
    weights = fit_autoregressive(seen, spec.fit, fit_stream(seed))
    if not all(np.isfinite(array).all() for array in weights.values()):
        raise ValueError(
            f"the fit of the learned latent of seed {seed} diverged: lower its learning_rate, "
            f"{spec.fit.learning_rate:g}"
        )
    report = _report(AutoregressiveSource(weights, spec.card), spec, device, judged)
    facts = json.dumps(facts_of(path, weights, report), sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, save(weights, {"facts": facts}))
    return report


def fit_autoregressive(
    counts: np.ndarray, fit: AutoregressiveFitSpec, stream: Stream
) -> dict[str, np.ndarray]:
    """Return the weights, float32, that maximise the likelihood of counts.

    Args:
        counts: uint8 (N, m), at least 2 modes, of one photon total n >= 1 in every row.
        fit: the network and its fit.
        stream: its children `init` and `batch` are drawn from.

    Raises:
        ValueError: rows of different totals, or none.

    >>> from quantum_latents.random import stream
    >>> fit = AutoregressiveFitSpec(
    ...     hidden=4, num_shots=2, num_steps=1, batch_size=2, learning_rate=0.01
    ... )
    >>> weights = fit_autoregressive(np.array([[1, 1, 0], [0, 2, 0]], np.uint8), fit, stream(0))
    >>> weights["outputs"].shape
    (2, 4, 3)
    """
    totals = set(np.asarray(counts).sum(axis=1).tolist()) if len(counts) else set()
    if len(totals) != 1:
        raise ValueError(f"shots to fit have one photon total, not {sorted(totals)}")
    (num_photons,) = totals
    with one_thread(), torch.enable_grad():
        network = _Network(np.shape(counts)[1], num_photons, fit.hidden, stream.child("init"))
        optimiser = torch.optim.Adam(network.parameters(), lr=fit.learning_rate, fused=True)
        for step in range(fit.num_steps):
            optimiser.param_groups[0]["lr"] = fit.learning_rate * (1 - step / fit.num_steps)
            rows = stream.child("batch").generator(step).integers(len(counts), size=fit.batch_size)
            batch = torch.from_numpy(np.asarray(counts)[rows].astype(np.int64))
            loss = -network(batch).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return {name: array.detach().numpy().copy() for name, array in network.named_parameters()}


class _Network(nn.Module):
    """The network of `latents.autoregressive`, traced by autograd."""

    def __init__(self, num_modes: int, num_photons: int, hidden: int, stream: Stream):
        super().__init__()
        self.num_photons = num_photons
        shapes, rng = weight_shapes(num_modes, num_photons, hidden), stream.generator()

        def parameter(drawn: np.ndarray) -> nn.Parameter:
            return nn.Parameter(torch.from_numpy(drawn.astype(np.float32)))

        self.inputs = parameter(0.3 * rng.standard_normal(shapes["inputs"]))
        self.bias = parameter(rng.uniform(-1, 1, shapes["bias"]))
        self.outputs = parameter(0.05 * rng.standard_normal(shapes["outputs"]))
        self.totals = parameter(np.zeros(shapes["totals"]))
        choices = torch.arange(num_photons + 1)
        self._impossible = _IMPOSSIBLE * (choices[None, :] > choices[:, None]).float()

    def forward(self, counts: Tensor) -> Tensor:
        """Return log P(s), (B,), of counts, int64 (B, m)."""
        s = counts.T[:-1]  # modes first, so that a mode's rows lie side by side
        modes, choices = torch.arange(len(s)), self.num_photons + 1
        left = self.num_photons - (s.cumsum(0) - s)
        rows = s[:-1] + choices * modes[:-1, None]
        added = nn.functional.embedding(rows, self.inputs.flatten(0, 1))
        first = self.bias.expand(1, s.shape[1], -1)
        hidden = torch.cat([first, added]).cumsum(0).relu()
        totals = (self.totals + self._impossible)[modes[:, None], left]
        logits = torch.baddbmm(totals, hidden, self.outputs)
        return logits.log_softmax(-1).gather(-1, s[..., None]).sum((0, 2))


def _report(
    source: AutoregressiveSource, spec: LearnedSpec, device: Interferometer, judged: np.ndarray
) -> FitReport:
    occupation = evenly_spread(spec.dim, spec.num_photons)
    likelihoods = source.log_probability(judged)
    number = num_outcomes(spec.dim, spec.num_photons)
    entropy = relative_entropy = total_variation = None
    if number <= MAX_LAW_OUTCOMES:
        law = boson_law(device, occupation)[1]
        possible = law > 0
        logs = np.log(law[possible])
        entropy = -float((law[possible] * logs).sum())
        fitted = np.log(source.probabilities[possible])
        relative_entropy = float((law[possible] * (logs - fitted)).sum())
        total_variation = float(np.abs(law - source.probabilities).sum()) / 2
    means = source.mean - mean_occupancy(device, occupation)
    covariances = source.covariance - covariance(device, occupation)
    return FitReport(
        num_shots=spec.fit.num_shots,
        log_likelihood=float(likelihoods.mean()),
        standard_error=float(likelihoods.std() / math.sqrt(len(likelihoods))),
        uniform_log_likelihood=-math.log(number),
        entropy=entropy,
        relative_entropy=relative_entropy,
        total_variation=total_variation,
        mean_deviation=float(np.abs(means).max()),
        covariance_deviation=float(np.abs(covariances).max()),
    )
