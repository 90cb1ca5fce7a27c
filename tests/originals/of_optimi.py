"""optimi: one tensor at a time."""

from __future__ import annotations

from .core import original

BETAS = {"lr": "lr", "betas": lambda h: (h.beta1, h.beta2), "eps": "eps", "weight_decay": "weight_decay"}
DECAYED = [{"weight_decay": 0.1}, {"weight_decay": 0.0}]
SINGLE = {"foreach": False, "triton": False}

original("stable_adamw:optimi", BETAS, vary=DECAYED, fixed=SINGLE)
BOTH = [{"weight_decay": 0.1, "decoupled": True}, {"weight_decay": 0.1, "decoupled": False}]
DECOUPLED = {"decouple_wd": "decoupled"}
original("adam:optimi", BETAS | DECOUPLED, vary=BOTH, fixed=SINGLE)
original("adamw:optimi", BETAS, vary=DECAYED, fixed=SINGLE)
original("lion:optimi", {k: v for k, v in BETAS.items() if k != "eps"}, vary=DECAYED, fixed=SINGLE)
original("radam:optimi", BETAS | DECOUPLED, vary=BOTH, fixed=SINGLE, kept=["threshold"])
# Its adam_wd is not handed on to the rule: the decay is the proximal one whatever it says.
original("adan:optimi", BETAS | {"betas": lambda h: (h.beta1, h.beta2, h.beta3)}, vary=DECAYED, fixed=SINGLE)
original(
    "sgd:optimi",
    {"lr": "lr", "momentum": lambda h: h.mu or 0.0, "weight_decay": "weight_decay"} | DECOUPLED,
    vary=[*BOTH, {"mu": 0.9, "weight_decay": 0.1}],
    fixed=SINGLE,
)
