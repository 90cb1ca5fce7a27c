"""Originals that do not do what their source says: the rule that does, and what is wrong upstream.

A defect is not copied. The dialect of its name follows the documentation and the paper, names no class, and is expected
not to equal the one installed; the day that it does, a test says so, and the entry moves to the table of originals.
Where only other values than the defaults show it, the dialect names the class, and is proven without those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from .core import Original
from .of_heavyball import BETAS as HEAVY
from .of_heavyball import FREE, LR, NESTEROV, SETTLED, uncompiled


@dataclass(frozen=True)
class Defect:
    """`original`: the right rule beside the class that should equal it. `wrong`: what that class does instead.

    `shown`: the trial that shows it. `reported`: where upstream knows of it, if anywhere. `mended`: a context in which
    the class does it right, to see that nothing else is wrong with either.
    """

    original: Original
    wrong: str
    reported: str = ""
    mended: Callable[[], AbstractContextManager[None]] | None = None
    shown: str = "untouched"

    def __str__(self) -> str:
        return str(self.original)


@contextmanager
def adan_with_its_factor() -> Iterator[None]:
    """Both places where optax's Adan adds 1 - b2 times something then add b2 times it."""
    import optax

    add_scale = optax.tree.add_scale
    optax.tree.add_scale = lambda tree, factor, other: add_scale(tree, 1 - factor, other)
    try:
        yield
    finally:
        optax.tree.add_scale = add_scale


@contextmanager
def nadam_with_its_decay() -> Iterator[None]:
    """What heavyball's NAdam takes out of the update again is left in."""
    from heavyball import utils

    with uncompiled(), patch.object(utils, "_nadam_finish_weight_decay", lambda update, *_: update):
        yield


@contextmanager
def schedule_free_from_rest() -> Iterator[None]:
    """The part of heavyball's average that is 0 / 0 is 0."""
    from heavyball import utils

    step = utils._compilable_schedule_free_

    def guarded(p: Any, z: Any, part: Any, *more: Any) -> None:
        step(p, z, part.nan_to_num(0.0), *more)

    with uncompiled(), patch.object(utils, "_compilable_schedule_free_", guarded):
        yield


@contextmanager
def scion_from_the_weights() -> Iterator[None]:
    """heavyball's Scion begins with the weights it is given."""
    from heavyball import utils

    with uncompiled(), patch.object(utils, "scion_auto_init_param_", lambda *_, **__: None):
        yield


ADAN = {"learning_rate": "lr", "b1": "beta1", "b2": "beta2", "b3": "beta3", "eps": "eps", "eps_root": "eps_root"}
RPROP = {
    "learning_rate": "lr", "eta_minus": "shrink", "eta_plus": "grow", "min_step_size": "least", "max_step_size": "most",
}  # fmt: skip
KERAS = {"learning_rate": "lr", "beta_1": "beta1", "beta_2": "beta2", "epsilon": "eps"}

DEFECTS = [
    Defect(
        Original(
            "adan:optax",
            "optax.adan",
            ADAN | {"weight_decay": "weight_decay"},
            vary=[{"weight_decay": 0.1, "eps_root": 1e-4}],
        ),
        "the difference of the gradients enters with the factor 1 - b2 = 0.08, where the algorithm has b2 = 0.92",
        "google-deepmind/optax#1715",
        adan_with_its_factor,
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
    Defect(
        Original("schedule_free_adamw:keras", "keras.optimizers.ScheduleFreeAdamW", KERAS, backend="torch"),
        "on torch and TensorFlow, the z of before the step is another name of the z that the step changes in place, so "
        "that the average is taken out of the wrong one; on JAX, where values are never changed, it is right",
    ),
    Defect(
        Original("nadam:heavyball", "heavyball.NAdam", HEAVY | NESTEROV, vary=[{"weight_decay": 0.1}], **SETTLED),
        "the decay that is not decoupled enters the gradient, as it should, and is then taken out of the update, which "
        "makes the weights grow by it",
        mended=nadam_with_its_decay,
        shown="variant 0",
    ),
    Defect(
        Original(
            "scion:heavyball",
            "heavyball.Scion",
            LR | {"betas": lambda h: (h.beta1, 0.99), "scale": "scale"},
            vary=[{"weight_decay": 0.1, "scale": 2.0}],
            more=[("faint", {})],
            **SETTLED,
        ),
        "its first step throws the weights away, trained or not, for its own: 0 for vectors, random ones for the rest",
        mended=scion_from_the_weights,
    ),
    Defect(
        Original("laprop:heavyball", "heavyball.LaProp", HEAVY, vary=[{"eps": 1.0}], **SETTLED),
        "its eps is never handed on: 1e-8 whatever it is told",
        shown="variant 0",
    ),
    Defect(
        Original("sf_adamw:heavyball", "heavyball.SFAdamW", HEAVY | FREE, idle=True, **SETTLED),
        "while all rates were 0 the weights become NaN: 0 / 0 of tensors raises no ZeroDivisionError to be caught",
        mended=schedule_free_from_rest,
        shown="idle",
    ),
]

MENDED = [replace(defect.original, around=defect.mended) for defect in DEFECTS if defect.mended]
"""The originals as they are where their one defect is mended: as good a proof of the rule as any other."""
