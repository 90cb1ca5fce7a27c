"""torch.optim."""

from __future__ import annotations

from typing import Any

from .core import original

BETAS = {"lr": "lr", "betas": lambda h: (h.beta1, h.beta2), "eps": "eps"}


def plain(**more: Any) -> dict[str, Any]:
    """The arguments that most classes share, and `more`."""
    return BETAS | more


DECAY = {"weight_decay": "weight_decay"}
L2_AND_DECOUPLED = DECAY | {"decoupled_weight_decay": "decoupled"}
BOTH_DECAYS = [{"weight_decay": 0.1}, {"weight_decay": 0.1, "decoupled": True}]


def sparse(cls: Any, params: list[Any], keywords: dict[str, Any]) -> Any:
    """SparseAdam takes sparse gradients alone: here they name every element, zeros too."""
    import torch

    class Whole(cls):
        def step(self) -> None:
            for p in params:
                indices = torch.ones_like(p).nonzero().T
                p.grad = torch.sparse_coo_tensor(indices, p.grad.flatten(), p.shape)
            super().step()

    return Whole(params, **keywords)


original(
    "sgd:torch",
    DECAY | {"lr": "lr", "momentum": lambda h: h.mu or 0.0, "dampening": "dampening", "nesterov": "nesterov"},
    vary=[
        {"mu": 0.9, "dampening": 0.3, "weight_decay": 0.1},
        {"mu": 0.9, "nesterov": True, "weight_decay": 0.1},
        {"weight_decay": 0.1},
    ],
)
original(
    "adam:torch",
    plain(**L2_AND_DECOUPLED, amsgrad="amsgrad"),
    vary=[{"weight_decay": 0.1, "amsgrad": True}, *BOTH_DECAYS],
)
original("adamw:torch", plain(**DECAY, amsgrad="amsgrad"), vary=[{"amsgrad": True}, {"weight_decay": 0.0}])
original("sparse_adam:torch", plain(), shapes=((5,), (4, 3), (2, 2, 4, 3)), make=sparse)
original("adamax:torch", plain(**DECAY), vary=[{"weight_decay": 0.1}])
original("nadam:torch", plain(**L2_AND_DECOUPLED, momentum_decay="momentum_decay"), vary=BOTH_DECAYS)
original("radam:torch", plain(**L2_AND_DECOUPLED), vary=[*BOTH_DECAYS, {"beta2": 0.95, "lr": 1.0}], kept=["threshold"])
original(
    "rmsprop:torch",
    DECAY | {"lr": "lr", "alpha": "decay", "eps": "eps", "centered": "centered", "momentum": lambda h: h.mu or 0.0},
    vary=[{"mu": 0.9, "centered": True, "weight_decay": 0.1}, {"mu": 0.9}, {"centered": True}],
)
original(
    "adagrad:torch",
    DECAY | {"lr": "lr", "lr_decay": "lr_decay", "initial_accumulator_value": "initial", "eps": "eps"},
    vary=[{"lr_decay": 0.1, "initial": 0.3, "weight_decay": 0.1}],
)
original("adadelta:torch", DECAY | {"lr": "lr", "rho": "rho", "eps": "eps"}, vary=[{"weight_decay": 0.1}])
ASGD = DECAY | {"lr": "lr", "lambd": "lambd", "alpha": "alpha", "t0": "t0"}
original("asgd:torch", ASGD, vary=[{"lambd": 0.1, "weight_decay": 0.1}])
original(
    "asgd:torch",
    ASGD,
    vary=[{"t0": 10.0, "lambd": 0.1}, {"t0": 0.0}],
    view="average",
    read=lambda optimizer, params: [optimizer.state[p]["ax"] for p in params],
)
original(
    "rprop:torch",
    {"lr": "lr", "etas": lambda h: (h.shrink, h.grow), "step_sizes": lambda h: (h.least, h.most)},
    vary=[{"least": 0.01, "most": 0.05}],
)
