"""The facts of a kernel's file: what it is called, which kind of kernel it is, and what its functions take."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from adaspec import ir

from .kernel import Kernel, Pass
from .walks import slot_type

WIDTH = 110
C_NAMES = {"static", "double"}


@dataclass(frozen=True)
class Layout:
    """What a caller has to know, by the spec's names in the order of the structs.

    `passes` is 0 where any part of the elements can go alone; `ends`: something is stored when all passes are done.
    """

    name: str
    hypers: tuple[str, ...]
    shared: tuple[str, ...]
    arrays: tuple[str, ...]
    passes: int
    sums: bool
    model: bool
    ends: bool


class Frame:
    """`simple`: one walk of each element by itself, so that any part of the elements can go alone."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel, self.rule, self.names = kernel, kernel.rule, kernel.names
        self.name = f"{self.rule.name}_" if self.rule.name in C_NAMES else self.rule.name
        self.ats, self.sums, self.passes = kernel.ats(), kernel.sums, kernel.passes
        self.owns = {at: kernel.whole(at) for at in self.ats}
        """The lines that compute the numbers of one array in front of a walk."""
        self.before = [kernel.before(p) for p in range(len(kernel.phases))]
        self.totals = [kernel.total(p) for p in range(len(kernel.phases))]
        self.late = kernel.late()
        self.shared = [s.name for s in self.rule.shared]
        self.stores = [n for n in kernel.scalars if kernel.units.last.get(n)]
        self.model = bool(self.shared) or any(self.totals)
        if not self.model:  # then the numbers of the model follow no other count than those of the arrays
            self.late = [line for lines in self.before for line in lines] + self.late
        self.ends = bool(self.shared or self.stores)
        more = self.sums or self.model or self.ends or any(self.owns.values()) or kernel.scalars
        self.simple = len(self.passes) == 1 and not more

    @property
    def layout(self) -> Layout:
        rule, env = self.rule, self.kernel.env
        hypers = [h.name for h in rule.hypers if not h.static and env.get(h.name, 1.0) is not None]
        arrays = (rule.param, rule.grad, *rule.array_inputs, *(s.name for s in rule.slots))
        given = (*hypers, *rule.scalar_inputs)
        passes = 0 if self.simple else len(self.passes)
        return Layout(self.name, given, tuple(self.shared), arrays, passes, bool(self.sums), self.model, self.ends)

    # What functions take

    @cached_property
    def taken(self) -> dict[str, str]:
        """The arguments of every function that a caller calls, by name."""
        name = self.name
        found = {"h": f"const {name}_hypers *h"}
        found |= {"s": f"{name}_shared *s"} if self.model else {}
        found |= {"arrays": f"const {name}_array *arrays", "count": "int64_t count"}
        return found | ({"sums": "double *sums"} if self.sums else {})

    def head(self, function: str, more: Sequence[str] = (), end: str = " {") -> list[str]:
        """The first lines of a function that a caller calls."""
        return wrapped(f"void {self.name}_{function}(", [*self.taken.values(), *more], f"){end}")

    def given(self, *more: str) -> str:
        """The same arguments, handed on."""
        return ", ".join([*self.taken, *more])

    def of_array(self, stage: int | str, numbers: str) -> str:
        """The call that computes the numbers of the array `a` at a stage."""
        args = [numbers, "h", "a", *(["sums + first"] if self.sums else []), *([str(stage)] if self.staged else [])]
        return f"of_array({', '.join(args)});"

    @property
    def staged(self) -> bool:
        """Whether the numbers of an array become known bit by bit."""
        return len(self.ats) > 1 or bool(self.sums)

    def type_of(self, text: str) -> str:
        """A type as a walk says it, in the file's own word."""
        own = {"PARAM_T": "param", "GRAD_T": "grad", "HALF_T": "half", "REAL": "real"}
        return f"{self.name}_{own[text]}" if text in own else text

    def slot_type(self, name: str) -> str:
        return self.type_of(slot_type(next(s for s in self.rule.slots if s.name == name)))

    def part(self, made: Pass) -> str:
        """What tells the functions of one walk from those of another."""
        return "" if len(self.passes) == 1 else f"_{self.passes.index(made)}"


def begins(slot: ir.Slot) -> str:
    init = slot.init
    what = {"copy": "a copy of the parameter", "first_grad": "its first gradient"}.get(init.kind, f"{init.value}")
    return f"{'one number' if init.scalar else 'a slot'}, begins as {what}"


def wrapped(head: str, args: list[str], tail: str) -> list[str]:
    """A head of a function, with its arguments on lines of their own where it is too long."""
    line = f"{head}{', '.join(args)}{tail}"
    if len(line) <= WIDTH:
        return [line]
    whole = [a.replace(" ", "\0") for a in args]  # an argument stays together
    lines = textwrap.wrap(", ".join(whole), WIDTH - 4)
    return [head, *(f"    {line}".replace("\0", " ") for line in lines), tail.removeprefix(" ")]
