"""Rules that look at the axes of their parameters, of any library: factored, projected, orthogonalized."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .core import MATRICES, SHAPES, original
from .precision import wide_jax, widened

DECAYED = {"weight_decay": 0.1}
BETAS = {"lr": "lr", "betas": lambda h: (h.beta1, h.beta2)}
DECAY = {"weight_decay": "weight_decay"}
ROW = 3
AXES = ((5,), (4, 3), (3, 1, 2), (2, 2, 4, 3))


@contextmanager
def wide_muon() -> Iterator[None]:
    """torch's Muon iterates in bfloat16 whatever the parameter's dtype: here in the parameter's."""
    import torch

    before = torch.Tensor.bfloat16
    torch.Tensor.bfloat16 = torch.Tensor.clone  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.Tensor.bfloat16 = before  # type: ignore[method-assign]


@contextmanager
def wide_newton_schulz() -> Iterator[None]:
    """The same of pytorch_optimizer, whose function takes the dtype as its last argument."""
    import torch
    from pytorch_optimizer.optimizer.utils.matrix import zero_power_via_newton_schulz_5 as function

    before = function.__defaults__ or ()
    function.__defaults__ = (*before[:-1], torch.float64)
    try:
        yield
    finally:
        function.__defaults__ = before


def of_model(cls: Any, params: Any, keywords: Any) -> Any:
    """An optimizer that takes a model, and asks the names of its parameters."""
    import torch

    model = torch.nn.Module()
    for i, p in enumerate(params):
        model.register_parameter(f"p{i}", p)
    return cls(model, **keywords)


def of_rows(cls: Any, params: Any, keywords: Any) -> Any:
    """An optimizer that knows queries by their name, and cuts them into heads: here of one row each."""
    import torch

    by_row, model = keywords.get("by_row", False), torch.nn.Module()
    for i, p in enumerate(params):
        layer = torch.nn.Module()
        layer.register_parameter("weight", p)
        model.add_module(f"p{i}_q_proj" if by_row and p.ndim == 2 else f"p{i}", layer)
    arguments = {k: v for k, v in keywords.items() if k != "by_row"}
    return cls(model, num_embeds=ROW, num_heads=ROW, **arguments)


def with_muon(cls: Any, params: Any, keywords: Any) -> Any:
    """An optimizer that wants to be told which groups are matrices."""
    return cls([{"params": params, "use_muon": True}], **keywords)


def accumulating(cls: Any, params: Any, keywords: Any) -> Any:
    """An optimizer that leaves in the gradients what the next step adds to: they are never set to zero."""

    class Accumulating(cls):
        kept: Any = None

        def step(self, closure: Any = None) -> None:
            for p, old in zip(params, self.kept or [None] * len(params), strict=True):
                p.grad = p.grad.clone() if old is None else p.grad + old
            super().step(closure)
            self.kept = [p.grad.clone() for p in params]

    return Accumulating(params, **keywords)


original(
    "sm3:optax",
    {"learning_rate": "lr", "momentum": "momentum"},
    shapes=AXES,  # of a number it knows no axes
    scheduled=False,
    kept=["eps"],
)
original(
    "sm3:pytorch_optimizer",
    {"lr": "lr", "momentum": "momentum", "beta": "beta", "eps": "eps"},
    vary=[{"momentum": 0.9, "beta": 0.99}],
    fixed={"foreach": False},
)
PROJECTED = {"delta": "delta", "wd_ratio": "wd_ratio", "eps": "eps", "nesterov": "nesterov"} | DECAY
ACROSS = DECAYED | {"delta": 3.0, "nesterov": True}
CHANNELS = DECAYED | {"delta": 1.0}
original(
    "sgdp:timm",
    {"lr": "lr", "momentum": "momentum", "dampening": "dampening"} | PROJECTED,
    vary=[ACROSS | {"momentum": 0.9, "dampening": 0.3}, CHANNELS | {"momentum": 0.9}],
    untouched={"lr": 1e-2},
)
original("adamp:timm", BETAS | PROJECTED, vary=[ACROSS, CHANNELS])
original(
    "came:pytorch_optimizer",
    {"lr": "lr", "betas": lambda h: (h.beta1, h.beta2, h.beta3), "eps1": "eps1", "eps2": "eps2"}
    | {"clip_threshold": "clip"}
    | DECAY,
    vary=[DECAYED | {"clip": 0.5}],
    fixed={"foreach": False},
)

