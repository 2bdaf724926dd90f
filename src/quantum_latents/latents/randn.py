"""A latent in the place of `torch.randn`, for loops whose noise is a tensor of some shape.

Notation: d_z is the length of z. A tensor of shape (b_1, .., s_1, ..) with s_1 s_2 .. = d_z holds
b_1 b_2 .. rows z, each unrolled with its last index fastest; row i is as in `latents.rows`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from quantum_latents.banks import SampleBank
from quantum_latents.latents.latent import Latent
from quantum_latents.latents.rows import LatentRows, latent_of, rows_named_by
from quantum_latents.latents.spec import Scaling
from quantum_latents.random import Stream

__all__ = ["LatentRandn", "as_randn"]

_DRAWS = "randn"


class LatentRandn:
    """Draws z wherever a loop calls `torch.randn` or `torch.randn_like`; `as_randn` makes one.

    Successive calls give successive rows of the stream, however they are cut, and
    `torch.manual_seed` changes nothing. A `generator` names the rows of its call instead, by one
    number: the same state gives the same z, on every device.

    The name is of the call, not of the law: z is normal only if the latent is.

    Attributes:
        latent: where z comes from.
        position: the next row; may be set, to 0 to begin again or to a checkpoint's.
    """

    def __init__(self, rows: LatentRows) -> None:
        self._rows, self.position = rows, 0

    @property
    def latent(self) -> Latent:
        """Where z comes from."""
        return self._rows.latent

    def __call__(
        self,
        *size: int | Sequence[int],
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """Return z of a shape, given as `torch.randn` wants it: sizes, or one sequence of them.

        Args:
            size: its last sizes multiply to d_z.
            generator: names the draws if it is given, and moves on by one number.
            dtype: None is torch's default.
            device: None is the latent's.

        Raises:
            TypeError: a size that is no int.
            ValueError: no last sizes multiply to d_z, or a size below 0.
        """
        shape = _shape(size)
        num_rows = _num_rows(shape, self.latent.dim)
        if generator is None:
            z = self._rows.between(self.position, self.position + num_rows)
            self.position += num_rows
        else:
            z = rows_named_by(generator, self.latent, _DRAWS).between(0, num_rows)
        return z.reshape(shape).to(device=device, dtype=dtype or torch.get_default_dtype())

    def like(self, tensor: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return z with a tensor's shape, type and device, in the place of `torch.randn_like`.

        >>> from quantum_latents.latents import quantum_latent
        >>> from quantum_latents.random import stream
        >>> randn = as_randn(quantum_latent(4, 2), stream(0, "noise"))
        >>> randn.like(torch.zeros(3, 1, 2, 2, dtype=torch.float64)).dtype
        torch.float64
        """
        return self(tensor.shape, generator=generator, dtype=tensor.dtype, device=tensor.device)


def as_randn(
    latent: Latent | SampleBank, stream: Stream, *, scaling: Scaling = "standardised"
) -> LatentRandn:
    """Return a latent, or a bank, as a callable in the place of `torch.randn`.

    Args:
        latent: of a bank, shots are drawn with replacement.
        stream: names the draws, in the place of torch's generator; see `LatentRandn`.
        scaling: of a bank's shots, by default to mean 0 and variance 1, which loops that were
            written for normals expect; a latent has its own.

    Raises:
        TypeError: neither a latent nor a bank, or no stream.

    >>> from quantum_latents.latents import quantum_latent
    >>> from quantum_latents.random import stream
    >>> randn = as_randn(quantum_latent(4, 2, scaling="raw"), stream(0, "noise"))
    >>> randn(5, 4).shape, randn((3, 1, 2, 2)).sum((1, 2, 3))
    (torch.Size([5, 4]), tensor([2., 2., 2.]))
    """
    return LatentRandn(LatentRows(latent_of(latent, scaling), stream))


def _shape(size: tuple[int | Sequence[int], ...]) -> tuple[int, ...]:
    given = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
    if not isinstance(given, Sequence) or any(type(number) is not int for number in given):
        raise TypeError(f"sizes are whole numbers, such as randn(500, 16), not {given!r}")
    shape = tuple(given)
    if any(number < 0 for number in shape):  # type: ignore[operator]
        raise ValueError(f"a size is 0 or more, not {shape}")
    return shape  # type: ignore[return-value]


def _num_rows(shape: tuple[int, ...], dim: int) -> int:
    """Return b_1 b_2 .. of a shape; which sizes of 1 belong to z makes no difference."""
    for first in range(len(shape), -1, -1):
        if torch.Size(shape[first:]).numel() == dim:
            return torch.Size(shape[:first]).numel()
    raise ValueError(
        f"no last sizes of {shape} multiply to {dim}, the length of z: ask for shapes that do, or "
        "draw a latent of the length that the loop asks for"
    )
