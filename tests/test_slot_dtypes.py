"""`Slot[dtype]`: the state has the dtype that is asked for, the arithmetic its own, and state is rounded once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adaspec
from random_runs import difference, inputs
from random_specs import parsed

ml_dtypes = pytest.importorskip("ml_dtypes", reason="NumPy has no bfloat16 of its own")

HEAD = '"""Typed: a rule. The tests, 2026. https://example.org"""\n\nfrom adaspec.lang import *\n'
ARGUMENTS = """
def typed(x: Param, g: Grad, m: Slot[bfloat16] = full(0.3), v: Slot[float32] = ones, start: Slot[float16] = copy,
          row: Slot[bfloat16] = zeros.without(-1), n: Slot[float64] = zeros.scalar, e: Slot = zeros, *, lr: Rate = 0.1):
    m = 0.9 * m + (1 - 0.9) * g
    v = 0.9 * v + (1 - 0.9) * g**2
"""
REST = """
    if x.ndim >= 2:
        row = 0.5 * row + mean(m, axis=-1)
        e = e + row[..., None]
    x = x - lr * m / sqrt(v) - 0.01 * (x - start) - 0.001 * n - 0.001 * e
    return x, m, v, start, row, n, e


@view("eval")
def reading(x: Param, m: Slot, start: Slot):
    return x + 0.1 * m + sqrt(abs(start))
"""
ALONE = parsed(HEAD + ARGUMENTS + "    n = n + norm(m)" + REST)
TOGETHER = parsed(HEAD + ARGUMENTS + "    n = n + sqrt(total(sum(m**2)))" + REST)
"""A sum over the model needs the mean of this step before it is rounded, in a second pass."""
RULES = {"alone": ALONE, "together": TOGETHER}
DTYPES = {"m": "bfloat16", "v": "float32", "start": "float16", "row": "bfloat16", "n": "float64"}

RUNS = [
    pytest.param(target, mode, marks=[getattr(pytest.mark, f"needs_{target}")] if target != "numpy" else [])
    for target, mode in (
        ("numpy", "eager"), ("torch", "eager"), ("torch", "loop"), ("torch", "compiled"), ("jax", "eager"),
        ("jax", "jit"), ("tensorflow", "eager"), ("tensorflow", "function"),
    )
]  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("target", "mode"), RUNS)
def test_targets_round_as_the_interpreter_does(target: str, mode: str, rule: str) -> None:
    """To the last bit of float64: a value that were rounded earlier, or twice, would be off by 1e-3."""
    assert difference(RULES[rule], target, mode) <= 1e-13


def test_the_text_says_the_dtype() -> None:
    assert "m: Slot[bfloat16] = full(0.3)" in ALONE.text
    assert adaspec.parse(ALONE.text) == ALONE
    assert {s.name: s.dtype for s in ALONE.state((2, 3), "float32").values()} == DTYPES | {"e": "float32"}
    assert ALONE.state((2, 3), "float64")["v"].dtype == "float32"
    assert ALONE.replace(m="zeros").slots["m"].dtype == "bfloat16"


def test_the_interpreter_rounds_once_at_the_end() -> None:
    x, g = np.array([1.0, -2.0]), np.array([0.1, 0.7])
    opt = adaspec.interpret(ALONE)
    first = opt.init([x])
    assert {n: str(s.dtype) for n, s in first.slots["0"].items()} == {
        n: d for n, d in (DTYPES | {"e": "float64"}).items() if n != "row"
    }
    _, state = opt.step([x], [g], first)
    begun = float(ml_dtypes.bfloat16(0.3))
    wanted = (begun + (1 - 0.9) * (g - begun)).astype(ml_dtypes.bfloat16)
    assert state.slots["0"]["m"].dtype == ml_dtypes.bfloat16
    assert np.array_equal(state.slots["0"]["m"], wanted)


def found(target: str, rule: Any) -> tuple[dict[str, str], Any]:
    """The dtypes of the slots of a float32 matrix after two steps, and the parameter after a third one that begins
    from the state as it was saved and loaded."""
    params, grads = inputs(rule, 3)
    at = next(i for i, p in enumerate(params) if p.shape == (4, 3))
    x, gs = params[at].astype(np.float32), [g[at].astype(np.float32) for g in grads]
    return {"numpy": of_numpy, "torch": of_torch, "jax": of_jax, "tensorflow": of_keras}[target](rule, x, gs)


