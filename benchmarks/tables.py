"""The tables of a run: each framework at each number of threads, the start of a process, and the goals."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from adaspec.bench import report, suite
from adaspec.cli.terminal import put, table

from . import goals

ENOUGH = 0.8
"""The share of its threads' time that the limit has to have run, or other work was in the way."""


def show(out: Console, record: dict[str, Any], before: dict[str, Any] | None, every: bool) -> None:
    """Print a record; `every` contender of each contest, or ours beside the best peer."""
    contests = record["contests"]
    earlier = report.places(before)
    machine = record["machine"]
    versions = " · ".join(f"{name} {version}" for name, version in record["versions"].items())
    out.print(Text(f"{machine['processor']}, {machine['processors']} processors · {versions}", "note"), soft_wrap=True)
    for target, threads in dict.fromkeys((c["target"], c["threads"]) for c in contests):
        clock = "processor time" if threads == 1 else "time on the wall"
        many = "1 thread" if threads == 1 else f"{threads} threads"
        out.print(Text.assemble("\n", (f"{target}, {many}", "title"), (f"  {clock}", "note")))
        own = [c for c in contests if (c["target"], c["threads"]) == (target, threads)]
        put(out, report.contenders(own, earlier) if every else report.summary(own, earlier, out.width))
    if (busy := disturbed(contests)) is not None:
        out.print(Text(f"\n{busy}", "warn"), soft_wrap=True)
    if record["startup"]:
        out.print(Text.assemble("\n", ("from a new process to the first step", "title"), ("  of Adam, mlp", "note")))
        put(out, startup_table(record["startup"]))
    reached = [o for o in goals.outcomes(record) if o.value is not None]
    if reached:
        out.print(Text.assemble("\n", ("goals", "title"), ("  of what was measured", "note")))
        put(out, goals_table(reached))


def disturbed(contests: list[dict[str, Any]]) -> str | None:
    """What is to be said where other work had the processors that several threads were to have."""
    limits = [(c["threads"], row) for c in contests if c["threads"] > 1 and (row := suite.best(c, "limit"))]
    short = [row for threads, row in limits if row["ms"] > 1 and row["processors"] < ENOUGH * threads]
    if not short:
        return None
    return f"The machine was busy: in {len(short)} contests of several threads the limit did not get their processors."


def startup_table(rows: list[dict[str, Any]]) -> Table:
    """What the framework's import takes, ours beyond it, building the rule, and its first step."""
    numbers = ("framework", "import adaspec", "build", "first step")
    made = table("target", *numbers, right=numbers)
    for row in rows:
        name = Text(row["target"], "name")
        if "error" in row:
            made.add_row(name, Text(row["error"], "bad"))
            continue
        made.add_row(name, *(f"{row[key]:.0f} ms" for key in ("framework_ms", "import_ms", "build_ms", "first_ms")))
    return made


def goals_table(reached: list[goals.Outcome]) -> Table:
    """A goal a line, with what was measured and the verdict."""
    made = table("target", "threads", "workload", "rule", "ours", "goal", "measured", "verdict", right=("measured",))
    for outcome in reached:
        g, value = outcome.goal, outcome.value or 0.0
        measured = (
            f"{value:.0f} ms"
            if g.measure in goals.MILLISECONDS
            else f"{report.times(1 / value)}×"
            if g.faster
            else report.times(value) + "×" * (g.measure == "time")
        )
        verdict = Text(outcome.verdict, {"met": "ok", "tie": "warn"}.get(outcome.verdict, "bad"))
        place = (str(g.threads), g.workload, g.rule, g.ours)
        made.add_row(Text(g.target, "name"), *place, g.said, measured, verdict)
    return made
