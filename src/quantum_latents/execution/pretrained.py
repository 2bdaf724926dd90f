"""Trained generators that travel: to a folder, to the Hugging Face Hub, and back.

A shared generator is three files. ``generator.safetensors`` has the weights and, as metadata, the
run's spec; ``config.json`` the same spec, the SHA-256 of the weights and the facts of the card;
``README.md`` is the model card. Of a folder or repository that somebody else wrote nothing is
believed: only these names are looked at, none of them may be a link, sizes are known and allowed
before anything is downloaded, nothing is unpickled, and whatever does not fit is refused by name.

What is shared names no folder of the machine that trained: of the data's path the file's name is
left. Needs the extra `hub`, whose mixin this is.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save
from torch import Tensor

from quantum_latents.banks.repository import huggingface_client, said_in_one_line, take_file
from quantum_latents.data import ArraySpec, EncodedSpec
from quantum_latents.disk import write_atomically
from quantum_latents.execution.generate import draws_of, find_run
from quantum_latents.execution.machine import default_cache
from quantum_latents.execution.model_card import facts_of_run, model_card
from quantum_latents.latents import BankSpec
from quantum_latents.random import Stream
from quantum_latents.training import (
    RunSpec,
    TrainedDenoiser,
    TrainedFlow,
    TrainedGenerator,
    load_generator,
)

# A class needs its base where it stands; nothing imports this module before it is used.
hub = huggingface_client("generators")
from huggingface_hub import ModelCard, ModelHubMixin  # noqa: E402

__all__ = ["LARGEST_GENERATOR", "PretrainedGenerator", "fetch_generator"]

LARGEST_GENERATOR = 2 << 30
"""Bytes of weights that are read unless more is asked for: 2 GiB."""

_LARGEST_CONFIG = 1 << 20
_SCHEMA = 1
_WEIGHTS, _CONFIG, _CARD = "generator.safetensors", "config.json", "README.md"
_ALLOWED = frozenset({_WEIGHTS, _CONFIG, _CARD, ".gitattributes"})
"""What a repository of a generator may hold; the hub itself adds .gitattributes."""


class PretrainedGenerator(ModelHubMixin, library_name="quantum-latents"):
    """A trained generator with its latent, of any kind that is trained here.

    `save_pretrained`, `push_to_hub` and `from_pretrained` are those of huggingface_hub's
    `ModelHubMixin`; `from_run` takes a generator out of a study.

    Attributes:
        generator: what `training.load_generator` returns.
        facts: what its card says, JSON values.

    Args:
        generator: as above.
        content: of its file.
        facts: as above.
    """

    def __init__(
        self,
        generator: TrainedGenerator | TrainedFlow | TrainedDenoiser,
        content: bytes,
        facts: dict[str, Any],
    ) -> None:
        self.generator, self.facts, self._content = generator, facts, content

    @property
    def spec(self) -> RunSpec:
        """Of the run that trained it; of its data's path the file's name."""
        return self.generator.spec

    @classmethod
    def from_run(
        cls, run: str | os.PathLike[str], digest: str = "", *, licence: str | None = None
    ) -> PretrainedGenerator:
        """Return the generator of a run on this machine.

        Args:
            run: its folder, or the study's directory; see `find_run`.
            digest: with a study's directory, the first digits of the run's.
            licence: what others may do with it, such as `apache-2.0`; None leaves it open.

        Raises:
            ValueError: no such run, one that diverged, or a damaged file.
        """
        folder = find_run(Path(run), digest)
        spec = load_generator(folder).spec
        tensors = load((folder / _WEIGHTS).read_bytes())
        content = save(tensors, metadata={"spec": json.dumps(_public(spec).to_json())})
        with tempfile.TemporaryDirectory() as copy:
            (Path(copy) / _WEIGHTS).write_bytes(content)
            generator = load_generator(copy)
        facts = facts_of_run(spec, folder.parent.parent)
        return cls(generator, content, facts | {"licence": licence})

    def sample(self, num_samples: int, seed: int = 0, *, cache: Path | None = None) -> np.ndarray:
        """Return samples (num_samples, d_x) in the data's units, of latents drawn afresh.

        They are those of `qlat generate`: sample i depends on the generator, `seed` and i alone,
        of a flow and of a diffusion to rounding (a flow's by dopri5 also on its neighbours).

        Args:
            num_samples: how many, at least 1.
            seed: names the draws.
            cache: folder of fits of learned latents; None is `default_cache`.

        Raises:
            ValueError: a number that cannot be, or a generator trained on a recorded bank, whose
                law nobody knows: give `generate` shots of it.
        """
        if isinstance(num_samples, bool) or not isinstance(num_samples, int) or num_samples < 1:
            raise ValueError(f"num_samples is an integer, at least 1, not {num_samples!r}")
        if isinstance(self.spec.latent, BankSpec):
            raise ValueError(
                f"{self.spec.latent.name} is recorded and has no law to draw from: give "
                "generate(z) its shots, centred and scaled as the spec says"
            )
        return self.generate(*draws_of(self.spec, num_samples, seed, cache or default_cache()))

    def generate(self, z: Tensor | np.ndarray, noise: Stream | None = None) -> np.ndarray:
        """Return samples (N, d_x) of latents (N, d_z); see `training.TrainedGenerator.generate`."""
        return self.generator.generate(z, noise)

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        """Return the model card; a keyword is `repo_id`, see `model_card`."""
        return ModelCard(model_card(self.facts, **kwargs))

    def _save_pretrained(self, save_directory: Path) -> None:
        config = {
            "schema": _SCHEMA,
            "spec": self.spec.to_json(),
            "sha256": hashlib.sha256(self._content).hexdigest(),
            "facts": self.facts,
        }
        write_atomically(save_directory / _WEIGHTS, self._content)
        text = json.dumps(config, indent=1, allow_nan=False)
        write_atomically(save_directory / _CONFIG, text.encode())

    def push_to_hub(  # type: ignore[override]
        self,
        repo_id: str,
        *,
        licence: str | None = None,
        public: bool = False,
        token: str | None = None,
        commit_message: str = "A trained generator",
    ) -> str:
        """Publish the generator as a new model repository; return the commit's address.

        Args:
            repo_id: OWNER/NAME; the repository must not exist, or be empty.
            licence: what others may do with it, such as `apache-2.0`; None takes the generator's.
            public: whether all may see it; otherwise only those whom the owner lets.
            token: of the account; None takes the one that the hub's own client knows.
            commit_message: of the commit.

        Raises:
            ValueError: no licence, a name that cannot be, or a repository that holds something.
            ConnectionError: the hub refuses or cannot be reached.
        """
        licence = self.facts["licence"] if licence is None else licence
        if not licence or not licence.strip():
            raise ValueError("a published generator needs a licence, such as licence='apache-2.0'")
        self.facts = {**self.facts, "licence": licence}
        api = hub.HfApi(token=token)
        with said_in_one_line(hub, repo_id, "model"):
            if api.repo_exists(repo_id):
                files = {file.rfilename for file in api.model_info(repo_id).siblings or ()}
                if foreign := files - {".gitattributes"}:
                    raise ValueError(
                        f"{repo_id} exists and holds {min(foreign)!r}: nothing is overwritten; "
                        "choose another name"
                    )
            made = super().push_to_hub(
                repo_id,
                private=not public,
                token=token,
                commit_message=commit_message,
                model_card_kwargs={"repo_id": repo_id},
            )
        return str(made)

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        revision: str | None = None,
        token: str | None = None,
        largest: int = LARGEST_GENERATOR,
    ) -> PretrainedGenerator:
        """Return a generator from a folder, or from a repository of the hub.

        A repository's files are fetched anew and not kept; `fetch_generator` keeps them.

        Args:
            pretrained_model_name_or_path: a folder, or else OWNER/NAME.
            revision: of a repository: branch, tag or commit; None is the newest.
            token: of the account; None takes the one that the hub's own client knows.
            largest: bytes of weights that may be read.

        Raises:
            ValueError: neither a folder nor a repository, or one that is not, or not safely, a
                generator; the error names the file.
            ConnectionError: the hub refuses or cannot be reached.
        """
        if Path(pretrained_model_name_or_path).is_dir():
            return _loaded(Path(pretrained_model_name_or_path), largest)
        with tempfile.TemporaryDirectory() as folder:
            repo_id = str(pretrained_model_name_or_path)
            _fetch(repo_id, Path(folder), revision, token, largest)
            return _loaded(Path(folder), largest)


def fetch_generator(
    repo_id: str,
    folder: str | os.PathLike[str],
    *,
    revision: str | None = None,
    token: str | None = None,
    largest: int = LARGEST_GENERATOR,
) -> PretrainedGenerator:
    """Fetch a published generator into a new folder; return it.

    Args:
        repo_id: OWNER/NAME of a model repository.
        folder: it must not exist, or be empty.
        revision: branch, tag or commit; None is the newest.
        token: of the account; None takes the one that the hub's own client knows.
        largest: bytes of weights that may be fetched.

    Raises:
        ValueError, ConnectionError: as `PretrainedGenerator.from_pretrained`; or the folder holds
            something.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not an empty folder: choose another --out")
    folder.parent.mkdir(parents=True, exist_ok=True)
    whole = folder.with_name(f".{folder.name}.new-{os.getpid()}")
    try:
        shutil.rmtree(whole, ignore_errors=True)
        whole.mkdir()
        _fetch(repo_id, whole, revision, token, largest)
        generator = _loaded(whole, largest)
        (whole / _CARD).write_text(model_card(generator.facts, repo_id=repo_id), encoding="utf-8")
        os.rename(whole, folder)
    finally:
        shutil.rmtree(whole, ignore_errors=True)
    return generator


def _public(spec: RunSpec) -> RunSpec:
    """Return a spec without the folder of the user's file."""
    data = spec.data.data if isinstance(spec.data, EncodedSpec) else spec.data
    if not isinstance(data, ArraySpec):
        return spec
    named = replace(data, path=re.split(r"[/\\]", data.path)[-1])
    return replace(spec, data=named if data is spec.data else replace(spec.data, data=named))


def _fetch(repo_id: str, folder: Path, revision: str | None, token: str | None, largest: int):
    """Fetch weights and config of a repository into a folder, if it holds nothing else."""
    api = hub.HfApi(token=token)
    with said_in_one_line(hub, repo_id, "model"):
        info = api.model_info(repo_id, revision=revision, files_metadata=True)
    commit = str(info.sha)
    if not re.fullmatch("[0-9a-f]{40,64}", commit):
        raise ValueError(f"{repo_id} has no commit but {commit[:80]!r}")
    sizes = {file.rfilename: file.size for file in info.siblings or ()}
    if foreign := sorted(set(sizes) - _ALLOWED):
        raise ValueError(
            f"{repo_id} holds {foreign[0][:80]!r}: a generator is {_WEIGHTS}, {_CONFIG} and a "
            f"{_CARD}, and nothing else is fetched"
        )
    # The hub's client writes what it likes beside a file: its folder is not the generator's.
    with tempfile.TemporaryDirectory(dir=folder.parent) as fetched:
        for name, most in ((_CONFIG, _LARGEST_CONFIG), (_WEIGHTS, largest)):
            size = sizes.get(name)
            if name not in sizes:
                raise ValueError(f"{repo_id} is not a generator: it holds no {name}")
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise ValueError(f"{repo_id}: the hub does not say how large {name} is")
            _check_size(f"{repo_id}: {name}", size, most)
            with said_in_one_line(hub, repo_id, "model"):
                hub.hf_hub_download(
                    repo_id,
                    name,
                    revision=commit,
                    local_dir=fetched,
                    token=token,
                    endpoint=api.endpoint,
                )
            take_file(repo_id, Path(fetched) / name, folder / name, size)


def _loaded(folder: Path, largest: int) -> PretrainedGenerator:
    """Return the generator of a folder, if its files are plain, small enough and of one another."""
    text = _read(folder / _CONFIG, _LARGEST_CONFIG)
    content = _read(folder / _WEIGHTS, largest)
    where = folder / _CONFIG
    try:
        config = json.loads(text)
        schema, digest, facts = config["schema"], config["sha256"], config["facts"]
        spec = config["spec"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{where} is damaged, or of no generator of ours ({error!r})") from None
    if schema != _SCHEMA:
        raise ValueError(f"{where} is of schema {schema!r}, and this version reads {_SCHEMA}")
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(
            f"{folder / _WEIGHTS} is damaged, or not what was shared: its SHA-256 is not that of "
            f"{_CONFIG}"
        )
    model_card(facts)  # refuses what is no facts
    generator = load_generator(folder)
    if generator.spec.to_json() != spec:
        raise ValueError(f"{where} has the spec of another generator than {_WEIGHTS}")
    return PretrainedGenerator(generator, content, facts)


def _read(path: Path, most: int) -> bytes:
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise ValueError(
            f"{path.parent} is not a shared generator: it holds no {path.name}"
        ) from None
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path} is a link or no plain file: put the file itself there")
    _check_size(str(path), found.st_size, most)
    return path.read_bytes()


def _check_size(what: str, size: int, most: int) -> None:
    if size > most:
        more = "" if most == _LARGEST_CONFIG else " unless more is asked for: largest="
        raise ValueError(f"{what} has {size:,} bytes; at most {most:,} are read{more}")
