"""Photonic processors: an interferometer and its input to counts from a device, losing nothing."""

from quantum_latents.processors.processor import (
    JobReport,
    JobRequest,
    JobState,
    Limits,
    Processor,
    ProcessorError,
    RetryLater,
    SubmissionLost,
)

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
