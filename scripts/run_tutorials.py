"""Run the tutorials: each docs/tutorials/NAME.py, in percent format, becomes NAME.ipynb beside it.

    python scripts/run_tutorials.py             run all of them and write what they show
    python scripts/run_tutorials.py --check     run them, write nothing; say which notebook is stale
    python scripts/run_tutorials.py bunching    run one

A notebook is stale if its cells, or the text that they print, are not what the script gives now;
pictures are not compared, since fonts differ between machines, nor is what a cell prints whose
header says `varies=true`: shots of a device, say. An error in a cell ends the call
with 1. Kernels run in an empty folder, so a tutorial leaves no file.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

__all__ = ["main", "read_tutorial", "shown"]

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "tutorials"
TIMEOUT = 600  # seconds for one cell; a tutorial is to take under a minute


def read_tutorial(script: Path) -> nbformat.NotebookNode:
    """Return the cells of a script, not yet run, with names that do not change from run to run."""
    notebook = jupytext.read(script)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def run(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run the cells of a notebook in place, keeping no times."""
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,  # else a print may come in two parts, or in one
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    notebook.metadata["language_info"] = {"name": "python"}


def shown(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    """Return source and printed text of every cell, and whether it shows a picture."""
    cells = []
    for cell in notebook.cells:
        text = ""
        for output in [] if cell.metadata.get("varies") else cell.get("outputs", []):
            data = output.get("data", {})
            text += "[picture]" if "image/png" in data else output.get("text", "")
            text += "" if "image/png" in data else data.get("text/plain", "")
        cells.append((cell.source, text))
    return cells


def main(arguments: list[str] | None = None) -> int:
    """Run the tutorials that are named, or all; return 0 if every one ran and none is stale."""
    parser = argparse.ArgumentParser(description="Run the tutorials of docs/tutorials.")
    parser.add_argument("names", nargs="*", help="without their suffix; all by default")
    parser.add_argument("--check", action="store_true", help="write nothing, name stale notebooks")
    options = parser.parse_args(arguments)
    scripts = {script.stem: script for script in sorted(FOLDER.glob("*.py"))}
    unknown = sorted(set(options.names) - set(scripts))
    if unknown:
        parser.error(f"no tutorial is called {unknown[0]!r}: choose among {', '.join(scripts)}")
    failed = False
    for name in options.names or scripts:
        notebook, begin = read_tutorial(scripts[name]), time.monotonic()
        try:
            with tempfile.TemporaryDirectory() as folder:
                run(notebook, Path(folder))
        except CellExecutionError as error:
            plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
            print(f"error: {name}: {plain}", file=sys.stderr)
            failed = True
            continue
        target = scripts[name].with_suffix(".ipynb")
        said = f"{name}: ran in {time.monotonic() - begin:.0f} s"
        if not options.check:
            nbformat.write(notebook, target)
        elif not target.exists() or shown(nbformat.read(target, 4)) != shown(notebook):
            print(f"error: {name}: {target.name} is stale: make tutorials", file=sys.stderr)
            failed = True
        print(said, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
