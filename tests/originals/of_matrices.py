"""Rules that decompose matrices, on arrays whose statistics have full rank: elsewhere the basis is each LAPACK's own."""

from .core import original

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
