"""`adaspec list`: every rule of the library, and the dialects that they speak."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from .. import library
from ..spec import Spec
from .terminal import console, print_json, put, safe, table

NARROW = 120


def run(as_json: bool) -> int:
    specs = {name: library.load(name) for name in library.names() if ":" not in name}
    if as_json:
        print_json({name: _facts(spec) for name, spec in specs.items()})
        return 0
    out = console()
    wide = out.width >= NARROW
    columns = ["rule", "title", "state", "hyperparameters", *(["source"] if wide else [])]
    rows = table(*columns)
    for name, spec in specs.items():
        title, source = safe(_heading(spec)), safe(spec.reference)
        cell = Text(title) if wide else Text.assemble(title, ("\n" + source if source else "", "note"))
        state = Text.assemble(" ".join(spec.slots), (f" {' '.join(spec.shared)}°" if spec.shared else "", "note"))
        cells = [Text(name, "name"), cell, state, Text(" ".join(spec.hypers))]
        rows.add_row(*cells, *([Text(source, "note")] if wide else []))
    put(out, rows)
    if any(spec.shared for spec in specs.values()):
        out.print("° one number for the whole model", style="note")
    dialects = table("dialect", "is", "with")
    for host, spec in specs.items():
        for dialect, values in spec.dialects.items():
            given = ", ".join(f"{key}={value!r}" for key, value in values.items())
            dialects.add_row(Text(dialect, "name"), Text(host), Text(given))
    if dialects.row_count:
        out.print()
        put(out, dialects)
    return 0


def _heading(spec: Spec) -> str:
    """The title without the name that stands beside it."""
    word, colon, rest = spec.title.partition(": ")
    said = word.replace("-", "").replace("_", "").lower() == spec.name.replace("_", "")
    return rest if colon and said else spec.title


def _facts(spec: Spec) -> dict[str, Any]:
    return {
        "title": spec.title,
        "reference": spec.reference,
        "slots": list(spec.slots),
        "shared": list(spec.shared),
        "hypers": {name: hyper.default for name, hyper in spec.hypers.items()},
        "dialects": {name: dict(values) for name, values in spec.dialects.items()},
        "hash": spec.hash,
    }
