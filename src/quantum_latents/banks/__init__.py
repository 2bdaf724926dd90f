"""Counts at rest: banks on disk, checked, memory-mapped, resumable."""

from quantum_latents.banks.bank import SampleBank, build_bank, import_bank, open_bank
from quantum_latents.banks.collected import collect_bank
from quantum_latents.banks.folder import BankError
from quantum_latents.banks.recipe import BankRecipe

__all__ = [
    "BankError",
    "BankRecipe",
    "SampleBank",
    "build_bank",
    "collect_bank",
    "import_bank",
    "open_bank",
]
