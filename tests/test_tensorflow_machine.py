"""Whatever a Keras user does with an optimizer, in whatever order: it is where the straight line of steps would be."""

from __future__ import annotations

import contextlib
import copy
import pickle
import tempfile
import warnings
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import adaspec
from test_tensorflow import WORDS, arrays, assert_close, assert_state, tensors, variables

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
pytestmark = [
    pytest.mark.needs_tensorflow,
    # Keras's own Variables have not heard of NumPy 2's `copy` yet
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

RULES = ["schedule_free", "adamw", "lookahead", "adafactor", "prodigy", "rmsprop"]
HYPERS: dict[str, dict[str, Any]] = {"rmsprop": {"mu": 0.9, "centered": True}, "prodigy": {"d0": 1e-3}}
STEPS = st.integers(0, 2)
SHAPES: list[tuple[int, ...]] = [(3, 2), (4,), ()]


class Machine(RuleBasedStateMachine):
    """One optimizer over three variables, and the interpreter beside it, which knows nothing of all that."""

    name: str

    @initialize(compiled=st.booleans())
    def begin(self, compiled: bool) -> None:
        self.files = contextlib.ExitStack()
        self.folder = Path(self.files.enter_context(tempfile.TemporaryDirectory()))
        self.before = keras.config.floatx()
        keras.config.set_floatx("float64")
        self.compiled, self.rate = compiled, 0.125
        name, hypers = self.name, HYPERS.get(self.name, {})
        self.meaning = adaspec.interpret(name, **hypers)
        self.params, self.grads = arrays(SHAPES, 40)
        self.state = self.meaning.init(self.params)
        self.held = variables(self.params)
        opt = adaspec.build(name, "tensorflow")(lr=self.rate, **{WORDS.get(n, n): v for n, v in hypers.items()})
        opt.build(self.held)
        self.take(opt)
        self.saved: list[tuple[Any, Any, Any, Any, Path]] = []
        self.shown = False

    def take(self, opt: Any) -> None:
        self.opt = opt
        apply = opt.apply
        self.apply = tf.function(lambda grads: apply(grads, self.held)) if self.compiled else None

    def fresh(self, opt: Any) -> None:
        """An optimizer that is new goes on for the one before, over variables of its own."""
        shown, self.shown = self.shown, False
        if shown:
            self.opt.swap_view("eval")
        weights = [np.array(v.numpy()) for v in self.opt.variables]
        self.held = variables([v.numpy() for v in self.held])
        opt.build(self.held)
        opt.set_weights(weights)
        self.take(opt)

    @rule(steps=st.integers(1, 3))
    def step(self, steps: int) -> None:
        if not steps:
            return
        for _ in range(steps):
            g = self.grads[self.state.step % len(self.grads)]
            self.apply(tensors(g)) if self.apply else self.opt.apply(tensors(g), self.held)
            self.params, self.state = self.meaning.step(self.params, g, self.state, lr=self.rate)
        self.shown = False

    @rule(rate=st.sampled_from([0.125, 0.03, 0.0625]), steps=STEPS)
    def change_rate(self, rate: float, steps: int) -> None:
        self.opt.learning_rate = self.rate = rate
        self.step(steps)

    @precondition(lambda self: not self.shown)
    @rule(steps=STEPS)
    def save(self, steps: int) -> None:
        store: dict[str, Any] = {}
        self.opt.save_own_variables(store)
        path = self.folder / f"{len(self.saved)}.safetensors"
        adaspec.save_state(self.opt, path)
        self.saved.append((self.params, self.state, self.rate, store, path))
        self.step(steps)

    @precondition(lambda self: self.saved)
    @rule(data=st.data(), portable=st.booleans(), steps=STEPS)
    def load(self, data: Any, portable: bool, steps: int) -> None:
        self.params, self.state, rate, store, path = data.draw(st.sampled_from(self.saved))
        if self.shown:
            self.opt.swap_view("eval")
        if portable:
            adaspec.load_state(path, self.opt)
        else:
            self.opt.load_own_variables(store)
            self.rate = rate
        for v, value in zip(self.held, self.params, strict=True):
            v.assign(value)
        self.shown = False
        self.step(steps)

    @rule(how=st.sampled_from(["deepcopy", "pickle", "from_config", "serialize"]), steps=STEPS)
    def copy(self, how: str, steps: int) -> None:
        opt = self.opt
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Skipping variable loading", UserWarning)  # a copy holds no variables yet
            if how == "deepcopy":
                twin = copy.deepcopy(opt)
            elif how == "pickle":
                twin = pickle.loads(pickle.dumps(opt))
            elif how == "from_config":
                twin = type(opt).from_config(opt.get_config())
            else:
                twin = keras.optimizers.deserialize(keras.optimizers.serialize(opt))
        self.fresh(twin)
        self.step(steps)

    @precondition(lambda self: self.meaning.spec.views)
    @rule(steps=STEPS)
    def swap(self, steps: int) -> None:
        self.opt.swap_view("eval")
        self.shown = not self.shown
        self.step(steps)

    @invariant()
    def straight(self) -> None:
        wanted = self.meaning.view("eval", self.params, self.state) if self.shown else self.params
        for v, value in zip(self.held, wanted, strict=True):
            assert_close(v, value, 1e-11, self.name)
        assert float(self.opt.learning_rate) == self.rate
        assert int(self.opt.iterations) == self.state.step

    def teardown(self) -> None:
        if hasattr(self, "files"):
            assert_state(self.opt, self.state, 1e-11)
            keras.config.set_floatx(self.before)
            self.files.close()


SETTINGS = settings(max_examples=5, stateful_step_count=10, derandomize=True, deadline=None, database=None)


@pytest.mark.parametrize("name", RULES)
def test_any_order(name: str) -> None:
    run_state_machine_as_test(type(name, (Machine,), {"name": name}), settings=SETTINGS)
