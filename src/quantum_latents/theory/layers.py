"""Which layers of a generator can be undone, one by one.

Notation as in `network`. Layer l maps (a_{l-1}, z) to p_l by [W_l V_l], or a_{l-1} alone by W_l
without re-injection, and then applies phi_l. Both steps are injective, and their inverse is a
least-squares solution, if the slope is positive and the matrix has full column rank. That needs
at least as many rows as columns, so with re-injection d_l >= d_{l-1} + d_z: the layer *widens*.

Rank is decided in float64. A computed singular value is off by at most max(m, n) u |A| with u
the unit roundoff (Golub and Van Loan, Matrix Computations, 8.6); a smallest one above that is
certain to be positive, one below is called rank-deficient to working precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from quantum_latents.theory.network import Affine, Network

__all__ = ["LayerCertificate", "examine_decoding", "examine_layers", "singular_value_error"]


@dataclass(frozen=True, kw_only=True)
class LayerCertificate:
    """What is known of one layer's inverse.

    Attributes:
        name: `layer l`, `head` for the last affine map, or `decoding`.
        verdict: `certified`: injective, with a Lipschitz inverse; or `not certified`.
        reason: why.
        num_outputs: d_l.
        num_inputs: d_{l-1}, and d_z more with re-injection.
        slope: of its activation; 1 for none.
        smallest_singular_value, largest_singular_value: of its matrix; None of a decoding.
    """

    name: str
    verdict: Literal["certified", "not certified"]
    reason: str
    num_outputs: int
    num_inputs: int
    slope: float = 1.0
    smallest_singular_value: float | None = None
    largest_singular_value: float | None = None

    @property
    def condition_number(self) -> float | None:
        """Largest by smallest singular value; infinite where the smallest is 0."""
        if self.smallest_singular_value is None or self.largest_singular_value is None:
            return None
        if self.smallest_singular_value == 0:
            return float("inf")
        return self.largest_singular_value / self.smallest_singular_value

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON-able dict; an infinite number is null."""
        condition = self.condition_number
        return {
            "name": self.name,
            "verdict": self.verdict,
            "reason": self.reason,
            "num_outputs": self.num_outputs,
            "num_inputs": self.num_inputs,
            "slope": self.slope,
            "smallest_singular_value": self.smallest_singular_value,
            "largest_singular_value": self.largest_singular_value,
            "condition_number": condition if condition is not None and condition < 1e300 else None,
        }


def examine_layers(network: Network) -> list[LayerCertificate]:
    """Return one certificate an affine map, first to last.

    >>> wide = Network((Affine(np.eye(3, 2), np.zeros(3), slope=0.1),))
    >>> examine_layers(wide)[0].verdict
    'certified'
    """
    last = len(network.layers)
    return [
        _examine(layer, "head" if place == last else f"layer {place}")
        for place, layer in enumerate(network.layers, start=1)
    ]


def _examine(layer: Affine, name: str) -> LayerCertificate:
    matrix = layer.joint
    rows, columns = matrix.shape
    values = np.linalg.svd(matrix, compute_uv=False)
    largest = float(values[0])
    # Fewer rows than columns: the singular values that are missing are 0.
    smallest = float(values[-1]) if rows >= columns else 0.0
    rounding = singular_value_error(matrix, largest)
    reasons = []
    if rows < columns:
        with_z = "" if layer.injection is None else f", {layer.injection.shape[1]} of them z,"
        reasons.append(f"narrows from {columns} numbers{with_z} to {rows}")
    elif smallest <= rounding:
        reasons.append(
            f"rank-deficient to working precision: smallest singular value {smallest:.1e}, "
            f"rounding {rounding:.1e}"
        )
    if layer.slope == 0:
        reasons.append("ReLU maps all negative numbers to 0")
    return LayerCertificate(
        name=name,
        verdict="not certified" if reasons else "certified",
        reason="; ".join(reasons) or _why(layer),
        num_outputs=rows,
        num_inputs=columns,
        slope=layer.slope,
        smallest_singular_value=smallest,
        largest_singular_value=largest,
    )


def singular_value_error(matrix: np.ndarray, largest: float) -> float:
    """Return how far off a computed singular value of a matrix can be, of its largest one."""
    return max(matrix.shape) * float(np.finfo(np.float64).eps) * largest


def _why(layer: Affine) -> str:
    what = "full column rank" if layer.injection is None else "[W V] has full column rank"
    return what if layer.slope == 1 else f"{what}, slopes of at least {layer.slope:g}"


def examine_decoding(network: Network) -> LayerCertificate | None:
    """Return the certificate of what follows the head; None if nothing does."""
    reasons = {
        "argmax": "argmax is constant on open sets: latents close to one another give one sample",
        "softmax": "softmax forgets a constant added to all logits of a group",
    }
    if network.decoding == "none":
        return None
    width = network.widths[-1]
    return LayerCertificate(
        name="decoding",
        verdict="not certified",
        reason=reasons[network.decoding],
        num_outputs=width,
        num_inputs=width,
    )
