"""Banks on the hub: what is published comes back; a hostile repository is refused.

huggingface_hub's own client talks to a local server (tests/hub_server.py) over HTTP; one test
replaces its `hf_hub_download`, since no server can make it leave a link.
"""

import json
import pickle
import shutil

import numpy as np
import pytest

from quantum_latents.banks import BankError, BankRecipe, build_bank, import_bank, open_bank
from quantum_latents.banks.card import data_card
from quantum_latents.banks.hub import load_bank_from_hub, push_bank
from quantum_latents.circuits import haar
from quantum_latents.cli import main
from quantum_latents.random import stream

NAME = "photons/pt2"
TOKEN = "hf_plantedToken0123456789"


@pytest.fixture
def counts():
    return np.random.default_rng(0).integers(0, 3, size=(200, 4)).astype(np.uint8)


@pytest.fixture
def bank(tmp_path, counts, monkeypatch):
    monkeypatch.setattr("quantum_latents.banks.imported.IMPORTED_CHUNK_ROWS", 64)
    said = {"processor": "orca:PT-2", "occupation": [1, 0, 1, 0], "jobs": ["x" * 30] * 99}
    return import_bank(counts, tmp_path / "pt2", said)


def test_what_is_published_comes_back(hub, bank, counts, tmp_path):
    published = push_bank(bank, NAME, licence="cc-by-4.0", citation="Us (2026).", token=TOKEN)
    assert published.revision == hub.commit
    assert published.url == f"{hub.endpoint}/datasets/{NAME}"
    assert hub.private == {NAME: True}
    assert set(hub.repositories[NAME]) == {
        *(".gitattributes", "README.md", "manifest.json", "counts.npy"),
    }
    again = load_bank_from_hub(NAME, tmp_path / "again", token=TOKEN)
    assert np.array_equal(again.counts, counts)
    assert again.checksum == bank.checksum == published.checksum
    said = again.manifest["provenance"]
    assert (said["hub"]["repo_id"], said["hub"]["revision"]) == (NAME, hub.commit)
    assert {**said, "hub": None} == {**bank.manifest["provenance"], "hub": None}
    # After the first answer the commit is asked for, so that the files belong together.
    assert all(hub.commit in path for _, path, _ in hub.asked if "/resolve/" in path)
    for folder in (bank.folder, again.folder):
        assert not any(TOKEN.encode() in path.read_bytes() for path in folder.rglob("*.*"))
    assert not any(TOKEN.encode() in content for content in hub.repositories[NAME].values())
    assert any(token == f"Bearer {TOKEN}" for _, _, token in hub.asked)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_public_repository_is_asked_for_by_name(hub, bank):
    push_bank(bank, NAME, licence="cc0-1.0", public=True)
    assert hub.private == {NAME: False}


def test_nothing_is_overwritten(hub, bank, tmp_path):
    hub.repositories[NAME] = {".gitattributes": b""}  # what a push that broke off leaves
    push_bank(bank, NAME, licence="cc0-1.0")
    with pytest.raises(ValueError, match=r"photons/pt2 exists and holds 'README.md'"):
        push_bank(bank, NAME, licence="cc0-1.0")
    asked = len(hub.asked)
    with pytest.raises(BankError, match="not empty"):
        load_bank_from_hub(NAME, bank.folder)
    with pytest.raises(ValueError, match="needs a licence"):
        push_bank(bank, "photons/other", licence=" ")
    assert len(hub.asked) == asked


