"""The intermediate representation of an update rule: small, frozen, with a source span on every node.

Equality, hash and repr come from the fields; a span never takes part in them, so two texts that say the same are the
same `Function`. The order of this file is the order of a spec: spans, expressions, statements, declarations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import ClassVar, TypeVar


@dataclass(frozen=True, slots=True)
class Span:
    """Where a node stands in its text: 1-based lines, 0-based columns in characters, the end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


NOWHERE = Span(0, 0, 0, 0)


@dataclass(frozen=True)
class Node:
    span: Span = field(default=NOWHERE, compare=False, repr=False, kw_only=True)


# Expressions


@dataclass(frozen=True)
class Expr(Node):
    pass


@dataclass(frozen=True)
class Number(Expr):
    """A finite literal. `int` stays `int`: an integer exponent or axis means something else than a float."""

    value: int | float


@dataclass(frozen=True)
class Constant(Expr):
    """`True`, `False` or `None`: static by nature."""

    value: bool | None


@dataclass(frozen=True)
class Name(Expr):
    id: str


@dataclass(frozen=True)
class Unary(Expr):
    """`-` on numbers, `~` on arrays of truth values, `not` on static facts."""

    op: str
    operand: Expr


@dataclass(frozen=True)
class Binary(Expr):
    """`+ - * / ** @` on numbers and arrays, `% //` on numbers that no array enters, `& |` on truth values."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Compare(Expr):
    """`< <= > >= == !=`, and `is` / `is not` against `None`."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Logical(Expr):
    """`and` / `or` of static facts."""

    op: str
    values: tuple[Expr, ...]


@dataclass(frozen=True)
class Choose(Expr):
    """`then if test else otherwise`, the test being static."""

    test: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True)
class Call(Expr):
    """A function of the vocabulary, or before expansion a helper, schedule or view of the same file."""

    function: str
    args: tuple[Expr, ...]
    options: tuple[tuple[str, Expr], ...] = ()

    def option(self, name: str) -> Expr | None:
        return dict(self.options).get(name)


@dataclass(frozen=True)
class Transpose(Expr):
    """`.T`: the last two axes change places."""

    operand: Expr


@dataclass(frozen=True)
class Ndim(Expr):
    """A fact of a shape as a whole; `word` is how it is written."""

    operand: Expr
    word: ClassVar[str] = "ndim"


@dataclass(frozen=True)
class Size(Ndim):
    """`operand.size`: the number of elements."""

    word: ClassVar[str] = "size"


@dataclass(frozen=True)
class FanIn(Ndim):
    """`fan_in(operand)`: how many inputs a neuron of the layer has; `fans.placed` leaves none."""

    word: ClassVar[str] = "fan_in"


@dataclass(frozen=True)
class FanOut(Ndim):
    """`fan_out(operand)`: how many outputs an input of the layer has."""

    word: ClassVar[str] = "fan_out"


@dataclass(frozen=True)
class Shape(Ndim):
    """The shape that `fold` and `spread` go back to: an argument that the checker gives them, no value of a spec."""

    word: ClassVar[str] = "shape"


@dataclass(frozen=True)
class Dim(Expr):
    """`operand.shape[axis]`; the checker turns a positive axis into one counted from the end."""

    operand: Expr
    axis: int


@dataclass(frozen=True)
class Pick(Expr):
    """`a[i]`, the slot of one axis, or with a `Shape` as operand `x.shape[i]`; `axes.unrolled` leaves none."""

    operand: Expr
    index: Expr


@dataclass(frozen=True)
class Index(Expr):
    """`operand[...]` with items `"..."`, `":"` and `None` (a new axis) alone: it only ever adds axes of length 1."""

    operand: Expr
    items: tuple[str | None, ...]


@dataclass(frozen=True)
class Part(Expr):
    """One of the two results of `eigh` or `qr`: `operand` is the name that holds both."""

    operand: Expr
    index: int


@dataclass(frozen=True)
class Draw(Expr):
    """Noise of the parameter's shape (`adaspec.noise`); `stream` counts the draws of an expanded rule from 0."""

    kind: str
    stream: int


# Statements


@dataclass(frozen=True)
class Stmt(Node):
    pass


@dataclass(frozen=True)
class Assign(Stmt):
    """`name = value`; with an index the slot of one axis, until `axes.unrolled`."""

    name: str
    value: Expr
    index: Expr | None = None


