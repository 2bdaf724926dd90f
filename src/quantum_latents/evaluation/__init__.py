"""Stored samples to metrics by name, and metrics to rows."""

from quantum_latents.evaluation.images import check_network_of
from quantum_latents.evaluation.molecules import check_libraries
from quantum_latents.evaluation.rows import evaluate, failed_row, make_row, remake_row
from quantum_latents.evaluation.stored import (
    read_milestones,
    read_samples,
    write_pictures,
    write_run,
)

__all__ = [
    "check_libraries",
    "check_network_of",
    "evaluate",
    "failed_row",
    "make_row",
    "read_milestones",
    "read_samples",
    "remake_row",
    "write_pictures",
    "write_run",
]
