"""Interval arithmetic: where the result of an operation can lie, its operands lying in intervals.

An interval holds what float64 arithmetic yields, not only the real value: exp and powers reach 0 and inf, and 1 + b is
1 for a small b. Sums and products alone are taken to stay in range.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from .frozen import frozen


@frozen
class Interval:
    """[low, high], each end possibly excluded; `nan` when an operation may leave the reals."""

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False
    nan: bool = False

    def has(self, value: float) -> bool:
        if math.isnan(value):
            return self.nan
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

    @property
    def ends(self) -> tuple[tuple[float, bool], tuple[float, bool]]:
        return (self.low, self.low_open), (self.high, self.high_open)


ANY = Interval(-math.inf, math.inf, nan=True)


def point(value: float) -> Interval:
    return Interval(value, value)


def hull(a: Interval, b: Interval) -> Interval:
    return _spanned([*a.ends, *b.ends], a.nan or b.nan)


def _spanned(ends: list[tuple[float, bool]], nan: bool) -> Interval:
    """The least interval around all ends; an end is open if all that lie there are."""
    low, high = min(e[0] for e in ends), max(e[0] for e in ends)
    return Interval(low, high, all(o for v, o in ends if v == low), all(o for v, o in ends if v == high), nan)


def negative(a: Interval) -> Interval:
    return Interval(-a.high, -a.low, a.high_open, a.low_open, a.nan)


def added(a: Interval, b: Interval) -> Interval:
    ends: list[tuple[float, bool]] = []
    for (x, x_open), (y, y_open) in zip(a.ends, b.ends, strict=True):
        if math.isnan(x + y):
            return ANY
        # Beside a number that is not 0 a small one vanishes: 1 + b is 1. Only a sum of 0 is never reached by rounding,
        # nor is an open end to which 0 is added.
        excluded = (x_open and y == 0) or (y_open and x == 0) or (x + y == 0 and (x_open or y_open))
        if math.isinf(x + y):
            ends.append((x + y, x_open if math.isinf(x) and not (math.isinf(y) and not y_open) else y_open))
        else:
            ends.append((x + y, excluded))
    against = any(p.has(math.inf) and q.has(-math.inf) for p, q in ((a, b), (b, a)))
    return Interval(ends[0][0], ends[1][0], ends[0][1], ends[1][1], a.nan or b.nan or against)


def inverse(b: Interval) -> Interval:
    """1 / b for a b that is never 0."""

    def turned(end: float, open_: bool) -> tuple[float, bool]:
        if end == 0:
            return (math.inf if b.positive else -math.inf), True
        return 1.0 / end, open_ and math.isinf(end)

    (low, low_open), (high, high_open) = turned(b.high, b.high_open), turned(b.low, b.low_open)
    return Interval(low, high, low_open, high_open, b.nan)


def product(a: Interval, b: Interval) -> Interval:
    ends: list[tuple[float, bool]] = []
    nan = a.nan or b.nan
    for i, (x, x_open) in enumerate(a.ends):
        for j, (y, y_open) in enumerate(b.ends):
            if 0 not in (x, y):
                # A finite end is reached by rounding even if it is open; an infinite one if a factor reaches infinity.
                reached = (math.isinf(x) and not x_open) or (math.isinf(y) and not y_open)
                ends.append((x * y, math.isinf(x * y) and not reached))
                continue
            shut = (x == 0 and not x_open) or (y == 0 and not y_open)
            ends.append((0.0, not shut))
            if x != 0 and math.isinf(x) and not x_open:
                ends.append((math.copysign(math.inf, x) * (-1 if j else 1), False))
            if y != 0 and math.isinf(y) and not y_open:
                ends.append((math.copysign(math.inf, y) * (-1 if i else 1), False))
    for p, q in ((a, b), (b, a)):
        nan = nan or (p.has(0.0) and (q.has(math.inf) or q.has(-math.inf)))
    return _spanned(ends, nan)


def remainder(a: Interval, b: Interval) -> Interval:
    """a - b * floor(a / b): between 0 and b."""
    if not b.positive or a.nan or math.isinf(a.low) or (math.isinf(a.high) and not a.high_open):
        return ANY
    return Interval(0.0, b.high, high_open=math.isinf(b.high) and b.high_open)


def power(a: Interval, b: Interval) -> Interval:
    nan = a.nan or b.nan
    if b.low == b.high == 2:
        ends = [(_squared(v), o and v in (0.0, math.inf, -math.inf)) for v, o in a.ends]
        around = [(0.0, False)] if a.low < 0 < a.high or a.nan else []
        return _spanned([*ends, *around], nan)
    if not a.nonnegative:
        return ANY
    gentle = b.low >= -1 and b.high <= 1  # a root: it neither overflows nor vanishes
    ends = []
    for x, x_open in a.ends:
        for y, _ in b.ends:
            value = _raised(x, y)
            is_open = x_open and gentle and value in (0.0, math.inf)
            # b**t with b in [0, 1) and t >= 1 is under 1
            is_open = is_open or (value == 1 and x == 1 and x_open and x == a.high and b.low >= 1)
            ends.append((value, is_open))
    if a.has(0.0) and b.low <= -1:  # the zero may be -0.0, whose odd negative powers are -inf
        ends.append((-math.inf, False))
    return _widened(_spanned(ends, nan))


def _squared(value: float) -> float:
    return value * value


def _raised(x: float, y: float) -> float:
    try:
        return math.pow(x, y)
    except OverflowError:
        return math.inf
    except ValueError:  # 0 to a negative power
        return math.inf


def _monotone(a: Interval, f: Callable[[float], float]) -> Interval:
    """f(a) for a rising f: an end at 0 or at infinity stays open if it was, any other is reached by rounding."""
    ends = [(f(v), o and (f(v) == 0 or math.isinf(f(v)))) for v, o in a.ends]
    return _widened(Interval(ends[0][0], ends[1][0], ends[0][1], ends[1][1], a.nan))


def _widened(a: Interval) -> Interval:
    return replace(a, low=_beyond(a.low, -math.inf), high=_beyond(a.high, math.inf))


def _beyond(value: float, way: float) -> float:
    """A few ulp further: each library rounds such a function in its own way. At 0, 1 and infinity all agree."""
    if value in (0.0, 1.0, -1.0) or math.isinf(value):
        return value
    for _ in range(4):
        value = math.nextafter(value, way)
    return value


def _grown(f: Callable[[float], float]) -> Callable[[float], float]:
    """`f`, inf where it overflows and -inf at the edge of its domain."""

    def g(value: float) -> float:
        try:
            return f(value)
        except OverflowError:
            return math.inf
        except ValueError:
            return -math.inf

    return g


def applied(name: str, args: list[Interval]) -> Interval:
    a = args[0]
    match name:
        case "exp" | "expm1":
            found = _monotone(a, _grown(getattr(math, name)))
            return replace(
                found,
                low_open=found.low_open and name == "expm1" and found.low == 0,
                high_open=found.high_open and found.high == 0,
            )
        case "tanh":
            return _monotone(a, math.tanh)
        case "floor":
            low, high = (float(math.floor(v)) if math.isfinite(v) else v for v in (a.low, a.high))
            return Interval(low, high, False, a.high_open and math.isinf(high), a.nan)
        case "sqrt" if a.nonnegative:
            # Also an end at 1 stays open: the root of a float under 1 is under 1.
            return Interval(math.sqrt(a.low), math.sqrt(a.high), a.low_open, a.high_open)
        case "rsqrt" if a.positive:
            return inverse(Interval(math.sqrt(a.low), math.sqrt(a.high), a.low_open, a.high_open))
        case "log" if a.nonnegative:
            return _monotone(a, _grown(math.log))
        case "log1p" if a.low >= -1 and not a.nan:
            return _monotone(a, _grown(math.log1p))
        case "abs":
            zero = [(0.0, False)] if a.low < 0 < a.high else []
            return _spanned([*((abs(v), o) for v, o in a.ends), *zero], a.nan)
        case "sign":
            return Interval(-1.0, 1.0, nan=a.nan)
        case "norm" | "rms":
            return Interval(0.0, math.inf, nan=a.nan)
        case "maximum":
            return _larger(a, args[1])
        case "minimum":
            return negative(_larger(negative(a), negative(args[1])))
        case "clip":
            return applied("minimum", [_larger(a, args[1]), args[2]])
        case "where":
            return hull(args[1], args[2])
    return ANY


def _larger(a: Interval, b: Interval) -> Interval:
    low, low_open = max((a.low, a.low_open), (b.low, b.low_open))
    high = max(a.high, b.high)
    return Interval(low, high, low_open, all(o for v, o in (a.ends[1], b.ends[1]) if v == high), a.nan or b.nan)
