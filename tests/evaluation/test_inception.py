"""Photographs in Inception: weights that are believed, features taken once, the distances."""

import hashlib
import importlib.util
import io
import json
import pickle
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from quantum_latents.cli import main
from quantum_latents.data import cifar10_spec, download, load
from quantum_latents.evaluation import check_network_of, evaluate, images, inception
from quantum_latents.execution import run_study
from quantum_latents.metrics import (
    frechet_feature_distance,
    kernel_feature_distance,
    manifolds,
)
from quantum_latents.random import stream
from quantum_latents.recipes import ddgan


@pytest.fixture(scope="module")
def spec_and_cache(cifar10_files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cifar10")
    files = cifar10_files.write_files(folder / "files")
    return cifar10_spec(files, folder / "cache", num_records=20), folder / "cache"


@pytest.fixture
def data(spec_and_cache):
    spec, cache = spec_and_cache
    return load(spec, stream(0, "data"), cache)


def means_and_corners(levels):
    """Six numbers an image, in the place of Inception's 2048."""
    scaled = levels.astype(np.float32) / 255
    return np.concatenate([scaled.mean((2, 3)), scaled[:, :, 0, 0]], axis=1)


@pytest.fixture
def network(monkeypatch, data, tmp_path):
    """A small network in Inception's place; returns how many images it has seen, call by call."""
    seen = []

    def features(levels, folder, device):
        assert levels.dtype == np.uint8 and levels.shape[1:] == (3, 32, 32)
        seen.append((len(levels), device))
        return means_and_corners(levels)

    monkeypatch.setattr(inception, "features", features)
    monkeypatch.setattr(inception, "fidelity_version", lambda: "of a test")
    monkeypatch.setitem(data.facts, "reference_cache", tmp_path)
    return seen


def in_features(rows):
    levels = np.rint(rows).clip(0, 255).astype(np.uint8).reshape(-1, 3, 32, 32)
    return means_and_corners(levels).astype(np.float64)


def test_metrics_are_those_of_the_features_of_whole_levels(data, network):
    samples = data.floor_reference[:8] * 0.5 + 100.3
    found = evaluate(samples, data, 0)
    x, y = in_features(samples), in_features(data.held_out)
    wanted = {
        "frechet_inception_distance": frechet_feature_distance(x, y),
        "kernel_inception_distance": kernel_feature_distance(x, y),
    }
    wanted |= {f"inception_{name}": value for name, value in vars(manifolds(x, y)).items()}
    assert {name: found[name]["value"] for name in wanted} == wanted
    floor = in_features(data.floor_reference[:8])
    name = "frechet_inception_distance"
    assert found[name]["floor"] == frechet_feature_distance(floor, y)
    assert found[name]["label"] == "Fréchet Inception distance"
    assert found["inception_precision"]["constant_wins"]
    assert not found["inception_coverage"]["constant_wins"]


def test_the_data_s_own_features_are_taken_once_and_kept(data, network, tmp_path):
    samples = data.floor_reference[:7] + 1.0
    first = evaluate(samples, data, 0)
    assert sorted(network) == [(7, "cpu"), (7, "cpu"), (10, "cpu")]
    assert evaluate(samples, data, 0) == first
    assert len(network) == 4  # of the generated images alone
    files = sorted(tmp_path.glob("features-*.npz"))
    assert len(files) == 2
    for file in files:
        file.write_bytes(b"damaged")
    assert evaluate(samples, data, 0) == first
    assert len(network) == 7


def test_what_is_kept_is_of_these_images_this_network_and_this_device(data, network, monkeypatch):
    comparison = images.facts_of(data)["inception_features"]
    comparison(data.held_out, data.held_out)
    assert len(network) == 1
    images.facts_of(data)["inception_features"](data.held_out, data.held_out)
    assert len(network) == 1
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    images.facts_of(data, "cuda:0")["inception_features"](data.held_out, data.held_out)
    assert network[-1] == (10, "cuda")
    monkeypatch.setattr(inception, "fidelity_version", lambda: "another")
    images.facts_of(data)["inception_features"](data.held_out, data.held_out)
    assert len(network) == 3
    other = replace(data, held_out=np.array(data.floor_reference))
    images.facts_of(other)["inception_features"](other.held_out, other.held_out)
    assert len(network) == 4


def test_a_row_says_where_its_features_were_computed(data, monkeypatch):
    assert images.measured_on(data, "cuda:0") == {"features_on": "cpu"}  # there is none here
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert images.measured_on(data, "cuda:0") == {"features_on": "cuda"}
    assert images.measured_on(data, "cpu") == {"features_on": "cpu"}


def test_other_data_need_no_network():
    from quantum_latents.data import MoonsSpec

    moons = load(MoonsSpec(num_train=20, num_held_out=8), stream(0, "data"), None)
    assert images.measured_on(moons, "cuda") == {}
    assert images.facts_of(moons) is moons.facts
    images.check_network(moons)
    check_network_of(MoonsSpec(num_train=20, num_held_out=8), None)


@pytest.fixture
def weights(monkeypatch, tmp_path):
    """Gives content to the file of the weights, and its sum as the one that is known."""

    def known(content, path=None):
        path = path or tmp_path / "weights.pth"
        path.write_bytes(content)
        remote = download.RemoteFile(
            name=path.name,
            urls=("http://127.0.0.1:9/weights.pth",),
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        monkeypatch.setattr(download, "INCEPTION_WEIGHTS", remote)
        return path

    inception._network.cache_clear()
    yield known
    inception._network.cache_clear()


def saved(content):
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


class Harmful:
    ran = False

    def __reduce__(self):
        return setattr, (Harmful, "ran", True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: pickle.dumps({"a": Harmful()}, protocol=2), "holds more than tensors"),
        (lambda: saved({"a": torch.zeros(1), "b": Harmful()}), "holds more than tensors"),
        (lambda: b"no weights", "holds more than tensors"),
        (lambda: saved([torch.zeros(1)]), "holds no tensors by name"),
        (lambda: saved({"a": 1}), "holds no tensors by name"),
    ],
)
def test_weights_that_could_run_code_never_do(weights, content, said):
    """Even where their sum is the one that is known."""
    path = weights(content())
    with pytest.raises(ValueError, match=said):
        inception._network(path, "cpu")
    assert not Harmful.ran


