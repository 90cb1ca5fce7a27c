"""What an installed original is, and the trials that a rule must pass beside it.

An original is named by a rule or a dialect of the library; the table of the dialect itself says which class it is
(`of`). `arguments` maps the original's own argument to our hyperparameter, or to a function of all of them, so that
every trial gives both the same values. Untouched, the original is called with nothing at all, but `lr=1e-2` where it
requires one: that is the dialect's promise.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np

import adaspec
from adaspec.bench.originals import timm_alone
from adaspec.library import equals

Array = np.ndarray
Model = list[Array]
Shape = tuple[int, ...]
Hypers = Mapping[str, Any]

STEPS = 50
SHAPES: tuple[Shape, ...] = ((), (5,), (4, 3), (2, 2, 4, 3))
MATRICES: tuple[Shape, ...] = ((4, 3), (3, 5), (6, 6))
REQUIRED_LR = 1e-2
"""The rate of a dialect whose original has no default of its own."""

ARGUMENT = {"torch": "lr", "optax": "learning_rate", "keras": "learning_rate"}
"""The original's argument for the learning rate, by the framework it runs in."""


@dataclass(frozen=True, eq=False)
class Original:
    """`name` is the rule or dialect that equals the class or function `of`.

    `vary`: hyperparameter values (of ours) that switch on what the defaults leave off, one trial each. `fixed`:
    arguments that only choose among equal implementations (`foreach=False`). `untouched`: what the original must be
    told beside the rate to run at all. `scheduled`: whether the rate may change from step to step. `tolerance`: largest
    difference relative to the largest element of a parameter, in float64; where it is not 1e-12, `because` says why.
    `make`, for what is no plain call: `make(cls, params, keywords)` (torch) or `make(cls, keywords)` (optax). `read`:
    the parameters to compare, `read(optimizer, params)` (torch) or `read(state, params)` (optax); where these are no
    parameters but another reading of them, `view` names ours. `around`: a context manager to run it in. `patterns`:
    which kinds of gradients it can take. `more`: further trials, each a kind of gradients and hyperparameter values
    beside them: "zero" (some are 0), "faint" (they fall below whatever a rule takes for nothing), "flat" (all of an
    array equal), "astray" (the first leads away from the others), "late" (all are 0 in the first three steps). `idle`:
    whether one trial begins with rates of 0. `kept`: hyperparameters that keep their default because the original has
    no argument for them, or refuses what lies on the other side of it. `backend`: Keras's. `every`: inputs that may be
    left out are supplied in the first of so many steps. `drive`: what takes the place of the framework's runner where a
    step is given more than gradients:
    `drive(original, params, grads, inputs, keywords, plan)`, the trajectory.
    """

    name: str
    of: str
    arguments: Mapping[str, str | Callable[[Any], Any]]
    vary: Sequence[Hypers] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    untouched: Mapping[str, Any] = field(default_factory=dict)
    shapes: Sequence[Shape] = SHAPES
    scheduled: bool = True
    patterns: Sequence[str] = ("normal", "tiny", "zero")
    more: Sequence[tuple[str, Hypers]] = ()
    idle: bool = False
    kept: Sequence[str] = ()
    tolerance: float = 1e-12
    because: str = ""
    make: Callable[..., Any] | None = None
    view: str = ""
    read: Callable[..., Any] | None = None
    around: Callable[[], AbstractContextManager[Any]] = nullcontext
    backend: str = "jax"
    steps: int = STEPS
    every: int = 1
    drive: Callable[..., list[Model]] | None = None

    @property
    def library(self) -> str:
        return self.of.partition(".")[0]

    @property
    def framework(self) -> str:
        return self.library if self.library in ("optax", "keras", "reference") else "torch"

    def __str__(self) -> str:
        return f"{self.name}={self.of}"

    def cls(self) -> Any:
        """The class or function itself; a dotted name may cross modules and classes."""
        if self.library == "timm":
            timm_alone()
        parts = self.of.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            try:
                found = import_module(".".join(parts[:cut]))
            except ModuleNotFoundError:
                continue
            for part in parts[cut:]:
                found = getattr(found, part)
            return found
        raise LookupError(self.of)

    def keywords(self, hypers: Hypers | None) -> dict[str, Any]:
        """What to call it with: nothing of ours when untouched, else every argument in the table."""
        if self.library == "reference":
            return dict(hypers or {})
        if hypers is None:
            needs = inspect.signature(self.cls()).parameters
            lr = ARGUMENT[self.framework]
            required = lr in needs and needs[lr].default in (inspect.Parameter.empty, None)
            return ({lr: REQUIRED_LR} if required else {}) | dict(self.untouched) | dict(self.fixed)
        h = SimpleNamespace(**hypers)
        given = {k: v(h) if callable(v) else hypers[v] for k, v in self.arguments.items()}
        return given | dict(self.fixed)


