"""CIFAR-10: its files in every form, one split for all, and files that are not whole by name."""

import hashlib
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from quantum_latents.data import Cifar10Spec, cifar10_spec, load
from quantum_latents.data.cifar10_files import FILES
from quantum_latents.data.download import CIFAR10_ARCHIVE
from quantum_latents.metrics import METRICS
from quantum_latents.random import stream
from quantum_latents.training.spec import decode, encode

TRAIN, TEST = 100, 20


@pytest.fixture
def files(cifar10_files, tmp_path):
    return cifar10_files.write_files(tmp_path / "files")


def spec_of(source, tmp_path, **settings):
    return cifar10_spec(source, tmp_path / "cache", num_records=20, **settings)


def data_of(spec, tmp_path, seed=0):
    return load(spec, stream(seed, "data"), tmp_path / "cache")


def test_archive_and_folders_are_the_same_images_under_one_name(files, cifar10_files, tmp_path):
    (tmp_path / "packed").mkdir()
    archive = cifar10_files.pack(files, tmp_path / "packed" / CIFAR10_ARCHIVE.name)
    (tmp_path / "outer").mkdir()
    inner = tmp_path / "outer" / "cifar-10-batches-bin"
    files.rename(inner)
    spec = spec_of(inner, tmp_path)
    assert spec == spec_of(tmp_path / "outer", tmp_path)
    for source in (tmp_path / "packed", tmp_path / "packed" / archive.name):
        assert spec_of(source, tmp_path, archive=archive) == spec
    levels = cifar10_files.levels_of(inner)
    assert spec.sha256 == hashlib.sha256(levels.tobytes()).hexdigest()
    assert (spec.num_train, spec.num_held_out) == (TRAIN, TEST // 2)
    cached = [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert cached == [f"{spec.sha256}.levels"]


def test_the_training_images_are_trained_on_and_the_test_images_split(
    files, cifar10_files, tmp_path
):
    data = data_of(spec := spec_of(files, tmp_path), tmp_path)
    levels = cifar10_files.levels_of(files)
    assert np.array_equal(np.rint(data.to_data_units(data.train)), levels[:TRAIN])
    assert data.train.max() == 1.0 and data.train.min() == 0.0
    held_out, floor = data.held_out, data.floor_reference
    assert held_out.shape == floor.shape == (TEST // 2, 3072)
    images = {image.tobytes() for image in levels[TRAIN:]}
    assert {i.astype(np.uint8).tobytes() for i in (*held_out, *floor)} == images
    again = data_of(spec, tmp_path, seed=9)
    assert again is data  # one copy in a process, whatever the seed
    other = data_of(spec_of(files, tmp_path, split_seed=1), tmp_path)
    assert not np.array_equal(other.held_out, held_out)
    assert np.array_equal(other.train, data.train)
    assert data.facts["image_shape"] == (3, 32, 32)
    assert set(data.metrics) <= set(METRICS)
    for name in data.metrics:
        assert set(METRICS[name].corroborated_by) <= set(data.metrics)


def test_fewer_images_are_a_random_part(files, tmp_path):
    whole = data_of(spec_of(files, tmp_path), tmp_path)
    part = data_of(spec_of(files, tmp_path, num_train=30, num_held_out=4), tmp_path)
    assert (len(part.train), len(part.held_out), len(part.floor_reference)) == (30, 4, 4)
    rows = [row.tobytes() for row in whole.train]
    places = [rows.index(row.tobytes()) for row in part.train]
    assert places == sorted(set(places)) and places != list(range(30))
    assert np.array_equal(part.held_out, whole.held_out[:4])
    assert "30 of 100 training images" in part.notes[0]


def test_the_spec_comes_back_from_json_and_names_the_content_alone(files, tmp_path):
    spec = spec_of(files, tmp_path)
    again = decode(Cifar10Spec, json.loads(json.dumps(encode(spec, Cifar10Spec))), "data")
    assert again == spec and hash(again) == hash(spec)
    assert str(tmp_path) not in json.dumps(encode(spec, Cifar10Spec))


def change(file: Path, place: int, value: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] = value
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-7])


def prolong(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"x")


def another_class(file: Path) -> None:
    change(file, 0, (file.read_bytes()[0] + 1) % 10)


@pytest.mark.parametrize(
    ("damage", "name", "said"),
    [
        (Path.unlink, FILES[2], "lacks data_batch_3.bin: all of"),
        (cut, FILES[0], "data_batch_1.bin in .* is cut off after 61,453 bytes of 61,460"),
        (prolong, FILES[5], "test_batch.bin in .* has more than its 61,460 bytes"),
        (lambda file: change(file, 3 * 3073, 10), FILES[1], "record 3 of data_batch_2.* label 10"),
        (another_class, FILES[4], r"training images of class \d, not 10"),
        (another_class, FILES[5], r"test images of class \d, not 2"),
    ],
)
def test_files_that_are_not_whole_are_named_with_the_fix(files, tmp_path, damage, name, said):
    damage(files / name)
    with pytest.raises(ValueError, match=said) as caught:
        spec_of(files, tmp_path)
    assert CIFAR10_ARCHIVE.urls[0] in str(caught.value)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("data_batch_1", "version for Python, which is pickled and not read: take the binary"),
        ("cifar-10-python.tar.gz", "version for Python"),
        ("train.bin", "is CIFAR-100, not CIFAR-10"),
        ("readme.html", "holds neither cifar-10-binary.tar.gz nor its files"),
    ],
)
def test_another_folder_is_told_what_it_is(tmp_path, name, said):
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / name).write_bytes(b"x")
    with pytest.raises(ValueError, match=said):
        spec_of(tmp_path / "given", tmp_path)
    with pytest.raises(ValueError, match="neither a file nor a folder"):
        spec_of(tmp_path / "none", tmp_path)


