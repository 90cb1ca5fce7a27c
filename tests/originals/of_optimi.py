"""optimi: one tensor at a time."""

from __future__ import annotations

from .core import original

BETAS = {"lr": "lr", "betas": lambda h: (h.beta1, h.beta2), "eps": "eps", "weight_decay": "weight_decay"}
DECAYED = [{"weight_decay": 0.1}, {"weight_decay": 0.0}]
SINGLE = {"foreach": False, "triton": False}

original("stable_adamw:optimi", BETAS, vary=DECAYED, fixed=SINGLE)
