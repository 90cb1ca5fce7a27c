"""What is to be reached, as data: our time over another's, within one run. A run ends with what became of each.

`met` is at the goal or under it, `tie` within ten per cent above it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from adaspec.bench import suite
from adaspec.bench.report import TIE

LARGE = ("25M", "resnet50")
DEFAULT, ARRAYS, FFI, FLAT = "adaspec", "adaspec arrays", "adaspec ffi", "adaspec flat"
LIMIT, PEER = "the limit", "the best peer"
MILLISECONDS = {"import_ms": "import", "first_ms": "first step"}


@dataclass(frozen=True)
class Goal:
    """`ours` (a contender) takes at most `most` times as long as `against`: a contender, `LIMIT` or `PEER`.

    Of `measure` "temporaries", the memory of a step is at most `most` times the parameters. Of "import_ms" and
    "first_ms", importing adaspec beyond what it stands on, and the first step of a kernel that was compiled before,
    take at most so many milliseconds.
    """

    target: str
    rule: str
    workload: str
    threads: int
    against: str
    most: float
    ours: str = DEFAULT
    measure: str = "time"

    @property
    def faster(self) -> bool:
        """Whether it is told as how many times faster ours is."""
        return self.measure == "time" and self.against != LIMIT and self.most < 1

    @property
    def said(self) -> str:
        """`≤ 1.1× the limit`, `≥ 6.5× faster than naive NumPy`."""
        if self.measure == "temporaries":
            return f"temporaries ≤ {self.most:g}"
        if self.measure in MILLISECONDS:
            return f"{MILLISECONDS[self.measure]} ≤ {self.most:g} ms"
        if self.faster:
            return f"≥ {1 / self.most:.3g}× faster than {self.against}"
        return f"≤ {self.most:g}× {self.against}"


def _each(
    target: str, rules: Iterable[str], workloads: Iterable[str], against: str, most: float, **more: Any
) -> list[Goal]:
    threads = more.pop("threads", 1)
    return [Goal(target, rule, w, threads, against, most, **more) for rule in rules for w in workloads]


ADAM = ("adam",)
ELEMENTWISE = ("adamw", "sgd", "momentum", "lion", "adax", "adan", "ademamix")
NAIVE = "naive NumPy"

GOALS: list[Goal] = [
    *_each("numpy", ADAM, LARGE, LIMIT, 1.1),
    *_each("numpy", ADAM, LARGE, LIMIT, 1.2, threads=2),
    *_each("numpy", ELEMENTWISE, LARGE, LIMIT, 1.15),
    *_each("numpy", ADAM, ("tiny",), "C by hand", 1.5),
    *_each("numpy", ADAM, LARGE, NAIVE, 1 / 6.5),
    *_each("numpy", ("lion",), LARGE, NAIVE, 1 / 4),
    *_each("numpy", ("momentum", "sgd"), LARGE, NAIVE, 1 / 1.9),
    *_each("numpy", ADAM, LARGE, LIMIT, 3.1, ours=ARRAYS),
    *_each("numpy", ADAM, LARGE, NAIVE, 1 / 2.3, ours=ARRAYS),
    *_each("numpy", ADAM, ("tiny",), NAIVE, 1 / 10, ours=ARRAYS),
    *_each("numpy", ADAM, ("25M",), "", 0.05, ours=ARRAYS, measure="temporaries"),
    *_each("torch", ADAM, LARGE, LIMIT, 1.15),
    *_each("torch", ADAM, LARGE, "torch Adam fused", 1.0),
    *_each("torch", ADAM, ("mlp",), "torch Adam fused", 0.4),
    *_each("torch", ADAM, ("tiny",), "torch Adam fused", 0.15),
    *_each("torch", ("lion", "adan", "ademamix"), LARGE, PEER, 1 / 4),
    *_each("torch", ("adax",), LARGE, "plain torch", 1 / 4),
    *_each("torch", ADAM, LARGE, LIMIT, 2.6, ours=ARRAYS),
    *_each("torch", ADAM, LARGE, "torch Adam foreach", 1 / 2, ours=ARRAYS),
    *_each("jax", ADAM, LARGE, LIMIT, 3.4),
    *_each("jax", ADAM, ("resnet50",), "optax adam", 1 / 1.25),
    *_each("jax", ADAM, LARGE, LIMIT, 1.35, ours=FFI),
    *_each("jax", ADAM, ("resnet50",), "optax adam", 1 / 1.8, ours=FFI),
    *_each("jax", ADAM, ("tiny",), "optax adam", 1 / 50, ours=FLAT),
    *_each("tensorflow", ADAM, LARGE, LIMIT, 2.0, ours="adaspec jit"),
    *_each("tensorflow", ADAM, ("resnet50",), "keras Adam jit", 1 / 1.8, ours="adaspec jit"),
    *_each("torch", ("lamb", "adafactor"), LARGE, PEER, 1.0),
    *_each("torch", ("muon",), ("mlp",), PEER, 1.0),
    *_each("jax", ("lamb", "adafactor"), LARGE, PEER, 1.0),
    *_each("jax", ("muon",), ("mlp",), PEER, 1.0),
    *_each("tensorflow", ("lamb", "adafactor"), LARGE, PEER, 1.0, ours="adaspec jit"),
    *_each("tensorflow", ("muon",), ("mlp",), PEER, 1.0, ours="adaspec jit"),
    Goal("numpy", "adam", "mlp", 1, "", 50.0, measure="import_ms"),
    Goal("numpy", "adam", "mlp", 1, "", 20.0, measure="first_ms"),
    Goal("torch", "adam", "mlp", 1, "", 20.0, measure="first_ms"),
]


@dataclass(frozen=True)
class Outcome:
    """`value` is measured (a ratio of times or of memory, milliseconds); None where the run did not measure it."""

    goal: Goal
    value: float | None

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not measured"
        if self.value <= self.goal.most:
            return "met"
        return "tie" if self.goal.measure == "time" and self.value <= TIE * self.goal.most else "missed"


def outcomes(record: dict[str, Any], goals: Iterable[Goal] = GOALS) -> list[Outcome]:
    """What became of each goal in a record."""
    found = {tuple(c[name] for name in suite.PLACE): c for c in record["contests"]}
    begun = {row["target"]: row for row in record["startup"]}
    return [
        Outcome(g, begun.get(g.target, {}).get(g.measure))
        if g.measure in MILLISECONDS
        else Outcome(g, _value(g, found.get((g.target, g.threads, g.workload, g.rule))))
        for g in goals
    ]


def _value(goal: Goal, contest: dict[str, Any] | None) -> float | None:
    mine = None if contest is None else suite.row(contest, goal.ours)
    if contest is None or mine is None:
        return None
    if goal.measure == "temporaries":
        return mine["temporaries"]
    if goal.against in (LIMIT, PEER):
        other = suite.best(contest, "limit" if goal.against == LIMIT else "peer")
    else:
        other = suite.row(contest, goal.against)
    return None if other is None else suite.over(mine, other)
