"""A bank on disk as a latent: the same shots, found by content, refused when they changed."""

import shutil

import numpy as np
import pytest

from quantum_latents.banks import import_bank
from quantum_latents.latents import BankSpec, bank_spec, build_latent
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


def test_training_and_metrics_share_no_shot_and_seeds_take_their_own(tmp_path):
    counts = np.array([[i % 10, i // 10, 1] for i in range(100)])  # each shot occurs once
    bank = import_bank(counts, tmp_path / "pt2", {"processor": "mine"})
    spec = bank_spec(bank.folder, tmp_path / "cache", **{**SIZES, "scaling": "raw"})
    assert (spec.name, spec.dim) == ("bank:pt2", 3)
    latents = [build_latent(spec, seed, tmp_path / "cache") for seed in (0, 1)]
    held_out = [{tuple(z) for z in latent.held_out(40).tolist()} for latent in latents]
    trained = [
        {tuple(z) for z in latent.sample(3000, stream(0, "z")).tolist()} for latent in latents
    ]
    for seen, unseen in zip(trained, held_out, strict=True):
        assert (len(seen), len(unseen)) == (60, 40) and not seen & unseen
    assert held_out[0] != held_out[1]
    with pytest.raises(ValueError, match="41 held-out draws"):
        latents[0].held_out(41)


def test_coordinates_are_scaled_by_the_whole_bank(bank, counts, tmp_path):
    latent = build_latent(
        bank_spec(bank.folder, tmp_path / "cache", **SIZES), 0, tmp_path / "cache"
    )
    deviation = np.where(counts.std(0) > 0, counts.std(0), 1.0)
    known = {tuple(np.round(row, 4)) for row in (counts - counts.mean(0)) / deviation}
    assert {tuple(np.round(z, 4)) for z in latent.held_out(40).double().numpy()} <= known


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
    assert BankSpec(**good).card.what.startswith("photon counts of the bank x")
    with pytest.raises(ValueError, match=said):
        BankSpec(**{**good, **changed})
