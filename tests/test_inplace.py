"""In-place plans, run operation by operation on NumPy arrays, against the interpreter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec import ir, scalars
from adaspec.inplace import FUSED, Branch, Item, Loop, Op, plan
from adaspec.library import rules
from adaspec.lower import Lowered, lower
from adaspec.types import Stage
from adaspec.verification import supplied
from problem import MATRICES_ONLY
from tricky import LOCAL, MODEL, settings, tricky

RULES = rules()


class Machine:
    """Runs a plan; every array that is lent, given or remembered is written in place and nowhere else."""

    def __init__(self, lowered: Lowered, env: dict[str, Any], scratch: tuple[str, ...], shape: tuple[int, ...]) -> None:
        self.lowered = lowered
        self.env = env
        self.buffers = {name: np.full(shape, np.nan) for name in scratch}

    def run(self, items: tuple[Item, ...]) -> None:
        for item in items:
            match item:
                case Op():
                    self.op(item)
                case Branch(test, then, otherwise):
                    self.run(then if self.value(test) else otherwise)
                case Loop(count, body):
                    for _ in range(int(self.value(count))):
                        self.run(body)

    def op(self, op: Op) -> None:
        result = self.function(op.function, [self.value(a) for a in op.args])
        if op.function == "expr":
            self.env[op.out] = result
        elif not op.fresh:
            self.env[op.out][...] = result
        elif op.scratch:
            self.buffers[op.scratch][...] = result
            self.env[op.out] = self.buffers[op.scratch]
        else:
            self.env[op.out] = np.array(result)

    def function(self, name: str, a: list[Any]) -> Any:
        match name:
            case "expr":
                return a[0]
            case "copy":
                return np.array(a[0])
            case "axpy":
                return a[0] + a[2] * a[1]
            case "lerp":
                return a[0] + a[2] * (a[1] - a[0])
            case "addcmul":
                return a[0] + a[3] * a[1] * a[2]
            case "addcdiv":
                return a[0] + a[3] * a[1] / a[2]
            case "clip":
                return np.minimum(np.maximum(a[0], a[1]), a[2])
        plain = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**"}
        if name in plain:
            return scalars.BINARY[plain[name]](*a)
        extra = {"neg": np.negative, "square": np.square, "where": np.where}
        return (extra | scalars.ELEMENTWISE)[name](*a)

    def value(self, node: ir.Expr) -> Any:
        """Expressions that a target prints as they are: the interpreter's own reading of them."""
        if isinstance(node, ir.Call) and node.function in (*FUSED, "copy", "square"):
            return self.function(node.function, [self.value(a) for a in node.args])
        if isinstance(node, ir.Name):
            return self.env[node.id]
        return reading(self.lowered, self.env).expr(node)


NOISE = "the key of the noise"
"""Where an environment holds seed, t and the place of its parameter: no spec has a name with blanks."""


def reading(lowered: Lowered, env: dict[str, Any]) -> Any:
    from adaspec.interpret import Run

    run = object.__new__(Run)
    run.__dict__.update(spec=lowered.spec, xp=__import__("array_api_compat.numpy", fromlist=["numpy"]), env=env)
    run.__dict__.update(given={lowered.rule.param: env[lowered.rule.param]}, noise=env[NOISE])
    run.given = env
    return run


def planned_step(
    lowered: Lowered, arrays: list[dict[str, Any]], shared: dict[str, float], fused: frozenset[str]
) -> None:
    """One step in place on `arrays` (one dict of variables per parameter)."""
    reads = [ir.names(p.body) | {n for t in p.totals for n in ir.names(t.value)} for p in lowered.phases]
    for k, phase in enumerate(lowered.phases):
        keep = set(ir.assigned(phase.body)).intersection(set().union(*reads[k + 1 :], set()))
        sums = {t.name: 0.0 for t in phase.totals}
        for env in arrays:
            for stmt in phase.scalars:
                assert isinstance(stmt, ir.Assign)
                env[stmt.name] = scalars.evaluate(stmt.value, env)
            code = plan(lowered, phase, keep, fused)
            grad = env[lowered.rule.grad]
            grad.flags.writeable = False
            machine = Machine(lowered, env, code.scratch, grad.shape)
            machine.run(code.items)
            for name in sums:
                sums[name] += float(env[name])
        for env in arrays:
            env.update(sums)
    for name, value in lowered.shared_values.items():
        shared[name] = arrays[0][value]


