"""Tables, figures and self-contained pages, from rows or a validation alone."""

from quantum_latents.report.page import write_report
from quantum_latents.report.tables import Table, table
from quantum_latents.report.validation import write_validation

__all__ = ["Table", "table", "write_report", "write_validation"]
