"""What the tests of several rooms share."""

import contextlib
import gc
import hashlib
import importlib.util
import os
import queue
import re
import shutil
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

# One thread each, or those of several tests wait for each other. Set before numpy is loaded, in
# this process and those it starts.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# Thousands of small files are written, synced and deleted again: in memory, where it has room.
_IN_MEMORY, _ROOM = Path("/dev/shm"), 4 << 30


def _has_room() -> bool:
    """Whether both the folder and the machine's memory have as much free."""
    if not _IN_MEMORY.is_dir() or shutil.disk_usage(_IN_MEMORY).free < _ROOM:
        return False
    available = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return available is not None and int(available[1]) << 10 >= 2 * _ROOM


if _has_room():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_IN_MEMORY))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """One worker more than cores: now and then, each waits for a server, a clock or a process."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    has_affinity = hasattr(os, "sched_getaffinity")
    return 1 + (len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1)


LONGEST = """
samplers/test_minors.py
training/test_molgan.py
training/test_wgan.py
samplers/test_noise.py
contracts/test_every_latent_and_data_set.py
samplers/test_progressive.py
execution/test_local.py
execution/test_ray.py
evaluation/test_molecules.py
samplers/test_validation_suite.py
cli/test_main.py
cli/test_offline.py
report/test_page.py
molecules/test_valence.py
contracts/test_imports.py
bench/test_samplers.py
processors/test_chance.py
report/test_axis.py
execution/test_certify.py
execution/test_molecules.py
bench/test_training.py
execution/test_sample.py
contracts/test_claims.py
samplers/test_samplers.py
banks/test_banks.py
theory/test_exact_algorithms.py
processors/test_quandela_collection.py
processors/test_quandela_faults.py
data/test_molecules.py
processors/test_quandela.py
report/test_browser.py
report/test_molecules.py
contracts/test_docs.py
banks/test_validation.py
training/test_gaussian_flows.py
evaluation/test_chemnet.py
recipes/test_bank_sizes.py
recipes/test_banks.py
processors/test_collect.py
cli/test_processors.py
training/test_learned_prior.py
training/test_spec.py
execution/test_waiting.py
contracts/test_packaging.py
""".split()
"""The files that take longest on a fresh clone: a long one that begins last has a core alone.

The first compile the largest kernels, one file each, before the others need them; the first of
all compiles what the next kernel of its process is made of.
"""

_LOCKS = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Let several processes with tests share what is made once, and begin with the long files."""
    if hasattr(config, "workerinput"):
        gc.disable()  # while tests are collected, almost nothing is garbage
        _compile_once(Path(config.workerinput["locks"]))
        _collect_in_turn(config)
    elif hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False  # it is by the number of tests in a file


