"""From what a user typed to a spec: a library name, a dialect, a file, or `-` for the standard input."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

from .. import library
from ..errors import SpecWarning, suggest
from ..spec import Spec, make
from .terminal import Fault, console, safe

LONGEST = 1 << 17
"""More bytes than a spec may have, so that the parser refuses what is longer by its own words."""


@dataclass(frozen=True)
class Found:
    """A spec with what it was called and the warnings that it got."""

    spec: Spec
    typed: str
    warnings: tuple[str, ...] = ()


def find(typed: str, quiet: bool = False) -> Found:
    """The spec of a library name, a dialect or a file. Raises SpecError, and Fault where there is nothing to read.

    Its warnings are printed on stderr unless `quiet`.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SpecWarning)
        spec = _load(typed)
    found = Found(spec, typed, tuple(str(w.message) for w in caught if issubclass(w.category, SpecWarning)))
    if not quiet:
        for message in found.warnings:
            warn(message)
    return found


def warn(message: str) -> None:
    """A warning, in the words of the checker."""
    head, newline, rest = safe(message).partition("\n")
    console(stderr=True).print(f"{head.replace(': ', ': warning: ', 1)}{newline}{rest}", style="warn", soft_wrap=True)


def _load(typed: str) -> Spec:
    if typed == "-":
        return make(sys.stdin.buffer.read(LONGEST), "<stdin>")
    if typed in library.names():
        # From its text, not from the library's cache: there its warnings have been left out.
        file = library._files().get(typed)
        return library.load(typed) if file is None else make(file.read_bytes(), f"{typed}.py")
    if "\0" in typed:
        raise Fault("a NUL character in the name of a file")
    path = Path(typed)
    if _exists(path):
        return library.load(path)
    if typed.endswith(".py") or "/" in typed or "\\" in typed:
        near = suggest(path.stem, library.names()) if path.stem in library.names() else ""
        raise Fault(f"no file '{typed}'" + (f"; '{path.stem}' without .py is in the library" if near else ""))
    return library.load(typed)  # its message suggests a name


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