original(
    "adam_mini:pytorch_optimizer",
    BETAS | DECAY | {"eps": "eps"},
    vary=[DECAYED],
    make=of_model,
    around=widened("pytorch_optimizer.optimizer.adam_mini"),  # its state is float32
)
original(
    "adam_mini:pytorch_optimizer",
    BETAS | DECAY | {"eps": "eps", "by_row": "by_row"},
    vary=[DECAYED | {"by_row": True}],
    shapes=((), (5,), (4, ROW), (6, ROW)),
    make=of_rows,
    around=widened("pytorch_optimizer.optimizer.adam_mini"),
)
MUON = {"lr": "lr", "momentum": "momentum", "ns_steps": "steps"}
original("muon:torch", MUON | DECAY | {"eps": "eps"}, vary=[DECAYED], shapes=MATRICES, around=wide_muon)
original(
    "muon:optax",
    {"learning_rate": "lr", "ns_steps": "steps", "nesterov": "nesterov", "adaptive": "adaptive"}
    | {"adam_b1": "adam_beta1", "adam_b2": "adam_beta2", "adam_weight_decay": "adam_weight_decay"}
    | {name: name for name in ("beta", "eps", "weight_decay", "consistent_rms")},
    vary=[
        DECAYED | {"adam_weight_decay": 0.2, "nesterov": False},
        {"consistent_rms": 0.3, "lr": 1e-3},
        {"adaptive": True, "lr": 1e-3},
    ],
    shapes=(*SHAPES, (3, 5)),
)
original(
    "muon:keras",
    {"learning_rate": "lr", "ns_steps": "steps", "adam_beta_1": "adam_beta1", "adam_beta_2": "adam_beta2"}
    | {"epsilon": "eps"}
    | {
        name: name
        for name in ("momentum", "weight_decay", "nesterov", "rms_rate", "adam_weight_decay", "adam_lr_ratio")
    },
    vary=[{"nesterov": False, "steps": 3}, {"rms_rate": None, "weight_decay": 0.1, "adam_weight_decay": 0.2}],
    tolerance=2e-9,
    because="ops.norm of Keras is float32 even where everything else is float64",
)
KERNELS = (*MATRICES, (4, 2, 3, 2), (2, 3, 5))
NEWTON = DECAY | {"ns_steps": "steps", "eps": "eps"}
FLAT = {"shapes": KERNELS, "make": with_muon, "around": wide_newton_schulz, "fixed": {"foreach": False}}
original(
    "normuon:pytorch_optimizer",
    MUON
    | NEWTON
    | {"beta2": "beta2", "nesterov": "nesterov"}
    | {"update_scale": lambda h: "match_rms" if h.match_rms else "preserve_norm"},
    vary=[DECAYED | {"nesterov": False}, {"match_rms": True}],
    more=[("faint", {})],
    **FLAT,
)
original(
    "adamuon:pytorch_optimizer",
    BETAS | NEWTON | {"use_adjusted_lr": "match_rms"},
    vary=[DECAYED | {"match_rms": False, "steps": 3}],
    more=[("faint", {})],
    **FLAT,
)
SCION = DECAY | {"lr": "lr", "scale": "radius", "constraint": "constrained", "momentum": lambda h: 1 - h.momentum}
LMO = {"around": wide_newton_schulz, "fixed": {"foreach": False}, "kept": ["steps"]}
original(
    "scion:pytorch_optimizer", SCION, vary=[DECAYED, {"constrained": True}], more=[("faint", {})], **LMO
)  # fmt: skip
original("scion_light:pytorch_optimizer", SCION, vary=[DECAYED, {"constrained": True}], make=accumulating, **LMO)

