"""Counts at rest: banks on disk, checked, memory-mapped, resumable; from files and to files."""

from quantum_latents.banks.bank import ChunkDrawer, SampleBank, build_bank, open_bank
from quantum_latents.banks.bits import bits_of, import_bits
from quantum_latents.banks.collected import collect_bank
from quantum_latents.banks.files import export_bank, import_file, read_counts
from quantum_latents.banks.folder import BankError
from quantum_latents.banks.imported import import_bank
from quantum_latents.banks.recipe import BankRecipe
from quantum_latents.banks.validation import BankValidation, validate_bank

__all__ = [
    "BankError",
    "BankRecipe",
    "BankValidation",
    "ChunkDrawer",
    "SampleBank",
    "bits_of",
    "build_bank",
    "collect_bank",
    "export_bank",
    "import_bank",
    "import_bits",
    "import_file",
    "open_bank",
    "read_counts",
    "validate_bank",
]