def test_the_card_says_what_the_manifest_says(bank, tmp_path):
    import yaml

    text = data_card(bank, "cc-by-4.0", "Us (2026).")
    _, header, body = text.split("---\n", 2)
    fields = yaml.safe_load(header)
    assert fields["license"] == "cc-by-4.0"
    assert fields["size_categories"] == ["n<1K"]
    assert "| processor | `orca:PT-2` |" in body
    assert "| photons in the input | `2` |" in body
    assert bank.checksum in body
    assert "Us (2026)." in body
    assert "xxxx" not in body  # long values stay in the manifest
    recipe = BankRecipe(
        interferometer=haar(4, stream(0, "interferometer")).recipe,
        occupation=(1, 0, 1, 0),
        statistics="boson",
        num_samples=50,
        stream=stream(0, "latent"),
    )
    drawn = build_bank(recipe, tmp_path / "drawn")
    text = data_card(drawn, "cc0-1.0")
    for said in ("haar", "`simulated`", "enumeration", "| photons in the input | `2` |"):
        assert said in text
    hostile = import_bank(
        np.eye(2), tmp_path / "h", {"x|y": "a`|<script>\n---\n", "shot_order": "lost"}
    )
    text = data_card(hostile, 'cc"\nx: [')
    assert yaml.safe_load(text.split("---\n")[1])["license"] == 'cc"\nx: ['
    assert "<script>" not in text and "The order is lost." in text


@pytest.fixture
def repository(hub, bank):
    push_bank(bank, NAME, licence="cc0-1.0")
    return hub.repositories[NAME]


def _change(repository, **fields):
    manifest = json.loads(repository["manifest.json"])
    repository["manifest.json"] = json.dumps({**manifest, **fields}).encode()


def _spoil(repository):
    counts = bytearray(repository["counts.npy"])
    counts[-1] ^= 1
    repository["counts.npy"] = bytes(counts)


def _of_length(content, size):
    return content[:size].ljust(size, b"\0")


def _objects():
    import io

    file = io.BytesIO()
    np.save(file, np.array([[{}]]), allow_pickle=True)
    return file.getvalue()


