"""The client of ORCA's service: its settings, its requests, its answers, its token."""

from __future__ import annotations

import logging
from collections import deque

import numpy as np
import pytest

from quantum_latents.circuits import from_unitary, haar, time_bin
from quantum_latents.processors import (
    JobRequest,
    JobState,
    OrcaProcessor,
    ProcessorError,
    RetryLater,
    SubmissionLost,
)
from quantum_latents.processors.loop_program import LoopProgram, loop_program
from quantum_latents.processors.rest import RestService
from quantum_latents.random import stream
from quantum_latents.samplers import boson_law

TOKEN = "planted-token-9f31"


def request_of(device, num_shots=20, key="a", first_shot=0):
    return JobRequest(
        interferometer=device,
        occupation=(1,) * device.num_modes,
        num_shots=num_shots,
        key=key,
        first_shot=first_shot,
    )


def finished(processor, job):
    for _ in range(20):
        if (report := processor.poll(job)).state is not JobState.PENDING:
            return report
    raise AssertionError("never done")


@pytest.mark.parametrize(
    ("num_modes", "delays"),
    [(4, (1,)), (4, (1, 1)), (5, (1, 1, 1)), (5, (1, 2)), (5, (2, 3)), (5, (1, 2, 4)), (5, (2, 2))],
)
def test_settings_give_the_law_of_the_interferometer(orca_server, num_modes, delays):
    device = time_bin(num_modes, delays, stream=stream(3, "interferometer"))
    program = loop_program(device.recipe)
    occupation = (1, 1, 0, 1, 1)[:num_modes]

    def law(phases):
        unitary = orca_server.machine_unitary(num_modes, delays, program.bs_angles, phases)
        return boson_law(from_unitary(unitary), occupation)[1]

    wanted = boson_law(device, occupation)[1]
    assert np.abs(law(program.ps_angles) - wanted).max() < 1e-12
    if len(delays) == 1:
        assert program.ps_angles == ()
    else:  # the phases matter, so that a translation that dropped them would be found
        assert len(program.ps_angles) == len(program.bs_angles)
        assert np.abs(law(()) - wanted).max() > 1e-4


def test_theta_0_is_the_identity_and_half_pi_swaps(orca_server):
    still = orca_server.machine_unitary(3, (1,), (0.0, 0.0), ())
    assert np.array_equal(still, np.eye(3))
    device = time_bin(3, (1,), angles=[np.pi / 2, 0.0], phases=[0.0, 0.0])
    program = loop_program(device.recipe)
    swapped = orca_server.machine_unitary(3, (1,), program.bs_angles, ())
    assert np.abs(swapped).round(12).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert np.allclose(swapped, device.unitary)


@pytest.mark.parametrize(("delays", "hidden"), [((1, 1), True), ((1, 3), False)])
def test_loops_of_equal_length_hide_which_splitters_a_machine_has(orca_server, delays, hidden):
    device = time_bin(
        5, delays, stream=stream(1, "interferometer"), phases=np.zeros(10 - sum(delays))
    )
    program = loop_program(device.recipe)
    assert program.ps_angles == ()
    wanted = boson_law(device, (1, 1, 1, 0, 1))[1]
    opposite = tuple(-theta for theta in program.bs_angles)
    unitary = orca_server.machine_unitary(5, delays, opposite, ())
    assert np.allclose(boson_law(from_unitary(unitary), (1, 1, 1, 0, 1))[1], wanted)
    symmetric, place = np.eye(5, dtype=complex), 0  # [[cos, i sin], [i sin, cos]]
    for delay in delays:
        for early in range(5 - delay):
            step, theta = np.eye(5, dtype=complex), program.bs_angles[place]
            pair = np.ix_([early, early + delay], [early, early + delay])
            step[pair] = [[np.cos(theta), 1j * np.sin(theta)], [1j * np.sin(theta), np.cos(theta)]]
            symmetric, place = step @ symmetric, place + 1
    law = boson_law(from_unitary(symmetric), (1, 1, 1, 0, 1))[1]
    assert np.allclose(law, wanted) == hidden


