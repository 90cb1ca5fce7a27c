"""keras.optimizers."""

from __future__ import annotations

from .core import original

BETAS = {"learning_rate": "lr", "beta_1": "beta1", "beta_2": "beta2", "epsilon": "eps"}

DECAY = {"weight_decay": "weight_decay"}
"""Any Keras optimizer takes it: decoupled, of the weights before the step."""
DECAYED = [{"weight_decay": 0.1}]

original(
    "sgd:keras",
    DECAY | {"learning_rate": "lr", "momentum": lambda h: h.mu or 0.0, "nesterov": "nesterov"},
    vary=[{"mu": 0.9, "weight_decay": 0.1}, {"mu": 0.9, "nesterov": True, "weight_decay": 0.1}, *DECAYED],
)
original("adam:keras", BETAS | DECAY | {"amsgrad": "amsgrad"}, vary=[{"weight_decay": 0.1, "amsgrad": True}, *DECAYED])
original("adamw:keras", BETAS | DECAY | {"amsgrad": "amsgrad"}, vary=[{"amsgrad": True}])
original("adamax:keras", BETAS | DECAY, vary=DECAYED)
original("nadam:keras", BETAS | DECAY, vary=DECAYED, kept=["momentum_decay"])
original(
    "rmsprop:keras",
    DECAY
    | {"learning_rate": "lr", "rho": "decay", "epsilon": "eps", "centered": "centered"}
    | {"momentum": lambda h: h.mu or 0.0},
    vary=[{"mu": 0.9, "centered": True, "weight_decay": 0.1}, {"mu": 0.9}, {"centered": True}],
)
original(
    "adagrad:keras",
    DECAY | {"learning_rate": "lr", "initial_accumulator_value": "initial", "epsilon": "eps"},
    vary=[{"initial": 0.0}, *DECAYED],
)
original("adadelta:keras", DECAY | {"learning_rate": "lr", "rho": "rho", "epsilon": "eps"}, vary=DECAYED)
original(
    "ftrl:keras",
    DECAY
    | {"learning_rate": "lr", "learning_rate_power": lambda h: -h.power, "initial_accumulator_value": "initial"}
    | {"l1_regularization_strength": "l1", "l2_regularization_strength": "l2", "beta": "beta"}
    | {"l2_shrinkage_regularization_strength": "l2_shrinkage"},
    vary=[
        {"l1": 0.1, "l2": 0.2, "l2_shrinkage": 0.3, "beta": 0.4, "weight_decay": 0.1},
        {"power": 0.3, "l1": 1.0},
        {"power": 0.0},
    ],
    # A tiny g**2 is lost in n, and n**power - past is then the rounding of two powers, which all weights follow.
    patterns=["normal", "zero"],
)
original("lamb:keras", BETAS | DECAY, vary=DECAYED)
original("lion:keras", {"learning_rate": "lr", "beta_1": "beta1", "beta_2": "beta2"} | DECAY, vary=DECAYED)
original(
    "schedule_free_adamw:keras",
    BETAS | DECAY | {"warmup_steps": "warmup_steps"},
    vary=[{"weight_decay": 0.1, "warmup_steps": 5.0}],
)
