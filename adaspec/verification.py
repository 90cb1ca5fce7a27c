"""Is it the same everywhere? Random trajectories on every target, held against the float64 interpreter.

float64: the targets run freely for all steps; the error is the largest difference of the parameters relative to the
largest of the array, before or after the step. float32: before every step both sides get the same parameters and
gradients, and the error of the update is counted in units of 2**-23 of its size without cancellation (`magnitude`),
less the half ulp that rounding the new parameter must cost.
"""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Callable, Iterator, Set
from typing import Any

import numpy as np

from . import facts, ir
from .build import build
from .errors import MissingFramework
from .frameworks import TARGETS
from .frozen import frozen
from .interpret import Interpreter
from .library import load
from .lower import lower
from .magnitude import Sized
from .spec import Spec
from .vocabulary import FUNCTIONS

SHAPES: tuple[tuple[int, ...], ...] = ((), (7,), (5, 4), (3, 8), (2, 3, 4, 3), (0, 3))
"""0-d, 1-D, tall and wide 2-D, 4-D, no elements; shapes that the rule refuses are left out."""

SQUARES: tuple[tuple[int, ...], ...] = ((4, 4), (3, 3))
"""Beside them, for rules that decompose matrices; of all, those with statistics of full rank: see `full_rank`."""

FLOAT64_BOUND, DECOMPOSED_BOUND = 1e-12, 1e-10
ELEMENTWISE_BOUND, REDUCTION_BOUND = 8.0, 16.0
PRODUCT_BOUND = 5e-5
"""float32 rules with matrix products, relative to the largest update: an iteration of products amplifies the rounding
of its inputs (Muon's five Newton-Schulz steps by about 30), and its size without cancellation says nothing."""


@frozen
class Result:
    """One target, dtype and mode. `error` is in `unit`s ("relative" or "ulp"); `ok` says whether it is within `bound`.

    `relative` is the largest relative difference of the same run.
    """

    target: str
    dtype: str
    mode: str
    error: float
    unit: str
    bound: float
    relative: float
    problem: str = ""

    @property
    def ok(self) -> bool:
        return not self.problem and self.error <= self.bound


@frozen
class Report:
    """What `verify` measured; `missing` are the targets whose framework is not installed."""

    spec: Spec
    steps: int
    results: tuple[Result, ...]
    missing: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether something was measured and every measurement is within its bound."""
        return bool(self.results) and all(r.ok for r in self.results)

    @property
    def note(self) -> str:
        """What the measurement leaves out; empty for most rules."""
        if not decompositions(self.spec):
            return ""
        which = "arrays whose statistics have" if decompositions(self.spec, SQUARE) else "gradients of"
        return f"{self.spec.name} decomposes matrices: measured on {which} full rank"

    def __str__(self) -> str:
        lines = [f"{self.spec.name}, {self.steps} steps against the float64 interpreter"]
        lines += [f"  {self.note}"] if self.note else []
        for r in self.results:
            verdict = "ok" if r.ok else r.problem or "DIFFERS"
            lines.append(f"  {r.target:11}{r.dtype:9}{r.mode:9}{r.error:10.2e} {r.unit:9}bound {r.bound:<8g}{verdict}")
        return "\n".join([*lines, *(f"  {name}: not installed" for name in self.missing)])


def verify(
    spec: Spec | str,
    targets: list[str] | None = None,
    *,
    steps: int = 100,
    seed: int = 0,
    dtypes: tuple[str, ...] = ("float64", "float32"),
    modes: tuple[str, ...] | None = None,
    progress: Callable[[str], None] = lambda what: None,
) -> Report:
    """Run `spec`, or the one of that name, on the targets (all installed ones by default) in eager and compiled modes.

    `modes` narrows or widens what each target runs (torch also knows "inductor"). ValueError for an unknown target,
    MissingFramework for one that is named and not installed.
    """
    spec = load(spec) if isinstance(spec, str) else spec
    results: list[Result] = []
    missing: list[str] = []
    for target in TARGETS if targets is None else targets:
        try:
            factory = build(spec, target)
        except MissingFramework:
            if targets is not None:
                raise
            missing.append(target)
            continue
        session = importlib.import_module(f"adaspec.backends.{target}.session")
        known = session.modes(factory) if hasattr(session, "modes") else session.MODES
        for mode in [m for m in (modes or known) if m in (*known, "inductor")]:
            if mode == "inductor" and target != "torch":
                continue
            for dtype in dtypes:
                progress(f"{spec.name}: {target} {dtype} {mode}")
                results.append(measure(spec, target, session.Session, factory, dtype, mode, steps, seed))
    return Report(spec, steps, tuple(results), tuple(missing))


def measure(
    spec: Spec, target: str, session: Any, factory: Any, dtype: str, mode: str, steps: int, seed: int
) -> Result:
    run = free_run if dtype == "float64" else same_inputs
    double = DECOMPOSED_BOUND if decompositions(spec) else FLOAT64_BOUND
    bound, unit = (double, "relative") if dtype == "float64" else float32_bound(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # frameworks warn of their own affairs while they trace
        error, relative = run(spec.laid_out(target), session, factory, mode, steps, seed)
    return Result(target, dtype, mode, relative if unit == "relative" else error, unit, bound, relative)


def float32_bound(spec: Spec) -> tuple[float, str]:
    """16 ulp where a reduction enters the update, 8 elsewhere; a relative bound for rules with matrix products."""
    if any(isinstance(n, ir.Binary) and n.op == "@" for n in ir.walk(spec.statements)):
        return PRODUCT_BOUND, "relative"
    names = {n.function for n in ir.walk(spec.statements) if isinstance(n, ir.Call)}
    reduces = bool(names & {"sum", "mean", "max", "norm", "rms", "total"})
    return (REDUCTION_BOUND if reduces else ELEMENTWISE_BOUND), "ulp"


def shapes_for(spec: Spec) -> list[tuple[int, ...]]:
    """Those of `SHAPES` that the rule's assertions admit; where the rule decomposes statistics, of full rank."""
    paths = decompositions(spec, SQUARE)
    found = []
    for shape in (*SHAPES, *SQUARES) if paths else SHAPES:
        try:
            spec.check_shape(shape)
        except ValueError:
            continue
        if full_rank(shape) or not any(facts.holds(path, shape, spec.defaults) for path in paths):
            found.append(shape)
    return found


