"""Wrappers: originals that stand around an optimizer, around its gradients or around the parameters."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from .core import original

ADAM = {"lr": "lr", "betas": lambda h: (h.beta1, h.beta2), "eps": "eps"}
B1_B2 = {"learning_rate": "lr", "b1": "beta1", "b2": "beta2", "eps": "eps"}
RATE = {"lr": "lr"}
RATES = {"SGD": 1e-2, "Adam": 1e-3}
OWN = (
    "k", "alpha", "decay", "max_norm", "clip_value", "clip_factor", "agc_eps", "agc_clip_val", "eps_of", "lamb", "b1",
    "eta", "gc_conv_only",
)  # fmt: skip
"""What belongs to the wrapper; the rest is the wrapped optimizer's."""


def _optax() -> Any:
    """optax, of whose types nothing is known here: what is made of it stands in for its own."""
    return import_module("optax")


class Around:
    """A torch optimizer with something done before and after each of its steps."""

    def __init__(self, base: Any, params: Any, before: Callable[..., Any], after: Callable[..., Any]) -> None:
        self.base, self.params, self.before, self.after = base, params, before, after
        self.param_groups = base.param_groups

    def step(self) -> None:
        import torch

        with torch.no_grad():
            old = [p.clone() for p in self.params]
            self.before(self.params)
            self.base.step()
            self.after(self.params, old)


def nothing(*_: Any) -> None:
    """Neither before nor after."""


def around(name: str, use: Callable[[Any, dict[str, Any], Any], tuple[Any, Any]]) -> Callable[..., Any]:
    """`use(cls, own keywords, params)` gives what is done before and after a step of the torch optimizer `name`."""

    def make(cls: Any, params: Any, keywords: dict[str, Any]) -> Any:
        import torch

        own = {k: keywords.pop(k) for k in OWN if k in keywords}
        before, after = use(cls, own, params)
        given = {"lr": RATES[name]} | keywords
        return Around(getattr(torch.optim, name)(params, **given), params, before or nothing, after or nothing)

    return make


def outside(cls: Any, params: Any, keywords: dict[str, Any]) -> Any:
    """A class that takes a torch Adam."""
    import torch

    own = {k: keywords.pop(k) for k in OWN if k in keywords}
    return cls(torch.optim.Adam(params, **keywords), **own)


STEPS = {"k": "k", "alpha": "alpha"}
EVERY = [{"k": 1}, {"k": 3, "alpha": 0.8}]
original("lookahead:pytorch_optimizer", ADAM | STEPS, vary=EVERY, make=outside)
original("lookahead:timm", ADAM | STEPS, vary=EVERY, make=outside)
original(
    "lookahead(adam)",
    ADAM | STEPS,
    of="pytorch_optimizer.Lookahead",
    vary=EVERY,
    make=outside,
    view="eval",
    read=lambda optimizer, params: [optimizer.state[p]["slow_params"] for p in params],
)


def fast(cls: Any, keywords: dict[str, Any]) -> Any:
    optax = _optax()

    own = {"sync_period": keywords.pop("sync_period", 5), "slow_step_size": keywords.pop("slow_step_size", 0.5)}
    tx = cls(optax.adam(**({"learning_rate": 1e-3} | keywords)), **own)

    def init(params: Any) -> Any:
        return tx.init(optax.LookaheadParams(params, params)), params

    def update(grads: Any, state: Any, params: Any) -> Any:
        inner, slow = state
        updates, inner = tx.update(grads, inner, optax.LookaheadParams(params, slow))
        return updates.fast, (inner, optax.apply_updates(slow, updates.slow))

    return optax.GradientTransformation(init, update)


original("lookahead:optax", B1_B2 | {"sync_period": "k", "slow_step_size": "alpha"}, vary=EVERY, make=fast)


def cautiously(cls: Any, own: dict[str, Any], params: Any) -> Any:
    def after(params: Any, old: Any) -> None:
        for p, before in zip(params, old, strict=True):
            u = before - p
            cls(u, p.grad)
            p.copy_(before - u)

    return None, after


original("cautious:pytorch_optimizer", ADAM, make=around("Adam", cautiously), kept=["floor_mean"])
original(
    "cautious",
    ADAM,
    of="timm.optim.adamw.AdamWLegacy",
    fixed={"caution": True, "foreach": False, "weight_decay": 0.0},
    kept=["floor_mean"],
)
original("decay", ADAM | {"weight_decay": "weight_decay"}, of="torch.optim.AdamW")
original(
    "cautious_adamw:timm",
    ADAM | {"weight_decay": "weight_decay"},
    fixed={"caution": True, "foreach": False},
    kept=["floor_mean"],
)


