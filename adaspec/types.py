"""Binding times and shapes: when each value is known, and how its axes stand to the parameter's.

One analysis (`stage.typeof` is its other half), used by the checker and every emitter. A `Stage` is the set of what a
value depends on: nothing or flags (static), the array's shape (static per array), hyperparameters and t (per step),
a total (once per step, after a pass over the model), the array's data (a 0-d value per array, or an array). Axes are
counted from the end and labelled by the parameter's own: `row` of shape (…, -2), `col` of shape (…, -1).
"""

from __future__ import annotations

from dataclasses import replace
from enum import IntFlag

from . import ir
from .frozen import frozen
from .ir import Compare, Expr, Logical, Name, Unary


class Stage(IntFlag):
    STATIC = 0
    SHAPE = 1
    SCALAR = 2
    TOTAL = 4
    ARRAY = 8

    @property
    def static(self) -> bool:
        """Known when the optimizer meets the array: flags, counts, shapes, None-ness."""
        return not self & ~Stage.SHAPE

    @property
    def host(self) -> bool:
        """A number that the host can compute: no array data and no total enters it."""
        return not self & (Stage.TOTAL | Stage.ARRAY)

    @property
    def shared(self) -> bool:
        """One value for the whole model: no shape and no array data enters it."""
        return not self & (Stage.SHAPE | Stage.ARRAY)


@frozen
class Along:
    """The axis of an array that is no longer tied to its place: as long as axis `axis` of the parameter."""

    axis: int

    def __str__(self) -> str:
        return f"n{self.axis}" if self.axis >= 0 else f"n[{self.axis}]"


@frozen
class Others(Along):
    """All axes of the parameter but `axis`, flattened into one."""

    def __str__(self) -> str:
        return f"size/{super().__str__()}"


@frozen
class Rank:
    """An axis that is as long as a rank was chosen: `count`, or the hyperparameter of that name, but no longer than
    either of the `axes` of the matrix."""

    count: int | str
    axes: tuple[int | Along, ...]

    def __str__(self) -> str:
        whole = sorted(self.axes, key=str) == [-1, -2]
        return str(self.count) if whole else f"{self.count} of ({', '.join(map(str, self.axes))})"


Axis = int | str | Along | Rank
"""An axis of the parameter (negative) in its own place, 1 for a new axis, one of an array without the parameter's
places (`Along`, `Others`), one that is cut to a `Rank`, OPAQUE for one that two branches disagree on, LOOSE for one
that is 1 or the parameter's."""

OPAQUE, LOOSE = "?", "1?"

FULL: tuple[Axis, ...] = ("...", -4, -3, -2, -1)
"""The parameter's own axes; the lead stands for all in front of the fourth from the end."""


@frozen
class Type:
    """What is known of a value: its stage, its axes (`()` for a number), and in which way it is special.

    `truth`: a truth value. `optional`: it may be None here. `nullable`: a hyperparameter or an input of which `is
    None` may be asked. `whole`: an integer, so that a loop may count to it. `mixed`: an array on one path, a number on
    another. `parts`: the axes of each result of `eigh`, `qr` or `svd`. `places`: where items stand, by `argsort`.
    """

    stage: Stage
    dims: tuple[Axis, ...] = ()
    truth: bool = False
    optional: bool = False
    nullable: bool = False
    whole: bool = False
    mixed: bool = False
    parts: tuple[tuple[Axis, ...], ...] = ()
    places: bool = False

    @property
    def is_array(self) -> bool:
        return self.dims != ()

    @property
    def is_full(self) -> bool:
        return self.dims == FULL


Env = dict[str, Type]


def without(dims: tuple[Axis, ...], axis: int) -> tuple[Axis, ...]:
    """`dims` with one axis (negative) taken out."""
    place = len(dims) + axis
    return dims if place < 0 or dims[place] == "..." else dims[:place] + dims[place + 1 :]


def rank(count: int | str, rows: Axis, columns: Axis) -> Axis:
    """The axis between the factors of a matrix of at most this rank; the order of its own axes says nothing."""
    own = [axis for axis in (rows, columns) if isinstance(axis, int | Along)]
    return Rank(count, tuple(sorted(own, key=str))) if len(own) == 2 else OPAQUE


