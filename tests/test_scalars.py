"""Scalars against mpmath: every rewrite is an identity, every scalar of the library is within 8 units of 2**-52.

The unit is 2**-52 of the exact value, with two conditions. A growing power is known to as many units as it has e-folds,
because t*log(1 + b) is itself rounded: (1 + 1e-4)**1e6 is e**100. And of what is still `1 - w` when all is rewritten the
error counts beside 1: w is a scalar of its own, held to the unit, and `share * v + w * u` needs no more of the share.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import adaspec
from adaspec import domains, ir
from adaspec.domains import Interval, interval
from adaspec.expand import expand_function
from adaspec.ir import Assign, Binary, Expr, Name, Number
from adaspec.parse import parse_expression
from adaspec.rewrite import RULES, Rewriter
from adaspec.scalars import evaluate
from exact import digits, exact, growth, mp

NAMES = [name for name in adaspec.names() if ":" not in name]
STEPS = [1, 2, 3, 10, 256, 1000, 2048, 2**24, 10**7, 10**8, 2**31]
UNIT = 2.0**-52
BOUND = 8.0
FAST = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def _no_warning() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        yield


# Rewrites

POINTS: dict[str, Callable[[np.random.Generator], float]] = {
    "> 0": lambda rng: float(10.0 ** rng.uniform(-8, 2)),
    ">= 0": lambda rng: float(rng.choice([0.0, 10.0 ** rng.uniform(-8, 0.3)])),
    "": lambda rng: float(rng.uniform(-3, 3)),
}


@pytest.mark.parametrize(("pattern", "form", "condition"), RULES, ids=[f"{p} if {c}" for p, _, c in RULES])
def test_a_rewrite_is_an_identity(pattern: str, form: str, condition: str) -> None:
    """At 60 digits, at points of the rule's own domain; where the text has no value, the form may have one."""
    rng = np.random.default_rng(0)
    left, right = parse_expression(pattern), parse_expression(form)
    assert ir.names(left) >= ir.names(right)
    bounds = dict(part.split(" ", 1) for part in condition.split(", ") if part)
    seen = 0
    for _ in range(300):
        env = {name: POINTS[bounds.get(name, "")](rng) for name in sorted(ir.names(left))}
        if "t" in env:
            env["t"] = float(rng.choice([1, 2, 3, 17, 1000])) if rng.random() < 0.5 else abs(env["t"]) + 1e-3
        if "b" in env and "b" not in bounds:
            env["b"] = abs(env["b"]) / 3.1  # a power of a negative number to any exponent is none
        try:
            wanted = exact(left, env)
        except ZeroDivisionError:
            continue
        if isinstance(wanted, mp.mpc) or not mp.isfinite(wanted):
            continue
        seen += 1
        assert abs(exact(right, env) - wanted) <= mp.mpf(10) ** -45 * max(1, abs(wanted)), env
    assert seen > 150


def rewritten(text: str, **where: Interval) -> Expr:
    rewriter = Rewriter(set(where), dict(where))
    return rewriter.expr(parse_expression(text))


def test_a_rewrite_that_could_lose_is_not_made() -> None:
    """log(b) of a b that may be 0 or negative, or 0 * log(0), would be worse than the text."""
    anything, share, positive, step = domains.ANY, Interval(0, 1, high_open=True), Interval(0, math.inf, low_open=True), Interval(1, 2**31)
    for kept in ({"b": anything, "t": step}, {"b": share, "t": share}, {"b": Interval(-1, 1), "t": step}):
        assert rewritten("1 - b**t", **kept) == parse_expression("1 - b**t")
    assert rewritten("1 - b**t", b=share, t=step) == parse_expression("-expm1(t * log(b))")
    assert rewritten("(1 + b)**t - 1", b=anything, t=step) == parse_expression("(1 + b)**t - 1")
    assert rewritten("t - 1 + 1 - (1 - exp(b))", b=anything, t=step) == parse_expression("t - 1 + 1 - -expm1(b)")
    assert rewritten("(1 + b)**t", b=positive, t=step) == parse_expression("exp(t * log1p(b))")


def test_a_rewrite_sees_through_names_until_they_change() -> None:
    head = '"""Mine: an example. Example, 2026."""\n\n\ndef mine(x: Param, g: Grad, t: Step, *, b: Decay = 0.9, on: Flag = True):\n'
    cases = {
        "w = b**t\n    k = 1 - w\n    x = x - (1 - k) * g": "w",
        "k = 1 - b**t\n    b = b / 2\n    x = x - (1 - k) * g": "1 - k",
        "k = 1 - b**t\n    k = k / 2\n    x = x - (1 - k) * g": "1 - k",
        "k = 1 - b**t\n    if on:\n        b = 0.5\n    x = x - (1 - k) * g": "1 - k",
        "k = 1 - b**t\n    if on:\n        g = -g\n    x = x - (1 - k) * g": "b**t",
        "k = 1 - b**t\n    for _ in range(2):\n        b = b / 2\n    x = x - (1 - k) * g": "1 - k",
    }
    for body, wanted in cases.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", adaspec.SpecWarning)
            spec = adaspec.parse(f"{head}    {body}\n    return x\n")
        (last,) = [s for s in spec.statements if getattr(s, "name", "") == "x"]
        assert isinstance(last, Assign) and isinstance(last.value, Binary) and isinstance(last.value.right, Binary)
        assert last.value.right.left == parse_expression(wanted), body


