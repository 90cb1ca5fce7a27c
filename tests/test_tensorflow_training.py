"""Keras optimizers at work: `model.fit` with every option of the base class, saving, and the views of the variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaspec
from problem import MATRICES_ONLY
from test_tensorflow import arrays, assert_close, optimizer, tensors, variables
from test_tensorflow_manners import FEW, same, values

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
pytestmark = [
    pytest.mark.usefixtures("float32"),
    pytest.mark.sampled,
    pytest.mark.needs_tensorflow,
    # Keras's own Variables have not heard of NumPy 2's `copy` yet
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = X @ np.asarray([[1.0], [-2.0], [0.5], [3.0]], "float32")
OPTIONS: list[dict[str, Any]] = [
    {"run_eagerly": True},
    {"clipnorm": 1.0},
    {"global_clipnorm": 1.0},
    {"clipvalue": 0.1},
    {"use_ema": True, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 2},
    {"loss_scale_factor": 128.0},
]
RUNS = [(rule, options) for rule in FEW for options in ({}, {"jit_compile": True})]
RUNS += [(rule, options) for rule in ("adam", "schedule_free") for options in OPTIONS]


def network(rule: str = "adam", **layer: Any) -> Any:
    keras.utils.set_random_seed(1)
    bias = rule not in MATRICES_ONLY
    layers = [keras.layers.Dense(8, activation="tanh", use_bias=bias), keras.layers.Dense(1, use_bias=bias)]
    return keras.Sequential([keras.Input((4,)), *layers])


def fit(model: Any, epochs: int = 2) -> list[float]:
    return model.fit(X, Y, epochs=epochs, batch_size=16, shuffle=False, verbose=0).history["loss"]


@pytest.mark.parametrize(("rule", "options"), RUNS, ids=str)
def test_fit(rule: str, options: dict[str, Any]) -> None:
    model = network(rule)
    compiling = {n: options[n] for n in options if n in ("jit_compile", "run_eagerly")}
    own = {"d0": 1e-3} if rule == "prodigy" else {"lr": 0.02}
    model.compile(
        optimizer(rule, **own, **{n: v for n, v in options.items() if n not in compiling}), "mse", **compiling
    )
    before = values(model.trainable_variables)
    losses = fit(model, 3)
    assert np.isfinite(losses).all() and losses[-1] < losses[0]
    for name in {"schedule_free": ["z"], "prodigy": ["x0"]}.get(rule, []):
        # Built within a traced function, a slot that begins as a copy still began as one
        slots = [v for v in model.optimizer.variables if v.path.endswith(f"_{name}")]
        assert len(slots) == len(before)
        assert name == "z" or same(slots, before)


@pytest.mark.parametrize("rule", FEW)
def test_saving(rule: str, tmp_path: Path) -> None:
    """A model saved and loaded trains on as if nothing had happened, to the bit."""
    model = network(rule)
    model.compile(optimizer(rule), "mse")
    fit(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is type(model.optimizer)
    assert same(loaded.optimizer.variables, model.optimizer.variables)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=model.optimizer)
    written = checkpoint.write(str(tmp_path / "checkpoint"))
    before = values(model.optimizer.variables)
    assert fit(loaded) == fit(model)
    checkpoint.read(written).assert_consumed()
    assert same(model.optimizer.variables, before)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_views(dtype: str) -> None:
    spec = adaspec.load("schedule_free")
    params, grads = arrays([(4, 3), (), (0,)], 4)
    params = [np.asarray(keras.ops.cast(keras.ops.cast(p, dtype), "float32")) for p in params]
    held, twin, opt, other = (
        *(variables(params, dtype) for _ in range(2)),
        optimizer(spec, lr=0.5),
        optimizer(spec, lr=0.5),
    )
    with pytest.raises(ValueError, match="knows no variables"):
        opt.swap_view("eval")
    for o, v in ((opt, held), (other, twin)):
        for g in grads[:3]:
            o.apply(tensors(g, dtype), v)
    training = values(held)
    with pytest.raises(ValueError, match="known here: eval"):
        opt.swap_view("evil")
    opt.swap_view("eval")
    shown = values(held)
    z = next(v for v in opt.variables if v.path.endswith("w0_z"))
    assert_close(held[0], (training[0].astype("float64") - 0.1 * z.numpy()) / 0.9, 1e-6 if dtype == "float32" else 1e-2)
    assert not same(shown[:1], training[:1])
    opt.swap_view("eval")
    assert same(held, training)
    opt.finalize_variable_values(held)
    opt.finalize_variable_values(held)
    assert same(held, shown)
    # Training on puts the training values back by itself
    opt.apply(tensors(grads[3], dtype), held)
    other.apply(tensors(grads[3], dtype), twin)
    assert same(held, twin)


def test_fit_ends_in_the_view() -> None:
    model = network()
    model.compile(optimizer("schedule_free", lr=0.05), "mse")
    fit(model)
    view = values(model.trainable_variables)
    model.optimizer.swap_view()
    assert not same(model.trainable_variables, view)
    averaged = network()
    averaged.compile(optimizer("schedule_free", lr=0.05, use_ema=True), "mse")
    fit(averaged)
    assert not same(averaged.trainable_variables, view)
