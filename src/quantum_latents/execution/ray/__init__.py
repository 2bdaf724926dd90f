"""Stacks and banks on a Ray cluster. The one place that imports Ray.

Ray itself is imported by `connected`, which says first what Ray reads when it is imported.
"""

from quantum_latents.execution.ray.chunks import RayDrawer
from quantum_latents.execution.ray.cluster import Cluster, connected

__all__ = ["Cluster", "RayDrawer", "connected"]