def of_numpy(rule: Any, x: np.ndarray, gs: list[np.ndarray]) -> tuple[dict[str, str], Any]:
    import pickle

    opt = adaspec.build(rule, "numpy")()
    state = opt.init([x])
    for k, g in enumerate(gs):
        state = pickle.loads(pickle.dumps(state)) if k == 2 else state
        opt.step([x], [g], state)
    return {n: str(s.dtype) for n, s in state["slots"]["0"].items() if n != "step"}, x


def of_torch(rule: Any, x: np.ndarray, gs: list[np.ndarray]) -> tuple[dict[str, str], Any]:
    import torch

    p = torch.nn.Parameter(torch.as_tensor(x.copy()))
    opt = adaspec.build(rule, "torch")([p])
    for k, g in enumerate(gs):
        if k == 2:
            saved, opt = opt.state_dict(), adaspec.build(rule, "torch")([p])
            opt.load_state_dict(saved)
        p.grad = torch.as_tensor(g)
        opt.step()
    return {n: str(s.dtype)[6:] for n, s in opt.state[p].items() if n != "step"}, p.detach().numpy()


def of_jax(rule: Any, x: np.ndarray, gs: list[np.ndarray]) -> tuple[dict[str, str], Any]:
    import jax
    import jax.numpy as jnp

    tx = adaspec.build(rule, "jax")()
    with jax.enable_x64(True):
        p = jnp.asarray(x)
        state = tx.init([p])
        for k, g in enumerate(gs):
            if k == 2:
                leaves, tree = jax.tree.flatten(state)
                state = jax.tree.unflatten(tree, [jnp.asarray(np.asarray(leaf)) for leaf in leaves])
            updates, state = tx.update([jnp.asarray(g)], state, [p])
            p = p + updates[0]
        names = state._fields[1:]
        return {n: str(getattr(state, n)[0].dtype) for n in names}, np.asarray(p)


def of_keras(rule: Any, x: np.ndarray, gs: list[np.ndarray]) -> tuple[dict[str, str], Any]:
    import keras

    variable = keras.Variable(x, dtype="float32", name="p")
    opt = adaspec.build(rule, "tensorflow")()
    opt.build([variable])
    for k, g in enumerate(gs):
        if k == 2:
            saved: dict[str, Any] = {}
            opt.save_own_variables(saved)
            opt = adaspec.build(rule, "tensorflow")()
            opt.build([variable])
            opt.load_own_variables(saved)
        opt.apply([keras.ops.convert_to_tensor(g)], [variable])
    names = {n: next(v for v in opt.variables if v.name.endswith(f"p_{n}")) for n in ALONE.slots}
    return {n: str(v.dtype) for n, v in names.items()}, np.array(variable.numpy())


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "target",
    ["numpy", *(pytest.param(t, marks=getattr(pytest.mark, f"needs_{t}")) for t in ("torch", "jax", "tensorflow"))],
)
def test_state_has_its_dtypes_and_is_saved_with_them(target: str, rule: str) -> None:
    dtypes, x = found(target, RULES[rule])
    assert dtypes == DTYPES | {"e": "float32"}
    params, grads = inputs(RULES[rule], 3)
    at = next(i for i, p in enumerate(params) if p.shape == (4, 3))
    opt = adaspec.interpret(RULES[rule])
    wanted = [params[at].astype(np.float32)]
    state = opt.init(wanted)
    for g in grads:
        wanted, state = opt.step(wanted, [g[at].astype(np.float32)], state)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, wanted[0], rtol=2e-3)  # a mean at the border of two numbers of bfloat16
    assert np.median(np.abs(x / wanted[0] - 1)) < 1e-6


def test_annotations_with_brackets_can_be_evaluated() -> None:
    """`@adaspec.optimizer` decorates a function of which Python has evaluated the signature."""
    from adaspec import lang

    for annotation in (lang.Slot[lang.bfloat16], lang.Optional[lang.Positive]):  # type: ignore[misc]
        assert annotation is not None
