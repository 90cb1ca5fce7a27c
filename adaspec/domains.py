"""Where values can lie: intervals of scalar expressions, from the domains of the hyperparameters and t in [1, 2**31].

They decide what is refused (the logarithm of a number that is never positive), which rewrites are safe (no overflow), and
which host functions in generated code need IEEE guards.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import ir
from .errors import SpecError
from .ir import Assign, Binary, Call, Choose, Dim, Expr, Name, Ndim, Number, Unary
from .scalars import evaluate
from .vocabulary import KINDS

LAST_STEP = 2.0**31


@dataclass(frozen=True)
class Interval:
    """[low, high], each end possibly excluded; `nan` when an operation may leave the reals."""

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False
    nan: bool = False

    def has(self, value: float) -> bool:
        above = self.low < value or (self.low == value and not self.low_open)
        return above and (value < self.high or (self.high == value and not self.high_open))

    @property
    def positive(self) -> bool:
        return not self.nan and (self.low > 0 or (self.low == 0 and self.low_open))

    @property
    def nonnegative(self) -> bool:
        return not self.nan and self.low >= 0

    @property
    def negative(self) -> bool:
        return not self.nan and (self.high < 0 or (self.high == 0 and self.high_open))

    @property
    def nonzero(self) -> bool:
        return self.positive or self.negative


ANY = Interval(-math.inf, math.inf, nan=True)
Intervals = dict[str, Interval]


def point(value: float) -> Interval:
    return Interval(value, value)


def signature(rule: ir.Rule) -> Intervals:
    """The domains of the rule's scalars as declared. A Shared may hold anything."""
    found = {h.name: hyper(h.kind) for h in rule.hypers}
    if rule.step:
        found[rule.step] = Interval(1.0, LAST_STEP)
    return found


def hyper(kind: str) -> Interval:
    d = KINDS[kind]
    return Interval(d.low, d.high, d.low_open, d.high_open)


def interval(node: Expr, env: Intervals) -> Interval:
    """Where the value of `node` can lie; `ANY` for names that `env` does not know, arrays among them."""
    match node:
        case Number(value):
            return point(float(value))
        case Name(id=name):
            return env.get(name, ANY)
        case Dim():
            return Interval(1.0, LAST_STEP)  # arrays without elements pass every rule untouched
        case Ndim():
            return Interval(0.0, 64.0)
        case Unary("-", operand):
            a = interval(operand, env)
            return Interval(-a.high, -a.low, a.high_open, a.low_open, a.nan)
        case Choose(then=then, otherwise=otherwise):
            return hull(interval(then, env), interval(otherwise, env))
        case Binary(op, left, right) if op in "+-*/**":
            return _binary(op, interval(left, env), interval(right, env))
        case Call(function=name, args=args):
            return _call(name, [interval(a, env) for a in args])
    return ANY


def hull(a: Interval, b: Interval) -> Interval:
    low, high = min(a.low, b.low), max(a.high, b.high)
    low_open = all(s.low_open for s in (a, b) if s.low == low)
    high_open = all(s.high_open for s in (a, b) if s.high == high)
    return Interval(low, high, low_open, high_open, a.nan or b.nan)


def _binary(op: str, a: Interval, b: Interval) -> Interval:
    nan = a.nan or b.nan
    if op == "-":
        b = Interval(-b.high, -b.low, b.high_open, b.low_open, b.nan)
    if op in "+-":
        low, high = a.low + b.low, a.high + b.high
        if math.isnan(low) or math.isnan(high):
            return ANY
        return Interval(low, high, a.low_open or b.low_open, a.high_open or b.high_open, nan)
    if op == "/":
        if not b.nonzero:
            return ANY
        ends = sorted([(_inverse(b.low, b.high), b.low_open), (_inverse(b.high, b.low), b.high_open)])
        b = Interval(ends[0][0], ends[1][0], ends[0][1] or math.isinf(ends[0][0]), ends[1][1] or math.isinf(ends[1][0]), nan)
        op = "*"
    if op == "*":
        return _product(a, b, nan)
    return _power(a, b, nan)


