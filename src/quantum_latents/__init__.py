"""Quantum latent distributions for deep generative models.

    interferometer -> counts -> bank -> latent -> generator -> samples -> metrics -> rows -> report

Photons in an interferometer leave *counts*; a *bank* keeps them on disk; a *latent* feeds
them to a generator that sees only a tensor `z`; *metrics* of what it generates become
*rows*; and every table and page is made from rows alone. Each arrow is a sub-package, and
a sub-package imports only those to its left. Nothing heavy is imported here.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
