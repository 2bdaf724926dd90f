"""Theorem 1, measured: inverses, Lipschitz constants and certificates of generators."""

from quantum_latents.theory.bounds import Bound, Slopes, chain_bound
from quantum_latents.theory.certificate import Certificate, MapCertificate, certify
from quantum_latents.theory.family import FAMILIES, Family, Growth, grow
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
from quantum_latents.theory.statement import Hypothesis, Statement, state

__all__ = [
    "FAMILIES",
    "Affine",
    "Bound",
    "Certificate",
    "Family",
    "Growth",
    "Hypothesis",
    "Inverse",
    "LayerCertificate",
    "LocalConstants",
    "MapCertificate",
    "Network",
    "Reduction",
    "Route",
    "Slopes",
    "Statement",
    "certify",
    "chain_bound",
    "examine_layers",
    "grow",
    "inverse",
    "local_constants",
    "read_network",
    "reduce_to_counts",
    "routes",
    "search",
    "state",
    "upper_bound",
]
