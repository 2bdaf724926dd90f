"""Scaleway's quantum service on this machine, as far as perceval 1.3.1 reads and writes it.

Platforms, sessions under a deduplication name, jobs inside of a session, and their results. What
a true session costs, how it starts and how it refuses are not known here: a job sent to a session
that is over gets a 404. Shots are drawn as in `quandela_server`.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

__all__ = ["ScalewayServer"]

PREFIX = ("qaas", "v1alpha1")


class ScalewayServer:
    """The service; `url` is where it listens. Use it in a ``with`` block.

    Args:
        core: the module `quandela_server`, whose photons and faults it shares.

    Attributes to set: `states` of new jobs, `faults`, `apart` (results are fetched from another
    address). To read: `requests`, `jobs`, `sessions` (their request, and whether they are over).
    """

    def __init__(self, core: Any, *, token: str = "a-key", project_id: str = "a-project") -> None:
        self.core, self.token, self.project_id = core, token, project_id
        self.platform = "EMU-TEST-12PQ"
        self.states = ["completed"]
        self.apart = False
        self.faults: list[Any] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.jobs: dict[str, Any] = {}
        self.sessions: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> ScalewayServer:
        self.url, self._stop = self.core.serve(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    _stop: Callable[[], None]

    def paths(self, method: str = "") -> list[str]:
        """The paths of the requests so far."""
        return [path for made, path, *_ in self.requests if method in ("", made)]

    def handle(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, Any]:
        parts = tuple(urlsplit(path).path.strip("/").split("/"))
        if parts[0] == "stored" and parts[1] in self.jobs:
            # A signed address: perceval fetches it without the token, and so it must.
            assert "X-Auth-Token" not in headers
            return 200, self.core.encoded(self.jobs[parts[1]].counts)
        if headers.get("X-Auth-Token") != self.token:
            return 401, {"message": "authentication is denied", "type": "denied_authentication"}
        if parts[:2] != PREFIX:
            return 404, {"message": "no such page"}
        match (method, *parts[2:]):
            case ("GET", "platforms"):
                return self.platforms(parse_qs(urlsplit(path).query))
            case ("POST", "sessions"):
                return self.open_session(json.loads(body))
            case ("POST", "sessions", session, "terminate") if session in self.sessions:
                self.sessions[session]["over"] = True
                return 200, {"id": session, "status": "stopping"}
            case ("POST", "jobs"):
                return self.create(json.loads(body))
            case ("POST", "jobs", job_id, "cancel") if job_id in self.jobs:
                self.jobs[job_id].states = ["cancelling", "cancelled"]
                return 200, {"id": job_id}
            case ("GET", "jobs", job_id) if job_id in self.jobs:
                states = self.jobs[job_id].states
                state = states.pop(0) if len(states) > 1 else states[0]
                return 200, {
                    "id": job_id,
                    "status": state,
                    "created_at": "2026-01-02T03:04:05.678901Z",
                    "started_at": None if state == "waiting" else "2026-01-02T03:04:06.000000Z",
                    "progress_message": "the laser went out" if state == "error" else "",
                }
            case ("GET", "jobs", job_id, "results") if job_id in self.jobs:
                return 200, {"job_results": [self.result(self.jobs[job_id])]}
        return 404, {"message": "resource is not found", "type": "not_found"}

    def platforms(self, query: dict[str, list[str]]) -> tuple[int, Any]:
        assert query["providerName"] == ["quandela"]
        if query["name"] != [self.platform]:
            return 200, {"total_count": 0, "platforms": []}
        specs = {
            "constraints": {"max_mode_count": 12, "max_photon_count": 6},
            "available_commands": ["samples", "probs"],
            "pcvl_version": "1.3.1",
        }
        platform = {
            "id": "a-platform",
            "name": self.platform,
            "provider_name": "quandela",
            "type": "simulator",
            "metadata": json.dumps(specs),
        }
        return 200, {"total_count": 1, "platforms": [platform]}

    def open_session(self, sent: dict[str, Any]) -> tuple[int, Any]:
        if (sent["project_id"], sent["platform_id"]) != (self.project_id, "a-platform"):
            return 403, {"message": "insufficient permissions"}
        for session, asked in self.sessions.items():
            if asked["deduplication_id"] == sent["deduplication_id"] and not asked["over"]:
                return 200, {"id": session}
        session = str(uuid.uuid4())
        self.sessions[session] = {**sent, "over": False}
        return 200, {"id": session}

    def create(self, sent: dict[str, Any]) -> tuple[int, Any]:
        session = self.sessions.get(sent["session_id"])
        if session is None or session["over"]:
            return 404, {"message": "session is not found"}
        payload = json.loads(sent["circuit"]["percevalCircuit"])
        command, experiment, samples, _ = self.core.read_payload(payload, 1)
        assert command == "samples"
        counts: np.ndarray = self.core.draw(experiment, samples, sent["name"], self.core.Noise())
        job = self.core.Job(str(uuid.uuid4()), sent["name"], sent, counts, list(self.states))
        with self._lock:
            self.jobs[job.id] = job
        return 200, {"id": job.id}

    def result(self, job: Any) -> dict[str, Any]:
        given = {"job_id": job.id, "created_at": "2026-01-02T03:04:07Z"}
        if self.apart:
            return {**given, "result": "", "url": f"{self.url}/stored/{job.id}"}
        return {**given, "result": json.dumps(self.core.encoded(job.counts)), "url": None}
