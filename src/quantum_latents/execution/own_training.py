"""A user's own training under several latents, in one call: rows as runs finish, exact resume.

Notation: d_z is the length of z, d_x that of a sample, M the samples that a run generates.

The directory is a study's, as `execution.local` writes it, without a plan and checkpoints: runs
are made one after the other in this process, and one that is cut short begins again.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import os
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np

import quantum_latents
from quantum_latents.data import DataSet, DataSpec, array_spec, check_installed, load
from quantum_latents.execution.directory import description_of, lock_directory
from quantum_latents.execution.finished import FinishedRuns
from quantum_latents.execution.freeze import freeze_study
from quantum_latents.execution.kept_array import kept_array
from quantum_latents.execution.machine import commit_of_source, default_cache, machine
from quantum_latents.latents import LatentSpec
from quantum_latents.random import stream
from quantum_latents.recipes import LATENTS, Study, own_training
from quantum_latents.results import FROZEN, MIN_SEEDS_VERDICT, read_rows
from quantum_latents.training import LatentDraws, OwnRunSpec, OwnTrainingSpec

__all__ = ["compare_training"]

_logger = logging.getLogger(__name__)


def compare_training(
    train_fn: Callable[[LatentDraws, np.ndarray, int], Any],
    data: np.ndarray | str | os.PathLike[str] | DataSpec,
    directory: str | os.PathLike[str],
    *,
    latents: Sequence[str | LatentSpec] = LATENTS,
    seeds: int | Sequence[int] = 10,
    latent_dim: int = 16,
    bank_size: int | None = 100_000,
    num_samples: int | None = None,
    version: str | None = None,
    extend: bool = False,
    cache: Path | None = None,
) -> list[dict[str, Any]]:
    """Run one's own training once for every latent and seed; return the rows.

    `train_fn(latent, data, seed)` is all there is to write, in any framework:

    - `latent.sample(n)` gives n new rows z, float32 (n, d_z), as often as it is called;
    - `data` are the rows to train on, float32 (N, d_x), in the data's own units, a copy for each
      run; they depend on the seed and not on the latent, and of a user's file not even on that;
    - `seed` is for what else is random. Initial weights and batches must follow from it (such as
      `torch.manual_seed(seed)`) and not from the latent, or runs are not paired.

    It returns what it learned, as a callable from z (M, d_z) to samples (M, d_x), in data's units,
    or as the samples themselves, made of `latent.held_out`. A callable is enough because all
    randomness of a deterministic generator is in z, and it leaves the choice of held-out latents
    here; samples are for whoever has more to say about how they are made. A `torch.nn.Module` is
    called with a tensor, everything else with an array; whatever numpy can read may come back.

    Rows are appended as runs finish, and a run with a row is not made again: after Ctrl-C or a
    power cut, the same call goes on. A run whose function raises has a row with status `failed`,
    one whose samples are not finite has `diverged`; the others go on, and their seeds leave the
    pairs. `qlat table DIR`, `qlat report DIR` and `qlat evaluate DIR` work on the directory.

    Args:
        train_fn: as said.
        data: an array (num_samples, d_x), numpy's or one that numpy reads, kept as `data.npy` in
            the directory; a file, as `qlat run compare` takes it; or a data set's spec.
        directory: where the study lives.
        latents: names (`recipes.CHALLENGERS`, or `bank:FOLDER`) or specs of `latents`.
        seeds: how many, or which; below 10 there is no verdict.
        latent_dim: d_z of the named latents; half as many photons.
        bank_size: kept draws of every latent; None draws afresh.
        num_samples: M; None takes as many as are held out, at most 10,000.
        version: what tells this training from the same function changed. None is the SHA-256 of
            the file that the function stands in: a file that it imports is not looked at, so say a
            version where the training lives in several.
        extend: go on with more seeds or latents than the directory's study has; told on its page.
        cache: folder of banks; None is `default_cache`.

    Raises:
        TypeError, ValueError: no or an unknown latent, a seed, data or a function that cannot be
            used, or a directory with another study, before anything is trained; or, from a run,
            samples of another shape than (M, d_x): the run then has no row, since the mistake is
            every run's.
        ImportError: the data need a library that is not installed.
    """
    training = OwnTrainingSpec(name=_name_of(train_fn), version=version or _version_of(train_fn))
    seeds = range(seeds) if isinstance(seeds, int) and not isinstance(seeds, bool) else seeds
    if not isinstance(seeds, Sequence):
        raise TypeError(f"seeds is a number of seeds or a sequence of them, not {seeds!r}")
    directory, cache = Path(directory), cache or default_cache()
    if directory.exists() and not directory.is_dir():
        raise ValueError(f"{directory} is a file: a study needs a directory, choose another one")
    if hasattr(data, "__array__"):
        data = _as_array(data)
    if isinstance(data, np.ndarray | str | os.PathLike):
        kept = kept_array(data, directory)
    else:
        check_installed(data)
        from quantum_latents.evaluation import check_network_of

        check_network_of(data, cache)
        kept = None
    try:
        spec = data if kept is None else array_spec(str(kept.file))  # type: ignore[arg-type]
        loaded = load(spec, stream(0, "data"), cache)  # type: ignore[arg-type]
        study = own_training(
            training,
            spec,  # type: ignore[arg-type]
            loaded,
            latents=latents,
            seeds=seeds,
            latent_dim=latent_dim,
            bank_size=bank_size,
            num_samples=num_samples,
            cache=cache,
        )
    except (TypeError, ValueError):
        if kept is not None:
            kept.discard()
        raise
    directory.mkdir(parents=True, exist_ok=True)
    with lock_directory(directory):
        commit = commit_of_source()
        _check_same_training(directory, training)
        description = description_of(study, _call(training, data, directory, seeds), commit)
        frozen = freeze_study(study.runs, description, directory, extend=extend)
        for half in directory.rglob("*.part"):  # left by a writer that was killed
            half.unlink()
        if (num_seeds := len(seeds)) < MIN_SEEDS_VERDICT:
            _logger.warning(
                "%d seeds are too few for a verdict, which takes %d", num_seeds, MIN_SEEDS_VERDICT
            )
        _run_all(train_fn, study, directory, cache, frozen, commit)
    return read_rows(directory)


def _run_all(
    train_fn: Callable[..., Any],
    study: Study,
    directory: Path,
    cache: Path,
    frozen: str,
    commit: str,
) -> None:
    from quantum_latents.evaluation import failed_row, make_row, write_run
    from quantum_latents.training import Outcome, data_of, latent_of_run

    finished = FinishedRuns(directory, frozen)
    data, data_seed = None, None  # latents of a seed follow each other and share it
    for spec in cast("tuple[OwnRunSpec, ...]", study.runs):
        if spec.digest in finished.runs:
            continue
        if data is None or data_seed != spec.seed:
            data, data_seed = data_of(spec, cache), spec.seed
        latent = latent_of_run(spec.latent, spec.seed, cache)
        draws = LatentDraws(latent, spec.latent.name, spec.seed, spec.evaluation.num_samples)
        rows = data.to_data_units(data.train).astype(np.float32)
        started = time.monotonic()
        told: dict[str, Any] = {"study": study.name, "stack": _STACK}
        try:
            made = _generated(train_fn(draws, rows, spec.seed), draws.held_out)
        except Exception as error:
            detail = f"{spec.training.name} raised {_in_one_line(error)}"
            _logger.warning("%s, seed %d: %s", spec.latent.name, spec.seed, detail)
            _keep_traceback(directory, spec.digest)
            provenance = _provenance(started, commit)
            finished.append(failed_row(spec, data, detail, **told, provenance=provenance))
            continue
        samples = _checked(made, spec, data)
        outcome = Outcome(
            spec=spec,
            samples=samples,
            weights={},
            diverged_at=None,
            curves={},
            kernel=_STACK["kernel"],
            seconds=time.monotonic() - started,
        )
        provenance = _provenance(started, commit)
        write_run(directory, outcome)
        finished.append(make_row(outcome, data, **told, provenance=provenance))


_STACK = {"size": 1, "place": 0, "kernel": "own training"}


def _generated(returned: Any, z: np.ndarray) -> Any:
    """Return the samples that a training returned, or that what it returned makes of z."""
    if not callable(returned) or hasattr(returned, "__array__"):
        return _as_array(returned)
    import torch

    if not isinstance(returned, torch.nn.Module):
        return _as_array(returned(z))
    returned.eval()
    place = next((p.device for p in returned.parameters()), torch.device("cpu"))
    with torch.no_grad():
        return _as_array(returned(torch.from_numpy(z).to(place)))


def _as_array(value: Any) -> np.ndarray:
    # A tensor that remembers gradients, or lies on a GPU, has an __array__ that refuses.
    for step in ("detach", "cpu"):
        value = getattr(value, step)() if callable(getattr(value, step, None)) else value
    return np.asarray(value)


def _checked(made: np.ndarray, spec: OwnRunSpec, data: DataSet) -> np.ndarray:
    wanted = (spec.evaluation.num_samples, data.dim)
    where = f"{spec.training.name}, {spec.latent.name}, seed {spec.seed}"
    if made.dtype.kind not in "fiub":
        raise TypeError(
            f"{where}: samples are an array of numbers, or a callable that makes one from z, not "
            f"{made.dtype} of shape {made.shape}"
        )
    if made.shape != wanted:
        raise ValueError(
            f"{where}: samples are of shape {wanted}, one for each row of latent.held_out, not "
            f"{made.shape}"
        )
    with np.errstate(over="ignore"):  # what float32 cannot hold is told as diverged
        return made.astype(np.float32)


def _name_of(train_fn: Callable[..., Any]) -> str:
    if not callable(train_fn):
        raise TypeError(f"train_fn is a function of (latent, data, seed), not {train_fn!r}")
    try:
        inspect.signature(train_fn).bind(None, None, None)
    except TypeError as error:
        raise TypeError(
            f"train_fn takes (latent, data, seed), three arguments in this order: {error}"
        ) from None
    name = getattr(train_fn, "__qualname__", type(train_fn).__qualname__)
    return name.replace("<locals>.", "")


def _version_of(train_fn: Callable[..., Any]) -> str:
    """Return the hash of the file that a function stands in.

    Raises:
        ValueError: the file would not show a change of it.
    """
    say = 'say what tells it from another, such as version="1"'
    if not inspect.isfunction(train_fn):
        raise ValueError(f"{train_fn!r} is no plain function, whose file would be hashed: {say}")
    if train_fn.__closure__:
        names = ", ".join(train_fn.__code__.co_freevars)
        raise ValueError(
            f"{_name_of(train_fn)} takes {names} from around it, which its file does not show: "
            f"{say}"
        )
    try:
        file = inspect.getsourcefile(train_fn)
        content = None if file is None else Path(file).read_bytes()
    except (TypeError, OSError):
        content = None
    if content is None:
        raise ValueError(f"{_name_of(train_fn)} stands in no file that could be hashed: {say}")
    return f"sha256:{hashlib.sha256(content).hexdigest()[:16]}"


def _check_same_training(directory: Path, training: OwnTrainingSpec) -> None:
    """Refuse rows of another training; begin anew where there is none yet.

    Whoever mends a mistake of the first run has changed the function, and seen no result.
    """
    runs = directory / "runs.json"
    try:
        there = [run["training"] for run in json.loads(runs.read_text()).values()]
        names = {(of["name"], of["version"]) for of in there}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return  # none, or another kind of study: freeze_study says what is wrong
    if names == {(training.name, training.version)}:
        return
    rows = directory / "rows.jsonl"
    if not rows.exists() or not rows.stat().st_size:
        for name in ("runs.json", "study.json", FROZEN):
            (directory / name).unlink(missing_ok=True)
        return
    said = ", ".join(f"{name} {version}" for name, version in sorted(names))
    raise ValueError(
        f"{directory} holds rows of {said}, and this is {training.name} {training.version}: choose "
        "another directory, or give the version= of before if nothing that matters has changed"
    )


def _call(training: OwnTrainingSpec, data: Any, directory: Path, seeds: Sequence[int]) -> str:
    """Return the call in short, for the page."""
    what = "array" if isinstance(data, np.ndarray) else repr(str(getattr(data, "name", data)))
    which = len(seeds) if list(seeds) == list(range(len(seeds))) else list(seeds)
    return f"compare_training({training.name}, {what}, {str(directory)!r}, seeds={which}, ...)"


def _provenance(started: float, commit: str) -> dict[str, Any]:
    return {
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - started, 3),
        "machine": machine(),
        "version": quantum_latents.__version__,
        "commit": commit,
    }


def _in_one_line(error: Exception) -> str:
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}"[:300].removesuffix(": ")


def _keep_traceback(directory: Path, digest: str) -> None:
    folder = directory / "runs" / digest
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "traceback.txt").write_text(traceback.format_exc(), encoding="utf-8")
