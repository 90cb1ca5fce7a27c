"""Frozen dataclasses that cost next to nothing to define.

`dataclasses.dataclass` writes and compiles six methods for a class while it is being defined. That is a third of a
millisecond, and for the hundred small classes of a compiler more than everything else that is done when it is imported.
Here five of the methods are the same functions for all classes, and the sixth, `__init__`, is written when the first
instance is made. To `fields`, `replace`, `match`, `pickle` and type checkers these are dataclasses like any.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

C = TypeVar("C", bound=type)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: C) -> C:
    """As `dataclass(frozen=True)`. What a class defines itself, it keeps; a class on top of it is `frozen` too."""
    cls.__doc__ = cls.__doc__ or cls.__name__  # else dataclass would write one out of the signature

    def __init__(self: Any, *args: Any, **options: Any) -> None:
        cls.__init__ = _initialiser(cls)
        cls.__init__(self, *args, **options)

    for name, method in METHODS.items():
        if name not in vars(cls):
            setattr(cls, name, method)
    cls.__init__ = __init__
    dataclass(init=False, repr=False, eq=False)(cls)
    names = [f.name for f in fields(cls) if f.compare]
    cls._compared = attrgetter(*names) if names else staticmethod(_nothing)
    return cls


def _nothing(self: Any) -> tuple[()]:
    return ()


def _eq(self: Any, other: Any) -> bool:
    if type(other) is not type(self):
        return NotImplemented
    return self._compared(self) == other._compared(other)


def _hash(self: Any) -> int:
    return hash(self._compared(self))


def _repr(self: Any) -> str:
    shown = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse(self: Any, name: str, *value: Any) -> None:
    if "__dataclass_fields__" in vars(type(self)) or name in self.__dataclass_fields__:
        raise FrozenInstanceError(f"cannot {'assign to' if value else 'delete'} field {name!r}")
    if value:
        object.__setattr__(self, name, *value)
    else:
        object.__delattr__(self, name)


METHODS: dict[str, Callable[..., Any]] = {
    "__eq__": _eq, "__hash__": _hash, "__repr__": _repr, "__setattr__": _refuse, "__delattr__": _refuse,
}  # fmt: skip


def _initialiser(cls: type) -> Callable[..., None]:
    """The `__init__` of a class, as if it had been written by hand."""
    given: dict[str, Any] = {"_set": object.__setattr__, "_missing": MISSING}
    first = [_argument(f, given) for f in fields(cls) if not f.kw_only]
    keywords = [_argument(f, given) for f in fields(cls) if f.kw_only]
    arguments = ["self", *first, *(["*", *keywords] if keywords else [])]
    lines = [f"_set(self, {f.name!r}, {_value(f, given)})" for f in fields(cls)]
    exec(f"def __init__({', '.join(arguments)}):\n " + "\n ".join(lines or ["pass"]), given)
    return given["__init__"]


def _argument(found: Field[Any], given: dict[str, Any]) -> str:
    if found.default_factory is not MISSING:
        return f"{found.name}=_missing"
    if found.default is MISSING:
        return found.name
    given[f"_default_{found.name}"] = found.default
    return f"{found.name}=_default_{found.name}"


def _value(found: Field[Any], given: dict[str, Any]) -> str:
    if found.default_factory is MISSING:
        return found.name
    given[f"_make_{found.name}"] = found.default_factory
    return f"_make_{found.name}() if {found.name} is _missing else {found.name}"
