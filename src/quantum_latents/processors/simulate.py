"""A processor that simulates one: exact shots of a noisy device, by our own samplers.

Notation: shot i of a key is shot i of a stream that the key names, so a job that is asked for
again brings the same shots.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any
from uuid import uuid4

from quantum_latents.circuits import Interferometer
from quantum_latents.processors.processor import JobReport, JobRequest, JobState, Limits
from quantum_latents.random import stream
from quantum_latents.samplers import SAMPLER_VERSION, Noise, check_noise, sample_noisy

__all__ = ["SimulatedProcessor"]


class SimulatedProcessor:
    """Exact shots in the place of a device's.

    Args:
        noise: of the device; it discards no shots, since a processor gives them all.
        seed: names the shots, with the key of each job.

    Raises:
        ValueError: a noise that discards shots.

    >>> import numpy as np
    >>> from quantum_latents.circuits import haar
    >>> processor = SimulatedProcessor(Noise(input_transmission=0.5))
    >>> device = haar(3, stream(0, "interferometer"))
    >>> job = processor.submit(
    ...     JobRequest(interferometer=device, occupation=(1, 1, 0), num_shots=4, key="a")
    ... )
    >>> processor.poll(job).counts.shape
    (4, 3)
    """

    name = "simulate"

    def __init__(self, noise: Noise | None = None, *, seed: int = 0) -> None:
        noise = Noise() if noise is None else noise
        if noise.selects:
            raise ValueError(
                "a processor gives every shot: leave at_least and exactly out of its noise, and "
                "ask the bank for them"
            )
        self.noise = noise
        self._stream = stream(seed, "processor")
        self._jobs: dict[str, JobRequest] = {}

    def limits(self) -> Limits:
        """Return that there are none but the samplers' own."""
        return Limits()

    def check(self, interferometer: Interferometer, occupation: tuple[int, ...]) -> None:
        """Refuse what the samplers refuse."""
        check_noise(interferometer, occupation, self.noise)

    def submit(self, request: JobRequest) -> str:
        """Note a job; its shots are drawn when they are asked for."""
        # No id of another process: its jobs went with it, and this one has others.
        job_id = f"{request.key}-{request.first_shot}-{uuid4().hex[:12]}"
        self._jobs[job_id] = request
        return job_id

    def poll(self, job_id: str) -> JobReport:
        """Return the shots of a job, drawn now."""
        request = self._jobs.get(job_id)
        if request is None:
            return JobReport(state=JobState.UNKNOWN, message="a job of a process that has ended")
        counts = sample_noisy(
            request.interferometer,
            request.occupation,
            self.noise,
            request.num_shots,
            self._stream.child(request.key),
            start=request.first_shot,
        )
        return JobReport(state=JobState.DONE, counts=counts)

    def cancel(self, job_id: str) -> None:
        """Forget a job."""
        self._jobs.pop(job_id, None)

    def describe(self) -> dict[str, Any]:
        """Return the noise, the stream and the sampler's version."""
        return {
            "noise": self.noise.to_json(),
            "stream": list(self._stream.path),
            "sampler_version": SAMPLER_VERSION,
            "client": {"numpy": version("numpy")},
        }