def _inverse(end: float, other: float) -> float:
    if end == 0:
        return math.copysign(math.inf, other)
    return 1.0 / end


def _product(a: Interval, b: Interval, nan: bool) -> Interval:
    ends: list[tuple[float, bool]] = []
    for x, x_open in ((a.low, a.low_open), (a.high, a.high_open)):
        for y, y_open in ((b.low, b.low_open), (b.high, b.high_open)):
            # 0 * inf: an unbounded end is never reached, so the product has the zero end's limit.
            value = 0.0 if 0 in (x, y) else x * y
            shut = (x == 0 and not x_open) or (y == 0 and not y_open)
            ends.append((value, (x_open or y_open or math.isinf(value)) and not (value == 0 and shut)))
    low, high = min(e[0] for e in ends), max(e[0] for e in ends)
    low_open = all(o for v, o in ends if v == low)
    high_open = all(o for v, o in ends if v == high)
    return Interval(low, high, low_open, high_open, nan)


def _power(a: Interval, b: Interval, nan: bool) -> Interval:
    if b.low == b.high == 2:
        return Interval(0.0, math.inf, low_open=a.nonzero, nan=nan)
    if not a.nonnegative:
        return ANY
    if a.high <= 1 and b.nonnegative:
        # b**t with b in [0, 1): in [0, 1), and 1 only where the exponent may be 0 or the base 1
        open_at_one = b.positive and (a.high < 1 or a.high_open)
        return Interval(0.0, 1.0, low_open=a.positive, high_open=open_at_one, nan=nan)
    if a.low >= 1:
        above = a.low > 1 or a.low_open
        if b.nonnegative:
            high = _safe_power(a.high, b.high)
            return Interval(1.0, high, low_open=above and b.positive, high_open=math.isinf(high), nan=nan)
        if b.high <= 0:
            return Interval(0.0, 1.0, low_open=True, high_open=above and b.negative, nan=nan)
    return Interval(0.0, math.inf, low_open=a.positive, high_open=True, nan=nan)


def _safe_power(base: float, exponent: float) -> float:
    try:
        return base**exponent
    except OverflowError:
        return math.inf


def _monotone(a: Interval, f: Callable[[float], float]) -> Interval:
    low, high = f(a.low), f(a.high)
    return Interval(low, high, a.low_open or math.isinf(low), a.high_open or math.isinf(high), a.nan)


def _safe(f: Callable[[float], float]) -> Callable[[float], float]:
    def g(value: float) -> float:
        try:
            return f(value)
        except OverflowError:
            return math.inf
        except ValueError:
            return -math.inf

    return g


def _call(name: str, args: list[Interval]) -> Interval:
    a = args[0]
    if name in ("exp", "expm1", "tanh", "floor") and not a.nan:
        found = _monotone(a, _safe(getattr(math, name)) if math.isfinite(a.low) or name != "floor" else lambda v: v)
        return found
    if name == "sqrt" and a.nonnegative:
        return _monotone(a, math.sqrt)
    if name == "log" and a.nonnegative:
        return _monotone(a, _safe(math.log))
    if name == "log1p" and not a.nan and a.low >= -1:
        return _monotone(a, _safe(math.log1p))
    if name in ("abs", "norm", "rms"):
        return Interval(0.0, math.inf, nan=a.nan, low_open=name == "abs" and a.nonzero)
    if name == "maximum":
        b = args[1]
        top = max((a.low, a.low_open), (b.low, b.low_open))
        return Interval(top[0], max(a.high, b.high), top[1], nan=a.nan or b.nan)
    if name == "minimum":
        b = args[1]
        return Interval(min(a.low, b.low), min(a.high, b.high), nan=a.nan or b.nan)
    if name == "where":
        return hull(args[1], args[2])
    return ANY


