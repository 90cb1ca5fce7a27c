"""The installed originals: one module for each library, one entry for each rule or dialect that equals one of them."""

from . import of_keras, of_optax, of_torch
from .core import MATRICES, ORIGINALS, SHAPES, Original, Trial, distance, ours, problem, theirs, trials
from .of_reference import REFERRED

__all__ = [
    "MATRICES", "ORIGINALS", "REFERRED", "SHAPES", "Original", "Trial", "distance", "of_keras", "of_optax",
    "of_torch", "ours", "problem", "theirs", "trials",
]  # fmt: skip