FACTORED = {"clip_threshold": "clip", "decay_rate": lambda h: -h.decay} | DECAY
RELATIVE = {name: name for name in ("scale_parameter", "relative_step", "warmup_init")}
ABSOLUTE = DECAYED | {"relative_step": False, "lr": 1e-3}


def wide_momentum(cls: Any, params: Any, keywords: Any) -> Any:
    """An optimizer whose momentum is bfloat16 unless it is told otherwise."""
    import torch

    return cls(params, momentum_dtype=torch.float64, **keywords)


original(
    "adafactor:torch",
    {"lr": "lr", "beta2_decay": "beta2_decay", "eps": lambda h: (h.eps1, h.eps2), "d": "clip"} | DECAY,
    vary=[DECAYED | {"clip": 2.0, "eps1": 1e-3}, {"lr": 0.5, "eps1": 1.1}],
    kept=["clip"],  # at least 1
    fixed={"foreach": False},
)
original(
    "adafactor:keras",
    {"learning_rate": "lr", "beta_2_decay": lambda h: -h.decay, "epsilon_1": "eps1", "epsilon_2": "eps2"}
    | {"clip_threshold": "clip"}
    | DECAY,
    vary=[DECAYED | {"clip": 0.5, "lr": 0.5}],
    tolerance=2e-7,
    because="ops.mean of Keras is float32 even where everything else is float64",
)
original(
    "adafactor:transformers",
    {"lr": lambda h: None if h.relative_step else h.lr, "eps": lambda h: (h.eps1, h.eps2), "beta1": "beta1"}
    | FACTORED
    | RELATIVE,
    vary=[ABSOLUTE | {"beta1": 0.8}, ABSOLUTE | {"scale_parameter": False}, DECAYED | {"warmup_init": True}],
    untouched={"lr": None},
    scheduled=False,
    kept=["lr", "beta2_most"],  # the rate is 1e-2 while steps are relative, and there is no other bound
)
original(
    "adafactor:pytorch_optimizer",
    {"lr": "lr", "betas": lambda h: (h.beta1, h.beta2_most), "eps1": "eps1", "eps2": "eps2"} | FACTORED | RELATIVE,
    vary=[ABSOLUTE | {"beta1": 0.8}, ABSOLUTE | {"scale_parameter": False}, DECAYED | {"warmup_init": True}],
    scheduled=False,
    make=wide_momentum,
    fixed={"foreach": False},
    kept=["lr", "beta2_most"],
)
LARGE = {"clipping_threshold": "clip", "decay_rate": "decay", "momentum": "momentum", "min_dim_size_to_factor": "least"}
original(
    "adafactor:optax",
    {"learning_rate": "lr", "weight_decay_rate": "weight_decay", "multiply_by_parameter_scale": "scale_parameter"}
    | {"eps": "eps1"}
    | LARGE,
    vary=[
        {"least": 1, "momentum": 0.9, "weight_decay": 1e-3},
        {"least": 3, "clip": None, "scale_parameter": False},
    ],
    fixed={"dtype_momentum": "float64"},
    around=wide_jax("optax._src.factorized"),
    kept=["eps2"],
)
original(
    "adafactor:big_vision",
    {"lr": "lr", "beta2_cap": "beta2_most", "eps": "eps", "unscaled_wd": "unscaled_decay"} | DECAY | LARGE,
    vary=[
        DECAYED | {"lr": 1e-2, "least": 1, "beta2_most": 0.9},
        {"lr": 1e-2, "weight_decay": 1e-3, "unscaled_decay": True, "momentum": None, "clip": 0.5},
    ],
    make=wide_momentum,
)
