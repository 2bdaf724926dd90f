"""Theorem 1, measured: inverses, Lipschitz constants and certificates of generators."""

from quantum_latents.theory.bounds import Bound, Slopes, chain_bound
from quantum_latents.theory.certificate import Certificate, MapCertificate, certify
from quantum_latents.theory.inverse import Inverse, Route, inverse, routes
from quantum_latents.theory.layers import LayerCertificate, examine_layers
from quantum_latents.theory.lipschitz import (
    LocalConstants,
    local_constants,
    search,
    upper_bound,
)
from quantum_latents.theory.network import Affine, Network, read_network
from quantum_latents.theory.reduction import Reduction, reduce_to_counts

__all__ = [
    "Affine",
    "Bound",
    "Certificate",
    "Inverse",
    "LayerCertificate",
    "LocalConstants",
    "MapCertificate",
    "Network",
    "Reduction",
    "Route",
    "Slopes",
    "certify",
    "chain_bound",
    "examine_layers",
    "inverse",
    "local_constants",
    "read_network",
    "reduce_to_counts",
    "routes",
    "search",
    "upper_bound",
]