def clipped(cls: Any, own: dict[str, Any], params: Any) -> Any:
    limits = list(own.values()) or [1.0]
    return lambda params: cls(params, *limits), None


SCALES = [{"max_norm": 100.0}, {"max_norm": 0.1}]
VALUES = [{"max_value": 100.0}, {"max_value": 0.1}]
original(
    "clip_grad_norm:torch", RATE | {"max_norm": "max_norm"}, vary=SCALES, make=around("SGD", clipped), kept=["norm_eps"]
)
original("clip_grad_value:torch", RATE | {"clip_value": "max_value"}, vary=VALUES, make=around("SGD", clipped))
KERAS_RATE = {"learning_rate": "lr"}
original(
    "global_clipnorm:keras",
    KERAS_RATE | {"global_clipnorm": "max_norm"},
    vary=SCALES,
    untouched={"global_clipnorm": 1.0},
)
original(
    "clipnorm:keras",
    KERAS_RATE | {"clipnorm": "max_array_norm"},
    vary=[{"max_array_norm": 100.0}, {"max_array_norm": 0.1}],
    untouched={"clipnorm": 1.0},
)
original("clipvalue:keras", KERAS_RATE | {"clipvalue": "max_value"}, vary=VALUES, untouched={"clipvalue": 1.0})


def before_sgd(argument: str, default: float) -> Callable[..., Any]:
    def make(cls: Any, keywords: dict[str, Any]) -> Any:
        optax = _optax()

        return optax.chain(cls(keywords.get(argument, default)), optax.sgd(keywords.get("learning_rate", 1e-2)))

    return make


original(
    "clip_by_global_norm:optax",
    {"learning_rate": "lr", "max_norm": "max_norm"},
    vary=SCALES,
    make=before_sgd("max_norm", 1.0),
)


def centered(cls: Any, own: dict[str, Any], params: Any) -> Any:
    def before(params: Any) -> None:
        for p in params:
            cls(p.grad, **own)

    return before, None


original(
    "centralize:pytorch_optimizer",
    ADAM | {"gc_conv_only": lambda h: h.least == 4},
    vary=[{"least": 4}],
    make=around("Adam", centered),
)


def centered_adam(cls: Any, keywords: dict[str, Any]) -> Any:
    optax = _optax()

    return optax.chain(cls(), optax.adam(**({"learning_rate": 1e-3} | keywords)))


original("centralize:optax", B1_B2, make=centered_adam, shapes=((), (5,), (4, 3), (6, 2)))


def units(cls: Any, own: dict[str, Any], params: Any) -> Any:
    def before(params: Any) -> None:
        for p in params:
            p.grad.copy_(cls(p, p.grad, **own))

    return before, None


RATIOS = [{"clipping": 10.0}, {"eps": 2.0}]
original(
    "agc:pytorch_optimizer",
    RATE | {"agc_eps": "eps", "agc_clip_val": "clipping"},
    vary=RATIOS,
    make=around("SGD", units),
)
original(
    "agc:timm",
    RATE | {"clip_factor": "clipping", "eps_of": "eps"},
    vary=RATIOS,
    make=around(
        "SGD",
        lambda cls, own, params: (
            lambda params: cls(params, **{k.removesuffix("_of"): v for k, v in own.items()}),
            None,
        ),
    ),
)


def projected(cls: Any, params: Any, keywords: dict[str, Any]) -> Any:
    import torch

    return cls(torch.optim.Adam(params, **keywords), foreach=False)


original("orthograd:pytorch_optimizer", ADAM, make=projected, kept=["parallel"])


def amplified(cls: Any, own: dict[str, Any], params: Any) -> Any:
    import torch

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = torch.nn.ParameterList(params)

    model, kept = Model(), [None]

    def before(params: Any) -> None:
        kept[0] = cls(model, kept[0], **own)

    return before, None


original("grokfast:pytorch_optimizer", ADAM | {"alpha": "alpha", "lamb": "lamb"}, make=around("Adam", amplified))


