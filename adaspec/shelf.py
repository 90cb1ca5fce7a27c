"""The texts of the library: one file for each rule, found by name alone. Nothing here knows what a spec says."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any


@cache
def files() -> dict[str, Any]:
    """Each rule of the library with its file."""
    folder = resources.files("adaspec.specs")
    return {f.name[:-3]: f for f in folder.iterdir() if f.name.endswith(".py") and not f.name.startswith("_")}


def read(name: str) -> bytes:
    """The text of a rule of the library; KeyError for an unknown name."""
    return files()[name].read_bytes()
