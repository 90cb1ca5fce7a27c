"""torch.optim."""

from __future__ import annotations

from typing import Any

from .core import original

BETAS = {"lr": "lr", "betas": lambda h: (h.beta1, h.beta2), "eps": "eps"}


def plain(**more: Any) -> dict[str, Any]:
    """The arguments that most classes share, and `more`."""
    return BETAS | more


original("adam:torch", plain())
original(
    "adamw:torch", plain(weight_decay="weight_decay", amsgrad="amsgrad"), vary=[{"weight_decay": 0.1, "amsgrad": True}]
)
