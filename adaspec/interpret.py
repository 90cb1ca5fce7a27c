"""The meaning of a spec: an obvious reading of its statements, pure, over any array-API namespace.

Every backend is judged against this module, and this module against mpmath. It reads the expanded body, with scalars in
their accurate forms (float64, IEEE), one parameter after the other; `total` is the one place where they wait for each
other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

import array_api_compat
import numpy as np

from . import facts, tree
from . import inputs as supplied
from .complexes import REAL, is_complex, refused, takes_complex, together
from .frozen import frozen
from .hypers import given as hypers_given
from .ir import Assign
from .library import load
from .run import Run, _lockstep, dtype_name
from .spec import Spec

Array = Any
Tree = Any
Value = Any
"""A Python float or bool, None, or an array."""


BOTH = "both are real, or both complex"
READING = "the view"
"""What a view's value is bound to; no spec has a name with a blank."""


@frozen
class State:
    """What an optimizer remembers; slots are by path and name.

    `step` counts its updates, `steps` those of each parameter.
    """

    step: int = 0
    steps: Mapping[str, int] = field(default_factory=dict)
    slots: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    shared: Mapping[str, float] = field(default_factory=dict)


class Interpreter:
    """A spec as two pure functions, `init` and `step`, and its views."""

    def __init__(self, spec: Spec, /, **hypers: Any) -> None:
        self.spec = spec
        self.hypers = spec.defaults | hypers_given(spec.name, spec.hypers, hypers)

    def init(self, params: Tree) -> State:
        """The state before the first step. `params`: a tree of floating arrays of any shapes, complex ones too where
        `takes_complex(spec)`: TypeError for what the rule does not take."""
        slots = {}
        for path, x in tree.leaves(params).items():
            slots[path] = self._slots(path, x)
        shared = {s.name: facts.initial(s.initial, self.hypers) for s in self.spec.rule.shared}
        return State(0, dict.fromkeys(slots, 0), slots, shared)

    def step(self, params: Tree, grads: Tree, state: State, /, **given: Any) -> tuple[Tree, State]:
        """One update. `grads` has the shape of `params`; a gradient of None leaves its parameter and slots alone.

        Returns new parameters and a new state; nothing that is passed in is changed. Extra keywords are the rule's
        inputs (a number, or a tree like `params`), and hyperparameters for this step, for instance a scheduled `lr`.
        """
        hypers = self._at_step({n: v for n, v in given.items() if self.spec.rule.input(n) is None})
        xs, gs = tree.leaves(params), tree.leaves(grads)
        _alike("grads", gs, xs)
        _alike("the state", state.slots, xs)
        for path, x in xs.items():
            g = gs[path]
            if g is not None and tuple(g.shape) != tuple(x.shape):
                raise ValueError(f"parameter '{path}' has shape {tuple(x.shape)}, its gradient {tuple(g.shape)}")
            if g is not None and is_complex(g) != is_complex(x):
                raise TypeError(f"parameter '{path}' is {dtype_name(x)}, its gradient {dtype_name(g)}: {BOTH}")
        inputs = supplied.given(self.spec.rule, given, xs, gs)
        now = state.step + 1
        runs: dict[str, Run] = {}
        for place, (path, x) in enumerate(xs.items()):
            if gs[path] is not None and x.size != 0:
                t = state.steps[path] + 1
                runs[path] = Run(self.spec, path, x, gs[path], state.slots[path], state.shared, (t, now), hypers, place)
                runs[path].first_grads()
                runs[path].supply(inputs)
        _lockstep([run.block(self.spec.statements) for run in runs.values()])
        counted = [path for path in xs if gs[path] is not None]
        shared = next(iter(runs.values())).shared() if runs else dict(state.shared)
        slots = {path: run.slots() for path, run in runs.items()}
        new = State(
            now,
            {path: count + (path in counted) for path, count in state.steps.items()},
            {path: slots.get(path, old) for path, old in state.slots.items()},
            shared,
        )
        return tree.rebuild(params, lambda path, x: runs[path].param() if path in runs else x), new

    def view(self, name: str, params: Tree, state: State, /, *, grads: Tree = None, **hypers: Any) -> Tree:
        """Another reading of the parameters, such as "eval"; a tree like `params`.

        A view of the gradients too needs `grads`; where one is None the parameter reads as it is.
        """
        hypers = self._at_step(hypers)
        xs = tree.leaves(params)
        _alike("the state", state.slots, xs)
        statements, value = self.spec.view(name)
        gs = dict(xs)
        if self.spec.takes_grads(name):
            if grads is None:
                raise TypeError(f"the view '{name}' of {self.spec.name} takes gradients: view(..., grads=grads)")
            gs = tree.leaves(grads)
            _alike("grads", gs, xs)
        runs = {
            path: Run(
                self.spec, path, x, gs[path], state.slots[path], state.shared, (state.steps[path], state.step), hypers
            )
            for path, x in xs.items()
            if x.size != 0 and gs[path] is not None
        }
        whole = (*statements, Assign(READING, value))
        _lockstep([run.block(whole) for run in runs.values()])
        return tree.rebuild(params, lambda path, x: runs[path].reading(READING) if path in runs else x)

    def _at_step(self, hypers: Mapping[str, Any]) -> dict[str, Any]:
        """The hyperparameters of one step; what decides which slots exist may not change."""
        found = hypers_given(self.spec.name, self.spec.hypers, hypers)
        for name, value in found.items():
            fixed = self.spec.hypers[name].static or (value is None) != (self.hypers[name] is None)
            if fixed and value != self.hypers[name]:
                raise ValueError(f"Invalid {name}: {value} at this step, it was {self.hypers[name]}: it is static")
        return self.hypers | found

    def _slots(self, path: str, x: Array) -> dict[str, Array]:
        if x is None:
            raise TypeError(f"parameter '{path}' is None: only a gradient may be missing")
        xp = array_api_compat.array_namespace(x)
        if dtype_name(x) in REAL:
            if not takes_complex(self.spec):
                raise refused(self.spec, path, dtype_name(x))
        elif not xp.isdtype(x.dtype, "real floating") and dtype_name(x) not in facts.NARROW:
            raise TypeError(f"parameter '{path}' is {x.dtype}: parameters are floating arrays")
        shape, device = tuple(x.shape), array_api_compat.device(x)
        self.spec.check_shape(shape, path, self.hypers)
        found = {}
        for name, slot in self.spec.state(shape, dtype_name(x), **self.hypers).items():
            dtype = x.dtype if slot.dtype == dtype_name(x) else _dtype(xp, slot.dtype)
            if slot.init.kind == "copy":
                found[name] = xp.asarray(xp.astype(x, dtype), copy=True)
            elif slot.init.kind == "eye":
                found[name] = xp.eye(slot.shape[0], dtype=dtype, device=device)
            elif slot.dtype in REAL:
                parts = xp.full((*slot.shape, 2), slot.init.value, dtype=_dtype(xp, REAL[slot.dtype]), device=device)
                found[name] = together(parts)
            else:
                found[name] = xp.full(slot.shape, slot.init.value, dtype=dtype, device=device)
        return found


def interpret(spec: Spec | str, /, **hypers: Any) -> Interpreter:
    """The pure meaning of a spec over any array-API namespace: `.init`, `.step`, `.view`.

    `hypers` overrides defaults; ValueError outside their domains.
    """
    return Interpreter(load(spec) if isinstance(spec, str) else spec, **hypers)


def _dtype(xp: Any, name: str) -> Any:
    if hasattr(xp, name):
        return getattr(xp, name)
    import ml_dtypes  # NumPy has no bfloat16 of its own

    return np.dtype(getattr(ml_dtypes, name))


def _alike(what: str, found: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    odd = sorted(found.keys() ^ params.keys())
    if odd:
        where = "params" if odd[0] in params else what
        raise ValueError(f"params and {what} differ: '{odd[0]}' is in {where} alone")


__all__ = ["Interpreter", "Run", "State", "_lockstep", "interpret"]
