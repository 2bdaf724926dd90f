import importlib.util
from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="session")
def plain():
    """The loop that anyone would write: benchmarks/plain_wgan.py."""
    path = Path(__file__).parents[2] / "benchmarks" / "plain_wgan.py"
    spec = importlib.util.spec_from_file_location("plain_wgan", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small tensors on a busy machine: threads would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
