"""What a Keras user expects of any optimizer: configs, schedules, fit, saving, decay exclusions, views, refusals."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import adaspec
from problem import MATRICES_ONLY
from test_tensorflow import MATRICES, ODD, RULES, WORDS, arrays, assert_close, optimizer, parsed, tensors, variables

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
pytestmark = [
    pytest.mark.needs_tensorflow,
    # Keras's own Variables have not heard of NumPy 2's `copy` yet
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

BASE = {
    "name", "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum", "ema_overwrite_frequency",
    "loss_scale_factor", "gradient_accumulation_steps",
}  # fmt: skip
FEW = ["adam", "adafactor", "muon", "schedule_free", "prodigy"]
X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = X @ np.asarray([[1.0], [-2.0], [0.5], [3.0]], "float32")


@pytest.fixture(autouse=True)
def float32() -> Iterator[None]:
    before = keras.config.floatx()
    keras.config.set_floatx("float32")
    yield
    keras.config.set_floatx(before)


def network(rule: str = "adam", **layer: Any) -> Any:
    keras.utils.set_random_seed(1)
    bias = rule not in MATRICES_ONLY
    layers = [keras.layers.Dense(8, activation="tanh", use_bias=bias), keras.layers.Dense(1, use_bias=bias)]
    return keras.Sequential([keras.Input((4,)), *layers])


def fit(model: Any, epochs: int = 2) -> list[float]:
    return model.fit(X, Y, epochs=epochs, batch_size=16, shuffle=False, verbose=0).history["loss"]


def values(items: Any) -> list[Any]:
    return [np.array(keras.ops.convert_to_numpy(v)) for v in items]


def same(left: Any, right: Any) -> bool:
    return len(left) == len(right) and all(
        np.array_equal(a, b) for a, b in zip(values(left), values(right), strict=True)
    )


def test_names_that_keras_needs() -> None:
    """The words that the emitter keeps clear of are those of the installed Keras."""
    names = sys.modules["adaspec.backends.tensorflow.names"] if optimizer("sgd") else None
    opt = keras.optimizers.SGD(use_ema=True, gradient_accumulation_steps=2)
    opt.exclude_from_weight_decay(var_names=["bias"])
    opt.build(variables([np.ones(2)]))
    found = {n for n in dir(opt) if not n.startswith("__")} - {"momentum", "momentums", "nesterov", "weight_decay"}
    assert {n for n in found if n[0] != "_"} <= names.PUBLIC  # type: ignore[union-attr]
    assert {n[1:] for n in found if n[0] == "_"} <= names.PRIVATE  # type: ignore[union-attr]


@pytest.mark.parametrize("rule", RULES)
def test_configs(rule: str) -> None:
    opt = optimizer(rule, lr=1)
    assert opt.name == rule and opt.weight_decay is None
    opt = type(opt)(learning_rate=np.float32(0.5), clipnorm=1.0, use_ema=True, ema_momentum=0.5, name="mine")
    config = opt.get_config()
    own = {WORDS.get(n, n) for n in adaspec.load(rule).hypers}
    assert set(config) == {"learning_rate", *BASE, *own}
    for twin in (
        type(opt).from_config(dict(config)),
        keras.optimizers.deserialize(keras.optimizers.serialize(opt)),
        pickle.loads(pickle.dumps(opt)),
        copy.deepcopy(opt),
    ):
        assert type(twin) is type(opt)
        assert twin.get_config() == config
        assert float(twin.learning_rate) == 0.5


@pytest.mark.parametrize("rule", RULES)
def test_refusals(rule: str) -> None:
    make = type(optimizer(rule))
    for hyper in adaspec.load(rule).hypers.values():
        name = WORDS.get(hyper.name, hyper.name)
        bad = [float("nan"), float("inf"), *([] if hyper.kind == "Real" else [-1])]
        for value in bad:
            with pytest.raises(ValueError, match=rf"`{name}` must be .*Received: {name}={value}"):
                make(**{name: value})
        with pytest.raises(TypeError):
            make(**{name: "0.1"})
    with pytest.raises(TypeError):
        make(weight_decoy=0.1)


def test_refused_variables() -> None:
    with pytest.raises(ValueError, match=r"muon updates matrices.*parameter 'w1' has shape \(3,\)"):
        optimizer("muon").build(variables([np.ones((2, 2)), np.ones(3)]))
    with pytest.raises(TypeError, match="int32"):
        optimizer("adam").build([keras.Variable(np.ones(3), dtype="int32")])
    opt = optimizer("prodigy")
    held = variables([np.ones(2)])
    opt.build(held)
    opt._distribution_strategy = SimpleNamespace(num_replicas_in_sync=2)
    with pytest.raises(NotImplementedError, match="one replica"):
        opt.apply(tensors([np.ones(2)]), held)


@pytest.mark.parametrize("rule", FEW)
def test_schedules(rule: str) -> None:
    """A LearningRateSchedule is asked at t - 1; a callable is called; a new rate counts from then on."""
    keras.config.set_floatx("float64")
    rates = [0.1, 0.2, 0.05, 0.4]

    class Table(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            return tf.gather(tf.constant(rates, "float64"), step)

    params, grads = arrays(MATRICES, 4)
    left = iter(rates)
    for lr in (Table(), lambda: next(left), 0.9):
        now, held, opt, meaning = params, variables(params), optimizer(rule, lr=lr), adaspec.interpret(rule)
        state = meaning.init(now)
        for g, rate in zip(grads, rates, strict=True):
            if lr == 0.9:
                opt.learning_rate = rate
            opt.apply(tensors(g), held)
            now, state = meaning.step(now, g, state, lr=rate)
        for v, value in zip(held, now, strict=True):
            assert_close(v, value, 1e-12)


@pytest.mark.parametrize("rule", [r for r in RULES if "weight_decay" in adaspec.load(r).hypers] + ["whole"])
@pytest.mark.parametrize("how", ["var_list", "var_names"])
def test_weight_decay(rule: str, how: str) -> None:
    """The rule decays, the base class does not, and an excluded variable has a decay of 0."""
    keras.config.set_floatx("float64")
    spec = parsed(ODD["whole"]) if rule == "whole" else adaspec.load(rule)
    params, grads = arrays(MATRICES[:2], 3)
    own = {"d0": 0.01} if rule == "prodigy" else {}
    opt = optimizer(spec, weight_decay=0.25, **own)
    held = variables(params)
    assert opt.get_config()["weight_decay"] == 0.25
    opt.exclude_from_weight_decay(**{how: [held[1]] if how == "var_list" else ["w1"]})
    with_decay, without = (adaspec.interpret(spec, weight_decay=w, **own) for w in (0.25, 0.0))
    state = with_decay.init(params)
    for g in grads:
        # Slots and shared scalars follow what each variable went through
        (a, _), new_a = with_decay.step(params, g, state)
        (_, b), new_b = without.step(params, g, state)
        params = [a, b]
        state = type(state)(new_a.step, new_a.steps, {"0": new_a.slots["0"], "1": new_b.slots["1"]}, new_a.shared)
        opt.apply(tensors(g), held)
    for v, value in zip(held, params, strict=True):
        assert_close(v, value, 1e-12)


@pytest.mark.parametrize(
    "options",
    [{}, {"jit_compile": True}, {"run_eagerly": True}, {"clipnorm": 1.0}, {"global_clipnorm": 1.0}, {"clipvalue": 0.1},
     {"use_ema": True, "ema_overwrite_frequency": 3}, {"gradient_accumulation_steps": 2}, {"loss_scale_factor": 128.0}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("rule", FEW)
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


@pytest.mark.parametrize("rule", [r for r in RULES if r not in MATRICES_ONLY])
def test_gradients_of_all_sorts(rule: str) -> None:
    """Sparse is dense, a missing gradient leaves its variable and slots alone, zero rates leave every variable."""
    params, _ = arrays([(4, 3), (3,)], 1)
    sparse = tf.IndexedSlices(tf.ones((3, 3)), tf.constant([1, 3, 1]), tf.constant([4, 3]))
    results = []
    for g in (sparse, tf.convert_to_tensor(sparse)):
        held, opt = variables(params, "float32"), optimizer(rule)
        opt.apply([g, tf.ones(3)], held)
        results.append(held)
    assert same(*results)
    before = values([held[1], *(v for v in opt.variables if "w1_" in v.path)])
    with pytest.warns(UserWarning, match="Gradients do not exist for variables"):
        opt.apply([g, None], held)
    assert same([held[1], *(v for v in opt.variables if "w1_" in v.path)], before)
    if "lr" in adaspec.load(rule).hypers and rule not in ("schedule_free", "prodigy"):  # 0 / 0 in theirs
        held, opt = variables(params, "float32"), optimizer(rule, lr=0)
        opt.apply([g, tf.ones(3)], held)
        assert same(held, variables(params, "float32"))
        assert int(opt.iterations) == 1


@pytest.mark.parametrize("rule", FEW)
def test_accumulation_is_the_mean(rule: str) -> None:
    keras.config.set_floatx("float64")
    params, grads = arrays(MATRICES[:2], 4)
    plain, gathered = variables(params), variables(params)
    one, two = optimizer(rule), optimizer(rule, gradient_accumulation_steps=2)
    step = tf.function(lambda g: two.apply(g, gathered))
    two.build(gathered)
    for k in (0, 2):
        one.apply(tensors([(a + b) / 2 for a, b in zip(grads[k], grads[k + 1], strict=True)]), plain)
        for g in grads[k : k + 2]:
            step(tensors(g))
    for v, w in zip(plain, gathered, strict=True):
        assert_close(v, w.numpy(), 1e-12)


def test_mixed_dtypes() -> None:
    """One model of four dtypes; each variable's arithmetic is its own, shared scalars are float64."""
    for rule in RULES:
        kinds = ("float64", "float32", "bfloat16", "float16")
        held = [keras.Variable(np.full((2, 2), 0.5), dtype=kind) for kind in kinds]
        opt = optimizer(rule)
        for _ in range(2):
            opt.apply([keras.ops.ones((2, 2), kind) for kind in kinds], held)
        for v in held:
            assert np.isfinite(values([keras.ops.cast(v, "float32")])).all()


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


SCRIPT = """
import sys, adaspec
for name in adaspec.names():
    if ":" not in name:
        print(adaspec.export(name, "tensorflow"))
assert not {"keras", "tensorflow"} & set(sys.modules)
"""


def test_exports_are_equal_to_the_byte() -> None:
    """Whatever the hash seed, and without the framework."""
    texts = []
    for seed in ("0", "1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        )
        texts.append(done.stdout)
    assert texts[0] == texts[1] == texts[2]
    assert all(len(line) <= 120 for line in texts[0].decode().splitlines())


def test_an_export_stands_alone(tmp_path: Path) -> None:
    text = adaspec.export("prodigy", "tensorflow")
    check = "import sys; assert 'adaspec' not in sys.modules; v = keras.Variable([1.0, 2.0])\n"
    check += "Prodigy().apply([ops.ones(2)], [v]); assert v.numpy()[0] < 1"
    path = tmp_path / "mine.py"
    path.write_text(f"{text}\n\n{check}\n")
    subprocess.run([sys.executable, "-P", str(path)], cwd=tmp_path, check=True, capture_output=True)
