"""A phase's body as in-place three-address code, for targets that update arrays where they lie (NumPy, torch).

Pure data, no framework: `plan` yields operations on variables. A variable is a slot, the parameter, the gradient or a
temporary; an operation writes into a variable that holds its last operand no longer needed, or into a fresh array. The
gradient is never written to. What is not elementwise over the parameter's own shape (axis reductions, products, 0-d
numbers) stays an expression, which a target prints as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from . import ir
from .frozen import frozen
from .ir import Assign, Expr, Name
from .kinds import FULL, SCALAR
from .lower import Lowered, Phase
from .types import Stage, Type

FUSED = frozenset({"axpy", "lerp", "addcmul", "addcdiv"})
"""axpy(a, b, k): a + k*b; lerp(a, b, w): a + w*(b - a); addcmul(a, b, c, k): a + k*b*c;
addcdiv(a, b, c, k): a + k*b/c"""


@frozen
class Op:
    """`out = function(*args)`. Arguments are variables (`Name`), scalars, or expressions to print as they are.

    `function` is an elementwise function or operator of the language, one of `FUSED`, "square", "copy", or "expr" (the
    value of the one argument, whatever it is). `fresh`: `out` becomes a new array; else it is written in place, and may
    be among the arguments. `scratch` names the buffer that a fresh full array can use, if the target lends some.
    """

    out: str
    function: str
    args: tuple[Expr, ...]
    fresh: bool
    kind: str
    scratch: str | None = None


@frozen
class Branch:
    """`real`: the test is no static fact, but a number of the step."""

    test: Expr
    then: tuple[Item, ...]
    otherwise: tuple[Item, ...]
    real: bool = False


@frozen
class Loop:
    count: Expr
    body: tuple[Item, ...]


Item = Op | Branch | Loop


@frozen
class Plan:
    """The items in order; the names of the scratch buffers; `elementwise`: any piece of the arrays can go by itself.

    `types` knows every variable, the temporaries among them.
    """

    items: tuple[Item, ...]
    scratch: tuple[str, ...]
    elementwise: bool
    types: Mapping[str, Type]


def plan(
    lowered: Lowered,
    phase: Phase,
    keep: Iterable[str] = (),
    fused: frozenset[str] = FUSED,
    taken: Iterable[str] = (),
) -> Plan:
    """The body of a phase, then each total's value under its name. `keep` are local names that must survive the phase.

    `fused` are the operations of `FUSED` that the target has; the others are spelt out. No temporary is called by a
    name of `taken`.
    """
    body = phase.body + tuple(Assign(t.name, t.value) for t in phase.totals)
    from .planner import Planner

    types = {**lowered.types} | {t.name: Type(Stage.ARRAY) for t in phase.totals}
    live = set(keep) | {t.name for t in phase.totals} | {lowered.rule.param} | {s.name for s in lowered.rule.slots}
    planner = Planner(lowered, types, fused, {*types, *ir.names(body), *taken})
    items = planner.block(body, live, set())
    flat = all(_flat(i, planner.kind) for i in items)
    return Plan(items, planner.lent, flat, planner.types)


def _flat(item: Item, kind: Callable[[Expr], str]) -> bool:
    match item:
        case Op(kind=own, function=function, args=args):
            whole = all(kind(a) == SCALAR or (isinstance(a, Name) and kind(a) == FULL) for a in args)
            return own == FULL and whole and not _shapes(args) and (function != "expr" or isinstance(args[0], Name))
        case Branch(test, then, otherwise):
            return not _shapes((test,)) and all(_flat(i, kind) for i in (*then, *otherwise))
        case Loop(body=body):
            return all(_flat(i, kind) for i in body)


def _shapes(parts: tuple[Expr, ...]) -> bool:
    return any(isinstance(n, ir.Dim | ir.Ndim) for n in ir.walk(parts))
