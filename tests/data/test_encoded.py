"""Data through an autoencoder: the fit, its file, and what metrics and generators see."""

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from quantum_latents.data import AutoencoderSpec, DigitsSpec, EncodedSpec, array_spec, load
from quantum_latents.data.autoencoder import Autoencoder, fit_autoencoder, fitted_autoencoder
from quantum_latents.random import stream

SPEC = AutoencoderSpec(
    hidden=(16,),
    code_dim=2,
    num_steps=300,
    batch_size=32,
    learning_rate=1e-2,
    code_penalty=1e-4,
    weight_decay=0.01,
)
DIGITS = EncodedSpec(
    data=DigitsSpec(threshold=None, num_held_out=100), autoencoder=replace(SPEC, num_steps=50)
)


@pytest.fixture(scope="module")
def plane():
    """Rows in six dimensions that lie on a plane."""
    rng = stream(0, "test").generator()
    return (rng.normal(size=(400, 2)) @ rng.normal(size=(2, 6))).astype(np.float32)


def test_rows_on_a_plane_need_two_numbers(plane):
    train, others = plane[:300], plane[300:]
    errors = {}
    for code_dim in (1, 2):
        fitted = Autoencoder(fit_autoencoder(replace(SPEC, code_dim=code_dim), train))
        back = fitted.decode(fitted.encode(others))
        errors[code_dim] = ((back - others) ** 2).mean() / others.var(0).mean()
    assert errors[2] < 0.05
    assert errors[1] > 5 * errors[2]


