"""optax's aliases and contrib."""

from __future__ import annotations

from .core import original

B1_B2 = {"learning_rate": "lr", "b1": "beta1", "b2": "beta2", "eps": "eps"}

original("adam:optax", B1_B2)
