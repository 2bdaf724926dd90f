"""Files that appear whole or not at all."""

from quantum_latents.disk.whole import replacing, sync_folder, write_atomically

__all__ = ["replacing", "sync_folder", "write_atomically"]