def test_a_fit_is_that_of_torch(plane):
    """Modules of torch.nn, its AdamW and its schedule, from the same weights and batches."""
    spec = replace(SPEC, num_steps=20)
    ours = fit_autoencoder(spec, plane)
    start = fit_autoencoder(replace(spec, num_steps=1, learning_rate=1e-30), plane)
    nets = {}
    for part, sizes in (("encoder", (6, 16, 2)), ("decoder", (2, 16, 6))):
        layers = [torch.nn.Linear(a, b) for a, b in pairwise(sizes)]
        for place, layer in enumerate(layers, start=1):
            layer.weight.data = torch.tensor(start[f"{part}.weight{place}"])
            layer.bias.data = torch.tensor(start[f"{part}.bias{place}"])
        nets[part] = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1])
    optimiser = torch.optim.AdamW(
        [
            {"params": nets["encoder"].parameters(), "weight_decay": 0.0},
            {"params": nets["decoder"].parameters(), "weight_decay": 0.01},
        ],
        lr=1e-2,
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 20)
    for step in range(20):
        rows = stream(0, "autoencoder").child("batch").generator(step).integers(400, size=32)
        x = torch.from_numpy(plane[rows])
        code = nets["encoder"](x)
        loss = ((x - nets["decoder"](code)) ** 2).mean() + 1e-4 * (code**2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    for part, net in nets.items():
        for place, layer in enumerate((net[0], net[2]), start=1):
            found = ours[f"{part}.weight{place}"]
            assert np.allclose(found, layer.weight.detach(), rtol=1e-3, atol=1e-5)
    x = torch.from_numpy(plane[:5])
    assert np.allclose(Autoencoder(ours).encode(plane[:5]), nets["encoder"](x).detach(), atol=1e-3)


def test_a_fit_depends_on_rows_and_settings_alone(plane):
    first = fit_autoencoder(replace(SPEC, num_steps=5), plane)
    torch.manual_seed(99)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        again = fit_autoencoder(replace(SPEC, num_steps=5), plane)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    other = fit_autoencoder(replace(SPEC, num_steps=5, seed=1), plane)
    assert not np.array_equal(first["encoder.weight1"], other["encoder.weight1"])


def test_a_fit_is_kept_and_a_damaged_one_made_anew(plane, tmp_path, monkeypatch, caplog):
    spec = replace(SPEC, num_steps=5)
    first = fitted_autoencoder(spec, plane, "plane", tmp_path)
    (file,) = (tmp_path / "autoencoders").iterdir()
    written = file.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("quantum_latents.data.autoencoder.fit_autoencoder", None)
        again = fitted_autoencoder(spec, plane, "plane", tmp_path)
    assert all(np.array_equal(first.weights[n], again.weights[n]) for n in first.weights)
    for damage in (written[:100], written[:-4] + b"abcd", b"", b'{"pickle": 1}'):
        file.write_bytes(damage)
        mended = fitted_autoencoder(spec, plane, "plane", tmp_path)
        assert all(np.array_equal(first.weights[n], mended.weights[n]) for n in first.weights)
        assert file.read_bytes() == written
    assert "fitting it anew" in caplog.text
    file.write_bytes(written.replace(b'\\"format\\": 1', b'\\"format\\": 9'))
    with pytest.raises(ValueError, match="has format 9, newer than 1"):
        fitted_autoencoder(spec, plane, "plane", tmp_path)
    # Other rows or settings are another fit.
    fitted_autoencoder(spec, plane[::-1], "plane", tmp_path)
    fitted_autoencoder(replace(spec, code_penalty=0.0), plane, "plane", tmp_path)
    assert len(list((tmp_path / "autoencoders").iterdir())) == 3


def test_generators_see_codes_and_metrics_the_data(tmp_path):
    plain = load(DIGITS.data, stream(0, "data"), tmp_path)
    data = load(DIGITS, stream(0, "data"), tmp_path)
    assert (data.name, data.dim, data.sample_dim) == ("encoded_grey_digits", 2, 64)
    assert data.train.shape == (len(plain.train), 2)
    assert np.allclose(data.train.mean(0), 0, atol=1e-5)
    assert np.allclose(data.train.std(0), 1, atol=1e-5)
    assert np.array_equal(data.held_out, plain.held_out)
    assert np.array_equal(data.floor_reference, plain.floor_reference)
    assert data.metrics == plain.metrics
    # From a code to grey levels: standardised codes back, decoded, times 16.
    codes = data.train[:5].astype(np.float64) * data.scale + data.offset
    decoded = Autoencoder(data.decoder.weights).decode(codes)
    assert np.allclose(data.to_data_units(data.train[:5]), 16 * decoded)
    there_and_back = data.facts["reconstructed"]
    assert there_and_back.shape == plain.floor_reference.shape
    assert not np.allclose(there_and_back, plain.floor_reference, atol=1)
    assert "codes of 2 numbers" in data.notes[-1]
    with pytest.raises(ValueError, match="has no validation split"):
        data.validation(stream(0, "validation"))


def test_rows_of_a_user_go_back_to_their_units(plane, tmp_path):
    np.save(tmp_path / "mine.npy", 100 + 7 * plane)
    spec = EncodedSpec(data=array_spec(tmp_path / "mine.npy"), autoencoder=SPEC)
    data = load(spec, stream(0, "data"), tmp_path)
    back = data.facts["reconstructed"]
    assert ((back - data.floor_reference) ** 2).mean() < 0.05 * data.floor_reference.var(0).mean()


def test_what_cannot_be_fitted_is_refused(plane, tmp_path):
    with pytest.raises(ValueError, match="has 10 rows to fit an autoencoder on, fewer than"):
        fitted_autoencoder(SPEC, plane[:10], "few", tmp_path)
    wild = replace(SPEC, learning_rate=1e30, num_steps=20)
    with pytest.raises(ValueError, match=r"'plane' diverged: lower its learning_rate, 1e\+30"):
        fitted_autoencoder(wild, plane, "plane", tmp_path)
    assert not (tmp_path / "autoencoders").exists()


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"hidden": ()}, ValueError, "at least one positive width"),
        ({"hidden": [8]}, TypeError, "a tuple of integers"),
        ({"code_dim": 0}, ValueError, "code_dim"),
        ({"num_steps": 1.5}, TypeError, "num_steps"),
        ({"learning_rate": 0.0}, ValueError, "finite number > 0, not 0.0"),
        ({"code_penalty": -1.0}, ValueError, "code_penalty is a finite number >= 0"),
    ],
)
def test_bad_settings_are_refused(change, error, said):
    with pytest.raises(error, match=said):
        replace(SPEC, **change)


def test_torch_is_not_loaded_before_it_is_used():
    code = "import sys, quantum_latents.data; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
