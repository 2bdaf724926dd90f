"""ORCA's PT series over its REST interface.

Notation: m time bins, N shots; a shot is a string of m digits, one a bin.

The formats are those of the public client in NVIDIA's CUDA-Q (Apache-2.0), met as follows:
``POST /v1/submit`` gives a job id, ``GET /v1/get_job/ID`` its state and in the end its shots. A
service without the former answers 404; the older ``POST /sample``, which answers with the shots
themselves after up to an hour, is used instead, and this is said aloud.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
from importlib.metadata import version
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import numpy as np

from quantum_latents.circuits import Interferometer
from quantum_latents.processors.loop_program import SPLITTERS, LoopProgram, loop_program
from quantum_latents.processors.processor import (
    JobReport,
    JobRequest,
    JobState,
    Limits,
    ProcessorError,
    RetryLater,
    SubmissionLost,
)
from quantum_latents.processors.rest import Answer, RestService, Unanswered, one_line

__all__ = ["ADDRESS_VARIABLE", "TOKEN_VARIABLE", "OrcaProcessor"]

ADDRESS_VARIABLE = "ORCA_ACCESS_URL"
TOKEN_VARIABLE = "ORCA_AUTH_TOKEN"

_SYNCHRONOUS_SECONDS = 3600.0
_SYNCHRONOUS = "synchronous-"

_SHOTS_PER_SECOND = 208.0
"""Half a million shots in about 40 minutes on a PT-2 (arXiv 2508.19857)."""

_NOT_FOUND = "Job can't be found"
"""What the service says of a job that it has lost, or has not written down yet."""

logger = logging.getLogger(__name__)


class OrcaProcessor:
    """A machine of ORCA's PT series, or a service that speaks its protocol.

    Args:
        url: base address; None for the environment variable ORCA_ACCESS_URL.
        machine: which machine to ask for.
        token: bearer token; None for ORCA_AUTH_TOKEN, and if that is not set, for none.
        phase_shifters: whether the machine has a phase shifter beside every beam splitter. One
            that has none runs interferometers whose phases are all 0, or do not matter.
        seconds: how long to wait for an answer, but to the synchronous call.

    Raises:
        ValueError: no address, or one that a token must not be sent to.

    >>> OrcaProcessor("http://localhost:8080", token=None).name
    'orca:PT-1'
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        machine: str = "PT-1",
        token: str | None = None,
        phase_shifters: bool = False,
        seconds: float = 60.0,
    ) -> None:
        url = url or os.environ.get(ADDRESS_VARIABLE)
        if not url:
            raise ValueError(f"where is the ORCA service? give --url or set {ADDRESS_VARIABLE}")
        if not (machine.isascii() and machine.isprintable() and machine):
            raise ValueError(f"a machine is named such as PT-1, not {machine!r}")
        self.name = f"orca:{machine}"
        self._machine = machine
        self._phase_shifters = phase_shifters
        self._seconds = seconds
        self._service = RestService(
            url,
            token or os.environ.get(TOKEN_VARIABLE),
            name="the ORCA service",
            token_variable=TOKEN_VARIABLE,
        )
        self._certificate: dict[str, Any] | None = None
        self._status: Any = None
        self._synchronous = False
        self._answers: dict[str, Any] = {}

    @property
    def has_token(self) -> bool:
        """Whether a token is sent."""
        return self._service.has_token

    def limits(self) -> Limits:
        """Return what the device certificate states, and warn of a machine that is not ready.

        Raises:
            ProcessorError: not reachable, or refused; RetryLater if that may pass.
        """
        answer = self._service.get("/device-certificate", read_seconds=self._seconds)
        if answer.status == 200 and isinstance(answer.content, dict):
            self._certificate = answer.content
        elif answer.status == 404:
            self._certificate = None
        else:
            raise self._service.refusal(answer, "to the question for its certificate")
        answer = self._service.get("/status-single", read_seconds=self._seconds)
        if answer.status == 200:
            self._status = answer.content
            if isinstance(self._status, dict) and self._status.get("overall") is False:
                logger.warning("%s says that it is not ready: jobs may wait long", self.name)
        elif answer.status != 404:
            raise self._service.refusal(answer, "to the question for its status")
        stated = self._certificate or {}
        return Limits(
            max_modes=_whole(stated.get("max_modes")),
            max_photons=_whole(stated.get("max_photons")),
            max_shots_per_job=_whole(stated.get("max_samples")),
            shots_per_second=_SHOTS_PER_SECOND,
            answer={"certificate": self._certificate, "status": self._status},
        )

    def check(self, interferometer: Interferometer, occupation: tuple[int, ...]) -> None:
        """Refuse what the machine cannot run, by its certificate where `limits` has read it.

        Raises:
            ValueError: not time bins; phases without phase shifters; more than one photon in a
                bin; more bins, photons or other loops than the certificate states.
        """
        program = self._program(interferometer)
        for mode, number in enumerate(occupation):
            if number not in (0, 1):
                raise ValueError(
                    f"a PT-series processor puts 0 or 1 photons into a bin, not {number} into "
                    f"bin {mode}"
                )
        num_modes, num_photons = program.num_modes, sum(occupation)
        if num_photons < 1:
            raise ValueError("no photon enters: fill at least one bin")
        stated = self._certificate or {}
        for name, value, what in (
            ("max_modes", num_modes, "time bins"),
            ("max_photons", num_photons, "photons"),
        ):
            most = _whole(stated.get(name))
            if most is not None and value > most:
                raise ValueError(f"{self.name} takes at most {most} {what}, not {value}")
        loops = stated.get("loop_lengths")
        if isinstance(loops, list) and loops and list(program.loop_lengths) != loops:
            raise ValueError(
                f"{self.name} has loops of lengths {one_line(str(loops))}, not "
                f"{list(program.loop_lengths)}"
            )

    def submit(self, request: JobRequest) -> str:
        """Send a job and return its id; see `Processor.submit`."""
        body = self._body(request)
        if self._synchronous:
            return self._sample_now(body)
        try:
            answer = self._service.post("/v1/submit", body, read_seconds=self._seconds)
        except Unanswered as error:
            raise SubmissionLost(str(error)) from None
        if answer.status == 404:
            logger.warning(
                "%s at %s has no /v1/submit (HTTP 404): using its older synchronous call, which "
                "answers when the job is over, up to an hour later",
                self._service.name,
                self._service.address,
            )
            self._synchronous = True
            return self._sample_now(body)
        self._raise_unless_accepted(answer)
        job_id = answer.content.get("job_id") if isinstance(answer.content, dict) else None
        if isinstance(job_id, int) and not isinstance(job_id, bool):
            job_id = str(job_id)
        if not isinstance(job_id, str) or not 0 < len(job_id) <= 200 or not job_id.isprintable():
            raise SubmissionLost(f"{self._service.name} accepted a job and gave no job id")
        return job_id

    def poll(self, job_id: str) -> JobReport:
        """Return where a job is; see `Processor.poll`.

        Raises:
            SubmissionLost: the shots of a synchronous call, which its process alone had.
        """
        if job_id.startswith(_SYNCHRONOUS):
            if job_id not in self._answers:
                raise SubmissionLost(
                    "a synchronous call was answered, and its process ended before the shots "
                    "were on the disk"
                )
            return _report(self._answers[job_id])
        path = "/v1/get_job/" + quote(job_id, safe="")
        answer = self._service.get(path, read_seconds=self._seconds)
        if answer.status == 404:
            return JobReport(state=JobState.UNKNOWN, message="the service knows no such job")
        if answer.status != 200 or not isinstance(answer.content, dict):
            raise self._service.refusal(answer, "to the question for a job")
        return _report(answer.content)

    def cancel(self, job_id: str) -> None:
        """Ask the service to stop a job."""
        if job_id.startswith(_SYNCHRONOUS):
            return
        path = "/v1/cancel_job/" + quote(job_id, safe="")
        answer = self._service.get(path, read_seconds=self._seconds)
        if answer.status not in (200, 202, 204, 404):
            raise self._service.refusal(answer, "to the wish to cancel a job")

    def describe(self) -> dict[str, Any]:
        """Return address, machine, certificate, status and the convention of the settings."""
        return {
            "address": self._service.address,
            "machine": self._machine,
            "certificate": self._certificate,
            "status": self._status,
            "splitters": SPLITTERS,
            "call": "/sample" if self._synchronous else "/v1/submit",
            "client": {"requests": version("requests")},
        }

    def _program(self, interferometer: Interferometer) -> LoopProgram:
        recipe = interferometer.recipe
        shifted = any(math.remainder(p, math.tau) for p in recipe.get("phases") or [1.0])
        if recipe.get("kind") == "time-bin" and shifted and not self._phase_shifters:
            # Of one loop alone no phase can be seen.
            if len(recipe["delays"]) == 1:
                return loop_program(recipe)
            raise ValueError(
                "this interferometer's phases are not 0, and a PT-series processor has beam "
                "splitters only: use --phases zero (time_bin(..., phases=0 everywhere)), or "
                "--phases drawn (phase_shifters=True) for a machine that has phase shifters"
            )
        return loop_program(recipe)

    def _body(self, request: JobRequest) -> dict[str, Any]:
        program = self._program(request.interferometer)
        return {
            "target": self._machine,
            "machine": self._machine,
            "input_state": list(request.occupation),
            "loop_lengths": list(program.loop_lengths),
            "bs_angles": list(program.bs_angles),
            "ps_angles": list(program.ps_angles),
            "n_samples": request.num_shots,
            # Every shot is wanted: what post-selection discards is counted here.
            "postselected": False,
            "postselection": False,
            "extra_options": {"chunk": request.key, "first_shot": request.first_shot},
        }

    def _sample_now(self, body: dict[str, Any]) -> str:
        try:
            answer = self._service.post("/sample", body, read_seconds=_SYNCHRONOUS_SECONDS)
        except Unanswered as error:
            raise SubmissionLost(str(error)) from None
        if answer.status == 404:
            raise ProcessorError(
                f"{self._service.address} is no ORCA service: it has neither /v1/submit nor "
                f"/sample; check --url or {ADDRESS_VARIABLE}"
            )
        self._raise_unless_accepted(answer)
        if not isinstance(answer.content, dict):
            raise SubmissionLost(f"{self._service.name} ran a job and its answer is not JSON")
        text = f"{body['extra_options']['chunk']} {uuid4()}"
        job_id = _SYNCHRONOUS + hashlib.sha256(text.encode()).hexdigest()[:16]
        self._answers[job_id] = answer.content
        return job_id

    def _raise_unless_accepted(self, answer: Answer) -> None:
        if answer.status in (502, 504):
            # A gateway speaks: the service behind it may have taken the job.
            raise SubmissionLost(f"{self._service.name}: HTTP {answer.status} to a job")
        if answer.status not in (200, 201, 202):
            raise self._service.refusal(answer, "to a job")


