"""Execution: a study's runs mapped over processes, with nothing lost on the way."""

from quantum_latents.execution.certify import RunCertificate, certify_runs, runs_of
from quantum_latents.execution.compare import compare_latents
from quantum_latents.execution.evaluate import Evaluated, evaluate_study
from quantum_latents.execution.events import read_events
from quantum_latents.execution.executor import StudyError
from quantum_latents.execution.generate import Generated, find_run, generate_file
from quantum_latents.execution.local import run_study
from quantum_latents.execution.machine import check_precision, default_cache
from quantum_latents.execution.own_training import compare_training
from quantum_latents.execution.tune import run_tuned
from quantum_latents.execution.watch import LatentProgress, Progress

__all__ = [
    "Evaluated",
    "Generated",
    "LatentProgress",
    "Progress",
    "RunCertificate",
    "StudyError",
    "certify_runs",
    "check_precision",
    "compare_latents",
    "compare_training",
    "default_cache",
    "evaluate_study",
    "find_run",
    "generate_file",
    "read_events",
    "run_study",
    "run_tuned",
    "runs_of",
]