def test_another_archive_is_refused_by_its_sum(files, cifar10_files, tmp_path):
    path = tmp_path / CIFAR10_ARCHIVE.name
    archive = cifar10_files.pack(files, path)
    with pytest.raises(ValueError, match=r"another archive .* bytes, not 170,052,171"):
        spec_of(path, tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged or another archive .*SHA-256"):
        spec_of(path, tmp_path, archive=archive)


def test_what_an_archive_says_is_not_believed(files, cifar10_files, tmp_path):
    """Behind its sum, too: paths that lead out, members that are no files, twice, or too large."""
    path = tmp_path / CIFAR10_ARCHIVE.name
    archive = cifar10_files.pack(files, path, inside="../../../elsewhere/")
    assert spec_of(path, tmp_path, archive=archive) == spec_of(files, tmp_path)
    assert not (tmp_path.parent / "elsewhere").exists()
    (files / "copy").mkdir()
    (files / "copy" / FILES[0]).write_bytes((files / FILES[0]).read_bytes())
    with pytest.raises(ValueError, match=r"holds data_batch_1\.bin twice"):
        spec_of(path, tmp_path, archive=cifar10_files.pack(files, path))
    (files / "copy" / FILES[0]).write_bytes(bytes(70_000))
    with pytest.raises(ValueError, match="of 70,000 bytes: it is not CIFAR-10's archive"):
        spec_of(path, tmp_path, archive=cifar10_files.pack(files, path))
    (files / "copy" / FILES[0]).unlink()
    (files / "copy").rmdir()
    (files / FILES[0]).unlink()
    (files / FILES[0]).symlink_to(files / FILES[1])
    with pytest.raises(ValueError, match=r"lacks data_batch_1\.bin"):
        spec_of(path, tmp_path, archive=cifar10_files.pack(files, path))


def test_an_archive_that_breaks_off_is_damaged(files, cifar10_files, tmp_path):
    path = tmp_path / CIFAR10_ARCHIVE.name
    cifar10_files.pack(files, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    broken = cifar10_files.remote(path)
    with pytest.raises(ValueError, match=r"is damaged \(.*\): take http"):
        spec_of(path, tmp_path, archive=broken)
    path.write_bytes(b"no archive at all")
    with pytest.raises(ValueError, match="is damaged"):
        spec_of(path, tmp_path, archive=cifar10_files.remote(path))
    assert not tarfile.is_tarfile(path)


def test_without_a_network_the_place_for_the_archive_is_told(
    tmp_path, cifar10_files, files, monkeypatch
):
    archive = cifar10_files.pack(files, tmp_path / "archive")
    with pytest.raises(ConnectionError, match="without a network, put it") as caught:
        spec_of("cifar10", tmp_path, archive=archive)
    place = tmp_path / "cache" / "images" / archive.name
    assert f"{str(place)!r}" in str(caught.value) and archive.sha256 in str(caught.value)
    (tmp_path / "archive").rename(place)
    # Whatever folder of that name is here, such as a study: that one would be ./cifar10.
    (tmp_path / "cifar10").mkdir()
    monkeypatch.chdir(tmp_path)
    assert spec_of("cifar10", tmp_path, archive=archive) == spec_of(files, tmp_path)


def test_the_cache_is_not_believed(files, tmp_path):
    spec = spec_of(files, tmp_path, num_train=50)
    kept = tmp_path / "cache" / "images" / f"{spec.sha256}.levels"
    change(kept, 5, kept.read_bytes()[5] ^ 1)
    with pytest.raises(ValueError, match="is damaged: delete it, and give the images again"):
        data_of(spec, tmp_path)
    assert spec_of(files, tmp_path, num_train=50) == spec  # written anew
    data_of(spec, tmp_path)
    kept.unlink()
    with pytest.raises(ValueError, match=r"are not at .*levels': give the images again"):
        load(spec, stream(0, "data"), tmp_path / "cache" / ".." / "cache")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"num_train": 101}, "num_train is at most 100"),
        ({"num_train": 1}, "num_train is at least 2"),
        ({"num_held_out": 11}, "num_held_out is at most 10"),
        ({"split_seed": -1}, "split_seed is at least 0"),
    ],
)
def test_sizes_that_cannot_be_are_refused_by_field(files, tmp_path, settings, said):
    with pytest.raises(ValueError, match=said):
        spec_of(files, tmp_path, **settings)
    with pytest.raises(ValueError, match="sha256 is 64 hexadecimal digits"):
        Cifar10Spec(sha256="x")
