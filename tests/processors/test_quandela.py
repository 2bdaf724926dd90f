"""Our processor against the local Quandela cloud: real shots, resumed jobs, limits and mistakes."""

import importlib.util
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from quantum_latents.circuits import from_unitary, haar, time_bin
from quantum_latents.processors import (
    JobRequest,
    JobState,
    Processor,
    ProcessorError,
    RetryLater,
)
from quantum_latents.processors.quandela import open_quandela
from quantum_latents.random import stream
from quantum_latents.samplers import Noise, boson_law, distinguishable_law, noisy_law
from quantum_latents.samplers.boson import compile_path
from quantum_latents.samplers.validation import chi_square

DEVICE = haar(4, stream(1, "interferometer"))
OCCUPATION = (1, 1, 0, 1)


def load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


server_module = load("quandela_server")
Fault = server_module.Fault


@pytest.fixture
def server():
    with server_module.QuandelaServer() as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def compiled():
    # The server's sampler is compiled once and cached; no time limit is to count that.
    compile_path("enumeration")


def connect(server, **options):
    options = {"token": server.token, "url": server.url, "timeout": 120.0, **options}
    return open_quandela(server.platform, **options)


def request(num_shots=40, device=DEVICE, occupation=OCCUPATION, key="chunk-0", first_shot=0):
    return JobRequest(
        interferometer=device,
        occupation=occupation,
        num_shots=num_shots,
        key=key,
        first_shot=first_shot,
    )


def measured(server, *, processor=None, **options):
    processor = processor or connect(server)
    report = processor.poll(processor.submit(request(**options)))
    assert report.state is JobState.DONE, report.message
    assert report.counts is not None and report.counts.dtype == np.uint8
    return report.counts


def test_it_is_a_processor(server):
    processor = connect(server)
    assert isinstance(processor, Processor)
    assert processor.name == "quandela:sim:test"
    assert not server.requests, "opening asks nothing"


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("decompose", [False, True])
def test_counts_follow_the_law(server, version, decompose):
    server.version = version
    counts = measured(server, processor=connect(server, decompose=decompose), num_shots=4000)
    assert counts.shape == (4000, 4)
    assert chi_square(counts, boson_law(DEVICE, OCCUPATION)).p_value > 1e-6
    assert chi_square(counts, distinguishable_law(DEVICE, OCCUPATION)).p_value < 1e-6
    (job,) = server.jobs.values()
    assert ("computation" in job.sent["payload"]) == (version == 2)
    np.testing.assert_array_equal(counts, job.counts)


def test_two_photons_on_a_balanced_splitter_leave_together(server):
    splitter = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    together = measured(server, num_shots=2000, device=splitter, occupation=(1, 1))
    assert not (together == 1).any()
    server.noise = Noise(interference=0.0)
    apart = measured(server, num_shots=2000, device=splitter, occupation=(1, 1))
    assert 0.4 < (apart == 1).all(axis=1).mean() < 0.6


def test_time_bins_too(server):
    device = time_bin(5, (1, 2), stream=stream(2, "interferometer"))
    counts = measured(server, num_shots=3000, device=device, occupation=(1, 0, 1, 0, 1))
    assert chi_square(counts, boson_law(device, (1, 0, 1, 0, 1))).p_value > 1e-6


def test_shots_that_lost_photons_arrive_and_empty_ones_do_not(server):
    server.noise = Noise(output_transmission=0.4)
    server.kind = "physical"
    counts = measured(server, num_shots=4000)
    law = noisy_law(DEVICE, OCCUPATION, Noise(output_transmission=0.4, at_least=1))
    assert chi_square(counts, law).p_value > 1e-6
    totals = counts.sum(axis=1)
    assert set(totals.tolist()) == {1, 2, 3}


