"""Shared generators: what goes out comes back and draws the same; what is not one is refused.

huggingface_hub's own client talks to a local server (tests/hub_server.py) over HTTP.
"""

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

pytest.importorskip("huggingface_hub", reason="the extra hub is not installed")

from quantum_latents.cli import main
from quantum_latents.data import ArraySpec, BitsSpec, Decoder, EncodedSpec, MoleculesSpec
from quantum_latents.evaluation import make_row, write_run
from quantum_latents.evaluation.stored import run_folder
from quantum_latents.execution import generate_file
from quantum_latents.execution.model_card import model_card
from quantum_latents.execution.pretrained import PretrainedGenerator, fetch_generator
from quantum_latents.latents import BankSpec
from quantum_latents.models import (
    MLPSpec,
    MolGANSpec,
    RelationalCriticSpec,
    StackedMLP,
    StackedVelocity,
    UNet,
    initialise,
)
from quantum_latents.recipes import autoencoder, ddgan, moons, table1
from quantum_latents.results import RowStore, read_rows, write_certificates
from quantum_latents.training import EvaluationSpec, Outcome, data_of, load_generator

ROOT = Path(__file__).parents[2]
NAME = "photons/digits"
TOKEN = "hf_plantedToken0123456789"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run, in a study that has a row of it; nothing was trained."""
    directory, spec = tmp_path_factory.mktemp("study"), table1("smoke").runs[0]
    bits = BitsSpec(num_bits=4, num_train=400, num_held_out=60)
    latent = replace(spec.latent, dim=4, num_photons=2, bank_size=400, num_held_out=60)
    spec = replace(spec, data=bits, latent=latent, evaluation=EvaluationSpec(num_samples=60))
    outcome = stacked_outcome(spec, 4)
    folder = written(directory, outcome)
    samples = load_generator(folder).generate(np.random.default_rng(0).normal(size=(60, 4)))
    data = data_of(spec, directory)
    row = make_row(
        replace(outcome, samples=samples),
        data,
        study="tiny",
        stack={},
        provenance={"commit": "abc"},
    )
    RowStore(directory).append(row)
    study = {"schema": 1, "study": "tiny", "command": "qlat run tiny"}
    (directory / "study.json").write_text(json.dumps(study))
    return folder


@pytest.fixture(scope="module")
def study(run):
    return run.parent.parent


@pytest.fixture(scope="module")
def generator(run):
    return PretrainedGenerator.from_run(run, licence="cc0-1.0")


@pytest.fixture
def folder(generator, tmp_path):
    generator.save_pretrained(tmp_path / "shared")
    return tmp_path / "shared"


def test_a_folder_brings_back_the_same_generator(generator, folder, run, tmp_path):
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["README.md", "config.json", "generator.safetensors"]
    again = PretrainedGenerator.from_pretrained(folder)
    assert (again.spec, again.facts) == (generator.spec, generator.facts)
    generate_file(run, tmp_path / "x.npy", num_samples=7, seed=3)
    expected = np.load(tmp_path / "x.npy")
    assert np.array_equal(again.sample(7, seed=3), expected)
    assert not np.array_equal(again.sample(7, seed=4), expected)
    assert np.array_equal(again.sample(9, seed=3)[:7], expected)
    again.save_pretrained(tmp_path / "once more")
    for name in names:
        assert (tmp_path / "once more" / name).read_bytes() == (folder / name).read_bytes()


def stacked_outcome(spec, width):
    network = StackedMLP(spec.model.generator, spec.latent.dim, width, stack=1)
    network.initialise([torch.Generator().manual_seed(1)])
    weights = {n: view[0].clone() for n, view in network.views(network.flat.detach()).items()}
    return Outcome(
        spec=spec,
        samples=None,
        weights=weights,
        diverged_at=None,
        curves={},
        kernel="torch",
        seconds=1.0,
        offset=np.arange(float(width)),
        scale=np.ones(width),
    )


def named(weights, outcome, width):
    return replace(outcome, weights=weights, offset=np.zeros(width), scale=np.ones(width))


def flow():
    spec = moons("smoke", num_seeds=1, latents=("gaussian",)).runs[0]
    network = StackedVelocity(spec.model.velocity, max(spec.latent.dim, 2), stack=1)
    views = network.views(network.flat.detach() + 0.01)
    weights = {name: view[0].clone() for name, view in views.items()}
    return named(weights, bare_outcome(spec), 2)


def denoiser():
    spec = ddgan("smoke", num_seeds=1, latents=("gaussian",)).runs[0]
    network = UNet(spec.model.generator, spec.model.shape, spec.latent.dim)
    initialise(network, torch.Generator().manual_seed(1))
    weights = {name: one.detach() for name, one in network.named_parameters()}
    return named(weights, bare_outcome(spec), 64)


def molecules():
    spec = table1("smoke").runs[0]
    data = MoleculesSpec(name="mine", sha256="0" * 64, num_atoms=3, elements=("C", "O"))
    network = MLPSpec(
        hidden=(8, 24),
        activation="leaky_relu",
        negative_slope=0.1,
        initialisation="pytorch",
        reinject_latent=True,
    )
    critic = RelationalCriticSpec(dense=(8,))
    model = MolGANSpec(generator=network, critic=critic, num_atoms=3, num_node_classes=3)
    spec = replace(spec, data=data, model=model)
    width = data.layout.one_hot_width
    return replace(stacked_outcome(spec, width), offset=None, scale=None)


def bare_outcome(spec):
    return Outcome(
        spec=spec,
        samples=None,
        weights={},
        diverged_at=None,
        curves={},
        kernel="torch",
        seconds=1.0,
    )


def written(directory, outcome):
    write_run(directory, outcome)
    return run_folder(directory, outcome.spec.digest)


def test_a_published_file_names_no_folder_of_the_machine(tmp_path):
    spec = table1("smoke").runs[0]
    data = ArraySpec(path="/home/somebody/secret/mine.npy", sha256="0" * 64)
    folder = written(tmp_path, stacked_outcome(replace(spec, data=data), 2))
    command = "qlat run compare --data /home/somebody/secret/mine.npy --ray head.lab:1 --out /x/y"
    (tmp_path / "study.json").write_text(json.dumps({"command": command}))
    shared = PretrainedGenerator.from_run(folder)
    shared.save_pretrained(tmp_path / "shared")
    for path in (tmp_path / "shared").iterdir():
        content = path.read_bytes()
        assert b"somebody" not in content and b"secret" not in content and b"lab" not in content
    assert PretrainedGenerator.from_pretrained(tmp_path / "shared").sample(3).shape == (3, 2)
    assert "qlat run compare --data mine.npy --ray ... --out y" in str(shared.generate_model_card())
    assert "has not said what others may do" in str(shared.generate_model_card())


def test_every_kind_of_generator_travels(tmp_path):
    for number, outcome in enumerate((flow(), denoiser(), molecules())):
        directory = tmp_path / str(number)
        folder = written(directory, outcome)
        shared = PretrainedGenerator.from_run(folder)
        shared.save_pretrained(directory / "shared")
        again = PretrainedGenerator.from_pretrained(directory / "shared")
        assert type(again.generator) is type(load_generator(folder))
        assert np.array_equal(again.sample(3), shared.sample(3))


def test_codes_of_a_users_file_travel_with_their_decoder_and_without_its_folder(tmp_path):
    spec = table1("smoke").runs[0]
    fit = autoencoder("smoke").runs[0].data.autoencoder
    data = ArraySpec(path="/home/somebody/secret/mine.npy", sha256="0" * 64)
    spec = replace(spec, data=EncodedSpec(data=data, autoencoder=replace(fit, code_dim=2)))
    weights = {"decoder.weight1": np.ones((3, 2), "f"), "decoder.bias1": np.zeros(3, "f")}
    decoder = Decoder(weights, offset=np.zeros(3), scale=np.full(3, 2.0))
    folder = written(tmp_path, replace(stacked_outcome(spec, 2), decoder=decoder))
    shared = PretrainedGenerator.from_run(folder)
    shared.save_pretrained(tmp_path / "shared")
    for path in (tmp_path / "shared").iterdir():
        assert b"somebody" not in path.read_bytes()
    again = PretrainedGenerator.from_pretrained(tmp_path / "shared")
    assert again.sample(4).shape == (4, 3)
    assert np.array_equal(again.sample(4), shared.sample(4))


def test_a_recorded_bank_has_no_law_to_draw_from(tmp_path):
    spec = table1("smoke").runs[0]
    bank = BankSpec(
        name="bank:pt2",
        dim=16,
        scaling="centred",
        bank_size=spec.latent.bank_size,
        num_held_out=spec.latent.num_held_out,
        checksum="0" * 64,
    )
    folder = written(tmp_path, stacked_outcome(replace(spec, latent=bank), 2))
    shared = PretrainedGenerator.from_run(folder)
    with pytest.raises(ValueError, match=r"bank:pt2 is recorded .* generate\(z\)"):
        shared.sample(3)
    assert shared.generate(np.zeros((3, 16))).shape == (3, 2)
    with pytest.raises(ValueError, match="at least 1, not 0"):
        shared.sample(0)


def test_the_card_says_what_rows_and_certificates_say(study, run, tmp_path):
    directory = shutil.copytree(study, tmp_path / "study")
    hypotheses = [{"name": "g has an inverse", "holds": "unknown", "why": "a|b <b>"}]
    whole = ROOT / "results" / "certificates-mixture" / "certificates.json"
    (one, *_) = json.loads(whole.read_text())["certificates"]
    said = {"run": run.name, "conclusion": "Nothing is known.", "hypotheses": hypotheses}
    write_certificates(directory, [one | said])
    shared = PretrainedGenerator.from_run(directory, run.name[:6], licence="mit")
    (row,) = [row for row in read_rows(directory) if row["run"] == run.name]
    card = str(shared.generate_model_card(repo_id=NAME))
    assert card.startswith("---\nlicense: mit\n") and f'from_pretrained("{NAME}")' in card
    assert "`qlat run tiny`" in card and run.name in card
    assert shared.facts["latent"]["shares"] in card
    for entry in row["metrics"].values():
        line = next(line for line in card.splitlines() if line.startswith(f"| {entry['label']} "))
        assert f"{entry['value']:.4g}" in line and f"{entry['floor']:.4g}" in line
        assert line.endswith("| – | 1 |")  # no interval of a single seed
    assert "Nothing is known." in card and "| g has an inverse | unknown | a/b b> |" in card


def test_the_card_has_intervals_where_seeds_are_enough(study, run, tmp_path):
    directory = shutil.copytree(study, tmp_path / "study")
    (row,) = [row for row in read_rows(directory) if row["run"] == run.name]
    values = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    with open(directory / "rows.jsonl", "a") as rows:
        for seed, value in enumerate(values, start=1):
            other = json.loads(json.dumps(row))
            other["run"], other["spec"]["seed"] = f"{seed:016x}", seed
            other["metrics"]["energy_distance"]["value"] = value
            rows.write(json.dumps(other) + "\n")
    facts = PretrainedGenerator.from_run(directory / "runs" / run.name).facts
    (score,) = [score for score in facts["scores"] if score["name"] == "energy_distance"]
    own = row["metrics"]["energy_distance"]["value"]
    assert (score["value"], score["num_seeds"]) == (own, 8)
    assert score["mean"] == pytest.approx((own + sum(values)) / 8)
    low, high = score["interval"]
    assert low < score["mean"] < high


def change(folder, **changed):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changed}))


def resigned(folder, tensors=None, spec=None):
    """Write other weights, or another spec, and a config that agrees with them."""
    config = json.loads((folder / "config.json").read_text())
    path, spec = folder / "generator.safetensors", spec or config["spec"]
    save_file(tensors or load_file(path), path, metadata={"spec": json.dumps(spec)})
    change(folder, spec=spec, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def _truncated(folder):
    path = folder / "generator.safetensors"
    path.write_bytes(path.read_bytes()[:-8])


def _pickle(folder):
    (folder / "generator.safetensors").write_bytes(b"\x80\x04.")
    change(folder, sha256=hashlib.sha256(b"\x80\x04.").hexdigest())


def _enormous(folder):
    spec = json.loads((folder / "config.json").read_text())["spec"]
    spec["model"]["generator"]["hidden"] = [10**9, 10**9]
    resigned(folder, spec=spec)


def _wide(folder):
    tensors = load_file(folder / "generator.safetensors")
    tensors["data_offset"] = np.zeros(10**6)
    resigned(folder, tensors)


def _link(folder):
    path = folder / "config.json"
    path.rename(folder.parent / "elsewhere.json")
    os.symlink(folder.parent / "elsewhere.json", path)


HOSTILE = {
    "truncated": (_truncated, "generator.safetensors is damaged, or not what was shared"),
    "pickle": (_pickle, "generator.safetensors is damaged"),
    "enormous": (_enormous, "weights do not fit its own spec"),
    "wide map": (_wide, "its map to data units is not 4 wide"),
    "link": (_link, "config.json is a link"),
    "no config": (lambda f: (f / "config.json").unlink(), "holds no config.json"),
    "no weights": (lambda f: (f / "generator.safetensors").unlink(), "no generator.safetensors"),
    "no json": (lambda f: (f / "config.json").write_text("{"), "config.json is damaged"),
    "deep json": (lambda f: (f / "config.json").write_text("[" * 99_999), "config.json is damaged"),
    "a list": (lambda f: (f / "config.json").write_text("[]"), "config.json is damaged"),
    "newer": (lambda f: change(f, schema=2), "of schema 2, and this version reads 1"),
    "large": (lambda f: (f / "config.json").write_text(" " * 2_000_000), "at most 1,048,576"),
    "facts": (lambda f: change(f, facts={"run": []}), "no facts of a generator"),
    "spec": (lambda f: change(f, spec={}), "the spec of another generator"),
    "unknown field": (
        lambda f: resigned(
            f, spec={**json.loads((f / "config.json").read_text())["spec"], "run": "rm"}
        ),
        r"generator.safetensors is damaged.*unknown fields \['run'\]",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_folder_is_refused_by_name(name, folder):
    spoil, said = HOSTILE[name]
    spoil(folder)
    with pytest.raises(ValueError, match=said):
        PretrainedGenerator.from_pretrained(folder)


def test_a_larger_file_than_allowed_is_not_read(folder):
    with pytest.raises(ValueError, match="at most 100 are read unless more is asked for: largest="):
        PretrainedGenerator.from_pretrained(folder, largest=100)


def test_facts_of_a_stranger_are_no_markup(generator):
    evil = "</td>|<script>[x](javascript:0)`\n---\n# head"
    facts = json.loads(json.dumps(generator.facts))
    facts |= {"data": evil, "command": evil, "licence": evil}
    facts["latent"] = dict.fromkeys(facts["latent"], evil)
    header, card = model_card(facts).removeprefix("---\n").split("\n---\n", 1)
    assert f"license: {json.dumps(evil)}" in header.splitlines()
    assert "<script" not in card and "[x]" not in card and "\n# head" not in card
    assert "\n---\n" not in card


def test_the_hub_brings_back_the_same_generator(hub, generator, tmp_path, capfd, caplog):
    where = generator.push_to_hub(NAME, token=TOKEN)
    assert hub.commit in where and hub.private[NAME] and hub.kinds[NAME] == "model"
    own = [token for _, path, token in hub.asked if NAME in path]
    assert own and set(own) == {f"Bearer {TOKEN}"}
    files = hub.repositories[NAME]
    assert set(files) == {".gitattributes", "README.md", "config.json", "generator.safetensors"}
    assert f'from_pretrained("{NAME}")'.encode() in files["README.md"]
    assert not any(TOKEN.encode() in content for content in files.values())
    again = PretrainedGenerator.from_pretrained(NAME, revision=hub.commit)
    assert np.array_equal(again.sample(5), generator.sample(5))
    kept = fetch_generator(NAME, tmp_path / "kept")
    assert kept.facts["licence"] == "cc0-1.0"
    assert not [path for path in tmp_path.rglob("*") if "new-" in path.name]
    local = PretrainedGenerator.from_pretrained(tmp_path / "kept")
    assert np.array_equal(local.sample(5), generator.sample(5))
    assert not any(TOKEN.encode() in p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert TOKEN not in "".join(capfd.readouterr()) + caplog.text
    with pytest.raises(ValueError, match=r"exists and holds 'README\.md': nothing is overwritten"):
        generator.push_to_hub(NAME, token=TOKEN)


def test_a_hostile_repository_is_refused_before_its_weights_are_fetched(hub, generator, tmp_path):
    generator.push_to_hub(NAME)
    files = hub.repositories[NAME]
    for name, content, announced, said in (
        ("run.py", b"import os", {}, "holds 'run.py': a generator is"),
        ("../up", b"x", {}, r"holds '\.\./up'"),
        (None, None, {"generator.safetensors": 2**40}, "at most 2,147,483,648 are read"),
        (None, None, {"config.json": 2**30}, "at most 1,048,576 are read"),
        (None, None, {"generator.safetensors": None}, "does not say how large"),
    ):
        hub.asked.clear()
        hub.announced = announced
        if name:
            files[name] = content
        with pytest.raises(ValueError, match=said):
            fetch_generator(NAME, tmp_path / "again")
        assert not [path for _, path, _ in hub.asked if path.endswith("generator.safetensors")]
        files.pop(name, None)
    hub.announced = {"generator.safetensors": 5}
    with pytest.raises((ValueError, ConnectionError), match=r"generator\.safetensors|size"):
        fetch_generator(NAME, tmp_path / "again")
    hub.announced = {}
    files["generator.safetensors"] = files["generator.safetensors"][:-4]
    with pytest.raises(ValueError, match="damaged, or not what was shared"):
        fetch_generator(NAME, tmp_path / "again")
    assert not list(tmp_path.iterdir())


def test_what_the_hub_refuses_is_one_line(hub, generator, tmp_path):
    for call in (
        lambda: PretrainedGenerator.from_pretrained("photons/none", token=TOKEN),
        lambda: PretrainedGenerator.from_pretrained("none", token=TOKEN),
        lambda: generator.push_to_hub("a//b", token=TOKEN),
        lambda: PretrainedGenerator(generator.generator, b"", generator.facts).push_to_hub(
            NAME, licence=" ", token=TOKEN
        ),
    ):
        with pytest.raises(ValueError) as caught:
            call()
        assert TOKEN not in str(caught.value) and "\n" not in str(caught.value)


def test_on_the_command_line(hub, run, generator, tmp_path, capsys):
    shared, fetched = str(tmp_path / "shared"), str(tmp_path / "fetched")
    assert main(["share", str(run)]) == 2
    assert "--out FOLDER or --to-hub" in capsys.readouterr().err
    assert main(["share", str(run), "--to-hub", NAME]) == 2
    assert "--license" in capsys.readouterr().err
    assert main(["share", str(run), "--out", shared]) == 0
    assert f"shared: {shared}" in capsys.readouterr().out
    assert main(["share", str(run), "--out", shared]) == 2
    assert "not an empty folder" in capsys.readouterr().err
    publish = ["share", str(run), "--to-hub", NAME, "--license", "cc0-1.0", "--json"]
    assert main(publish) == 0
    assert json.loads(capsys.readouterr().out)["run"] == run.name
    assert main(["fetch", f"hub:{NAME}@{hub.commit}", "--out", fetched]) == 0
    assert f"generator: {fetched}" in capsys.readouterr().out
    assert main(["fetch", NAME, "--out", fetched]) == 2
    assert "not an empty folder" in capsys.readouterr().err
    for folder in (shared, fetched):
        made = ["generate", folder, "--num-samples", "5", "--out", str(tmp_path / "x.npy")]
        assert main(made) == 0
        assert np.array_equal(np.load(tmp_path / "x.npy"), generator.sample(5))
