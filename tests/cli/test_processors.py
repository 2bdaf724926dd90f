"""`qlat processors` and `qlat sample --processor` as a user types them; their secrets."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import numpy as np
import pytest

from quantum_latents.cli import main

TOKEN = "planted-token-4b7e21"
SERVER = Path(__file__).parents[1] / "processors" / "orca_server.py"
CALL = "sample --processor orca --interferometer time-bin:6:1,1 --fill all --postselect 3".split()
ENOUGH = "--num-samples 300 --shots-per-job 100".split()


@pytest.fixture(scope="session")
def orca_server():
    if "orca_server" not in sys.modules:
        spec = importlib.util.spec_from_file_location("orca_server", SERVER)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules["orca_server"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["orca_server"]


@pytest.fixture(autouse=True)
def no_account(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("ORCA_ACCESS_URL", "ORCA_AUTH_TOKEN", "PCVL_CLOUD_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def test_a_bank_from_a_device(orca_server, capsys):
    with orca_server.OrcaServer() as server:
        call = [*CALL, *ENOUGH, "--url", server.url, "--out", "bank", "--yes"]
        assert main(call) == 0
        captured = capsys.readouterr()
        assert "300 shots of 6 photons in 6 modes from orca:PT-1" in captured.out
        assert "shots discarded" in captured.out
        assert "the phases are all 0" in captured.err
        assert "orca:PT-1: at least 3 jobs of 100 shots, about 1 s without" in captured.err
        assert server.jobs["job-0"].request["ps_angles"] == []
        sent = len(server.jobs)
        assert main([*call, "--json"]) == 0
        assert len(server.jobs) == sent
    manifest = json.loads(capsys.readouterr().out)
    assert manifest["kind"] == "collected"
    assert (np.load("bank/counts.npy").sum(axis=1) >= 3).all()
    assert set(manifest["provenance"]["interferometer"]["phases"]) == {0.0}


def test_a_bank_from_quandela(monkeypatch, capsys):
    """A source that emits two photons now and then costs no job."""
    pytest.importorskip("perceval")
    spec = importlib.util.spec_from_file_location(
        "quandela_server", SERVER.with_name("quandela_server.py")
    )
    module = sys.modules["quandela_server"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def with_a_photon_too_many(counts):
        counts = counts.copy()
        counts[0, 0] += 1
        return counts

    with module.QuandelaServer() as server:
        server.kind, server.spoil = "physical", with_a_photon_too_many
        monkeypatch.setenv("PCVL_CLOUD_TOKEN", server.token)
        call = "sample --processor quandela:sim:test --interferometer haar:4 --photons 2".split()
        call += ["--num-samples", "60", "--shots-per-job", "30", "--url", server.url]
        assert main([*call, "--out", "bank"]) == 2
        assert "add --yes" in capsys.readouterr().err
        assert not server.jobs
        assert main([*call, "--out", "bank", "--yes", "--json"]) == 0
        assert len(server.jobs) == 2
    manifest = json.loads(capsys.readouterr().out)
    assert manifest["provenance"]["processor"] == "quandela:sim:test"
    assert manifest["provenance"]["photon_numbers"][3] == 2
    assert server.token not in json.dumps(manifest)
    assert np.load("bank/counts.npy").shape == (60, 4)


def test_the_simulated_twin_has_the_same_interferometer(orca_server, capsys):
    common = "--interferometer time-bin:4:1,1 --fill all --num-samples 50".split()
    with orca_server.OrcaServer() as server:
        device = ["sample", "--processor", "orca", "--url", server.url, "--yes", "--json"]
        assert main([*device, *common, "--out", "device"]) == 0
        told = json.loads(capsys.readouterr().out)["provenance"]
        drawn = [*device, "--phases", "drawn", *common, "--out", "drawn"]
        assert main(drawn) == 0
        assert len(list(server.jobs.values())[-1].request["ps_angles"]) == 6
        capsys.readouterr()
    twin = "sample --phases zero --transmission 0.8 --json --out twin".split()
    assert main([*twin, *common]) == 0
    recipe = json.loads(capsys.readouterr().out)["recipe"]
    assert recipe["interferometer"] == told["interferometer"]
    assert main(["sample", *common, "--processor", "simulate", "--out", "usual", "--json"]) == 0
    recipe = json.loads(capsys.readouterr().out)["recipe"]
    assert "phases" not in recipe["interferometer"], "the simulator's default is as it was"


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("", "add --yes"),
        ("--yes --interference 0.9", "--interference describes a simulated device"),
        ("--yes --transmission 0.5", "--transmission describes a simulated device"),
        ("--yes --threshold", "--threshold describes a simulated device"),
        ("--yes --path enumeration", "--path describes a simulated device"),
        ("--yes --postselect 7", "7 photons keeps nothing"),
        ("--yes --postselect x", "--postselect is N"),
        ("--yes --max-jobs 0", "--max-jobs is at least 1"),
        ("--yes --shots-per-job 0", "shots_per_job is at least 1"),
        ("--yes --interferometer haar:6", "kind 'haar'"),
        ("--yes --phases zero --interferometer haar:6", "belongs to time-bin"),
        ("--yes --interferometer time-bin:6:1,3", "has loops of lengths [1, 1]"),
        ("--yes --processor orka", "not 'orka'"),
        ("--yes --processor quandela", "name the platform"),
        ("--yes --processor simulate", "belongs to a processor"),
    ],
)
def test_a_mistake_sends_nothing_and_writes_nothing(orca_server, tmp_path, capsys, rest, said):
    with orca_server.OrcaServer() as server:
        call = [*CALL, *ENOUGH, "--url", server.url, "--out", "bank", *rest.split()]
        assert main(call) == 2
        assert not server.jobs
    captured = capsys.readouterr().err.splitlines()
    assert said in captured[-1]
    assert list(tmp_path.iterdir()) == []


def test_no_address_is_a_mistake(capsys):
    assert main([*CALL, *ENOUGH, "--out", "bank", "--yes"]) == 2
    assert "set ORCA_ACCESS_URL" in capsys.readouterr().err


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_on_a_terminal_it_asks(orca_server, monkeypatch, capsys, answer, code):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: answer)
    with orca_server.OrcaServer() as server:
        assert main([*CALL, *ENOUGH, "--url", server.url, "--out", "bank"]) == code
        assert bool(server.jobs) == (code == 0)
    if code:
        assert "nothing was sent" in capsys.readouterr().err


def test_max_jobs_ends_a_call_and_the_next_goes_on(orca_server, capsys):
    with orca_server.OrcaServer() as server:
        call = [*CALL, *ENOUGH, "--url", server.url, "--out", "bank", "--yes"]
        assert main([*call, "--max-jobs", "1"]) == 1
        said = capsys.readouterr().err.splitlines()[-1]
        assert "1 jobs are sent, the most that may be" in said
        assert "the same call goes on" in said
        assert main(call) == 0
        assert re.search(r"at least \d+ more jobs .* at most \d+ more", capsys.readouterr().err)
        assert len(server.chunks) == len(set(server.chunks))


def hear_ctrl_c():
    """As in a terminal: what a shell starts in the background does not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_is_130_and_the_same_call_goes_on(orca_server, tmp_path):
    with orca_server.OrcaServer(pending_polls=12) as server:
        call = [*CALL, *ENOUGH, "--url", server.url, "--out", "bank", "--yes"]
        code = "import sys; from quantum_latents.cli import main; sys.exit(main(sys.argv[1:]))"
        process = subprocess.Popen(
            [sys.executable, "-c", code, *call], stderr=subprocess.PIPE, preexec_fn=hear_ctrl_c
        )
        for _ in range(6000):
            if server.jobs:
                break
            time.sleep(0.01)
        assert server.jobs
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=300)
        assert process.returncode == 130
        assert b"interrupted; what is finished is kept, the same call goes on" in said
        assert b"Traceback" not in said
        server.pending_polls = 0
        assert main(call) == 0
        assert len(server.chunks) == len(set(server.chunks))


