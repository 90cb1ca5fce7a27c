"""The statements of a rule, and of its functions."""

from __future__ import annotations

from ..frozen import frozen
from .expressions import Expr, Node


@frozen
class Stmt(Node):
    pass


@frozen
class Assign(Stmt):
    """`name = value`; with an index the slot of one axis, until `axes.unrolled`."""

    name: str
    value: Expr
    index: Expr | None = None


@frozen
class Unpack(Stmt):
    """`w, q[i] = eigh(a)`, or the values of a helper; expansion makes assignments of it.

    `_` binds nothing; an index, where there is one, is of a slot per axis.
    """

    names: tuple[str, ...]
    value: Expr
    indices: tuple[tuple[Expr, ...], ...]


@frozen
class If(Stmt):
    """A branch on a static fact; the checker makes a `When` of one on a number (`t % k == 0`)."""

    test: Expr
    then: tuple[Stmt, ...]
    otherwise: tuple[Stmt, ...] = ()


@frozen
class When(If):
    """A branch on a number that is one for the whole model: at each step one of its sides runs, and the other is free.

    A name that one side alone binds keeps the value that it had on the other.
    """


@frozen
class For(Stmt):
    """`for _ in range(count)`; the count is static. With a variable a loop over axes, until `axes.unrolled`."""

    count: Expr
    body: tuple[Stmt, ...]
    variable: str = "_"


@frozen
class Assert(Stmt):
    test: Expr
    message: str


@frozen
class Return(Stmt):
    """Of a rule: the parameter, the slots, the shared scalars, each a `Name`. Of a helper: one expression."""

    values: tuple[Expr, ...]
