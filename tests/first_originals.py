"""The installed originals in float64, with the hyperparameters that make them the rule of the same name.

Each original takes the parameters and one list of gradients per step, and yields the parameters after each. What cannot
be made equal stands in `DIFFERENT`, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray
Model = list[Array]
Run = Callable[[Model, list[Model], dict[str, Any]], Iterator[Model]]


@dataclass(frozen=True)
class Original:
    """`hypers` are the rule's, passed on to the original; `tolerance` is relative to the largest parameter."""

    rule: str
    label: str
    needs: str
    run: Run
    hypers: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-9
    because: str = ""

    def __str__(self) -> str:
        return f"{self.rule}={self.label}"


def torch_run(make: Callable[[Any, Any, dict[str, Any]], Any]) -> Run:
    def run(params: Model, grads: list[Model], h: dict[str, Any]) -> Iterator[Model]:
        import torch

        tensors = [torch.nn.Parameter(torch.tensor(x)) for x in params]
        optimizer = make(torch, tensors, h)
        for step in grads:
            for p, g in zip(tensors, step, strict=True):
                p.grad = torch.tensor(g)
            optimizer.step()
            yield [p.detach().numpy().copy() for p in tensors]

    return run


def optax_run(make: Callable[[Any, dict[str, Any]], Any], read: Callable[[Any, Any, Any], Any] | None = None) -> Run:
    def run(params: Model, grads: list[Model], h: dict[str, Any]) -> Iterator[Model]:
        import jax
        import optax

        with jax.enable_x64(True):
            x: Any = [jax.numpy.asarray(p) for p in params]
            tx = make(optax, h)
            state = tx.init(x)
            update = jax.jit(tx.update)
            trajectory = []
            for step in grads:
                updates, state = update([jax.numpy.asarray(g) for g in step], state, x)
                x = optax.apply_updates(x, updates)
                trajectory.append([np.asarray(p) for p in (read(optax, state, x) if read else x)])
        yield from trajectory

    return run


@contextmanager
def keras_in_float64() -> Iterator[Any]:
    import keras

    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        yield keras
    finally:
        keras.config.set_floatx(before)


def keras_run(make: Callable[[Any, dict[str, Any]], Any]) -> Run:
    def run(params: Model, grads: list[Model], h: dict[str, Any]) -> Iterator[Model]:
        with keras_in_float64() as keras:
            variables = [keras.Variable(x, dtype="float64") for x in params]
            optimizer = make(keras.optimizers, h)
            trajectory = []
            for step in grads:
                tensors = [keras.ops.convert_to_tensor(g, dtype="float64") for g in step]
                optimizer.apply(tensors, variables)
                trajectory.append([np.asarray(v) for v in variables])
        yield from trajectory

    return run


