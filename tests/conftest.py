"""What the tests of several rooms share."""

import contextlib
import importlib.util
import os
import queue
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

# One thread each, or those of several tests wait for each other. Set before numpy is loaded, in
# this process and those it starts.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """One worker more than cores: now and then, each waits for a server, a clock or a process."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    has_affinity = hasattr(os, "sched_getaffinity")
    return 1 + (len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1)


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
