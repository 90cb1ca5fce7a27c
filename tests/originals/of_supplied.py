"""Originals whose step is given more than gradients: a loss, a Hessian's diagonal, a gradient at another point."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .core import Model, Original, original, turned
from .precision import widened

GLOBAL_NORM = "pytorch_optimizer.optimizer.utils.gradient"
DECAYED = {"weight_decay": 0.1}
BETAS = {"lr": "lr", "betas": lambda h: (h.beta1, h.beta2), "eps": "eps", "weight_decay": "weight_decay"}


# Drivers


@contextmanager
def in_float64() -> Iterator[Any]:
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield torch
    finally:
        torch.set_default_dtype(before)


def with_torch(
    entry: Original,
    params: Model,
    grads: list[Model],
    inputs: list[dict[str, Any]],
    keywords: dict[str, Any],
    plan: Any,
) -> list[Model]:
    """A step is `advance(torch, optimizer, tensors, gradients, inputs)`, told by what the optimizer is."""
    with in_float64() as torch:
        tensors = [torch.nn.Parameter(torch.tensor(x)) for x in params]
        cls = entry.cls()
        optimizer = entry.make(cls, tensors, keywords) if entry.make else cls(tensors, **keywords)
        trajectory = []
        for i, (step, given) in enumerate(zip(grads, inputs, strict=True)):
            if plan is not None:
                for group in optimizer.param_groups:
                    group["lr"] = plan[i]
            for p, g in zip(tensors, step, strict=True):
                p.grad = torch.tensor(g)
            _ADVANCE[cls.__name__](torch, optimizer, tensors, step, given)
            trajectory.append([p.detach().numpy().copy() for p in tensors])
        return trajectory


def with_loss(torch: Any, optimizer: Any, tensors: Any, grads: Model, given: dict[str, Any]) -> None:
    optimizer.step(lambda: given["loss"])


def with_diagonal(torch: Any, optimizer: Any, tensors: Any, grads: Model, given: dict[str, Any]) -> None:
    """The estimate is given, not drawn."""
    optimizer.step(hessian=[torch.tensor(h) for h in given["h"]] if "h" in given else None)


def with_attribute(torch: Any, optimizer: Any, tensors: Any, grads: Model, given: dict[str, Any]) -> None:
    """timm draws its signs by itself; in place of its estimate each parameter gets ours."""
    for p, h in zip(tensors, given["h"], strict=True):
        p.hess = torch.tensor(h)
    optimizer.zero_hessian = optimizer.set_hessian = lambda: None
    optimizer.step()


def at_perturbed(torch: Any, optimizer: Any, tensors: Any, grads: Model, given: dict[str, Any]) -> None:
    """A first step to the point of the second gradient, which is a function of where that is."""
    before = [p.detach().numpy().copy() for p in tensors]
    optimizer.first_step()
    for p, g, x in zip(tensors, grads, before, strict=True):
        p.grad = torch.tensor(turned(g, x, p.detach().numpy()))
    optimizer.second_step()


_ADVANCE = {
    "AliG": with_loss, "SophiaH": with_diagonal, "AdaHessian": with_diagonal, "Adahessian": with_attribute,
    "SAM": at_perturbed, "WSAM": at_perturbed,
}  # fmt: skip


def with_optax(
    entry: Original,
    params: Model,
    grads: list[Model],
    inputs: list[dict[str, Any]],
    keywords: dict[str, Any],
    plan: Any,
) -> list[Model]:
    """`value`, `diagonal` and `grad_fn` reach the original as extra arguments of its update."""
    import jax
    import jax.numpy as jnp
    import optax

    with jax.enable_x64(True):
        if plan is not None:
            table = jnp.asarray(plan)
            keywords = keywords | {"learning_rate": lambda count: table[count]}
        cls = entry.cls()
        tx = entry.make(cls, keywords) if entry.make else cls(**keywords)
        x: Any = [jnp.asarray(p) for p in params]
        state = tx.init(x)
        trajectory = []
        for step, given in zip(grads, inputs, strict=True):
            g, now = [jnp.asarray(a) for a in step], x
            extra: dict[str, Any] = {"value": given["loss"]} if "loss" in given else {}
            if "h" in given or entry.every > 1:
                extra["diagonal"] = [jnp.asarray(h) for h in given.get("h", step)]
            if entry.name.startswith("sam"):
                extra["grad_fn"] = lambda y, _, g=g, now=now: [turned(*row) for row in zip(g, now, y, strict=True)]
            updates, state = tx.update(g, state, x, **extra)
            x = optax.apply_updates(x, updates)
            trajectory.append([np.asarray(p) for p in x])
        return trajectory


# The originals

original(
    "polyak_sgd:optax",
    {
        "max_learning_rate": "max_lr", "f_min": "f_min", "eps": "eps",
        "variant": lambda h: "sps+" if h.positive else "sps",
    },
    vary=[{"f_min": 2.0}, {"f_min": 2.0, "positive": True}, {"max_lr": 1e-3}, {"eps": 5.0}],
    more=[("faint", {})],
    kept=["lr"],  # optax's `scaling` multiplies the gradient before its norm is taken: 1 / scaling in effect
    scheduled=False,
    drive=with_optax,
)  # fmt: skip
original(
    "alig:pytorch_optimizer",
    {"max_lr": "max_lr", "momentum": "mu", "adjusted_momentum": "adjusted"},
    vary=[{"mu": 0.9, "max_lr": 1e-2}, {"mu": 0.9, "adjusted": True}],
    fixed={"foreach": False},
    kept=["eps"],
    around=widened(GLOBAL_NORM),
    drive=with_torch,
)
MOMO = {
    "learning_rate": "lr", "lower_bound": "lower_bound", "weight_decay": "weight_decay", "adapt_lower_bound": "adapt"
}  # fmt: skip
ADAPTED = [DECAYED | {"adapt": True, "lower_bound": 0.3}, {"lr": 1e-3, "adapt": True, "lower_bound": -1.0}]
original(
    "momo:optax",
    MOMO | {"beta": "beta"},
    vary=[*ADAPTED, {"adapt": True}],
    more=[("faint", {})],
    drive=with_optax,
)
original(
    "momo_adam:optax",
    MOMO | {"b1": "beta1", "b2": "beta2", "eps": "eps"},
    vary=[*ADAPTED, {"lr": 1.0, "adapt": True}],
    more=[("faint", {"eps": 1.0})],
    drive=with_optax,
)


def sophia(cls: Any, keywords: dict[str, Any]) -> Any:
    """optax's own, but the estimate of the Hessian's diagonal is an extra argument."""
    import optax

    def estimate(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        return extra["diagonal"], state

    given = optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), estimate)
    return cls(**keywords, hessian_diagonal_fn=given)


original(
    "sophia:optax",
    {
        "learning_rate": "lr", "b1": "beta1", "b2": "beta2", "eps": "eps", "weight_decay": "weight_decay",
        "gamma": "gamma", "clip_threshold": "limit",
    },
    vary=[DECAYED | {"limit": 0.3}],
    fixed={"update_interval": 10},
    make=sophia,
    every=10,
    drive=with_optax,
)  # fmt: skip
original(
    "sophia:pytorch_optimizer",
    BETAS | {"p": "limit"},
    vary=[DECAYED | {"limit": 0.3}],
    fixed={"foreach": False, "update_period": 10**9},
    untouched={"foreach": False, "update_period": 10**9},
    kept=["gamma"],
    every=10,
    drive=with_torch,
)
original("adahessian:timm", BETAS | {"hessian_power": "power"}, vary=[DECAYED, {"power": 0.5}], kept=["power"],
         drive=with_torch)  # fmt: skip
original(
    "adahessian:pytorch_optimizer",
    BETAS | {"hessian_power": "power"},
    vary=[DECAYED, {"power": 0.5}],
    fixed={"foreach": False, "update_period": 10**9},
    kept=["power"],
    every=3,
    drive=with_torch,
)


def around_sgd(cls: Any, tensors: Any, keywords: dict[str, Any]) -> Any:
    import torch

    more = {"model": torch.nn.ParameterList(tensors)} if cls.__name__ == "WSAM" else {}
    return cls(params=tensors, base_optimizer=torch.optim.SGD, **more, **({"lr": 1e-2, "momentum": 0.9} | keywords))


SAM = {"lr": "lr", "momentum": "mu", "rho": "rho"}
for name in ("sam", "asam"):
    original(
        f"{name}:pytorch_optimizer",
        SAM | {"perturb_eps": "perturb_eps", "adaptive": "adaptive"},
        vary=[{"rho": 0.7, "perturb_eps": 0.3}],
        untouched={"adaptive": True} if name == "asam" else {},
        make=around_sgd,
        around=widened(GLOBAL_NORM),
        drive=with_torch,
    )
original(
    "wsam:pytorch_optimizer",
    SAM | {"gamma": "gamma", "eps": "perturb_eps", "decouple": "decoupled"},
    vary=[{"rho": 0.7, "perturb_eps": 0.3}, {"decoupled": False, "rho": 0.5}],
    fixed={"foreach": False},
    make=around_sgd,
    around=widened(GLOBAL_NORM),
    drive=with_torch,
)


def sam(cls: Any, keywords: dict[str, Any]) -> Any:
    """The base's rate and momentum, and the way up along the unit gradient, in one update of two gradients."""
    import optax
    from optax.contrib import normalize

    given: dict[str, Any] = {"learning_rate": 1e-2, "momentum": 0.9, "rho": 0.05} | keywords
    up = optax.chain(normalize(), optax.sgd(given.pop("rho")))
    return cls(optax.sgd(**given), up, opaque_mode=True)


original(
    "sam:optax",
    {"learning_rate": "lr", "momentum": "mu", "rho": "rho"},
    vary=[{"rho": 0.7}],
    make=sam,
    kept=["perturb_eps", "adaptive"],
    drive=with_optax,
)
