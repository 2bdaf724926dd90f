"""A network goes on from its state as if it had never stopped."""

import pytest
import torch
from torch import nn

from quantum_latents.training.state import network_state, restore_network


def steps(flat, optimiser, num_steps):
    for _ in range(num_steps):
        flat.grad = flat.detach().sin()
        optimiser.step()


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.RMSprop, torch.optim.SGD])
def test_what_goes_on_from_a_state_ends_where_the_other_does(kind):
    start = torch.linspace(-1, 1, 5)
    flat, other = nn.Parameter(start.clone()), nn.Parameter(torch.zeros(5))
    optimiser, its = kind([flat], lr=0.1), kind([other], lr=0.1)
    steps(flat, optimiser, 2)
    state = network_state("critic", flat, optimiser)
    steps(flat, optimiser, 3)
    restore_network("critic", other, its, state)
    assert not torch.equal(other, flat)  # the state has memory of its own
    steps(other, its, 3)
    assert torch.equal(other, flat)
