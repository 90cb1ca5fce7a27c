"""optax's aliases and contrib."""

from __future__ import annotations

from typing import Any

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
    B1_B2
    | NESTEROV
    | {"eps": "eps", "use_clipping": lambda h: h.clip_power is not None}
    | {"clip_value_fn": lambda h: lambda count: count**h.clip_power},
    vary=[{"nesterov": True}, {"clip_power": None}],
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
original("acprop:optax", ADAM | DECAY, vary=[ROOT | DECAYED])
original("cocob:optax", LR | DECAY | {"alpha": "alpha", "eps": "eps"}, vary=[DECAYED | {"alpha": 1.0}])
original(
    "dadapt_adamw:optax",
    LR | DECAY | {"betas": lambda h: (h.beta1, h.beta2), "eps": "eps", "estim_lr0": "d0"},
    vary=[DECAYED | {"d0": 1e-3}],
)


def first_step(h: Any) -> tuple[str, float]:
    """DoG's pair: what is known before the first step, and its value."""
    if h.first_rate is not None:
        return "learning_rate", h.first_rate
    return ("heuristic", h.first_share) if h.first_distance is None else ("distance", h.first_distance)


original(
    "dog:optax",
    LR | DECAY | {"eps": "eps", "init_step": first_step},
    vary=[DECAYED, {"first_rate": 1e-3}, {"first_distance": 1e-2}],
)
original(
    "dowg:optax",
    LR | DECAY | {"eps": "eps", "init_estim_sq_dist": "first_distance2"},
    vary=[DECAYED, {"first_distance2": 1e-2}],
)
original("lamb:optax", ADAM | DECAY, vary=[ROOT | DECAYED])
original("optimistic_gradient_descent:optax", LR | {"alpha": "alpha", "beta": "beta"}, vary=[{"beta": 0.5}])
original("optimistic_adam_v2:optax", ADAM | NESTEROV | {"alpha": "alpha", "beta": "beta"}, vary=[{"nesterov": False}])
original(
    "optimistic_adam:optax",  # two rates: one for the direction, one for its change
    ADAM | NESTEROV | {"learning_rate": lambda h: h.lr * h.alpha, "optimism": lambda h: h.lr * h.beta},
    vary=[ROOT | {"nesterov": False}],
    scheduled=False,
)
original("sign_sgd:optax", LR)
original("signum:optax", LR | {"beta": "mu"})
original("simplified_ademamix:optax", ADAM | DECAY | {"alpha": "alpha"}, vary=[ROOT | DECAYED | {"alpha": 2.0}])
original("adamax:optax", B1_B2 | {"eps": "eps"}, kept=["weight_decay"])
original("adamaxw:optax", B1_B2 | {"eps": "eps"} | DECAY, vary=[DECAYED])
original(
    "amsgrad:optax",
    ADAM | {"bias_correction_mu": "corrected_m", "bias_correction_nu": "corrected_v"},
    vary=[ROOT | {"corrected_m": False}, {"corrected_v": False}],
)
original(
    "radam:optax",
    ADAM | NESTEROV | {"threshold": "threshold"},
    vary=[ROOT | {"nesterov": True, "threshold": 6.0}, {"beta2": 0.95, "lr": 1.0, "threshold": 4.5}],
)
original(
    "sgd:optax",
    LR | NESTEROV | {"momentum": "mu"},
    vary=[{"mu": 0.9}, {"mu": 0.9, "nesterov": True}],
    kept=["weight_decay", "dampening"],
)
original(
    "prodigy:optax",
    LR | DECAY
    | {"betas": lambda h: (h.beta1, h.beta2), "beta3": "beta3", "eps": "eps"}
    | {"estim_lr0": "d0", "estim_lr_coef": "d_coef", "safeguard_warmup": "safeguard_warmup"},
    vary=[DECAYED | {"d0": 1e-3}, {"d0": 1e-3, "d_coef": 2.0, "beta3": 0.9, "safeguard_warmup": True}],
)  # fmt: skip

# With a warm-up the weight of a step is that of the next step's rate, so the rate is left alone.
FREE = LR | DECAY | {"weight_lr_power": "weight_lr_power"}
original(
    "schedule_free_sgd:optax",
    FREE | {"b1": "mu"},
    vary=[DECAYED | {"weight_lr_power": 0.7, "lr": 0.1}],
    scheduled=False,
)
original("schedule_free_adamw:optax", FREE | B1_B2 | {"eps": "eps"}, vary=[DECAYED], scheduled=False)