DECOMPOSED = frozenset(name for name, form in FUNCTIONS.items() if form.group == "parts")
SQUARE = DECOMPOSED - {"svd"}
"""Decompositions of square matrices, which are statistics of gradients; a gradient of any shape has full rank."""


def decompositions(spec: Spec, functions: Set[str] = DECOMPOSED) -> list[ir.Expr]:
    """The static conditions under which the rule decomposes a matrix by one of these functions."""
    found = facts.paths(spec.rule, spec.statements)
    calls = [(path, n) for path, stmt in found for n in ir.walk(stmt) if isinstance(n, ir.Call)]
    return list(dict.fromkeys(path for path, call in calls if call.function in functions))


def full_rank(shape: tuple[int, ...]) -> bool:
    """Whether the sum of g gᵀ over all axes but one can have full rank for every axis.

    Where it has not, the basis of its null space is each LAPACK's own choice, and no two targets agree.
    """
    return all(n * n <= math.prod(shape) for n in shape)


def gradients(
    shapes: list[tuple[int, ...]], rng: np.random.Generator, steps: int, widest: float
) -> Iterator[list[Any]]:
    """Normal gradients; each array has a scale of its own, spread evenly over 10**-widest … 10**widest."""
    scales = 10.0 ** np.linspace(-widest, widest, max(len(shapes), 2))[: len(shapes)]
    rng.shuffle(scales)
    for _ in range(steps):
        yield [np.asarray(s * rng.normal(size=shape)) for s, shape in zip(scales, shapes, strict=True)]


def supplied(spec: Spec, seed: int, steps: int, grads: list[Any]) -> dict[str, Any]:
    """Inputs for a step that has these gradients: numbers in (0, inf), normal arrays of the gradients' scale.

    An input that may be left out is left out of every third step. The numbers depend on the seed and the step alone.
    """
    rng = np.random.default_rng([seed, steps])
    found: dict[str, Any] = {}
    for i in spec.rule.inputs:
        number = float(np.exp(rng.normal()))
        arrays = [np.asarray(np.sqrt(np.mean(g**2) if g.size else 0) * rng.normal(size=g.shape)) for g in grads]
        found[i.name] = None if i.optional and steps % 3 == 2 else number if i.scalar else arrays
    return found


def free_run(spec: Spec, session: Any, factory: Any, mode: str, steps: int, seed: int) -> tuple[float, float]:
    """Largest relative difference of the parameters over a free run in float64."""
    rng = np.random.default_rng(seed)
    shapes = shapes_for(spec)
    params = [np.asarray(rng.normal(size=shape)) for shape in shapes]
    oracle = Interpreter(spec)
    state = oracle.init(params)
    run = session(factory, params, "float64", mode)
    worst = 0.0
    try:
        for step, grads in enumerate(gradients(shapes, rng, steps, 6.0)):
            inputs = supplied(spec, seed, step, grads)
            found, before = run.step(grads, inputs), params
            params, state = oracle.step(params, grads, state, **inputs)
            rows = zip(found, params, before, strict=True)
            worst = max([worst, *(relative(a, np.asarray(b), np.asarray(x)) for a, b, x in rows)])
    finally:
        run.close()
    return worst, worst


