"""Photonic processors: an interferometer and its input to counts from a device, losing nothing."""

from quantum_latents.processors.collect import collect
from quantum_latents.processors.collection import Collection, CollectionStopped, collection_of
from quantum_latents.processors.ledger import JobLedger
from quantum_latents.processors.orca import OrcaProcessor
from quantum_latents.processors.order import Estimate, Order
from quantum_latents.processors.patience import Patience
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
from quantum_latents.processors.quandela import QuandelaProcessor, open_quandela
from quantum_latents.processors.simulate import SimulatedProcessor

__all__ = [
    "Collection",
    "CollectionStopped",
    "Estimate",
    "JobLedger",
    "JobReport",
    "JobRequest",
    "JobState",
    "Limits",
    "OrcaProcessor",
    "Order",
    "Patience",
    "Processor",
    "ProcessorError",
    "QuandelaProcessor",
    "RetryLater",
    "SimulatedProcessor",
    "SubmissionLost",
    "collect",
    "collection_of",
    "open_quandela",
]
