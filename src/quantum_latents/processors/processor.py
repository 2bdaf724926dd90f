"""What a photonic processor does for a bank, whoever built it.

Notation: m modes, N shots. A *job* is one request that a service runs and bills. A *chunk* is a
part of a bank; its *key* names it, and shot i of a key is shot i however often, and in however
many jobs, it is asked for, if the processor is deterministic (a simulated one). A real one draws
new shots for every job, which is why a finished chunk is never asked for again.

Whoever talks to a service turns each of its faults into one of three errors:

- `RetryLater`: nothing was accepted, or nothing was lost; the same call may be made again;
- `SubmissionLost`: a job was sent and its answer was lost, so it may run and be billed;
- `ProcessorError`: everything else, said in one line that names the fix.

No error, report or description holds a secret, whatever a service sends back.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from quantum_latents.circuits import Interferometer

__all__ = [
    "JobReport",
    "JobRequest",
    "JobState",
    "Limits",
    "Processor",
    "ProcessorError",
    "RetryLater",
    "SubmissionLost",
]


class ProcessorError(RuntimeError):
    """A service refused, or broke its word; the message is one line and says what to do."""


class RetryLater(ProcessorError):
    """Nothing was accepted or lost: the same call may be made again.

    Attributes:
        seconds: how long the service asks to wait; None if it does not say.
    """

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class SubmissionLost(ProcessorError):
    """A job was sent and its answer was lost: it may run, and it may be billed."""


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """One job: the shots of a chunk, or those that an earlier job of it did not bring.

    Attributes:
        interferometer: m modes.
        occupation: photons in each input mode, (m,).
        num_shots: N, how many shots to measure; at least 1.
        key: names the chunk.
        first_shot: how many shots of the chunk earlier jobs have brought. A deterministic
            processor draws shots [first_shot, first_shot + num_shots) of the key; a real one
            does not read it.
    """

    interferometer: Interferometer
    occupation: tuple[int, ...]
    num_shots: int
    key: str
    first_shot: int = 0


class JobState(enum.Enum):
    """Where a job is. UNKNOWN: the service knows no such job, or no longer."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class JobReport:
    """What a service says of a job.

    Attributes:
        state: where the job is.
        counts: of a job that is DONE, uint8 (N, m), in shot order, as measured: nothing is
            post-selected. Fewer shots than were asked for are kept, and the rest is asked for
            again. None otherwise.
        message: one line for a user; "" if there is nothing to say.
        details: JSON-able provenance, such as times, certificate or calibration as the service
            states them, and its own numbers. Never a secret.
    """

    state: JobState
    counts: np.ndarray | None = None
    message: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a processor can do; None where the service does not say.

    Attributes:
        max_modes: most modes m.
        max_photons: most photons of a shot.
        max_shots_per_job: most shots of a job.
        shots_per_second: a rule of thumb for what a job will take, by the service or by its users.
        queue: jobs that wait there now.
        answer: what the service answered, JSON-able, without secrets.
    """

    max_modes: int | None = None
    max_photons: int | None = None
    max_shots_per_job: int | None = None
    shots_per_second: float | None = None
    queue: int | None = None
    answer: dict[str, Any] = field(default_factory=dict)


@runtime_checkable
class Processor(Protocol):
    """A device, or a simulator of one, that runs jobs.

    Every call returns or raises within its time limit, and may be made again. `check` sends
    nothing. Only `submit` costs money.

    Attributes:
        name: which one, such as ``"orca:PT-1"`` or ``"quandela:sim:altair"``; a bank that was
            begun on one is not continued on another.
    """

    name: str

    def limits(self) -> Limits:
        """Return what the processor can do now.

        Raises:
            ProcessorError: it cannot be reached, or refuses; RetryLater if that may pass.
        """
        ...

    def check(self, interferometer: Interferometer, occupation: tuple[int, ...]) -> None:
        """Refuse what the device cannot run, before anything is sent.

        Raises:
            ValueError: what it cannot run, named, with what it can.
        """
        ...

    def submit(self, request: JobRequest) -> str:
        """Send a job and return its id.

        Raises:
            RetryLater: it was not accepted, for a reason that may pass: no connection, too
                many requests, a fault of the service.
            SubmissionLost: it was sent and the answer was lost.
            ProcessorError: it is refused.
        """
        ...

    def poll(self, job_id: str) -> JobReport:
        """Return where a job is, with its counts once it is DONE.

        A job whose answer is not what was asked for (a string of the wrong length, photons that
        were not put in) is FAILED; what was received stands in its `details`.

        Raises:
            RetryLater: the service did not answer, or not in its own format.
            ProcessorError: it refuses to.
        """
        ...

    def cancel(self, job_id: str) -> None:
        """Ask the service to stop a job; one that is over stays as it is.

        Raises:
            ProcessorError: the service refuses, or cannot be reached.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Return the provenance that belongs to all jobs, JSON-able and without secrets.

        Such as ``"address"`` (where the service is, without credentials), versions of software,
        the certificate and the calibration that the service states.
        """
        ...
