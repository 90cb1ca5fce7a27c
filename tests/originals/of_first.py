"""Rules of the first that equal an original, though a fuller spec than theirs bears its name as a dialect."""

from __future__ import annotations

from typing import Any

from .core import original
from .precision import wide_jax

LR, RATE = {"lr": "lr"}, {"learning_rate": "lr"}
DECAY: dict[str, Any] = {"weight_decay": "weight_decay"}
DECAYED = [{"weight_decay": 0.1}]
BETAS = LR | {"betas": lambda h: (h.beta1, h.beta2), "eps": "eps"}
B1_B2 = RATE | {"b1": "beta1", "b2": "beta2"}

for rule in ("adam", "adam_ema"):
    original(rule, BETAS, of="torch.optim.Adam")
original("adam", B1_B2 | {"eps": "eps"}, of="optax.adam", untouched={"learning_rate": 1e-3})
original(
    "adam_eps_inside",
    B1_B2 | {"eps_root": "eps"},
    of="optax.adam",
    fixed={"eps": 0.0},
    untouched={"learning_rate": 1e-3, "eps_root": 1e-8},
)
original("lamb", B1_B2 | DECAY | {"eps": "eps"}, of="optax.lamb", untouched={"learning_rate": 1e-3}, vary=DECAYED)
original(
    "prodigy",
    RATE | DECAY | {"betas": lambda h: (h.beta1, h.beta2), "eps": "eps", "estim_lr0": "d0"},
    of="optax.contrib.prodigy",
    vary=[{"weight_decay": 0.1, "d0": 1e-3}, {"d0": 1e-2}],
)


def evaluated(state: Any, params: Any) -> Any:
    import optax

    return optax.contrib.schedule_free_eval_params(state, params)


SEEN: tuple[dict[str, Any], ...] = ({}, {"view": "eval", "read": evaluated})
for seen in SEEN:
    original(
        "schedule_free",
        B1_B2 | DECAY | {"eps": "eps"},
        of="optax.contrib.schedule_free_adamw",
        vary=DECAYED,
        scheduled=False,
        **seen,
    )
original(
    "adafactor",
    RATE | {"decay_rate": "decay", "clipping_threshold": "clip", "eps": "eps1"},
    of="optax.adafactor",
    fixed={"min_dim_size_to_factor": 1},
    untouched={"learning_rate": 1e-2},
    kept=["eps2"],
    around=wide_jax("optax._src.factorized"),
)
for of, rate in (("torch.optim.SGD", LR), ("optax.sgd", RATE), ("keras.optimizers.SGD", RATE)):
    original("sgd", rate, of=of, untouched=dict.fromkeys(rate, 1e-2))
original("momentum", LR | {"momentum": "mu"}, of="torch.optim.SGD", untouched={"lr": 1e-2, "momentum": 0.9})
original("momentum", RATE | {"momentum": "mu"}, of="optax.sgd", untouched={"learning_rate": 1e-2, "momentum": 0.9})
original(
    "momentum_l2",
    LR | DECAY | {"momentum": "mu"},
    of="torch.optim.SGD",
    untouched={"lr": 1e-2, "momentum": 0.9, "weight_decay": 5e-4},
    vary=DECAYED,
)
