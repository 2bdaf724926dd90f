#!/usr/bin/env python3
"""Install the wheel as a user does, without any extra, with each and with all, and use each.

    python scripts/check_extras.py                        every extra, then all at once
    python scripts/check_extras.py --only data,hub        some of them, after the base
    python scripts/check_extras.py --python python3.13    another interpreter
    python scripts/check_extras.py --wheel dist/FILE.whl  a wheel that is there; else one is built

The base is installed once, in a virtual environment of its own, with what constraints.txt pins.
An extra's environment begins as a copy of it, as hard links where the disk has them, and goes
when its use has ended: some 3 GB of disk are enough. Nothing of the source tree is on the path.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

__all__ = ["ABSENT", "USES", "main"]

ROOT = Path(__file__).resolve().parents[1]

ABSENT = (
    *("pandas", "pyarrow", "sklearn", "rdkit", "fcd", "huggingface_hub", "requests", "ot"),
    *(
        "torch_fidelity",
        "torchdiffeq",
        "perceval",
        "piquasso",
        "ray",
        "tensorboard",
        "cupy",
        "mkdocs",
        "pytest",
    ),
)
"""What no installation without an extra may need; of each extra something is here."""

_BASE = f"""
import importlib, importlib.util, pkgutil, sys
import quantum_latents as q
absent = {ABSENT!r}
assert not [name for name in absent if importlib.util.find_spec(name)], "more than the base is here"
assert "site-packages" in q.__file__, q.__file__
assert not {{"numpy", "torch"}} & set(sys.modules), "the package alone loads something heavy"
rooms = [room.name for room in pkgutil.iter_modules(q.__path__)]
for room in rooms:
    module = importlib.import_module(f"quantum_latents.{{room}}")
    for name in module.__all__:
        getattr(module, name)
print(f"{{len(rooms)}} rooms imported, everything that they export is there")
"""

_SERVER = """
import importlib.util, os, sys
from pathlib import Path
def served(name):
    path = Path(os.environ["CHECKOUT"]) / "tests" / "processors" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
from quantum_latents.cli import main
"""

USES = {
    "data": """
import numpy as np, pandas
from pathlib import Path
from quantum_latents.data import DigitsSpec, array_spec, load
from quantum_latents.random import stream
from quantum_latents.results import frame
table = pandas.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=list("abc"))
table.to_csv("t.csv", index=False), table.to_parquet("t.parquet", index=False)
csv, parquet = (load(array_spec(n), stream(0, "d"), Path()) for n in ("t.csv", "t.parquet"))
assert np.allclose(csv.train, parquet.train)
digits = load(DigitsSpec(threshold=None), stream(0, "d"), Path())
print(csv.train.shape, digits.train.shape, len(frame("study")), "rows in a data frame")
""",
    "molecules": """
import numpy as np
from pathlib import Path
from quantum_latents.data import load_molecules, molecules_spec
from quantum_latents.evaluation.chemnet import activations
Path("m.smi").write_text("\\n".join("C" * k + "O" for k in range(1, 30)))
spec = molecules_spec("m.smi", Path("cache"), held_out_fraction=0.4)
data = load_molecules(spec, Path("cache"))
print(len(data.train), "molecules to train on, ChemNet's", activations(["CCO", "CC"]).shape)
""",
    "images": """
from quantum_latents.evaluation import inception
network = inception._extractor()
print("torch-fidelity", inception.fidelity_version(), "has its network:", network.__name__)
""",
    "hub": """
import numpy as np
from pathlib import Path
from quantum_latents.execution.pretrained import PretrainedGenerator
run = next(path for path in Path("study/runs").iterdir())
made = PretrainedGenerator.from_run(run, licence="cc0-1.0")
made.save_pretrained("shared")
again = PretrainedGenerator.from_pretrained("shared")
assert np.array_equal(made.sample(5, seed=1), again.sample(5, seed=1))
print("a shared generator came back:", again.sample(5, seed=1).shape)
""",
    "orca": _SERVER
    + """
with served("orca_server").OrcaServer() as server:
    call = "sample --processor orca --interferometer time-bin:4:1,1 --fill all --num-samples 60"
    assert main([*call.split(), "--shots-per-job", "30", "--yes", "--url", server.url,
                 "--out", "orca-bank"]) == 0
""",
    "quandela": _SERVER
    + """
with served("quandela_server").QuandelaServer() as server:
    os.environ["PCVL_CLOUD_TOKEN"] = server.token
    call = "sample --processor quandela:sim:test --interferometer haar:4 --photons 2"
    assert main([*call.split(), "--num-samples", "60", "--shots-per-job", "30", "--yes",
                 "--url", server.url, "--out", "quandela-bank"]) == 0
""",
    "flow": """
import numpy as np
from pathlib import Path
from quantum_latents.cli import main
assert main("run moons --preset smoke --latents quantum,gaussian --seeds 1 --num-steps 20 "
            "--out flow-study".split()) == 0
""",
    "tensorboard": """
from pathlib import Path
from quantum_latents.cli import main
assert main("run compare --data rows.npy --preset smoke --latents gaussian --seeds 1 "
            "--num-steps 20 --tensorboard --out logged".split()) == 0
print(len(list(Path("logged/tensorboard").rglob("events.*"))), "files for TensorBoard")
""",
    "cuda": """
from quantum_latents.cli import main
import cupy
try:
    found = cupy.cuda.runtime.getDeviceCount()
except cupy.cuda.runtime.CUDARuntimeError:
    found = 0
assert main("sample --interferometer haar:4 --photons 2 --num-samples 9 --path clifford-clifford "
            "--device cuda --out on-a-gpu".split()) == (0 if found else 1)
print(f"{found} GPUs")
""",
    "ray": """
