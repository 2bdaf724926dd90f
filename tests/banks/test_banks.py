"""Banks on disk: the right counts, kept whole through kills, damage and rivals."""

import json
import logging
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from quantum_latents.banks import BankError, BankRecipe, build_bank, import_bank, open_bank
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


def test_an_imported_bank_keeps_counts_and_provenance(tmp_path):
    counts = np.arange(256 * 600).reshape(-1, 2) % 256
    bank = import_bank(counts, tmp_path / "mine", {"device": "bench", "jobs": [1, 2]})
    assert np.array_equal(open_bank(tmp_path / "mine").counts, counts)
    assert bank.manifest["provenance"] == {"device": "bench", "jobs": [1, 2]}
    assert bank.recipe is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]
    with pytest.raises(BankError, match="not empty"):
        import_bank(counts, tmp_path / "mine", {})
    with pytest.raises(BankError, match="imported"):
        build_bank(small_recipe(), tmp_path / "mine")


@pytest.mark.parametrize("harm", ["flipped bit", "removed"])
def test_a_damaged_imported_bank_is_named_and_refused(tmp_path, harm):
    import_bank(np.ones((70_000, 2), int), tmp_path / "mine", {})
    counts = tmp_path / "mine" / files.COUNTS
    if harm == "removed":
        counts.unlink()
    else:
        flip_byte(counts, 139_000)
    chunk = "chunk 0" if harm == "removed" else r"chunk 1 \(shots 65536 to 70000\)"
    with pytest.raises(BankError, match=f"mine.*{chunk}"):
        open_bank(tmp_path / "mine")


@pytest.mark.parametrize(
    ("counts", "error", "message"),
    [
        (np.array([[256, 0]]), ValueError, "256"),
        (np.array([[-1, 0]]), ValueError, "-1"),
        (np.array([[0.5, 0]]), ValueError, "whole"),
        (np.array([[np.nan, 0]]), ValueError, "NaN"),
        (np.array([1, 2]), ValueError, r"\(2,\)"),
        (np.zeros((0, 3)), ValueError, "at least one"),
        (np.array([["1", "2"]]), TypeError, "whole numbers"),
    ],
)
def test_bad_counts_are_not_imported(tmp_path, counts, error, message):
    with pytest.raises(error, match=message):
        import_bank(counts, tmp_path / "bank", {})
    assert not list(tmp_path.iterdir())


def test_bad_provenance_is_not_imported(tmp_path):
    for provenance in ("a lab", {"when": object()}):
        with pytest.raises(TypeError, match="provenance"):
            import_bank(np.eye(2), tmp_path / "bank", provenance)
    assert not list(tmp_path.iterdir())


def test_recipes_survive_json_and_refuse_unknown_fields():
    recipe = small_recipe()
    again = BankRecipe.from_json(json.loads(json.dumps(recipe.to_json())))
    assert again == recipe
    assert hash(again) == hash(recipe)
    assert again.digest == recipe.digest
    assert small_recipe(interferometer=DEVICE) == recipe
    with pytest.raises(ValueError, match="sede"):
        BankRecipe.from_json({**recipe.to_json(), "sede": 0})
    content = recipe.to_json()
    del content["stream"]
    with pytest.raises(ValueError, match="stream"):
        BankRecipe.from_json(content)


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


def test_an_ideal_bank_has_no_noise_and_the_digest_it_always_had(tmp_path, monkeypatch):
    # Banks written before there was noise stay valid.
    monkeypatch.setattr("quantum_latents.banks.recipe.SAMPLER_VERSION", 1)
    recipe = small_recipe()
    assert "noise" not in recipe.to_json()
    assert recipe.digest == "da13b74969d13926f685a6cdbd3c6572c25473899644e37b99f1fc546336280f"
    assert small_recipe(noise=Noise()).to_json() == recipe.to_json()
    assert small_recipe(noise=NOISE).digest != recipe.digest
    again = BankRecipe.from_json(json.loads(json.dumps(small_recipe(noise=NOISE).to_json())))
    assert again == small_recipe(noise=NOISE)
    build_bank(small_recipe(num_samples=100, noise=NOISE), tmp_path / "bank")
    with pytest.raises(BankError, match="differs in noise"):
        build_bank(small_recipe(num_samples=100), tmp_path / "bank")


def test_a_bank_that_cannot_be_drawn_writes_nothing(tmp_path):
    # Six photons in one mode of a device that does nothing: one click, never three.
    still = from_unitary(np.eye(6))
    noise = Noise(threshold=True, exactly=3)
    recipe = small_recipe(interferometer=still, occupation=(6, 0, 0, 0, 0, 0), noise=noise)
    with pytest.raises(ValueError, match="none of 16384 pilot attempts"):
        build_bank(recipe, tmp_path / "bank")
    assert not list(tmp_path.iterdir())


