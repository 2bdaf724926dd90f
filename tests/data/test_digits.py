"""The digits: one split for all, honest sizes, and images that are those we know."""

import hashlib
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn.datasets

from quantum_latents.data import DigitsSpec, check_installed, load
from quantum_latents.data.digits import DIGITS_SHA256, NUM_IMAGES
from quantum_latents.data.split import split_rows
from quantum_latents.random import stream

GREY, BINARY = DigitsSpec(threshold=None), DigitsSpec(threshold=8)


def digits(spec, seed=0):
    return load(spec, stream(seed, "data"), Path("unused"))


def in_data_units(data):
    parts = (data.to_data_units(data.train), data.held_out, data.floor_reference)
    return np.concatenate(parts)


def test_the_split_is_a_partition_of_all_images():
    data = digits(GREY)
    assert (len(data.train), len(data.held_out), len(data.floor_reference)) == (997, 400, 400)
    images = sklearn.datasets.load_digits().data
    ours = {image.tobytes() for image in in_data_units(data).astype(np.uint8)}
    assert ours == {image.tobytes() for image in images.astype(np.uint8)}
    assert len(ours) == NUM_IMAGES  # no image occurs twice, so the parts are disjoint


def test_every_seed_meets_one_split_and_another_split_seed_another():
    first, other = digits(GREY, seed=0), digits(GREY, seed=7)
    for part in ("train", "held_out", "floor_reference"):
        assert np.array_equal(getattr(first, part), getattr(other, part))
    again = digits(DigitsSpec(threshold=None, split_seed=1))
    assert not np.array_equal(first.held_out, again.held_out)


def test_bits_are_the_grey_levels_from_the_threshold_on():
    grey = in_data_units(digits(GREY))
    assert set(np.unique(grey)) == set(range(17))
    for threshold in (1, 8, 16):
        bits = in_data_units(digits(DigitsSpec(threshold=threshold)))
        assert np.array_equal(bits, grey >= threshold)


def test_model_units_lie_between_0_and_1():
    for spec in (GREY, BINARY):
        train = digits(spec).train
        assert (train.min(), train.max()) == (0.0, 1.0)
    assert (digits(GREY).facts["coordinate_scale"] == 16).all()
    assert "coordinate_scale" not in digits(BINARY).facts


def test_names_and_notes_say_what_they_are():
    assert (GREY.name, BINARY.name) == ("grey_digits", "binary_digits")
    sizes, constant = digits(DigitsSpec(threshold=5, num_held_out=100)).notes
    assert "1 from grey level 5 on" in sizes
    assert "1597 to train on, 100 held out, 100 for the floor" in sizes
    train = digits(GREY).train
    assert f"{(np.ptp(train, axis=0) == 0).sum()} of 64 pixels" in digits(GREY).notes[1]
    assert "of 64 pixels" in constant


def test_without_scikit_learn_the_line_to_install_it_is_told(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for asked in (lambda: check_installed(GREY), lambda: digits(GREY)):
        with pytest.raises(ImportError, match=r"pip install 'quantum-latents\[data\]'"):
            asked()


def test_other_images_are_refused(monkeypatch):
    images = sklearn.datasets.load_digits().data.copy()
    images[5, 20] = 16 - images[5, 20]
    monkeypatch.setattr(sklearn.datasets, "load_digits", lambda: SimpleNamespace(data=images))
    assert hashlib.sha256(images.astype(np.uint8).tobytes()).hexdigest() != DIGITS_SHA256
    with pytest.raises(ImportError, match="not the images that this version knows"):
        digits(GREY)


@pytest.mark.parametrize(
    ("field", "value", "error", "message"),
    [
        ("threshold", 0, ValueError, "threshold is at least 1, not 0"),
        ("threshold", 17, ValueError, "from 1 to 16, or None, not 17"),
        ("threshold", 7.5, TypeError, "threshold is an integer, not 7.5"),
        ("num_held_out", 1, ValueError, "num_held_out is at least 2, not 1"),
        ("num_held_out", 898, ValueError, "twice num_held_out=898 of 1797 images"),
        ("split_seed", -1, ValueError, "split_seed is at least 0, not -1"),
    ],
)
def test_bad_specs_are_refused_by_field(field, value, error, message):
    with pytest.raises(error, match=message):
        DigitsSpec(**{"threshold": 8, field: value})


def test_a_split_is_a_permutation_and_refuses_what_leaves_nothing():
    values = np.arange(30).reshape(15, 2)
    parts = split_rows(values, 4, 3)
    assert [len(part) for part in parts] == [7, 4, 4]
    together = np.concatenate(parts)
    assert not np.array_equal(together, values)
    assert np.array_equal(together[together[:, 0].argsort()], values)
    with pytest.raises(ValueError, match="twice num_held_out=7 of 15 rows leaves 1 to train on"):
        split_rows(values, 7, 0)
