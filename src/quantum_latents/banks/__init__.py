"""Counts at rest: banks on disk, checked, memory-mapped, resumable."""

from quantum_latents.banks.bank import SampleBank, build_bank, import_bank, open_bank
from quantum_latents.banks.folder import BankError
from quantum_latents.banks.recipe import BankRecipe
from quantum_latents.banks.validation import BankValidation, validate_bank

__all__ = [
    "BankError",
    "BankRecipe",
    "BankValidation",
    "SampleBank",
    "build_bank",
    "import_bank",
    "open_bank",
    "validate_bank",
]
