"""All specs on all targets against the float64 interpreter, by the product's own `verify`; and that it can fail."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec import verification
from adaspec.build import TARGETS, build
from adaspec.library import rules
from adaspec.magnitude import Sized

RULES = rules()
NEEDS = {"torch": pytest.mark.needs_torch, "jax": pytest.mark.needs_jax, "tensorflow": pytest.mark.needs_tensorflow}
INSTALLED = [pytest.param(t, marks=[NEEDS[t]] if t in NEEDS else []) for t in TARGETS]

PLAIN = {"numpy": "eager", "torch": "eager", "jax": "jit", "tensorflow": "eager"}

WARNED_BY_TORCH = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch", "ignore::FutureWarning:torch")


def each_rule_and_target() -> list[Any]:
    """A plain run compiles every rule for JAX or for TensorFlow, by turns; the proof for both."""
    found = []
    for place, name in enumerate(RULES):
        for target in TARGETS:
            marks = [NEEDS[target]] if target in NEEDS else []
            if target == ("jax", "tensorflow")[place % 2]:
                marks.append(pytest.mark.prove)
            found.append(pytest.param(name, target, id=f"{name}-{target}", marks=marks))
    return found


@WARNED_BY_TORCH
@pytest.mark.parametrize(("name", "target"), each_rule_and_target())
def test_every_rule_agrees_on_every_target(name: str, target: str) -> None:
    """The part of the next test that a plain run pays for every rule: one mode, float64."""
    report = adaspec.verify(name, [target], steps=12, modes=(PLAIN[target],), dtypes=("float64",))
    assert report.ok and len(report.results) == 1, str(report)


@WARNED_BY_TORCH
@pytest.mark.sampled
@pytest.mark.parametrize("target", INSTALLED)
@pytest.mark.parametrize("name", RULES)
def test_every_target_agrees(name: str, target: str) -> None:
    """Eager and compiled, float64 and float32, over 25 steps; the CLI's `verify` runs 100."""
    report = adaspec.verify(name, [target], steps=25)
    assert report.ok, str(report)
    session = importlib.import_module(f"adaspec.backends.{target}.session")
    modes = session.modes(adaspec.build(name, target)) if hasattr(session, "modes") else session.MODES
    assert {(r.mode, r.dtype) for r in report.results} == {(m, d) for m in modes for d in ("float64", "float32")}


@WARNED_BY_TORCH
@pytest.mark.needs_torch
@pytest.mark.parametrize("name", ["adam", "lamb"])
def test_inductor_agrees(name: str) -> None:
    report = adaspec.verify(name, ["torch"], steps=10, modes=("inductor",))
    assert len(report.results) == 2 and report.ok, str(report)


LONG = {"adam": 12.0, "adax": 12.0, "rmsprop": 12.0, "lamb": 12.0, "adafactor": 9.0}
"""Rules with a promised float32 bound for t <= 1000, with the widest gradients (as powers of ten) that it covers."""


@pytest.mark.parametrize("target", INSTALLED)
@pytest.mark.parametrize("name", LONG)
def test_float32_bound_holds_for_a_thousand_steps(name: str, target: str) -> None:
    spec = adaspec.load(name)
    session = importlib.import_module(f"adaspec.backends.{target}.session")
    mode = {"numpy": "eager", "torch": "eager", "jax": "jit", "tensorflow": "function"}[target]
    bound, unit = verification.float32_bound(spec)
    assert unit == "ulp"
    error, _ = verification.same_inputs(
        spec, session.Session, build(spec, target), mode, steps=1000, seed=1, widest=LONG[name]
    )
    assert error <= bound