def test_a_job_is_picked_up_by_another_process(server):
    job_id = connect(server).submit(request(num_shots=60))
    code = (
        "import json, sys\n"
        "from quantum_latents.processors.quandela import open_quandela\n"
        f"report = open_quandela('sim:test', url={server.url!r}).poll({job_id!r})\n"
        "print(report.state.value, json.dumps(report.counts.tolist()))\n"
    )
    environment = {**os.environ, "PCVL_CLOUD_TOKEN": server.token}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=300
    )
    assert result.returncode == 0, result.stderr
    state, _, rows = result.stdout.partition(" ")
    assert state == "done"
    assert json.loads(rows) == server.jobs[job_id].counts.tolist()


def test_a_job_carries_its_key_and_the_rest_of_a_chunk_follows_its_beginning(server):
    processor = connect(server)
    whole = measured(server, processor=processor, num_shots=30)
    first = measured(server, processor=processor, num_shots=12)
    rest = measured(server, processor=processor, num_shots=18, first_shot=12)
    np.testing.assert_array_equal(np.concatenate([first, rest]), whole)
    assert [job.name for job in server.jobs.values()] == ["chunk-0+0", "chunk-0+0", "chunk-0+12"]
    other = measured(server, processor=processor, num_shots=30, key="chunk-1")
    assert (other != whole).any()


def test_limits_are_the_service_s(server):
    server.states = ["waiting"]
    processor = connect(server)
    processor.submit(request())
    limits = processor.limits()
    assert (limits.max_modes, limits.max_photons, limits.max_shots_per_job) == (12, 6, 5000)
    assert limits.queue == 1
    json.dumps(limits.answer, allow_nan=False)
    server.constraints = {}
    limits = processor.limits()
    assert (limits.max_modes, limits.max_photons, limits.max_shots_per_job) == (None, None, None)
    server.constraints = {"max_mode_count": "many"}
    with pytest.raises(ProcessorError, match="max_mode_count = 'many'"):
        processor.limits()


def test_the_description_is_provenance(server):
    server.perfs = {"Transmittance (%)": 6.2, "g2 (%)": 1.1, "never": float("nan")}
    description = connect(server).describe()
    json.dumps(description, allow_nan=False)
    assert description["address"] == server.url
    assert description["calibration"]["g2 (%)"] == 1.1
    assert description["min_detected_photons_filter"] == 1
    assert description["service_software"] == {"perceval-quandela": "1.3.1"}
    assert description["software"]["perceval-quandela"]


@pytest.mark.parametrize(
    ("device", "occupation", "message"),
    [
        (haar(13, stream(0)), (1,) + (0,) * 12, "at most 12 modes, not 13"),
        (haar(8, stream(0)), (1,) * 7 + (0,), "at most 6 photons, not 7"),
        (from_unitary(np.eye(1)), (1,), "at least 2 modes, not 1"),
        (DEVICE, (2, 0, 0, 0), "at most one photon in each mode, not 2"),
        (DEVICE, (1, 0), "2 modes, the interferometer 4"),
        (DEVICE, (0, 0, 0, 0), "no photon"),
    ],
)
def test_what_the_platform_cannot_run_is_refused_before_it_is_sent(
    server, device, occupation, message
):
    server.constraints["support_multi_photon"] = False
    processor = connect(server)
    with pytest.raises(ValueError, match=message):
        processor.check(device, occupation)
    with pytest.raises(ValueError, match=message):
        processor.submit(request(device=device, occupation=occupation))
    assert not server.paths("POST")


def test_too_many_shots_and_a_platform_without_single_shots_are_refused(server):
    with pytest.raises(ValueError, match="from 1 to 5000 shots, not 5001"):
        connect(server).submit(request(num_shots=5001))
    server.commands = ["probs", "sample_count"]
    with pytest.raises(ValueError, match="probs, sample_count"):
        connect(server).submit(request())
    server.commands = ["samples"]
    server.constraints["accepted_state_kinds"] = ["NFS"]
    with pytest.raises(ValueError, match="no plain photon numbers"):
        connect(server).submit(request())
    assert not server.paths("POST")


@pytest.mark.parametrize("state", ["waiting", "running", "suspended", "cancel_requested", "new"])
def test_a_job_that_is_not_over_is_pending_and_asked_for_once(server, state):
    server.states = [state]
    processor = connect(server)
    job_id = processor.submit(request())
    before = len(server.requests)
    for asked in range(1, 4):
        report = processor.poll(job_id)
        assert report.state is JobState.PENDING
        assert state in report.message
        assert len(server.requests) == before + asked


