"""A Quandela cloud on this machine: its endpoints, its formats, real photons, and its faults.

It reads what perceval 1.3.1 sends (payloads of version 1 and 2, deserialised by perceval), draws
the shots with our own samplers, and answers in the format that perceval reads. Shots are keyed:
a job called ``NAME+FIRST`` gets shots [FIRST, FIRST + N) of the stream NAME, so that the same job
sent twice gets the same shots, as no real device would.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote_plus

import numpy as np
import perceval
from perceval.serialization import OutputArchive, Serialization, deserialize, serialize

from quantum_latents.circuits import from_unitary
from quantum_latents.random import stream
from quantum_latents.samplers import Noise, sample_boson, sample_noisy

__all__ = ["Fault", "Job", "QuandelaServer", "draw", "encoded", "read_payload", "serve"]


@dataclass(kw_only=True)
class Fault:
    """What goes wrong with one request.

    Attributes:
        method, path: which request; the first that matches is hit, and the fault is used up.
        status, body, headers: the answer given instead; None for the true one.
        acts: whether the request takes effect all the same (a job is created, say).
        cut: the connection closes after half of the answer, or before any of it.
        hold: the answer waits for this event.
        times: how many requests are hit.
    """

    path: str
    method: str = ""
    status: int | None = None
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    acts: bool = False
    cut: str = ""
    hold: threading.Event | None = None
    times: int = 1


@dataclass
class Job:
    """A job as the cloud keeps it."""

    id: str
    name: str
    sent: dict[str, Any]
    counts: np.ndarray
    states: list[str]
    result: str = ""


class QuandelaServer:
    """The cloud; `url` is where it listens. Use it in a ``with`` block.

    Attributes to set: `constraints`, `commands`, `version` (1: only old payloads are read),
    `noise`, `kind`, `perfs`, `max_waiting`, `states` of new jobs, `spoil` (counts to what is
    given out as results), `faults`. To read: `requests`, `jobs`.
    """

    def __init__(self, *, platform: str = "sim:test", token: str = "a-token") -> None:
        self.platform, self.token = platform, token
        self.constraints: dict[str, Any] = {
            "max_mode_count": 12,
            "min_mode_count": 2,
            "max_photon_count": 6,
            "max_sample_count": 5000,
            "support_multi_photon": True,
        }
        self.commands = ["probs", "sample_count", "samples"]
        self.version = 1
        self.kind = "simulator"
        self.perfs: dict[str, Any] = {}
        self.noise = Noise()
        self.max_waiting = 10
        self.states = ["completed"]
        self.spoil: Callable[[np.ndarray], Any] | None = None
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> QuandelaServer:
        self.url, self._stop = serve(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def paths(self, method: str = "") -> list[str]:
        """The paths of the requests so far."""
        return [path for made, path, *_ in self.requests if method in ("", made)]

    def handle(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, Any]:
        if headers.get("Authorization") != f"Bearer {self.token}":
            return 401, {"error": "Invalid or expired job token", "detail": {}}
        parts = path.strip("/").split("/")
        match (method, *parts):
            case ("GET", "api", "platforms", name, "processor"):
                return self.describe(name, new=True)
            case ("GET", "api", "platform", name):
                return self.describe(name, new=False)
            case ("GET", "api", "jobs", "availability"):
                waiting = sum(job.states[0] == "waiting" for job in self.jobs.values())
                return 200, {"max_jobs_in_queue": self.max_waiting, "num_jobs_in_queue": waiting}
            case ("POST", "api", "job"):
                return self.create(json.loads(body))
            case ("POST", "api", "job", "rerun", job_id) if job_id in self.jobs:
                return self.create(self.jobs[job_id].sent)
            case ("POST", "api", "job", "cancel", job_id) if job_id in self.jobs:
                job = self.jobs[job_id]
                if job.states[0] in ("completed", "error", "canceled"):
                    return 400, {"error": "Can not cancel job", "detail": {}}
                job.states = ["cancel_requested", "canceled"]
                return 200, {"message": "ok"}
            case ("GET", "api", "job", "status", job_id) if job_id in self.jobs:
                return 200, self.status(self.jobs[job_id])
            case ("GET", "api", "job", "result", job_id) if job_id in self.jobs:
                return self.result(self.jobs[job_id])
        return 404, {"error": f"Not found job: {parts[-1]}", "detail": {}}

    def describe(self, name: str, *, new: bool) -> tuple[int, Any]:
        if unquote_plus(name) != self.platform:
            return 404, {"error": "Platform not found", "detail": {}}
        specs: dict[str, Any] = {
            "constraints": self.constraints,
            "available_commands": self.commands,
            "software_versions": {"perceval-quandela": "1.3.1"},
            "description": "a simulator on this machine",
        }
        if new:
            specs["architecture"] = None
        if self.version == 2:
            commands = [getattr(perceval.CommandFactory, name) for name in self.commands]
            archive = OutputArchive()
            Serialization.serialize(commands, archive)
            specs["commands"] = archive.to_text()
        answer = {"status": "available", "type": self.kind, "specs": specs}
        return 200, {**answer, **({"perfs": self.perfs} if self.perfs else {})}

    def create(self, sent: dict[str, Any]) -> tuple[int, Any]:
        if sent.get("platform_name") != self.platform:
            return 404, {"error": "Platform not found", "detail": {}}
        waiting = sum(job.states[0] == "waiting" for job in self.jobs.values())
        if waiting >= self.max_waiting:
            words = f"Cannot create more than {self.max_waiting} jobs"
            return 400, {"error": words, "detail": {}}
        command, experiment, samples, shots = read_payload(sent["payload"], self.version)
        if command != "samples":
            return 400, {"error": f"Command '{command}' is not available", "detail": {}}
        assert samples <= shots, "more samples than shots were asked for"
        counts = draw(experiment, samples, str(sent.get("job_name")), self.noise)
        job = Job(str(uuid.uuid4()), str(sent.get("job_name")), sent, counts, list(self.states))
        with self._lock:
            self.jobs[job.id] = job
        return 200, {"job_id": job.id}

    def status(self, job: Job) -> dict[str, Any]:
        state = job.states.pop(0) if len(job.states) > 1 else job.states[0]
        return {
            "status": state,
            "creation_datetime": 1_700_000_000.0,
            "start_time": 1_700_000_001.5,
            "duration": 2,
            "progress": 1.0 if state == "completed" else 0.5,
            "progress_message": "" if state == "completed" else "counting photons",
            "status_message": "the laser went out" if state == "error" else "",
            "failure_code": None,
            "msg": "ok",
        }

    def result(self, job: Job) -> tuple[int, Any]:
        text = job.result or json.dumps(encoded(job.counts, self.spoil))
        return 200, {"results": text, "job_id": job.id, "duration": 2, "shots": len(job.counts)}


def read_payload(payload: dict[str, Any], version: int) -> tuple[str, Any, int, int]:
    """Return the command, the experiment, and how many samples and shots are asked for."""
    if "computation" in payload:
        assert version == 2, "an old platform was sent a payload of version 2"
        computation = deserialize(payload["computation"])
        asked = computation.parameters
        command, experiment = computation.command.name, computation.experiment
        assert command == payload["command"]
        return command, experiment, asked["max_samples"], asked["max_shots"]
    experiment = deserialize(payload["experiment"])
    return payload["command"], experiment, payload["max_samples"], payload["max_shots"]


def draw(experiment: Any, num_shots: int, name: str, noise: Noise) -> np.ndarray:
    """Simulate the experiment, uint8 (N, m); the name of the job keys the shots."""
    unitary = np.array(experiment.unitary_circuit().compute_unitary(), dtype=np.complex128)
    device = from_unitary(unitary)
    occupation = [int(photons) for photons in experiment.input_state]
    key, _, first = name.rpartition("+")
    start = int(first) if first.isdigit() else 0
    shots = stream(0, "a Quandela server", key or name)
    if noise.is_ideal:
        counts = sample_boson(device, occupation, num_shots, shots, start=start)
    else:
        # What Quandela calls a shot has at least one photon; max_shots counts those.
        seen = replace(noise, at_least=1)
        counts = sample_noisy(device, occupation, seen, num_shots, shots, start=start)
    # A filter of 0 arrives as none at all, and none is taken to mean every photon.
    least = experiment.min_photons_filter
    return counts[counts.sum(axis=1) >= (sum(occupation) if least is None else least)]


def encoded(counts: np.ndarray, spoil: Callable[[np.ndarray], Any] | None = None) -> Any:
    """Return counts as the service writes a result of the command ``samples``."""
    given = counts if spoil is None else spoil(counts)
    if not isinstance(given, np.ndarray):
        return given
    states = [perceval.BasicState([int(n) for n in row]) for row in given]
    return {
        "results": serialize(perceval.BSSamples(states)),
        "global_perf": 1.0,
        "nb_shots_used": len(states),
    }


def serve(cloud: Any) -> tuple[str, Callable[[], None]]:
    """Listen on a free port of this machine; return the address and how to stop."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = dict(self.headers.items())
            method, path = self.command, self.path
            cloud.requests.append((method, path, headers, body))
            fault = next(
                (
                    one
                    for one in cloud.faults
                    if one.times > 0 and one.method in ("", method) and path.startswith(one.path)
                ),
                None,
            )
            if fault is not None:
                fault.times -= 1
                if fault.hold is not None:
                    fault.hold.wait(60)
            if fault is None or fault.acts or (fault.status is None and fault.body is None):
                status, answer = cloud.handle(method, path, headers, body)
                text = json.dumps(answer)
            else:
                status, text = 200, ""
            extra: dict[str, str] = {}
            if fault is not None:
                status = fault.status or status
                text = text if fault.body is None else fault.body
                extra = fault.headers
            self.close_connection = True
            if fault is not None and fault.cut == "before":
                return
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Connection", "close")
            for name, value in extra.items():
                self.send_header(name, value)
            self.end_headers()
            cut = fault is not None and fault.cut == "middle"
            try:
                self.wfile.write(data[: len(data) // 2] if cut else data)
            except (BrokenPipeError, ConnectionResetError):
                return

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.daemon = True
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return f"http://127.0.0.1:{server.server_address[1]}", stop
