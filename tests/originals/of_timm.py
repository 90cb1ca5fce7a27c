"""timm.optim: one tensor at a time where there is a choice."""

from __future__ import annotations

from .core import original
from .precision import widened

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
original("lion:timm", {k: v for k, v in BETAS.items() if k != "eps"}, vary=DECAYED, fixed=SINGLE)
original("nadam:timm", BETAS | {"schedule_decay": "momentum_decay"}, vary=DECAYED)
original("adamw:timm", BETAS | {"amsgrad": "amsgrad"}, vary=[*DECAYED, {"amsgrad": True}], fixed=SINGLE)
original(
    "radam:timm",
    BETAS,
    vary=DECAYED,
    kept=["threshold"],
    around=widened("timm.optim.radam"),  # it works in float32
)
DECOUPLED = {"decoupled_decay": "decoupled"}
BOTH = [{"weight_decay": 0.1, "decoupled": True}, {"weight_decay": 0.1, "decoupled": False}]
original(
    "madgrad:timm",
    {"lr": "lr", "momentum": "mu", "eps": "eps", "weight_decay": "weight_decay"} | DECOUPLED,
    vary=BOTH,
)
original(
    "novograd:timm",
    BETAS | DECOUPLED | {"grad_averaging": "grad_averaging"},
    vary=[*BOTH, {"grad_averaging": True}],
)
original(
    "adopt:timm", BETAS | {"clip_exp": "clip_power", "decoupled": "decoupled"}, vary=[*BOTH, {"clip_power": None}],
    fixed=SINGLE,
)  # fmt: skip
original(
    "rmsprop:timm",
    {"lr": "lr", "alpha": "decay", "eps": "eps", "centered": "centered", "weight_decay": "weight_decay"}
    | DECOUPLED
    | {"momentum": lambda h: h.mu or 0.0},
    vary=[*BOTH, {"mu": 0.9}, {"mu": 0.9, "centered": True}],
    kept=["initial"],
    fixed=SINGLE,
)
SGD = {"lr": "lr", "momentum": lambda h: h.mu or 0.0, "dampening": "dampening", "nesterov": "nesterov"}
SGD |= {"weight_decay": "weight_decay"}
RUNNING = [{"mu": 0.9, "dampening": 0.3, "weight_decay": 0.1}, {"mu": 0.9, "nesterov": True}]
original("sgdw:timm", SGD, vary=RUNNING, fixed=SINGLE)
original(
    "lars:timm",
    SGD
    | {"trust_coeff": "trust_coefficient", "eps": "eps", "trust_clip": "trust_clip", "always_adapt": "always_adapt"},
    vary=[*RUNNING, {"always_adapt": True, "trust_clip": True, "lr": 1e-3}],
    more=[("zero", {"always_adapt": True})],
    fixed=SINGLE,
)
