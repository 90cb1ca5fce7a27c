"""`Spec`: a checked rule and everything that can be asked of it."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from . import facts, ir
from .axes import unrolled
from .check import Warn, check
from .compose import composed
from .errors import NO_PATH, Diagnostic, SpecError, SpecWarning
from .expand import expand_function
from .fans import LAYOUT, layout_of, placed
from .naming import class_name
from .parse import parse_rule
from .reading import Readings
from .rewrite import rewrite, rewrite_function
from .scalars import evaluate as scalar
from .text import canonical

LANGUAGE = 1
"""The version of the language; part of every hash."""


@dataclass(frozen=True, eq=False)
class Spec:
    """An update rule, checked. Make one with `adaspec.load`, `adaspec.parse` or `@adaspec.optimizer`.

    Two specs are equal if their texts are: layout, comments and spans do not count, docstrings do.
    """

    rule: ir.Rule
    layout: str = field(default=LAYOUT, repr=False)
    """How `fan_in` and `fan_out` are read (`laid_out`); it is not part of what the spec says."""
    dialect: ir.Dialect | None = None
    """The dialect as which it was loaded, if it was: `adam:torch`. Its words are those of the native optimizer."""

    def __eq__(self, other: object) -> bool:
        # Not the rules': 2 and 2.0 are equal to Python, and different code to a target.
        if not isinstance(other, Spec):
            return NotImplemented
        return self.text == other.text and self.dialect == other.dialect

    def __hash__(self) -> int:
        return hash(self.text)

    # What it declares

    @property
    def name(self) -> str:
        """The function's name, as in `specs/`: `adax`."""
        return self.rule.name

    @cached_property
    def title(self) -> str:
        """The docstring's first line up to its first full stop: `AdaX: Adaptive Gradient Descent with …`."""
        return _title(self.rule.doc) or self.rule.name

    @cached_property
    def reference(self) -> str:
        """What follows the title: authors, year, arXiv number or address. Empty if the docstring has none."""
        first = self.rule.doc.strip().split("\n")[0]
        return first[len(_title(self.rule.doc)) :].lstrip(". ").strip()

    @cached_property
    def class_name(self) -> str:
        """`AdaX` where the docstring's word before the colon spells the name so, else CamelCase."""
        return class_name(self.rule.doc, self.name)

    @cached_property
    def hypers(self) -> Mapping[str, ir.Hyper]:
        return MappingProxyType({h.name: h for h in self.rule.hypers})

    @cached_property
    def aliases(self) -> Mapping[str, str]:
        """Of hyperparameters that a native optimizer spells otherwise (`words.spoken`): the new name by the rule's."""
        return {}

    @cached_property
    def inputs(self) -> Mapping[str, ir.Input]:
        return MappingProxyType({i.name: i for i in self.rule.inputs})

    @cached_property
    def slots(self) -> Mapping[str, ir.Slot]:
        return MappingProxyType({s.name: s for s in self.rule.slots})

    @cached_property
    def shared(self) -> Mapping[str, ir.Shared]:
        return MappingProxyType({s.name: s for s in self.rule.shared})

    @cached_property
    def schedules(self) -> Mapping[str, ir.Function]:
        return MappingProxyType({f.name: f for f in self.rule.functions if f.role == "schedule"})

    @cached_property
    def views(self) -> Mapping[str, ir.Function]:
        return MappingProxyType({str(f.label): f for f in self.rule.functions if f.role == "view"})

    @cached_property
    def dialects(self) -> Mapping[str, Mapping[str, Any]]:
        rows = {d.name: MappingProxyType({s.name: s.value for s in d.settings}) for d in self.rule.dialects}
        return MappingProxyType(rows)

    # What it means

    @cached_property
    def checked(self) -> tuple[ir.Stmt, ...]:
        """The statements with helpers inlined and shapes resolved; the last is the `return`."""
        return placed(check(self.rule), self.layout)

    def laid_out(self, target: str) -> Spec:
        """The same spec as a target reads it: its `fan_in` and `fan_out` by the layout of the target's weights."""
        layout = layout_of(target)
        return self if layout == self.layout else Spec(self.rule, layout, self.dialect)

    @cached_property
    def core(self) -> ir.Rule:
        """The rule with its slots per axis and loops over axes written out: what every pass behind the check reads."""
        return unrolled(self.rule)

    @cached_property
    def body(self) -> tuple[ir.Stmt, ...]:
        """The same with scalars in their accurate forms: what the interpreter reads."""
        return rewrite(self.core, self.checked)

    @cached_property
    def statements(self) -> tuple[ir.Stmt, ...]:
        """`body` without its `return`."""
        return self.body[:-1]

    def view(self, name: str) -> tuple[tuple[ir.Stmt, ...], ir.Expr]:
        """The statements and the value of a view. KeyError with the known ones for an unknown name."""
        if name not in self.views:
            raise KeyError(f"{self.name} has no view '{name}': it has {', '.join(self.views) or 'none'}")
        return self._function(self.views[name])

    def takes_grads(self, name: str) -> bool:
        """Whether a view reads gradients too."""
        return any(a.name == self.rule.grad for a in self.views[name].arguments)

    def schedule(self, name: str) -> tuple[tuple[ir.Stmt, ...], ir.Expr]:
        """The statements and the value of a schedule, in its own argument names."""
        if name not in self.schedules:
            raise KeyError(f"{self.name} has no schedule '{name}': it has {', '.join(self.schedules) or 'none'}")
        return self._function(self.schedules[name])

    def evaluate(self, name: str, t: float, /, **hypers: float) -> float:
        """The value of a schedule at step t (1, 2, …), in float64 with IEEE rules; `hypers` overrides defaults.

        Never raises for a large t: `adaspec.load("adax").evaluate("beta2_hat", 2**31)` is 1.0.
        """
        statements, value = self.schedule(name)
        env: dict[str, Any] = self.defaults | hypers
        function = self.schedules[name]
        env |= {a.name: float(t) for a in function.arguments if a.kind == "Step"}
        missing = [a.name for a in function.arguments if a.name not in env]
        if missing:
            raise TypeError(f"the schedule '{name}' takes '{missing[0]}', which is no hyperparameter: give it a value")
        for stmt in statements:
            run(stmt, env)
        return float(scalar(value, env) or 0.0)

    @cached_property
    def _functions(self) -> dict[str, tuple[tuple[ir.Stmt, ...], ir.Expr]]:
        return {}

    def _function(self, function: ir.Function) -> tuple[tuple[ir.Stmt, ...], ir.Expr]:
        if function.name not in self._functions:
            self._functions[function.name] = self._expanded(function)
        return self._functions[function.name]

    def _expanded(self, function: ir.Function) -> tuple[tuple[ir.Stmt, ...], ir.Expr]:
        function = self.core.function(function.name) or function
        statements, value = expand_function(self.core, function)
        statements, value = placed(statements, self.layout), placed(value, self.layout)
        return rewrite_function(self.core, function, statements, value)

    @cached_property
    def readings(self) -> Readings:
        """What the interpreter has to know of each bound value at every step, found out once."""
        return Readings()

    @property
    def defaults(self) -> dict[str, Any]:
        return {h.name: h.default for h in self.rule.hypers}

    def state(self, shape: tuple[int, ...], dtype: Any = "float32", /, **hypers: Any) -> dict[str, facts.SlotState]:
        """The slots of a parameter of this shape and dtype, by name: their shapes, dtypes and beginnings.

        An absent slot has no entry. `hypers` overrides defaults that a branch may depend on.
        """
        name = str(getattr(dtype, "name", dtype)).rpartition(".")[2]
        return facts.slot_states(self.core, self.statements, tuple(shape), name, self.defaults | hypers)

    def check_shape(self, shape: tuple[int, ...], path: str = "", hypers: Mapping[str, Any] | None = None) -> None:
        """ValueError with the rule's own remedy if it asserts something that a parameter of this shape breaks."""
        values = self.defaults | dict(hypers or {})
        for condition, stmt in facts.asserts(self.core, self.statements):
            if facts.holds(condition, shape, values) and not facts.holds(stmt.test, shape, values):
                raise ValueError(f"{self.name}: {stmt.message} (parameter '{path}' has shape {tuple(shape)})")

    # What it is made of

    @cached_property
    def text(self) -> str:
        """The canonical source: `adaspec.parse(spec.text) == spec`.

        The rules that it calls are written out: it stands alone, and changes, as its hash does, if one of them does.
        """
        return canonical(self.rule)

    @cached_property
    def hash(self) -> str:
        """The SHA-256, in hexadecimal, of the language's version and of `text` without its dialects.

        A name that the rule is given elsewhere changes nothing that was built from it or saved under its hash.
        """
        text = canonical(replace(self.rule, dialects=()))
        return hashlib.sha256(f"adaspec {LANGUAGE}\n{text}".encode()).hexdigest()

    @cached_property
    def state_hash(self) -> str:
        """The same without the defaults of its hyperparameters: specs that share it keep the same state."""
        plain = tuple(replace(h, default=None) for h in self.rule.hypers)
        text = canonical(replace(self.rule, dialects=(), hypers=plain))
        return hashlib.sha256(f"adaspec {LANGUAGE} state\n{text}".encode()).hexdigest()

    def replace(self, **changes: Any) -> Spec:
        """A new spec with other schedules, defaults or slot beginnings.

        A schedule takes an expression (`beta2_hat="1 - t**-c"`), a hyperparameter a number, a slot an initialiser
        (`v="full(0.1)"`). A name that is new in an expression needs its default in the same call; a hyperparameter that
        nothing uses any longer disappears. The dialects, which speak of the old rule, do not survive. Raises SpecError.
        """
        from .replace import replaced

        return replaced(self, changes)

    def __getstate__(self) -> dict[str, Any]:
        return {"rule": self.rule, "layout": self.layout, "dialect": self.dialect}

    def __setstate__(self, state: dict[str, Any]) -> None:
        object.__setattr__(self, "rule", state["rule"])
        object.__setattr__(self, "layout", state["layout"])
        object.__setattr__(self, "dialect", state["dialect"])

    def __repr__(self) -> str:
        return f"<Spec {self.name} {self.hash[:12]}>"


