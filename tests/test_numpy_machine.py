"""Whatever is done between the steps of a run, in whatever order, it is the run of these steps: NumPy and interpreter.

Saving and loading, copies, pickles, the pure form beside the one in place, a changed rate, a schedule, a view, a step
that is refused: after each sequence of them the parameters and the state are, bit for bit, those of a new optimizer
that took the same steps straight.
"""

from __future__ import annotations

import copy
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

import adaspec
from adaspec.complexes import takes_complex
from test_numpy_manners import bits, frozen

Array = Any
RULES = ["adam", "momentum", "adafactor", "prodigy", "schedule_free", "sgld", "lookahead", "rprop", "amsgrad", "lamb"]
SHAPES: dict[str, tuple[int, ...]] = {"w": (3, 4), "b": (5,), "s": (), "none": (0, 2)}
Step = tuple[int, frozenset[str], float]
"""The seed of its gradients, the parameters without one, and the rate."""
SEEDS, RATES = st.integers(0, 5), st.sampled_from([1e-3, 0.1, 0.5])
MISSING = st.sampled_from([frozenset(), frozenset(), frozenset("b"), frozenset("ws"), frozenset(SHAPES)])


def arrays(seed: int, dtype: str) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    found = {n: rng.normal(size=s) + 1j * rng.normal(size=s) for n, s in SHAPES.items()}
    return {n: np.asarray(a if "complex" in dtype else np.real(a)).astype(dtype) for n, a in found.items()}


def gradients(step: Step, dtype: str) -> dict[str, Any]:
    seed, missing, _ = step
    return {n: None if n in missing else a for n, a in arrays(100 + seed, dtype).items()}


class Machine(RuleBasedStateMachine):
    """`advance` takes one step; the steps so far are in `taken`."""

    @initialize(name=st.sampled_from(RULES), dtype=st.sampled_from(["float64", "float32", "float16", "complex64"]))
    def begin(self, name: str, dtype: str) -> None:
        self.spec = adaspec.load(name)
        self.dtype = dtype if "complex" not in dtype or takes_complex(self.spec) else "float64"
        self.taken: list[Step] = []
        self.x, self.state = self.started()

    def started(self) -> tuple[Any, Any]:
        """A new optimizer's parameters and state."""
        raise NotImplementedError

    def held(self) -> Any:
        return bits((self.x, self.state))

    def teardown(self) -> None:
        if not hasattr(self, "taken"):
            return
        end, taken = self.held(), self.taken
        self.taken = []
        self.x, self.state = self.started()
        for step in taken:
            self.straight(step)
        assert self.held() == end

    def straight(self, step: Step) -> None:
        raise NotImplementedError

    @property
    def owner(self) -> Any:
        raise NotImplementedError

    # What may happen between steps

    @rule()
    def saved_and_loaded(self) -> None:
        before = self.held()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "state"
            adaspec.save_state(self.state, file, params=self.x, spec=self.owner)
            self.state = adaspec.load_state(file, self.fresh(), params=self.x, spec=self.owner)
        assert self.held() == before

    def fresh(self) -> Any:
        return self.owner.init(self.x)

    @rule(way=st.sampled_from([copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))]))
    def copied(self, way: Callable[[Any], Any]) -> None:
        before = self.held()
        self.x, self.state = way((self.x, self.state))
        assert self.held() == before

    @precondition(lambda self: self.spec.views)
    @rule()
    def looked_at(self) -> None:
        before = self.held()
        for label in self.spec.views:
            self.owner.view(label, self.x, self.state)
        assert self.held() == before


