"""Whose state something holds, and what reads and writes it: optimizers of ours, and native ones by their dialects."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from typing import Any

from .build import made_of
from .frameworks import TARGETS
from .interpret import Interpreter
from .kindred import same_optimizer
from .library import equals, load, names
from .portable import Holder
from .spec import Spec
from .statefile import Saved
from .words import home


def held(source: Any, params: Any, given: Any) -> tuple[str, Holder, Spec]:
    """The target of a source, what it holds, and whose state it is.

    `given` says the spec where the source does not. TypeError for what is no state, ValueError for one of another rule.
    """
    own = made_of(source)
    native = native_of(source) if own is None else None
    known, asked = own or native, None if given is None else spec_of(given)
    if known is not None and asked is not None and not same_optimizer(known, asked):
        raise ValueError(f"this is a state of {called(known)}, and spec= is {called(asked)}")
    for target in ("interpreter", *TARGETS):
        if _portable(target).holds(source):
            rule = known or asked
            if rule is None:
                hint = "give spec=, or of a wrapper what it wraps (inner_optimizer, inner_state)"
                raise TypeError(f"{type(source).__name__} does not say of which rule it is: {hint}")
            if native is not None or (target == "jax" and own is None and _of_optax(asked)):
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
    for name in filter(_is_dialect, names()):
        original = equals(name)  # what it is called first: to load a dialect is to check a rule
        if original is not None and original.of.endswith(f".{cls.__name__}"):
            spec = load(name)
            if native_class(spec) is cls and _has_words(spec):
                return spec
    return None


@cache
def worded() -> tuple[str, ...]:
    """The dialects whose words say where their original keeps its state."""
    return tuple(name for name in filter(_is_dialect, names()) if _has_words(load(name)))


def _is_dialect(name: str) -> bool:
    return ":" in name


SHAPES = ((), (3,), (4, 3))
"""Shapes whose slots, by the dialect's own hyperparameters, are all that a rule keeps."""


def _has_words(spec: Spec) -> bool:
    """Whether the words of a dialect say where its original keeps every slot and Shared."""
    if spec.dialect is None or not spec.dialect.names:
        return False
    kept = {slot for shape in SHAPES for slot in spec.state(shape)} | spec.shared.keys()
    return kept <= {w.name for w in spec.dialect.names}


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


def called(spec: Spec | Saved) -> str:
    return f"{spec.name} ({spec.hash[:12]})"


def another_rule(where: str, found: Spec | Saved, rule: Spec) -> ValueError:
    """The error for a state that is of another rule than it should be."""
    return ValueError(f"{where} holds the state of {called(found)}, not of {called(rule)}: another rule")


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
