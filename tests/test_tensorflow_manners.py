"""What a Keras user expects of any optimizer: configs, refusals, schedules, decay exclusions, gradients, exports."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaspec
from problem import MATRICES_ONLY
from test_tensorflow import MATRICES, ODD, RULES, WORDS, arrays, assert_close, optimizer, parsed, tensors, variables

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
pytestmark = [
    pytest.mark.usefixtures("float32"),
    pytest.mark.sampled,
    pytest.mark.needs_tensorflow,
    # Keras's own Variables have not heard of NumPy 2's `copy` yet
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

BASE = {
    "name", "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum", "ema_overwrite_frequency",
    "loss_scale_factor", "gradient_accumulation_steps", "weight_decay",
}  # fmt: skip
FEW = ["adam", "adafactor", "muon", "schedule_free", "prodigy"]


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
    assert opt.weight_decay is None
    opt = type(opt)(learning_rate=np.float32(0.5), clipnorm=1.0, use_ema=True, ema_momentum=0.5, name="mine")
    config = opt.get_config()
    own = {WORDS.get(n, n) for n in adaspec.load(rule).hypers}
    views, copies = adaspec.load(rule).views, [s for s in adaspec.load(rule).slots.values() if s.init.kind == "copy"]
    assert set(config) == {"learning_rate", *BASE, *own} - ({"weight_decay"} - own if views or copies else set())
    for twin in (
        type(opt).from_config(dict(config)),
        keras.optimizers.deserialize(keras.optimizers.serialize(opt)),
        pickle.loads(pickle.dumps(opt)),
        copy.deepcopy(opt),
    ):
        assert type(twin) is type(opt)
        assert twin.get_config() == config
        assert float(twin.learning_rate) == 0.5


def test_a_variant_is_another_class_to_keras() -> None:
    """A rule and its variant share the name of the class: what one saved is not read as the other."""
    config = keras.optimizers.serialize(optimizer("adax"))
    variant = adaspec.build(adaspec.load("adax").replace(beta2_hat="1 - t**-c", c=0.8), "tensorflow")
    assert variant.__name__ == "AdaX"
    assert type(keras.optimizers.deserialize(config)) is adaspec.tensorflow.AdaX
    assert type(keras.optimizers.deserialize(keras.optimizers.serialize(variant()))) is variant


@pytest.mark.parametrize("rule", RULES)
def test_refusals(rule: str) -> None:
    make = type(optimizer(rule))
    for hyper in adaspec.load(rule).hypers.values():
        name = WORDS.get(hyper.name, hyper.name)
        bad = [float("nan"), float("inf"), *([] if hyper.kind == "Real" else [-1])]
        for value in bad:
            with pytest.raises(ValueError, match=rf"`{name}` must be .*Received: {name}={value}"):
                make(**{name: value})
        with pytest.raises(ValueError if hyper.kind == "Flag" else TypeError):
            make(**{name: "0.1"})
    with pytest.raises(TypeError):
        make(weight_decoy=0.1)


def test_refused_variables() -> None:
    with pytest.raises(ValueError, match=r"muon updates matrices.*parameter 'w1' has shape \(3,\)"):
        optimizer("muon").build(variables([np.ones((2, 2)), np.ones(3)]))
    with pytest.raises(TypeError, match="int32"):
        optimizer("adam").build([keras.Variable(np.ones(3), dtype="int32")])


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


SCRIPT = """
import sys, adaspec
from adaspec.library import rules
for name in [*rules(), *(name for name in adaspec.names() if name.endswith(":keras"))]:
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
