"""Scalars against mpmath: every rewrite is an identity, every scalar of the library is within 8 units of 2**-52.

The unit is 2**-52 of the exact value, with two conditions. A growing power is known to as many units as it has e-folds,
because t*log(1 + b) is itself rounded: (1 + 1e-4)**1e6 is e**100; one over it is no better known, nor a power whose
exponent is rounded. And of what is still `1 - w` when all is rewritten the error counts beside 1: w is a scalar of its
own, held to the unit, and `share * v + w * u` needs no more.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import adaspec
from adaspec import domains, ir
from adaspec.decide import decided, fixed
from adaspec.expand import expand_function
from adaspec.ir import Assign, Binary, Expr, Name, Number
from adaspec.library import rules
from adaspec.parse import parse_expression
from adaspec.rewrite import Rewriter
from adaspec.scalars import evaluate
from exact import digits, exact, growth, mp

NAMES = rules()
STEPS = [1, 2, 3, 10, 256, 1000, 2048, 2**24, 10**7, 10**8, 2**31]
UNIT = 2.0**-52
BOUND = 8.0
LARGEST = 1.79e308
FAST = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.fixture(autouse=True)
def _no_warning() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        yield


# The scalars of the library


def pairs(spec: adaspec.Spec, hypers: dict[str, Any] | None = None) -> Iterator[tuple[str | None, Expr, Expr]]:
    """Every scalar of the rule: (the name it is bound to, its text before rewriting, its form), in order.

    Branches that `hypers` (beside the defaults) decide are decided; of all others both sides count.
    """
    rule = spec.rule
    values = fixed(rule, spec.defaults | (hypers or {}))
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

    yield from block(decided(spec.checked[:-1], values), decided(spec.body[:-1], values))


def within(
    text: Expr,
    form: Expr,
    floats: dict[str, Any],
    exacts: dict[str, Any],
    folds: float = 0.0,
    instead: Expr | None = None,
) -> tuple[Any, Any]:
    """The values of the form in float64 and of the text at many digits; AssertionError if they are too far apart.

    `folds`: by how many e-folds powers grow; `instead`: an expression to evaluate in place of the form.
    """
    found, wanted = evaluate(instead or form, floats), exact(text, exacts)
    if wanted is None or isinstance(wanted, bool):
        assert found == wanted
        return found, wanted
    assert isinstance(found, float)
    if mp.isnan(wanted):
        assert math.isnan(found), (found, floats)
        return found, wanted
    if abs(wanted) > LARGEST:
        assert math.isinf(found) and (found > 0) == (wanted > 0), (found, mp.nstr(wanted, 20), floats)
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
    for name, text, form in pairs(spec, hypers):
        if isinstance(text, Name):  # held where it is bound
            if name is not None:
                floats[name], exacts[name], folds[name] = floats[text.id], exacts[text.id], folds.get(text.id, 0.0)
            continue
        here = growth(text, exacts) + max((folds.get(n, 0.0) for n in ir.names(text)), default=0.0)
        found, wanted = within(text, form, floats, exacts, here)
        if name is not None:
            floats[name], exacts[name], folds[name] = found, wanted, here
        if name in spec.shared and abs(wanted) > LARGEST:
            break  # state that no float64 holds is infinite, and what it is the share of is lost
    for label, schedule in spec.schedules.items():
        statements, value = expand_function(spec.rule, schedule)
        given = {a.name: float(t) if a.kind == "Step" else floats[a.name] for a in schedule.arguments}
        precise, forms = dict(given), spec.schedule(label)
        for text, form in zip(statements, forms[0], strict=True):
            assert isinstance(text, Assign) and isinstance(form, Assign)
            here = growth(text.value, precise)
            given[text.name], precise[text.name] = within(text.value, form.value, given, precise, here)
        within(value, forms[1], given, precise, growth(value, precise))


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
        "Decay": st.floats(0.0, 1.0, exclude_max=True)
        | st.sampled_from([0.0, 5e-324, 0.5, 0.999, 1 - 1e-9, 1 - 2**-53]),
        "Positive": wide,
        "Rate": wide | st.just(0.0),
        "Real": wide.flatmap(lambda x: st.sampled_from([x, -x])),
    }
    return st.none() | kinds[hyper.kind] if hyper.optional else kinds[hyper.kind]


SPECS = {
    name: adaspec.load(name)
    for name in NAMES
    if any(len(ir.names(text)) > 1 for _, text, _ in pairs(adaspec.load(name)))
}


@pytest.mark.sampled
@pytest.mark.parametrize("name", SPECS)
@settings(FAST, max_examples=50)
@given(data=st.data())
def test_scalars_at_any_hyperparameters(name: str, data: st.DataObject) -> None:
    spec = SPECS[name]
    hypers = {h.name: data.draw(drawn(h), label=h.name) for h in spec.rule.hypers}
    check_scalars(spec, data.draw(st.sampled_from(STEPS) | st.integers(1, 2**31), label="t"), hypers)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "adax_raw"])
def test_no_part_of_a_scalar_overflows(name: str) -> None:
    """Not even in between: in float32, where targets trace scalars, exp ends at 88. (Raw AdaX's v itself grows.)"""
    spec = adaspec.load(name)
    for t in (10.0**7, 2.0**31):
        env: dict[str, Any] = spec.defaults | dict.fromkeys(spec.shared, 1.0) | {str(spec.rule.step): t}
        for label, _, form in pairs(spec):
            for part in ir.walk(form):
                value = evaluate(part, env) if isinstance(part, Expr) else 0.0
                assert isinstance(value, bool) or (value is not None and abs(value) < 1e38), part
            env |= {label: evaluate(form, env)} if label else {}


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
    assert all(b >= a - UNIT for a, b in pairwise(values))
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