def needed(axis: Axis) -> int:
    """How many axes the parameter must have for this one to be there."""
    match axis:
        case Along(k):
            return k + 1 if k >= 0 else -k
        case int(k):
            return max(-k, 0)
        case Rank(axes=axes):
            return max(map(needed, axes))
    return 2 if axis == OPAQUE else 0


def in_place(dims: tuple[Axis, ...]) -> bool:
    """Whether the axes stand in the parameter's places, so that they are counted from the end whatever its rank."""
    return dims[:1] == ("...",)


def signature(rule: ir.Rule) -> Env:
    """The types of the rule's own names, before its first statement."""
    env: Env = {rule.param: Type(Stage.ARRAY, FULL), rule.grad: Type(Stage.ARRAY, FULL)}
    if rule.step:
        env[rule.step] = Type(Stage.SCALAR, whole=True)
    for i in rule.inputs:
        stage, dims = (Stage.SCALAR, ()) if i.scalar else (Stage.ARRAY, FULL)
        env[i.name] = Type(stage, dims, optional=i.optional, nullable=i.optional)
    for slot in rule.slots:
        env[slot.name] = slot_type(slot)
    for shared in rule.shared:
        env[shared.name] = Type(Stage.SCALAR)
    for hyper in rule.hypers:
        env[hyper.name] = scalar_type(hyper.kind, hyper.optional)
    return env


def scalar_type(kind: str | None, optional: bool = False) -> Type:
    """The type of a hyperparameter or of a scalar argument of this kind."""
    stage = Stage.STATIC if kind in ("Count", "Flag") else Stage.SCALAR
    return Type(stage, truth=kind == "Flag", whole=kind in ("Count", "Step"), optional=optional, nullable=optional)


def slot_type(slot: ir.Slot) -> Type:
    if slot.init.scalar:
        return Type(Stage.ARRAY)
    dims = FULL if slot.init.without is None else without(FULL, slot.init.without)
    if slot.init.only is not None:
        dims = (Along(slot.init.only),) * (2 if slot.init.square else 1)
    if slot.init.cut is not None:
        cut = rank(slot.init.rank, -2, -1)
        dims = (*FULL[:-2], *(cut if axis == slot.init.cut else axis for axis in FULL[-2:]))
    return Type(Stage.ARRAY, dims)


def narrowed(test: Expr, env: Env, holds: bool) -> Env:
    """`env` knowing whether `test` holds: `h is not None` makes h a number."""
    match test:
        case Compare("is not" as op, Name(name), _) | Compare("is" as op, Name(name), _):
            if (op == "is not") == holds and name in env:
                return env | {name: replace(env[name], optional=False)}
        case Logical("and", values) if holds:
            for value in values:
                env = narrowed(value, env, True)
        case Logical("or", values) if not holds:
            for value in values:
                env = narrowed(value, env, False)
        case Unary("not", operand):
            return narrowed(operand, env, not holds)
    return env


def joined(stage: Stage, a: Type, b: Type) -> Type:
    """The type of a value that is `a` on one branch and `b` on the other."""
    dims = a.dims
    if a.dims != b.dims:
        if not a.dims or not b.dims:
            dims = a.dims or b.dims
        elif len(a.dims) == len(b.dims):
            dims = tuple(p if p == q else OPAQUE for p, q in zip(a.dims, b.dims, strict=True))
        elif in_place(a.dims) and in_place(b.dims):
            dims = ("...", OPAQUE, OPAQUE)
        else:
            dims = (OPAQUE,) * min(len(a.dims), len(b.dims))
    return Type(
        stage | a.stage | b.stage, dims, a.truth or b.truth, a.optional or b.optional, a.nullable and b.nullable,
        a.whole and b.whole, a.mixed or b.mixed or a.is_array != b.is_array, a.parts or b.parts,
    )  # fmt: skip


def is_opaque(t: Type) -> bool:
    return OPAQUE in t.dims


def shown(dims: tuple[Axis, ...]) -> str:
    """Axes as a reader counts them, the leading ones folded: `(…, -2, -1)`."""
    if not dims:
        return "a number"
    if not in_place(dims):
        return f"({', '.join(str(d) for d in dims)})"
    tail = [d for d in dims if d not in ("...", -4, -3)]
    return f"({', '.join(['…', *(str(d) if not isinstance(d, str) else '?' for d in tail)])})"