@dataclass(frozen=True)
class Unpack(Stmt):
    """`w, q[i] = eigh(a)`, or the values of a helper; expansion makes assignments of it.

    `_` binds nothing; an index, where there is one, is of a slot per axis.
    """

    names: tuple[str, ...]
    value: Expr
    indices: tuple[tuple[Expr, ...], ...]


@dataclass(frozen=True)
class If(Stmt):
    """A branch on a static fact; the checker makes a `When` of one on a number (`t % k == 0`)."""

    test: Expr
    then: tuple[Stmt, ...]
    otherwise: tuple[Stmt, ...] = ()


@dataclass(frozen=True)
class When(If):
    """A branch on a number that is one for the whole model: at each step one of its sides runs, and the other is free.

    A name that one side alone binds keeps the value that it had on the other.
    """


@dataclass(frozen=True)
class For(Stmt):
    """`for _ in range(count)`; the count is static. With a variable a loop over axes, until `axes.unrolled`."""

    count: Expr
    body: tuple[Stmt, ...]
    variable: str = "_"


@dataclass(frozen=True)
class Assert(Stmt):
    test: Expr
    message: str


@dataclass(frozen=True)
class Return(Stmt):
    """Of a rule: the parameter, the slots, the shared scalars, each a `Name`. Of a helper: one expression."""

    values: tuple[Expr, ...]


# Declarations

EACH = 64
"""The axis of a slot per axis: no axis that a spec can write."""


@dataclass(frozen=True)
class Init(Node):
    """How a slot begins: `zeros`, `ones`, `full` (with a value), `copy` of the parameter, or `first_grad`.

    A value that is text names a hyperparameter, read once when the slot is made. `without` is the axis (negative) that
    the slot lacks, `scalar` makes it 0-d. With `only` the slot is a vector along that axis (counted from the front),
    with `square` a square matrix; `eye` is the square matrix that begins as the identity. The axis `EACH` stands for
    one such slot per axis, until `axes.unrolled`.
    """

    kind: str
    value: float | str = 0.0
    without: int | None = None
    scalar: bool = False
    only: int | None = None
    square: bool = False

    @property
    def whole(self) -> bool:
        """Whether the slot has the parameter's shape."""
        return self.without is None and not self.scalar and self.only is None

    @property
    def per_axis(self) -> bool:
        return self.only == EACH


@dataclass(frozen=True)
class Slot(Node):
    """State kept per parameter array. `dtype` None is the default: the parameter's, float32 where that is narrower."""

    name: str
    init: Init
    dtype: str | None = None


@dataclass(frozen=True)
class Input(Node):
    """What the caller supplies in each step: an array like each parameter or, if `scalar`, one number for the model.

    `optional`: it may be left out of a step, which is a static fact of that step. `view` is the label of the view at
    which the caller takes the gradient, if it is one.
    """

    name: str
    scalar: bool = False
    optional: bool = False
    view: str | None = None


@dataclass(frozen=True)
class Shared(Node):
    """One float64 scalar for the whole model; `initial` is a number or the name of a hyperparameter, read at init."""

    name: str
    initial: float | str


@dataclass(frozen=True)
class Hyper(Node):
    """A hyperparameter: `kind` is one of `domains.KINDS`; `optional` admits None, which is then a static fact."""

    name: str
    kind: str
    default: float | int | bool | None
    optional: bool = False

    @property
    def static(self) -> bool:
        """Whether its value is known when the optimizer is built, so that statements may branch on it."""
        return self.kind in ("Count", "Flag")


@dataclass(frozen=True)
class Argument(Node):
    """An argument of a helper: `kind` is `Array`, `Matrix`, `Scalar`, `Step`, `Param`, … or a hyperparameter's."""

    name: str
    kind: str | None
    keyword: bool


@dataclass(frozen=True)
class Function(Node):
    """A helper (`role` "helper"), a `@schedule`, or a `@view("label")`, whose `label` is then set."""

    name: str
    arguments: tuple[Argument, ...]
    body: tuple[Stmt, ...]
    role: str = "helper"
    doc: str | None = None
    label: str | None = None


@dataclass(frozen=True)
class Setting(Node):
    """One value of a dialect."""

    name: str
    value: float | int | bool | None


@dataclass(frozen=True)
class Dialect(Node):
    """A named implementation, `adam:torch`, and the hyperparameters with which the rule equals it.

    `of` names the very class or function, `torch.optim.Adam`; the table's reserved word, no hyperparameter.
    """

    name: str
    settings: tuple[Setting, ...]
    of: str | None = None


