"""Stacks and banks on a Ray cluster. The one place that imports Ray."""

from quantum_latents.execution.ray.chunks import RayDrawer
from quantum_latents.execution.ray.cluster import Cluster, connected

__all__ = ["Cluster", "RayDrawer", "connected"]
