"""Tables, figures and self-contained pages, from rows or a validation alone."""

from quantum_latents.report.figure_files import FIGURES, StudyFigure, study_figure
from quantum_latents.report.page import write_report
from quantum_latents.report.tables import Table, table
from quantum_latents.report.validation import write_validation

__all__ = [
    "FIGURES",
    "StudyFigure",
    "Table",
    "study_figure",
    "table",
    "write_report",
    "write_validation",
]
