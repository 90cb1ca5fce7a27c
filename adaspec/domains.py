"""Where values can lie: intervals of scalars, from the domains of the hyperparameters and t in [1, 2**31].

They decide what is refused (the logarithm of a number that is never positive), which rewrites are safe (no overflow),
and which host functions in generated code need IEEE guards.
"""

from __future__ import annotations

from dataclasses import replace

from . import ir
from .intervals import ANY, Interval, added, applied, hull, inverse, negative, point, power, product, remainder
from .ir import Assign, Binary, Call, Choose, Compare, Dim, Expr, FanIn, FanOut, Name, Ndim, Number, Size, Unary
from .vocabulary import KINDS

LAST_STEP = 2.0**31
Intervals = dict[str, Interval]


def signature(rule: ir.Rule) -> Intervals:
    """The domains of the rule's scalars as declared. A Shared may hold anything."""
    found = {h.name: hyper(h.kind) for h in rule.hypers}
    if rule.step:
        found[rule.step] = Interval(1.0, LAST_STEP)
    return found


def arguments(rule: ir.Rule, function: ir.Function) -> Intervals:
    """The domains of a schedule's or a view's arguments: what they declare, else what the rule says of the name."""
    found = signature(rule)
    for argument in function.arguments:
        kind = str(argument.kind).removeprefix("Optional[").removesuffix("]")
        if kind in KINDS:
            found[argument.name] = hyper(kind)
        elif argument.kind == "Step":
            found[argument.name] = Interval(1.0, LAST_STEP)
        elif argument.kind is not None or function.role != "view":
            found.pop(argument.name, None)
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
        case Dim() | Size() | FanIn() | FanOut():
            return Interval(1.0, LAST_STEP)  # arrays without elements pass every rule untouched
        case Ndim():
            return Interval(0.0, 64.0)
        case Unary("-", operand):
            return negative(interval(operand, env))
        case Choose(then=then, otherwise=otherwise):
            return hull(interval(then, env), interval(otherwise, env))
        case Binary("+", left, right):
            return added(interval(left, env), interval(right, env))
        case Binary("-", left, right):
            return added(interval(left, env), negative(interval(right, env)))
        case Binary("*", left, right):
            return product(interval(left, env), interval(right, env))
        case Binary("/", left, right):
            below = interval(right, env)
            return product(interval(left, env), inverse(below)) if below.nonzero else ANY
        case Binary("%", left, right):
            return remainder(interval(left, env), interval(right, env))
        case Binary("//", left, right):
            below = interval(right, env)
            whole = product(interval(left, env), inverse(below)) if below.nonzero else ANY
            return applied("floor", [whole])
        case Binary("**", left, right):
            return power(interval(left, env), interval(right, env))
        case Call(function=name, args=args):
            return applied(name, [interval(a, env) for a in args])
    return ANY


def within(a: Interval, op: str, bound: float) -> Interval:
    """Those of `a` for which a comparison with a number holds; all of `a` where it would leave none."""
    if a.low <= bound <= a.high:
        if op in (">", ">=", "=="):
            a = replace(a, low=bound, low_open=op == ">" or (a.low_open and a.low == bound), nan=False)
        if op in ("<", "<=", "=="):
            a = replace(a, high=bound, high_open=op == "<" or (a.high_open and a.high == bound), nan=False)
    return a


def flow(body: tuple[ir.Stmt, ...], env: Intervals) -> None:
    """Follow the statements: `env` learns the interval of each scalar name, and forgets a name bound on two paths."""
    for stmt in body:
        match stmt:
            case Assign(name, value):
                env[name] = interval(value, env)
            case ir.Assert(Compare(op, Name(id=name), Number(bound))) if name in env:
                env[name] = within(env[name], op, float(bound))
            case ir.If(then=then, otherwise=otherwise):
                sides = [dict(env), dict(env)]
                flow(then, sides[0])
                flow(otherwise, sides[1])
                for name in ir.assigned((stmt,)):
                    env[name] = hull(sides[0].get(name, ANY), sides[1].get(name, ANY))
            case ir.For(body=inner):
                for name in ir.assigned(inner):
                    env[name] = ANY


def everywhere(body: tuple[ir.Stmt, ...], env: Intervals) -> None:
    """Let `env` say of each name where it can lie at any statement: the hull over all that it is bound to."""
    bound = dict(env)
    for stmt in body:
        match stmt:
            case Assign(name):
                flow((stmt,), bound)
                env[name] = hull(env[name], bound[name]) if name in env else bound[name]
            case ir.If(then=then, otherwise=otherwise):
                for side in (then, otherwise):
                    inner = dict(bound)
                    everywhere(side, inner)
                    for name in ir.assigned(side):
                        env[name] = hull(env[name], inner[name]) if name in env else inner[name]
                flow((stmt,), bound)
            case ir.For(body=inner):
                flow((stmt,), bound)
                env |= dict.fromkeys(ir.assigned(inner), ANY)


__all__ = [
    "ANY", "LAST_STEP", "Interval", "Intervals", "arguments", "everywhere", "flow", "hull", "hyper", "interval",
    "point", "signature",
]  # fmt: skip
