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
from .traffic import Traffic

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
    begun: int = 0
    """How many samples were there before this heat."""
    least: float = math.nan
    """What the limit took in the last heat."""

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

    def of_last_heat(self, threads: int) -> float:
        """Seconds of a step in the last heat alone."""
        return _taken(self.processor[self.begun :], self.wall[self.begun :], threads)[0]

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
    moved: Traffic,
    told: Callable[[str], None] = lambda what: None,
) -> list[dict[str, Any]]:
    """The result of each contender, as JSON holds it; `moved` is what a step has to move.

    Where the states of all would take too much memory there are several heats. The limit and ours run in each; the
    others are compared with the limit of their own heat.
    """
    everyone = list(contenders)
    always = [one for one in everyone if one.kind in ("limit", "ours")]
    for one in always:
        told(f"{one.name}, first step")
        one.begin()
    for heat in _heats([one for one in everyone if one not in always], len(always), moved):
        for one in heat:
            told(f"{one.name}, first step")
            one.begin()
        running = [one for one in (*always, *heat) if one.step is not None]
        if 4 * moved.parameters >= memory.SMALLEST:
            for one in running:
                if one.kind != "limit" and one.extra is None and one.step is not None:
                    one.extra = memory.extra(one.step)
        told("taking turns")
        _rounds(running, refresh, budget)
        least = next((one.of_last_heat(threads) for one in running if one.kind == "limit"), math.nan)
        for one in running:
            one.least, one.begun = least, len(one.wall)
        for one in heat:
            one.step = None
        gc.collect()
    return [_result(one, threads, moved) for one in everyone]


ROOM = 2_000_000_000
"""Bytes for everything that the contenders of a heat keep, and for the temporaries of one of them."""


def _heats(others: list[Contender], always: int, moved: Traffic) -> list[list[Contender]]:
    """As few as there is room for, and one at least."""
    numbers = 4 * moved.parameters
    each = max(1.0, (1 + moved.slots) * numbers)
    free = ROOM - (2 + 5 + always * moved.slots) * numbers  # parameters, gradients, temporaries, and ours
    size = max(1, int(free // each))
    return [others[i : i + size] for i in range(0, len(others), size)] or [[]]


def _rounds(running: list[Contender], refresh: Callable[[], None], budget: Budget) -> None:
    gc.collect()
    gc.disable()
    try:
        start, done = time.perf_counter(), 0
        while done < budget.rounds or (done < 4 * budget.rounds and time.perf_counter() - start < budget.seconds):
            refresh()
            for one in running:
                one.sample()
            done += 1
    finally:
        gc.enable()


def _taken(processor: list[float], wall: list[float], threads: int) -> tuple[float, float]:
    """What a step takes, and how far its quartiles are apart relative to that."""
    samples = processor if threads == 1 else wall
    quarters = statistics.quantiles(samples, n=4, method="inclusive") if len(samples) > 1 else samples * 3
    found = quarters[1] if threads == 1 else quarters[0]
    return found, (quarters[2] - quarters[0]) / found if found else 0.0


def _result(one: Contender, threads: int, moved: Traffic) -> dict[str, Any]:
    row: dict[str, Any] = {"contender": one.name, "kind": one.kind}
    if one.error:
        return row | {"error": one.error}
    taken, spread = _taken(one.processor, one.wall, threads)
    alone = one.kind in ("limit", "ours")  # in every heat, and so beside all of the limit's samples
    return row | {
        "ms": 1e3 * taken,
        "of_limit": None if alone or math.isnan(one.least) else taken / one.least,
        "spread": spread,
        "wall_ms": 1e3 * statistics.median(one.wall),
        "processors": statistics.median(one.processor) / max(1e-12, statistics.median(one.wall)),
        "rounds": len(one.wall),
        "gb_per_s": moved.bytes / max(1e-12, taken) / 1e9,
        "first_ms": None if one.kind == "limit" else 1e3 * one.first,
        "temporaries": None if one.extra is None else one.extra / (4 * moved.parameters),
    }
