"""Banks on disk: the right counts, kept whole through kills, damage and rivals."""

import json
import logging
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from quantum_latents.banks import BankError, BankRecipe, build_bank, open_bank
from quantum_latents.banks import folder as files
from quantum_latents.circuits import from_unitary, haar, time_bin
from quantum_latents.random import stream
from quantum_latents.samplers import Noise, sample_boson, sample_distinguishable, sample_noisy

DEVICE = haar(6, stream(0, "interferometer"))


def small_recipe(**changes):
    fields = {
        "interferometer": DEVICE.recipe,
        "occupation": (1, 0, 2, 0, 1, 0),
        "statistics": "boson",
        "num_samples": 200_000,  # four chunks
        "stream": stream(0, "latent"),
    }
    return BankRecipe(**{**fields, **changes})


# Nine photons in eighteen modes: drawn by Clifford-Clifford, here in chunks of 2048 shots.
LARGE = """
from quantum_latents.banks import BankRecipe
from quantum_latents.circuits import haar
from quantum_latents.random import stream

recipe = BankRecipe(
    interferometer=haar(18, stream(0, "interferometer")).recipe,
    occupation=(1, 0) * 9,
    statistics="boson",
    num_samples=9 * 2048 + 100,
    stream=stream(0, "latent"),
)
"""

BUILD = (
    LARGE
    + """
import sys, time
from quantum_latents.banks import bank, build_bank

bank._MOST_CHUNK_ROWS = 2048

def pause(done, total):
    print(done, flush=True)
    time.sleep(float(sys.argv[2]))

build_bank(recipe, sys.argv[1], num_threads=1, progress=pause)
"""
)


def large_recipe():
    names = {}
    exec(LARGE, names)
    return names["recipe"]


def start_build(folder, pause):
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(folder), str(pause)], stdout=subprocess.PIPE, text=True
    )


def expected_counts(recipe):
    device, sampler = haar(18, stream(0, "interferometer")), sample_boson
    return sampler(device, recipe.occupation, recipe.num_samples, recipe.stream)


def test_a_bank_holds_the_shots_of_its_stream(tmp_path):
    for statistics, sampler in [
        ("boson", sample_boson),
        ("distinguishable", sample_distinguishable),
    ]:
        recipe = small_recipe(statistics=statistics)
        bank = build_bank(recipe, tmp_path / recipe.digest)
        expected = sampler(DEVICE, recipe.occupation, 200_000, recipe.stream)
        assert np.array_equal(bank.counts, expected)
        assert len(bank) == 200_000
        assert bank.num_modes == 6
        assert bank.recipe == recipe
        assert np.array_equal(bank.rows(10, 20), expected[10:20])
        indices = np.array([5, 199_999, 0, 5])
        assert np.array_equal(bank.take(indices), expected[indices])
        assert bank.manifest["path"] == recipe.path
        assert len(bank.manifest["checksums"]) == 4


def test_a_bank_of_time_bins_is_measured_progressively(tmp_path):
    device, occupation = time_bin(32, (1, 1), stream=stream(0)), (1, 0) * 16
    fields = {"interferometer": device.recipe, "occupation": occupation, "num_samples": 20_000}
    recipe = small_recipe(**fields)  # two chunks
    bank = build_bank(recipe, tmp_path / "bank")
    assert bank.manifest["path"] == recipe.path == "progressive"
    assert np.array_equal(bank.counts, sample_boson(device, occupation, 20_000, recipe.stream))
    with pytest.raises(ValueError, match="GiB"):
        small_recipe(interferometer=time_bin(32, (9, 9), stream=stream(0)), occupation=(4,) * 32)
    with pytest.raises(ValueError, match="256"):
        small_recipe(**{**fields, "occupation": (8,) * 32, "statistics": "distinguishable"})


def test_counts_are_memory_mapped_and_read_only(tmp_path):
    bank = build_bank(small_recipe(num_samples=10), tmp_path / "bank")
    assert isinstance(bank.counts.base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        bank.counts[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        bank.rows(0, 1)[0, 0] = 1
    bank.take([0])[0, 0] = 9  # the user's own copy
    with pytest.raises(ValueError, match="shots 0 to 10"):
        bank.rows(5, 11)
    with pytest.raises(IndexError):
        bank.take([10])


def test_a_complete_bank_is_reused(tmp_path, monkeypatch):
    recipe = small_recipe()
    build_bank(recipe, tmp_path / "bank")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "bank").iterdir()}
    monkeypatch.setattr(BankRecipe, "sampler", lambda self: pytest.fail("drew again"))
    calls = []
    build_bank(recipe, tmp_path / "bank", progress=lambda *args: calls.append(args))
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "bank").iterdir()}
    assert after == before
    assert not calls
    assert not (tmp_path / "bank" / files.LEDGER).exists()


