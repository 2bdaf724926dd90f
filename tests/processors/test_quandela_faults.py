"""Every fault of the Quandela cloud: our processor goes on, or says in one line why not."""

import importlib.util
import json
import socket
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import requests

from quantum_latents.circuits import haar
from quantum_latents.processors import (
    JobRequest,
    JobState,
    ProcessorError,
    RetryLater,
    SubmissionLost,
)
from quantum_latents.processors.perceval_faults import ask
from quantum_latents.processors.quandela import open_quandela
from quantum_latents.random import stream
from quantum_latents.samplers.boson import compile_path

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


def test_a_full_queue_is_waited_for(server):
    server.states, server.max_waiting = ["waiting"], 1
    processor = connect(server)
    processor.submit(request())
    with pytest.raises(RetryLater, match="1 jobs of the account wait, and 1 may") as caught:
        processor.submit(request())
    assert caught.value.seconds == 30
    # A service that does not tell how many may wait says so when it gets one too many.
    server.faults = [Fault(path="/api/jobs/availability", status=404, body="{}")]
    with pytest.raises(RetryLater, match="Cannot create more than 1 jobs"):
        processor.submit(request())
    assert len(server.jobs) == 1


HTML = "<html>come back later</html>"


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (Fault(path="/api/job", status=401, body='{"error": "expired"}'), ProcessorError, "PCVL"),
        (Fault(path="/api/job", status=403, body='{"error": "locked"}'), ProcessorError, "locked"),
        (Fault(path="/api/job", status=400, body='{"error": "no"}'), ProcessorError, r"400 \(no\)"),
        (Fault(path="/api/job", status=429, headers={"Retry-After": "17"}), RetryLater, "429"),
        (Fault(path="/api/job", status=500, body=HTML), RetryLater, "come back later"),
        (Fault(path="/api/job", status=503, body="{}"), RetryLater, "503"),
        (Fault(path="/api/job", status=502, body=HTML, acts=True), SubmissionLost, "may be billed"),
        (Fault(path="/api/job", cut="before", acts=True), SubmissionLost, "answer was lost"),
        (Fault(path="/api/job", cut="middle", acts=True), SubmissionLost, "answer was lost"),
        (Fault(path="/api/job", body="[1", acts=True), SubmissionLost, "answer was lost"),
        (Fault(path="/api/job", body='{"id": 3}', acts=True), SubmissionLost, "answer was lost"),
        (Fault(path="/api/job", body='{"job_id": null}', acts=True), SubmissionLost, "without a"),
        (Fault(path="/api/job", body='{"job_id": "../x"}', acts=True), SubmissionLost, "without a"),
        (
            Fault(path="/api/job", status=401, body='{"error": "Not enough credits"}'),
            ProcessorError,
            "Not enough credits",
        ),
        (
            Fault(path="/api/job", status=302, headers={"Location": "http://127.0.0.1:1/"}),
            ProcessorError,
            "no token follows a redirect",
        ),
    ],
    ids=lambda value: f"{value.status}-{value.cut}{value.body}" if isinstance(value, Fault) else "",
)
def test_faults_of_a_submission(server, fault, error, message):
    processor = connect(server)
    processor.limits()
    fault.method, fault.times = "POST", 1
    server.faults = [fault]
    with pytest.raises(error, match=message) as caught:
        processor.submit(request())
    assert type(caught.value) in (error, *error.__subclasses__())
    assert isinstance(caught.value, RetryLater | SubmissionLost) == (error is not ProcessorError)
    assert "\n" not in str(caught.value)
    if fault.status == 429:
        assert caught.value.seconds == 17
    # Afterwards everything works, and nothing was sent twice behind our back.
    assert len(server.paths("POST")) == 1
    server.faults = []
    assert processor.poll(processor.submit(request())).state is JobState.DONE


@pytest.mark.parametrize("path", ["/api/job/status", "/api/job/result"])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 401, "body": '{"error": "expired"}'}, ProcessorError),
        ({"status": 429, "headers": {"Retry-After": "5"}}, RetryLater),
        ({"status": 500, "body": HTML}, RetryLater),
        ({"status": 504, "body": HTML}, RetryLater),
        ({"cut": "before"}, RetryLater),
        ({"cut": "middle"}, RetryLater),
        ({"body": '{"status": '}, RetryLater),
        ({"body": "[]"}, RetryLater),
        ({"body": '{"status": null, "results": null}'}, RetryLater),
    ],
    ids=str,
)
def test_faults_of_a_poll_pass(server, path, fault, error):
    processor = connect(server)
    job_id = processor.submit(request())
    server.faults = [Fault(path=path, **fault)]
    with pytest.raises(error) as caught:
        processor.poll(job_id)
    assert isinstance(caught.value, RetryLater) == (error is RetryLater)
    assert processor.poll(job_id).state is JobState.DONE


