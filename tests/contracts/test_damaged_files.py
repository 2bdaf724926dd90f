"""Every reader of files, fed what no writer of ours leaves: a clear error, no crash and no hang.

A valid file is mutated, as text of JSON (values put in place of others, fields taken out or added)
or as bytes (cut, changed, filled). What comes of it is either a value or the reader's own error,
with one line of text: nothing else may leave a reader, whatever the bytes. Bytes that are changed
where no checksum looks may still be a valid file.
"""

import bz2
import gzip
import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from damage import damaged, every_seed, mutated, reading, rng_of, some, spoilt
from hypothesis import settings
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save

from quantum_latents.banks import BankRecipe, build_bank, import_bank, open_bank, read_counts
from quantum_latents.circuits import haar
from quantum_latents.cli.rows import made_table
from quantum_latents.data import BitsSpec, array_spec, load, molecules_spec
from quantum_latents.data.autoencoder import AutoencoderSpec, fitted_autoencoder
from quantum_latents.data.smiles_files import read_smiles
from quantum_latents.evaluation import read_samples, write_run
from quantum_latents.latents import GaussianSpec
from quantum_latents.models import GANSpec, MLPSpec
from quantum_latents.random import stream
from quantum_latents.recipes import autoencoder, corollary, ddgan, moons, table1
from quantum_latents.report import write_report
from quantum_latents.results import read_rows
from quantum_latents.results.standing import standing
from quantum_latents.training import (
    EvaluationSpec,
    OptimiserSpec,
    RunSpec,
    WGANSpec,
    load_generator,
    train_stack,
)
from quantum_latents.training.checkpoint import read_checkpoint, write_checkpoint

NETWORK = MLPSpec(hidden=(4,), activation="relu", negative_slope=0.0, initialisation="pytorch")
RUN = RunSpec(
    data=BitsSpec(num_bits=3, num_train=50, num_held_out=8),
    latent=GaussianSpec(dim=3, scaling="raw", bank_size=None, num_held_out=8),
    model=GANSpec(generator=NETWORK, critic=NETWORK),
    training=WGANSpec(
        num_steps=16,
        batch_size=4,
        critic_steps=1,
        gradient_penalty=1.0,
        optimiser=OptimiserSpec(name="rmsprop", learning_rate=1e-3, alpha=0.99),
    ),
    evaluation=EvaluationSpec(num_samples=8),
    seed=0,
)


SPECS = [
    recipe("smoke", num_seeds=1).runs[0].to_json()
    for recipe in (table1, moons, ddgan, autoencoder, corollary)
]


@pytest.mark.parametrize("content", SPECS, ids=lambda spec: spec["data"]["name"])
@some
@every_seed
def test_specs(content, seed):
    with reading(ValueError):
        RunSpec.from_json(mutated(content, rng_of(seed))).to_json()


@pytest.fixture(scope="module")
def banks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("banks")
    recipe = BankRecipe(
        interferometer=haar(4, stream(0, "interferometer")).recipe,
        occupation=(1, 1, 0, 0),
        statistics="boson",
        num_samples=300,
        stream=stream(0, "shots"),
    )
    build_bank(recipe, folder / "simulated")
    import_bank(np.array([[1, 0, 1], [0, 2, 0]] * 50, np.uint8), folder / "imported", {"from": "x"})
    return folder


@pytest.mark.parametrize("kind", ["simulated", "imported"])
@pytest.mark.parametrize("file", ["manifest.json", "counts.npy"])
@some
@every_seed
def test_banks(kind, file, seed, banks, tmp_path):
    rng, folder = rng_of(seed), tmp_path / "bank"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(banks / kind, folder)
    path = folder / file
    if file.endswith(".json") and rng.random() < 0.7:
        path.write_text(json.dumps(mutated(json.loads(path.read_text()), rng)))
    else:
        path.write_bytes(spoilt(path.read_bytes(), rng))
    with reading(ValueError):
        bank = open_bank(folder)
        assert bank.counts.sum() >= 0
        # What is opened is what was there, or was drawn again.
        assert np.array_equal(bank.counts, open_bank(banks / kind).counts)


def saved(write, *arrays, **named):
    file = io.BytesIO()
    write(file, *arrays, **named)
    return file.getvalue()