@dataclass(frozen=True, eq=False)
class Trial:
    """One comparison: `hypers` beside the defaults (None: untouched), and whether the rate follows a schedule.

    `idle`: whether that schedule begins with three rates of 0.
    """

    label: str
    hypers: Hypers | None
    pattern: str = "normal"
    scheduled: bool = False
    seed: int = 0
    idle: bool = False


def trials(original: Original) -> list[Trial]:
    """The first two touch everything there is; all of them together are the proof."""
    spec = adaspec.load(original.name)
    drawn = random_hypers(spec, original.name)
    drawn = {name: value for name, value in drawn.items() if name not in original.kept}
    variants = [dict(v) for v in original.vary]
    found = [Trial("untouched", None)]
    schedule = original.scheduled and "lr" in spec.hypers
    patterns = [p for p in ("tiny", "zero") if p in original.patterns]
    first = variants[0] if variants else {}
    found += [Trial("drawn", drawn | first, "normal", schedule, 1)]
    found += [Trial(f"variant {i}", v, seed=10 + i) for i, v in enumerate(variants)]
    found += [Trial(p, {} if i else first, p, schedule, 2 + i) for i, p in enumerate(patterns)]
    found += [Trial(f"drawn {p}", drawn, p, schedule, 4 + i) for i, p in enumerate(patterns)]
    found += [Trial(f"{p}, {h}", h, p, seed=30 + i) for i, (p, h) in enumerate(original.more)]
    found += [Trial("idle", first, "normal", schedule, 6, idle=True)] if original.idle else []
    return found


def random_hypers(spec: adaspec.Spec, seed: str) -> dict[str, Any]:
    """Other values for whatever is not static, of the default's size; zeros, None and static values stay."""
    rng = random.Random(seed)
    found: dict[str, Any] = {}
    for name, hyper in spec.hypers.items():
        default = spec.defaults[name]
        if hyper.static or not default:
            continue
        if hyper.kind == "Decay":
            found[name] = 1 - (1 - default) * rng.uniform(0.7, 1.4)
            found[name] = min(max(found[name], 0.0), 0.9999)
        else:
            found[name] = default * rng.uniform(0.7, 1.4)
    return found


def problem(original: Original, trial: Trial) -> tuple[Model, list[Model]]:
    """Parameters and the gradients of every step."""
    rng = np.random.default_rng(trial.seed)
    params = [np.asarray(rng.normal(size=shape)) for shape in original.shapes]
    if trial.pattern == "zero":
        params[1] = np.zeros(original.shapes[1])  # ratios of norms have a branch for it
    means = [rng.normal(size=shape) for shape in original.shapes]
    steps = []
    for step in range(original.steps):
        grads = []
        for i, mean in enumerate(means):
            g = mean + rng.normal(size=mean.shape) / 2
            if trial.pattern == "tiny":
                g = g * 10.0 ** rng.uniform(-12, -3, size=mean.shape)
            if trial.pattern == "faint":
                g = g * 10.0 ** (-8 - 0.1 * step)  # all of the model's at once, past any threshold
            if trial.pattern == "astray" and step == 0:
                g = -g
            if trial.pattern == "late" and step < 3:
                g = 0 * g
            if trial.pattern == "flat":
                g = np.full_like(g, np.round(8 * g.flat[0]) / 8)  # their mean is exact
            if trial.pattern == "zero":
                g = g * (0 if i == 0 or (step + i) % 3 == 0 else rng.integers(0, 2, size=mean.shape))
            grads.append(np.asarray(g))
        steps.append(grads)
    return params, steps


