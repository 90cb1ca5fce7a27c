"""Rules that decompose matrices, on statistics of full rank: elsewhere the basis is each LAPACK's own choice."""

from .core import original
from .precision import widened

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
