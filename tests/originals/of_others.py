"""prodigyopt and dadaptation: what finds its own learning rate."""

from __future__ import annotations

from math import inf
from typing import Any

from .core import original

BETAS = {"lr": "lr", "betas": lambda h: (h.beta1, h.beta2), "eps": "eps", "d0": "d0", "weight_decay": "weight_decay"}
GROWTH = {"growth_rate": lambda h: inf if h.growth_rate is None else h.growth_rate}
DECAYED: list[dict[str, Any]] = [{"weight_decay": 0.1, "decoupled": True}, {"weight_decay": 0.1, "decoupled": False}]
# Else d grows until the decay, which is d times as strong, throws the weights out of bounds.
SLOWLY: list[dict[str, Any]] = [{**decay, "growth_rate": 1.02} for decay in DECAYED]
LATE = [("late", {"weight_decay": 0.0})]
GROWN: dict[str, Any] = {"growth_rate": 1.02, "d0": 1e-4}
CORRECTED: dict[str, Any] = {"bias_correction": True}

original(
    "prodigy:prodigyopt",
    BETAS
    | GROWTH
    | {"beta3": "beta3", "d_coef": "d_coef", "decouple": "decoupled"}
    | {"use_bias_correction": "bias_correction", "safeguard_warmup": "safeguard_warmup"},
    vary=[*SLOWLY, GROWN, CORRECTED, {"beta3": 0.95, "safeguard_warmup": True}],
    more=LATE,
)
original(
    "dadapt_adam:dadaptation",
    BETAS | GROWTH | {"decouple": "decoupled", "use_bias_correction": "bias_correction"},
    vary=[*DECAYED, GROWN, CORRECTED],
    more=LATE,
)
SGD = {"lr": "lr", "momentum": "mu", "d0": "d0", "weight_decay": "weight_decay"}
original("dadapt_sgd:dadaptation", SGD | GROWTH, vary=[{"mu": 0.9, "weight_decay": 0.1}, GROWN])
original(
    "dadapt_adagrad:dadaptation",
    SGD | GROWTH | {"eps": "eps"},
    vary=[{"mu": 0.9, "weight_decay": 0.1}, GROWN],
    more=LATE,
)
LION = {"lr": "lr", "betas": lambda h: (h.beta1, h.beta2), "d0": "d0", "weight_decay": "weight_decay"}
original("dadapt_lion:dadaptation", LION, vary=[{"weight_decay": 0.1}], more=LATE)
ADAN = BETAS | GROWTH | {"betas": lambda h: (h.beta1, h.beta2, h.beta3), "no_prox": lambda h: not h.proximal}
original(
    "dadapt_adan:dadaptation",
    ADAN,
    vary=[{"weight_decay": 0.1}, {"weight_decay": 0.1, "proximal": False}, GROWN],
)
# It counts no step before the first gradient, so it is only as late as the trial is long.
original("dadapt_adan:dadaptation", ADAN, steps=3, more=LATE)
