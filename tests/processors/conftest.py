import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from quantum_latents.banks import collect_bank
from quantum_latents.circuits import time_bin
from quantum_latents.processors import OrcaProcessor, Order, Patience
from quantum_latents.random import stream

SERVER = Path(__file__).with_name("orca_server.py")


@pytest.fixture(scope="session")
def orca_server():
    """The module `orca_server.py`."""
    if "orca_server" not in sys.modules:
        spec = importlib.util.spec_from_file_location("orca_server", SERVER)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules["orca_server"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["orca_server"]


@pytest.fixture
def server(orca_server):
    with orca_server.OrcaServer() as server:
        yield server


@pytest.fixture(autouse=True)
def no_account(monkeypatch):
    for name in ("ORCA_ACCESS_URL", "ORCA_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


class Clock:
    """A clock that goes forward only while somebody sleeps: no test waits."""

    def __init__(self):
        self.time, self.slept = 1000.0, []

    def sleep(self, seconds):
        self.time += seconds
        self.slept.append(seconds)

    def monotonic(self):
        return self.time


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def patience(clock):
    return Patience(
        sleep=clock.sleep, monotonic=clock.monotonic, stuck_seconds=20.0, unknown_seconds=5.0
    )


@pytest.fixture(scope="session")
def device():
    """Four time bins through two loops, without phases."""
    return time_bin(4, (1, 1), stream=stream(0, "interferometer"), phases=[0.0] * 6)


@pytest.fixture(scope="session")
def order(device):
    """Sixty shots of four photons of which three arrive: about seven jobs of 20."""
    return Order(
        interferometer=device,
        occupation=(1, 1, 1, 1),
        num_samples=60,
        at_least=3,
        shots_per_job=20,
    )


@pytest.fixture(scope="session")
def faultless(orca_server, order, tmp_path_factory):
    """The counts of the order's bank when nothing goes wrong."""
    with orca_server.OrcaServer() as server:
        bank = collect_bank(OrcaProcessor(server.url), order, tmp_path_factory.mktemp("a") / "bank")
        return np.array(bank.counts)


@pytest.fixture(scope="session")
def drawn():
    """Draw a bank from a server.

    Only where it keeps an answer back is the client impatient: on a busy machine an answer may
    take its time.
    """

    def draw(server, order, folder, patience, **settings):
        keeps_back = any("timeout" in faults for faults in server.faults.values())
        processor = OrcaProcessor(server.url, seconds=2.0 if keeps_back else 60.0)
        return collect_bank(processor, order, folder, patience=patience, **settings)

    return draw