def muon_in_float64(torch: Any, params: Any, h: dict[str, Any]) -> Any:
    """torch's Muon iterates in bfloat16 whatever the parameter's dtype: the same iteration, restated in float64."""
    from torch.optim import _muon

    def newton_schulz(grad: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
        a, b, c = coefficients
        wide = grad.size(0) <= grad.size(1)
        x = grad if wide else grad.T
        x = x / x.norm().clamp(min=eps)
        for _ in range(steps):
            gram = x @ x.T
            x = a * x + (b * gram + c * gram @ gram) @ x
        return x if wide else x.T

    class Muon(torch.optim.Muon):
        def step(self, closure: Any = None) -> Any:
            before = _muon._zeropower_via_newtonschulz
            _muon._zeropower_via_newtonschulz = newton_schulz
            try:
                return super().step(closure)
            finally:
                _muon._zeropower_via_newtonschulz = before

    keys = ("lr", "momentum", "weight_decay", "eps")
    return Muon(params, ns_steps=h["steps"], **{k: h[k] for k in keys})


def adam_betas(h: dict[str, Any]) -> dict[str, Any]:
    return {"lr": h["lr"], "betas": (h["beta1"], h["beta2"]), "eps": h["eps"]}


def b1_b2(h: dict[str, Any]) -> dict[str, Any]:
    return {"learning_rate": h["lr"], "b1": h["beta1"], "b2": h["beta2"], "eps": h["eps"]}


def on_torch(rule: str, make: Callable[[Any, Any, dict[str, Any]], Any], label: str, **more: Any) -> Original:
    return Original(rule, f"torch.{label}", "torch", torch_run(make), **more)


def on_optax(rule: str, make: Callable[[Any, dict[str, Any]], Any], label: str, read=None, **more: Any) -> Original:
    return Original(rule, f"optax.{label}", "jax", optax_run(make, read), **more)


def on_keras(rule: str, make: Callable[[Any, dict[str, Any]], Any], label: str, **more: Any) -> Original:
    return Original(rule, f"keras.{label}", "tensorflow", keras_run(make), **more)


def torch_adafactor(torch: Any, params: Any, h: dict[str, Any]) -> Any:
    return torch.optim.Adafactor(
        params, lr=h["lr"], beta2_decay=-h["decay"], eps=(h["eps1"], h["eps2"]), d=h["clip"], weight_decay=0.0
    )


def optax_prodigy(optax: Any, h: dict[str, Any]) -> Any:
    return optax.contrib.prodigy(
        h["lr"], (h["beta1"], h["beta2"]), eps=h["eps"], estim_lr0=h["d0"], weight_decay=h["weight_decay"]
    )


DECAYED = {"weight_decay": 0.01}

EQUAL: list[Original] = [
    # The seven.
    on_torch("adam", lambda t, p, h: t.optim.Adam(p, **adam_betas(h)), "Adam"),
    on_optax("adam", lambda o, h: o.adam(**b1_b2(h)), "adam"),
    on_optax("lamb", lambda o, h: o.lamb(**b1_b2(h), weight_decay=h["weight_decay"]), "lamb", hypers=DECAYED),
    # optax raises t to the power in float32 whatever the dtype, so its schedule is off by an ulp of float32; and it
    # factors no axis shorter than 128 unless told to.
    on_optax(
        "adafactor",
        lambda o, h: o.adafactor(
            h["lr"], min_dim_size_to_factor=1, decay_rate=h["decay"], clipping_threshold=h["clip"], eps=h["eps1"]
        ),
        "adafactor",
        tolerance=1e-8,
    ),
    # torch clamps where the paper adds eps1, and takes min(lr, 1/sqrt(t)): the same while gradients are not near 1e-15
    # and t < 1/lr².
    on_torch("adafactor", torch_adafactor, "Adafactor"),
    on_torch("muon", muon_in_float64, "Muon"),
    on_optax(
        "schedule_free",
        lambda o, h: o.contrib.schedule_free_adamw(**b1_b2(h), weight_decay=h["weight_decay"]),
        "schedule_free_adamw",
        hypers=DECAYED,
    ),
    on_optax("prodigy", optax_prodigy, "prodigy", hypers=DECAYED),
    # The first rules.
    on_torch("sgd", lambda t, p, h: t.optim.SGD(p, lr=h["lr"]), "SGD"),
    on_optax("sgd", lambda o, h: o.sgd(h["lr"]), "sgd"),
    on_keras("sgd", lambda k, h: k.SGD(h["lr"]), "SGD"),
    on_optax("sign_descent", lambda o, h: o.sign_sgd(h["lr"]), "sign_sgd"),
    on_torch("momentum", lambda t, p, h: t.optim.SGD(p, lr=h["lr"], momentum=h["mu"]), "SGD"),
    on_optax("momentum", lambda o, h: o.sgd(h["lr"], momentum=h["mu"]), "sgd"),
    on_torch(
        "momentum_l2",
        lambda t, p, h: t.optim.SGD(p, lr=h["lr"], momentum=h["mu"], weight_decay=h["weight_decay"]),
        "SGD",
    ),
    on_optax(
        "momentum_decoupled",
        lambda o, h: o.chain(o.trace(h["mu"]), o.add_decayed_weights(h["weight_decay"]), o.scale(-h["lr"])),
        "trace+add_decayed_weights",
    ),
    on_torch("adam_ema", lambda t, p, h: t.optim.Adam(p, **adam_betas(h)), "Adam"),
    on_optax("adam_eps_inside", lambda o, h: o.adam(**(b1_b2(h) | {"eps": 0.0}), eps_root=h["eps"]), "adam(eps_root)"),
    # Keras on TensorFlow rounds a Python float to float32 on its way to float64; these betas survive that.
    on_keras(
        "adam_eps_hat",
        lambda k, h: k.Adam(h["lr"], beta_1=h["beta1"], beta_2=h["beta2"], epsilon=h["eps"]),
        "Adam",
        hypers={"beta1": 0.875, "beta2": 1 - 2**-10, "eps": 1e-7},
    ),
]

DIFFERENT: list[Original] = [
    on_keras(
        "adam",
        lambda k, h: k.Adam(h["lr"], beta_1=h["beta1"], beta_2=h["beta2"], epsilon=h["eps"]),
        "Adam",
        because="Keras's eps is eps-hat: it stands beside the root of the uncorrected v (adam_eps_hat)",
    ),
    on_torch(
        "muon",
        lambda t, p, h: t.optim.Muon(p, lr=h["lr"], momentum=h["momentum"], weight_decay=h["weight_decay"]),
        "Muon(bfloat16)",
        because="torch iterates in bfloat16 whatever the parameter's dtype",
    ),
]
