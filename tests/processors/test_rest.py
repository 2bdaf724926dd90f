"""A service over HTTP: whom the token is sent to, and what of an answer is read and repeated."""

import pickle
import time
from collections import deque
from email.utils import formatdate

import pytest

from quantum_latents.circuits import time_bin
from quantum_latents.processors import (
    JobRequest,
    JobState,
    OrcaProcessor,
    ProcessorError,
    RetryLater,
    SubmissionLost,
)

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


def test_the_token_goes_to_the_configured_origin_alone(orca_server, device, monkeypatch):
    monkeypatch.setenv("ORCA_AUTH_TOKEN", TOKEN)
    with orca_server.OrcaServer() as elsewhere, orca_server.OrcaServer(token=TOKEN) as server:
        server.redirect_to = elsewhere.url
        processor = OrcaProcessor(server.url)
        job = processor.submit(request_of(device))
        assert finished(processor, job).state is JobState.DONE
        assert server.seen[-1][2]["Authorization"] == f"Bearer {TOKEN}"
        for call, use in [
            ("submit", lambda: processor.submit(request_of(device))),
            ("poll", lambda: processor.poll(job)),
            ("certificate", processor.limits),
        ]:
            server.faults[call] = deque(["redirect"])
            with pytest.raises(ProcessorError, match="no token follows a redirect") as error:
                use()
            assert elsewhere.url in str(error.value)
            assert "a=b" not in str(error.value)
        assert elsewhere.seen == []


def test_no_netrc_takes_the_token_s_place(orca_server, device, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with orca_server.OrcaServer(token=TOKEN) as server:
        OrcaProcessor(server.url, token=TOKEN).limits()
        assert server.seen[-1][2]["Authorization"] == f"Bearer {TOKEN}"
        with pytest.raises(ProcessorError, match="set ORCA_AUTH_TOKEN"):
            OrcaProcessor(server.url).limits()
        assert "Authorization" not in server.seen[-1][2]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://host.example", "in the clear"),
        ("https://me:secret-pass@host.example", "leave them out"),
        ("https://host.example/?token=secret-pass", "ends with its path"),
        ("ftp://host.example", "such as https"),
        ("host.example", "such as https"),
        ("https://[bad", "such as https"),
        ("http://host.example:port", "such as https"),
        ("", "ORCA_ACCESS_URL"),
    ],
)
def test_addresses_that_a_token_is_not_sent_to(url, said):
    with pytest.raises(ValueError) as error:
        OrcaProcessor(url, token=TOKEN)
    assert said in str(error.value)
    assert "secret-pass" not in str(error.value)
    assert TOKEN not in str(error.value)


def test_a_token_with_a_line_break_is_refused_unseen():
    with pytest.raises(ValueError, match="ORCA_AUTH_TOKEN") as error:
        OrcaProcessor("https://host.example", token="secret\nX: y")
    assert "secret" not in str(error.value)


def test_an_untrusted_certificate_is_not_spoken_to(tmp_path):
    import socket
    import ssl
    import subprocess
    import threading

    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = subprocess.run(
        [
            *("openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost".split()),
            *("-keyout", key, "-out", certificate),
        ],
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("openssl makes no certificate here")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    heard = []

    def serve(listener):
        connection, _ = listener.accept()
        try:
            with context.wrap_socket(connection, server_side=True) as secure:
                heard.append(secure.recv(100))
        except OSError:
            pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        processor = OrcaProcessor(f"https://localhost:{listener.getsockname()[1]}", token=TOKEN)
        with pytest.raises(ProcessorError, match="is not trusted") as error:
            processor.limits()
        thread.join(10)
    assert type(error.value) is ProcessorError
    assert heard == []


def test_an_answer_without_end_is_not_read(server, monkeypatch):
    monkeypatch.setattr("quantum_latents.processors.rest.MOST_BYTES", 50)
    with pytest.raises(ProcessorError, match="larger than"):
        OrcaProcessor(server.url).limits()


def test_a_posted_job_whose_answer_is_too_large_may_have_been_paid(server, device, monkeypatch):
    processor = OrcaProcessor(server.url)
    monkeypatch.setattr("quantum_latents.processors.rest.MOST_BYTES", 3)
    with pytest.raises(SubmissionLost, match="larger than"):
        processor.submit(request_of(device))
    assert len(server.jobs) == 1


def test_a_broken_handshake_is_no_untrusted_certificate():
    """Whatever words the address holds: `/device-certificate` is what is asked for."""
    import socket
    import threading

    def serve(listener):
        for _ in range(2):
            connection, _ = listener.accept()
            connection.recv(100)
            connection.sendall(b"no TLS is spoken here\n")
            connection.close()

    device = time_bin(3, (1,), angles=[0.5, 0.5], phases=[0.0, 0.0])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        processor = OrcaProcessor(f"https://localhost:{listener.getsockname()[1]}", token=TOKEN)
        with pytest.raises(RetryLater, match="encrypted"):
            processor.limits()
        with pytest.raises(SubmissionLost, match="encrypted"):
            processor.submit(request_of(device))


def test_a_connection_is_not_written_down():
    with pytest.raises(TypeError, match="token"):
        pickle.dumps(OrcaProcessor("http://localhost:1", token=TOKEN))


def test_whatever_is_echoed_the_token_is_not_repeated(orca_server, device):
    with orca_server.OrcaServer(token=TOKEN, echo=True) as server:
        processor = OrcaProcessor(server.url, token=TOKEN)
        said = [str(processor.limits()), str(processor.describe()), repr(vars(processor))]
        assert "[token]" in said[0]
        job = processor.submit(request_of(device))
        for fault in ("500", "400", "error"):
            server.faults["poll"] = deque([fault] * 2)
            try:
                said.append(str(processor.poll(job)))
                said.append(str(processor.poll(job)))
            except ProcessorError as error:
                said.append(str(error))
        with pytest.raises(ProcessorError) as refused:
            OrcaProcessor(server.url, token=TOKEN + "x").limits()
        said.append(str(refused.value))
    assert any("laser unlocked for Bearer [token]" in text for text in said)
    assert not any(TOKEN in text for text in said)


def test_a_date_to_retry_after_is_held_against_the_service_s_clock():
    from quantum_latents.processors.rest import _retry_after

    then = time.time() - 40_000_000  # a clock far from ours
    headers = {"Date": formatdate(then, usegmt=True)}
    later = formatdate(then + 90, usegmt=True)
    assert _retry_after({**headers, "Retry-After": later}) == 90.0
    assert _retry_after({"Retry-After": later}) is None
    assert _retry_after({**headers, "Retry-After": formatdate(then - 5, usegmt=True)}) == 0.0
    assert _retry_after({"Retry-After": "12"}) == 12.0
    assert _retry_after({"Retry-After": "-3"}) is None
    assert _retry_after({}) is None