class NumPyMachine(Machine):
    def started(self) -> tuple[Any, Any]:
        self.opt = adaspec.build(self.spec, "numpy")()
        x = arrays(0, self.dtype)
        return x, self.opt.init(x)

    @property
    def owner(self) -> Any:
        return self.opt

    def straight(self, step: Step) -> None:
        self.opt.lr = step[2]
        self.opt.step(self.x, gradients(step, self.dtype), self.state)

    @rule(seed=SEEDS, missing=MISSING)
    def step_in_place(self, seed: int, missing: frozenset[str]) -> None:
        step = seed, missing, self.rate()
        ids = [id(a) for a in self.x.values()]
        x, state = self.opt.step(self.x, gradients(step, self.dtype), self.state)
        assert x is self.x and state is self.state and [id(a) for a in x.values()] == ids
        self.taken.append(step)

    @rule(seed=SEEDS, missing=MISSING)
    def step_pure(self, seed: int, missing: frozenset[str]) -> None:
        step = seed, missing, self.rate()
        x, state = frozen(self.x), frozen(self.state)
        self.x, self.state = self.opt.updated(x, frozen(gradients(step, self.dtype)), state)
        self.taken.append(step)

    def rate(self) -> float:
        value: Any = self.opt.lr
        return value(self.state["step"]) if isinstance(value, Schedule) else value

    @rule(lr=RATES)
    def another_rate(self, lr: float) -> None:
        self.opt.lr = lr

    @rule(lr=RATES)
    def a_schedule(self, lr: float) -> None:
        self.opt.lr = Schedule(lr)

    @rule(way=st.sampled_from([copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))]))
    def another_optimizer(self, way: Callable[[Any], Any]) -> None:
        self.opt, self.x, self.state = way((self.opt, self.x, self.state))

    @rule()
    def other_places_in_memory(self) -> None:
        """Parameters side by side in one buffer: a state goes by paths."""
        buffer = np.concatenate([a.reshape(-1) for a in self.x.values()])
        ends = np.cumsum([a.size for a in self.x.values()])[:-1]
        parts = np.split(buffer, ends)
        self.x = {n: part.reshape(a.shape) for (n, a), part in zip(self.x.items(), parts, strict=True)}

    @rule(way=st.sampled_from(["read-only", "shape", "rate", "path", "lacking slot"]))
    def refused(self, way: str) -> None:
        before = self.held()
        x, g, state, lr = dict(self.x), arrays(1, self.dtype), self.state, self.opt.lr
        match way:
            case "read-only":
                x["none"] = frozen(x["none"])
            case "shape":
                g["s"] = np.ones(2, self.dtype)
            case "rate":
                self.opt.lr = -1.0
            case "path":
                del g["none"]
            case "lacking slot":
                state = {**state, "slots": {n: s for n, s in state["slots"].items() if n != "none"}}
        with pytest.raises(ValueError, match=r"read-only|has shape|Invalid lr|the same paths"):
            self.opt.step(x, g, state)
        self.opt.lr = lr
        assert self.held() == before


class Schedule:
    """A rate that falls; of a kind that pickles."""

    def __init__(self, lr: float) -> None:
        self.lr = lr

    def __call__(self, past: int) -> float:
        return self.lr / (past + 1)


class InterpreterMachine(Machine):
    lr = 0.1

    def started(self) -> tuple[Any, Any]:
        self.opt = adaspec.interpret(self.spec)
        x = arrays(0, self.dtype)
        return x, self.opt.init(x)

    @property
    def owner(self) -> Any:
        return self.opt

    def held(self) -> Any:
        s = self.state
        return bits((self.x, s.step, dict(s.steps), {p: dict(own) for p, own in s.slots.items()}, dict(s.shared)))

    def straight(self, step: Step) -> None:
        self.x, self.state = self.opt.step(self.x, gradients(step, self.dtype), self.state, lr=step[2])

    @rule(seed=SEEDS, missing=MISSING)
    def step(self, seed: int, missing: frozenset[str]) -> None:
        before = self.held()
        x, state = self.x, self.state
        self.straight((seed, missing, self.lr))
        new = self.x, self.state
        self.x, self.state = x, state
        assert self.held() == before
        self.x, self.state = new
        self.taken.append((seed, missing, self.lr))

    @rule(lr=RATES)
    def another_rate(self, lr: float) -> None:
        self.lr = lr

    @rule()
    def another_interpreter(self) -> None:
        """It keeps nothing itself."""
        self.opt = adaspec.interpret(adaspec.parse(self.spec.text))

    @rule()
    def refused(self) -> None:
        before = self.held()
        with pytest.raises(ValueError, match="has shape"):
            self.opt.step(self.x, {**arrays(1, self.dtype), "s": np.ones(2, self.dtype)}, self.state)
        assert self.held() == before


@pytest.mark.parametrize("machine", [NumPyMachine, InterpreterMachine])
def test_any_order(machine: type[Machine]) -> None:
    few = settings(
        max_examples=30, stateful_step_count=12, deadline=None, derandomize=True, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )  # fmt: skip
    run_state_machine_as_test(machine, settings=few)
