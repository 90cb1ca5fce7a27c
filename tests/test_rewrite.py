"""Every rewrite is an identity at 60 digits, made only where it cannot lose, and seen through names that still hold."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest

import adaspec
from adaspec import domains, ir
from adaspec.domains import Interval
from adaspec.ir import Assign, Binary, Expr
from adaspec.parse import parse_expression
from adaspec.rewrite import RULES, Rewriter
from exact import exact, mp

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
    anything, share, positive, step = (
        domains.ANY,
        Interval(0, 1, high_open=True),
        Interval(0, math.inf, low_open=True),
        Interval(1, 2**31),
    )
    for kept in ({"b": anything, "t": step}, {"b": share, "t": share}, {"b": Interval(-1, 1), "t": step}):
        assert rewritten("1 - b**t", **kept) == parse_expression("1 - b**t")
    assert rewritten("1 - b**t", b=share, t=step) == parse_expression("-expm1(t * log(b))")
    assert rewritten("(1 + b)**t - 1", b=anything, t=step) == parse_expression("(1 + b)**t - 1")
    assert rewritten("t - 1 + 1 - (1 - exp(b))", b=anything, t=step) == parse_expression("t - 1 + 1 - -expm1(b)")
    assert rewritten("(1 + b)**t", b=positive, t=step) == parse_expression("exp(t * log1p(b))")


def test_a_rewrite_counts_on_what_is_asserted() -> None:
    """The number of a group of k steps is never 0 where k is at least 1: only then its powers are taken apart."""
    head = '"""Mine: an example. Example, 2026."""\n\n\n'
    head += "def mine(x: Param, g: Grad, t: Step, *, b: Decay = 0.9, k: Count = 4):\n"
    body = "    n = (t - 1) // k + 1\n    c = 1 - b**n\n    x = x - g / c\n    return x\n"
    for asserted, wanted in (('    assert k >= 1, "groups"\n', "-expm1(n * log(b))"), ("", "1 - b**n")):
        spec = adaspec.parse(head + asserted + body)
        (c,) = [s for s in spec.statements if getattr(s, "name", "") == "c"]
        assert isinstance(c, Assign) and c.value == parse_expression(wanted)


def test_a_rewrite_sees_through_names_until_they_change() -> None:
    head = '"""Mine: an example. Example, 2026."""\n\n\n'
    head += "def mine(x: Param, g: Grad, t: Step, *, b: Decay = 0.9, on: Flag = True):\n"
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
