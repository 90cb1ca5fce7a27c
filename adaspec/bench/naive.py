"""A rule as somebody types it into NumPy: its equations line by line, every operator a new array.

The text is printed from the checked rule, in its own order of operations, and run over float32 arrays; what is a number
and no array stays a Python float, so that nothing is widened to float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import ir
from ..printer import Printer
from ..spec import Spec
from ..text import body
from ..vocabulary import FUNCTIONS

Array = np.ndarray
STRANGE = (ir.Draw, ir.Part, ir.Pick, ir.Unpack, ir.When)


class NotNaive(ValueError):
    """The rule says something that is no plain NumPy expression: noise, decompositions, sums over the model."""


def naive(spec: Spec, params: list[Array], grads: list[Array]) -> Callable[[], None]:
    """A step over these arrays; the parameters are replaced in the list, the arrays themselves are not written.

    Raises NotNaive.
    """
    update, slots = function(spec, KNOWN), beginnings(spec, params, grads, np.full)
    t = 0

    def step() -> None:
        nonlocal t
        t += 1
        with np.errstate(all="ignore"):
            for i, own in enumerate(slots):
                params[i], *own[:] = update(params[i], grads[i], float(t), *own)

    return step


def function(spec: Spec, known: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    """The update of one parameter: `(x, g, t, *slots)` to `(x, *slots)`, with `known` for the words of the language.

    A slot that a parameter does not have is None there and back. Raises NotNaive.
    """
    if spec.shared or spec.rule.inputs or spec.core.slots != spec.rule.slots:
        raise NotNaive(f"{spec.name} keeps numbers of the model, takes inputs or loops over axes")
    nodes = [node for stmt in spec.checked for node in ir.walk(stmt)]
    strange = {node.function for node in nodes if isinstance(node, ir.Call)} - known.keys()
    strange |= {type(node).__name__.lower() for node in nodes if isinstance(node, STRANGE)}
    if strange:
        raise NotNaive(f"{spec.name} says {', '.join(sorted(strange))}, which is no plain expression")
    rule = spec.rule
    arguments = ", ".join([rule.param, rule.grad, rule.step or "_t", *spec.slots])
    values = ", ".join([rule.param, *spec.slots])
    lines = [f"def update({arguments}):", *body(spec.checked[:-1], printer=_Arrays()), f"    return ({values},)"]
    names: dict[str, Any] = {
        **known,
        **spec.defaults,
        "__builtins__": {"range": range, "AssertionError": AssertionError},
    }
    exec(compile("\n".join(lines), f"<naive {spec.name}>", "exec"), names)
    return names["update"]


def beginnings(spec: Spec, params: list[Any], grads: list[Any], full: Callable[..., Any]) -> list[list[Any]]:
    """The slots of each parameter, None for those it does not have; `full(shape, value, dtype)` makes an array."""
    found = []
    for x, g in zip(params, grads, strict=True):
        own = spec.state(tuple(x.shape))
        found.append([_begun(own[name].init, x, g, full) if name in own else None for name in spec.slots])
    return found


class _Arrays(Printer):
    def transpose(self, operand: ir.Expr) -> str:
        return f"{super().transpose(operand).removesuffix('.T')}.mT"


def _begun(init: ir.Init, x: Any, g: Any, full: Callable[..., Any]) -> Any:
    if init.kind in ("copy", "first_grad"):
        return (x if init.kind == "copy" else g) + 0
    plain = init.only is None and init.cut is None and not isinstance(init.value, str)
    if init.kind not in ("zeros", "ones", "full") or not plain:
        raise NotNaive("a slot begins in no plain way")
    shape = () if init.scalar else tuple(n for i, n in enumerate(x.shape) if i - x.ndim != init.without)
    return full(shape, init.value, dtype=x.dtype)


def _weak(function: Callable[..., Any]) -> Callable[..., Any]:
    """With Python's float for an answer where no argument is an array: NumPy's own would widen what it meets."""

    def call(*arguments: Any, **options: Any) -> Any:
        value = function(*arguments, **options)
        return float(value) if type(value) is np.float64 else value

    return call


def _along(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, axis=None: function(a) if axis is None else function(a, axis)


def _where(test: Any, then: Any, otherwise: Any) -> Any:
    if isinstance(test, bool):
        return then if test else otherwise
    if not (hasattr(then, "dtype") or hasattr(otherwise, "dtype")):
        then = np.float32(then)  # of two Python floats np.where makes a float64 array
    return np.where(test, then, otherwise)


KNOWN: dict[str, Callable[..., Any]] = {
    **{
        name: _weak(getattr(np, name))
        for name, f in FUNCTIONS.items()
        if f.group == "elementwise" and hasattr(np, name)
    },
    "rsqrt": _weak(lambda a: 1.0 / np.sqrt(a)),
    "where": _where,
    "sum": _along(np.sum),
    "mean": _along(np.mean),
    "max": _along(np.max),
    "norm": _along(lambda a, axis=None: np.sqrt(np.sum(a * a, axis))),
    "rms": _along(lambda a, axis=None: np.sqrt(np.mean(a * a, axis))),
}
