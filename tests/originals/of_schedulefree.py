"""schedulefree: one tensor at a time, in training mode."""

from __future__ import annotations

from typing import Any

from .core import original

FREE = {"lr": "lr", "r": "r", "weight_lr_power": "weight_lr_power", "weight_decay": "weight_decay"}
BETAS = FREE | {"betas": lambda h: (h.beta1, h.beta2), "eps": "eps"}
WARM = {"warmup_steps": "warmup_steps"}
VARY: list[dict[str, Any]] = [{"weight_decay": 0.1, "warmup_steps": 10.0}, {"r": 0.5, "weight_lr_power": 0.7}]
RECTIFIED: list[dict[str, Any]] = [{"weight_decay": 0.1}, {"r": 0.5}]


def training(cls: Any, params: list[Any], keywords: dict[str, Any]) -> Any:
    optimizer = cls(params, **keywords)
    optimizer.train()
    return optimizer


def evaluated(optimizer: Any, params: list[Any]) -> list[Any]:
    """The averaged weights; there and back would round the weights twice at each step, so they are put back."""
    kept = [p.detach().clone() for p in params]
    optimizer.eval()
    seen = [p.detach().clone() for p in params]
    optimizer.train()
    for p, before in zip(params, kept, strict=True):
        p.data.copy_(before)
    return seen


def theirs(name: str, arguments: dict[str, Any], vary: list[dict[str, Any]], **more: Any) -> None:
    fixed = {"foreach": False}
    for seen in ({}, {"view": "eval", "read": evaluated}):
        original(f"{name}:schedulefree", arguments, vary=vary, fixed=fixed, make=training, idle=True, **more, **seen)


theirs("adamw_schedule_free", BETAS | WARM, VARY)
theirs("sgd_schedule_free", FREE | WARM | {"momentum": "mu"}, [*VARY, {"lr": 1e-2}])
theirs(
    "radam_schedule_free",
    BETAS | {"silent_sgd_phase": "silent"},
    [*RECTIFIED, {"silent": False}, {"beta2": 0.95, "lr": 1.0}],
    tolerance=1e-11,
    because="rho - 4 is 2000 - 1996 in its float64: twelve digits of the first step are left",
)
