"""A list of contests, run and recorded: what a JSON file of results holds, and what `--against` reads."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from ..cli.terminal import Fault, installed
from .driver import Told, contests

SCHEMA = 1
PLACE = ("target", "threads", "workload", "rule")
"""What tells one contest from another."""


def run(plan: list[dict[str, Any]], budget: dict[str, Any], told: Told) -> Iterator[dict[str, Any]]:
    """Every contest of the plan as a record, in order; neighbours that differ in the rule alone share a process.

    What an allocator has learnt from the large arrays of one workload would make another one's steps faster.

    A plan's row has `PLACE`, `shapes`, and the rule as `spec` (a name) or `text`; it may have `peers`, a `loop` in C,
    `compile`, and `extra`: functions, by their dotted names, from a field to more contenders.
    """
    for (target, threads, _), rows in groupby(plan, key=lambda row: tuple(row[name] for name in PLACE[:3])):
        asked = [row | {"label": label(row)} for row in rows]
        for row, found in zip(asked, contests(target, threads, asked, budget, told), strict=True):
            yield {name: row[name] for name in PLACE} | found


def label(contest: dict[str, Any]) -> str:
    many = contest["threads"]
    return f"{contest['target']} ×{many}, {contest['rule']}, {contest['workload']}"


def record(found: Iterable[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """What is written to a file: the machine, the versions, and every contest."""
    from .. import __version__

    names = ("numpy", "torch", "jax", "optax", "tensorflow", "keras", "pytorch_optimizer", "torch-optimi", "timm")
    return {
        "schema": SCHEMA,
        "adaspec": __version__,
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine(),
        "versions": {name: installed(name) for name in names if installed(name)},
        **more,
        "contests": list(found),
    }


def machine() -> dict[str, Any]:
    """The processor by its name, and how many of them this process may use."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"processor": name, "processors": here, "system": platform.system(), "python": platform.python_version()}


def load(path: Path) -> dict[str, Any]:
    """An earlier record. Fault for a file that is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["schema"] != SCHEMA or not isinstance(found["contests"], list):
            raise Fault(f"'{path}' is a record of another form", "measure again and compare with that")
    except OSError as error:
        raise Fault(f"'{path}' cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError):
        raise Fault(f"'{path}' is no record of a benchmark", "one is written by --json FILE") from None
    return found


def ours(contest: dict[str, Any]) -> dict[str, Any] | None:
    """The fastest of our rows that need not be asked for; None where there is none."""
    return best(contest, "ours")


def best(contest: dict[str, Any], *kinds: str) -> dict[str, Any] | None:
    """The fastest row of these kinds."""
    rows = [row for row in contest.get("rows", []) if row["kind"] in kinds and "ms" in row]
    return min(rows, key=lambda row: row["of_limit"] or row["ms"], default=None)


def over(left: dict[str, Any], right: dict[str, Any]) -> float:
    """The time of a row over that of another of its contest: by the limit, as they may have run in different heats."""
    known = left["of_limit"] and right["of_limit"]
    return left["of_limit"] / right["of_limit"] if known else left["ms"] / right["ms"]


def rival(contest: dict[str, Any]) -> dict[str, Any] | None:
    """Whom ours is compared with: the fastest peer, or plain expressions where the rule has no peer."""
    return best(contest, "peer") or best(contest, "plain")


def row(contest: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The row of a contender."""
    return next((row for row in contest.get("rows", []) if row["contender"] == name and "ms" in row), None)
