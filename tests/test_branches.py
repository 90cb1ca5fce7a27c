"""Real branches: one meaning on every target, and the side that does not hold costs nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adaspec
from branching_rules import HEAD, RULES
from random_runs import difference
from random_specs import parsed

RUNS = [
    pytest.param(target, mode, marks=[getattr(pytest.mark, f"needs_{target}")] if target != "numpy" else [])
    for target, mode in (
        ("numpy", "eager"), ("torch", "eager"), ("torch", "loop"), ("torch", "compiled"), ("jax", "eager"),
        ("jax", "jit"), ("tensorflow", "eager"), ("tensorflow", "function"),
    )
]  # fmt: skip


@pytest.mark.parametrize(("target", "mode"), RUNS)
@pytest.mark.parametrize("name", RULES)
def test_targets_branch_as_the_interpreter_does(name: str, target: str, mode: str) -> None:
    assert difference(parsed(HEAD + RULES[name]), target, mode) <= 1e-13


EVERY = parsed(HEAD + RULES["slot and parameter every k steps"])
FAR = (1, 2**24 - 1, 2**24, 2**24 + 1, 2**24 + 3, 2**31 - 3, 2**31 - 2)
"""Counts of updates made; float32 has room for every second one alone behind 2**24."""


@pytest.mark.needs_jax
def test_a_compiled_step_holds_both_sides_of_which_one_runs() -> None:
    import jax
    import jax.numpy as jnp

    tx = adaspec.build(EVERY, "jax")()
    x = jnp.ones(3)
    state = tx.init(x)
    text = str(jax.make_jaxpr(tx.update)(x, state, x))
    assert "cond[" in text and "f32[3] = select_n" not in text


@pytest.mark.needs_tensorflow
def test_a_graph_holds_both_sides_of_which_one_runs() -> None:
    import keras
    import tensorflow as tf

    optimizer = adaspec.build(EVERY, "tensorflow")()
    x = keras.Variable(np.ones(3, np.float32))
    optimizer.build([x])
    step = tf.function(lambda g: optimizer.apply([g], [x])).get_concrete_function(tf.TensorSpec(3, tf.float32))
    kinds = {op.type for op in step.graph.get_operations()}
    assert kinds & {"If", "StatelessIf"}
    assert not kinds & {"Select", "SelectV2"}


@pytest.mark.parametrize("target", ["numpy", "torch"])
def test_host_code_asks_python(target: str) -> None:
    """An `if` of Python, in front of the loops over elements where there are any."""
    text = adaspec.export(EVERY, target)
    assert "if due" in text
    assert "where(" not in text


@pytest.mark.needs_torch
def test_a_compiled_torch_step_is_compiled_once_for_each_side() -> None:
    import torch
    from torch._dynamo import testing

    torch._dynamo.reset()
    x = torch.nn.Parameter(torch.ones(3))
    optimizer = adaspec.build(EVERY, "torch")([x])
    counter = testing.CompileCounter()
    step = torch.compile(optimizer.step, backend=counter)
    for _ in range(3):
        x.grad = torch.ones(3)
        step()
    first = counter.frame_count
    for _ in range(7):
        x.grad = torch.ones(3)
        step()
    assert counter.frame_count == first
    torch._dynamo.reset()


def numpy_at(spec: Any, count: int) -> float:
    opt, x = adaspec.build(spec, "numpy")(), np.zeros(1)
    state = opt.init([x])
    state["step"] = state["slots"]["0"]["step"] = count
    opt.step([x], [np.ones(1)], state)
    return float(x[0])


def torch_at(spec: Any, count: int) -> float:
    import torch

    x = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    opt = adaspec.build(spec, "torch")([x])
    x.grad = torch.zeros(1, dtype=torch.float64)
    opt.step()
    with torch.no_grad():
        x.zero_()
    opt.state[x]["step"].fill_(count)
    x.grad = torch.ones(1, dtype=torch.float64)
    opt.step()
    return float(x.detach())


def jax_at(spec: Any, count: int) -> float:
    import jax
    import jax.numpy as jnp

    tx = adaspec.build(spec, "jax")()
    x = jnp.zeros(1)
    state = tx.init(x)._replace(count=jnp.array(count, jnp.int32))
    return float(jax.jit(tx.update)(jnp.ones(1), state, x)[0][0])


def tensorflow_at(spec: Any, count: int) -> float:
    import keras
    import tensorflow as tf

    opt, x = adaspec.build(spec, "tensorflow")(), keras.Variable(np.zeros(1, np.float32))
    opt.build([x])
    opt.iterations.assign(count)
    tf.function(lambda: opt.apply([tf.ones(1)], [x]))()
    return float(x.numpy()[0])


AT = {"numpy": numpy_at, "torch": torch_at, "jax": jax_at, "tensorflow": tensorflow_at}


@pytest.mark.parametrize(
    "target", ["numpy", *(pytest.param(t, marks=getattr(pytest.mark, f"needs_{t}")) for t in list(AT)[1:])]
)
def test_conditions_on_t_are_exact_up_to_the_last_step(target: str) -> None:
    """In float32 too: the digits of what the rule adds tell which conditions held."""
    spec = parsed(
        HEAD
        + """