def averaged(make_average: Callable[..., Any], name: str) -> Callable[..., Any]:
    """An average of a model's weights, updated after each step and read in their place."""

    def use(cls: Any, own: dict[str, Any], params: Any) -> Any:
        import torch

        class Model(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.weights = torch.nn.ParameterList(params)

        model = Model()
        average = make_average(cls, model, own)
        update = getattr(average, "update_parameters", None) or average.update

        def after(params: Any, old: Any) -> None:
            update(model)
            for p, q in zip(params, average.module.weights, strict=True):
                p.average = q

        return None, after

    return around(name, use)


def smoothed(cls: Any, model: Any, own: dict[str, Any]) -> Any:
    from torch.optim.swa_utils import get_ema_multi_avg_fn

    return cls(model, multi_avg_fn=get_ema_multi_avg_fn(own.get("decay", 0.999)))


def read(optimizer: Any, params: Any) -> Any:
    return [p.average for p in params]


SEEN = {"view": "eval", "read": read}
FIRM = [{"decay": 0.5}]
original("ema:torch", ADAM | {"decay": "decay"}, vary=FIRM, make=averaged(smoothed, "Adam"), **SEEN)
original(
    "ema:timm",
    ADAM | {"decay": "decay"},
    vary=FIRM,
    make=averaged(lambda cls, model, own: cls(model, **own), "Adam"),
    **SEEN,
)


def tailed(cls: Any, model: Any, own: dict[str, Any]) -> Any:
    """With an eta, by the paper's own recursion."""
    eta = own.get("eta", 0.0)
    fn = (lambda average, p, n: average + (1 + eta) / (n + 1 + eta) * (p - average)) if eta else None
    return cls(model, avg_fn=fn)


original("averaging:torch", RATE | {"eta": "eta"}, vary=[{"eta": 3.0}], make=averaged(tailed, "SGD"), **SEEN)


def smoothing(cls: Any, keywords: dict[str, Any]) -> Any:
    optax = _optax()

    ema = cls(keywords.pop("decay", 0.999))
    tx = optax.adam(**({"learning_rate": 1e-3} | keywords))

    def init(params: Any) -> Any:
        return tx.init(params), ema.init(params), params

    def update(grads: Any, state: Any, params: Any) -> Any:
        updates, inner = tx.update(grads, state[0], params)
        mean, kept = ema.update(optax.apply_updates(params, updates), state[1])
        return updates, (inner, kept, mean)

    return optax.GradientTransformation(init, update)


original(
    "ema:optax",
    B1_B2 | {"decay": "decay"},
    vary=FIRM,
    make=smoothing,
    view="eval",
    read=lambda state, params: state[2],
)


def free(cls: Any, keywords: dict[str, Any]) -> Any:
    optax = _optax()

    lr = keywords.pop("learning_rate", 1e-2)
    return cls(optax.sgd(lr), lr, **keywords)


original(
    "schedule_free_of:optax",
    {"learning_rate": "lr", "b1": "beta", "weight_lr_power": "power"},
    vary=[{"power": 1.0, "beta": 0.5}, {"lr": 0.0}],
    make=free,
    scheduled=False,  # its average reads a schedule one step ahead of the wrapped optimizer
)
# By itself it climbs until the rectification sets in (defects).
original(
    "ranger",
    ADAM
    | STEPS
    | {"weight_decay": "weight_decay", "weight_decouple": "decoupled", "use_gc": "centralized"}
    | {"n_sma_threshold": "threshold"},
    of="pytorch_optimizer.Ranger",
    vary=[
        *EVERY,
        {"weight_decay": 0.1},
        {"weight_decay": 0.1, "decoupled": False, "centralized": False},
        {"beta2": 0.94, "lr": 1.0},
        {"beta2": 0.94, "lr": 1.0, "threshold": 4.0},
    ],
    fixed={"degenerated_to_sgd": True, "foreach": False},
)


def accumulated(cls: Any, keywords: dict[str, Any]) -> Any:
    optax = _optax()
    from jax.numpy import float64

    own = {"every_k_schedule": keywords.pop("k", 4), "use_grad_mean": keywords.pop("mean", True)}
    tx = cls(optax.adam(**({"learning_rate": 1e-3} | keywords)), accumulator_dtype=float64, **own)
    return optax.GradientTransformation(tx.init, tx.update)


original(
    "accumulate:optax",
    B1_B2 | {"k": "k", "mean": "averaged"},
    vary=[{"k": 1}, {"k": 3, "averaged": False}],
    make=accumulated,
    scheduled=False,  # the wrapped optimizer counts its own steps, and asks a schedule about those
)


def tuned(cls: Any, keywords: dict[str, Any]) -> Any:
    import optax

    own = {k: keywords.pop(k) for k in ("weight_decay", "eps", "s_init") if k in keywords}
    return cls(optax.sgd(keywords.pop("learning_rate", 1e-2)), **own)


original(
    "mechanize:optax",
    {"learning_rate": "lr", "weight_decay": "weight_decay", "eps": "eps", "s_init": "first"},
    vary=[
        {"lr": 1.0, "weight_decay": 0.0},
        {"lr": 1.0, "first": 1e-3},
        {"lr": 1.0, "eps": 0.1, "weight_decay": 1.0, "first": 1e-2},
    ],
    more=[("astray", {"lr": 1.0})],
    make=tuned,
)
