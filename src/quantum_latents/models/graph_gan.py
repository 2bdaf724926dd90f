"""A generator of molecular graphs and a perceptron as its critic, which sees places.

Notation as in `quantum_latents.models.molgan`: a molecule is a row x of K P + F n numbers. The
critic f is a perceptron of x itself. Unlike a relational critic it is no function of the graph
alone: it learns what stands at which place, so the order of the atoms is part of the data
(`MoleculesSpec.order`). Its penalty takes the norm of the gradient by x, one a molecule.
"""

from __future__ import annotations

from dataclasses import dataclass

from quantum_latents.models.gan import check_critic
from quantum_latents.models.molgan import GraphModelSpec
from quantum_latents.models.perceptron import MLPSpec

__all__ = ["GraphGANSpec"]


@dataclass(frozen=True, kw_only=True)
class GraphGANSpec(GraphModelSpec):
    """A generator of molecular graphs and a perceptron between x and its score.

    Attributes:
        critic: its hidden layers.

    >>> mlp = MLPSpec(hidden=(8,), activation="relu", negative_slope=0.0,
    ...               initialisation="pytorch")
    >>> GraphGANSpec(generator=mlp, critic=mlp, num_atoms=9, num_node_classes=5).data_dim
    189
    """

    critic: MLPSpec

    def __post_init__(self):
        super().__post_init__()
        check_critic(self.critic)

    @property
    def name(self) -> str:
        """The kind of the model, for rows."""
        return "graph_gan"
