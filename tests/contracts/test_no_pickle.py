"""No file that is read, and no answer, can run code or write where it likes.

Nothing of ours pickles, and no library does it for us; no text is run as Python or by a shell; no
archive is unpacked by its own word; what is downloaded comes through one door, which checks it.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for folder in ("src", "scripts", "benchmarks") for path in (ROOT / folder).rglob("*.py")
)

MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}
CALLS = {
    "torch.load",
    "torch.save",
    "torch.jit.load",
    "joblib.load",
    "joblib.dump",
    "pd.read_pickle",
    "pandas.read_pickle",
}
RUNS_TEXT = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "yaml.load", "yaml.unsafe_load"),
}
FLAGS = {("shell", True), ("verify", False), ("trust_remote_code", True)}
UNPACKS = {"shutil.unpack_archive"}
DOWNLOADS = {"urllib.request.urlopen", "urllib.request.urlretrieve", "urlopen", "urlretrieve"}
ALLOWED = {
    # Inception's published weights are a pickle: read by torch's reader of tensors alone.
    "src/quantum_latents/evaluation/inception.py": ["torch.load"],
}
WITHOUT_PICKLE = {"np.load", "numpy.load", "np.save", "numpy.save"}
"""Of numpy, which pickles arrays of objects unless it is told not to."""


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return getattr(node, "id", "")


def offences(source: str) -> list[str]:
    """What of a module's source pickles, in words."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            found += [f"import {n}" for n in names if n.partition(".")[0] in MODULES]
        if not isinstance(node, ast.Call):
            continue
        name = name_of(node.func)
        if name in CALLS | RUNS_TEXT | UNPACKS | DOWNLOADS or name.endswith(".read_pickle"):
            found.append(name)
        if name.endswith(".extractall") or name in ("archive.extract", "tar.extract"):
            found.append(f"{name}: read members one by one, by names of ours")
        for word in node.keywords:
            value = word.value.value if isinstance(word.value, ast.Constant) else None
            if (word.arg, value) in FLAGS:
                found.append(f"{name} with {word.arg}={value}")
        if name.endswith(("_create_unverified_context", "tempfile.mktemp")):
            found.append(name)
        is_off = any(
            word.arg == "allow_pickle"
            and isinstance(word.value, ast.Constant)
            and word.value.value is False
            for word in node.keywords
        )
        if (name in WITHOUT_PICKLE or name.endswith("format.read_array")) and not is_off:
            found.append(f"{name} without allow_pickle=False")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_pickles(path):
    allowed = ALLOWED.get(path.relative_to(ROOT).as_posix(), [])
    assert offences(path.read_text()) == allowed


@pytest.mark.parametrize("name", ALLOWED)
def test_what_is_allowed_reads_tensors_alone(name):
    calls = list(ast.walk(ast.parse((ROOT / name).read_text())))
    loads = [c for c in calls if isinstance(c, ast.Call) and name_of(c.func) == "torch.load"]
    assert len(loads) == 1
    assert [ast.unparse(w) for w in loads[0].keywords if w.arg == "weights_only"] == [
        "weights_only=True"
    ]


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import cloudpickle as c",
        "import torch\ntorch.load('f', weights_only=True)",
        "np.load('f')",
        "np.load('f', allow_pickle=True)",
        "np.lib.format.read_array(f)",
        "pd.read_pickle('f')",
        "eval(text)",
        "exec(text)",
        "os.system(text)",
        "subprocess.run(text, shell=True)",
        "subprocess.getoutput(text)",
        "tarfile.open(f).extractall()",
        "with zipfile.ZipFile(f) as archive:\n    archive.extract('x')",
        "shutil.unpack_archive(f)",
        "yaml.load(text)",
        "urllib.request.urlopen(url)",
        "requests.get(url, verify=False)",
        "ssl._create_unverified_context()",
        "tempfile.mktemp()",
    ],
)
def test_the_check_can_fail(source):
    assert offences(source)


def test_what_does_not_pickle_passes():
    assert offences("np.load('f', allow_pickle=False)\nimport json\njson.load(f)") == []
    assert offences("generator.eval()\nre.compile('x')\nsubprocess.run(['git'])") == []


TEMPLATES = sorted((ROOT / "src").rglob("*.jinja"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_lets_text_through_as_it_is(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\|\s*safe\b|autoescape|\bMarkup\b", text)


SCRIPTS = sorted((ROOT / "src").rglob("*.js"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_of_a_page_makes_markup_or_code_of_text(path):
    words = "innerHTML outerHTML insertAdjacentHTML document.write eval( Function( fetch( import("
    text = path.read_text(encoding="utf-8")
    assert [word for word in words.split() if word in text] == []


def test_there_are_templates_and_scripts_to_look_at():
    assert len(TEMPLATES) > 3 and len(SCRIPTS) > 3