def test_shots_come_in_order_and_name_their_chunk(server, device):
    processor = OrcaProcessor(server.url)
    first = finished(processor, processor.submit(request_of(device, 40)))
    assert first.state is JobState.DONE
    assert first.counts.shape == (40, 4)
    assert first.counts.dtype == np.uint8
    assert first.details["run"] == {"temperature": 2.5}
    rest = finished(processor, processor.submit(request_of(device, 30, first_shot=10)))
    assert np.array_equal(first.counts[10:], rest.counts)
    other = finished(processor, processor.submit(request_of(device, 40, key="b")))
    assert not np.array_equal(first.counts, other.counts)
    body = server.jobs["job-0"].request
    assert body["target"] == body["machine"] == "PT-1"
    assert body["loop_lengths"] == [1, 1]
    assert len(body["bs_angles"]) == 6
    assert body["ps_angles"] == []
    assert body["postselected"] is False
    assert body["n_samples"] == 40


def test_a_machine_with_phase_shifters_is_sent_phases(server):
    device = time_bin(4, (1, 1), stream=stream(0, "interferometer"))
    processor = OrcaProcessor(server.url, phase_shifters=True)
    report = finished(processor, processor.submit(request_of(device)))
    assert report.state is JobState.DONE
    assert len(server.jobs["job-0"].request["ps_angles"]) == 6


@pytest.mark.parametrize(
    ("make", "occupation", "said"),
    [
        (lambda: haar(4, stream(0, "i")), (1, 0, 1, 0), "kind 'haar'"),
        (lambda: time_bin(4, (1, 1), stream=stream(0, "i")), (1, 1, 1, 1), "--phases zero"),
        (
            lambda: time_bin(4, (1, 1), angles=[1] * 6, phases=[0] * 6),
            (2, 0, 1, 0),
            "not 2 into bin 0",
        ),
        (lambda: time_bin(4, (1, 1), angles=[1] * 6, phases=[0] * 6), (0, 0, 0, 0), "no photon"),
        (lambda: time_bin(5, (1, 3), angles=[1] * 6, phases=[0] * 6), (1,) * 5, "not [1, 3]"),
        (
            lambda: time_bin(70, (1, 1), angles=[1] * 138, phases=[0] * 138),
            (1,) * 70,
            "64 time bins",
        ),
        (
            lambda: time_bin(5, (3, 1), stream=stream(0, "i")),
            (1,) * 5,
            "a loop is shorter than the one before it",
        ),
    ],
)
def test_what_a_machine_cannot_run_is_refused_before_anything_is_sent(
    server, make, occupation, said
):
    device = make()
    shifted = device.recipe.get("delays") == [3, 1]
    processor = OrcaProcessor(server.url, phase_shifters=shifted)
    processor.limits()
    with pytest.raises(ValueError) as error:
        processor.check(device, occupation)
    assert said in str(error.value)
    assert not server.jobs


def test_a_loop_as_long_as_the_train_is_no_interferometer():
    with pytest.raises(ValueError, match="between 1 and 3"):
        time_bin(4, (4,), stream=stream(0, "i"))


def test_limits_are_the_certificate_s(server):
    limits = OrcaProcessor(server.url).limits()
    assert (limits.max_modes, limits.max_photons, limits.max_shots_per_job) == (64, 64, 5000)
    server.certificate = None
    assert OrcaProcessor(server.url).limits().max_modes is None
    server.certificate = {"max_modes": "many", "max_samples": -1}
    assert OrcaProcessor(server.url).limits().max_shots_per_job is None


def test_a_machine_that_is_not_ready_is_said_to_be(server, caplog):
    OrcaProcessor(server.url).limits()
    assert not caplog.records
    server.is_ready = False
    assert OrcaProcessor(server.url).limits().answer["status"] == {"overall": False}
    assert "not ready" in caplog.text


def test_an_older_service_is_called_synchronously_and_it_is_said(server, device, caplog):
    server.synchronous = True
    processor = OrcaProcessor(server.url)
    with caplog.at_level(logging.WARNING):
        job = processor.submit(request_of(device))
        again = processor.submit(request_of(device))
    assert [record.message.count("older synchronous call") for record in caplog.records] == [1]
    assert finished(processor, job).counts.shape == (20, 4)
    assert np.array_equal(processor.poll(job).counts, processor.poll(again).counts)
    assert processor.describe()["call"] == "/sample"
    with pytest.raises(SubmissionLost, match="its process ended"):
        OrcaProcessor(server.url).poll(job)


