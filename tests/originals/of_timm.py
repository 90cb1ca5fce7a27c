"""timm.optim: one tensor at a time where there is a choice."""

from __future__ import annotations

from .core import original

BETAS = {"lr": "lr", "betas": lambda h: (h.beta1, h.beta2), "eps": "eps", "weight_decay": "weight_decay"}
DECAYED = [{"weight_decay": 0.1}]
SINGLE = {"foreach": False}

original(
    "adan:timm",
    {
        "lr": "lr", "betas": lambda h: (h.beta1, h.beta2, h.beta3), "eps": "eps", "weight_decay": "weight_decay",
        "no_prox": lambda h: not h.proximal,
    },
    vary=[{"weight_decay": 0.1}, {"weight_decay": 0.1, "proximal": False}],
    kept=["eps_root"],
)  # fmt: skip
original("laprop:timm", BETAS, vary=DECAYED, fixed=SINGLE)
original(
    "mars:timm",
    BETAS
    | {
        "gamma": "gamma",
        "mars_type": lambda h: "lion" if h.lion else "adamw",
        "optimize_1d": "optimize_1d",
        "lr_1d_factor": "scale_1d",
        "betas_1d": lambda h: (h.beta1_1d, h.beta2_1d),
    },
    vary=[{"weight_decay": 0.1, "weight_decay_1d": 0.1}, {"lion": True}, {"optimize_1d": True}, {"scale_1d": 0.5}],
)
original(
    "lamb:timm",
    {
        "lr": "lr", "betas": lambda h: (h.beta1, h.beta2), "eps": "eps", "weight_decay": "weight_decay",
        "max_grad_norm": "max_grad_norm", "bias_correction": "bias_correction", "grad_averaging": "grad_averaging",
        "decoupled_decay": "decoupled", "trust_clip": "trust_clip", "always_adapt": "always_adapt",
    },
    vary=[
        {"weight_decay": 0.1, "grad_averaging": False, "trust_clip": True, "decoupled": True},
        {"weight_decay": 0.0, "max_grad_norm": None, "bias_correction": False},
        {"weight_decay": 0.0, "always_adapt": True},
    ],
)  # fmt: skip
