"""Rules that decompose matrices, on statistics of full rank: elsewhere the basis is each LAPACK's own choice."""

import math
from importlib import import_module
from typing import Any

from .core import original
from .fed import torch_normals
from .precision import signed_jax, widened


def chance(n: int, h: Any) -> Any:
    """The original's schedule, with other constants than its default's."""
    torch = import_module("torch")
    return torch.tensor(h.most * math.exp(-h.fall * (n - h.flat))).clamp(h.least, h.most)


SQUARES = ((), (4, 4), (2, 3, 4, 3), (3, 3))
"""`core.problem` counts on a second array that is larger than the first."""
BECAUSE = "a decomposition amplifies rounding by the condition of its matrix"

original(
    "shampoo:pytorch_optimizer",
    {
        "lr": "lr",
        "momentum": "mu",
        "weight_decay": "weight_decay",
        "weight_decouple": "decoupled",
        "preconditioning_compute_steps": "every",
        "matrix_eps": "eps",
    },
    vary=[
        {"mu": 0.9},
        {"weight_decay": 0.1, "mu": 0.5},
        {"weight_decay": 0.1, "decoupled": True},
        {"every": 3, "mu": 0.9},
    ],
    shapes=SQUARES,
    tolerance=1e-10,
    because=BECAUSE,
)

original(
    "soap:pytorch_optimizer",
    {
        "lr": "lr",
        "betas": lambda h: (h.beta1, h.beta2),
        "shampoo_beta": "shampoo_beta",
        "weight_decay": "weight_decay",
        "precondition_frequency": "every",
        "max_precondition_dim": "largest",
        "eps": "eps",
    },
    vary=[{"every": 3}, {"every": 1, "shampoo_beta": 0.8}, {"largest": 3, "every": 2}, {"weight_decay": 0.0}],
    shapes=SQUARES,
    around=widened("pytorch_optimizer.optimizer.soap"),  # its QR is of float32
    tolerance=1e-10,
    because=BECAUSE,
)

AROUND, MAKE = torch_normals("pytorch_optimizer.optimizer.psgd")

PSGD = {
    "lr": "lr",
    "momentum": "mu",
    "weight_decay": "weight_decay",
    # A callable of the number of steps before; the default is the schedule that the spec has.
    "pre_conditioner_update_probability": lambda h: lambda n: chance(n, h),
}
RARER = [{"weight_decay": 0.1}, {"most": 0.4, "least": 0.4}, {"flat": 10.0, "fall": 0.2}]

# At one step in a hundred, by chance, the original balances the norms of its factors: their product is what it was.
original(
    "psgd_kron:pytorch_optimizer",
    PSGD,
    vary=RARER,
    fixed={"precondition_dtype": None},
    shapes=((4, 4), (3, 5), (2, 3, 4, 3)),
    kept=("rate", "most"),  # constants of the original
    around=AROUND,
    make=MAKE,
)
original(
    "psgd_diag",
    PSGD,
    of="pytorch_optimizer.Kron",
    vary=RARER,
    fixed={"precondition_dtype": None, "memory_save_mode": "all_diag"},
    shapes=((7,), (4, 4), (3, 5), (2, 3, 4, 3)),
    kept=("rate", "most"),
    around=AROUND,
    make=MAKE,
)


def low_rank_adam(h: Any) -> Any:
    """What works in the projection unless told otherwise, with our values."""
    return import_module("optax").scale_by_adam(b1=h.beta1, b2=h.beta2, eps=h.eps)


original(
    "galore:optax",
    {
        "learning_rate": "lr",
        "rank": "rank",
        "update_proj_gap": "gap",
        "scale": "scale",
        "weight_decay": "weight_decay",
        "base_optimizer": low_rank_adam,
    },
    vary=[
        {"rank": 2, "gap": 7, "weight_decay": 0.1},
        {"rank": 1, "gap": 1},
        {"rank": 3, "gap": 20, "scale": 0.25, "beta1": 0.5},
        {"rank": 2, "weight_decay": 0.1, "eps": 1e-3},
    ],
    shapes=((), (5,), (6, 4), (3, 8), (4, 4), (2, 3, 4)),
    patterns=("normal",),  # but for the first, the singular vectors of 1e-12 beside 1 are each LAPACK's own choice
    more=[("tiny", {"rank": 1, "gap": 5}), ("zero", {"rank": 1, "gap": 1})],
    around=signed_jax("optax.contrib._galore"),  # it decomposes in float32
)
