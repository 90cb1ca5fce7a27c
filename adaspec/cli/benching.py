"""`adaspec bench`: how fast one rule is on this machine, beside its limit and the peers of every framework."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.text import Text

from .. import library
from ..bench import report, suite
from ..bench.traffic import traffic
from ..bench.workloads import QUICK, WORKLOADS, fitting
from ..chain import is_chain
from ..errors import MissingFramework
from ..frameworks import NEEDS, TARGETS
from ..spec import Spec
from .files import write_text
from .finding import find
from .quiet import present
from .terminal import Fault, console, progress, put
from .verifying import print_missing

WORKLOAD = ["resnet50", "mlp", "tiny"]
TOLD = (
    "On small models arithmetic and calls come on top. At one thread ms is processor time, at more the time on the "
    "wall; temporaries are in multiples of the parameters; the first step is with all that is compiled for it."
)


def run(
    name: str,
    targets: list[str] | None,
    workloads: list[str] | None,
    threads: list[int],
    quick: bool,
    output: str | None,
    against: str | None = None,
) -> int:
    spec = find(name)[0]
    before = report.places(suite.load(Path(against))) if against else None
    if spec.rule.inputs:
        given = ", ".join(i.name for i in spec.rule.inputs)
        raise Fault(f"the step of {spec.name} takes {given} beside gradients: only steps of gradients are measured")
    shapes = QUICK if quick else WORKLOADS
    chosen = [w for w in workloads or WORKLOAD if fitting(spec, shapes[w])]
    if not chosen:
        raise Fault(f"{spec.name} takes no parameter of these workloads", f"there are {', '.join(WORKLOADS)}")
    missing = [t for t in targets or TARGETS if not present(t)]
    if targets and missing:
        raise MissingFramework(
            missing[0], next(m for m in NEEDS[missing[0]] if find_spec(m) is None), TARGETS[missing[0]]
        )
    plan = [
        {
            "target": target,
            "threads": many,
            "workload": w,
            "rule": spec.name,
            "shapes": shapes[w],
            "compile": not quick,
            **told_as(name, spec),
        }
        for target in targets or TARGETS
        if target not in missing
        for many in threads
        for w in chosen
    ]
    out = console()
    found: list[dict[str, Any]] = []
    with progress(out if out.is_terminal else console(stderr=True)) as bar:
        task = bar.add_task("", total=len(plan))
        budget = {"rounds": 2, "seconds": 0.0} if quick else {}
        for contest in suite.run(plan, budget, lambda what: bar.update(task, description=what)):
            found.append(contest)
            bar.advance(task)
    if output:
        text = json.dumps(suite.record(found, rule=spec.name, hash=spec.hash, quick=quick), indent=1) + "\n"
        write_text(Path(output), text)
    moved = traffic(spec, fitting(spec, shapes[chosen[0]]))
    out.print(Text.assemble((spec.name, "title"), f": a step moves {moved.per_parameter:.3g} bytes for each parameter"))
    for target in dict.fromkeys(contest["target"] for contest in found):
        out.print(Text.assemble("\n", (target, "title")))
        put(out, report.contenders((c for c in found if c["target"] == target), before))
    out.print()
    print_missing(out, missing)
    kinds = {row["contender"] for contest in found for row in contest.get("rows", []) if row["kind"] == "limit"}
    out.print(Text(f"The limit: {' and '.join(sorted(kinds)) or 'not measured'}, of memory alone. {TOLD}", "note"))
    return 1 if any("error" in contest or suite.ours(contest) is None for contest in found) else 0


def told_as(name: str, spec: Spec) -> dict[str, str]:
    """How another process gets the rule: by its name in the library, which keeps a dialect, else as its text."""
    return {"spec": name} if name in library.names() or is_chain(name) else {"text": spec.text}