def test_weights_of_another_sum_are_not_even_read(weights, monkeypatch):
    path = weights(saved({"a": torch.zeros(1)}))
    path.write_bytes(pickle.dumps(Harmful()))
    monkeypatch.setattr(inception, "fidelity_version", lambda: "of a test")
    with pytest.raises(ValueError, match=r"damaged or another file .*delete it"):
        inception.check_inception(path.parent)
    with pytest.raises(ValueError, match="is damaged: SHA-256"):
        inception._network(path, "cpu")
    assert not Harmful.ran


def test_the_published_weights_are_meant():
    remote = download.INCEPTION_WEIGHTS
    assert remote.name.endswith(f"-{remote.sha256[:8]}.pth")
    assert remote.size == 95_628_359
    assert all(url.endswith(f"-{remote.sha256[:8]}.pth") for url in remote.urls)


def without_library(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "torch_fidelity" else find(name, *rest),
    )


def test_without_the_library_nothing_is_trained(spec_and_cache, monkeypatch, tmp_path):
    spec, cache = spec_and_cache
    without_library(monkeypatch)
    study = ddgan("smoke", num_seeds=1, latents=("gaussian",), data=spec)
    with pytest.raises(ImportError, match=r"pip install 'quantum-latents\[images\]'"):
        run_study(study, tmp_path / "study", command="a test", cache=cache)
    assert not (tmp_path / "study").exists()


def test_without_the_weights_nothing_is_trained(spec_and_cache, weights, monkeypatch, tmp_path):
    spec, cache = spec_and_cache
    weights(b"elsewhere")
    monkeypatch.setattr(inception, "fidelity_version", lambda: "of a test")
    study = ddgan("smoke", num_seeds=1, latents=("gaussian",), data=spec)
    with pytest.raises(ConnectionError, match="without a network, put it") as caught:
        run_study(study, tmp_path / "study", command="a test", cache=cache)
    assert str(cache / "images" / "weights.pth") in str(caught.value)
    assert not (tmp_path / "study").exists()


