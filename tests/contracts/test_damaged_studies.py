"""What lies in a study's directory beside its rows, damaged: refused in one line, or as it was."""

import gzip
import io
import json
import shutil
import tarfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from damage import damaged, every_seed, mutated, reading, rng_of, some, spoilt
from hypothesis import settings
from safetensors.numpy import save

from quantum_latents.execution.events import read_events
from quantum_latents.execution.freeze import freeze_study
from quantum_latents.execution.pack import PACKED_STUDY, pack_study, unpack_study
from quantum_latents.execution.plan import load_or_make_plan, planned_runs
from quantum_latents.execution.tune import CHOSEN, chosen_study
from quantum_latents.processors.ledger import JOBS, JobLedger
from quantum_latents.processors.processor import ProcessorError
from quantum_latents.report import write_report
from quantum_latents.report.certificates import certificate_cards, certificates_markdown
from quantum_latents.report.pictures import read_pictures
from quantum_latents.results import read_certificates, read_frozen, read_study

RESULTS = Path(__file__).parents[2] / "results"
more = settings(some, max_examples=50)


@pytest.fixture(scope="module")
def certificates():
    content = json.loads((RESULTS / "table1-certifiable" / "certificates.json").read_text())
    content["certificates"] = content["certificates"][:2]
    for one in content["certificates"]:  # what no reader looks into
        if one["reduction"]:
            one["reduction"].update(recovered=None, control=None)
    return json.dumps(content).encode()


@more
@every_seed
def test_certificates(seed, certificates, tmp_path):
    (tmp_path / "certificates.json").write_bytes(damaged(certificates, rng_of(seed)))
    with reading(ValueError):
        found = read_certificates(tmp_path)
        assert len(certificate_cards(found)) == len(found)
        assert certificates_markdown(found).count("\n") == 2 + len(found)


def test_a_certificate_cannot_script_the_page(certificates, tmp_path):
    attack = "</td><script>alert(1)</script><img src=x onerror=alert(2)>"
    content = json.loads(certificates)
    for one in content["certificates"]:
        for name in ("data", "latent", "conclusion", "verdict", "reduction_note"):
            one[name] = attack
        one["survives"] = [attack]
        one["hypotheses"] = [dict.fromkeys(("name", "holds", "why"), attack)]
        one["generator"] |= dict.fromkeys(("name", "verdict", "reason"), attack)
        one["generator"]["layers"][0] |= dict.fromkeys(("name", "verdict", "reason"), attack)
    (tmp_path / "certificates.json").write_text(json.dumps(content))
    folder = RESULTS / "table1-certifiable"
    rows = (folder / "rows.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "rows.jsonl").write_text("".join(rows[:2]))
    shutil.copy(folder / "study.json", tmp_path)
    page = write_report(tmp_path).read_text()
    assert "<script>alert" not in page and "<img src=x" not in page
    assert page.count("&lt;script&gt;alert(1)") > 20


def test_every_committed_certificate_and_plan_is_read():
    for path in RESULTS.rglob("certificates.json"):
        if path.parent.name != "results":
            assert read_certificates(path.parent)
    plans = list(RESULTS.rglob("plan.json"))
    assert plans and all(planned_runs(path) for path in plans)


@more
@every_seed
def test_plans(seed, tmp_path):
    runs = [f"{number:016x}" for number in range(3)]
    split = [{"checkpoint": "stack-0000.safetensors", "runs": runs, "why": "memory"}]
    stacks = [
        {"runs": runs[:2], "device": "cpu", "num_threads": 1, "index": 1, "split_from": split},
        {"runs": runs[2:], "device": "cpu", "num_threads": 1, "index": 2},
    ]
    whole = {"format": 1, "num_workers": 2, "stacks": stacks, "memory": [{}], "replanned": ["x"]}
    path = tmp_path / "plan.json"
    path.write_bytes(damaged(json.dumps(whole).encode(), rng_of(seed)))
    with reading(ValueError):
        assert all(isinstance(run, str) for run in planned_runs(path))
    with reading(ValueError):
        load_or_make_plan(path, [])


@pytest.mark.parametrize("name", ["../../elsewhere", "/etc/passwd", "stack-0000.safetensors/../x"])
def test_a_plan_names_no_file_outside_its_study(name, tmp_path):
    split = [{"checkpoint": name, "runs": ["a"], "why": "memory"}]
    stack = {"runs": ["a"], "device": "cpu", "num_threads": 1, "split_from": split}
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"format": 1, "num_workers": 1, "stacks": [stack]}))
    with pytest.raises(ValueError, match="is no checkpoint of a stack"):
        planned_runs(path)


@some
@every_seed
@pytest.mark.parametrize("file", ["runs.json", "frozen.json", "study.json"])
def test_what_a_study_declared(file, seed, tmp_path):
    folder = RESULTS / "tune-quick"
    for name in ("study.json", "runs.json", "frozen.json"):
        shutil.copy(folder / name, tmp_path)
    whole = (folder / file).read_bytes()
    if len(whole) > 300_000:
        whole = json.dumps(dict(list(json.loads(whole).items())[:3])).encode()
    (tmp_path / file).write_bytes(damaged(whole, rng_of(seed)))
    with reading(ValueError):
        read_frozen(tmp_path)
    with reading(ValueError):
        read_study(tmp_path)
    with reading(ValueError):
        freeze_study([], read_study(folder), tmp_path)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tuned")
    shutil.copytree(RESULTS / "tune-quick", directory, dirs_exist_ok=True)
    search = SimpleNamespace(search=read_study(directory / "tuning")["search"])
    study = SimpleNamespace(search=search, final=lambda choices: choices)
    return study, directory, (directory / CHOSEN).read_bytes()