def test_the_digest_knows_the_path(monkeypatch):
    digest = small_recipe().digest
    monkeypatch.setattr("quantum_latents.samplers.boson.MAX_ENUMERATED_OUTCOMES", 1)
    assert small_recipe().path == "clifford-clifford"
    assert small_recipe().digest != digest


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"statistics": "fermion"}, ValueError, "fermion"),
        ({"num_samples": 0}, ValueError, "0"),
        ({"num_samples": 1.5}, TypeError, "1.5"),
        ({"occupation": (1, 0)}, ValueError, r"\(6,\)"),
        ({"occupation": (300, 0, 0, 0, 0, 0)}, ValueError, "300"),
        ({"occupation": (41, 0, 0, 0, 0, 0)}, ValueError, "41 photons"),
        ({"stream": 0}, TypeError, "Stream"),
        ({"interferometer": {"kind": "fourier"}}, ValueError, "fourier"),
        ({"noise": 0.5}, TypeError, "0.5"),
        ({"noise": NOISE, "statistics": "distinguishable"}, ValueError, "interference=0"),
        ({"noise": Noise(exactly=5)}, ValueError, "exactly 0 of the shots"),
        ({"noise": Noise(loop_transmission=(0.5,))}, ValueError, "time-bin"),
        ({"noise": Noise(emission=(0.5, 0.5))}, ValueError, "emission of 6"),
    ],
)
def test_bad_recipes_name_the_value(changes, error, message):
    with pytest.raises(error, match=message):
        small_recipe(**changes)


@pytest.mark.parametrize(("num_photons", "num_rows"), [(4, 65536), (16, 2**14), (24, 64), (40, 16)])
def test_a_chunk_takes_seconds_whatever_a_shot_costs(num_photons, num_rows, tmp_path, monkeypatch):
    recipe = small_recipe(
        interferometer=haar(2 * num_photons, stream(0, "interferometer")).recipe,
        occupation=(1, 0) * num_photons,
        num_samples=10**6,
    )
    monkeypatch.setattr("quantum_latents.banks.bank._draw_missing", lambda *arguments: None)
    with pytest.raises(BankError, match="not complete"):
        build_bank(recipe, tmp_path / "bank")
    manifest = json.loads((tmp_path / "bank" / files.MANIFEST).read_text())
    assert manifest["chunk_rows"] == num_rows


def test_a_path_and_a_precision_can_be_asked_for(tmp_path):
    usual = small_recipe()
    assert small_recipe(forced_path="enumeration").digest == usual.digest
    assert "forced_path" not in usual.to_json()
    recipe = small_recipe(forced_path="clifford-clifford", precision="float32", num_samples=3000)
    assert recipe.digest != usual.digest
    assert BankRecipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe
    bank = build_bank(recipe, tmp_path / "bank")
    assert bank.manifest["path"] == "clifford-clifford"
    assert bank.manifest["recipe"]["precision"] == "float32"
    expected = sample_boson(
        DEVICE, recipe.occupation, 3000, recipe.stream, path="clifford-clifford"
    )
    # The same draws: float32 parts from float64 only where one falls on an edge.
    assert (bank.counts == expected).all(axis=1).mean() > 0.99


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"forced_path": "gibbs"}, "one of .* not 'gibbs'"),
        ({"forced_path": "progressive"}, "kind 'haar' cannot be measured progressively"),
        ({"precision": "float16"}, "'float64' or 'float32', not 'float16'"),
        ({"precision": "float32"}, "this bank takes 'enumeration'"),
        ({"statistics": "distinguishable", "precision": "float32"}, "ideal indistinguishable"),
        ({"noise": Noise(g2=0.01), "forced_path": "enumeration"}, "leave out the noise"),
        (
            {
                "interferometer": haar(32, stream(0, "interferometer")).recipe,
                "occupation": (1, 0) * 16,
                "forced_path": "enumeration",
            },
            "at most 3,000,000 outcomes",
        ),
    ],
)
def test_paths_and_precisions_that_cannot_be_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        small_recipe(**changes)


def test_the_expected_time_counts_what_post_selection_discards():
    every = small_recipe(noise=Noise(input_transmission=0.5))
    n = sum(every.occupation)
    whole = small_recipe(noise=Noise(input_transmission=0.5, exactly=n))
    a_shot = {r: r.estimated_seconds() / r.estimated_operations for r in (every, whole)}
    assert a_shot[whole] == pytest.approx(2**n * a_shot[every])
