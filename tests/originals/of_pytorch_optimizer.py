"""pytorch_optimizer: one tensor at a time (foreach=False), which is the same rule as its batched form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from .core import SHAPES, Hypers, original
from .precision import widened

BETAS = {"lr": "lr", "betas": lambda h: (h.beta1, h.beta2), "eps": "eps"}
DECAY = {"weight_decay": "weight_decay", "weight_decouple": "decoupled"}
# A constant of the library: √(v + 1e-15) wherever it can keep the largest v.
ROOT = ("eps_root",)
DECAYED = [{"weight_decay": 0.1, "decoupled": True}, {"weight_decay": 0.1, "decoupled": False}]
AMSGRAD = [*DECAYED, {"amsgrad": True, "weight_decay": 0.1}]
THREE = {"lr": "lr", "betas": lambda h: (h.beta1, h.beta2, h.beta3)}


def ours(name: str, arguments: Mapping[str, Any], vary: Sequence[Hypers] = DECAYED, **more: Any) -> None:
    fixed = {"foreach": False} | more.pop("fixed", {})
    original(f"{name}:pytorch_optimizer", arguments, vary=vary, fixed=fixed, **more)


ours("adamod", THREE | DECAY | {"eps": "eps"})
ADABOUND = BETAS | DECAY | {"final_lr": "final_lr", "gamma": "gamma"}
ours("adabound", ADABOUND | {"ams_bound": "amsgrad"}, [*AMSGRAD, {"lr": 0.0}], kept=ROOT)
ours("amsbound", ADABOUND, fixed={"ams_bound": True}, kept=ROOT)
ours("padam", BETAS | DECAY | {"partial": "partial"}, DECAYED[::-1])
ours(
    "qhadam",
    BETAS | DECAY | {"nus": lambda h: (h.nu1, h.nu2)},
    [*DECAYED, {"nu1": 0.7, "nu2": 0.9}],
    kept=("nu1", "nu2"),  # at most 1
    around=widened("pytorch_optimizer.optimizer.qhadam"),  # it counts in float32
)
ours("qhm", {"lr": "lr", "momentum": "mu", "nu": "nu"} | DECAY, [*DECAYED, {"mu": 0.999, "nu": 0.7}], kept=["nu"])
ours("diffgrad", BETAS | DECAY | {"ams_bound": "amsgrad"}, AMSGRAD, kept=ROOT)
ours("pnm", {"lr": "lr", "betas": lambda h: (h.beta1, h.beta2)} | DECAY, [*DECAYED, {"beta2": 0.5}], kept=["beta2"])
ours(
    "adapnm",
    THREE | DECAY | {"eps": "eps", "ams_bound": "amsgrad"},
    [*DECAYED, {"amsgrad": False, "beta3": 0.7}],
    kept=[*ROOT, "beta3"],
)
ours("aggmo", THREE | DECAY, [*DECAYED, {"beta1": 0.5}])
ours(
    "laprop",
    BETAS
    | {
        "weight_decay": "weight_decay",
        "ams_bound": "amsgrad",
        "centered": "centered",
        "steps_before_using_centered": "wait",
    },
    [{"weight_decay": 0.1}, {"amsgrad": True}, {"centered": True}, {"centered": True, "wait": 20}],
    kept=ROOT,
    idle=True,
)
ours(
    "mars",
    BETAS
    | {
        "gamma": "gamma",
        "mars_type": lambda h: "lion" if h.lion else "adamw",
        "optimize_1d": "optimize_1d",
        "lr_1d": lambda h: h.lr * h.scale_1d,
        "betas_1d": lambda h: (h.beta1_1d, h.beta2_1d),
        "weight_decay": "weight_decay",
        "weight_decay_1d": "weight_decay_1d",
    },
    [{"weight_decay": 0.1}, {"lion": True}, {"optimize_1d": True}, {"scale_1d": 0.5}],
    kept=ROOT,
)
ours("grams", BETAS | {"weight_decay": "weight_decay"}, [{"weight_decay": 0.1}])
ours("stable_adamw", BETAS | DECAY)
ours("tiger", {"lr": "lr", "beta": "beta"} | DECAY)
ours("sign_sgd", {"lr": "lr", "momentum": "beta"} | DECAY, [*DECAYED, {"beta": 0.0}])
ours("adanorm", BETAS | DECAY | {"r": "beta3", "ams_bound": "amsgrad"}, AMSGRAD, kept=ROOT)
ours("adasmooth", BETAS | DECAY)
ours("exadam", BETAS | DECAY)
ours("ano", BETAS | DECAY | {"logarithmic_schedule": "logarithmic"}, [*DECAYED, {"logarithmic": True}])
ours("adams", BETAS | DECAY | {"ams_bound": "amsgrad"}, AMSGRAD)
ours(
    "acc_sgd",
    {k: k for k in ("lr", "kappa", "xi", "constant", "weight_decay")},
    [{"weight_decay": 0.1, "kappa": 20.0}],
)
ours(
    "pid",
    {k: k for k in ("lr", "dampening", "integral", "derivative")} | DECAY | {"momentum": lambda h: h.mu or 0.0},
    [{"mu": 0.9, "dampening": 0.3}, *DECAYED, {"mu": 0.9, "weight_decay": 0.1}],
)
original(
    "gravity",
    {"lr": "lr", "beta": "beta"},
    of="pytorch_optimizer.Gravity",
    fixed={"foreach": False, "alpha": 0.0},  # no noise in the first velocity
)
ours(
    "msvag",
    {"lr": "lr", "beta": "beta"},
    [],
    tolerance=1e-11,
    because="its variance of a single gradient is v - m**2, a rounding error, divided by 1 - rho = 1e-4",
)
ours("kate", {"lr": "lr", "delta": "delta", "eps": "eps"} | DECAY, [*DECAYED, {"delta": 0.1}])
ours("vsgd", {k: k for k in ("lr", "ghattg", "ps", "tau1", "tau2", "eps")} | DECAY)
ours("dual_adam", BETAS | DECAY | {"switch_rate": "switch_rate"}, [*DECAYED, {"switch_rate": 0.03}])
ours("avagrad", BETAS | DECAY)
ours(
    "adai",
    {"lr": "lr", "betas": lambda h: (h.beta0, h.beta2), "eps": "eps", "dampening": "dampening"} | DECAY,
    [{"dampening": 0.5, "eps": 1e-5}, *DECAYED, {"dampening": 0.7}],
)
ours(
    "amos",
    {"lr": "lr", "beta": "beta", "extra_l2": "extra_l2", "c_coef": "c", "d_coef": "d", "eps": "eps"}
    | {"momentum": lambda h: h.mu or 0.0},
    [{"mu": 0.9, "extra_l2": 0.1}, {"lr": 0.1, "c": 0.5}],
    shapes=((), (5,), (4, 3), (2, 5, 3), (2, 2, 4, 3)),
)


def in_float64(cls: Any, params: list[Any], keywords: dict[str, Any]) -> Any:
    wide = params[0].dtype
    return cls(params, **keywords, momentum_dtype=wide, fim_dtype=wide)


ours(
    "fadam",
    BETAS | {"p": "p", "clip": "limit", "eps_2": "eps2", "weight_decay": "weight_decay"},
    [{"limit": 0.1, "p": 0.4}],
    make=in_float64,
)
ours(
    "adagc",
    BETAS
    | {"beta": "beta", "lambda_abs": "limit", "lambda_rel": "ratio", "weight_decay": "weight_decay"}
    | {"warmup_steps": lambda h: int(h.warmup_steps)},
    [{"warmup_steps": 10.0}, {"limit": 100.0, "ratio": 0.9, "warmup_steps": 0.0}],
    around=widened("pytorch_optimizer.optimizer.utils.gradient"),
    kept=["warmup_steps"],
)


def normalized(cls: Any, params: list[Any], keywords: dict[str, Any]) -> Any:
    return cls([{"params": params, "normalized": True}], **keywords)


ours(
    "adamc",
    BETAS | {"weight_decay": "weight_decay", "ams_bound": "amsgrad"},
    [{"weight_decay": 0.1}, {"amsgrad": True}],
    make=normalized,
    kept=ROOT,
)
ours("adamg", THREE | DECAY | {"p": "p", "q": "q", "eps": "eps"})
ours("aida", BETAS | DECAY | {"k": "k", "xi": "xi", "ams_bound": "amsgrad"}, [*AMSGRAD, {"k": 3}], kept=ROOT)
ours("srmm", {"lr": "lr", "beta": "beta", "memory_length": lambda h: int(h.memory)}, [{"memory": 7.0}], kept=["memory"])


def training(cls: Any, params: list[Any], keywords: dict[str, Any]) -> Any:
    optimizer = cls(params, **keywords)
    optimizer.train()
    return optimizer


FREE = {"lr": "lr", "r": "r", "weight_lr_power": "weight_lr_power", "weight_decay": "weight_decay"}
WARM = {"warmup_steps": "warmup_steps"}
FREED: list[Hypers] = [{"weight_decay": 0.1, "warmup_steps": 10.0}, {"r": 0.5, "weight_lr_power": 0.7}]
ours(
    "schedule_free_adamw",
    BETAS | FREE | WARM | {"decoupling_c": "decoupling", "ams_bound": "amsgrad"},
    [*FREED, {"decoupling": 20.0}, {"decoupling": 0.5}, {"amsgrad": True}],
    make=training,
    kept=ROOT,
)
ours("schedule_free_sgd", FREE | WARM | {"momentum": "mu"}, FREED, make=training)
# Its loud phase takes a rate of 1 whatever lr is: the authors' code takes lr.
ours(
    "schedule_free_radam",
    BETAS | FREE,
    [{"weight_decay": 0.1}, {"r": 0.5}, {"beta2": 0.95}],
    make=training,
    tolerance=1e-11,
    because="rho - 4 is 2000 - 1996 in its float64: twelve digits of the first step are left",
)

ADAPTED = {"lr": "lr", "d0": "d0", "weight_decay": "weight_decay"}
GROWTH = {"growth_rate": lambda h: inf if h.growth_rate is None else h.growth_rate}
GROWN: Hypers = {"growth_rate": 1.02, "d0": 1e-4}
CORRECTED: Hypers = {"bias_correction": True}
ours(
    "prodigy",
    ADAPTED | BETAS | DECAY | GROWTH | {k: k for k in ("beta3", "d_coef", "bias_correction", "safeguard_warmup")},
    # Its coupled decay comes too late to be felt.
    [{"weight_decay": 0.1, "growth_rate": 1.02}, GROWN, CORRECTED, {"beta3": 0.95, "safeguard_warmup": True}],
)
ours(
    "dadapt_adam",
    ADAPTED | BETAS | DECAY | GROWTH | {"bias_correction": "bias_correction"},
    [*DECAYED, GROWN, CORRECTED],
)
ours(
    "dadapt_sgd",
    ADAPTED | GROWTH | {"momentum": "mu"},
    [{"weight_decay": 0.1}, GROWN],
    more=[("late", {"weight_decay": 0.1})],
    around=widened("pytorch_optimizer.optimizer.utils.gradient"),
)
ours("dadapt_adagrad", ADAPTED | GROWTH | {"momentum": "mu", "eps": "eps"}, [{"mu": 0.9, "weight_decay": 0.1}, GROWN])
ours("dadapt_lion", ADAPTED | DECAY | {"betas": lambda h: (h.beta1, h.beta2)})

ours("lion", {"lr": "lr", "betas": lambda h: (h.beta1, h.beta2)} | DECAY)
ours(
    "yogi",
    BETAS | DECAY | {"initial_accumulator": "first_moment"},
    [*DECAYED, {"first_moment": 0.1, "second_moment": 0.1}],
    more=[("zero", {"first_moment": 0.0, "second_moment": 0.0})],
    kept=["first_moment", "second_moment"],  # one argument for both
)
PROXIMAL = {"weight_decay": "weight_decay", "weight_decouple": lambda h: not h.proximal}
PROXIMALLY: list[Hypers] = [{"weight_decay": 0.1}, {"weight_decay": 0.1, "proximal": False}]
ours("adan", THREE | PROXIMAL | {"eps": "eps"}, PROXIMALLY)
ours(
    "ademamix",
    THREE | DECAY | {"eps": "eps", "alpha": "alpha", "t_alpha_beta3": "warmup"},
    [*DECAYED, {"warmup": 30.0}],
)
# Its decoupled decay is another one: (lr + eps) of the weights as they were, taken off the average.
ours("madgrad", {"lr": "lr", "momentum": "mu", "eps": "eps", "weight_decay": "weight_decay"}, [{"weight_decay": 0.1}])
ours("fromage", {"lr": "lr"}, [])
ours("adadelta", {"lr": "lr", "rho": "rho", "eps": "eps"} | DECAY)
ours("adamax", BETAS | DECAY)
ours(
    "radam",
    BETAS | {"weight_decay": "weight_decay", "degenerated_to_sgd": lambda h: not h.silent},
    [{"weight_decay": 0.1}, {"silent": False, "weight_decay": 0.1}],
    kept=["threshold"],
    tolerance=1e-11,
    because="rho - 4 is 2000 - 1998 in its float64: twelve digits of the first step are left",
)
ours(
    "novograd",
    BETAS | DECAY | {"grad_averaging": "grad_averaging"},
    [*DECAYED, {"grad_averaging": True}],
)
ours(
    "adopt",
    BETAS | DECAY | {"clip_lambda": lambda h: None if h.clip_power is None else lambda t: t**h.clip_power},
    [*DECAYED, {"clip_power": None}],
)
ours(
    "ftrl",
    {"lr": "lr", "beta": "beta", "lambda_1": "l1", "lambda_2": lambda h: 2 * h.l2},
    [{"beta": 0.1, "l1": 0.1, "l2": 0.2}],
    kept=["power"],  # it takes the square root beside it whatever the power
)
SGD = {"lr": "lr", "momentum": lambda h: h.mu or 0.0, "dampening": "dampening", "nesterov": "nesterov"}
RUNNING: Hypers = {"mu": 0.9, "dampening": 0.3}
NESTEROV: Hypers = {"mu": 0.9, "nesterov": True, "weight_decay": 0.1}
ours("sgdw", SGD | DECAY, [RUNNING, NESTEROV, *DECAYED])
ours(
    "lars",
    SGD | {"trust_coefficient": "trust_coefficient", "weight_decay": "weight_decay"},
    [{"weight_decay": 0.1, "dampening": 0.3}, NESTEROV, {"mu": None}],
)

ours(
    "sgd_sai",
    {"lr": "lr", "momentum": lambda h: h.mu or 0.0, "eps": "eps", "weight_decay": "weight_decay"},
    [{"mu": None}],
    shapes=(*SHAPES, (1, 1), (2, 1)),
    more=[("flat", {})],
)
TORQUE = {"lr": "lr", "decay_rate": "decay", "eps": "eps", "weight_decay": "weight_decay"}
ours("tam", TORQUE | {"momentum": "mu"}, [{"weight_decay": 0.1}])
ours("adatam", TORQUE | DECAY | {"betas": lambda h: (h.beta1, h.beta2)})
ours(
    "adabelief",
    BETAS | DECAY | {"ams_bound": "amsgrad"},
    [*AMSGRAD, {"eps": 1e-8, "eps_root": 1e-8}],
    kept=["eps", "eps_root"],  # one argument for both
)