@settings(some, max_examples=10)
@every_seed
def test_choices_of_a_tuning(seed, tuned):
    study, directory, whole = tuned
    (directory / CHOSEN).write_bytes(damaged(whole, rng_of(seed)))
    with reading(ValueError):
        assert len(chosen_study(study, directory)) == 4


@some
@every_seed
def test_events(seed, tmp_path):
    lines = [b'{"event": "begin", "time": 1.5, "runs": ["a"]}', b'{"event": "end"}']
    rng = rng_of(seed)
    lines[int(rng.integers(2))] = damaged(lines[0], rng)
    (tmp_path / "progress.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    with reading(ValueError):
        assert all(isinstance(event, dict) for event in read_events(tmp_path))


@some
@every_seed
def test_pictures(seed, tmp_path):
    drawing = '<svg viewBox="0 0 9 9"><path d="M 0,0 L 9,9" style="stroke:#000000"/></svg>'
    picture = {"svg": drawing, "smiles": "C", "valid": True, "novel": False, "reason": ""}
    whole = json.dumps({"schema": 1, "molecules": [picture, picture]}).encode()
    (tmp_path / "a.json").write_bytes(damaged(whole, rng_of(seed)))
    with reading(ValueError):
        for one in read_pictures(tmp_path, "a.json") or []:
            assert "<script" not in one.svg
            assert "<script" not in one.smiles or "&lt;script" not in one.svg


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """The lines of a ledger that was written by our own collection."""
    from quantum_latents.circuits import time_bin
    from quantum_latents.processors import Order, Patience, SimulatedProcessor, collect
    from quantum_latents.random import stream

    folder = tmp_path_factory.mktemp("ledger") / "bank"
    order = Order(
        interferometer=time_bin(4, (1, 1), stream=stream(0, "interferometer")),
        occupation=(1, 1, 1, 1),
        num_samples=12,
        shots_per_job=5,
    )
    collect(SimulatedProcessor(), order, folder, patience=Patience())
    return (folder / JOBS).read_bytes().splitlines()


@more
@every_seed
def test_ledgers(seed, ledger, tmp_path):
    rng, folder = rng_of(seed), tmp_path / "bank"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    lines = list(ledger)
    place = int(rng.integers(len(lines)))
    lines[place] = damaged(lines[place], rng).replace(b"\n", b" ")
    (folder / JOBS).write_bytes(b"\n".join(lines) + b"\n")
    with reading(ProcessorError), JobLedger.held(folder) as held:
        assert held.order is not None
        for entry in held.entries:
            assert 0 <= entry.num_received <= 10**9
            assert Path(entry.name).name == entry.name
            held.counts(entry)
        assert held.num_sent() >= held.num_pending()


def test_an_event_of_no_entry_before_it_is_refused(ledger, tmp_path):
    """The last entry is not meant by -1."""
    lines = [json.loads(line) for line in ledger]
    place = next(k for k, line in enumerate(lines) if line["event"] == "received")
    lines[place]["entry"] = -1
    (tmp_path / JOBS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(ProcessorError, match="is damaged"), JobLedger.held(tmp_path):
        pass


FIT = {
    "num_shots": 300,
    **dict.fromkeys(("log_likelihood", "standard_error", "uniform_log_likelihood"), -1.5),
    **dict.fromkeys(("entropy", "relative_entropy", "total_variation"), None),
    **dict.fromkeys(("mean_deviation", "covariance_deviation"), 0.5),
}


@more
@every_seed
def test_fits_of_learned_latents(seed, tmp_path):
    from quantum_latents.latents.fitted import FitReport, facts_of, read_fit

    rng, path = rng_of(seed), tmp_path / f"{'a' * 64}.safetensors"
    weights = {"bias": np.ones(3, np.float32)}
    facts = facts_of(path, weights, FitReport(**FIT))
    if rng.random() < 0.7:
        facts = json.dumps(mutated(facts, rng)) if rng.random() < 0.9 else "[" * 99_999
        path.write_bytes(save(weights, {"facts": facts}))
    else:
        path.write_bytes(spoilt(save(weights, {"facts": json.dumps(facts)}), rng))
    with reading(ValueError):
        read, report = read_fit(path)
        assert np.array_equal(read["bias"], weights["bias"])
        assert "nats" in report.text()


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    (content,) = pack_study(RESULTS / "mixture-paper", folder)
    return content.read_bytes()


@settings(some, max_examples=25)
@every_seed
def test_packed_studies(seed, packed, tmp_path):
    """Damaged as they lie, or within; nothing appears outside the folder."""
    rng, folder = rng_of(seed), tmp_path / "study"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    content = spoilt(packed, rng)
    if rng.random() < 0.6:
        content = gzip.compress(spoilt(gzip.decompress(packed), rng), compresslevel=1)
    (folder / PACKED_STUDY).write_bytes(content)
    with reading(ValueError):
        unpack_study(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


@pytest.mark.parametrize("name", ["../rows.jsonl", "/etc/passwd", "rows.jsonl/../../x", "a\\b"])
@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_packed_study_writes_and_links_nothing_elsewhere(name, kind, tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    with tarfile.open(folder / PACKED_STUDY, "w:gz") as archive:
        member = tarfile.TarInfo(name if kind == "file" else "rows.jsonl")
        if kind == "link":
            member.type, member.linkname = tarfile.SYMTYPE, name
        archive.addfile(member, io.BytesIO(b""))
    with pytest.raises(ValueError, match="is no packed study"):
        unpack_study(folder)
    assert [path.name for path in folder.iterdir()] == [PACKED_STUDY]
    assert [path.name for path in tmp_path.iterdir()] == ["study"]