COUNTS = np.array([[1, 0, 1], [0, 2, 0], [0, 1, 1]])
ROWS = stream(0, "rows").generator().normal(size=(60, 3)).round(3)
TABLE = "a,b,c\n" + "\n".join(",".join(map(str, row)) for row in ROWS.tolist())
RECORDED = {
    "a.npy": saved(np.save, COUNTS),
    "a.csv": b"1,0,1\n0,2,0\n1,1,0\n",
    "a.txt": b"101\n020\n",
    "a.json": b'{"101": 5, "020": 3}',
}
TABLES = {
    "b.npy": saved(np.save, ROWS),
    "b.npz": saved(np.savez_compressed, rows=ROWS),
    "b.csv": TABLE.encode(),
}


@pytest.mark.parametrize("name", RECORDED)
@some
@every_seed
def test_recorded_counts(name, seed, tmp_path):
    (path := tmp_path / name).write_bytes(spoilt(RECORDED[name], rng_of(seed)))
    with reading(ValueError):
        for block in read_counts(path).blocks:
            assert np.asarray(block).min(initial=0) >= 0


@pytest.mark.parametrize("name", TABLES)
@some
@every_seed
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_tables_of_a_user(name, seed, tmp_path):
    (path := tmp_path / name).write_bytes(spoilt(TABLES[name], rng_of(seed)))
    with reading(ValueError):
        data = load(array_spec(path), stream(0, "data"), tmp_path)
        assert np.isfinite(data.train).all()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    (outcome,) = train_stack([RUN], cache=folder / "cache", checkpoint=folder / "stack.st")
    write_run(folder, outcome)
    return folder / "runs" / RUN.digest


@pytest.fixture(scope="module")
def generator(run):
    return (run / "generator.safetensors").read_bytes()


@some
@every_seed
def test_generators(seed, generator, tmp_path):
    (tmp_path / "generator.safetensors").write_bytes(spoilt(generator, rng_of(seed)))
    with reading(ValueError):
        made = load_generator(tmp_path).generate(np.zeros((2, 3), np.float32))
        assert made.shape[0] == 2


@some
@every_seed
def test_samples(seed, run, tmp_path):
    (folder := tmp_path / "runs" / RUN.digest).mkdir(parents=True, exist_ok=True)
    rng, content = rng_of(seed), (run / "samples.safetensors").read_bytes()
    if rng.random() < 0.5:
        spec = json.dumps(mutated(RUN.to_json(), rng)) if rng.random() < 0.9 else "[" * 99_999
        content = save(load_safetensors(content), metadata={"spec": spec})
    else:
        content = spoilt(content, rng)
    (folder / "samples.safetensors").write_bytes(content)
    with reading(ValueError):
        assert read_samples(tmp_path, RUN.digest).dtype == np.float32


@pytest.mark.parametrize("name", ["../../elsewhere", "/etc", "..", "", "a\\b", "a\0"])
def test_a_row_names_no_folder_outside_its_study(name, tmp_path):
    with pytest.raises(ValueError, match="names no run of"):
        read_samples(tmp_path, name)


@pytest.fixture(scope="module")
def shared(run, tmp_path_factory):
    pytest.importorskip("huggingface_hub", reason="the extra hub is not installed")
    from quantum_latents.execution.pretrained import PretrainedGenerator

    folder = tmp_path_factory.mktemp("shared")
    PretrainedGenerator.from_run(run, licence="cc0-1.0").save_pretrained(folder)
    return PretrainedGenerator, folder


@some
@every_seed
def test_shared_generators(seed, shared, tmp_path):
    """What a stranger's config.json says of weights that are what they were."""
    kind, folder = shared
    shutil.copy(folder / "generator.safetensors", tmp_path)
    whole = (folder / "config.json").read_bytes()
    (tmp_path / "config.json").write_bytes(damaged(whole, rng_of(seed)))
    with reading(ValueError):
        made = kind.from_pretrained(tmp_path)
        assert "<script>" not in str(made.generate_model_card(repo_id="a/b"))
        assert made.generate(np.zeros((2, 3), np.float32)).shape == (2, 3)


