"""optax's aliases and contrib."""

from __future__ import annotations

from .core import original
from .precision import counts_in_float64

LR = {"learning_rate": "lr"}
DECAY = {"weight_decay": "weight_decay"}
B1_B2 = LR | {"b1": "beta1", "b2": "beta2"}
ADAM = B1_B2 | {"eps": "eps", "eps_root": "eps_root"}
NESTEROV = {"nesterov": "nesterov"}

ROOT = {"eps_root": 1e-4}
DECAYED = {"weight_decay": 0.1}


original("adam:optax", ADAM | NESTEROV, vary=[ROOT | {"nesterov": True}], kept=["weight_decay"])
original("adamw:optax", ADAM | NESTEROV | DECAY, vary=[ROOT | DECAYED | {"nesterov": True}])
original("nadam:optax", ADAM, vary=[ROOT], kept=["weight_decay"])
original("nadamw:optax", ADAM | DECAY, vary=[ROOT | DECAYED])
original("adabelief:optax", ADAM | NESTEROV, vary=[ROOT | {"nesterov": True}])
original("ademamix:optax", ADAM | DECAY | {"b3": "beta3", "alpha": "alpha"}, vary=[ROOT | DECAYED])
original(
    "adopt:optax",
    B1_B2 | {"eps": "eps", "use_clipping": lambda h: h.clip_power is not None} | NESTEROV,
    vary=[{"nesterov": True}, {"clip_power": None}],
    kept=["clip_power"],
)
original("fromage:optax", LR | {"min_norm": "min_norm"}, vary=[{"min_norm": 1.0}])
original(
    "lars:optax",
    LR | DECAY | NESTEROV | {"trust_coefficient": "trust_coefficient", "eps": "eps", "momentum": "mu"},
    vary=[DECAYED | {"nesterov": True, "eps": 1.0}],
)
original("lion:optax", B1_B2 | DECAY, vary=[DECAYED])
original(
    "madgrad:optax",
    LR | DECAY | {"momentum": "mu", "eps": "eps"},
    vary=[DECAYED],
    around=counts_in_float64("optax.contrib._madgrad"),
)
original("novograd:optax", ADAM | DECAY, vary=[ROOT | DECAYED])
original("yogi:optax", B1_B2 | {"eps": "eps"}, kept=["first_moment", "second_moment"])
original(
    "rmsprop:optax",
    {
        "learning_rate": "lr", "decay": "decay", "eps": "eps", "initial_scale": "initial", "centered": "centered",
        "momentum": "mu", "nesterov": "nesterov", "bias_correction": "corrected",
        "eps_in_sqrt": lambda h: not h.eps_outside,
    },
    vary=[
        {"mu": 0.8, "initial": 1.0, "eps_outside": True},
        {"mu": 0.8, "nesterov": True, "centered": True},
        {"corrected": True, "centered": True, "initial": 1.0},
        {"corrected": True},
    ],
)  # fmt: skip
original(
    "adagrad:optax",
    {"learning_rate": "lr", "initial_accumulator_value": "initial", "eps": "eps"},
    vary=[{"initial": 0.0}],
)
original(
    "adadelta:optax",
    {"learning_rate": "lr", "rho": "rho", "eps": "eps", "weight_decay": "weight_decay"},
    vary=[{"weight_decay": 0.1}],
)
