"""The kernel in the place of a NumPy class's loop over arrays."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..facts import NARROW
from ..spec import Spec
from .fused import Fused, wanted
from .guard import guard
from .kernel import Kernel, threads

Work = dict[int, list[Any]]
PLANS = 8
"""Steps that are remembered; a process rarely trains more models at once."""


@dataclass
class Plan:
    """A step that one kernel took whole: its table, and the print of all that it was made of."""

    kernel: Kernel
    kind: Any
    table: np.ndarray
    rows: np.ndarray
    """The row of each array in the order of their states."""
    seen: np.ndarray
    held: Any
    """What may not be freed, lest something else be found at its address."""

    def __post_init__(self) -> None:
        self.at, self.rows_at, self.seen_at = (a.ctypes.data for a in (self.table, self.rows, self.seen))


class Arrays(Fused):
    """What a class calls in a step. `again` does one of the same arrays as the last; a call, what a kernel can."""

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.plans: dict[int, Plan] = {}
        self.begun: tuple[int, np.ndarray, list[Any]] | None = None
        self.look = not spec.core.array_inputs

    def again(self, params: Any, grads: Any, state: Any, hypers: dict[str, Any]) -> bool:
        """Do the step if everything that it is made of is where it was; else nothing, and False."""
        watch = guard() if self.look else None
        if watch is None or type(state) is not dict or type(state.get("slots")) is not dict:
            return False
        plan = self.plans.get(id(state))
        trees = (params, grads, state["slots"])
        if plan is not None:
            if watch.same(trees, plan.seen_at, len(plan.seen)) and self.of(hypers, *plan.kind) is plan.kernel:
                watch.count(state["slots"], plan.rows_at, plan.at, plan.table.shape[1])
                state["step"] = int(state["step"]) + 1
                self.run(plan.kernel, plan.table, state, hypers, plan.at)
                return True
            self.plans.pop(id(state), None)
        seen = watch.print(trees)
        self.begun = None if seen is None else (id(state), seen, _keys(trees))
        return False

    def __call__(self, work: Work, state: dict[str, Any], hypers: dict[str, Any]) -> Work:
        """Do what a kernel can, and return what is left."""
        begun, self.begun = self.begun, None
        kinds: dict[Any, list[Any]] = {}
        left: Work = {}
        for t, group in work.items():
            for item in group:
                row = self.row(t, item)
                if row is None:
                    left.setdefault(t, []).append(item)
                else:
                    kinds.setdefault(self.kind(item), []).append((row, item, t))
        if self.model and (left or len(kinds) > 1):
            return work
        for (param, grad, given), found in kinds.items():
            kernel = self.of(hypers | dict(given), param, grad)
            if kernel is None:
                for _, item, t in found:
                    left.setdefault(t, []).append(item)
                continue
            table = np.array([row for row, _, _ in found], np.int64)
            self.run(kernel, table, state, hypers)
            if begun is not None and len(kinds) == 1 and not left and begun[0] == id(state):
                self.remember(kernel, (param, grad), table, [item for _, item, _ in found], state, begun)
        return left

    def run(
        self, kernel: Kernel, table: np.ndarray, state: dict[str, Any], hypers: dict[str, Any], at: int | None = None
    ) -> None:
        layout = kernel.layout
        numbers = array("d", [hypers.get(n, 0.0) for n in layout.hypers] or [0.0])
        if not layout.model:
            kernel.step(numbers, table, None, threads(), at)
            return
        held = state["shared"]
        shared = array("d", [float(state["step"]), *(held[n] for n in layout.shared)])
        kernel.step(numbers, table, shared, threads(), at)
        held.update(zip(layout.shared, shared[1:], strict=True))

    def remember(
        self, kernel: Kernel, kind: Any, table: np.ndarray, items: list[Any], state: dict[str, Any], begun: Any
    ) -> None:
        """Keep a step for `again`, if every state was updated, from the very gradients that were given."""
        _, seen, keys = begun
        places = {id(slots): row for row, (_, _, slots, *_) in enumerate(items)}
        given = np.array([id(a) for x, g, *_ in items for a in (x, g)], np.int64)
        if places.keys() != {id(slots) for slots in state["slots"].values()} or not np.isin(given, seen).all():
            return
        rows = np.array([places[id(slots)] for slots in state["slots"].values()], np.int64)
        kinds = {
            id(a.dtype): a.dtype for x, g, slots, *_ in items for a in (x, g, *slots.values()) if hasattr(a, "dtype")
        }
        held = [*kinds.values(), *keys]
        while len(self.plans) >= PLANS:
            self.plans.pop(next(iter(self.plans)), None)
        self.plans[id(state)] = Plan(kernel, kind, table, rows, seen, held)

    def kind(self, item: Any) -> tuple[str, str, tuple[tuple[str, Any], ...]]:
        """What arrays of one kernel have in common: their dtypes, and which inputs they have."""
        given = ((n, item[3][n] is not None or None) for n in self.spec.core.array_inputs if n in self.optional)
        return item[0].dtype.name, item[1].dtype.name, tuple(given)

    def row(self, t: int, item: Any) -> list[int] | None:
        """Size, update and addresses of one parameter; None where its arrays are not laid out alike."""
        x, g, slots, *more = item
        inputs = [more[0][n] for n in self.spec.core.array_inputs]
        real = "float32" if x.dtype.name in NARROW else x.dtype.name
        if any(a is not None and a.dtype.name != real for a in inputs):
            return None
        arrays = [x, g, *inputs, *(slots[key] for key in self.keys)]
        whole = [a for a in arrays if a is not None and a.ndim]
        if not (all(a.flags.c_contiguous for a in whole) or all(a.flags.f_contiguous for a in whole)):
            return None
        if not all(a is None or (a.dtype.isnative and a.flags.aligned) for a in arrays):
            return None
        return [x.size, t, *(0 if a is None else a.__array_interface__["data"][0] for a in arrays)]

    @cached_property
    def keys(self) -> list[str]:
        """Under what a state holds the slots."""
        return ["step_" if s.name == "step" else s.name for s in self.spec.core.slots]

    @cached_property
    def model(self) -> bool:
        return self.lowered.model_wide


def _keys(tree: Any) -> list[Any]:
    """Every key of a tree."""
    if isinstance(tree, dict):
        return [*tree, *(key for value in tree.values() for key in _keys(value))]
    return [key for item in tree for key in _keys(item)] if isinstance(tree, (list, tuple)) else []


def of(spec: Spec) -> Arrays | None:
    return Arrays(spec) if wanted() else None
