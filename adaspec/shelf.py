"""The texts of the library: one file for each rule, found by name alone. Nothing here knows what a spec says."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from . import specs


@cache
def files() -> dict[str, Any]:
    """Each rule of the library with its file."""
    folder = Path(specs.__path__[0])
    found: Any = (folder / name for name in os.listdir(folder)) if folder.is_dir() else _packed()
    return {f.name[:-3]: f for f in found if f.name.endswith(".py") and not f.name.startswith("_")}


def _packed() -> Any:
    """The files where adaspec lies in an archive."""
    from importlib import resources  # as slow to import as half a compiler

    return resources.files(specs).iterdir()


def read(name: str) -> bytes:
    """The text of a rule of the library; KeyError for an unknown name."""
    return files()[name].read_bytes()