HOSTILE = {
    "extra file": (lambda r: r.update({"load.py": b"evil"}), "holds 'load.py'"),
    "extra pickle": (lambda r: r.update({"counts.pkl": b""}), "holds 'counts.pkl'"),
    "parent folder": (lambda r: r.update({"../manifest.json": b"{}"}), "holds '../manifest"),
    "absolute path": (lambda r: r.update({"/etc/passwd": b"{}"}), "holds '/etc/passwd'"),
    "sub-folder": (lambda r: r.update({"data/counts.npy": b"{}"}), "holds 'data/counts"),
    "backslashes": (lambda r: r.update({"..\\counts.npy": b"{}"}), "holds"),
    "no counts": (lambda r: r.pop("counts.npy"), "no counts.npy"),
    "no manifest": (lambda r: r.pop("manifest.json"), "no manifest.json"),
    "wrong counts": (_spoil, "checksum of 1 chunks is wrong, first of shots 192 to 200"),
    "wrong checksum": (lambda r: _change(r, checksums=["0" * 64] * 4), "checksum of 4 chunks"),
    "no checksums": (lambda r: _change(r, checksums=[]), "has 0 checksums of 4 chunks"),
    "checksum no text": (lambda r: _change(r, checksums=[0] * 4), "64 hexadecimal digits"),
    "not complete": (lambda r: _change(r, complete=False), "not complete"),
    "huge": (lambda r: _change(r, num_samples=2**60), "num_samples is a number from 1"),
    "negative": (lambda r: _change(r, num_modes=-4), "num_modes is a number from 1, not -4"),
    "size a text": (lambda r: _change(r, num_modes="4"), "num_modes is a number from 1, not '4'"),
    "another size": (lambda r: _change(r, num_samples=199), r"take 924 bytes, .* has 928"),
    "provenance a list": (lambda r: _change(r, provenance=[1]), "provenance is an object"),
    "newer": (lambda r: _change(r, format_version=99), "bank format 99"),
    "no json": (lambda r: r.update({"manifest.json": b"{"}), "damaged"),
    "deep json": (lambda r: r.update({"manifest.json": b"[" * 99_999}), "not a bank"),
    "other fields": (lambda r: _change(r, run="rm"), r"unknown fields \['run'\]"),
    "pickled npy": (
        lambda r: r.update({"counts.npy": _of_length(_objects(), len(r["counts.npy"]))}),
        "no plain array",
    ),
    "a pickle": (
        lambda r: r.update({"counts.npy": _of_length(pickle.dumps([1]), len(r["counts.npy"]))}),
        "no plain array",
    ),
    "an archive": (
        lambda r: r.update({"counts.npy": _of_length(b"PK\3\4", len(r["counts.npy"]))}),
        "no plain array",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_repository_is_refused_and_nothing_is_left(name, hub, repository, tmp_path):
    spoil, said = HOSTILE[name]
    spoil(repository)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(BankError, match=said) as caught:
        load_bank_from_hub(NAME, tmp_path / "again")
    assert NAME in str(caught.value)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_sizes_are_known_and_allowed_before_anything_is_fetched(hub, repository, tmp_path):
    for sizes, said in (
        ({"counts.npy": 2**40}, "1,099,511,627,776 bytes of counts; at most 8,589,934,592"),
        ({"manifest.json": 2**30}, "more than any bank's"),
        ({"counts.npy": None}, "does not say how large counts.npy is"),
    ):
        hub.announced = sizes
        with pytest.raises(BankError, match=said):
            load_bank_from_hub(NAME, tmp_path / "again")
    hub.announced = {}
    with pytest.raises(BankError, match="928 bytes of counts; at most 500"):
        load_bank_from_hub(NAME, tmp_path / "again", largest=500)
    assert not [path for _, path, _ in hub.asked if "/resolve/" in path]
    hub.announced = {"counts.npy": 4 << 30}
    with pytest.raises(BankError, match=r"take 928 bytes, and counts.npy has 4,294,967,296"):
        load_bank_from_hub(NAME, tmp_path / "again")
    assert not [path for _, path, _ in hub.asked if path.endswith("counts.npy")]


def test_links_are_not_followed(hub, repository, bank, tmp_path, monkeypatch):
    import huggingface_hub

    secret = tmp_path / "secret.json"
    shutil.copy(bank.folder / "manifest.json", secret)

    def link(repo_id, name, *, local_dir, **_):
        (local_dir / name).symlink_to(secret if name == "manifest.json" else "/dev/zero")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", link)
    with pytest.raises(BankError, match=r"manifest.json is a link"):
        load_bank_from_hub(NAME, tmp_path / "again")
    assert secret.exists() and not (tmp_path / "again").exists()


def test_a_checksum_may_be_asked_for(hub, repository, bank, tmp_path):
    with pytest.raises(BankError, match="not 0000"):
        load_bank_from_hub(NAME, tmp_path / "again", checksum="0" * 64)
    assert not (tmp_path / "again").exists()
    load_bank_from_hub(NAME, tmp_path / "again", checksum=bank.checksum, revision="main")


def test_what_the_hub_refuses_is_one_line(hub, repository, tmp_path):
    for name, revision, error, said in (
        ("photons/none", None, ValueError, "there is no dataset photons/none on the hub"),
        (NAME, "absent", ValueError, "no such revision"),
        ("a//b", None, ValueError, "no repository, OWNER/NAME"),
        ("photons", None, ValueError, "no repository, OWNER/NAME"),
    ):
        with pytest.raises(error, match=said) as caught:
            load_bank_from_hub(name, tmp_path / "again", revision=revision, token=TOKEN)
        assert TOKEN not in str(caught.value) and "\n" not in str(caught.value)


def test_a_hub_that_is_not_there_is_one_line(hub, tmp_path):
    hub.server.shutdown()
    hub.server.server_close()
    with pytest.raises(ConnectionError, match=NAME) as caught:
        load_bank_from_hub(NAME, tmp_path / "again")
    assert "\n" not in str(caught.value)


def test_on_the_command_line(hub, bank, counts, tmp_path, capsys):
    pytest.importorskip("huggingface_hub")
    publish = ["export", str(bank.folder), "--to-hub", NAME]
    assert main(publish) == 2
    assert "--license" in capsys.readouterr().err
    assert main([*publish, "--license", "cc0-1.0", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["repo_id"], said["checksum"]) == (NAME, bank.checksum)
    fetch = ["import", f"hub:{NAME}@{hub.commit}", "--out", str(tmp_path / "again")]
    assert main(fetch) == 0
    assert NAME in capsys.readouterr().out
    assert np.array_equal(open_bank(tmp_path / "again").counts, counts)
    assert main(fetch) == 2
    assert "not empty" in capsys.readouterr().err
