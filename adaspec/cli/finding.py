"""From what a user typed to a spec: a library name, a dialect, a file, or `-` for the standard input."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

from .. import library
from ..chain import is_chain
from ..errors import SpecWarning, suggest
from ..spec import Spec, make
from .terminal import Fault, diagnose

LONGEST = 1 << 17
"""More bytes than a spec may have, so that the parser refuses what is longer in its own words."""


def find(typed: str, review: bool = False) -> tuple[Spec, int]:
    """The spec of a library name, a dialect or a file, and how many warnings it got; they are printed on stderr.

    The library's own warnings are told in a `review` alone. Raises SpecError, and Fault where there is nothing to read.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SpecWarning)
        spec = _load(typed, review)
    told = [str(w.message) for w in caught if issubclass(w.category, SpecWarning)]
    for message in told:
        diagnose(message.replace(": ", ": warning: ", 1), "warn")
    return spec, len(told)


def _load(typed: str, review: bool) -> Spec:
    if typed == "-":
        return make(sys.stdin.buffer.read(LONGEST), "<stdin>")
    if library.known(typed):
        file = library._files().get(typed) if review else None
        return library.load(typed) if file is None else make(file.read_bytes(), f"{typed}.py")
    if not typed or "\0" in typed:
        raise Fault("an empty name" if not typed else "a NUL character in the name of a file")
    path = Path(typed)
    if _exists(path):
        return library.load(path)
    if is_chain(typed):
        return library.load(typed)
    if typed.endswith(".py") or "/" in typed or "\\" in typed:
        raise Fault(f"no file '{typed}'", suggest(path.stem, library.names()) if path.stem else "")
    return library.load(typed)  # its message suggests a name


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name longer than the system takes
        return False