def test_a_job_on_its_way_to_the_end(server):
    server.states = ["waiting", "running", "completed"]
    processor = connect(server)
    job_id = processor.submit(request())
    states = [processor.poll(job_id).state for _ in range(3)]
    assert states == [JobState.PENDING, JobState.PENDING, JobState.DONE]
    report = processor.poll(job_id)
    assert report.details["job_id"] == job_id
    assert report.details["start_time"] == 1_700_000_001.5
    assert report.details["performance"] == {"global_perf": 1.0, "nb_shots_used": 40}
    json.dumps(report.details)


def test_a_failed_job_says_why(server):
    server.states = ["error"]
    processor = connect(server)
    report = processor.poll(processor.submit(request()))
    assert report.state is JobState.FAILED
    assert "the laser went out" in report.message


def test_a_canceled_job_keeps_what_was_measured(server):
    server.states = ["waiting"]
    processor = connect(server)
    job_id = processor.submit(request())
    processor.cancel(job_id)
    assert processor.poll(job_id).state is JobState.PENDING
    server.spoil = lambda counts: counts[:7]
    report = processor.poll(job_id)
    assert report.state is JobState.DONE
    np.testing.assert_array_equal(report.counts, server.jobs[job_id].counts[:7])
    server.jobs[job_id].result = "null"
    assert processor.poll(job_id).state is JobState.FAILED
    processor.cancel(job_id)  # over: stays as it is


def test_a_job_that_the_service_does_not_know(server):
    report = connect(server).poll("7e2bd1c0-0000")
    assert report.state is JobState.UNKNOWN
    assert "Not found job" in report.message
    # A 404 of something that is not the service says nothing about the job.
    server.faults = [Fault(path="/api/job/status", status=404, body="<html>gateway</html>")]
    with pytest.raises(RetryLater, match="404"):
        connect(server).poll("7e2bd1c0-0000")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"token": " "}, "PCVL_CLOUD_TOKEN"),
        ({"token": "two parts"}, "no token has"),
        ({"token": "line\nbreak"}, "no token has"),
        ({"url": "https://me:secret@example.com"}, "example.com holds a user"),
        ({"url": "https://example.com/?token=secret"}, "holds a user, a password or a query"),
        ({"url": "ftp://secret"}, "https://HOST"),
        ({"url": "http://192.0.2.1/"}, "in the clear"),
        ({"provider": "other"}, "'quandela' or 'scaleway', not 'other'"),
        ({"project_id": "p"}, "provider='scaleway'"),
        ({"timeout": 0}, "above 0 s, not 0"),
    ],
)
def test_mistakes_in_the_call(options, message):
    with pytest.raises(ValueError, match=message) as caught:
        open_quandela("sim:test", **{"token": "t", **options})
    assert "secret" not in str(caught.value)


def test_the_token_comes_from_the_environment(server, monkeypatch):
    monkeypatch.delenv("PCVL_CLOUD_TOKEN", raising=False)
    with pytest.raises(ValueError, match="set PCVL_CLOUD_TOKEN"):
        open_quandela("sim:test", url=server.url)
    monkeypatch.setenv("PCVL_CLOUD_TOKEN", f"{server.token}\n")
    assert open_quandela("sim:test", url=server.url).limits().max_modes == 12


def test_no_proxy_lies_between_this_machine_and_itself(server, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert connect(server).limits().max_modes == 12


def test_a_connection_is_not_written_down(server):
    with pytest.raises(TypeError, match="token"):
        pickle.dumps(connect(server))


def test_nothing_heavy_is_loaded_before_it_is_used():
    code = (
        "import sys\n"
        "from quantum_latents.processors.quandela import open_quandela\n"
        "open_quandela('sim:test', token='a-token')\n"
        "print([name for name in ('perceval', 'torch') if name in sys.modules])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr
