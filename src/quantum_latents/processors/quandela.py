"""Quandela's photonic processors, in its own cloud or in Scaleway's, through perceval.

Notation: m modes, n photons, N shots. A *sample* of perceval is what we call a shot. Quandela
counts and bills as a shot only what left at least one photon in a detector, so an empty shot of a
device never appears; nothing else is discarded before the shots are ours.

    processor = open_quandela("sim:altair")          # the token is in PCVL_CLOUD_TOKEN
    job = processor.submit(request)                  # billed
    processor.poll(job)                              # one request, or two when it is done

A job carries its request's key in its name, so that it is recognised on the service's own pages.
The extra ``quandela`` brings perceval; it is imported where it is used.
"""

from __future__ import annotations

import re
from importlib import metadata
from typing import Any

import numpy as np

from quantum_latents.circuits import Interferometer
from quantum_latents.processors.perceval_account import (
    TOKEN_VARIABLES,
    check_perceval,
    checked_address,
    checked_project,
    checked_token,
)
from quantum_latents.processors.perceval_circuit import PHOTON_FILTER, NotSamples, experiment
from quantum_latents.processors.perceval_faults import Answered, Refused, plain, scrubbed
from quantum_latents.processors.perceval_results import Asked, held_against, read_counts
from quantum_latents.processors.perceval_service import Platform, Provider, Service
from quantum_latents.processors.processor import (
    JobReport,
    JobRequest,
    JobState,
    Limits,
    ProcessorError,
    RetryLater,
    SubmissionLost,
)

__all__ = ["QuandelaProcessor", "open_quandela"]

_WAITING = ("waiting", "running", "suspended", "cancel_requested")

_JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")
"""What becomes part of an address may not lead elsewhere."""

_LATER = ("cannot create more than", "reserved by waiting or running jobs")
"""Refusals, in the service's words, that pass when an earlier job has ended."""

_WAIT_FOR_ROOM = 30.0
"""Seconds to wait when the account's queue is full."""


def open_quandela(
    name: str,
    *,
    url: str | None = None,
    token: str | None = None,
    provider: Provider = "quandela",
    project_id: str | None = None,
    decompose: bool = False,
    timeout: float = 60.0,
) -> QuandelaProcessor:
    """Return a processor of Quandela's or Scaleway's cloud. Nothing is asked of it yet.

    Args:
        name: of the platform, such as ``"sim:altair"``, ``"qpu:belenos"`` or, at Scaleway,
            ``"QPU-ALTAIR-10PQ"``.
        url: of the service; None for the provider's own, or what perceval was set up with.
        token: None takes ``PCVL_CLOUD_TOKEN``, at Scaleway ``SCALEWAY_CLOUD_TOKEN`` or
            ``SCW_SECRET_KEY``. It is never written anywhere.
        provider: ``"quandela"`` or ``"scaleway"``.
        project_id: of Scaleway; None takes ``SCW_DEFAULT_PROJECT_ID``.
        decompose: send couplers and phases instead of the matrix, for a platform that wants it.
        timeout: longest wait for one answer, seconds.

    Raises:
        ImportError: perceval is not installed, or too old; the message says what to install.
        ValueError: no token, no project, or a bad name, address or provider.

    >>> processor = open_quandela("sim:altair", token="not a real one".replace(" ", "-"))
    >>> processor.name
    'quandela:sim:altair'
    """
    if provider not in TOKEN_VARIABLES:
        raise ValueError(f"the provider is 'quandela' or 'scaleway', not {provider!r}")
    if not name or name != name.strip():
        raise ValueError(f"a platform has a name such as 'sim:altair', not {name!r}")
    if not timeout > 0:
        raise ValueError(f"the timeout is above 0 s, not {timeout}")
    check_perceval()
    service = Service(
        provider,
        name,
        url=checked_address(url),
        token=checked_token(token, provider),
        project_id=checked_project(project_id, provider),
        seconds=float(timeout),
    )
    return QuandelaProcessor(service, decompose=decompose)


class QuandelaProcessor:
    """A `Processor`; build one with `open_quandela`.

    Attributes:
        name: ``"quandela:PLATFORM"`` or ``"scaleway:PLATFORM"``.
    """

    def __init__(self, service: Service, *, decompose: bool = False) -> None:
        self.name = f"{service.provider}:{service.name}"
        self._service = service
        self._decompose = decompose
        self._sent: dict[str, Asked] = {}

    def __repr__(self) -> str:
        return f"QuandelaProcessor({self.name!r})"

    def limits(self) -> Limits:
        """Ask what the platform can do now. `queue` counts the account's own waiting jobs."""
        platform = self._named(self._service.fetch_platform)
        availability = self._named(self._service.availability)
        waiting = (availability or {}).get("num_jobs_in_queue")
        return Limits(
            max_modes=_whole(platform, "max_mode_count"),
            max_photons=_whole(platform, "max_photon_count"),
            max_shots_per_job=_whole(platform, "max_sample_count"),
            queue=waiting if isinstance(waiting, int) else None,
            answer={
                **platform.answer,
                **({"availability": self._plain(availability)} if availability else {}),
            },
        )

    def check(self, interferometer: Interferometer, occupation: tuple[int, ...]) -> None:
        """Refuse what the platform cannot run; the platform is asked for, once, what it can.

        Raises:
            ValueError: modes, photons or a bunched input beyond its limits, or a platform that
                does not give single shots in order.
        """
        platform = self._named(lambda: self._service.platform)
        m, n = interferometer.num_modes, sum(occupation)
        if len(occupation) != m:
            raise ValueError(f"the input has {len(occupation)} modes, the interferometer {m}")
        if n == 0:
            raise ValueError("no photon enters, and Quandela counts no shot without one")
        for what, value, unit in (("mode", m, "modes"), ("photon", n, "photons")):
            least = _whole(platform, f"min_{what}_count")
            most = _whole(platform, f"max_{what}_count")
            if most is not None and value > most:
                raise ValueError(f"{self.name} takes at most {most} {unit}, not {value}")
            if least is not None and value < least:
                raise ValueError(f"{self.name} takes at least {least} {unit}, not {value}")
        if platform.constraints.get("support_multi_photon") is False and max(occupation) > 1:
            raise ValueError(
                f"{self.name} takes at most one photon in each mode, not {max(occupation)}"
            )
        kinds = platform.constraints.get("accepted_state_kinds")
        if isinstance(kinds, list) and "FS" not in kinds:
            raise ValueError(f"{self.name} takes no plain photon numbers as input, but {kinds}")
        if "samples" not in platform.commands:
            raise ValueError(
                f"{self.name} does not give single shots: its commands are "
                f"{', '.join(platform.commands) or 'none'}, and a bank needs 'samples'"
            )

    def submit(self, request: JobRequest) -> str:
        """Send a job and return the service's id of it.

        Raises:
            ValueError: what `check` refuses, or more shots than a job may have.
            RetryLater, SubmissionLost, ProcessorError: see `Processor.submit`.
        """
        self.check(request.interferometer, request.occupation)
        platform = self._service.platform
        most = _whole(platform, "max_sample_count")
        if request.num_shots < 1 or (most is not None and request.num_shots > most):
            raise ValueError(
                f"a job of {self.name} has from 1 to {most or 'any number of'} shots, "
                f"not {request.num_shots}"
            )
        self._wait_for_room()
        what = f"submitting {request.key!r} to {self.name}"
        payload = self._payload(request, platform.reads_computations)
        job_id = self._named(lambda: self._service.send(payload, what))
        if not isinstance(job_id, str) or not _JOB_ID.fullmatch(job_id):
            raise SubmissionLost(
                f"{what}: it was accepted without a job id, so the job may run and be billed"
            )
        self._sent[job_id] = Asked(
            num_modes=request.interferometer.num_modes,
            num_photons=sum(request.occupation),
            num_shots=request.num_shots,
        )
        return job_id

    def poll(self, job_id: str) -> JobReport:
        """Ask once where a job is, and fetch its shots if it is done.

        The processor that sent a job knows its modes, photons and shots, and holds the answer
        against them; in a new process that is left to whoever kept the request.
        """
        _check_job_id(job_id)
        try:
            answer = self._named(lambda: self._service.status(job_id))
        except Refused as refusal:
            if refusal.status not in (400, 404):
                raise
            if not refusal.own_words:
                # A gateway without its service knows no page at all.
                raise Answered(str(refusal)) from None
            return JobReport(state=JobState.UNKNOWN, message=str(refusal))
        state = answer.get("status") if isinstance(answer, dict) else None
        if not isinstance(state, str):
            raise Answered(f"asking for job {job_id}: the answer has no 'status'")
        details = self._job_details(job_id, state, answer)
        if state == "completed":
            return self._finished(job_id, details)
        if state == "canceled":
            return self._canceled(job_id, details)
        words = self._line(answer.get("status_message") or answer.get("progress_message") or "")
        if state == "error":
            return JobReport(
                state=JobState.FAILED,
                message=f"job {job_id} failed: {words or 'the service does not say why'}",
                details=details,
            )
        known = "" if state in _WAITING else " (a state that perceval does not know)"
        return JobReport(
            state=JobState.PENDING,
            message=f"job {job_id} is {self._line(state)}{known}{words and ': ' + words}",
            details=details,
        )

    def cancel(self, job_id: str) -> None:
        """Ask the service to stop a job; one that is over stays as it is."""
        _check_job_id(job_id)
        try:
            self._named(lambda: self._service.cancel(job_id))
        except Refused as refusal:
            # 400 is the service's answer for a job that cannot be cancelled any more.
            if refusal.status != 400:
                raise
        except Answered:
            # It was accepted: perceval reads no more of the answer than that.
            return

    def close(self) -> None:
        """End the session that Scaleway bills; jobs that wait there are cancelled."""
        self._named(self._service.close)

    def describe(self) -> dict[str, Any]:
        """Return the provenance of all jobs; the platform is asked for, once, what it is."""
        platform = self._named(lambda: self._service.platform)
        return {
            "processor": self.name,
            "provider": self._service.provider,
            "platform": self._service.name,
            "address": self._service.address,
            "kind": platform.kind,
            "circuit": "couplers and phases" if self._decompose else "unitary matrix",
            "min_detected_photons_filter": PHOTON_FILTER,
            "software": {"perceval-quandela": metadata.version("perceval-quandela")},
            "service_software": platform.versions,
            "calibration": platform.performance,
            "certificate": platform.answer,
        }

    def _payload(self, request: JobRequest, reads_computations: bool) -> dict[str, Any]:
        import perceval

        asked = experiment(request.interferometer, request.occupation, decompose=self._decompose)
        computation = perceval.Computation(perceval.CommandFactory.samples, asked)
        computation.add_params(max_samples=request.num_shots, max_shots=request.num_shots)
        computation.job_name = f"{request.key}+{request.first_shot}"
        # Shots as measured: a platform that knows mitigations would else choose some itself.
        chosen: dict[str, Any] = {"mitigations": []} if reads_computations else {}
        return perceval.PayloadGenerator.from_computation(computation, **chosen)

    def _wait_for_room(self) -> None:
        availability = self._named(self._service.availability) or {}
        waiting = availability.get("num_jobs_in_queue")
        most = availability.get("max_jobs_in_queue")
        if isinstance(waiting, int) and isinstance(most, int) and waiting >= most:
            raise RetryLater(
                f"{self.name}: {waiting} jobs of the account wait, and {most} may", _WAIT_FOR_ROOM
            )

    def _finished(self, job_id: str, details: dict[str, Any]) -> JobReport:
        try:
            counts = self._fetched(job_id, details)
        except NotSamples as wrong:
            return JobReport(
                state=JobState.FAILED,
                message=f"job {job_id}: {self._line(wrong)}",
                details=details,
            )
        except Refused as refusal:
            if refusal.status in (400, 404) and refusal.own_words:
                return JobReport(state=JobState.UNKNOWN, message=str(refusal), details=details)
            raise
        message = ""
        asked = self._sent.get(job_id)
        if asked is not None and len(counts) < asked.num_shots:
            message = f"job {job_id} brought {len(counts)} of {asked.num_shots} shots"
        return JobReport(state=JobState.DONE, counts=counts, message=message, details=details)

    def _canceled(self, job_id: str, details: dict[str, Any]) -> JobReport:
        # What was measured before is paid for, and the service may still have it.
        try:
            counts = self._fetched(job_id, details)
        except (NotSamples, Refused, Answered):
            return JobReport(
                state=JobState.FAILED, message=f"job {job_id} was canceled", details=details
            )
        return JobReport(
            state=JobState.DONE,
            counts=counts,
            message=f"job {job_id} was canceled; its {len(counts)} shots are kept",
            details=details,
        )

    def _fetched(self, job_id: str, details: dict[str, Any]) -> np.ndarray:
        """The shots of a job, held against what was asked for, if that is known here."""
        what = f"fetching the results of job {job_id}"
        envelope = self._named(lambda: self._service.results(job_id))
        counts = read_counts(envelope, details, what=what, token=self._service.token)
        if job_id not in self._sent:
            return counts
        noisy = self._service.platform.kind != "simulator" or self._service.platform.performance
        return held_against(counts, self._sent[job_id], details, noisy=bool(noisy))

    def _job_details(self, job_id: str, state: str, answer: dict[str, Any]) -> dict[str, Any]:
        details: dict[str, Any] = {"job_id": job_id, "state": self._line(state)}
        for key in ("creation_datetime", "start_time", "duration", "progress", "shots"):
            if isinstance(answer.get(key), (int, float)):
                details[key] = self._plain(answer[key])
        if isinstance(answer.get("failure_code"), str):
            details["failure_code"] = self._line(answer["failure_code"])
        return details

    def _named(self, call: Any) -> Any:
        """Call, and say of a refusal what a user can do about it."""
        try:
            return call()
        except Refused as refusal:
            said = str(refusal)
            if any(words in said.lower() for words in _LATER):
                raise RetryLater(said, _WAIT_FOR_ROOM) from None
            if refusal.status in (401, 403):
                names = " or ".join(TOKEN_VARIABLES[self._service.provider])
                advice = f"check the token in {names}, and what it and the account's credits allow"
                raise ProcessorError(f"{said}; {advice}") from None
            raise

    def _line(self, text: object) -> str:
        return scrubbed(text, self._service.token)

    def _plain(self, value: Any) -> Any:
        return plain(value, self._service.token)


def _check_job_id(job_id: str) -> None:
    if not _JOB_ID.fullmatch(job_id):
        raise ProcessorError(f"{job_id!r} is no job id of Quandela's or Scaleway's service")


def _whole(platform: Platform, name: str) -> int | None:
    value = platform.constraints.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ProcessorError(f"the platform states {name} = {value!r}, which is no number")
    return value