def relative(found: Any, wanted: Any, before: Any = 0.0) -> float:
    """The largest difference over the largest value, before or after; inf where one side alone is not finite."""
    # Where a rule sets its parameter anew, JAX adds the difference to `before`: as exact as the larger of the two.
    if not wanted.size:
        return 0.0
    odd = ~np.isfinite(wanted)
    if odd.any() or not np.isfinite(found).all():
        same = np.array_equal(np.isnan(found), np.isnan(wanted)) and np.array_equal(np.isinf(found), np.isinf(wanted))
        if not same or odd.all():
            return 0.0 if same else float("inf")
        found, wanted = found[~odd], wanted[~odd]
    scale = float(max(np.max(np.abs(wanted)), np.max(np.abs(before), where=np.isfinite(before), initial=0.0)))
    difference = float(np.max(np.abs(found - wanted)))
    return 0.0 if difference == 0 else difference / scale if scale else float("inf")


def same_inputs(
    spec: Spec, session: Any, factory: Any, mode: str, steps: int, seed: int, widest: float = 9.0
) -> tuple[float, float]:
    """Largest error of an update in conditioned ulp, and relative to it, with the same float32 inputs at every step."""
    rng = np.random.default_rng(seed)
    shapes = shapes_for(spec)
    lr = 1.0 if "lr" in spec.hypers else None
    # Parameters as large as the last update: larger ones would hide its error behind the rounding of their own sum.
    scales = [1e-9] * len(shapes)
    params = [_float32(rng, shape, s) for shape, s in zip(shapes, scales, strict=True)]
    oracle = Interpreter(spec) if lr is None else Interpreter(spec, lr=lr)
    additive = lower(spec).sole_update is not None
    state = oracle.init([Sized(p) for p in params])
    run = session(factory, params, "float32", mode, lr)
    worst = worst_relative = 0.0
    try:
        for step, grads in enumerate(gradients(shapes, rng, steps, widest)):
            grads = [g.astype(np.float32) for g in grads]
            inputs = {n: _rounded(v) for n, v in supplied(spec, seed, step, grads).items()}
            run.set(params)
            found = run.step(grads, inputs)
            sized = {n: [Sized(a) for a in v] if isinstance(v, list) else v for n, v in inputs.items()}
            wanted, state = oracle.step([Sized(p) for p in params], [Sized(g) for g in grads], state, **sized)
            for i, (x, a, b) in enumerate(zip(params, found, wanted, strict=True)):
                if x.size:
                    unit = b.size_ - np.abs(x) if additive else b.size_
                    unit = np.maximum(unit, np.abs(b.value - x)) if additive else unit
                    worst = max(worst, conditioned(a, b.value, unit))
                    worst_relative = max(worst_relative, relative(np.asarray(a - x, np.float64), b.value - x))
                    moved = float(np.sqrt(np.mean(np.square(b.value - x))))
                    scales[i] = min(max(moved, 1e-12), 1e6) if np.isfinite(moved) else 1.0
            params = [_float32(rng, shape, s) for shape, s in zip(shapes, scales, strict=True)]
    finally:
        run.close()
    return worst, worst_relative


def _rounded(value: Any) -> Any:
    """An input as float32 holds it."""
    if value is None:
        return None
    return [a.astype(np.float32) for a in value] if isinstance(value, list) else float(np.float32(value))


def _float32(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> Any:
    return np.asarray(scale * rng.normal(size=shape)).astype(np.float32)


def conditioned(found: Any, wanted: Any, size: Any) -> float:
    """The largest error in units of 2**-23 of the update's size, beyond the half ulp of the stored result."""
    found = np.asarray(found, dtype=np.float64)
    if not np.array_equal(np.isfinite(found), np.isfinite(wanted)):
        return float("inf")
    good = np.isfinite(wanted)
    rounding = np.spacing(np.abs(wanted).astype(np.float32)).astype(np.float64) / 2
    error = np.maximum(np.abs(found - wanted) - rounding, 0.0)[good]
    if not error.size or not error.max():
        return 0.0
    with np.errstate(all="ignore"):
        units = np.where(error > 0, error / (2.0**-23 * size[good]), 0.0)
    return float(np.max(units))