def pytest_collection_finish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput"):
        gc.enable()
        gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    if _LOCKS in config.stash:
        shutil.rmtree(config.stash[_LOCKS], ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """Tell a process with tests, before it starts, where the locks of all of them are."""
    if _LOCKS not in node.config.stash:
        node.config.stash[_LOCKS] = tempfile.mkdtemp()
    node.workerinput["locks"] = node.config.stash[_LOCKS]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the files by how long they take, where they are handed out one by one.

    The same order everywhere, whatever was collected first.
    """
    if hasattr(config, "workerinput"):
        here = Path(__file__).parent
        places = {here / name: place for place, name in enumerate(LONGEST)}
        if gone := [str(path) for path in places if not path.exists()]:
            raise pytest.UsageError(f"tests/conftest.py: no {', '.join(gone)}; correct LONGEST")
        items.sort(key=lambda item: (places.get(item.path, len(places)), str(item.path)))


def _collect_in_turn(config: pytest.Config) -> None:
    """Begin with another room than the other processes.

    Each file's assertions are rewritten by the first who collects it and read from disk by the
    others, if they do not all come to it at once.
    """
    here = Path(__file__).parent
    rooms = sorted(path.parent for path in here.glob("*/test_*.py"))
    rooms = list(dict.fromkeys(map(str, rooms)))
    number = int(config.workerinput["workerid"].removeprefix("gw"))
    first = number * len(rooms) // config.workerinput["workercount"]
    whole = [Path(config.rootpath, arg) == here for arg in config.args]
    if any(whole):
        rest = [arg for arg, is_whole in zip(config.args, whole, strict=True) if not is_whole]
        config.args[:] = [*rooms[first:], *rooms[:first], *rest]


def _compile_once(folder: Path) -> None:
    """Make this process wait where another one compiles the same kernel, and load it then.

    On a fresh clone, all of them would compile every kernel, most of what they do. numba's index
    of a kernel's compiled code also loses entries that two processes write at the same time.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows
        return
    from numba.core.caching import IndexDataCacheFile
    from numba.core.compiler_lock import global_compiler_lock
    from numba.core.dispatcher import Dispatcher

    held = set()

    @contextlib.contextmanager
    def alone(what: str):
        name = hashlib.sha256(what.encode()).hexdigest()
        with global_compiler_lock:  # first, as numba takes it around kernels within kernels
            if name in held:
                yield
                return
            held.add(name)
            try:
                with (folder / name).open("w") as file:
                    fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
                    yield
            finally:
                held.remove(name)

    compile_kernel, save = Dispatcher.compile, IndexDataCacheFile.save

    def compile_alone(self, sig):
        if self._cache.cache_path is None:
            return compile_kernel(self, sig)
        with alone(f"{self._cache._cache_file._index_path} {sig}"):
            return compile_kernel(self, sig)

    def save_alone(self, key, data):
        with alone(self._index_path):
            save(self, key, data)

    Dispatcher.compile, IndexDataCacheFile.save = compile_alone, save_alone


class Here:
    """What a study asks of `multiprocessing`, with workers that are calls in this process."""

    Queue, Event = queue.Queue, threading.Event

    class Process:
        pid, exitcode = None, 0

        def __init__(self, target, args, daemon):
            self._work = lambda: target(*args)

        def start(self):
            self._work()

        def is_alive(self):
            return False


@pytest.fixture(scope="session")
def trains_here():
    """A context in which studies train in the test's own process.

    A worker takes seconds to import what this process has long since imported. What is true of
    workers as processes is tested in `execution/test_local.py` and `cli/test_main.py`.
    """
    import torch

    @contextlib.contextmanager
    def here():
        num_threads = torch.get_num_threads()
        with pytest.MonkeyPatch.context() as patch:
            spawned = SimpleNamespace(get_context=lambda kind: Here)
            patch.setattr("quantum_latents.execution.process_executor.multiprocessing", spawned)
            patch.setattr("quantum_latents.execution.processes.die_with_parent", lambda: None)
            yield
        torch.set_num_threads(num_threads)

    return here


def loaded_from(path):
    """The module of a file that no package holds."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def cupy_on_a_warp(tmp_path_factory):
    """CuPy's part that our samplers use, with a warp on the CPU in the place of a GPU."""
    module = loaded_from(Path(__file__).with_name("samplers") / "warp.py")
    if module.COMPILER is None:
        pytest.skip("no g++ to compile the GPU's source with")
    return module.cupy_on_a_warp(tmp_path_factory.mktemp("warp"))


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub of our own, which huggingface_hub's client takes for the only one."""
    pytest.importorskip("huggingface_hub", reason="the extra hub is not installed")
    from huggingface_hub import constants

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    served = loaded_from(Path(__file__).with_name("hub_server.py")).Hub()
    # What the variable HF_ENDPOINT would set, had the client not been imported yet.
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, served.endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", served.endpoint)
    yield served
    served.server.shutdown()
    served.server.server_close()


@pytest.fixture(scope="session")
def cifar10_files():
    """Writers of files in the format of CIFAR-10's binary version (tests/cifar10_files.py)."""
    return loaded_from(Path(__file__).with_name("cifar10_files.py"))