def test_an_address_without_a_service_is_told_from_an_older_one(server, device):
    processor = OrcaProcessor(f"{server.url}/elsewhere")
    with pytest.raises(ProcessorError, match="neither /v1/submit nor /sample"):
        processor.submit(request_of(device))


def impatience(fault):
    """Seconds that the client waits: on a busy machine another answer may take its time."""
    return 0.2 if fault == "timeout" else 60.0


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ("429:7", RetryLater, "slow down"),
        ("500", RetryLater, "fault 500"),
        ("503", RetryLater, "HTTP 503"),
        ("401", ProcessorError, "set ORCA_AUTH_TOKEN"),
        ("403", ProcessorError, "refuses access"),
        ("422", ProcessorError, "fault 422"),
        ("504", SubmissionLost, "HTTP 504"),
        ("close", SubmissionLost, "closed the connection"),
        ("close_before", SubmissionLost, "closed the connection"),
        ("half", SubmissionLost, "broke off"),
        ("malformed", SubmissionLost, "no job id"),
        ("no_id", SubmissionLost, "no job id"),
        ("timeout", SubmissionLost, "no answer within 0.2 s"),
    ],
)
def test_faults_of_submitting(server, device, fault, error, said):
    server.faults["submit"] = deque([fault])
    with pytest.raises(ProcessorError) as caught:
        OrcaProcessor(server.url, seconds=impatience(fault)).submit(request_of(device))
    assert type(caught.value) is error
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert getattr(caught.value, "seconds", None) == (7.0 if fault == "429:7" else None)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("429:3", "slow down"),
        ("500", "fault 500"),
        ("malformed", "not its format"),
        ("half", "broke off"),
        ("close", "closed the connection"),
        ("timeout", "no answer within"),
    ],
)
def test_faults_of_asking_may_pass(server, device, fault, said):
    server.pending_polls = 0
    job = OrcaProcessor(server.url).submit(request_of(device))
    server.faults["poll"] = deque([fault])
    with pytest.raises(RetryLater) as caught:
        OrcaProcessor(server.url, seconds=impatience(fault)).poll(job)
    assert said in str(caught.value)
    processor = OrcaProcessor(server.url)
    assert finished(processor, job).state is JobState.DONE


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("wrong_length", "shot 19 has 5 digits, and the first has 4"),
        ("not_digits", "shot 19 is None"),
        ("error", "laser unlocked"),
    ],
)
def test_an_answer_that_is_not_shots_is_a_failure_with_what_was_received(
    server, device, fault, said
):
    server.pending_polls = 0
    processor = OrcaProcessor(server.url)
    job = processor.submit(request_of(device))
    server.faults["poll"] = deque([fault])
    report = processor.poll(job)
    assert report.state is JobState.FAILED
    assert said in report.message
    if fault != "error":
        assert len(report.details["answer"]) == 20


def test_results_keyed_by_their_source(server, device):
    server.pending_polls = 0
    processor = OrcaProcessor(server.url)
    job = processor.submit(request_of(device))
    server.faults["poll"] = deque(["by_source"])
    report = processor.poll(job)
    assert report.counts.shape == (20, 4)
    assert report.details["extra_data"] == {"n_heralds": 7, "n_triggers": 9}


def test_a_job_that_the_service_does_not_know(server):
    assert OrcaProcessor(server.url).poll("job-77").state is JobState.UNKNOWN
    # An id that leads elsewhere stays one name.
    assert OrcaProcessor(server.url).poll("../../sample").state is JobState.UNKNOWN
    assert server.seen[-1][1] == "/v1/get_job/..%2F..%2Fsample"


def test_nobody_is_at_the_address(device):
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(RetryLater, match="cannot be reached"):
        OrcaProcessor(url).submit(request_of(device))
    with pytest.raises(RetryLater, match="cannot be reached"):
        OrcaProcessor(url).limits()


def test_the_longest_settings_are_one_coupler_each():
    device = time_bin(32, (1, 1), stream=stream(0, "i"), phases=np.zeros(62))
    program = loop_program(device.recipe)
    assert isinstance(program, LoopProgram)
    assert len(program.bs_angles) == 62
    assert RestService("http://[::1]:80/a/", None, name="it", token_variable="T").address == (
        "http://[::1]:80/a"
    )
