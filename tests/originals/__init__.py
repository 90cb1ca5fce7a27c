"""The installed originals: one module `of_…` for each library, one entry for each rule or dialect that equals one."""

from importlib import import_module
from pkgutil import iter_modules

from .core import MATRICES, ORIGINALS, SHAPES, Original, Trial, distance, distances, ours, problem, theirs, trials
from .of_reference import REFERRED

for module in iter_modules(__path__):
    if module.name.startswith("of_"):
        import_module(f"{__name__}.{module.name}")

__all__ = [
    "MATRICES",
    "ORIGINALS",
    "REFERRED",
    "SHAPES",
    "Original",
    "Trial",
    "distance",
    "distances",
    "ours",
    "problem",
    "theirs",
    "trials",
]