# The scalars of the library


def pairs(spec: adaspec.Spec) -> Iterator[tuple[str | None, Expr, Expr]]:
    """Every scalar of the rule: (the name it is bound to, its text before rewriting, its form), in order."""
    rule = spec.rule
    scalars = {h.name for h in rule.hypers} | {s.name for s in rule.shared} | ({rule.step} if rule.step else set())
    rewriter = Rewriter(scalars, domains.signature(rule))

    def parts(text: ir.Node, form: ir.Node) -> Iterator[tuple[str | None, Expr, Expr]]:
        if isinstance(text, Expr) and isinstance(form, Expr) and rewriter.is_scalar(text):
            yield None, text, form
            return
        for a, b in zip(ir.children(text), ir.children(form), strict=True):
            yield from parts(a, b)

    def block(before: tuple[ir.Stmt, ...], after: tuple[ir.Stmt, ...]) -> Iterator[tuple[str | None, Expr, Expr]]:
        for a, b in zip(before, after, strict=True):
            if isinstance(a, Assign) and isinstance(b, Assign):
                if rewriter.is_scalar(a.value):
                    yield a.name, a.value, b.value
                else:
                    yield from parts(a.value, b.value)
                rewriter.stmt(a)
            elif isinstance(a, ir.If) and isinstance(b, ir.If):
                yield from block(a.then, b.then)
                yield from block(a.otherwise, b.otherwise)

    yield from block(spec.checked[:-1], spec.body[:-1])


def within(
    text: Expr, form: Expr, floats: dict[str, Any], exacts: dict[str, Any], folds: float = 0.0, instead: Expr | None = None
) -> tuple[Any, Any]:
    """The values of the form in float64 and of the text at many digits; AssertionError if they are too far apart.

    `folds`: by how many e-folds powers grow; `instead`: an expression to evaluate in place of the form.
    """
    found, wanted = evaluate(instead or form, floats), exact(text, exacts)
    if wanted is None or isinstance(wanted, bool):
        assert found == wanted
        return found, wanted
    assert isinstance(found, float)
    if abs(wanted) > 1.79e308:
        assert math.isinf(found)
        return found, wanted
    share = isinstance(form, Binary) and form.op == "-" and form.left == Number(1)
    size = max(mp.mpf(1), abs(wanted)) if share else abs(wanted)
    bound = BOUND * UNIT * size * (1 + folds) + mp.mpf(2) ** -1000  # where floats end, digits do
    assert abs(mp.mpf(found) - wanted) <= bound, (found, mp.nstr(wanted, 20), floats)
    return found, wanted


@digits(340)
def check_scalars(spec: adaspec.Spec, t: int, hypers: dict[str, Any]) -> None:
    floats: dict[str, Any] = spec.defaults | hypers
    for k, name in enumerate(spec.shared):
        floats[name] = 0.75 + k
    if spec.rule.step:
        floats[spec.rule.step] = float(t)
    exacts = dict(floats)
    folds: dict[str, float] = {}
    for name, text, form in pairs(spec):
        if any(floats.get(n, 0.0) is None for n in ir.names(text)):
            continue  # behind `is not None`
        if isinstance(text, Name):
            continue  # held where it is bound
        here = growth(text, exacts) + max((folds.get(n, 0.0) for n in ir.names(text)), default=0.0)
        found, wanted = within(text, form, floats, exacts, here)
        if name is not None:
            floats[name], exacts[name], folds[name] = found, wanted, here
    for label, schedule in spec.schedules.items():
        statements, value = expand_function(spec.rule, schedule)
        assert not statements
        given = {a.name: float(t) if a.kind == "Step" else floats[a.name] for a in schedule.arguments}
        within(value, spec.schedule(label)[1], given, given, growth(value, given))


@pytest.mark.parametrize("name", NAMES)
def test_scalars_at_the_defaults(name: str) -> None:
    spec = adaspec.load(name)
    assert list(pairs(spec)) or not spec.hypers
    for t in STEPS:
        check_scalars(spec, t, {})


def drawn(hyper: ir.Hyper) -> st.SearchStrategy[Any]:
    if hyper.static:
        return st.just(hyper.default)
    wide = st.floats(1e-100, 1e3) | st.floats(1e-12, 10.0)
    kinds = {
        "Decay": st.floats(0.0, 1.0, exclude_max=True) | st.sampled_from([0.0, 5e-324, 0.5, 0.999, 1 - 1e-9, 1 - 2**-53]),
        "Positive": wide,
        "Rate": wide | st.just(0.0),
        "Real": wide.flatmap(lambda x: st.sampled_from([x, -x])),
    }
    return st.none() | kinds[hyper.kind] if hyper.optional else kinds[hyper.kind]