def make(data: bytes | str, path: str = NO_PATH, quiet: bool = False, depth: int = 3) -> Spec:
    """Parse and check; the public door that gives every error and warning its path and source line.

    `quiet` leaves the warnings out; else they are said of the caller that stands `depth` frames up.
    """
    rule = parse_rule(data, path)
    text = data if isinstance(data, str) else data.decode("utf-8")
    text = text.removeprefix("\ufeff")
    notes: list[Diagnostic] = []
    with located(path, text):
        spec = checked(rule, None if quiet else lambda *note: notes.append(Diagnostic(*note)))
        _ = spec.body
        for function in rule.functions:
            if function.role != "helper":
                spec._function(function)
    for note in notes:
        note.locate(path, text)
        warnings.warn(str(note), SpecWarning, stacklevel=depth)
    return spec


def checked(rule: ir.Rule, warn: Warn | None = None) -> Spec:
    """The spec of a rule as it is written, composed and checked. Raises SpecError at spans of its text."""
    spec = Spec(composed(rule))
    _reread(spec)
    spec.__dict__["checked"] = placed(check(spec.rule, warn), spec.layout)
    return spec


@contextmanager
def located(path: str, text: str) -> Iterator[None]:
    """Gives every error of what is done inside its path and source line."""
    try:
        yield
    except SpecError as error:
        if error.path == NO_PATH:  # else it is of a rule of the library that this one calls
            error.locate(path, text)
        raise
    except RecursionError:
        error = SpecError("nested too deeply once every helper is inlined", hint="name the parts of long expressions")
        error.locate(path, text)
        raise error from None


SMALL = 4096


def _reread(spec: Spec) -> None:
    """Refuse a rule whose canonical text would pass a limit of the parser: everything stands on reading it again."""
    if len(spec.text) > SMALL:
        try:
            parse_rule(spec.text)
        except SpecError as error:
            what = f"the rule is too large: its canonical text has {error.message}"
            raise SpecError(what, hint="a spec is 20 to 40 lines") from None


def run(stmt: ir.Stmt, env: dict[str, Any]) -> None:
    """One statement of a schedule."""
    match stmt:
        case ir.Assign(name, value):
            env[name] = scalar(value, env)
        case ir.If(test, then, otherwise):
            for inner in then if scalar(test, env) else otherwise:
                run(inner, env)
        case ir.For(count, body):
            for _ in range(int(scalar(count, env) or 0)):
                for inner in body:
                    run(inner, env)


def _title(doc: str) -> str:
    first = doc.strip().split("\n")[0]
    head, dot, _ = first.partition(". ")
    return head if dot else first.rstrip(".")
