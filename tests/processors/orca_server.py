"""A local service that speaks ORCA's protocol, measures by simulation, and can misbehave.

It composes its interferometer from the angles it is sent, by itself, loses photons as a device
does, and draws shots that the request names: the same chunk brings the same shots. A fault is
taken from `faults`, a queue for each call, or from `choose_fault`.
"""

from __future__ import annotations

import cmath
import json
import math
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from quantum_latents.circuits import from_unitary
from quantum_latents.random import stream
from quantum_latents.samplers import Noise, NoisySampler

CERTIFICATE = {
    "max_modes": 64,
    "max_photons": 64,
    "max_samples": 5000,
    "loop_lengths": [1, 1],
    "version": "1.2",
}


@dataclass
class Job:
    request: dict[str, Any]
    polls: int = 0
    fault: str | None = None
    cancelled: bool = False


@dataclass
class OrcaServer:
    """Use as a context manager; `url` is where it listens, on this machine alone."""

    token: str | None = None
    noise: Noise = field(default_factory=lambda: Noise(input_transmission=0.8))
    synchronous: bool = False
    pending_polls: int = 1
    certificate: dict[str, Any] | None = field(default_factory=lambda: dict(CERTIFICATE))
    faults: dict[str, deque[str]] = field(default_factory=dict)
    choose_fault: Callable[[str, Job | None], str | None] | None = None
    redirect_to: str = ""
    echo: bool = False
    is_ready: bool = True
    jobs: dict[str, Job] = field(default_factory=dict)
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def __enter__(self) -> OrcaServer:
        outer = self

        class Handler(_Handler):
            server_data = outer

        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self._http = _QuietServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def chunks(self) -> list[str]:
        """The key of every job that was accepted, in order: each of them is billed."""
        return [job.request["extra_options"]["chunk"] for job in self.jobs.values()]

    def fault(self, call: str, job: Job | None = None) -> str | None:
        with self.lock:
            queue = self.faults.get(call)
            if queue:
                return queue.popleft()
            return self.choose_fault(call, job) if self.choose_fault is not None else None

    def strings(self, request: dict[str, Any]) -> list[str]:
        options = request.get("extra_options") or {}
        sampler = _sampler(
            tuple(request["input_state"]),
            tuple(request["loop_lengths"]),
            tuple(request["bs_angles"]),
            tuple(request.get("ps_angles") or ()),
            self.noise,
        )
        counts = sampler.sample(
            request["n_samples"],
            stream(0, "device", str(options.get("chunk"))),
            start=int(options.get("first_shot", 0)),
            num_threads=1,
        )
        return ["".join(map(str, shot)) for shot in counts.tolist()]


def machine_unitary(
    num_modes: int, loops: tuple[int, ...], bs_angles: tuple[float, ...], ps: tuple[float, ...]
) -> np.ndarray:
    """The unitary of a machine: a beam splitter, then the phase of the early bin, loop by loop."""
    unitary, place = np.eye(num_modes, dtype=complex), 0
    for length in loops:
        for early in range(num_modes - length):
            theta, step = bs_angles[place], np.eye(num_modes, dtype=complex)
            step[early, early] = step[early + length, early + length] = math.cos(theta)
            step[early, early + length] = -math.sin(theta)
            step[early + length, early] = math.sin(theta)
            if ps:
                step[early] *= cmath.exp(1j * ps[place])
            unitary, place = step @ unitary, place + 1
    return unitary


@lru_cache(maxsize=16)
def _sampler(
    occupation: tuple[int, ...],
    loops: tuple[int, ...],
    bs_angles: tuple[float, ...],
    ps_angles: tuple[float, ...],
    noise: Noise,
) -> NoisySampler:
    unitary = machine_unitary(len(occupation), loops, bs_angles, ps_angles)
    return NoisySampler(from_unitary(unitary), occupation, noise)


