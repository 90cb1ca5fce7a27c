"""The contenders of a contest take turns, and each gets a time that a busy machine moves little.

At one thread that is the median processor time of the process, which neighbours on the machine do not disturb. At more
it is the lower quartile of the time on the wall, which they do: one step in four has had them on its side. Each is
timed after a step of its own, so that who comes second does not profit from warm caches, and the gradients are written
anew between rounds, as a backward pass would.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from . import memory

Step = Callable[[], object]
SAMPLE = 1e-3
"""Seconds that a sample lasts at least: faster steps are timed several at once."""


@dataclass
class Contender:
    """`make` builds everything and returns the step; `factor` turns its time into that of the contest (the limit's).

    `kind`: "limit"; "ours", built as anybody would; "other", ours in a way that is asked for; "hand", in C; "peer"; and
    "plain", a rule as it is typed where that is nobody's optimizer.
    """

    name: str
    kind: str
    make: Callable[[], Step]
    factor: float = 1.0
    check: Callable[[], None] = lambda: None
    """Called after the first step: raises where it did what the other contenders cannot bear."""
    error: str = ""
    first: float = math.nan
    extra: int | None = None
    step: Step | None = None
    repeats: int = 1
    processor: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def begin(self) -> None:
        """Build it and take the first step; what fails is noted."""
        start = time.perf_counter()
        try:
            step = self.make()
            step()
            self.first = time.perf_counter() - start
            self.check()
            step()
            start = time.perf_counter()
            step()
            self.repeats = min(100, max(1, math.ceil(SAMPLE / max(1e-9, time.perf_counter() - start))))
        except Exception as error:  # another's optimizer may do anything: it is out of the race, the race goes on
            said = str(error).strip().splitlines()
            self.error = f"{type(error).__name__}: {said[0] if said else ''}"[:200]
            return
        self.step = step

    def sample(self) -> None:
        assert self.step is not None
        step = self.step
        step()
        wall, processor = time.perf_counter(), time.process_time()
        for _ in range(self.repeats):
            step()
        processor, wall = time.process_time() - processor, time.perf_counter() - wall
        self.processor.append(self.factor * processor / self.repeats)
        self.wall.append(self.factor * wall / self.repeats)


@dataclass(frozen=True)
class Budget:
    """At least `rounds` rounds, and more of them for `seconds`, up to four times as many."""

    rounds: int = 7
    seconds: float = 2.0


def race(
    contenders: Iterable[Contender],
    refresh: Callable[[], None],
    threads: int,
    budget: Budget,
    bytes_: int,
    told: Callable[[str], None] = lambda what: None,
) -> list[dict[str, Any]]:
    """The result of each contender, as JSON holds it; `bytes_` is what a step has to move."""
    everyone = list(contenders)
    for one in everyone:
        told(f"{one.name}, first step")
        one.begin()
    running = [one for one in everyone if one.step is not None]
    if bytes_ >= 3 * memory.SMALLEST:
        for one in running:
            if one.kind != "limit" and one.step is not None:
                one.extra = memory.extra(one.step)
    gc.collect()
    gc.disable()
    try:
        start, done = time.perf_counter(), 0
        while done < budget.rounds or (done < 4 * budget.rounds and time.perf_counter() - start < budget.seconds):
            told(f"round {done + 1}")
            refresh()
            for one in running:
                one.sample()
            done += 1
    finally:
        gc.enable()
    found = [_result(one, threads, bytes_) for one in everyone]
    for one in everyone:
        one.step = None
    return found


def _result(one: Contender, threads: int, bytes_: int) -> dict[str, Any]:
    row: dict[str, Any] = {"contender": one.name, "kind": one.kind}
    if one.error:
        return row | {"error": one.error}
    taken = one.processor if threads == 1 else one.wall
    quarters = statistics.quantiles(taken, n=4, method="inclusive") if len(taken) > 1 else taken * 3
    middle = quarters[1] if threads == 1 else quarters[0]
    return row | {
        "ms": 1e3 * middle,
        "spread": (quarters[2] - quarters[0]) / middle if middle else 0.0,
        "wall_ms": 1e3 * statistics.median(one.wall),
        "processors": statistics.median(one.processor) / max(1e-12, statistics.median(one.wall)),
        "rounds": len(taken),
        "gb_per_s": bytes_ / max(1e-12, middle) / 1e9,
        "first_ms": None if one.kind == "limit" else 1e3 * one.first,
        "extra_bytes": one.extra,
    }
