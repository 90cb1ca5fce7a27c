"""Originals that do not do what their source says: the rule that does, and what is wrong upstream.

A defect is not copied. The dialect of its name follows the documentation and the paper, names no class, and is expected
not to equal the one installed; the day that it does, a test says so, and the entry moves to the table of originals.
"""

from __future__ import annotations

from dataclasses import dataclass

from .core import Original


@dataclass(frozen=True)
class Defect:
    """`original`: the right rule beside the class that should equal it. `wrong`: what that class does instead.

    `reported`: where upstream knows of it, if anywhere.
    """

    original: Original
    wrong: str
    reported: str = ""

    def __str__(self) -> str:
        return str(self.original)


ADAN = {"learning_rate": "lr", "b1": "beta1", "b2": "beta2", "b3": "beta3", "eps": "eps", "eps_root": "eps_root"}
RPROP = {
    "learning_rate": "lr", "eta_minus": "shrink", "eta_plus": "grow", "min_step_size": "least", "max_step_size": "most",
}  # fmt: skip

DEFECTS = [
    Defect(
        Original("adan:optax", "optax.adan", ADAN | {"weight_decay": "weight_decay"}),
        "the difference of the gradients enters with the factor 1 - b2 = 0.08, where the algorithm has b2 = 0.92",
        "google-deepmind/optax#1715",
    ),
    Defect(
        Original(
            "ranger:pytorch_optimizer",
            "pytorch_optimizer.Ranger",
            {"lr": "lr", "betas": lambda h: (h.beta1, h.beta2), "eps": "eps", "k": "k", "alpha": "alpha"},
            fixed={"foreach": False},
        ),
        "until the rectification sets in, the momentum is added instead of subtracted (degenerated_to_sgd is off)",
    ),
    Defect(
        Original(
            "dadapt_adan:pytorch_optimizer",
            "pytorch_optimizer.DAdaptAdan",
            {
                "lr": "lr",
                "betas": lambda h: (h.beta1, h.beta2, h.beta3),
                "d0": "d0",
                "eps": "eps",
                "weight_decay": "weight_decay",
                "weight_decouple": lambda h: not h.proximal,
            },
        ),
        "the second moment averages the fourth power of the gradient: what is squared already is squared again",
    ),
    Defect(
        Original("rprop:optax", "optax.rprop", RPROP, scheduled=False),
        "the update that it returns is the one of the step before; the first step is zero",
        "google-deepmind/optax#1725",
    ),
]