def test_processors_are_listed_with_what_is_known(orca_server, monkeypatch, capsys):
    assert main(["processors"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["simulate", "ready,", "here"]
    assert lines[1].startswith("orca ")
    assert "not configured, no token set" in lines[1]
    assert "set ORCA_ACCESS_URL" in lines[1]
    assert lines[2].startswith("quandela ")
    assert "name the platform" in lines[2]
    with orca_server.OrcaServer(token=TOKEN) as server:
        monkeypatch.setenv("ORCA_ACCESS_URL", server.url)
        assert main(["processors", "--processor", "orca", "--json"]) == 1
        (row,) = json.loads(capsys.readouterr().out)
        assert (row["configured"], row["token"], row["reachable"]) == (True, False, False)
        assert "set ORCA_AUTH_TOKEN" in row["problem"]
        monkeypatch.setenv("ORCA_AUTH_TOKEN", TOKEN)
        assert main(["processors", "--json"]) == 0
        text = capsys.readouterr().out
        row = json.loads(text)[1]
        assert row["limits"] == {"max_modes": 64, "max_photons": 64, "max_shots_per_job": 5000}
        assert (row["address"], row["token"], row["reachable"]) == (server.url, True, True)
        assert TOKEN not in text
        assert main(["processors"]) == 0
        said = capsys.readouterr().out
        assert "at most 64 modes, 64 photons, 5,000 shots a job; queue not stated" in said
    assert main(["processors", "--processor", "orca:PT-2"]) == 1
    assert "cannot be reached" in capsys.readouterr().out
    assert main(["processors", "--processor", "pt"]) == 2
    assert main(["processors", "--url", "http://x"]) == 2


def test_a_planted_token_is_nowhere(orca_server, tmp_path, monkeypatch, capsys, caplog):
    """Not on the disk, in logs, errors or pages, though the service echoes it wherever it can."""
    monkeypatch.setenv("ORCA_AUTH_TOKEN", TOKEN)
    monkeypatch.setenv("QLAT_CACHE", str(tmp_path / "cache"))
    caplog.set_level("DEBUG")
    with orca_server.OrcaServer(token=TOKEN, echo=True) as server:
        server.faults = {
            "submit": deque(["500", "close", "redirect"]),
            "poll": deque(["error", "400", "error", "wrong_length"]),
            "certificate": deque(["500"]),
        }
        server.redirect_to = "http://127.0.0.1:1"
        call = [*CALL, *ENOUGH, "--url", server.url, "--out", "bank", "--yes"]
        codes = [main(call) for _ in range(6)]
        assert codes[0] == 1
        assert codes[-1] == 0
        monkeypatch.setenv("ORCA_AUTH_TOKEN", f"{TOKEN}-outdated")
        assert main([*call[:-3], "--out", "other", "--yes"]) == 1
        monkeypatch.setenv("ORCA_AUTH_TOKEN", TOKEN)
        assert main(["processors", "--json"]) == 0
        assert main(["processors"]) == 0
        assert main([*call, "--json"]) == 0
    from quantum_latents.latents import bank_spec

    # What a row holds of a bank, and with it every page.
    spec = bank_spec("bank", tmp_path / "cache", scaling="centred", bank_size=200, num_held_out=50)
    assert TOKEN not in repr(spec)
    captured = capsys.readouterr()
    said = captured.out + captured.err + caplog.text + "\n".join(map(repr, caplog.records))
    assert TOKEN not in said
    assert "[token]" in said, "the service did echo it"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        assert TOKEN.encode() not in path.read_bytes(), path
        assert TOKEN not in path.name
    environment = {name for name, value in os.environ.items() if TOKEN in value}
    assert environment == {"ORCA_AUTH_TOKEN"}


def test_help_loads_no_client():
    code = (
        "import sys\n"
        "from quantum_latents.cli import main\n"
        "try:\n    main(['sample', '--help'])\n"
        "except SystemExit as exit:\n    assert exit.code == 0\n"
        "import quantum_latents.processors\n"
        "print(sorted({'requests', 'perceval', 'torch'} & set(sys.modules)))\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.splitlines()[-1] == "[]", answer.stdout + answer.stderr