def test_progress_counts_shots_on_disk(tmp_path):
    calls = []
    build_bank(small_recipe(), tmp_path / "bank", progress=lambda *args: calls.append(args))
    assert calls == [(65536 * k, 200_000) for k in (1, 2, 3)] + [(200_000, 200_000)]


def test_kill_9_in_the_middle_loses_at_most_a_chunk(tmp_path, monkeypatch):
    monkeypatch.setattr("quantum_latents.banks.bank._MOST_CHUNK_ROWS", 2048)
    folder = tmp_path / "bank"
    process = start_build(folder, pause=0.5)
    for _ in range(3):
        finished = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(BankError, match="not complete"):
        open_bank(folder)
    calls = []
    recipe = large_recipe()
    bank = build_bank(recipe, folder, progress=lambda done, total: calls.append(done))
    assert calls[0] > finished  # resumed, not begun again
    build_bank(recipe, tmp_path / "undisturbed")
    for name in (files.COUNTS, files.MANIFEST):
        assert (folder / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()
    assert np.array_equal(bank.counts, expected_counts(recipe))


def test_two_processes_build_one_bank_together(tmp_path):
    processes = [start_build(tmp_path / "bank", pause=0.05) for _ in range(2)]
    chunks = [len(process.communicate()[0].splitlines()) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(chunks) == 10  # no chunk was drawn twice
    recipe = large_recipe()
    assert np.array_equal(open_bank(tmp_path / "bank").counts, expected_counts(recipe))


class Stop(Exception):
    pass


def interrupted(recipe, folder, after_chunks):
    calls = []

    def stop(done, total):
        calls.append(done)
        if len(calls) == after_chunks:
            raise Stop

    with pytest.raises(Stop):
        build_bank(recipe, folder, progress=stop)


@pytest.mark.parametrize("harm", ["torn ledger", "garbled ledger", "damaged chunk", "lost counts"])
def test_an_unfinished_bank_is_resumed_whatever_the_kill_left(tmp_path, harm):
    recipe, folder = small_recipe(), tmp_path / "bank"
    interrupted(recipe, folder, after_chunks=2)
    ledger, counts = folder / files.LEDGER, folder / files.COUNTS
    if harm == "torn ledger":
        ledger.write_bytes(ledger.read_bytes() + b'{"chunk": 2, "sha')
    elif harm == "garbled ledger":
        ledger.write_bytes(b"\0\0\0\n" + ledger.read_bytes())
    elif harm == "damaged chunk":
        flip_byte(counts, 1000)
    else:
        counts.unlink()
    (folder / f".{files.COUNTS}.new").write_bytes(b"left by a killed writer")
    bank = build_bank(recipe, folder)
    assert np.array_equal(
        bank.counts, sample_boson(DEVICE, recipe.occupation, 200_000, recipe.stream)
    )


def flip_byte(path, offset):
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("harm", ["flipped bit", "truncated", "removed", "damaged header"])
def test_a_damaged_simulated_bank_is_drawn_again_and_logged(tmp_path, harm, caplog):
    recipe, folder = small_recipe(), tmp_path / "bank"
    build_bank(recipe, folder)
    counts = folder / files.COUNTS
    whole = counts.read_bytes()
    if harm == "flipped bit":
        flip_byte(counts, 70_000 * 6)
    elif harm == "truncated":
        counts.write_bytes(whole[:-1])
    elif harm == "removed":
        counts.unlink()
    else:
        flip_byte(counts, 0)
    with caplog.at_level(logging.WARNING):
        open_bank(folder)
    assert counts.read_bytes() == whole
    redrawn = [record for record in caplog.records if "damaged" in record.message]
    assert len(redrawn) == (1 if harm == "flipped bit" else 4)
    caplog.clear()
    open_bank(folder)
    assert not caplog.records


def test_a_damaged_bank_of_another_sampler_is_refused(tmp_path, monkeypatch):
    recipe, folder = small_recipe(num_samples=100), tmp_path / "bank"
    build_bank(recipe, folder)
    monkeypatch.setattr("quantum_latents.banks.recipe.SAMPLER_VERSION", 99)
    assert len(open_bank(folder)) == 100  # whole, it is still good
    with pytest.raises(BankError, match="sampler version 2"):
        build_bank(small_recipe(num_samples=100), folder)
    flip_byte(folder / files.COUNTS, 200)
    with pytest.raises(BankError, match="sampler version 2"):
        open_bank(folder)


def test_a_redrawn_chunk_must_match_its_checksum(tmp_path):
    folder = tmp_path / "bank"
    build_bank(small_recipe(num_samples=100), folder)
    manifest = json.loads((folder / files.MANIFEST).read_text())
    manifest["checksums"][0] = "0" * 64
    (folder / files.MANIFEST).write_text(json.dumps(manifest))
    before = (folder / files.COUNTS).read_bytes()
    with pytest.raises(BankError, match="differs"):
        open_bank(folder)
    assert (folder / files.COUNTS).read_bytes() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"num_samples": 101},
        {"statistics": "distinguishable"},
        {"occupation": (1, 1, 1, 1, 0, 0)},
        {"stream": stream(1, "latent")},
        {"interferometer": time_bin(6, (1,), stream=stream(0)).recipe},
        {"noise": Noise(interference=0.9)},
    ],
)
def test_a_folder_of_another_recipe_is_refused_by_name(tmp_path, changes):
    recipe = small_recipe(num_samples=100)
    other = small_recipe(**{"num_samples": 100, **changes})
    assert other.digest != recipe.digest
    assert other != recipe
    build_bank(recipe, tmp_path / "bank")
    before = (tmp_path / "bank" / files.MANIFEST).read_bytes()
    with pytest.raises(BankError, match=f"bank.*another recipe.*{next(iter(changes))}"):
        build_bank(other, tmp_path / "bank")
    assert (tmp_path / "bank" / files.MANIFEST).read_bytes() == before


