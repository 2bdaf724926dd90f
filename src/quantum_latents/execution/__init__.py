"""Execution: a study's runs mapped over processes, with nothing lost on the way."""

from quantum_latents.execution.compare import compare_latents
from quantum_latents.execution.local import Progress, StudyError, default_cache, run_study

__all__ = ["Progress", "StudyError", "compare_latents", "default_cache", "run_study"]
