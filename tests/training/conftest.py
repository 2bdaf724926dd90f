import pytest
import torch


@pytest.fixture(scope="session")
def plain():
    """The loop that anyone would write, as `qlat bench training` runs it."""
    from quantum_latents.bench import plain_wgan

    return plain_wgan


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small tensors on a busy machine: threads would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