SPECS = {name: adaspec.load(name) for name in NAMES if any(len(ir.names(text)) > 1 for _, text, _ in pairs(adaspec.load(name)))}


@pytest.mark.parametrize("name", SPECS)
@settings(FAST, max_examples=50)
@given(data=st.data())
def test_scalars_at_any_hyperparameters(name: str, data: st.DataObject) -> None:
    spec = SPECS[name]
    hypers = {h.name: data.draw(drawn(h), label=h.name) for h in spec.rule.hypers}
    if name == "schedule_free" and hypers["lr"] == 0:
        return  # 0 / 0 where no step was ever taken, in the text too
    check_scalars(spec, data.draw(st.sampled_from(STEPS) | st.integers(1, 2**31), label="t"), hypers)


def test_the_bound_would_catch_the_text_itself() -> None:
    """The forms are what keeps the digits: the scalars as written are off by far more."""
    for name in ("adam", "adax", "adax_raw"):
        spec = adaspec.load(name)
        floats = spec.defaults | {str(spec.rule.step): 2.0}
        with pytest.raises(AssertionError):
            for label, text, form in pairs(spec):
                found, _ = within(text, form, floats, floats, instead=text)
                floats |= {label: found} if label else {}


# AdaX's decay


def kept(t: float, **hypers: float) -> float:
    return adaspec.load("adax").evaluate("beta2_hat", t, **hypers)


@pytest.mark.parametrize("beta2", [1e-300, 1e-18, 1e-12, 1e-8, 1e-4, 1e-3, 0.1, 1.0, 1e3, 1e12])
def test_adax_keeps_nothing_at_first_and_all_in_the_end(beta2: float) -> None:
    assert abs(kept(1, beta2=beta2)) <= 2 * UNIT
    steps = sorted({*STEPS, *range(1, 200), *(int(1.3**k) for k in range(82)), *range(10**7, 10**7 + 50)})
    values = [kept(t, beta2=beta2) for t in steps]
    assert all(0 <= v <= 1 for v in values)
    assert all(b >= a - UNIT for a, b in zip(values, values[1:], strict=False))
    if beta2 * 2**31 > 50:
        assert values[-1] == 1.0
    # The weight of the new term never vanishes before it underflows, and is 1 at the first step.
    weight = next(f for n, text, f in pairs(adaspec.load("adax")) if text == parse_expression("1 - b2"))
    assert evaluate(weight, {"t": 1.0, "beta2": beta2}) == pytest.approx(1.0, rel=8 * UNIT * (1 + math.log1p(beta2)))


def test_a_schedule_can_be_asked_anything() -> None:
    """Numbers of any size, infinities and nan: a number comes back, and neither an exception nor a warning."""
    for name in NAMES:
        spec = adaspec.load(name)
        for label, schedule in spec.schedules.items():
            for t in (0.0, 1.0, 2.0**31, 1e300, -1.0, math.inf, -math.inf, math.nan):
                for value in (0.0, 5e-324, 0.5, 1.0, -1.0, 1e308, math.inf, math.nan):
                    hypers = {a.name: value for a in schedule.arguments if a.kind != "Step"}
                    assert isinstance(spec.evaluate(label, t, **hypers), float)


# Intervals

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
    leaf = st.sampled_from([Name(n) for n in (*DOMAINS, "t")]) | st.sampled_from([Number(v) for v in (0, 1, 2, 0.5, 3, 1e-8, 10)])
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
        assert inside(where, found), (where, found, values)


def inside(where: Interval, value: float) -> bool:
    """Whether a value lies in an interval whose finite bounds are themselves rounded; 0 and infinities count exactly."""
    if where.has(value):
        return True
    slack = 1e-9 * abs(value)
    return math.isfinite(value) and value != 0 and where.low - slack <= value <= where.high + slack


def test_intervals_of_the_forms_that_guards_rest_on() -> None:
    env = {"b": domains.hyper("Decay"), "p": domains.hyper("Positive"), "r": domains.hyper("Rate"), "t": Interval(1, 2**31)}

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
        '"""Mine: an example. Example, 2026."""\n\n\ndef mine(x: Param, g: Grad, t: Step, *, on: Flag = True):\n    a = 2.0\n'
        "    x = x - g / a\n    if on:\n        a = 0.0 * t\n        x = x - a * g\n    for _ in range(2):\n        c = a + t\n"
        "        x = x - c * g\n    return x\n"
    ).statements
    env: domains.Intervals = {"t": Interval(1.0, 2.0**31)}
    domains.everywhere(body, env)
    assert (env["a"].low, env["a"].high) == (0.0, 2.0) and env["c"] == domains.ANY
