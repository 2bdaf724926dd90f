"""A bank on disk as a latent: the same shots, found by content, refused when they changed."""

import shutil

import numpy as np
import pytest

from quantum_latents.banks import import_bank
from quantum_latents.latents import BankSpec, bank_spec, build_latent, card_of
from quantum_latents.random import stream

SIZES = {"scaling": "standardised", "bank_size": 60, "num_held_out": 40}


@pytest.fixture
def counts():
    counts = np.random.default_rng(0).poisson(1.0, size=(100, 4)).astype(np.uint8)
    counts[:, 2] = 1  # a mode that never varies
    return counts


@pytest.fixture
def bank(tmp_path, counts):
    return import_bank(counts, tmp_path / "pt2", {"processor": "mine"})


def test_training_draws_the_first_shots_and_metrics_the_rest(bank, counts, tmp_path):
    spec = bank_spec(bank.folder, tmp_path / "cache", **SIZES)
    assert (spec.name, spec.dim) == ("bank:pt2", 4)
    latent = build_latent(spec, 3, tmp_path / "cache")
    deviation = np.where(counts.std(0) > 0, counts.std(0), 1.0)
    z = (counts - counts.mean(0)) / deviation
    np.testing.assert_allclose(latent.held_out(40).numpy(), z[60:], atol=1e-6)
    drawn = latent.sample(500, stream(0, "z")).numpy()
    distances = np.abs(drawn[:, None] - z[None, :60]).max(-1).min(1)
    assert distances.max() < 1e-6
    with pytest.raises(ValueError, match="41 held-out draws"):
        latent.held_out(41)


def test_a_bank_is_found_by_its_content_wherever_it_lies(bank, tmp_path):
    cache = tmp_path / "cache"
    spec = bank_spec(bank.folder, cache, **SIZES)
    elsewhere = tmp_path / "other" / "pt2"
    shutil.copytree(bank.folder, elsewhere)
    shutil.rmtree(bank.folder)
    with pytest.raises(ValueError, match="is there no more: name its folder again"):
        build_latent(spec, 0, cache)
    assert bank_spec(elsewhere, cache, **SIZES) == spec
    assert build_latent(spec, 0, cache).dim == 4


def test_a_bank_that_has_changed_is_refused(bank, counts, tmp_path):
    cache = tmp_path / "cache"
    spec = bank_spec(bank.folder, cache, **SIZES)
    shutil.rmtree(bank.folder)
    import_bank(counts[::-1], bank.folder, {})
    with pytest.raises(ValueError, match="not the one that the study began with"):
        build_latent(spec, 0, cache)


def test_a_machine_that_never_saw_the_bank_says_so(bank, tmp_path):
    spec = bank_spec(bank.folder, tmp_path / "cache", **SIZES)
    with pytest.raises(ValueError, match="does not know where the bank lies"):
        build_latent(spec, 0, tmp_path / "another")


def test_too_few_shots_are_refused_with_the_number_that_would_do(bank, tmp_path):
    with pytest.raises(ValueError, match=r"holds 100 shots and 90 .* 40 .*--bank 60"):
        bank_spec(bank.folder, tmp_path, **{**SIZES, "bank_size": 90})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "pt2"}, "bank:pt2"),
        ({"name": "bank:"}, "bank:pt2"),
        ({"bank_size": None}, "cannot be drawn afresh"),
        ({"checksum": "abc"}, "64 hexadecimal digits"),
    ],
)
def test_a_wrong_spec_is_refused(changed, said):
    good = {"name": "bank:x", "dim": 4, "checksum": "0" * 64, **SIZES}
    assert card_of(BankSpec(**good)).what.startswith("photon counts of the bank x")
    with pytest.raises(ValueError, match=said):
        BankSpec(**{**good, **changed})
