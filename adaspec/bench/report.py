"""Tables of contests: every contender of a few, or ours beside the best peer of many."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.table import Table
from rich.text import Text

from ..cli.terminal import safe, table
from .suite import PLACE, best, ours, over, rival, row

TIE = 1.1
"""Two times whose ratio is below this are one."""

ORDER = {"limit": 0, "hand": 1, "ours": 2, "other": 3}


Before = dict[Any, dict[str, Any]] | None
"""The contests of an earlier run by their places."""


WIDE = 110
"""Columns of a terminal in which a whole summary can be read."""


def contenders(contests: Iterable[dict[str, Any]], before: Before = None) -> Table:
    """Every contender of these contests, which are of one target: the limit, ours, and the others from the fastest.

    With contests of before there is one column more, as in `summary`.
    """
    contests = list(contests)
    numbers = ("ms", "× limit", "GB/s", "temporaries", "first step")
    several = len({contest["rule"] for contest in contests}) > 1
    places = ["workload", *(["rule"] if several else []), "threads"]
    rows = table(*places, "contender", *numbers, *_than(before), right=(*numbers, *_than(before)))
    for contest in contests:
        where = [Text(str(contest[name]), "name" if name == "workload" else "") for name in places]
        if "error" in contest:
            rows.add_row(*where, Text(safe(contest["error"]), "bad"))
            continue
        line = sorted(contest["rows"], key=lambda r: (ORDER.get(r["kind"], 4), r.get("of_limit") or float("inf")))
        for r in line:
            style = {"ours": "ok", "other": "ok", "limit": "note"}.get(r["kind"], "")
            name = Text(r["contender"], style)
            if "error" in r:
                rows.add_row(*where, name, Text("-", "note"), "", "", "", Text("does not run", "note"))
            else:
                of = "" if r["of_limit"] is None else times(r["of_limit"])
                cells = [milliseconds(r["ms"]), of, f"{r['gb_per_s']:.1f}", temporaries(r), first(r)]
                change = [_change(before, contest, r)] if before else []
                rows.add_row(*where, name, *(Text(cell, style) for cell in cells), *change)
            where = [Text("") for _ in places]
    return rows


def summary(contests: Iterable[dict[str, Any]], before: Before = None, width: int = WIDE) -> Table:
    """A contest a line: the limit, ours, the best peer, and how many times faster ours is than it.

    With contests of before a last column tells how many times faster ours is than it was, both by their limits. Where
    the width does not do for all columns, temporaries and first steps are left out.
    """
    more = ("temporaries", "first step") if width >= WIDE else ()
    numbers = ("limit ms", "ours ms", "× limit", "peer ms", "× faster", *more)
    headers = ["workload", "rule", *numbers[:3], "best peer", *numbers[3:], *_than(before)]
    rows = table(*headers, right=(*numbers, *_than(before)))
    for column in rows.columns[:2]:
        column.no_wrap = True
    rows.columns[5].min_width = 9
    last = ""
    for contest in contests:
        name = Text(contest["workload"] if contest["workload"] != last else "", "name")
        last = contest["workload"]
        mine, limit = ours(contest), best(contest, "limit")
        if mine is None or limit is None:
            said = contest.get("error") or next((r["error"] for r in contest["rows"] if "error" in r), "")
            rows.add_row(name, contest["rule"], "", "-", "", Text(safe(said), "bad"))
            continue
        peer = rival(contest)
        cells = [milliseconds(limit["ms"]), milliseconds(mine["ms"]), times(mine["of_limit"])]
        against = [Text("none", "note"), "", Text("")]
        if peer is not None:
            against = [Text(peer["contender"]), milliseconds(peer["ms"]), faster(over(peer, mine))]
        change = [_change(before, contest, mine)] if before else []
        rest = [temporaries(mine), first(mine)] if more else []
        rows.add_row(name, contest["rule"], *cells, *against, *rest, *change)
    return rows


def faster(ratio: float) -> Text:
    """How many times faster, in green where it is; a tie has no colour."""
    style = "ok" if ratio >= TIE else "bad" if ratio <= 1 / TIE else ""
    return Text(f"{ratio:.2f}", style)


def _than(before: Before) -> list[str]:
    return ["than before"] if before else []


def _change(before: Before, contest: dict[str, Any], now: dict[str, Any]) -> Text:
    """Then over now, each in multiples of its own limit: the machine's mood of the day is divided out."""
    then = row((before or {}).get(place(contest), {}), now["contender"])
    if then is None or not then["of_limit"] or not now["of_limit"]:
        return Text("new", "note")
    return faster(then["of_limit"] / now["of_limit"])


def places(record: dict[str, Any] | None) -> Before:
    """The contests of a record by their places."""
    return {place(contest): contest for contest in record["contests"]} if record else None


def place(contest: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(contest[name] for name in PLACE)


def times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 100 else f"{ratio:.0f}"


def milliseconds(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def temporaries(r: dict[str, Any]) -> str:
    """In multiples of the parameters; empty where a model is too small to tell."""
    return "" if r["temporaries"] is None else f"{r['temporaries']:.2f}"


def first(r: dict[str, Any]) -> str:
    """The first step with all that is built for it, in milliseconds or seconds."""
    taken = r["first_ms"]
    return "" if taken is None else f"{taken / 1e3:.1f} s" if taken >= 1000 else f"{taken:.0f} ms"
