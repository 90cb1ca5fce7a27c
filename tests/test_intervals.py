"""Intervals hold what float64 yields: refusals, rewrites and the guards of generated code all rest on them."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import adaspec
from adaspec import domains, ir
from adaspec.domains import Interval, interval
from adaspec.ir import Binary, Expr, Name, Number
from adaspec.parse import parse_expression
from adaspec.scalars import evaluate

STEPS = [1, 2, 3, 10, 256, 1000, 2048, 2**24, 10**7, 10**8, 2**31]
FAST = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

DOMAINS = {
    "r": ("Rate", st.floats(0, 1e3) | st.just(0.0)),
    "d": ("Decay", st.floats(0, 1, exclude_max=True) | st.sampled_from([0.0, 1 - 2**-53])),
    "p": ("Positive", st.floats(1e-6, 1e3) | st.sampled_from([1e-20])),
    "z": ("Real", st.floats(-1e3, 1e3)),
    "n": ("Count", st.integers(0, 100).map(float)),
}
ONE = ("abs", "sign", "sqrt", "rsqrt", "exp", "expm1", "log", "log1p", "tanh", "floor")


@st.composite
def expressions(draw: st.DrawFn, depth: int = 0) -> Expr:
    leaf = st.sampled_from([Name(n) for n in (*DOMAINS, "t")]) | st.sampled_from(
        [Number(v) for v in (0, 1, 2, 0.5, 3, 1e-8, 10)]
    )
    if depth > 3 or draw(st.integers(0, 4)) == 0:
        return draw(leaf)
    inner = expressions(depth=depth + 1)
    match draw(st.integers(0, 7)):
        case 0:
            return ir.Unary("-", draw(inner))
        case 1 | 2:
            return ir.Call(draw(st.sampled_from(ONE)), (draw(inner),))
        case 3:
            return ir.Call(draw(st.sampled_from(["minimum", "maximum"])), (draw(inner), draw(inner)))
        case 4:
            if draw(st.booleans()):
                return ir.Call("clip", (draw(inner), draw(inner), draw(inner)))
            return ir.Call("where", (ir.Compare("<", draw(inner), draw(inner)), draw(inner), draw(inner)))
        case _:
            return Binary(draw(st.sampled_from(["+", "-", "*", "/", "**"])), draw(inner), draw(inner))


@settings(FAST, max_examples=1500)
@given(expressions(), st.data())
def test_values_lie_in_their_interval(node: Expr, data: st.DataObject) -> None:
    """What float64 yields is inside; an interval without `nan` never yields one, an open end is never reached."""
    env = {name: domains.hyper(kind) for name, (kind, _) in DOMAINS.items()} | {"t": Interval(1.0, 2.0**31)}
    where = interval(node, env)
    for _ in range(4):
        values: dict[str, Any] = {name: data.draw(values) for name, (_, values) in DOMAINS.items()}
        values["t"] = float(data.draw(st.sampled_from(STEPS)))
        found = evaluate(node, values)
        assert isinstance(found, float)
        assert where.has(found), (where, found, values)


def test_intervals_of_the_forms_that_guards_rest_on() -> None:
    env = {
        "b": domains.hyper("Decay"),
        "p": domains.hyper("Positive"),
        "r": domains.hyper("Rate"),
        "t": Interval(1, 2**31),
    }

    def where(text: str) -> Interval:
        return interval(parse_expression(text), env)

    assert where("-expm1(t * log(b))").positive and where("1 - b**t").positive and where("1 - b").positive
    assert where("sqrt(r) + p").positive and where("1 - sqrt(b)").positive and where("p * t").positive
    assert where("t * log1p(p)").positive and where("1 / p").positive and where("rsqrt(p)").positive
    assert not where("p**t").nonzero and not where("exp(-p * t)").nonzero, "they reach 0 in float64"
    assert not where("(1 + p)**t - 1").nonzero, "1 + p may be 1"
    assert where("(1 + p)**t").has(math.inf) and not where("r * 2").has(math.inf)
    assert where("1 / (1 + p)**t - 1 / (1 + p)**t").nan is False and where("(1 + p)**t - (1 + p)**t").nan


def test_a_name_bound_twice_lies_in_both_intervals() -> None:
    body = adaspec.parse(
        '"""Mine: an example. Example, 2026."""\n\n\ndef mine(x: Param, g: Grad, t: Step, *, on: Flag = True):\n'
        "    a = 2.0\n    x = x - g / a\n    if on:\n        a = 0.0 * t\n        x = x - a * g\n"
        "    for _ in range(2):\n        c = a + t\n"
        "        x = x - c * g\n    return x\n"
    ).statements
    env: domains.Intervals = {"t": Interval(1.0, 2.0**31)}
    domains.everywhere(body, env)
    assert (env["a"].low, env["a"].high) == (0.0, 2.0) and env["c"] == domains.ANY


@FAST
@given(st.sampled_from(sorted(DOMAINS)), st.sampled_from([">", ">=", "<", "<=", "==", "!="]), st.data())
def test_what_is_asserted_of_a_name_narrows_its_interval(name: str, op: str, data: st.DataObject) -> None:
    """Every value for which the comparison holds stays inside; a bound from the domain is an end of what is left."""
    kind, values = DOMAINS[name]
    bound, whole = data.draw(values), domains.hyper(kind)
    test = ir.Compare(op, Name(name), Number(bound))
    env = {name: whole}
    domains.flow((ir.Assert(test, "as it must be"),), env)
    value = data.draw(values | st.just(bound))
    assert env[name].has(value) or not evaluate(test, {name: value})
    assert op not in (">", ">=", "==") or env[name].low == bound
    assert op not in ("<", "<=", "==") or env[name].high == bound
    assert env[name].has(bound) == (op in (">=", "<=", "==", "!="))


def test_an_assertion_that_leaves_nothing_says_nothing() -> None:
    env = {"b": domains.hyper("Decay")}
    domains.flow((ir.Assert(ir.Compare(">", Name("b"), Number(2)), "never"),), env)
    assert env["b"] == domains.hyper("Decay")
