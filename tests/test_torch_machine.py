"""Anything a training script does with an optimizer, in any order: the parameters are always where the oracle has them.

The oracle is the interpreter in float64, which only ever steps. The optimizer is saved, loaded into a new one, copied,
pickled, given groups and rates in between.
"""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import adaspec
from test_torch import assert_close

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.needs_torch

SHAPES = [(3, 2), (4,), ()]
RATES = st.sampled_from([0.0, 0.01, 0.1])
SEEDS = st.integers(0, 9)


class Training(RuleBasedStateMachine):
    """`name` is a rule that sums nothing over the model: to the oracle each group is a model of its own."""

    name = ""

    @initialize()
    def begin(self) -> None:
        self.spec = adaspec.load(self.name)
        self.oracles: list[Any] = []
        self.opt: Any = None
        self.named = False
        self.grow(0.1, 0)

    @rule(lr=RATES, seed=SEEDS)
    def grow(self, lr: float, seed: int) -> None:
        """Another group of parameters, with a rate of its own."""
        if len(self.oracles) == 3:
            return
        rng = np.random.default_rng(seed)
        values = [np.asarray(rng.normal(size=s)) for s in SHAPES]
        params = [torch.nn.Parameter(torch.tensor(v)) for v in values]
        if self.opt is None:
            self.opt = adaspec.build(self.spec, "torch")(params, lr=lr)
        else:
            self.opt.add_param_group({"params": params, "lr": lr})
        meaning = adaspec.interpret(self.spec)
        self.oracles.append([lr, meaning, values, meaning.init(values)])

    @rule(seed=SEEDS, missing=st.integers(0, 8))
    def step(self, seed: int, missing: int) -> None:
        rng = np.random.default_rng(seed)
        count = 0
        for group, oracle in zip(self.opt.param_groups, self.oracles, strict=True):
            lr, meaning, values, state = oracle
            grads = [np.asarray(rng.normal(size=s)) for s in SHAPES]
            given: list[Any] = []
            for p, g in zip(group["params"], grads, strict=True):
                given.append(None if count == missing else g)
                p.grad = None if count == missing else torch.tensor(g)
                count += 1
            oracle[2:] = meaning.step(values, given, state, lr=lr)
        self.opt.step()

    @rule(lr=RATES, which=st.integers(0, 2), tensor=st.booleans())
    def change_rate(self, lr: float, which: int, tensor: bool) -> None:
        which %= len(self.oracles)
        self.opt.param_groups[which]["lr"] = torch.tensor(lr, dtype=torch.float64) if tensor else lr
        self.oracles[which][0] = lr

    @rule()
    def save_and_load(self) -> None:
        """Through a file into an optimizer that was made anew, with other rates."""
        file = io.BytesIO()
        torch.save(self.opt.state_dict(), file)
        file.seek(0)
        groups = [
            {"params": [torch.nn.Parameter(p.detach().clone()) for p in group["params"]], "lr": 0.5}
            for group in self.opt.param_groups
        ]
        self.opt = adaspec.build(self.spec, "torch")(groups)
        self.opt.load_state_dict(torch.load(file, weights_only=True))

    @rule()
    def deep_copy(self) -> None:
        self.opt = copy.deepcopy(self.opt)

    @rule()
    def through_pickle(self) -> None:
        self.opt = pickle.loads(pickle.dumps(self.opt))

    @rule()
    def forget_gradients(self) -> None:
        self.opt.zero_grad()
        self.opt.step()

    @rule()
    def look(self) -> None:
        """Views are shown and taken back."""
        for label in self.spec.views:
            with self.opt.view(label):
                for group, (_, meaning, values, state) in zip(self.opt.param_groups, self.oracles, strict=True):
                    for p, v in zip(group["params"], meaning.view(label, values, state), strict=True):
                        assert_close(p, v, 1e-11, label)

    @invariant()
    def parameters_are_the_oracles(self) -> None:
        for group, (lr, _, values, state) in zip(self.opt.param_groups, self.oracles, strict=True):
            assert float(group["lr"]) == lr
            for i, (p, value) in enumerate(zip(group["params"], values, strict=True)):
                assert_close(p, value, 1e-11, f"parameter {i}")
                kept = self.opt.state.get(p) or {"step": 0}
                assert float(kept["step"]) == state.steps.get(str(i), 0)

    def teardown(self) -> None:
        for group, (_, _, _, state) in zip(self.opt.param_groups, self.oracles, strict=True):
            for i, p in enumerate(group["params"]):
                slots = [slot for name, slot in self.opt.state.get(p, {}).items() if name != "step"]
                for slot, wanted in zip(slots, state.slots[str(i)].values(), strict=bool(slots)):
                    assert_close(slot, wanted, 1e-11)


@pytest.mark.parametrize("name", ["adam", "adafactor", "lamb", "schedule_free", "sgd_momentum"])
def test_whatever_happens_to_an_optimizer(name: str) -> None:
    machine = type("Training", (Training,), {"name": name})
    tries = settings(
        max_examples=25, stateful_step_count=15, derandomize=True, database=None, deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )  # fmt: skip
    run_state_machine_as_test(machine, settings=tries)