def test_the_call_says_in_one_line_what_to_install(cifar10_files, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("QLAT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("quantum_latents.data.cifar10.NUM_RECORDS", 20)
    without_library(monkeypatch)
    files = cifar10_files.write_files(tmp_path / "files")
    run = ["run", "ddgan", "--data", str(files), "--out", str(tmp_path / "study")]
    for call in (run, ["prepare", str(files)]):
        assert main(call) == 2
        told = capsys.readouterr().err.strip()
        assert "\n" not in told and "quantum-latents[images]" in told
    assert not (tmp_path / "study").exists()


def test_images_and_network_are_prepared(cifar10_files, weights, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("QLAT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("quantum_latents.data.cifar10.NUM_RECORDS", 20)
    monkeypatch.setattr(inception, "fidelity_version", lambda: "of a test")
    files = str(cifar10_files.write_files(tmp_path / "files"))
    (tmp_path / "cache" / "images").mkdir(parents=True)
    weights(b"weights", tmp_path / "cache" / "images" / "weights.pth")
    assert main(["prepare", files]) == 0
    assert "are in the cache" in capsys.readouterr().out
    assert main(["prepare", files, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (tmp_path / "cache" / "images" / f"{told['sha256']}.levels").is_file()
    assert main(["prepare", files, "--out", str(tmp_path / "a.npz")]) == 2
    assert "--out is for molecules" in capsys.readouterr().err
    # Folders do not take names away from downloads, and another archive is told what is meant.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qm9").mkdir()

    def unreachable(remote, *_):
        raise ConnectionError(f"no network for {remote.name}")

    monkeypatch.setattr("quantum_latents.data.molecules.fetch", unreachable)
    assert main(["prepare", "qm9"]) != 0
    assert "no network for dsgdb9nsd" in capsys.readouterr().err
    (tmp_path / "other.tar.gz").write_bytes(b"other")
    assert main(["prepare", "other.tar.gz"]) == 2
    assert "another archive than cifar-10-binary.tar.gz" in capsys.readouterr().err
    assert main(["run", "ddgan", "--data", ""]) == main(["run", "ddgan", "--data", "x" * 300]) == 2


@pytest.fixture
def random_weights(weights):
    """Weights of the real network, drawn at random, in the format of the published ones."""
    if importlib.util.find_spec("torch_fidelity") is None:
        pytest.skip("torch-fidelity is not installed")
    library = inception._extractor()

    class Empty(library):
        def load_state_dict(self, state):
            assert state == {}

    torch.manual_seed(0)
    network = Empty("empty", ["2048"], io.BytesIO(saved({})))
    for layer in network.modules():  # so that activations neither vanish nor explode
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return weights(saved(network.state_dict()))


@pytest.mark.slow
def test_features_are_those_of_the_library(random_weights, data):
    assert "torch_fidelity" not in sys.modules
    levels = data.held_out[:3].astype(np.uint8).reshape(-1, 3, 32, 32)
    library = inception._extractor()("library", ["2048"], str(random_weights))
    wanted = library(torch.from_numpy(levels))[0].numpy()
    found = inception.features(levels, random_weights.parent)
    assert found.shape == (3, 2048) and found.dtype == np.float32
    assert np.isfinite(found).all() and found.std() > 0.01
    assert np.array_equal(found, wanted)
    # The red, green and blue of an image are told apart, and so are whole levels.
    assert not np.allclose(inception.features(levels[:, ::-1].copy(), random_weights.parent), found)


@pytest.mark.slow
def test_fid_and_kid_are_those_of_the_library_s_features(
    random_weights, data, monkeypatch, tmp_path
):
    monkeypatch.setitem(data.facts, "reference_cache", tmp_path)
    samples = 0.9 * data.floor_reference
    metrics = evaluate(samples, data, 0)
    library = inception._extractor()("library", ["2048"], str(random_weights))
    x, y = (
        library(torch.from_numpy(np.rint(rows).astype(np.uint8).reshape(-1, 3, 32, 32)))[0]
        .double()
        .numpy()
        for rows in (samples, data.held_out)
    )
    # By eigenvalues of the product of the covariances, as the published implementations do.
    product = np.cov(x, rowvar=False) @ np.cov(y, rowvar=False)
    traced = np.sqrt(np.linalg.eigvals(product).astype(complex)).real.sum()
    apart = ((x.mean(0) - y.mean(0)) ** 2).sum() + x.var(0, ddof=1).sum() + y.var(0, ddof=1).sum()
    fid = metrics["frechet_inception_distance"]["value"]
    assert fid > 0.01
    assert fid == pytest.approx(apart - 2 * traced, rel=1e-3)
    kernel = {
        (a, b): (p @ q.T / 2048 + 1) ** 3
        for a, p in (("x", x), ("y", y))
        for b, q in (("x", x), ("y", y))
    }
    within = [
        (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))
        for k in (kernel["x", "x"], kernel["y", "y"])
    ]
    kid = sum(within) - 2 * kernel["x", "y"].mean()
    assert metrics["kernel_inception_distance"]["value"] == pytest.approx(kid, rel=1e-6)
