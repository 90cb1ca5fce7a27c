"""What every command says goes through here: consoles, tables, highlighted code, errors.

Colour and live progress are for terminals; NO_COLOR switches colour off there too. What is piped is plain, and wide
enough that no row breaks. Text of a spec is never markup, and its control characters are escaped: a spec cannot repaint
a terminal.
"""

from __future__ import annotations

import json
import math
import os
import sys
import unicodedata
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.style import Style
from rich.syntax import ANSISyntaxTheme, Syntax
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from ..errors import SpecError
from ..ir import NOWHERE

PIPED_WIDTH = 400

# The sixteen colours of the terminal's own palette, so that light and dark ones both stay readable.
THEME = Theme(
    {"ok": "green", "bad": "bold red", "warn": "yellow", "name": "bold", "title": "bold", "note": "dim", "link": "cyan"}
)


class Fault(Exception):
    """Something a user asked for cannot be done; the message and its remedy are all that they see."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would exit with status 1, which here means that a check failed


def console(stderr: bool = False) -> Console:
    """A console on today's `sys.stdout` or `sys.stderr`."""
    stream = sys.stderr if stderr else sys.stdout
    no_color = bool(os.environ.get("NO_COLOR"))
    fixed = PIPED_WIDTH if not stream.isatty() and not os.environ.get("COLUMNS") else None
    return _Console(
        file=stream, theme=THEME, width=fixed, color_system=None if no_color else "auto", force_jupyter=False,
        highlight=False, markup=False, emoji=False,
    )  # fmt: skip


def safe(text: str) -> str:
    """`text` with every character that could move a cursor or hide something escaped; line ends stay."""
    return "".join(
        c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text if unicodedata.category(c) != "Cs"
    )


def table(*headers: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table in the house style; the columns named in `right` are numbers."""
    made = Table(
        box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="note",
        border_style="note",
    )  # fmt: skip
    for header in headers:
        number = header in right
        made.add_column(header, justify="right" if number else "left", no_wrap=number, overflow="fold")
    return made


def put(out: Console, rows: Table) -> None:
    """Print a table; piped, without the blanks that fill its last column."""
    if out.is_terminal:
        out.print(rows)
        return
    with out.capture() as captured:
        out.print(rows)
    out.file.write("\n".join(line.rstrip() for line in captured.get().split("\n")))


def progress(out: Console) -> Progress:
    """A progress bar that leaves no trace; silent where nobody watches."""
    columns: list[ProgressColumn] = [
        BarColumn(bar_width=24, complete_style="link", finished_style="ok"),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    ]
    return Progress(*columns, console=out, transient=True, disable=not out.is_terminal)


CODE = ANSISyntaxTheme(
    {
        ("Comment",): Style(dim=True, italic=True),
        ("Keyword",): Style(color="magenta"),
        ("Operator", "Word"): Style(color="magenta"),
        ("Name", "Decorator"): Style(color="magenta"),
        ("Name", "Function"): Style(color="blue", bold=True),
        ("Name", "Class"): Style(color="blue", bold=True),
        ("Literal", "String"): Style(color="green"),
        ("Literal", "Number"): Style(color="cyan"),
    }
)


def code(out: Console, text: str, first_line: int = 1, numbers: bool = False) -> None:
    """Python text, highlighted on a terminal; elsewhere exactly as it is."""
    if not out.is_terminal:
        out.file.write(safe(text).rstrip("\n") + "\n")
        return
    syntax = Syntax(
        safe(text), "python", theme=CODE, line_numbers=numbers, start_line=first_line, background_color="default",
        word_wrap=True,
    )  # fmt: skip
    out.print(syntax)


def print_json(value: Any) -> None:
    """JSON on stdout. What JSON has no number for, an infinity or a nan, becomes a string."""
    sys.stdout.write(json.dumps(_finite(value), indent=2, allow_nan=False) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def versions(*modules: str) -> str:
    """`numpy 2.4.6 · jax 0.10.2`, of those that are installed."""
    return " · ".join(f"{name} {found}" for name in modules if (found := installed(name)))


def installed(distribution: str) -> str:
    """The version of an installed distribution, "" if there is none; imports nothing."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def complain(message: str, hint: str = "") -> None:
    """One line on stderr, and a remedy under it."""
    out = console(stderr=True)
    out.print(Text.assemble(("adaspec: ", "bad"), safe(message)), soft_wrap=True)
    if hint:
        out.print(Text(f"  {safe(hint)}"), soft_wrap=True)


def explain(error: SpecError) -> None:
    """A spec's error on stderr, in its own words."""
    if error.span == NOWHERE and error.path == SpecError("").path:
        complain(error.message, error.hint)  # it speaks of a name that was typed, not of a place in a text
    else:
        diagnose(str(error), "bad")


def diagnose(message: str, style: str) -> None:
    """A diagnosis on stderr."""
    console(stderr=True).print(diagnosis(message, style), soft_wrap=True)


def diagnosis(message: str, style: str) -> Text:
    """`file:line:col: …` with its source line and carets; message and carets are coloured."""
    head, *rest = safe(message).split("\n")
    where, colon, what = head.partition(": ")
    text = Text.assemble((where + colon, "note"), (what, style))
    for line in rest:
        text.append("\n").append(line, style if not line.strip(" ^") else "")
    return text