def _mistake(request: dict[str, Any]) -> str | None:
    """What a machine says of settings that it cannot take."""
    num_modes, loops = len(request["input_state"]), request["loop_lengths"]
    wanted = sum(num_modes - length for length in loops)
    if set(request["input_state"]) - {0, 1}:
        return "inputs are 0 or 1"
    if num_modes < max(loops) + 1:
        return "too few modes for the loops"
    if len(request["bs_angles"]) != wanted:
        return f"{wanted} beam splitter angles are needed"
    if request.get("ps_angles") and len(request["ps_angles"]) != wanted:
        return f"{wanted} phase shifter angles are needed"
    return None


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that was killed
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server_data: OrcaServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece
    disable_nagle_algorithm = True

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        request = json.loads(self.rfile.read(size))
        if not self._is_let_in("POST"):
            return
        server = self.server_data
        call = {"/v1/submit": "submit", "/sample": "sample"}.get(self.path)
        if call is None or (call == "submit" and server.synchronous):
            self._send(404, {"detail": "Not Found"})
            return
        fault = server.fault(call)
        if self._refuses(fault):
            return
        if (mistake := _mistake(request)) is not None:
            self._send(422, {"detail": mistake})
            return
        if fault == "close_before":
            self.close_connection = True
            return
        with server.lock:
            job_id = f"job-{len(server.jobs)}"
            job = server.jobs[job_id] = Job(request)
        answer: dict[str, Any] = {"job_id": job_id}
        if call == "sample":
            answer = {"results": server.strings(request), "error_message": None}
        self._answer(answer, fault, job)

    def do_GET(self) -> None:
        if not self._is_let_in("GET"):
            return
        server = self.server_data
        if self.path == "/device-certificate":
            fault = server.fault("certificate")
            if not self._refuses(fault):
                if server.certificate is None:
                    self._send(404, {"detail": "Not Found"})
                else:
                    extra = {"echo": self.headers.get("Authorization")} if server.echo else {}
                    self._answer({**server.certificate, **extra}, fault, None)
        elif self.path == "/status-single":
            self._send(200, {"overall": server.is_ready})
        elif self.path.startswith("/v1/get_job/"):
            self._get_job(self.path.rpartition("/")[2])
        elif self.path.startswith("/v1/cancel_job/"):
            job = server.jobs.get(self.path.rpartition("/")[2])
            if job is not None:
                job.cancelled = True
            self._send(200, {"cancelled": job is not None})
        else:
            self._send(404, {"detail": "Not Found"})

    def _get_job(self, job_id: str) -> None:
        server = self.server_data
        job = server.jobs.get(job_id)
        fault = server.fault("poll", job)
        if self._refuses(fault):
            return
        if job is None or fault == "lost":
            if job is not None:
                job.fault = "lost"
            self._send(200, {"error_message": "Job can't be found", "job_status": None})
            return
        job.polls += 1
        lasting = fault if fault in ("stuck", "error", "short", "broken") else None
        job.fault = job.fault or lasting
        if job.fault == "lost":
            self._send(200, {"error_message": "Job can't be found", "job_status": None})
        elif job.fault == "stuck" or job.polls <= server.pending_polls:
            self._send(200, {"error_message": None, "job_status": "queued"})
        elif job.fault == "error" or job.cancelled:
            text = "cancelled" if job.cancelled else "laser unlocked"
            if server.echo:
                text += f" for {self.headers.get('Authorization')}"
            self._send(200, {"error_message": text, "job_status": None})
        else:
            answer = {"error_message": None, "job_status": None, "run": {"temperature": 2.5}}
            answer["results"] = server.strings(job.request)
            self._answer(answer, fault, job)

    def _is_let_in(self, method: str) -> bool:
        server = self.server_data
        with server.lock:
            server.seen.append((method, self.path, dict(self.headers.items())))
        given = self.headers.get("Authorization")
        if server.token is not None and given != f"Bearer {server.token}":
            self._send(401, {"detail": f"no access with {given}"})
            return False
        return True

    def _refuses(self, fault: str | None) -> bool:
        """Whether a fault ended the call before the service did anything."""
        if fault == "redirect":
            self._send(307, {}, {"Location": f"{self.server_data.redirect_to}{self.path}?a=b"})
        elif fault is not None and fault.startswith("429"):
            self._send(429, {"detail": "slow down"}, {"Retry-After": fault[4:] or "0"})
        elif fault is not None and fault.isdecimal():
            said = f"fault {fault}"
            if self.server_data.echo:
                said += f" of {self.headers.get('Authorization')}"
            self._send(int(fault), {"detail": said})
        else:
            return False
        return True

    def _answer(self, content: dict[str, Any], fault: str | None, job: Job | None) -> None:
        """Send an answer, spoilt by a fault."""
        results = content.get("results")
        bad = job.fault if job is not None and job.fault is not None else fault
        if fault == "timeout":
            self.server_data.stopping.wait(3.0)
            self.close_connection = True
            return
        if fault == "close":
            self.close_connection = True
            return
        if fault == "malformed":
            self._send_text(200, '{"job_id": "jo')
            return
        if fault == "no_id":
            content = {"status": "ok"}
        if results is not None and results:
            if bad == "short":
                content["results"] = results[: len(results) // 2]
            elif fault == "wrong_length":
                content["results"] = [*results[:-1], results[-1] + "0"]
            elif fault == "all_longer":
                content["results"] = [string + "0" for string in results]
            elif bad == "broken" or fault == "extra_photons":
                content["results"] = [*results[:-1], "9" * len(results[-1])]
            elif fault == "not_digits":
                content["results"] = [*results[:-1], None]
            elif fault == "by_source":
                data = {"n_heralds": 7, "n_triggers": 9}
                content["results"] = {"source_0": results, "extra_data": data}
        text = json.dumps(content)
        if fault == "half":
            self._send_text(200, text, stated=len(text) + 50)
            self.close_connection = True
            return
        self._send_text(200, text)

    def _send(
        self, status: int, content: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        self._send_text(status, json.dumps(content), headers)

    def _send_text(
        self,
        status: int,
        text: str,
        headers: dict[str, str] | None = None,
        stated: int | None = None,
    ) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data) if stated is None else stated))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
