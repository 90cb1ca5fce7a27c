"""adaspec: an optimizer compiler. One spec in, the native optimizer of every framework out.

>>> import adaspec
>>> spec = adaspec.load("adax")
>>> print(adaspec.export(spec, "torch"))
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .build import build, export
    from .conversion import convert
    from .errors import MissingFramework, SpecError, SpecWarning
    from .frameworks import targets
    from .interpret import Interpreter, State, interpret
    from .library import load, names, optimizer, parse
    from .spec import Spec
    from .state import load_state, save_state
    from .verification import verify

__all__ = [
    "Interpreter", "MissingFramework", "Spec", "SpecError", "SpecWarning", "State", "build", "convert", "export",
    "interpret", "load", "load_state", "names", "optimizer", "parse", "save_state", "targets", "verify",
]  # fmt: skip
HOMES = {
    "build": "build export",
    "conversion": "convert",
    "errors": "MissingFramework SpecError SpecWarning",
    "frameworks": "targets",
    "interpret": "Interpreter State interpret",
    "library": "load names optimizer parse",
    "spec": "Spec",
    "state": "load_state save_state",
    "verification": "verify",
}
"""The modules with the names that they give this one. Each is imported when one of its names is asked for first: who
uses a generated optimizer waits for no compiler, and who writes a spec for no interpreter."""
HOME = {name: module for module, own in HOMES.items() for name in own.split()}
TARGETS = ("jax", "numpy", "tensorflow", "torch")
__version__ = "0.1.0"


class _Package(ModuleType):
    """A package in which `build` stays the function when the module of that name is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in TARGETS:
        return importlib.import_module(f"adaspec.{name}")
    if name in HOME:
        found = globals()[name] = getattr(importlib.import_module(f"adaspec.{HOME[name]}"), name)
        return found
    raise AttributeError(f"module 'adaspec' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*__all__, *TARGETS, *(name for name in globals() if name.startswith("__"))})
