"""Named, counter-based random streams: the only source of randomness of the project."""

from quantum_latents.random.streams import BLOCK_ROWS, Stream, stream

__all__ = ["BLOCK_ROWS", "Stream", "stream"]
