"""Wrong rules: every spec with one thing wrong in it, and whether the proof notices.

`make mutants` prints the score. A mutant is a spec in which a term is dropped, a sign, a decay or an operator swapped,
a step, a constant or an exponent off by one, a root removed; the checker may refuse it, which counts for nothing. It
is killed by the first trial in which it leaves the original (tests/originals) or the reference (tests/reference).
What no trial can tell from the rule stands in `equivalent.EQUIVALENT` with its reason.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any

for key, value in {"OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu", "KERAS_BACKEND": "tensorflow"}.items():
    os.environ.setdefault(key, value)

import numpy as np

import adaspec
from adaspec import ir, text
from adaspec.index import dialects as hosts_of_dialects
from adaspec.library import rules
from adaspec.spec import Spec, make
from equivalent import EQUIVALENT
from originals import ORIGINALS, REFERRED, Original, Trial, distances, theirs, trials
from originals.defects import MENDED

OPPOSITE = {"+": "-", "-": "+", "*": "/", "/": "*"}
FLIPPED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
OTHER = {"minimum": "maximum", "maximum": "minimum", "sum": "mean", "mean": "sum", "norm": "rms", "rms": "norm"}
BARE = ("sqrt", "abs", "sign", "exp", "tanh", "log1p", "expm1", "log")


@dataclass(frozen=True)
class Mutant:
    """`change` reads `before  →  after`, the two statements; it names the mutant in the table of equivalent ones."""

    spec: Spec
    change: str


def mutants(spec: Spec) -> list[Mutant]:
    """Every mutant of the rule that the checker accepts, once each."""
    rule = replace(spec.rule, dialects=())
    found: dict[str, Mutant] = {}
    for change, wrong in _wrong_rules(rule):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                mutant = make(text.canonical(wrong), f"{spec.name}.py", quiet=True)
        except adaspec.SpecError:
            continue
        if mutant.text not in found and mutant.text != text.canonical(rule):
            found[mutant.text] = Mutant(mutant, change)
    return list(found.values())


def _wrong_rules(rule: ir.Rule) -> Iterator[tuple[str, ir.Rule]]:
    decays = tuple(h.name for h in rule.hypers if h.kind == "Decay")
    for body, change in _wrong_bodies(rule.body, rule.step, decays):
        yield change, replace(rule, body=body)
    for i, function in enumerate(rule.functions):
        steps = [a.name for a in function.arguments if a.kind == "Step"]
        own = tuple(a.name for a in function.arguments if a.kind == "Decay")
        for body, change in _wrong_bodies(function.body, steps[0] if steps else None, own):
            functions = (*rule.functions[:i], replace(function, body=body), *rule.functions[i + 1 :])
            yield f"{function.name}: {change}", replace(rule, functions=functions)


def _wrong_bodies(
    body: tuple[ir.Stmt, ...], step: str | None, decays: tuple[str, ...]
) -> Iterator[tuple[tuple[ir.Stmt, ...], str]]:
    for i, stmt in enumerate(body):
        for wrong, change in _wrong_statements(stmt, step, decays):
            yield (*body[:i], wrong, *body[i + 1 :]), change
        if isinstance(stmt, ir.Assign) and any(
            s.name == stmt.name for s in ir.walk(body[:i]) if isinstance(s, ir.Assign)
        ):
            yield (*body[:i], *body[i + 1 :]), f"{_said(stmt)}  →  nothing"


def _wrong_statements(stmt: ir.Stmt, step: str | None, decays: tuple[str, ...]) -> Iterator[tuple[ir.Stmt, str]]:
    if isinstance(stmt, ir.Assert):
        return
    if isinstance(stmt, ir.If):
        for test in _wrong(stmt.test, step, decays):
            yield replace(stmt, test=test), f"if {text.expression(stmt.test)}  →  if {text.expression(test)}"
        for side in ("then", "otherwise"):
            for body, change in _wrong_bodies(getattr(stmt, side), step, decays):
                if body:
                    yield replace(stmt, **{side: body}), change
    elif isinstance(stmt, ir.For):
        for body, change in _wrong_bodies(stmt.body, step, decays):
            if body:
                yield replace(stmt, body=body), change
    elif isinstance(stmt, ir.Return):
        if len(stmt.values) == 1:
            for value in _wrong(stmt.values[0], step, decays):
                wrong = replace(stmt, values=(value,))
                yield wrong, f"{_said(stmt)}  →  {_said(wrong)}"
    else:
        for wrong in _wrong(stmt, step, decays):
            yield wrong, f"{_said(stmt)}  →  {_said(wrong)}"


def _said(stmt: ir.Stmt) -> str:
    return "; ".join(line.strip() for line in text.body((stmt,)))


def _wrong(node: Any, step: str | None, decays: tuple[str, ...]) -> Iterator[Any]:
    """Copies of a node with one thing wrong in it or under it."""
    yield from _here(node, step, decays)
    for name in (f.name for f in fields(node) if f.name != "span"):
        if isinstance(node, ir.Call) and name == "options":
            continue  # an axis is no number of the mathematics
        old = getattr(node, name)
        if isinstance(old, ir.Node):
            for new in _wrong(old, step, decays):
                yield replace(node, **{name: new})
        elif isinstance(old, tuple):
            for i, item in enumerate(old):
                if isinstance(item, ir.Node):
                    for new in _wrong(item, step, decays):
                        yield replace(node, **{name: (*old[:i], new, *old[i + 1 :])})


def _here(node: Any, step: str | None, decays: tuple[str, ...]) -> Iterator[ir.Expr]:
    match node:
        case ir.Binary(op, left, right):
            if op in OPPOSITE:
                yield replace(node, op=OPPOSITE[op])
            if op in ("+", "-"):
                yield left
                yield right if op == "+" else ir.Unary("-", right)
            if op in ("/", "**"):
                yield left
        case ir.Unary("-", operand):
            yield operand
        case ir.Compare(op, _, _) if op in FLIPPED:
            yield replace(node, op=FLIPPED[op])
        case ir.Number(value):
            yield replace(node, value=value + 1 if isinstance(value, int) else value * 1.5 or 1.0)
            if isinstance(value, int) and value > 1:
                yield replace(node, value=value - 1)
        case ir.Name(name) if name == step:
            yield ir.Binary("+", node, ir.Number(1))
            yield ir.Binary("-", node, ir.Number(1))
        case ir.Name(name) if name in decays:
            for other in decays:
                if other != name:
                    yield ir.Name(other)
        case ir.Call(function, args):
            if function in OTHER:
                yield replace(node, function=OTHER[function])
            if function in BARE:
                yield args[0]
            if function == "rsqrt":
                yield ir.Binary("/", ir.Number(1), args[0])
            if function == "where":
                yield args[1]
                yield args[2]
            if function == "clip":
                yield args[0]


# The trials


@cache
def _theirs(entry: Original, trial: Trial) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return theirs(entry, trial)


def notices(wrong: Spec, name: str) -> bool:
    """Whether some trial of the spec called `name` tells `wrong` from it."""
    with np.errstate(all="ignore"):
        return any(_leaves(*comparison) for comparison in _comparisons(wrong, name))


def _comparisons(wrong: Spec, name: str) -> Iterator[tuple[Iterator[float], float]]:
    for entry in _entries(name):
        settings = adaspec.load(name).dialects.get(entry.name, {})
        try:
            dialect = wrong.replace(**{k: v for k, v in settings.items() if k in wrong.hypers})
        except adaspec.SpecError:
            dialect = wrong
        for trial in _trials(entry):
            yield distances(entry, trial, dialect, _theirs(entry, trial)), entry.tolerance


def _leaves(gaps: Iterator[float], tolerance: float) -> bool:
    try:
        return any(not gap <= tolerance for gap in gaps)
    except (ValueError, TypeError, ZeroDivisionError, adaspec.SpecError):
        return True  # it cannot even run where the rule can


@cache
def _entries(name: str) -> list[Original]:
    written = [entry for entry in REFERRED.values() if entry.name == name]
    return written + [
        entry for entry in (*ORIGINALS, *MENDED) if hosts_of_dialects().get(entry.name, entry.name) == name
    ]


@cache
def _trials(entry: Original) -> list[Trial]:
    return trials(entry)


# The score


@dataclass
class Score:
    name: str
    killed: int = 0
    equivalent: int = 0
    alive: list[str] = field(default_factory=list)

    @property
    def judged(self) -> int:
        return self.killed + len(self.alive)


def score(name: str) -> Score:
    """The mutants of one spec of the library."""
    found = Score(name)
    if notices(adaspec.load(name), name):
        raise AssertionError(f"{name} fails its own trials, so they kill every mutant: mend that first (make prove)")
    known = EQUIVALENT.get(name, {})
    for mutant in mutants(adaspec.load(name)):
        if mutant.change in known:
            found.equivalent += 1
        elif notices(mutant.spec, name):
            found.killed += 1
        else:
            found.alive.append(mutant.change)
    return found


def hosts() -> list[str]:
    """The specs of the library that something is known to equal."""
    return [name for name in rules() if _entries(name)]


def main() -> int:
    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    parser = argparse.ArgumentParser(description="How many wrong rules the proof notices.")
    parser.add_argument("names", nargs="*", help="specs of the library; all of them if none is named")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    names = options.names or hosts()
    console = Console()
    scores = []
    with ProcessPoolExecutor(options.jobs) as pool:
        running = [pool.submit(score, name) for name in names]
        scores = [f.result() for f in track(as_completed(running), "mutants", len(running), console=console)]
    table = Table("spec", "mutants", "killed", "equivalent", "alive", box=None)
    for s in sorted(scores, key=lambda s: s.name):
        alive = f"[red]{len(s.alive)}[/]" if s.alive else ""
        table.add_row(s.name, str(s.judged + s.equivalent), str(s.killed), str(s.equivalent or ""), alive)
    console.print(table)
    for s in sorted(scores, key=lambda s: s.name):
        for change in s.alive:
            console.print(f"{s.name}: {change}", markup=False, highlight=False, soft_wrap=True)
    killed, judged = sum(s.killed for s in scores), sum(s.judged for s in scores)
    share = 100 * killed / judged if judged else 0.0
    console.print(f"{killed} of {judged} mutants killed: {share:.2f} %", style="bold")
    return 0 if share >= 99 else 1


if __name__ == "__main__":
    sys.exit(main())
