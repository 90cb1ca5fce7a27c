"""heavyball: not compiled, and its state of the parameters' dtype, which is float32 unless it is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from .core import Hypers, original
from .of_schedulefree import evaluated

LR = {"lr": "lr", "weight_decay": "weight_decay"}
EPS = LR | {"eps": "eps"}
BETAS = EPS | {"betas": lambda h: (h.beta1, h.beta2)}
DECAYED: list[Hypers] = [{"weight_decay": 0.1}]


@contextmanager
def uncompiled() -> Iterator[None]:
    from heavyball import utils

    with patch.object(utils, "compile_mode", None):
        yield


@contextmanager
def unguarded() -> Iterator[None]:
    """Its half-lives add 1e-8 to the decays before their logarithm, which nothing of (0, 1) needs."""
    from heavyball import utils

    with uncompiled(), patch.object(utils.linear_hl_warmup_scheduler, "__defaults__", (None, 0.0)):
        yield


SETTLED: dict[str, Any] = {"around": uncompiled, "fixed": {"storage_dtype": "float64"}}


def ours(name: str, arguments: Mapping[str, Any], vary: Sequence[Hypers] = DECAYED, **more: Any) -> None:
    original(f"{name}:heavyball", arguments, vary=vary, **SETTLED | more)


ours("sgd", LR | {"beta": lambda h: h.mu or 0.0}, [{"weight_decay": 0.1}, {"mu": None}])
ours("adamw", BETAS)
ours("rmsprop", EPS | {"betas": lambda h: (0.9, h.decay)})
ours("laprop", BETAS, kept=["eps"])  # it hands none on, see `defects`
NESTEROV = {"momentum_decay": "momentum_decay", "decoupled_weight_decay": "decoupled"}
ours("nadam", BETAS | NESTEROV, [{"weight_decay": 0.1, "decoupled": True}])
ours("adopt", BETAS)
THREE = EPS | {"betas": lambda h: (h.beta1, h.beta2, h.beta3), "alpha": "alpha"}
WARM = {
    "alpha_warmup": lambda h: h.alpha_warmup and int(h.alpha_warmup),
    "beta3_warmup": lambda h: h.beta3_warmup and int(h.beta3_warmup),
}
ours("ademamix", THREE | WARM, [{"weight_decay": 0.1}, {"alpha_warmup": 30.0}])
ours("ademamix", THREE | WARM, [{"beta3_warmup": 30.0}, {"alpha_warmup": 60.0}], around=unguarded)
FREE = {"r": "r", "weight_lr_power": "weight_lr_power", "warmup_steps": lambda h: int(h.warmup_steps)}
SLOWLY: list[Hypers] = [{"weight_decay": 0.1, "warmup_steps": 10.0}, {"r": 0.5, "weight_lr_power": 0.7}]
for seen in ({}, {"view": "eval", "read": evaluated}):
    ours("sf_adamw", BETAS | FREE, SLOWLY, **seen)
ours("adamc", BETAS)
