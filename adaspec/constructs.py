"""What of the language a rule uses, in one word each: what `adaspec list` shows and filters by.

Everything is read off the rule, so a word is true of a spec from anywhere, not of the library's alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from . import ir

if TYPE_CHECKING:
    from .spec import Spec

MATRIX = ("matrix", "parts")


def constructs(spec: Spec) -> list[str]:
    """The words that hold of `spec`, in the order of `CONSTRUCTS`; ["elementwise"] if none does."""
    return [word for word, (_, holds) in CONSTRUCTS.items() if holds(spec)] or ["elementwise"]


@lru_cache(maxsize=1)
def _nodes(spec: Spec) -> tuple[ir.Node, ...]:
    """Every node of the statements once helpers are inlined."""
    return tuple(ir.walk(spec.checked))


def _calls(spec: Spec, group: str) -> list[ir.Call]:
    from .vocabulary import FUNCTIONS  # with it comes NumPy, of which the words of the language know nothing

    return [n for n in _nodes(spec) if isinstance(n, ir.Call) and FUNCTIONS[n.function].group == group]


def _of_step(spec: Spec) -> bool:
    return spec.rule.step is not None and spec.rule.step in ir.names(spec.checked)


def _beginning(spec: Spec) -> bool:
    return any(s.init.kind != "zeros" for s in spec.rule.slots)


def _axes(spec: Spec) -> bool:
    by_axis = [c for c in _calls(spec, "reduction") if c.options]
    smaller = [s for s in spec.rule.slots if not (s.init.whole or s.init.scalar)]
    return bool(by_axis or smaller or _calls(spec, "axes"))


def _branches(spec: Spec) -> bool:
    return any(isinstance(n, ir.When) for n in _nodes(spec))


def _by_shape(spec: Spec) -> bool:
    """The test of a real branch names no shape: the checker refuses one, and a total in it stands in front."""
    tests = [n.test for n in _nodes(spec) if isinstance(n, ir.If | ir.Choose)]
    return any(isinstance(n, ir.Ndim | ir.Dim) for test in tests for n in ir.walk(test))


def _matrix(spec: Spec) -> bool:
    product = any(isinstance(n, ir.Binary) and n.op == "@" for n in _nodes(spec))
    return product or any(_calls(spec, group) for group in MATRIX)


def _selects(spec: Spec) -> bool:
    return any(c.function == "where" for c in _calls(spec, "elementwise"))


CONSTRUCTS: dict[str, tuple[str, Callable[[Spec], bool]]] = {
    "step": ("reads t: bias corrections, schedules", _of_step),
    "beginning": ("a slot that does not begin as zeros", _beginning),
    "select": ("`where`: one of two values, element by element", _selects),
    "branch": ("a branch on a number, such as every k-th step", _branches),
    "reduction": ("a norm, mean or sum of an array", lambda s: any(not c.options for c in _calls(s, "reduction"))),
    "number": ("a slot of one number for each array", lambda s: any(n.init.scalar for n in s.rule.slots)),
    "axes": ("rows, columns or axes: factored state", _axes),
    "shape": ("a branch on rank or shape", _by_shape),
    "matrix": ("matrix products, roots or decompositions", _matrix),
    "model": ("a number of the whole model", lambda s: bool(s.rule.shared or _calls(s, "model"))),
    "view": ("a second reading of the parameters", lambda s: bool(s.views)),
    "input": ("more than the gradient at each step", lambda s: bool(s.inputs)),
    "noise": ("random numbers", lambda s: any(isinstance(n, ir.Draw) for n in _nodes(s))),
    "dtype": ("a slot with a dtype of its own", lambda s: any(n.dtype for n in s.rule.slots)),
}
"""Each word with what it means and when it holds."""