def supplied(original: Original, trial: Trial) -> list[dict[str, Any]]:
    """The inputs of every step, but for gradients at views: positive numbers, and arrays of both signs."""
    rng = np.random.default_rng([trial.seed, 7])
    inputs = adaspec.load(original.name).rule.inputs
    steps = []
    for step in range(original.steps):
        given: dict[str, Any] = {}
        for i in inputs:
            number = float(np.exp(rng.normal()))
            arrays = [np.asarray(rng.normal(size=shape)) for shape in original.shapes]
            if i.view is None and not (i.optional and step % original.every):
                given[i.name] = number if i.scalar else arrays
        steps.append(given)
    return steps


def turned(g: Array, x: Array, y: Array) -> Array:
    """The gradient at y, where that at x is g."""
    return np.asarray(g + 0.7 * (y - x))


def rates(trial: Trial, lr: float, steps: int = STEPS) -> list[float]:
    """The learning rate of each step."""
    if not trial.scheduled:
        return [lr] * steps
    begin = 3 if trial.idle else 0
    return [lr * (1 - 0.9 * i / steps) * (0.5 + 0.5 * (i % 7 != 3)) if i >= begin else 0.0 for i in range(steps)]


def ours(original: Original, trial: Trial, spec: adaspec.Spec | None = None) -> Iterator[Model]:
    """The parameters after each step of the interpreter; `spec` may be a changed one, to see that it is noticed."""
    spec = spec or adaspec.load(original.name)
    given = {k: v for k, v in (trial.hypers or {}).items() if k in spec.hypers}
    opt = adaspec.interpret(spec, **given)
    params, grads = problem(original, trial)
    state = opt.init(params)
    plan = rates(trial, opt.hypers["lr"], original.steps) if trial.scheduled else None
    inputs = supplied(original, trial)
    views = {i.name: i.view for i in spec.rule.inputs if i.view is not None}
    for i, g in enumerate(grads):
        now = {"lr": plan[i]} if plan and "lr" in spec.hypers else {}
        given = dict(inputs[i])
        for name, view in views.items():
            there = opt.view(view, params, state, grads=g, **now)
            given[name] = [turned(*row) for row in zip(g, params, there, strict=True)]
        params, state = opt.step(params, g, state, **now, **given)
        yield opt.view(original.view, params, state) if original.view else params


def theirs(original: Original, trial: Trial) -> list[Model]:
    """The parameters after each step of the original."""
    runners = import_module("originals.runners")
    hypers = None if trial.hypers is None else adaspec.load(original.name).defaults | dict(trial.hypers)
    params, grads = problem(original, trial)
    keywords = original.keywords(hypers)
    lr = keywords.get(ARGUMENT.get(original.framework, "lr"))
    plan = rates(trial, lr, original.steps) if trial.scheduled and lr is not None else None
    with original.around():
        if original.drive is not None:
            return original.drive(original, params, grads, supplied(original, trial), keywords, plan)
        return getattr(runners, original.framework)(original, params, grads, keywords, plan)


def distance(left: Model, right: Model, start: Model | None = None) -> float:
    """The largest difference of two models, relative to the largest element of its array; NaN and shapes never pass.

    `start` is the model before the first step. A lone number on its way through zero has no size of its own.
    """
    worst = 0.0
    for a, b, before in zip(left, right, start or right, strict=True):
        assert np.shape(a) == np.shape(b)
        assert np.asarray(b).dtype == np.float64
        size = float(max(np.max(np.abs(b), initial=0.0), np.max(np.abs(before), initial=0.0)))
        gap = float(np.max(np.abs(a - b), initial=0.0))
        if not np.isfinite(gap):
            return float("inf")
        worst = max(worst, gap / (size or 1.0))
    return worst


def distances(
    original: Original, trial: Trial, spec: adaspec.Spec | None = None, yours: list[Model] | None = None
) -> Iterator[float]:
    """The distance after each step; `yours`: what `theirs` gave, where it is known already."""
    start, _ = problem(original, trial)
    if yours is None:
        yours = theirs(original, trial)
    for left, right in zip(ours(original, trial, spec), yours, strict=True):
        yield distance(left, right, start)


ORIGINALS: list[Original] = []


def original(
    name: str, arguments: Mapping[str, str | Callable[[Any], Any]], of: str | None = None, **more: Any
) -> None:
    """Enter an original in the table; `of` only where the library does not say it (a rule that is no dialect)."""
    if of is None:
        found = equals(name)
        assert found is not None, f"the dialect '{name}' does not say what it equals (of=…)"
        of = found.of
    ORIGINALS.append(Original(name, of, arguments, **more))