def check(spec: Any, shapes: list[tuple[int, ...]], fused: frozenset[str], **hypers: Any) -> None:
    lowered = lower(spec)
    rng = np.random.default_rng(0)
    params = [np.asarray(rng.normal(size=s)) for s in shapes]
    meaning = adaspec.interpret(spec, **hypers)
    state = meaning.init(params)
    xs = [p.copy() for p in params]
    slots = [{n: a.copy() for n, a in state.slots[str(i)].items()} for i in range(len(xs))]
    shared = dict(state.shared)
    for t in range(1, 4):
        grads = [np.asarray(rng.normal(size=s)) for s in shapes]
        envs = []
        inputs = supplied(spec, 0, t, grads)
        for i, (x, g, own) in enumerate(zip(xs, grads, slots, strict=True)):
            env: dict[str, Any] = {NOISE: (int(meaning.hypers.get("seed") or 0), t, i)}
            env |= dict(meaning.hypers) | shared | {lowered.rule.param: x, lowered.rule.grad: g.copy()} | own
            for slot in lowered.rule.slots:
                if slot.init.kind == "first_grad" and t == 1:
                    own[slot.name][...] = g
            if lowered.rule.step:
                env[lowered.rule.step] = float(t)
            env |= {n: v[i].copy() if isinstance(v, list) else v for n, v in inputs.items()}
            for name in spec.rule.array_inputs:
                if env[name] is not None:
                    env[name].flags.writeable = False
            envs.append(env)
        planned_step(lowered, envs, shared, fused)
        params, state = meaning.step(params, grads, state, **inputs)
        for i, (x, want) in enumerate(zip(xs, params, strict=True)):
            np.testing.assert_allclose(x, want, rtol=1e-12, atol=1e-12, err_msg=f"parameter {i}")
            for name, slot in slots[i].items():
                np.testing.assert_allclose(slot, state.slots[str(i)][name], rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.sampled
@pytest.mark.parametrize("fused", [FUSED, frozenset()], ids=["fused", "plain"])
@pytest.mark.parametrize("rule", RULES)
def test_plans_of_the_library(rule: str, fused: frozenset[str]) -> None:
    spec = adaspec.load(rule)
    if any(isinstance(s, ir.If) for p in lower(spec).phases for s in p.scalars):
        pytest.skip("scalars that branch are the emitters' business")
    check(spec, [(4, 3), (3, 5)] if rule in MATRICES_ONLY else [(), (5,), (4, 3), (2, 2, 4, 3)], fused)


@pytest.mark.parametrize("fused", [FUSED, frozenset()], ids=["fused", "plain"])
@pytest.mark.parametrize("body", (LOCAL | MODEL).values(), ids=LOCAL | MODEL)
def test_tricky_plans(body: str, fused: frozenset[str]) -> None:
    spec = tricky(body)
    if "if on: r" in body:
        pytest.skip("scalars that branch are the emitters' business")
    for hypers in settings(spec):
        check(spec, [(4, 4), (3, 3)], fused, **hypers)


def test_temporaries_share_one_buffer() -> None:
    """Adam needs one array beside its state; its update is six operations, none of them on a fresh array but two."""
    code = plan(lowered := lower(adaspec.load("adam")), lowered.phases[0])
    assert code.scratch == ("a",) and code.elementwise and len(code.items) == 6
    assert [i.function for i in code.items if isinstance(i, Op) and i.fresh] == ["square", "sqrt"]
    assert not math.isnan(float(Stage.STATIC))