def rule(x: Param, g: Grad, t: Step, *, k: Count = 3):
    if t % k == 1:
        x = x - g
    if (t - 1) // 2 % 2 == 1:
        x = x - 2 * g
    if t == 16777217:
        x = x - 4 * g
    if t > 16777216:
        x = x - 8 * g
    if t % 7 - 2 >= 1:
        x = x - 16 * g
    return x
"""
    )
    for count in FAR:
        t = count + 1
        held = [t % 3 == 1, (t - 1) // 2 % 2 == 1, t == 16777217, t > 16777216, t % 7 - 2 >= 1]
        assert AT[target](spec, count) == -sum(2**i for i, holds in enumerate(held) if holds), t


@pytest.mark.parametrize("target", ["numpy", pytest.param("torch", marks=pytest.mark.needs_torch)])
def test_each_parameter_goes_by_its_own_step_and_a_shared_by_the_optimizers(target: str) -> None:
    """A parameter that has no gradient at times counts its own updates."""
    spec = parsed(
        HEAD
        + """
def rule(x: Param, g: Grad, t: Step, m: Slot = zeros, d: Shared = 1.0, *, lr: Rate = 0.1):
    if t % 2 == 0:
        d = 2 * d
        m = m + d * g
        rate = 3 * lr
    else:
        rate = lr
    x = x - rate * (g + m) * d
    return x, m, d
"""
    )
    params = [np.ones(2), np.full(3, 2.0)]
    grads: list[Any] = [[np.ones(2), np.ones(3)], [np.ones(2), None], [np.ones(2), np.ones(3)], [None, np.ones(3)]]
    meaning = adaspec.interpret(spec)
    wanted, state = params, meaning.init(params)
    for g in grads:
        wanted, state = meaning.step(wanted, g, state)
    assert state.shared == {"d": 4.0}
    assert np.array_equal(state.slots["1"]["m"], np.full(3, 2.0))  # its second step is the optimizer's third: d is 2
    if target == "numpy":
        opt, found = adaspec.build(spec, "numpy")(), [p.copy() for p in params]
        kept = opt.init(found)
        for g in grads:
            opt.step(found, g, kept)
    else:
        import torch

        tensors = [torch.nn.Parameter(torch.as_tensor(p.copy())) for p in params]
        optimizer = adaspec.build(spec, "torch")(tensors)
        for g in grads:
            for p, each in zip(tensors, g, strict=True):
                p.grad = None if each is None else torch.as_tensor(each)
            optimizer.step()
        found = [p.detach().numpy() for p in tensors]
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-15)


def test_a_slot_that_a_branch_touches_is_always_there() -> None:
    spec = parsed(HEAD + RULES["static facts around and inside"])
    assert list(spec.state((2, 3))) == ["m", "row"]
    assert list(spec.state((3,))) == ["m"]