@some
@every_seed
def test_checkpoints(seed, tmp_path):
    path = tmp_path / "stack.st"
    write_checkpoint(path, {"step": torch.tensor(3), "weights": torch.ones(7)}, {"runs": ["a"]})
    path.write_bytes(spoilt(path.read_bytes(), rng_of(seed)))
    with reading(ValueError):
        tensors = read_checkpoint(path, {"runs": ["a"]})
        assert torch.equal(tensors["weights"], torch.ones(7))


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    spec = AutoencoderSpec(
        hidden=(4,),
        code_dim=2,
        num_steps=2,
        batch_size=8,
        learning_rate=1e-3,
        code_penalty=0.0,
        weight_decay=0.0,
    )
    weights = fitted_autoencoder(spec, ROWS, "rows", cache).weights
    (path,) = (cache / "autoencoders").iterdir()
    return spec, cache, path, path.read_bytes(), weights


@some
@every_seed
def test_autoencoders(seed, fitted):
    spec, cache, path, content, weights = fitted
    path.write_bytes(spoilt(content, rng_of(seed)))
    with reading(ValueError):
        again = fitted_autoencoder(spec, ROWS, "rows", cache).weights
        assert all(np.array_equal(again[name], weights[name]) for name in weights)


STUDY = Path(__file__).parents[2] / "results" / "challengers-quick"


@pytest.mark.parametrize("file", ["rows.jsonl", "study.json", "frozen.json", "runs.json"])
@settings(some, max_examples=6)
@every_seed
def test_studies(file, seed, tmp_path):
    """Rows, and what stands beside them; what is read whole makes a page that runs nothing."""
    rng, folder = rng_of(seed), tmp_path / "study"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in ("study.json", "frozen.json", "runs.json", "plan.json"):
        if (STUDY / name).exists():
            shutil.copy(STUDY / name, folder)
    lines = (STUDY / "rows.jsonl").read_text().splitlines()[:3]
    if file == "rows.jsonl":
        place = int(rng.integers(len(lines)))
        lines[place] = (
            json.dumps(mutated(json.loads(lines[place]), rng))
            if rng.random() < 0.8
            else spoilt(lines[place].encode(), rng).decode("utf-8", "replace")
        )
    elif (path := folder / file).exists():
        path.write_text(json.dumps(mutated(json.loads(path.read_text()), rng)))
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    with reading(ValueError):
        standing(folder, read_rows(folder))
    with reading(ValueError):
        made_table(folder).render("text")
    if seed % 3 == 0:
        with reading(ValueError):
            assert "<script>alert(1)" not in write_report(folder).read_text()


MOLECULES = [f"{'C' * length}O" for length in range(1, 9)]
LIST = "smiles,name\n" + "".join(f"{text},{number}\n" for number, text in enumerate(MOLECULES))


def archive_of_molecules():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:bz2") as archive:
        for number, text in enumerate(MOLECULES):
            content = f"1\ngdb\nC 0 0 0\n1.0\n{text}\t{text}\nInChI".encode()
            member = tarfile.TarInfo(f"dsgdb9nsd_{number}.xyz")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


SMILES = {
    "m.csv": LIST.encode(),
    "m.csv.gz": gzip.compress(LIST.encode(), mtime=0),
    "m.smi": "\n".join(MOLECULES).encode(),
    "m.tar.bz2": archive_of_molecules(),
}


@pytest.mark.parametrize("name", SMILES)
@some
@every_seed
def test_files_of_molecules(name, seed, tmp_path):
    """Also what unfolds to other bytes than those that were folded."""
    rng, content = rng_of(seed), SMILES[name]
    fold = {".gz": gzip.compress, "bz2": bz2.compress}.get(name[-3:])
    unfold = {".gz": gzip.decompress, "bz2": bz2.decompress}.get(name[-3:])
    if fold is not None and unfold is not None and rng.random() < 0.5:
        content = fold(spoilt(unfold(content), rng))
    else:
        content = spoilt(content, rng)
    (path := tmp_path / name).write_bytes(content)
    with reading(ValueError):
        found = read_smiles(path)
        assert found and all(isinstance(text, str) for text in found)
        if seed % 4 == 0:
            pytest.importorskip("rdkit", reason="the extra molecules is not installed")
            molecules_spec(path, tmp_path / "cache")
