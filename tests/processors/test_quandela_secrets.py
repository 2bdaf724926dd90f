"""The token goes to the service in a header, and nowhere else, whoever repeats it."""

import contextlib
import importlib.util
import json
import logging
import pickle
import sys
import traceback
from pathlib import Path

import perceval
import pytest

from quantum_latents.circuits import haar
from quantum_latents.processors import JobRequest, ProcessorError
from quantum_latents.processors.quandela import open_quandela
from quantum_latents.random import stream

TOKEN = "planted-0f3c2b1a9d8e7f60"
DEVICE = haar(4, stream(1, "interferometer"))
REQUEST = JobRequest(interferometer=DEVICE, occupation=(1, 1, 0, 1), num_shots=20, key="chunk")


def load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


core = load("quandela_server")
Fault = core.Fault
ECHO = json.dumps({"error": f"I do not like {TOKEN}", "detail": {TOKEN: f"Bearer {TOKEN}"}})
FAULTS = [
    {"status": 400, "body": ECHO},
    {"status": 401, "body": ECHO},
    {"status": 404, "body": ECHO},
    {"status": 429, "body": ECHO, "headers": {"Retry-After": TOKEN}},
    {"status": 500, "body": f"<html>{TOKEN}</html>"},
    {"status": 302, "headers": {"Location": f"http://127.0.0.1:1/{TOKEN}"}},
    {"body": f'["{TOKEN}", '},
    {"body": json.dumps({"results": f'{{"results": "{TOKEN}"}}', "status": TOKEN})},
    {"body": json.dumps({"results": TOKEN, "status": "error", "status_message": TOKEN})},
    {"cut": "before"},
    {"cut": "middle"},
]


@pytest.fixture
def everything_said(capfd, caplog, tmp_path, monkeypatch):
    """Return a list for what is said, and a function that returns all of it, logs included."""
    caplog.set_level(logging.DEBUG)
    logger, level = perceval.get_logger(), perceval.logging.level
    channels = perceval.logging.channel
    for one in (channels.general, channels.user, channels.resources):
        logger.set_level(level.debug, one)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    said: list[str] = []

    def collected() -> str:
        written = [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*.*")]
        return "\n".join([*said, *capfd.readouterr(), caplog.text, *written])

    yield said, collected
    for one in (channels.general, channels.user, channels.resources):
        logger.set_level(level.off, one)


def links(error):
    """An exception and all that hang on it."""
    seen, left = [], [error]
    while left:
        link = left.pop()
        if link is None or any(link is one for one in seen):
            continue
        seen.append(link)
        left += [link.__cause__, link.__context__]
    return seen


def noted(said, call):
    """Call, and note whatever it returns or raises, down to the last attribute."""
    try:
        said.append(repr(call()))
    except Exception as error:
        said += traceback.format_exception(error)
        for link in links(error):
            assert isinstance(link, ProcessorError), link
            said += [repr(link), repr(link.args), repr(vars(link))]


def use(processor, said):
    """Use every call of a processor; every one may fail."""
    jobs = []
    noted(said, lambda: jobs.append(processor.submit(REQUEST)))
    for job in [*jobs, "a-job"]:
        noted(said, lambda job=job: processor.poll(job))
        noted(said, lambda job=job: processor.cancel(job))
    for call in (processor.limits, processor.describe, processor.close):
        noted(said, call)
    said += [repr(processor), str(processor)]
    with contextlib.suppress(TypeError):
        said.append(pickle.dumps(processor).decode("latin-1"))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{[*fault.values()]}"[:30])
def test_quandela(everything_said, fault):
    said, collected = everything_said
    with core.QuandelaServer(token=TOKEN) as server:
        server.perfs = {"note": f"asked by {TOKEN}", TOKEN: [TOKEN]}
        server.constraints["note"] = TOKEN
        for path in ("/api/platform", "/api/job", "/api/job/status", "/api/job/result"):
            server.faults = [Fault(path=path, times=99, **fault)]
            use(open_quandela("sim:test", token=TOKEN, url=server.url), said)
        assert all(h["Authorization"] == f"Bearer {TOKEN}" for _, _, h, _ in server.requests)
        paths_and_bodies = [(path, body) for _, path, _, body in server.requests]
    assert TOKEN not in str(paths_and_bodies), "the token is sent in the header alone"
    text = collected()
    assert len(text) > 1000
    assert TOKEN not in text


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{[*fault.values()]}"[:30])
def test_scaleway(everything_said, fault):
    said, collected = everything_said
    with load("scaleway_server").ScalewayServer(core, token=TOKEN) as server:
        for path in ("platforms", "sessions", "jobs"):
            server.faults = [Fault(path=f"/qaas/v1alpha1/{path}", times=99, **fault)]
            use(
                open_quandela(
                    server.platform,
                    token=TOKEN,
                    url=server.url,
                    provider="scaleway",
                    project_id=server.project_id,
                ),
                said,
            )
    text = collected()
    assert len(text) > 1000
    assert TOKEN not in text


def test_what_the_service_repeats_would_be_seen(everything_said):
    said, collected = everything_said
    with core.QuandelaServer(token=TOKEN) as server:
        server.faults = [Fault(path="/api/platform", times=9, status=400, body=ECHO)]
        handler = load_handler(server)
        try:
            handler.post_request(f"{server.url}/api/platform", {})
        except Exception as error:
            said += traceback.format_exception(error)
    assert TOKEN in collected(), "perceval itself repeats it, so the tests above can fail"


def load_handler(server):
    from perceval.providers.quandela.rpc_handler import RPCHandler

    return RPCHandler(server.platform, server.url, server.token)