@dataclass(frozen=True)
class Inner(Node):
    """The rule that a wrapper wraps: its name in the text, and the composition that it is unless another is given."""

    name: str
    default: str


@dataclass(frozen=True)
class Rule(Node):
    """The update rule itself, as declared: what `parse` yields, `compose` writes out and `check` has approved.

    `inner` is set in a wrapper's own text alone: written out, a rule calls nothing but its helpers.
    """

    name: str
    doc: str
    param: str
    grad: str
    step: str | None
    slots: tuple[Slot, ...]
    shared: tuple[Shared, ...]
    hypers: tuple[Hyper, ...]
    functions: tuple[Function, ...]
    body: tuple[Stmt, ...]
    dialects: tuple[Dialect, ...] = ()
    rule_doc: str | None = None
    inner: Inner | None = None
    inputs: tuple[Input, ...] = ()

    def function(self, name: str) -> Function | None:
        return next((f for f in self.functions if f.name == name), None)

    def hyper(self, name: str) -> Hyper | None:
        return next((h for h in self.hypers if h.name == name), None)

    def input(self, name: str) -> Input | None:
        return next((i for i in self.inputs if i.name == name), None)

    @property
    def scalar_inputs(self) -> tuple[str, ...]:
        return tuple(i.name for i in self.inputs if i.scalar)

    @property
    def array_inputs(self) -> tuple[str, ...]:
        return tuple(i.name for i in self.inputs if not i.scalar)

    @property
    def optional(self) -> set[str]:
        """The hyperparameters and inputs that may be None."""
        return {d.name for d in (*self.hypers, *self.inputs) if d.optional}

    @property
    def state_names(self) -> tuple[str, ...]:
        """The names after the parameter in the rule's `return`, in signature order."""
        return tuple(s.name for s in self.slots) + tuple(s.name for s in self.shared)

    @property
    def declared(self) -> tuple[str, ...]:
        """Every name of the signature: each has a value before the first statement."""
        first = (self.param, self.grad, *((self.step,) if self.step else ()))
        return (*first, *self.state_names, *(d.name for d in (*self.hypers, *self.inputs)))

    @property
    def read_at_init(self) -> tuple[str, ...]:
        """The hyperparameters that slots and shared scalars begin with, once each."""
        found = [s.init.value for s in self.slots] + [s.initial for s in self.shared]
        return tuple(dict.fromkeys(v for v in found if isinstance(v, str)))


# Walking

N = TypeVar("N", bound=Node)


@cache
def _parts(kind: type[Node]) -> tuple[str, ...]:
    """The fields of a node class that may hold nodes. Cached: every pass walks every node."""
    return tuple(f.name for f in fields(kind) if f.name != "span")


def children(node: Node) -> Iterator[Node]:
    """The nodes directly under `node`, in the order of its fields."""
    for name in _parts(type(node)):
        yield from _nodes(getattr(node, name))


def _nodes(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)


def walk(node: Node | tuple[Node, ...]) -> Iterator[Node]:
    """`node` and everything under it, parents first."""
    for root in _nodes(node):
        yield root
        for child in children(root):
            yield from walk(child)


def rebuild(node: N, change) -> N:
    """`node` with `change` applied to each node directly under it; the same object where nothing changed."""
    changed = {}
    for name in _parts(type(node)):
        old = getattr(node, name)
        new = _mapped(old, change)
        if new is not old:
            changed[name] = new
    return replace(node, **changed) if changed else node


def _mapped(value, change):
    if isinstance(value, Node):
        return change(value)
    if isinstance(value, tuple):
        new = tuple(_mapped(item, change) for item in value)
        return new if any(a is not b for a, b in zip(new, value, strict=True)) else value
    return value


def names(node: Node | tuple[Node, ...]) -> set[str]:
    """Every name read under `node`."""
    return {n.id for n in walk(node) if isinstance(n, Name)}


def values_read(node: Node) -> set[str]:
    """Every name whose value is read under `node`: to ask whether it is None does not count."""
    if isinstance(node, Compare) and node.op in ("is", "is not"):
        return set()
    return {node.id} if isinstance(node, Name) else set().union(*map(values_read, children(node)))


def assigned(body: tuple[Stmt, ...]) -> list[str]:
    """Every name bound under `body`, once each, in order of first binding."""
    found: dict[str, None] = {}
    for node in walk(body):
        match node:
            case Assign(name):
                found[name] = None
            case Unpack(names):
                found |= dict.fromkeys(name for name in names if name != "_")
    return list(found)