def test_a_newer_format_is_refused_by_name(tmp_path):
    folder = tmp_path / "bank"
    recipe = small_recipe(num_samples=100)
    build_bank(recipe, folder)
    manifest = json.loads((folder / files.MANIFEST).read_text())
    (folder / files.MANIFEST).write_text(json.dumps({**manifest, "format_version": 2}))
    for call in (lambda: open_bank(folder), lambda: build_bank(recipe, folder)):
        with pytest.raises(BankError, match=r"format 2.*upgrade"):
            call()


def test_what_is_not_a_bank_is_refused(tmp_path):
    recipe = small_recipe(num_samples=100)
    with pytest.raises(BankError, match="not a bank"):
        open_bank(tmp_path / "absent")
    (tmp_path / "file").write_text("text")
    with pytest.raises(BankError, match="is a file"):
        build_bank(recipe, tmp_path / "file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("precious")
    with pytest.raises(BankError, match=r"thesis\.tex"):
        build_bank(recipe, tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.tex"]
    for text in ("{", "[]", "{}", '{"format_version": 1}'):
        (tmp_path / "full" / files.MANIFEST).write_text(text)
        with pytest.raises(BankError, match="manifest"):
            open_bank(tmp_path / "full")


NOISE = Noise(interference=0.9, input_transmission=0.8, dark_counts=0.01, at_least=2)


def test_a_noisy_bank_holds_the_shots_of_its_stream(tmp_path):
    recipe = small_recipe(num_samples=5000, noise=NOISE)
    bank = build_bank(recipe, tmp_path / "bank")
    expected = sample_noisy(DEVICE, recipe.occupation, NOISE, 5000, recipe.stream)
    assert np.array_equal(bank.counts, expected)
    assert bank.recipe == recipe
    assert bank.recipe.noise == NOISE
    assert bank.manifest["path"] == recipe.path == "clifford-clifford"
    assert len(bank.manifest["checksums"]) == 3
    flip_byte(tmp_path / "bank" / files.COUNTS, 20_000)
    assert np.array_equal(open_bank(tmp_path / "bank").counts, expected)


def test_a_bank_that_cannot_be_drawn_writes_nothing(tmp_path):
    # Six photons in one mode of a device that does nothing: one click, never three.
    still = from_unitary(np.eye(6))
    noise = Noise(threshold=True, exactly=3)
    recipe = small_recipe(interferometer=still, occupation=(6, 0, 0, 0, 0, 0), noise=noise)
    with pytest.raises(ValueError, match="none of 16384 pilot attempts"):
        build_bank(recipe, tmp_path / "bank")
    assert not list(tmp_path.iterdir())
