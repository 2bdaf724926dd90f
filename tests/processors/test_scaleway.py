"""Quandela's processors at Scaleway: sessions, jobs and faults, against a stand-in of its service.

What the true service charges and how it ends a session is not tested here; nobody but an account
holder can.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from quantum_latents.circuits import haar
from quantum_latents.processors import (
    JobRequest,
    JobState,
    ProcessorError,
    RetryLater,
    SubmissionLost,
)
from quantum_latents.processors.quandela import open_quandela
from quantum_latents.random import stream
from quantum_latents.samplers import boson_law, distinguishable_law
from quantum_latents.samplers.boson import compile_path
from quantum_latents.samplers.validation import chi_square

DEVICE = haar(4, stream(1, "interferometer"))
OCCUPATION = (1, 1, 0, 1)
SESSIONS = "/qaas/v1alpha1/sessions"
JOBS = "/qaas/v1alpha1/jobs"


def load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


core = load("quandela_server")
Fault = core.Fault


@pytest.fixture(scope="module", autouse=True)
def compiled():
    compile_path("enumeration")


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):  # none lies before this machine
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with load("scaleway_server").ScalewayServer(core) as running:
        yield running


def connect(server, **options):
    options = {
        "token": server.token,
        "url": server.url,
        "provider": "scaleway",
        "project_id": server.project_id,
        "timeout": 120.0,
        **options,
    }
    return open_quandela(server.platform, **options)


def request(num_shots=40, **options):
    return JobRequest(
        interferometer=DEVICE, occupation=OCCUPATION, num_shots=num_shots, key="chunk", **options
    )


@pytest.mark.parametrize("apart", [False, True])
def test_counts_follow_the_law(server, apart):
    server.apart = apart
    processor = connect(server)
    assert processor.name == "scaleway:EMU-TEST-12PQ"
    report = processor.poll(processor.submit(request(4000)))
    assert report.state is JobState.DONE
    assert chi_square(report.counts, boson_law(DEVICE, OCCUPATION)).p_value > 1e-6
    assert chi_square(report.counts, distinguishable_law(DEVICE, OCCUPATION)).p_value < 1e-6


def test_limits_open_no_session(server):
    limits = connect(server).limits()
    assert (limits.max_modes, limits.max_photons) == (12, 6)
    assert not server.sessions


def test_jobs_share_one_session_also_those_of_another_process(server):
    first, second = connect(server), connect(server)
    jobs = [processor.submit(request()) for processor in (first, first, second)]
    (session,) = server.sessions.values()
    assert session["deduplication_id"] == "quantum-latents EMU-TEST-12PQ"
    assert session["max_duration"] == "3600s"
    assert session["max_idle_duration"] == "600s"
    np.testing.assert_array_equal(second.poll(jobs[0]).counts, server.jobs[jobs[0]].counts)
    first.close()
    assert session["over"]
    first.close()  # there is none any more: nothing is asked
    assert sum(path.endswith("/terminate") for path in server.paths("POST")) == 1


def test_a_session_that_is_over_is_opened_again(server):
    processor = connect(server)
    processor.submit(request())
    for session in server.sessions.values():
        session["over"] = True
    with pytest.raises(RetryLater, match="opens a new session") as caught:
        processor.submit(request())
    assert caught.value.seconds == 0
    assert processor.describe()["address"] == server.url
    assert processor.poll(processor.submit(request())).state is JobState.DONE
    assert len(server.sessions) == 2


def test_a_session_that_is_refused(server):
    with pytest.raises(
        ProcessorError, match=r"insufficient permissions\); check the token in SCALE"
    ):
        connect(server, project_id="another").submit(request())
    assert not server.jobs


def test_the_answer_to_an_opened_session_may_be_lost(server):
    server.faults = [Fault(path=SESSIONS, method="POST", cut="before", acts=True)]
    processor = connect(server)
    with pytest.raises(RetryLater):
        processor.submit(request())
    processor.submit(request())
    assert len(server.sessions) == 1


@pytest.mark.parametrize(
    ("fault", "error", "seconds"),
    [
        ({"status": 401, "body": '{"message": "denied"}'}, ProcessorError, None),
        ({"status": 429, "headers": {"Retry-After": "9"}}, RetryLater, 9),
        ({"status": 500, "body": "<html>"}, RetryLater, None),
        ({"status": 502, "body": "<html>", "acts": True}, SubmissionLost, None),
        ({"cut": "before", "acts": True}, SubmissionLost, None),
        ({"cut": "middle", "acts": True}, SubmissionLost, None),
        ({"body": "{}", "acts": True}, SubmissionLost, None),
        ({"body": "[", "acts": True}, SubmissionLost, None),
    ],
    ids=str,
)
def test_faults_of_a_submission(server, fault, error, seconds):
    processor = connect(server)
    server.faults = [Fault(path=JOBS, method="POST", **fault)]
    with pytest.raises(error) as caught:
        processor.submit(request())
    assert isinstance(caught.value, RetryLater | SubmissionLost) == (error is not ProcessorError)
    assert getattr(caught.value, "seconds", None) == seconds
    assert sum(path == JOBS for path in server.paths("POST")) == 1
    assert processor.poll(processor.submit(request())).state is JobState.DONE


@pytest.mark.parametrize("part", ["", "/results"])
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429},
        {"status": 500, "body": "<html>"},
        {"cut": "before"},
        {"cut": "middle"},
        {"body": "["},
        {"body": "[]"},
        {"body": '{"job_results": [{"result": ""}]}'},
    ],
    ids=str,
)
def test_faults_of_a_poll_pass(server, part, fault):
    processor = connect(server)
    job_id = processor.submit(request())
    server.faults = [Fault(path=f"{JOBS}/{job_id}{part}", **fault)]
    with pytest.raises(RetryLater):
        processor.poll(job_id)
    assert processor.poll(job_id).state is JobState.DONE


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_token_follows_a_redirect(server, status):
    processor = connect(server)
    processor.limits()
    with load("scaleway_server").ScalewayServer(core) as elsewhere:
        fault = {"status": status, "headers": {"Location": f"{elsewhere.url}{JOBS}"}}
        for path in (SESSIONS, JOBS):
            server.faults = [Fault(path=path, method="POST", **fault)]
            with pytest.raises(ProcessorError, match="no token follows a redirect") as caught:
                processor.submit(request())
            assert not isinstance(caught.value, SubmissionLost)
        job_id = processor.submit(request())
        server.faults = [Fault(path=f"{JOBS}/{job_id}", **fault)]
        with pytest.raises(ProcessorError, match="no token follows a redirect"):
            processor.poll(job_id)
        assert not elsewhere.requests
    assert processor.poll(job_id).state is JobState.DONE


def test_an_answer_without_end_is_not_read(server, monkeypatch):
    processor = connect(server)
    job_id = processor.submit(request())
    monkeypatch.setattr("quantum_latents.processors.perceval_service.MOST_BYTES", 3)
    with pytest.raises(RetryLater, match="larger than"):
        processor.poll(job_id)
    with pytest.raises(SubmissionLost, match="larger than"):
        processor.submit(request())


def test_perceval_waits_for_scaleway_without_a_limit_and_we_do_not(server):
    impatient = connect(server, timeout=4.0)
    impatient.limits()
    held = core.threading.Event()
    server.faults = [Fault(path=SESSIONS, method="POST", hold=held)]
    with pytest.raises(RetryLater, match="no answer within 4 s"):
        impatient.submit(request())
    held.set()
    # The late answer is of no consequence: the same name gives the same session.
    patient = connect(server)
    assert patient.poll(patient.submit(request())).state is JobState.DONE
    assert impatient.poll(impatient.submit(request())).state is JobState.DONE
    assert len(server.sessions) == 1


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        ("waiting", JobState.PENDING),
        ("running", JobState.PENDING),
        ("cancelling", JobState.PENDING),
        ("error", JobState.FAILED),
        ("completed", JobState.DONE),
    ],
)
def test_states(server, state, wanted):
    server.states = [state]
    processor = connect(server)
    report = processor.poll(processor.submit(request()))
    assert report.state is wanted
    if wanted is JobState.FAILED:
        assert "the laser went out" in report.message


def test_cancel_and_unknown_jobs(server):
    server.states = ["waiting"]
    processor = connect(server)
    job_id = processor.submit(request())
    processor.cancel(job_id)
    assert processor.poll(job_id).state is JobState.PENDING
    assert server.jobs[job_id].states == ["cancelled"]
    assert processor.poll("another-job").state is JobState.UNKNOWN


def test_a_platform_that_is_not_there(server):
    server.platform = "EMU-OTHER"
    processor = connect(server)
    server.platform = "EMU-TEST-12PQ"
    with pytest.raises(ProcessorError, match="Empty platform list"):
        processor.limits()


def test_token_and_project_come_from_the_environment(server, monkeypatch):
    for name in ("SCALEWAY_CLOUD_TOKEN", "SCW_SECRET_KEY", "SCW_DEFAULT_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    options = {"url": server.url, "provider": "scaleway"}
    with pytest.raises(ValueError, match="SCALEWAY_CLOUD_TOKEN or SCW_SECRET_KEY"):
        open_quandela(server.platform, project_id="p", **options)
    monkeypatch.setenv("SCW_SECRET_KEY", server.token)
    with pytest.raises(ValueError, match="SCW_DEFAULT_PROJECT_ID"):
        open_quandela(server.platform, **options)
    monkeypatch.setenv("SCW_DEFAULT_PROJECT_ID", server.project_id)
    processor = open_quandela(server.platform, **options)
    assert processor.poll(processor.submit(request())).state is JobState.DONE
