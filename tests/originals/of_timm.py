"""timm."""

from __future__ import annotations

from .core import original

original(
    "adan:timm",
    {
        "lr": "lr", "betas": lambda h: (h.beta1, h.beta2, h.beta3), "eps": "eps", "weight_decay": "weight_decay",
        "no_prox": lambda h: not h.proximal,
    },
    vary=[{"weight_decay": 0.1}, {"weight_decay": 0.1, "proximal": False}],
    kept=["eps_root"],
)  # fmt: skip
