"""Whose state something holds, and what reads and writes it: optimizers of ours, and native ones by their dialects."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from typing import Any

from .build import TARGETS, made_of
from .interpret import Interpreter
from .kindred import same_optimizer
from .library import load, names
from .portable import Holder
from .spec import Spec
from .words import home


def held(source: Any, params: Any, given: Any) -> tuple[str, Holder, Spec]:
    """The target of a source, what it holds, and whose state it is.

    `given` says the spec where the source does not. TypeError for what is no state, ValueError for one of another rule.
    """
    native = native_of(source)
    known, asked = made_of(source) or native, None if given is None else spec_of(given)
    if known is not None and asked is not None and not same_optimizer(known, asked):
        raise ValueError(f"this is a state of {called(known)}, and spec= is {called(asked)}")
    for target in ("interpreter", *TARGETS):
        if _portable(target).holds(source):
            rule = known or asked
            if rule is None:
                hint = "give spec=, or of a wrapper what it wraps (inner_optimizer, inner_state)"
                raise TypeError(f"{type(source).__name__} does not say of which rule it is: {hint}")
            if native is not None or (target == "jax" and made_of(source) is None and _of_optax(asked)):
                return target, _native(target)(rule, source, params), rule
            return target, _portable(target).Holder(rule, source, params), rule
    if asked is not None and _of_optax(asked) and isinstance(source, tuple):
        return "jax", _native("jax")(asked, source, params), asked
    what = "a torch or Keras optimizer, or a state of optax (of a chain its member), NumPy or an interpreter"
    more = "; spec= says of which dialect a state of optax's own is (adamw:optax)" if isinstance(source, tuple) else ""
    raise TypeError(f"{type(source).__name__} is no state that adaspec knows: it takes {what}{more}")


def native_of(source: Any) -> Spec | None:
    """The dialect whose original made a torch or Keras optimizer; None for anything else.

    Of several, the one whose words say where its state is.
    """
    cls = type(source)
    for name in worded():
        spec = load(name)
        if str(spec.dialect and spec.dialect.of).endswith(f".{cls.__name__}") and native_class(spec) is cls:
            return spec
    return None


SHAPES = ((), (3,), (4, 3))
"""Shapes whose slots, by the dialect's own hyperparameters, are all that a rule keeps."""


@cache
def worded() -> tuple[str, ...]:
    """The dialects whose words say where their original keeps its state."""
    found = []
    for name in names():
        if ":" not in name:
            continue
        spec = load(name)
        dialect = spec.dialect
        if dialect is None or not dialect.names:
            continue
        kept = {slot for shape in SHAPES for slot in spec.state(shape)} | spec.shared.keys()
        if kept <= {w.name for w in dialect.names}:
            found.append(name)
    return tuple(found)


def native_class(spec: Spec) -> Any:
    """The class or function that a dialect equals, if its library is loaded: one that is not has made nothing."""
    of = str(spec.dialect.of) if spec.dialect is not None else ""
    if of.partition(".")[0] not in sys.modules:
        return None
    module, _, name = of.rpartition(".")
    return getattr(importlib.import_module(module), name, None)


def _portable(target: str) -> Any:
    home = "adaspec.interpreted" if target == "interpreter" else f"adaspec.backends.{target}.portable"
    return importlib.import_module(home)


def _native(target: str) -> Any:
    return importlib.import_module(f"adaspec.backends.{target}.native").Native


def _of_optax(spec: Spec | None) -> bool:
    """Whether a spec is a dialect that says where optax keeps its state."""
    return spec is not None and home(spec) == "jax" and bool(spec.dialect and spec.dialect.names)


def called(spec: Spec) -> str:
    return f"{spec.name} ({spec.hash[:12]})"


def spec_of(given: Any) -> Spec:
    """A spec, by its name, or by what was made of it. TypeError for anything else."""
    if isinstance(given, Spec):
        return given
    if isinstance(given, str):
        return load(given)
    if isinstance(given, Interpreter):
        return given.spec
    found = made_of(given) or native_of(given)
    if found is None:
        raise TypeError(f"spec= is a spec, its name, or an optimizer made of it, not {type(given).__name__}")
    return found
