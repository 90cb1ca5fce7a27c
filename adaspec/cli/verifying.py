"""`adaspec verify`: how far every target is from the float64 interpreter, measured while you watch."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .. import library
from ..errors import MissingFramework
from ..frameworks import NEEDS, TARGETS
from ..spec import Spec
from ..verification import Report, Result, verify
from .finding import find
from .quiet import start
from .terminal import console, print_json, progress, put, safe, table, versions


def run(names: list[str], targets: list[str] | None, steps: int, dtypes: tuple[str, ...], as_json: bool) -> int:
    typed = library.rules() if names == ["all"] else list(dict.fromkeys(names))
    specs = [find(name)[0] for name in typed]
    reports = []
    out = console()
    start(targets or TARGETS)
    # On the console of the tables, which are then printed above the bar; on the other one where they go elsewhere.
    with progress(out if out.is_terminal and not as_json else console(stderr=True)) as bar:
        task = bar.add_task("", total=len(specs) * runs(targets, dtypes))
        for spec in specs:

            def told(what: str) -> None:
                bar.update(task, description=what, advance=1)

            reports.append(measured(spec, targets, steps, dtypes, told))
            bar.update(task, completed=len(reports) * runs(targets, dtypes))
            if not as_json:
                _print(out, reports[-1], first=len(reports) == 1)
    if as_json:
        print_json([facts(report) for report in reports])
    else:
        _close(out, reports)
    return 0 if all(report.ok for report in reports) else 1


def measured(
    spec: Spec, targets: list[str] | None, steps: int, dtypes: tuple[str, ...], told: Callable[[str], None]
) -> Report:
    """The report over the targets, one after the other: where one breaks down, the others are still measured.

    MissingFramework for a target that is named and not installed.
    """
    results: list[Result] = []
    missing: list[str] = []
    for target in targets or TARGETS:
        at = [target, "", ""]

        def noted(what: str, at: list[str] = at) -> None:
            at[:] = what.rpartition(": ")[2].split(" ")
            told(what)

        try:
            report = verify(spec, [target], steps=steps, dtypes=dtypes, progress=noted)
        except MissingFramework:
            if targets is not None:
                raise
            missing.append(target)
        except Exception as error:
            # One framework that does not work here, or one emitter with a fault, is a row of the table like any other.
            name, dtype, mode = at if len(at) == 3 else (target, "", "")
            problem = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
            results.append(Result(name, dtype, mode, math.nan, "", math.nan, math.nan, problem.rstrip(": ")))
        else:
            results += report.results
    return Report(spec, steps, tuple(results), tuple(missing))


def results_table(report: Report) -> Table:
    """Target, dtype, mode, error, unit, bound, verdict; a target is named once."""
    rows = table("target", "dtype", "mode", "error", "bound", "unit", "verdict", right=("error", "bound"))
    before = ""
    for r in report.results:
        name = Text(r.target if r.target != before else "", "name")
        before = r.target
        verdict = Text("ok", "ok") if r.ok else Text(safe(r.problem) or "differs", "bad")
        cells = [r.dtype, r.mode, _number(r.error, r.unit), _number(r.bound, r.unit), r.unit]
        rows.add_row(name, *(Text(c) for c in cells), verdict)
    return rows


def print_missing(out: Console, targets: Iterable[str]) -> None:
    """A line for each target whose framework is not installed."""
    for target in targets:
        out.print(Text.assemble((target, "name"), (f"  not installed: {install(target)}", "note")), soft_wrap=True)


def install(target: str) -> str:
    return f"pip install 'adaspec[{TARGETS[target]}]'"


def facts(report: Report) -> dict[str, Any]:
    return {
        "name": report.spec.name,
        "hash": report.spec.hash,
        "steps": report.steps,
        "ok": report.ok,
        "results": [asdict(r) | {"ok": r.ok} for r in report.results],
        "missing": {target: install(target) for target in report.missing},
    }


def _number(value: float, unit: str) -> str:
    """Relative errors as powers of ten, counts of units as plain numbers, so that a column is read at a glance."""
    if math.isnan(value):
        return ""
    return f"{value:.1e}" if unit == "relative" or value >= 1e5 else f"{value:.2f}"


def runs(targets: list[str] | None, dtypes: tuple[str, ...]) -> int:
    """How many runs a spec takes, were everything installed; the bar catches up where something is not."""
    sessions = [importlib.import_module(f"adaspec.backends.{target}.session") for target in targets or TARGETS]
    return sum(len(s.MODES) for s in sessions) * len(dtypes)


def _print(out: Console, report: Report, first: bool) -> None:
    if not first:
        out.print()
    heading = Text.assemble((report.spec.name, "title"), (f"  {report.steps} steps  {report.spec.hash[:12]}", "note"))
    out.print(heading)
    put(out, results_table(report))


def _close(out: Console, reports: list[Report]) -> None:
    used = {target for report in reports for target in (r.target for r in report.results)}
    modules = list(dict.fromkeys(m for target in TARGETS if target in used for m in NEEDS[target]))
    print_missing(out, dict.fromkeys(target for report in reports for target in report.missing))
    out.print()
    out.print(Text(f"against the float64 interpreter, with {versions(*modules)}", "note"))
    for note in filter(None, (report.note for report in reports)):
        out.print(Text(note, "note"))
    wrong = [report.spec.name for report in reports if not report.ok]
    if len(reports) > 1 and not wrong:
        out.print(Text(f"all {len(reports)} rules agree", "ok"))
    elif wrong:
        out.print(Text(f"differs: {', '.join(wrong)}", "bad"))
