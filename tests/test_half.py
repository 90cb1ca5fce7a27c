"""bfloat16 parameters train with every rule: never stuck, never NaN, their state in float32 and rounded once a step."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec import verification
from half import RAISED, RUNS, OnNumPy, course, hypers, ulp

ml_dtypes = pytest.importorskip("ml_dtypes", reason="NumPy has no bfloat16 of its own")

RULES = [n for n in adaspec.names() if ":" not in n]
SLOTS = 1e-5
"""Of float32 slots, to the largest of the array, after 40 steps (3e-6 at worst); bfloat16's would be 1e-3 off."""
UPHILL = {
    "ftrl": "it sets its parameters from sums that begin at 0, wherever they were",
}
"""Rules that 40 steps of the run do not bring nearer."""


def cases() -> list[Any]:
    """A plain run takes every rule on NumPy or torch, by turns, and a few on JAX and TensorFlow; the proof, all."""
    found = []
    for place, name in enumerate(RULES):
        for k, target in enumerate(RUNS):
            plain = place % 2 == k if k < 2 else place % 16 == 8 * (k - 2)
            marks = [] if plain else [pytest.mark.prove]
            marks += [] if target == "numpy" else [getattr(pytest.mark, f"needs_{target}")]
            found.append(pytest.param(name, target, id=f"{name}-{target}", marks=marks))
    return found


@pytest.mark.parametrize("name", RULES)
def test_the_run_is_one_that_trains(name: str) -> None:
    """By the interpreter: some parameters move though they are rounded at every step, and the loss falls."""
    steps, left = course(name, **hypers(name))
    assert steps[0].x and all(np.isfinite(a).all() for step in steps for a in step.wanted)
    assert all(np.isfinite(s).all() for slots in left.slots for s in slots.values())
    assert any(not np.array_equal(a, b) for a, b in zip(steps[0].x, steps[-1].x, strict=True))
    assert (steps[-1].loss < steps[0].loss) == (name not in UPHILL)


@pytest.mark.parametrize("name", RAISED)
def test_a_raised_first_step_is_needed(name: str) -> None:
    steps, _ = course(name)
    assert all(np.array_equal(a, b) for step in steps for a, b in zip(step.x, steps[0].x, strict=True))


def retraced(spec: Any, name: str, target: str) -> None:
    """Hold a target's steps on bfloat16 parameters, and the state they leave, against the interpreter's in float64."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # frameworks warn of their own affairs while they trace
        run: Any = RUNS[target](adaspec.build(spec, target), **hypers(name))
        steps, left = course(name, **hypers(name))
        run.begin(steps[0].x)
        for t, step in enumerate(steps, 1):
            for i, (x, found, wanted) in enumerate(zip(step.x, run.step(step), step.wanted, strict=True)):
                where = f"step {t}, parameter {i}"
                assert found.dtype == ml_dtypes.bfloat16, where
                found = found.astype(np.float64)
                assert np.isfinite(found).all(), where
                assert (np.abs(found - wanted) <= room(spec, target, x, wanted)).all(), where
                assert (found != x)[np.abs(wanted - x) > 0.51 * ulp(x)].all(), f"stuck: {where}"
        agree(spec, run.left(), left, [x.shape for x in steps[0].x])
        quiet, _ = course(name, still=True, **hypers(name))
        run.begin(quiet[0].x)
        for step in quiet:
            for found, wanted in zip(run.step(step), step.wanted, strict=True):
                assert np.array_equal(np.isfinite(found), np.isfinite(wanted)), "gradients of 0"


def room(spec: Any, target: str, x: Any, wanted: Any) -> Any:
    """Half an ulp of the result, which is rounded once; and what float32 loses on the way.

    On JAX the update is rounded, too: a transformation hands it over in the gradients' dtype, and adding is optax's.
    """
    way = np.abs(wanted - x)
    bound, unit = verification.float32_bound(spec)
    lost = 2.0**-23 * bound * (np.abs(x) + way) if unit == "ulp" else bound * np.max(way, initial=0)
    return (ulp(wanted) + (ulp(way) if target == "jax" else 0)) / 2 + lost


def agree(spec: Any, found: Any, wanted: Any, shapes: list[tuple[int, ...]]) -> None:
    """The slots in the dtype that the rule says, and nowhere off by more than float32 accounts for."""
    turned = bool(verification.decompositions(spec))  # the sign of an eigenvector is each LAPACK's own choice
    for i, shape in enumerate(shapes):
        dtypes = {n: s.dtype for n, s in spec.state(shape, "bfloat16").items()}
        assert {n: str(found.slots[i][n].dtype) for n in dtypes} == dtypes
        for n, b in wanted.slots[i].items():
            a, b = found.slots[i][n].astype(np.float64), np.asarray(b)
            a, b = (np.abs(a), np.abs(b)) if turned else (a, b)
            assert np.isfinite(a).all(), f"slot {n} of parameter {i}"
            assert np.max(np.abs(a - b), initial=0) <= SLOTS * np.max(np.abs(b), initial=0), f"slot {n} of {i}"
    for n, b in wanted.shared.items():
        assert abs(found.shared[n] - b) <= SLOTS * abs(b), n


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch", "ignore::FutureWarning:torch")
@pytest.mark.parametrize(("name", "target"), cases())
def test_every_rule_trains_in_bfloat16(name: str, target: str) -> None:
    retraced(adaspec.load(name), name, target)


@pytest.mark.parametrize("slot", ["m", "v"])
def test_a_slot_of_half_precision_is_noticed(slot: str) -> None:
    text = adaspec.load("adam").text.replace(f"{slot}: Slot", f"{slot}: Slot[bfloat16]")
    assert adaspec.parse(text).slots[slot].dtype == "bfloat16"
    with pytest.raises(AssertionError):
        retraced(adaspec.parse(text), "adam", "numpy")


class RoundedState(OnNumPy):
    """Slots that pass through bfloat16 behind each step."""

    def step(self, step: Any) -> list[Any]:
        found = super().step(step)
        for slots in self.state["slots"].values():
            for s in slots.values():
                if isinstance(s, np.ndarray):
                    s[...] = s.astype(ml_dtypes.bfloat16)
        return found


class RoundedUpdate(OnNumPy):
    """An update that is rounded to bfloat16 before it is added."""

    def step(self, step: Any) -> list[Any]:
        super().step(step)
        ways = [np.subtract(b, a).astype(ml_dtypes.bfloat16) for a, b in zip(step.x, step.wanted, strict=True)]
        return [np.add(a, w, dtype=np.float64).astype(w.dtype) for a, w in zip(step.x, ways, strict=True)]


class Stuck(OnNumPy):
    """Parameters that stay where they are once they are so far away that few steps can move them."""

    def step(self, step: Any) -> list[Any]:
        found = zip(step.x, super().step(step), strict=True)
        return [np.where(np.abs(x) > 0.02, x, a).astype(a.dtype) for x, a in found]


@pytest.mark.parametrize("wrong", [RoundedState, RoundedUpdate, Stuck])
@pytest.mark.parametrize("name", ["adam", "momentum", "lamb"])
def test_a_wrong_run_is_noticed(name: str, wrong: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RUNS, "numpy", wrong)
    with pytest.raises(AssertionError):
        retraced(adaspec.load(name), name, "numpy")
