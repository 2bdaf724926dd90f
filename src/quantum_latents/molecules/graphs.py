"""Molecules as graphs of a fixed size, in two forms: class codes and one-hot rows.

Notation: n places for heavy atoms, P = n (n - 1) / 2 unordered pairs of them in the order of
`numpy.triu_indices(n, 1)`, E elements. A pair has a bond class 0 to 3, the bond's order (0 is no
bond); a place has a node class 0 to E (0 is no atom, k the k-th element). Hydrogens are implicit,
molecules neutral and kekulised, so these classes say everything.

- *codes*: uint8 (N, P + n), the bond classes of the pairs, then the node classes of the places;
- *one-hot*: uint8 (N, 4 P + (E + 1) n), each class as a row of its own zeros and a one. A
  generator makes the same rows with probabilities or scores in them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["BOND_CLASSES", "GraphLayout"]

BOND_CLASSES = 4
"""No bond, single, double, triple: kekulised molecules have no aromatic ones."""

_MOST_ATOMS = 64


@dataclass(frozen=True, kw_only=True)
class GraphLayout:
    """The shape of a set of molecular graphs.

    Attributes:
        num_atoms: n, places for heavy atoms, 2 to 64.
        elements: symbols of the node classes 1 to E, such as ("C", "N", "O", "F").

    Raises:
        TypeError, ValueError: a field is out of its range.

    >>> layout = GraphLayout(num_atoms=3, elements=("C", "O"))
    >>> layout.num_pairs, layout.code_width, layout.one_hot_width
    (3, 6, 21)
    """

    num_atoms: int
    elements: tuple[str, ...]

    def __post_init__(self) -> None:
        if type(self.num_atoms) is not int:
            raise TypeError(f"num_atoms is an integer, not {self.num_atoms!r}")
        if not 2 <= self.num_atoms <= _MOST_ATOMS:
            raise ValueError(f"num_atoms is 2 to {_MOST_ATOMS}, not {self.num_atoms}")
        if not isinstance(self.elements, tuple) or not self.elements:
            raise TypeError(f"elements is a tuple such as ('C', 'N'), not {self.elements!r}")
        if len(set(self.elements)) != len(self.elements):
            raise ValueError(f"an element is named twice in {self.elements}")

    @property
    def num_pairs(self) -> int:
        """P."""
        return self.num_atoms * (self.num_atoms - 1) // 2

    @property
    def num_node_classes(self) -> int:
        """E + 1."""
        return len(self.elements) + 1

    @property
    def code_width(self) -> int:
        """P + n."""
        return self.num_pairs + self.num_atoms

    @property
    def one_hot_width(self) -> int:
        """4 P + (E + 1) n."""
        return BOND_CLASSES * self.num_pairs + self.num_node_classes * self.num_atoms

    def bonds(self, codes: np.ndarray) -> np.ndarray:
        """Return the bond orders (N, n, n), symmetric with an empty diagonal, of codes."""
        codes = self._checked(codes, self.code_width)
        first, second = np.triu_indices(self.num_atoms, 1)
        bonds = np.zeros((len(codes), self.num_atoms, self.num_atoms), dtype=np.uint8)
        bonds[:, first, second] = bonds[:, second, first] = codes[:, : self.num_pairs]
        return bonds

    def nodes(self, codes: np.ndarray) -> np.ndarray:
        """Return the node classes (N, n) of codes."""
        return self._checked(codes, self.code_width)[:, self.num_pairs :]

    def codes(self, bonds: np.ndarray, nodes: np.ndarray) -> np.ndarray:
        """Return the codes of symmetric bond orders (N, n, n) and node classes (N, n)."""
        first, second = np.triu_indices(self.num_atoms, 1)
        return np.concatenate([bonds[:, first, second], nodes], axis=1).astype(np.uint8)

    def to_one_hot(self, codes: np.ndarray) -> np.ndarray:
        """Return one-hot rows uint8 (N, 4 P + (E + 1) n) of codes.

        >>> layout = GraphLayout(num_atoms=2, elements=("C",))
        >>> layout.to_one_hot(np.array([[3, 1, 0]]))
        array([[0, 0, 0, 1, 0, 1, 1, 0]], dtype=uint8)
        """
        codes = self._checked(codes, self.code_width)
        bonds = np.eye(BOND_CLASSES, dtype=np.uint8)[codes[:, : self.num_pairs]]
        nodes = np.eye(self.num_node_classes, dtype=np.uint8)[codes[:, self.num_pairs :]]
        cut = BOND_CLASSES * self.num_pairs
        one_hot = np.empty((len(codes), self.one_hot_width), dtype=np.uint8)
        one_hot[:, :cut] = bonds.reshape(len(codes), cut)
        one_hot[:, cut:] = nodes.reshape(len(codes), self.one_hot_width - cut)
        return one_hot

    def to_codes(self, scores: ArrayLike) -> np.ndarray:
        """Return codes uint8 (N, P + n): the class of the highest score in each group.

        Args:
            scores: probabilities, one-hot rows or logits (N, 4 P + (E + 1) n).

        >>> layout = GraphLayout(num_atoms=2, elements=("C",))
        >>> layout.to_codes([[0.1, 0.2, 0.6, 0.1, 0.0, 1.0, 0.7, 0.3]])
        array([[2, 1, 0]], dtype=uint8)
        """
        scores = self._checked(np.asarray(scores), self.one_hot_width)
        cut = BOND_CLASSES * self.num_pairs
        bonds = scores[:, :cut].reshape(len(scores), self.num_pairs, BOND_CLASSES).argmax(-1)
        groups = (len(scores), self.num_atoms, self.num_node_classes)
        nodes = scores[:, cut:].reshape(groups).argmax(-1)
        return np.concatenate([bonds, nodes], axis=1).astype(np.uint8)

    def _checked(self, array: np.ndarray, width: int) -> np.ndarray:
        if array.ndim != 2 or array.shape[1] != width:
            raise ValueError(
                f"graphs of {self.num_atoms} places and {len(self.elements)} elements have rows "
                f"of {width} numbers here, not shape {array.shape}"
            )
        return array
