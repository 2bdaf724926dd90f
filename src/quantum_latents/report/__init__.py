"""Tables, figures and one self-contained page, from rows alone."""

from quantum_latents.report.page import write_report
from quantum_latents.report.tables import Table, table

__all__ = ["Table", "table", "write_report"]