from quantum_latents.cli import main
if __name__ == "__main__":
    assert main("run compare --data rows.npy --preset smoke --latents gaussian --seeds 1 "
                "--num-steps 20 --ray local --out on-ray".split()) == 0
""",
    "bench": """
from quantum_latents.bench.contenders import PEERS, System, open_contender
for peer in PEERS:
    assert peer.missing() is None, peer.missing()
    opened = open_contender(peer, System("haar", 4, 2))
    assert (opened.counts(opened.draw(5)).sum(axis=1) == 2).all()
    print(peer.name, "drew 5 shots")
""",
    "docs": """
import os, subprocess, sys
root = os.environ["CHECKOUT"]
environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
subprocess.run([sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--config-file",
                f"{root}/mkdocs.yml", "--site-dir", f"{os.getcwd()}/site"], env=environment,
               check=True)
subprocess.run([sys.executable, f"{root}/scripts/check_site.py", "site"], check=True)
""",
    "dev": """
import os, subprocess, sys
root = os.environ["CHECKOUT"]
subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/circuits",
                "tests/random", "tests/contracts/test_no_pickle.py"], cwd=root, check=True)
""",
}
"""Of each extra a small use, as Python; all run in one folder, in which the base's study is."""

_STUDY = "run compare --data rows.npy --preset smoke --latents quantum,gaussian --seeds 1"


class _Failed(Exception):
    """A step that did not end well; its output has been printed."""


def main(arguments: list[str] | None = None) -> int:
    """Check what is asked for; return 0 if all of it works."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=sys.executable, help="the interpreter to install for")
    parser.add_argument("--wheel", type=Path, help="a wheel of this checkout")
    parser.add_argument("--only", default="", help="extras, with commas between; default: every")
    parser.add_argument("--no-all", action="store_true", help="leave out all extras at once")
    given = parser.parse_args(arguments)
    names = [name for name in given.only.split(",") if name] or list(USES)
    if unknown := sorted(set(names) - set(USES)):
        parser.error(f"there is no extra {unknown[0]!r}; there are {', '.join(USES)}")
    together = not given.only and not given.no_all
    failed = []
    with tempfile.TemporaryDirectory(prefix="extras-") as folder:
        place = Path(folder)
        (place / "used").mkdir()
        wheel = given.wheel.resolve() if given.wheel else _built(place)
        try:
            _say("base", lambda: _base(place, given.python, wheel))
        except _Failed:
            return 1
        asked = [(name, [name]) for name in names] + [("all", list(USES))] * together
        for label, extras in asked:
            try:
                _say(label, lambda label=label, extras=extras: _extra(place, wheel, label, extras))
            except _Failed:
                failed.append(label)
            shutil.rmtree(place / label, ignore_errors=True)
    print("failed: " + ", ".join(failed) if failed else "all of it works", flush=True)
    return 1 if failed else 0


def _say(label: str, work) -> None:
    started = time.monotonic()
    print(f"== {label}", flush=True)
    work()
    print(f"== {label}: works ({time.monotonic() - started:.0f} s)", flush=True)


def _built(place: Path) -> Path:
    _run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", place, ROOT])
    (wheel,) = place.glob("quantum_latents-*.whl")
    return wheel


def _base(place: Path, python: str, wheel: Path) -> None:
    _run([python, "-m", "venv", place / "base"])
    _install(place / "base", str(wheel))
    _use(place, "base", _BASE)
    qlat = place / "base" / "bin" / "qlat"
    for call in ("--version", "--help", "recipes", "doctor"):
        _run([qlat, call], place, quiet=call != "--version")
    rows = "import numpy as np; np.save('rows.npy', np.random.default_rng(0).normal(size=(90, 3)))"
    _use(place, "base", rows)
    _run([qlat, *_STUDY.split(), "--num-steps", "20", "--out", "study"], place, quiet=True)
    _run([qlat, "report", "study"], place)


def _extra(place: Path, wheel: Path, label: str, extras: list[str]) -> None:
    copy = place / label
    try:
        shutil.copytree(place / "base", copy, symlinks=True, copy_function=os.link)
    except (OSError, shutil.Error):  # no hard links here
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(place / "base", copy, symlinks=True)
    _install(copy, f"{wheel}[{','.join(extras)}]")
    for extra in extras:
        _use(place, label, USES[extra])


def _install(environment: Path, what: str) -> None:
    pins = ROOT / "constraints.txt"
    pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--progress-bar=off"]
    _run([*pip, "--disable-pip-version-check", "-c", pins, what])
    _run([*pip[:3], "check"])


def _use(place: Path, label: str, code: str) -> None:
    used = place / "used"
    script = used / f"use-{label}.py"
    script.write_text(code)
    _run([place / label / "bin" / "python", "-I", script], place)
    script.unlink()


def _run(call: list, place: Path | None = None, *, quiet: bool = False) -> None:
    """Run a program in the folder of uses, and say what it said if it failed, or unless quiet."""
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("PYTHON", "VIRTUAL_"))}
    if place is not None:
        environment |= {"CHECKOUT": str(ROOT), "QLAT_CACHE": str(place / "cache")}
    done = subprocess.run(
        [str(part) for part in call],
        cwd=None if place is None else place / "used",
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode or not quiet:
        for line in done.stdout.splitlines()[-40 if done.returncode else -6 :]:
            print(f"   {line}", flush=True)
    if done.returncode:
        print(f"   ended with {done.returncode}: {' '.join(map(str, call))[:300]}", flush=True)
        raise _Failed


if __name__ == "__main__":
    # Every extra that pyproject.toml has is used here; tests/contracts compares the two.
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    if left_out := set(declared["optional-dependencies"]) - set(USES):
        sys.exit(f"nothing uses the extra {min(left_out)!r}: add it to USES")
    sys.exit(main())