def flow(body: tuple[ir.Stmt, ...], env: Intervals) -> None:
    """Follow the statements: `env` learns the interval of each scalar name, and forgets a name bound on two paths."""
    for stmt in body:
        match stmt:
            case Assign(name, value):
                env[name] = interval(value, env)
            case ir.If(then=then, otherwise=otherwise):
                sides = [dict(env), dict(env)]
                flow(then, sides[0])
                flow(otherwise, sides[1])
                for name in ir.assigned((stmt,)):
                    env[name] = hull(sides[0].get(name, ANY), sides[1].get(name, ANY))
            case ir.For(body=inner):
                for name in ir.assigned(inner):
                    env[name] = ANY


def check_domains(rule: ir.Rule, body: tuple[ir.Stmt, ...]) -> None:
    """Refuse what can never be a real number: a division by 0, the root of a negative, the logarithm of 0."""
    env = signature(rule)
    for stmt in body:
        for node in ir.walk(stmt):
            match node:
                case Binary("/", right=right) if interval(right, env) == point(0.0):
                    raise SpecError("a division by 0", right)
                case Call("sqrt" | "rsqrt" as name, args=(a,)) if interval(a, env).negative:
                    raise SpecError(f"`{name}` of a number that is always negative", a)
                case Call("rsqrt" | "log" as name, args=(a,)) if interval(a, env) == point(0.0):
                    raise SpecError(f"`{name}` of 0", a)
                case Call("log", args=(a,)) if interval(a, env).high <= 0 and not interval(a, env).nan:
                    raise SpecError("`log` of a number that is never positive", a)
        flow((stmt,), env)


FLOAT32_MAX = 3.4028234663852886e38


def overflow_warning(rule: ir.Rule, body: tuple[ir.Stmt, ...], warn: Callable[[str, ir.Node, str], None]) -> None:
    """Warn of a slot whose own coefficient is above 1: with |g| = 1 it passes float32 at a step that can be told."""
    env = signature(rule)
    for stmt in body:
        slot = next((s for s in rule.slots if isinstance(stmt, Assign) and s.name == stmt.name), None)
        if slot is None or not isinstance(stmt, Assign):
            continue
        own, rest = [], []
        for term in terms(stmt.value):
            (own if slot.name in ir.names(term) else rest).append(term)
        if len(own) != 1 or not isinstance(own[0], Binary) or own[0].op != "*":
            continue
        factor = own[0].left if own[0].right == Name(slot.name) else own[0].right
        found = interval(factor, env)
        if found.nan or not (found.low > 1 or (found.low == 1 and found.low_open)):
            continue
        values: dict[str, object] = {h.name: h.default for h in rule.hypers}
        ones = dict.fromkeys(ir.names(body), 1.0) | values
        # The coefficient as float32 arithmetic sees it, and the increment that |g| = 1 brings.
        a = struct.unpack("f", struct.pack("f", evaluate(factor, ones)))[0]
        step = sum(float(evaluate(term, ones) or 0) for term in rest)
        warn(
            f"the slot '{slot.name}' grows without bound: it passes float32 at t = {_overflow(a, step)} for |g| = 1",
            stmt,
            "keep the normalised value as an EMA: v = b*v + (1 - b)*g**2 with b a function of t",
        )


def _overflow(a: float, step: float) -> str:
    """The first t at which v = a*v + step, rounded to float32 at every operation, is inf; by formula if that is far."""
    when = math.log1p(FLOAT32_MAX * (a - 1) / step) / math.log(a) if a > 1 and step > 0 else math.inf
    if not when < 2e6:
        return f"about {when:.1e}"
    with np.errstate(over="ignore"):
        factor, added, v, t = np.float32(a), np.float32(step), np.float32(0), 0
        while np.isfinite(v):
            v, t = factor * v + added, t + 1
    return f"{t:,}"


def terms(node: Expr) -> list[Expr]:
    """The summands of a sum (differences count as negated terms)."""
    match node:
        case Binary("+", left, right):
            return terms(left) + terms(right)
        case Binary("-", left, right):
            return terms(left) + [Unary("-", t) for t in terms(right)]
    return [node]
