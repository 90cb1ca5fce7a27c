"""The C target: a rule as a C99 file that stands alone, one fused loop over a list of arrays.

In the order data passes through: `kernel` takes a rule apart into numbers and walks, which `walks` and `printers`
print; `frame` holds the facts of the file, `declarations`, `numbers` and `passes` print its parts, `source` puts them
together with `texts`; `program` is the test that comes with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adaspec.lower import Lowered, lower
from adaspec.spec import Spec
from adaspec.streams.units import Unstreamable

from .declarations import header
from .frame import Frame, Layout
from .kernel import Kernel
from .program import program
from .source import text

__all__ = ["Frame", "Layout", "Unstreamable", "emit", "files", "frame", "public_name", "takes", "text"]


def public_name(spec: Spec) -> str:
    """The name in front of everything that the file defines."""
    return spec.name


def frame(lowered: Lowered, static: Mapping[str, Any] | None = None) -> Frame:
    """The kernel of a rule with its layout; Unstreamable, with the reason, for a rule that has none.

    `static` are the values of flags and counts, and None for what is not given; what it leaves open is as by default.
    """
    return Frame(Kernel(lowered, static))


def takes(lowered: Lowered) -> bool:
    """Whether there is a kernel for the rule, by its defaults."""
    try:
        Kernel(lowered)
    except Unstreamable:
        return False
    return True


def emit(lowered: Lowered) -> str:
    """The text of the C file. ValueError for a rule that has no kernel."""
    return text(_frame(lowered))


def files(spec: Spec, stem: str) -> dict[str, str]:
    """What an export to files writes, by name: the kernel, its header, and a program that tests it."""
    made = _frame(lower(spec))
    return {f"{stem}.c": text(made), f"{stem}.h": header(made), f"{stem}_test.c": program(spec, made, stem)}


def _frame(lowered: Lowered) -> Frame:
    try:
        return frame(lowered)
    except Unstreamable as error:
        raise ValueError(f"no loop over single elements computes {error}") from None
