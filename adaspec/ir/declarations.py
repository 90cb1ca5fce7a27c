"""What a spec declares: state, inputs, hyperparameters, functions, dialects, and the rule that holds all of it."""

from __future__ import annotations

from ..frozen import frozen
from .expressions import Node
from .statements import Stmt

EACH = 64
"""The axis of a slot per axis: no axis that a spec can write."""


@frozen
class Init(Node):
    """How a slot begins: `zeros`, `ones`, `full` (with a value), `copy` of the parameter, or `first_grad`.

    A value that is text names a hyperparameter, read once when the slot is made. `without` is the axis (negative) that
    the slot lacks, `scalar` makes it 0-d. With `only` the slot is a vector along that axis (counted from the front),
    with `square` a square matrix; `eye` is the square matrix that begins as the identity. The axis `EACH` stands for
    one such slot per axis, until `axes.unrolled`. `cut` is the axis (negative) that is as long as `rank`, a count or
    the hyperparameter of that name, but no longer than either of the last two axes.
    """

    kind: str
    value: float | str = 0.0
    without: int | None = None
    scalar: bool = False
    only: int | None = None
    square: bool = False
    cut: int | None = None
    rank: int | str = 0

    @property
    def whole(self) -> bool:
        """Whether the slot has the parameter's shape."""
        return self.without is None and not self.scalar and self.only is None and self.cut is None

    @property
    def per_axis(self) -> bool:
        return self.only == EACH


@frozen
class Slot(Node):
    """State kept per parameter array. `dtype` None is the default: the parameter's, float32 where that is narrower."""

    name: str
    init: Init
    dtype: str | None = None


@frozen
class Input(Node):
    """What the caller supplies in each step: an array like each parameter or, if `scalar`, one number for the model.

    `optional`: it may be left out of a step, which is a static fact of that step. `view` is the label of the view at
    which the caller takes the gradient, if it is one.
    """

    name: str
    scalar: bool = False
    optional: bool = False
    view: str | None = None


@frozen
class Shared(Node):
    """One float64 scalar for the whole model; `initial` is a number or the name of a hyperparameter, read at init."""

    name: str
    initial: float | str


@frozen
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


@frozen
class Argument(Node):
    """An argument of a helper: `kind` is `Array`, `Matrix`, `Scalar`, `Step`, `Param`, … or a hyperparameter's."""

    name: str
    kind: str | None
    keyword: bool


@frozen
class Function(Node):
    """A helper (`role` "helper"), a `@schedule`, or a `@view("label")`, whose `label` is then set."""

    name: str
    arguments: tuple[Argument, ...]
    body: tuple[Stmt, ...]
    role: str = "helper"
    doc: str | None = None
    label: str | None = None


@frozen
class Setting(Node):
    """One value of a dialect."""

    name: str
    value: float | int | bool | None


@frozen
class Word(Node):
    """What an implementation calls the hyperparameter, slot or Shared `name`: `word`, or its element `place`.

    `off` is the number that it takes where ours is None. Without a word it has no such thing: a hyperparameter that is
    what the dialect sets, or `step`, where it does not count its updates.
    """

    name: str
    word: str | None
    place: int | None = None
    off: float | int | None = None

    @property
    def spelt(self) -> str:
        """As the implementation writes it: `exp_avg`, `etas[0]`, `momentum=0`; empty without a word."""
        place = "" if self.place is None else f"[{self.place}]"
        off = "" if self.off is None else f"={self.off!r}"
        return f"{self.word or ''}{place}{off}"

    @property
    def text(self) -> str:
        """As a dialect writes it."""
        return "None" if self.word is None else f'"{self.spelt}"'


@frozen
class Dialect(Node):
    """A named implementation, `adam:torch`, and the hyperparameters with which the rule equals it.

    `of` names the very class or function, `torch.optim.Adam`, and `names` what it calls ours, its state among it; the
    table's reserved words, no hyperparameters.
    """

    name: str
    settings: tuple[Setting, ...]
    of: str | None = None
    names: tuple[Word, ...] = ()


@frozen
class Inner(Node):
    """The rule that a wrapper wraps: its name in the text, and the composition that it is unless another is given."""

    name: str
    default: str


@frozen
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
    def numbers(self) -> tuple[str, ...]:
        """Those of the declared names that are one number for the whole model."""
        own = (*self.hypers, *self.shared)
        return (*((self.step,) if self.step else ()), *(d.name for d in own), *self.scalar_inputs)

    @property
    def read_at_init(self) -> tuple[str, ...]:
        """The hyperparameters that slots and shared scalars begin with, or have their shape by, once each."""
        found = [v for s in self.slots for v in (s.init.value, s.init.rank)] + [s.initial for s in self.shared]
        return tuple(dict.fromkeys(v for v in found if isinstance(v, str)))
