"""adaspec: an optimizer compiler. One spec in, the native optimizer of every framework out.

>>> import adaspec
>>> spec = adaspec.load("adax")
>>> print(adaspec.export(spec, "torch"))
"""

from __future__ import annotations

from .errors import MissingFramework, SpecError, SpecWarning
from .interpret import Interpreter, State
from .library import load, names, optimizer, parse
from .spec import Spec

__all__ = [
    "Interpreter", "MissingFramework", "Spec", "SpecError", "SpecWarning", "State", "interpret", "load", "names", "optimizer",
    "parse",
]  # fmt: skip
__version__ = "0.1.0"


def interpret(spec: Spec | str, **hypers: object) -> Interpreter:
    """The pure meaning of a spec over any array-API namespace: `.init`, `.step`, `.view`."""
    return Interpreter(load(spec) if isinstance(spec, str) else spec, **hypers)