def _report(content: dict[str, Any]) -> JobReport:
    """What the service says of a job, in the format of both calls."""
    error, status = content.get("error_message"), content.get("job_status")
    if status is not None:
        return JobReport(state=JobState.PENDING, message=one_line(str(status)))
    if error == _NOT_FOUND:
        return JobReport(state=JobState.UNKNOWN, message="the service cannot find the job")
    if error is not None:
        return JobReport(state=JobState.FAILED, message=one_line(str(error)))
    if "results" not in content:
        raise RetryLater("the ORCA service says neither where a job is nor what it gave")
    details = {
        name: value
        for name, value in content.items()
        if name not in ("results", "error_message", "job_status")
    }
    try:
        strings, extra = _strings(content["results"])
        counts = _counts(strings)
    except ValueError as fault:
        return JobReport(
            state=JobState.FAILED,
            message=str(fault),
            details={**details, "answer": content["results"]},
        )
    return JobReport(state=JobState.DONE, counts=counts, details={**details, **extra})


def _strings(results: Any) -> tuple[list[Any], dict[str, Any]]:
    """The strings of an answer, also of one that is keyed by its one source."""
    if isinstance(results, list):
        return results, {}
    if isinstance(results, dict):
        extra = {"extra_data": results["extra_data"]} if "extra_data" in results else {}
        sources = {name: value for name, value in results.items() if name != "extra_data"}
        if len(sources) == 1:
            ((source, value),) = sources.items()
            extra["source"] = source
            if isinstance(value, list):
                return value, extra
            if isinstance(value, dict):
                lists = [entry for entry in value.values() if isinstance(entry, list)]
                rest = {name: v for name, v in value.items() if not isinstance(v, list)}
                if len(lists) == 1:
                    return lists[0], {**extra, **rest}
    raise ValueError("the results are neither a list of strings nor one source's")


def _counts(strings: list[Any]) -> np.ndarray:
    """Shots as counts, uint8 (N, m).

    Raises:
        ValueError: strings that are not digits, or differ in length; the first is named.
    """
    if not strings:
        return np.zeros((0, 0), dtype=np.uint8)
    for place, string in enumerate(strings):
        if not isinstance(string, str) or not (string.isascii() and string.isdecimal()):
            raise ValueError(f"shot {place} is {one_line(repr(string), 60)}, not one digit a bin")
        if len(string) != len(strings[0]):
            raise ValueError(
                f"shot {place} has {len(string)} digits, and the first has {len(strings[0])}"
            )
    joined = np.frombuffer("".join(strings).encode("ascii"), dtype=np.uint8)
    return (joined - ord("0")).reshape(len(strings), len(strings[0]))


def _whole(value: Any) -> int | None:
    """A positive whole number that a service states, or None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
