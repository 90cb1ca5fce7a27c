"""Keras optimizers in the loops of others: models built late, mixed precision, embeddings, copies, replicas."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.lower import lower
from problem import MATRICES_ONLY
from test_tensorflow import RULES, arrays, assert_close, optimizer, tensors, variables
from test_tensorflow_manners import same, values
from test_tensorflow_training import X, Y, fit, network

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
pytestmark = [
    pytest.mark.needs_tensorflow,
    pytest.mark.usefixtures("float32"),
    # Keras's own Variables have not heard of NumPy 2's `copy` yet
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

TOGETHER = [r for r in RULES if r not in MATRICES_ONLY and (adaspec.load(r).views or lower(adaspec.load(r)).model_wide)]
"""Rules whose steps are more than those of each variable by itself."""
COPYING = [r for r in RULES if any(s.init.kind == "copy" for s in adaspec.load(r).slots.values())]


@pytest.mark.sampled
@pytest.mark.parametrize("rule", COPYING)
def test_models_that_are_built_by_fit(rule: str) -> None:
    """The variables are made in the very function that makes the slots: copies of them are copies all the same."""
    losses, models = [], []
    for built in (True, False):
        model = network(rule)
        if not built:
            keras.utils.set_random_seed(1)
            model = keras.Sequential([type(layer).from_config(layer.get_config()) for layer in model.layers])
            assert not model.built
        model.compile(optimizer(rule), "mse")
        losses.append(fit(model))
        models.append(model)
    assert losses[0] == losses[1]
    one, two = (m.optimizer for m in models)
    assert same(one.variables, two.variables)


@pytest.mark.parametrize("rule", ["lookahead", pytest.param("schedule_free", marks=pytest.mark.every)])
def test_fit_after_fit(rule: str) -> None:
    """`fit` ends in the view. The next goes on from the training values; put back before, it is one long fit."""
    models = []
    for parts in ([2, 1], [3]):
        model = network()
        model.compile(optimizer(rule, lr=0.02), "mse")
        for k, epochs in enumerate(parts):
            if k:
                model.optimizer.swap_view()
            fit(model, epochs)
        models.append(model)
    assert same(models[0].trainable_variables, models[1].trainable_variables)
    shown = values(models[0].trainable_variables)
    fit(models[0], 1)
    ended = values(models[0].trainable_variables)
    models[0].optimizer.swap_view()
    assert not same(ended, shown) and not same(models[0].trainable_variables, ended)


def words() -> tuple[Any, Any]:
    """A model with an embedding, whose gradients name rows, and what it reads."""
    keras.utils.set_random_seed(2)
    layers = [keras.layers.Embedding(10, 4), keras.layers.Flatten(), keras.layers.Dense(1)]
    return keras.Sequential([keras.Input((5,)), *layers]), np.random.default_rng(3).integers(0, 10, (64, 5))


def read(opt: Any, **compiling: Any) -> list[Any]:
    model, ids = words()
    model.compile(opt, "mse", **compiling)
    model.fit(ids, Y, epochs=2, batch_size=16, shuffle=False, verbose=0)
    return values(model.trainable_variables)


@pytest.mark.parametrize("option", ["clipnorm", "clipvalue"])
def test_clipped_embeddings(option: str) -> None:
    """Keras clips the rows as they are named; what comes of it is a gradient like any other."""
    dense, clipper = optimizer("adam"), keras.optimizers.SGD(**{option: 0.01})
    apply = dense.apply
    dense.apply = lambda grads, held: apply([tf.convert_to_tensor(g) for g in clipper._clip_gradients(grads)], held)
    for a, b in zip(read(optimizer("adam", **{option: 0.01})), read(dense), strict=True):
        assert_close(a, b, 1e-6)


@pytest.mark.parametrize(("rule", "options"), [("prodigy", {"gradient_accumulation_steps": 2})], ids=str)
def test_embeddings(rule: str, options: dict[str, Any]) -> None:
    """The same numbers with XLA as without it, and with the gradients of rows as with dense ones."""
    dense = optimizer(rule, **options)
    apply = dense.apply
    dense.apply = lambda grads, held: apply([tf.convert_to_tensor(g) for g in grads], held)
    rows = read(optimizer(rule, **options))
    for a, b, c in zip(rows, read(optimizer(rule, **options), jit_compile=True), read(dense), strict=True):
        assert_close(b, a, 1e-5)
        assert_close(c, a, 1e-7)


@pytest.mark.parametrize(
    ("rule", "policy"),
    [("schedule_free", "mixed_float16"), ("adafactor", "mixed_bfloat16")],
)
def test_mixed_precision(rule: str, policy: str, tmp_path: Path) -> None:
    """Narrow layers over float32 variables, a scaled loss for float16; saved and loaded, training goes on the same."""
    keras.config.set_dtype_policy(policy)
    model = network(rule)
    model.compile(optimizer(rule, lr=0.02), "mse")
    losses = fit(model, 4)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) == (policy == "mixed_float16")
    assert losses[-1] < losses[0] and {v.dtype for v in model.trainable_variables} == {"float32"}
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert same(loaded.optimizer.variables, model.optimizer.variables)
    assert fit(loaded) == fit(model)


@pytest.mark.parametrize("rule", [pytest.param("adam", marks=pytest.mark.every), "schedule_free"])
def test_copies_of_a_model(rule: str, tmp_path: Path) -> None:
    """Deep copies, pickles and `.weights.h5` hold the optimizer's state: all train on to the same numbers."""
    model = network(rule)
    model.compile(optimizer(rule, lr=keras.optimizers.schedules.ExponentialDecay(0.02, 4, 0.5)), "mse")
    fit(model)
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    fresh = network(rule)
    fresh.compile(keras.optimizers.get(keras.optimizers.serialize(model.optimizer)), "mse")
    fresh.optimizer.build(fresh.trainable_variables)
    fresh.load_weights(path)
    twins = [copy.deepcopy(model), pickle.loads(pickle.dumps(model)), fresh]
    wanted = fit(model)
    for twin in twins:
        assert fit(twin) == wanted
        assert same(twin.optimizer.variables, model.optimizer.variables)


