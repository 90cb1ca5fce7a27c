"""keras.optimizers."""

from __future__ import annotations

from .core import original

BETAS = {"learning_rate": "lr", "beta_1": "beta1", "beta_2": "beta2", "epsilon": "eps"}

original("adam:keras", BETAS)
