"""One framework in a process of its own: `main` reads a job and writes what it finds.

The job is one JSON object on the standard input, the answer one JSON object a line on the standard output: what is
running now (`now`), and the result of each contest. Whatever the framework prints goes to the standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from .. import library
from ..cli.quiet import start
from ..spec import Spec, make
from .limit import limit
from .memory import settle
from .originals import Peer, peers
from .race import Budget, Contender, race
from .traffic import traffic
from .workloads import fitting


def main() -> None:
    sys.stdout.flush()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(**event: Any) -> None:
        out.write(json.dumps(event) + "\n")
        out.flush()

    job = json.load(sys.stdin)
    settle()
    start([job["target"]])
    for number, contest in enumerate(job["contests"]):
        say(begins=number)
        try:
            found = measured(job, contest, lambda what: say(now=what))
        except Exception as error:  # a rule that is wrong, or a framework: the other contests are still measured
            found = {"error": f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"[:300]}
        say(result=number, **found)


def measured(job: dict[str, Any], contest: dict[str, Any], told: Callable[[str], None]) -> dict[str, Any]:
    """The rows of one contest; `error` where there are none."""
    target, threads = job["target"], job["threads"]
    spec = loaded(contest)
    shapes = fitting(spec, [tuple(shape) for shape in contest["shapes"]])
    if not shapes:
        return {"error": f"{spec.name} takes no parameter of these shapes"}
    moved = traffic(spec, shapes)
    told("compiling the limit")
    call, factor, how = limit(moved, threads)
    field = importlib.import_module(f"{__package__}.on_{target}").Field(shapes, threads)
    rivals = [Peer(p["of"], p.get("arguments", {})) for p in contest["peers"]] if "peers" in contest else None
    rivals = peers(spec, target) if rivals is None else [p for p in rivals if p.installed]
    line = [Contender(how, "limit", lambda: call, factor), *field.contenders(spec, rivals, contest)]
    for name in contest.get("extra", ()):
        module, _, function = name.rpartition(".")
        line += getattr(importlib.import_module(module), function)(field)
    rows = race(line, field.refresh, threads, Budget(**job["budget"]), moved, told)
    least = rows[0].get("ms")
    for row in rows:
        if row.get("of_limit", 0) is None and least:
            row["of_limit"] = row["ms"] / least
    return {
        "rows": rows,
        "parameters": moved.parameters,
        "tensors": len(shapes),
        "bytes_per_parameter": moved.per_parameter,
    }


def loaded(contest: dict[str, Any]) -> Spec:
    """The rule: by its name in the library, or as its text."""
    return make(contest["text"].encode(), "<bench>", quiet=True) if "text" in contest else library.load(contest["spec"])