def test_a_loop_by_hand() -> None:
    """A `tf.function` around a tape, compiled once; then a frozen layer, and a variable that comes too late."""
    model, traces = network(), []
    opt = optimizer("adam", lr=0.02)
    opt.build(model.trainable_variables)

    @tf.function
    def step(x: Any, y: Any, held: tuple[int, ...]) -> Any:
        traces.append(held)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x) - y) ** 2)
        chosen = [model.trainable_variables[i] for i in held]
        opt.apply(tape.gradient(loss, chosen), chosen)
        return loss

    losses = [float(step(X, Y, (0, 1, 2, 3))) for _ in range(5)]
    opt.learning_rate = 0.01
    losses += [float(step(X, Y, (0, 1, 2, 3))) for _ in range(5)]
    assert len(traces) == 1 and losses[-1] < losses[0] and int(opt.iterations) == 10
    before = values(model.trainable_variables)
    step(X, Y, (2, 3))
    assert same(model.trainable_variables[:2], before[:2]) and not same(model.trainable_variables[2:], before[2:])
    model.add(keras.layers.Dense(1))
    with pytest.raises(ValueError, match="Unknown variable"):
        opt.apply([tf.ones_like(v) for v in model.trainable_variables], model.trainable_variables)


@pytest.mark.parametrize("rule", ["adam", "lookahead", "schedule_free", "prodigy"])
def test_every_order_of_gradients(rule: str) -> None:
    """Variables are known by themselves, not by their place among those of a step."""
    params, grads = arrays([(4, 3), (3,)], 2)
    one, two, held, other = optimizer(rule), optimizer(rule), variables(params, "float32"), variables(params, "float32")
    one.build(held)
    two.build(other)
    for g in grads:
        given = tensors(g, "float32")
        one.apply(given, held)
        two.apply(given[::-1], other[::-1])
    assert same(held, other)


REPLICAS = """
import sys, warnings
import keras
import numpy as np
import tensorflow as tf
import adaspec

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
several = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
y = x @ np.asarray([[1.0], [-2.0], [0.5], [3.0]], "float32")
for rule in sys.argv[1:]:
    found = []
    for strategy in (tf.distribute.get_strategy(), several):
        keras.utils.set_random_seed(1)
        with strategy.scope():
            model = keras.Sequential([keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(1)])
            model.compile(adaspec.build(rule, "tensorflow")(), "mse")
        for _ in range(2):
            model.fit(x, y, epochs=1, batch_size=16, shuffle=False, verbose=0)
        found.append([np.array(v) for v in model.trainable_variables])
    gap = max(np.abs(a - b).max() / max(1.0, np.abs(a).max()) for a, b in zip(*found))
    assert gap < 1e-6, (rule, gap)
    print(rule)
"""


@pytest.mark.parametrize(
    "rules",
    [
        ["schedule_free"],
        pytest.param(TOGETHER, marks=pytest.mark.every),
    ],
    ids=len,
)
def test_replicas(rules: list[str]) -> None:
    """Two replicas that share the batches come where one comes: rules of one variable, of the model, and with views."""
    done = subprocess.run([sys.executable, "-c", REPLICAS, *rules], capture_output=True, text=True, check=False)
    assert done.stdout.split() == rules, done.stderr[-2000:]
