"""A latent as a data set and a `DataLoader`, the same batches whoever draws them.

Notation: batch b of epoch e holds `batch_size` rows z of `latents.rows`, float32
(batch_size, d_z). It depends on the latent, the stream, the batch size, e and b alone: not on the
number of workers.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from quantum_latents.banks import SampleBank
from quantum_latents.latents.latent import Latent
from quantum_latents.latents.rows import LatentRows, latent_of
from quantum_latents.latents.spec import Scaling
from quantum_latents.random import Stream

__all__ = ["LatentBatches", "as_data_loader", "as_dataset"]


class LatentBatches(IterableDataset):
    """Batches of z; `as_dataset` makes one.

    Every pass gives the same batches until `set_epoch` names another: as with torch's own samplers,
    call it before each pass, and build the loader without persistent workers.

    Attributes:
        latent: where z comes from.
        batch_size: rows of a batch.
        num_batches: batches of a pass; None never ends.
        epoch: whose batches the next pass gives.
    """

    def __init__(
        self, latent: Latent, stream: Stream, batch_size: int, num_batches: int | None
    ) -> None:
        for name, number in (("batch_size", batch_size), ("num_batches", num_batches)):
            if number is not None and (not isinstance(number, int) or number < 1):
                raise ValueError(f"{name} is a whole number of at least 1, not {number!r}")
        if not isinstance(stream, Stream):
            raise TypeError(f"stream is a Stream, such as stream(0, 'z'), not {stream!r}")
        self.latent, self.stream = latent, stream
        self.batch_size, self.num_batches, self.epoch = batch_size, num_batches, 0

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass give the batches of an epoch, 0 or more."""
        if isinstance(epoch, bool) or not isinstance(epoch, int) or epoch < 0:
            raise ValueError(f"an epoch is 0 or more, not {epoch!r}")
        self.epoch = epoch

    def __len__(self) -> int:
        if self.num_batches is None:
            raise TypeError("these batches never end: give num_batches")
        return self.num_batches

    def __iter__(self) -> Iterator[Tensor]:
        rows = LatentRows(self.latent, self.stream.child("epoch", self.epoch))
        worker = get_worker_info()
        batch, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        # torch asks workers in turn, so that their batches come in the order of one process.
        while self.num_batches is None or batch < self.num_batches:
            start = batch * self.batch_size
            yield rows.between(start, start + self.batch_size)
            batch += step


def as_dataset(
    latent: Latent | SampleBank,
    batch_size: int,
    stream: Stream,
    *,
    num_batches: int | None = None,
    scaling: Scaling = "centred",
) -> LatentBatches:
    """Return an iterable data set whose items are whole batches of z.

    Args:
        latent: of a bank, shots are drawn with replacement.
        batch_size: rows of a batch.
        stream: names the draws.
        num_batches: batches of a pass; None never ends.
        scaling: of a bank's shots; a latent has its own.

    Raises:
        TypeError, ValueError: neither a latent nor a bank, no stream, or a number that cannot be.

    >>> from quantum_latents.latents import quantum_latent
    >>> from quantum_latents.random import stream
    >>> batches = as_dataset(quantum_latent(4, 2), 500, stream(0, "z"), num_batches=3)
    >>> [tuple(z.shape) for z in batches]
    [(500, 4), (500, 4), (500, 4)]
    """
    return LatentBatches(latent_of(latent, scaling), stream, batch_size, num_batches)


def as_data_loader(
    latent: Latent | SampleBank,
    batch_size: int,
    stream: Stream,
    *,
    num_batches: int | None = None,
    scaling: Scaling = "centred",
    num_workers: int = 0,
    pin_memory: bool = False,
) -> DataLoader:
    """Return a loader of batches of z; their content and order do not depend on the workers.

    Args:
        latent: of a bank, shots are drawn with replacement.
        batch_size: rows of a batch.
        stream: names the draws.
        num_batches: batches of a pass; None never ends.
        scaling: of a bank's shots; a latent has its own.
        num_workers: processes that draw ahead.
        pin_memory: see `torch.utils.data.DataLoader`.

    Raises:
        TypeError, ValueError: as `as_dataset`, or workers for a latent that lies on a GPU.
    """
    batches = as_dataset(latent, batch_size, stream, num_batches=num_batches, scaling=scaling)
    if num_workers and batches.latent.device.type != "cpu":
        raise ValueError(
            f"workers draw on the CPU and this latent lies on {batches.latent.device}: "
            "latent.to('cpu'), or num_workers=0"
        )
    return DataLoader(batches, batch_size=None, num_workers=num_workers, pin_memory=pin_memory)
