"""One run of a stack as plain layers of torch, for use outside the library.

Notation as in `quantum_latents.models.nn`.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn.utils import skip_init

__all__ = ["PlainMLP"]


class PlainMLP(nn.Module):
    """A perceptron of `torch.nn.Linear` layers, which share no memory with the stack.

    Args:
        parameters: of the stack by name, each (S, rows, columns).
        run: which of its runs.
        num_layers: L + 1.
        negative_slope: of LeakyReLU below zero.
    """

    def __init__(
        self, parameters: Mapping[str, Tensor], run: int, num_layers: int, negative_slope: float
    ):
        super().__init__()
        self.negative_slope = negative_slope
        self.layers, self.injections = nn.ModuleList(), nn.ModuleDict()
        self.scale = self.shift = None
        if "scale1" in parameters:
            self.scale = nn.Parameter(parameters["scale1"][run, 0].clone())
            self.shift = nn.Parameter(parameters["shift1"][run, 0].clone())
        for layer in range(1, num_layers + 1):
            weight = parameters[f"weight{layer}"][run]
            linear = _uninitialised_linear(weight, bias=True)
            linear.weight.data.copy_(weight)
            linear.bias.data.copy_(parameters[f"bias{layer}"][run, 0])
            self.layers.append(linear)
            injection = parameters.get(f"injection{layer}")
            if injection is not None:
                plain = _uninitialised_linear(injection[run], bias=False)
                plain.weight.data.copy_(injection[run])
                self.injections[str(layer)] = plain

    def forward(self, z: Tensor) -> Tensor:
        """Map z (B, d_0) to y (B, d_{L+1})."""
        if self.scale is not None and self.shift is not None:
            z = self.scale * z + self.shift
        a = z
        for layer, linear in enumerate(self.layers, start=1):
            a = linear(a)
            if str(layer) in self.injections:
                a = a + self.injections[str(layer)](z)
            if layer < len(self.layers):
                a = nn.functional.leaky_relu(a, self.negative_slope)
        return a


def _uninitialised_linear(weight: Tensor, *, bias: bool) -> nn.Linear:
    """Return a layer shaped like `weight` without drawing from torch's global generator."""
    rows, columns = weight.shape
    return skip_init(nn.Linear, columns, rows, bias=bias, device=weight.device, dtype=weight.dtype)  # type: ignore[return-value]