@pytest.fixture
def held(server):
    """Return an event; answers that wait for it are let go when the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_a_submission_that_is_not_answered_in_time_is_lost(server, held):
    impatient = connect(server, timeout=4.0)
    impatient.limits()
    server.faults = [Fault(path="/api/job", method="POST", hold=held, acts=True)]
    with pytest.raises(SubmissionLost, match="answer was lost"):
        impatient.submit(request())
    assert len(server.paths("POST")) == 1


@pytest.mark.parametrize("path", ["/api/job/status", "/api/job/result", "/api/platform"])
def test_a_question_that_is_not_answered_in_time_is_asked_again(server, held, path):
    job_id = connect(server).submit(request())
    impatient = connect(server, timeout=4.0)
    server.faults = [Fault(path=path, hold=held)]
    with pytest.raises(RetryLater, match="no answer within 4 s"):
        impatient.poll(job_id)
    assert connect(server).poll(job_id).state is JobState.DONE


@pytest.mark.parametrize("half", ["no answer", "half an answer"])
@pytest.mark.parametrize(("first", "requests_waits"), [("ours", 60.0), ("requests'", 0.3)])
def test_it_says_the_same_whichever_clock_rings_first(half, first, requests_waits):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()

        def answer():
            connection, _ = listener.accept()
            kept.append(connection)
            if half == "half an answer":
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1,")

        kept = []
        threading.Thread(target=answer, daemon=True).start()
        seconds = 1.0 if first == "ours" else 30.0

        def call():
            return requests.get(f"http://{host}:{port}", timeout=requests_waits).json()

        with pytest.raises(RetryLater) as caught:
            ask(call, what="asking", token="s3cret", seconds=seconds)
        assert str(caught.value) == f"asking: no answer within {seconds:g} s"
        for connection in kept:
            connection.close()


def with_a_photon_too_many(counts):
    counts = counts.copy()
    counts[3, 0] += 1
    return counts


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (with_a_photon_too_many, "1 of 40 shots have up to 4 photons, but 3 were put in"),
        (lambda counts: counts[:, :-1], "3 modes instead of 4"),
        (lambda counts: counts[:0], "no shot at all"),
        (lambda counts: {"results": {"|1,1,1,0>": 40}}, "no list of shots but a dict"),
        (lambda counts: {"results": ":PCVL:BSSamples:|1,x>/0"}, "cannot read"),
        (lambda counts: {"results": ":PCVL:BSSamples:|1,0>/0;7"}, "cannot read"),
        (lambda counts: {"results": ":PCVL:BSCount:{|1,1,1,0>=40}"}, "BSCount"),
        (lambda counts: {"other": 1}, "no 'results'"),
        (lambda counts: 17, "no 'results'"),
        (
            lambda counts: {
                "results": "x",
                "job_context": {"result_mapping": ["os", "system"]},
            },
            "a function of its choice",
        ),
    ],
)
def test_results_that_are_not_what_was_asked_for(server, spoil, message):
    server.spoil = spoil
    processor = connect(server)
    report = processor.poll(processor.submit(request()))
    assert report.state is JobState.FAILED
    assert report.counts is None
    assert message in report.message
    json.dumps(report.details)


def test_results_that_are_no_json_are_asked_for_again(server):
    processor = connect(server)
    job_id = processor.submit(request())
    server.jobs[job_id].result = '{"results": ":PCVL:BSSam'
    with pytest.raises(RetryLater, match="no JSON"):
        processor.poll(job_id)
    server.jobs[job_id].result = ""
    assert processor.poll(job_id).state is JobState.DONE


def test_short_results_are_kept_and_said(server):
    server.spoil = lambda counts: counts[:25]
    processor = connect(server)
    job_id = processor.submit(request())
    report = processor.poll(job_id)
    assert report.state is JobState.DONE
    assert "25 of 40" in report.message
    np.testing.assert_array_equal(report.counts, server.jobs[job_id].counts[:25])


def test_more_than_was_asked_for_is_cut_off_and_said(server):
    server.spoil = lambda counts: np.concatenate([counts, counts])
    processor = connect(server)
    report = processor.poll(processor.submit(request()))
    assert report.counts.shape == (40, 4)
    assert report.details["shots_beyond_those_asked_for"] == 40


def test_a_real_source_may_emit_two_photons(server):
    server.kind, server.spoil = "physical", with_a_photon_too_many
    processor = connect(server)
    report = processor.poll(processor.submit(request()))
    assert report.state is JobState.DONE
    assert report.details["shots_with_more_photons_than_put_in"] == 1


def test_no_service_at_all(server):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(RetryLater, match="no connection"):
            connect(server, url=url).limits()
    with pytest.raises(ProcessorError, match="Platform not found"):
        open_quandela("sim:none", token=server.token, url=server.url).limits()


@pytest.mark.parametrize(
    "body",
    ["[]", "{}", "nothing", '{"specs": 3}', '{"specs": {"constraints": [1]}}'],
)
def test_a_platform_that_describes_itself_in_another_format(server, body):
    server.faults = [Fault(path="/api/platform", body=body, times=2)]
    with pytest.raises(RetryLater, match=r"own format|no table"):
        connect(server).limits()
    server.faults = []
    assert connect(server).limits().max_modes == 12
