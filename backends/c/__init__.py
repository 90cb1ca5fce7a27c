"""The C target: a rule as a stand-alone C99 file, one fused loop over a list of arrays. It needs a compiler alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adaspec.lower import Lowered, lower
from adaspec.spec import Spec
from adaspec.streams.units import Unstreamable

from .kernel import Kernel
from .program import program
from .source import Layout, Source

__all__ = ["Layout", "Unstreamable", "emit", "public_name", "source"]


def public_name(spec: Spec) -> str:
    """The name in front of everything that the file defines."""
    return spec.name


def source(lowered: Lowered, static: Mapping[str, Any] | None = None) -> Source:
    """The kernel as text with its layout; Unstreamable, with the reason, for a rule that has none.

    `static` are the values of flags and counts, and None for what is not given; what it leaves open is as by default.
    """
    return Source(Kernel(lowered, static))


def takes(lowered: Lowered) -> bool:
    """Whether there is a kernel for the rule, by its defaults."""
    try:
        Kernel(lowered)
    except Unstreamable:
        return False
    return True


def emit(lowered: Lowered) -> str:
    """The text of the C file. ValueError for a rule that has no kernel."""
    return _source(lowered).text()


def files(spec: Spec, stem: str) -> dict[str, str]:
    """What an export to files writes, by name: the kernel, its header, and a program that tests it."""
    made = _source(lower(spec))
    test = program(spec, made).replace(f'"{made.name}.h"', f'"{stem}.h"').replace(f"{made.name}.c ", f"{stem}.c ")
    test = test.replace(f"{made.name}.c:", f"{stem}.c:").replace(f"{made.name}_test.c", f"{stem}_test.c")
    return {f"{stem}.c": made.text(), f"{stem}.h": made.header(), f"{stem}_test.c": test}


def _source(lowered: Lowered) -> Source:
    try:
        return source(lowered)
    except Unstreamable as error:
        raise ValueError(f"no loop over single elements computes {error}") from None
