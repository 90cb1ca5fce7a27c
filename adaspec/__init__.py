"""adaspec: an optimizer compiler. One spec in, the native optimizer of every framework out.

>>> import adaspec
>>> spec = adaspec.load("adax")
>>> print(adaspec.export(spec, "torch"))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .build import build, export, targets
from .errors import MissingFramework, SpecError, SpecWarning
from .interpret import Interpreter, State
from .library import load, names, optimizer, parse
from .spec import Spec

if TYPE_CHECKING:
    from .conversion import convert
    from .state import load_state, save_state

__all__ = [
    "Interpreter", "MissingFramework", "Spec", "SpecError", "SpecWarning", "State", "build", "convert", "export",
    "interpret", "load", "load_state", "names", "optimizer", "parse", "save_state", "targets", "verify",
]  # fmt: skip
LATER = {"load_state": "state", "save_state": "state", "convert": "conversion"}
"""What is imported when it is asked for, and from which module."""
__version__ = "0.1.0"


def interpret(spec: Spec | str, /, **hypers: Any) -> Interpreter:
    """The pure meaning of a spec over any array-API namespace: `.init`, `.step`, `.view`.

    `hypers` overrides defaults; ValueError outside their domains.
    """
    return Interpreter(load(spec) if isinstance(spec, str) else spec, **hypers)


def verify(spec: Spec | str, targets: list[str] | None = None, **options: Any):
    """Run a spec on every target against the float64 interpreter; see `adaspec.verification.verify`."""
    from .verification import verify as run

    return run(load(spec) if isinstance(spec, str) else spec, targets, **options)


def __getattr__(name: str) -> Any:
    if name in ("numpy", "torch", "jax", "tensorflow"):
        return importlib.import_module(f"adaspec.{name}")
    if name in LATER:
        return getattr(importlib.import_module(f"adaspec.{LATER[name]}"), name)
    raise AttributeError(f"module 'adaspec' has no attribute '{name}'")
