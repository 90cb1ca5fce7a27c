"""What a wrong spec gets: file:line:col, the source line, a caret under the exact span, and a remedy.

Facts are raised deep, as a `SpecError` that knows only its span; the public door adds the path and the text once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from .ir import NOWHERE, Node, Span


def _visible(text: str) -> str:
    """`text` with every control, format and line-breaking character escaped: a message can never repaint a terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


NO_PATH = "<spec>"
"""Stands for the path of a text that has none."""


class Diagnostic:
    """One finding about a spec and how it is shown; shared by the error and the warning."""

    def __init__(self, message: str, at: Node | Span = NOWHERE, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        self.span = at.span if isinstance(at, Node) else at
        self.path = NO_PATH
        self.source = ""

    @property
    def line(self) -> int:
        """1-based."""
        return max(self.span.line, 1)

    @property
    def column(self) -> int:
        """1-based, in characters."""
        return self.span.column + 1

    def locate(self, path: str, text: str) -> None:
        # Not splitlines: a form feed or U+2028 in a comment ends no line of Python.
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self.path = path
        self.source = lines[self.line - 1] if self.line <= len(lines) else ""

    def __str__(self) -> str:
        nowhere = self.span == NOWHERE and self.path == NO_PATH
        where = "" if nowhere else f"{_visible(self.path)}:{self.line}:{self.column}: "
        parts = [where + _visible(self.message)]
        if self.source.strip() and self.span != NOWHERE:
            parts += _quoted(self.source, self.span)
        if self.hint:
            parts.append(f"  {_visible(self.hint)}")
        return "\n".join(parts)


WIDTH = 110


def _quoted(source: str, span: Span) -> list[str]:
    """The source line and a caret under the span; a long line is cut to a window around the caret."""
    stop = span.end_column if span.end_line == span.line else len(source)
    start = min(span.column, len(source))
    first = max(0, start - WIDTH // 2) if len(source) > WIDTH else 0
    shown = source[first : first + WIDTH].replace("\t", " ")  # one blank, whatever the terminal makes of tabs
    stop = min(max(stop, start), first + WIDTH)
    under = _width(shown[start - first : stop - first])
    return [f"    {_visible(shown).rstrip()}", f"    {' ' * _width(shown[: start - first])}{'^' * max(1, under)}"]


def _width(text: str) -> int:
    """The columns that `text` takes on a terminal once it is made visible: wide characters two, combining ones none."""
    shown = _visible(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in shown)
    return len(shown) + wide - sum(unicodedata.category(c) in ("Mn", "Me") for c in shown)


class SpecError(Diagnostic, ValueError):
    """A spec is wrong. `.path .line .column .message .hint` say where, what and how to mend it."""

    def __init__(self, message: str, at: Node | Span = NOWHERE, hint: str = "") -> None:
        Diagnostic.__init__(self, message, at, hint)
        ValueError.__init__(self, message)

    def __reduce__(self):
        return _restored, (self.message, self.span, self.hint, self.path, self.source)


def _restored(message: str, span: Span, hint: str, path: str, source: str) -> SpecError:
    error = SpecError(message, span, hint)
    error.path, error.source = path, source
    return error


class SpecWarning(UserWarning):
    """A spec is legal and yet likely to disappoint: an unused slot, a state that must overflow, no reference."""


class MissingFramework(ImportError):
    """A backend's framework is not installed; the message names the extra that installs it."""

    def __init__(self, target: str, module: str, extra: str) -> None:
        install = f"pip install 'adaspec[{extra}]'"
        super().__init__(f"the {target} backend needs {module}, which is not installed: {install}", name=module)


SHOWN = 20


def suggest(name: str, known: Iterable[str]) -> str:
    """A remedy for an unknown name: the nearest known one, else all that are known (the first of very many)."""
    import difflib

    known = sorted(set(known))
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    more = ", …" if len(known) > SHOWN else ""
    return f"known here: {', '.join(known[:SHOWN])}{more}" if known else ""
