"""A whole collection from the Quandela cloud: whatever happens on the way, the same shots."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from quantum_latents.circuits import haar
from quantum_latents.processors import CollectionStopped, Order, Patience, ProcessorError, collect
from quantum_latents.processors.quandela import open_quandela
from quantum_latents.random import stream
from quantum_latents.samplers import Noise
from quantum_latents.samplers.boson import compile_path

ORDER = Order(
    interferometer=haar(4, stream(1, "interferometer")),
    occupation=(1, 1, 0, 1),
    num_samples=150,
    at_least=2,
    shots_per_job=40,
)


class Clock:
    """A clock that waiting moves on, so that no test waits."""

    now = 0.0

    def sleep(self, seconds):
        self.now += seconds

    def monotonic(self):
        return self.now


CLOCK = Clock()
IMPATIENT = Patience(retries=3, sleep=CLOCK.sleep, monotonic=CLOCK.monotonic)


def load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


core = load("quandela_server")


@pytest.fixture(scope="module", autouse=True)
def compiled():
    compile_path("enumeration")


@pytest.fixture
def server():
    with core.QuandelaServer() as running:
        running.noise, running.kind = Noise(output_transmission=0.7), "physical"
        yield running


def connect(server):
    return open_quandela("sim:test", token=server.token, url=server.url, timeout=120.0)


def rows(collection):
    return np.concatenate(list(collection.rows()))


@pytest.fixture
def faultless(server, tmp_path):
    collection = collect(connect(server), ORDER, tmp_path / "faultless", patience=IMPATIENT)
    server.jobs.clear()
    server.requests.clear()
    return rows(collection)


def drawn_faults(seed):
    """A dozen faults of any kind, drawn from the seed."""
    generator = stream(seed, "faults").generator()
    kinds = [
        {"status": 429, "headers": {"Retry-After": "1"}},
        {"status": 500, "body": "<html>"},
        {"status": 503, "body": "{}"},
        {"status": 502, "body": "<html>", "acts": True},
        {"cut": "before", "acts": True},
        {"cut": "middle", "acts": True},
        {"body": "[", "acts": True},
        {"body": '{"status": "suspended"}', "acts": True},
        {"body": '{"results": "{}"}', "acts": True},
    ]
    paths = ["/api/job", "/api/job/status", "/api/job/result", "/api/jobs", "/api/platforms"]
    return [
        core.Fault(path=paths[generator.integers(5)], **kinds[generator.integers(9)])
        for _ in range(12)
    ]


@pytest.mark.parametrize("seed", range(10))
def test_the_same_shots_whatever_happens(server, faultless, tmp_path, seed):
    server.faults = drawn_faults(seed)
    server.states = ["waiting", "running", "completed"]
    for _ in range(30):
        # A new processor each time, as in a new process.
        try:
            collection = collect(
                connect(server),
                ORDER,
                tmp_path / "bank",
                max_jobs=100,
                resend=True,
                patience=IMPATIENT,
            )
            break
        except ProcessorError as stopped:
            assert "\n" not in str(stopped)
    else:
        pytest.fail("it never ended")
    np.testing.assert_array_equal(rows(collection), faultless)


def test_what_may_have_been_paid_is_not_sent_again_unasked(server, faultless, tmp_path):
    server.faults = [core.Fault(path="/api/job", method="POST", cut="before", acts=True)]
    options = {"patience": IMPATIENT}
    with pytest.raises(CollectionStopped, match=r"paid"):
        collect(connect(server), ORDER, tmp_path / "bank", **options)
    sent = len(server.jobs)
    with pytest.raises(CollectionStopped, match=r"paid"):
        collect(connect(server), ORDER, tmp_path / "bank", **options)
    names = [job.name for job in server.jobs.values()]
    assert len(names) == len(set(names)) >= sent
    collection = collect(connect(server), ORDER, tmp_path / "bank", resend=True, **options)
    np.testing.assert_array_equal(rows(collection), faultless)


def test_the_provenance_says_where_the_shots_come_from(server, tmp_path):
    collection = collect(connect(server), ORDER, tmp_path / "bank", patience=IMPATIENT)
    provenance = collection.provenance()
    text = json.dumps(provenance, allow_nan=False)
    assert provenance["processor"] == "quandela:sim:test"
    assert provenance["address"] == server.url
    assert provenance["photon_numbers"][0] == 0, "Quandela counts no empty shot"
    assert all(job_id in text for job_id in server.jobs)
    assert server.token not in text
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert server.url.encode() in written
    assert server.token.encode() not in written


def test_a_whole_collection_asks_nobody(server, tmp_path):
    collect(connect(server), ORDER, tmp_path / "bank", patience=IMPATIENT)
    asked = len(server.requests)
    collect(connect(server), ORDER, tmp_path / "bank", patience=IMPATIENT)
    assert len(server.requests) == asked