WRONG = {
    "swapped betas": ("beta1 * m + (1 - beta1) * g", "beta2 * m + (1 - beta2) * g"),
    "no bias correction of v": ("v / (1 - beta2**t)", "v / (1 - 0 * beta2**t)"),
    "no bias correction of m": ("m / (1 - beta1**t)", "m / (1 - 0 * beta1**t)"),
    "no square root": ("sqrt(v_hat)", "v_hat"),
    "twice the rate": ("lr * m_hat", "2 * lr * m_hat"),
    "eps inside the root": ("sqrt(v_hat) + eps", "sqrt(v_hat + eps)"),
    "late step": ("beta1**t)", "beta1**(t + 1))"),
    "g for g squared": ("g**2", "abs(g)"),
    "eps forgotten": ("+ eps)", "+ 0 * eps)"),
    "one digit of a decay": ("beta2 * v + (1 - beta2)", "(beta2 - 1e-9) * v + (1 - beta2)"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_adam_is_noticed(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The generated class of a mutant against the interpreter of Adam: float64 notices every one."""
    adam = adaspec.load("adam")
    text = adam.text.replace(*WRONG[what])
    assert text != adam.text
    mutant = adaspec.parse(text)
    monkeypatch.setattr(verification, "build", lambda spec, target: build(mutant, target))
    report = adaspec.verify("adam", ["numpy"], dtypes=("float64",))
    assert not report.ok and report.results[0].error > 1e-12


@pytest.mark.parametrize("what", sorted(set(WRONG) - {"one digit of a decay"}))
def test_a_wrong_adam_is_noticed_in_float32(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = adaspec.parse(adaspec.load("adam").text.replace(*WRONG[what]))
    monkeypatch.setattr(verification, "build", lambda spec, target: build(mutant, target))
    assert not adaspec.verify("adam", ["numpy"], dtypes=("float32",)).ok


class Customary:
    """Adam in float32 as it is usually written: the decays themselves round, and so does each product with them."""

    def __init__(self, factory: Any, params: list[Any], dtype: str, mode: str, lr: float | None) -> None:
        self.params = [np.array(p, np.float32) for p in params]
        self.m, self.v = ([np.zeros_like(p) for p in self.params] for _ in range(2))
        self.t = 0

    def set(self, params: list[Any]) -> None:
        self.params = [np.array(p, np.float32) for p in params]

    def step(self, grads: list[Any], inputs: dict[str, Any]) -> list[Any]:
        self.t += 1
        out = []
        for p, g, m, v in zip(self.params, grads, self.m, self.v, strict=True):
            m[...] = 0.9 * m + 0.1 * g
            v[...] = 0.999 * v + 0.001 * (g * g)
            out.append(p - (m / (1 - 0.9**self.t)) / (np.sqrt(v / (1 - 0.999**self.t)) + 1e-8))
        return out

    def close(self) -> None:
        pass


def test_the_loss_of_a_rounded_decay_is_seen() -> None:
    """The unit resolves what writing the average as a lerp mends: the customary form leaves the bound."""
    error, _ = verification.same_inputs(adaspec.load("adam"), Customary, None, "eager", steps=1000, seed=1)
    assert error > verification.ELEMENTWISE_BOUND


def test_sizes_ignore_cancellation_and_nothing_else() -> None:
    a, b = Sized(np.array([3.0, -2.0])), Sized(np.array([-3.0, 5.0]))
    assert np.array_equal((a + b).size_, [6.0, 7.0]) and np.array_equal((a - b).size_, [6.0, 7.0])
    assert np.array_equal((a * b).size_, [9.0, 10.0]) and np.array_equal((a / b).size_, [1.0, 0.4])
    total = (a + b) * (a - b)
    assert np.all(total.size_ >= np.abs(total.value))


def test_a_missing_framework_is_listed_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(spec: adaspec.Spec, target: str) -> Any:
        if target == "numpy":
            return build(spec, target)
        raise adaspec.MissingFramework(target, target, target)

    monkeypatch.setattr(verification, "build", absent)
    report = adaspec.verify("sgd", steps=3)
    assert report.ok and report.missing == ("torch", "jax", "tensorflow")
    with pytest.raises(adaspec.MissingFramework, match=r"pip install 'adaspec\[torch\]'"):
        adaspec.verify("sgd", ["torch"], steps=3)


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(ValueError, match="did you mean 'torch'"):
        adaspec.verify("sgd", ["troch"])
