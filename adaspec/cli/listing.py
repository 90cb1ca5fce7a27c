"""`adaspec list`: every rule of the library, and the dialects that they speak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from .. import library
from ..spec import Spec
from .terminal import console, print_json, put, safe, table

WIDE = 130


def run(as_json: bool) -> int:
    specs = {name: library.load(name) for name in library.names() if ":" not in name}
    if as_json:
        print_json({name: {**_facts(spec), "wraps": name in library.wrappers()} for name, spec in specs.items()})
        return 0
    out = console()
    put(out, _wide(specs) if out.width >= WIDE else _narrow(specs))
    if any(spec.shared for spec in specs.values()):
        out.print("° one number for the whole model", style="note")
    if library.wrappers():
        out.print("(…) wraps another rule: adaspec show 'clip(lamb)', or 'clip + lamb'", style="note")
    dialects = table("dialect", "is", "with")
    for host, spec in specs.items():
        for dialect, values in spec.dialects.items():
            dialects.add_row(
                Text(dialect, "name"), host, ", ".join(f"{key}={value!r}" for key, value in values.items())
            )
    if dialects.row_count:
        out.print()
        put(out, dialects)
    return 0


def _wide(specs: Mapping[str, Spec]) -> Table:
    rows = table("rule", "title", "state", "hyperparameters", "source")
    for name, spec in specs.items():
        rows.add_row(_name(name), _heading(spec), _state(spec), " ".join(spec.hypers), Text(_source(spec), "note"))
    return rows


def _narrow(specs: Mapping[str, Spec]) -> Table:
    """The same in two columns: title, state and hyperparameters, source."""
    rows = table("rule", "title; state; hyperparameters; source")
    for name, spec in specs.items():
        facts = Text("  ").join(part for part in (_state(spec), Text(" ".join(spec.hypers), "link")) if part)
        said = Text("\n").join(part for part in (Text(_heading(spec)), facts, Text(_source(spec), "note")) if part)
        rows.add_row(_name(name), said)
    return rows


def _name(name: str) -> Text:
    """The rule's name; that of a wrapper has brackets for the rule that it wraps."""
    return Text(f"{name} (…)" if name in library.wrappers() else name, "name")


def _state(spec: Spec) -> Text:
    """The slots, and the shared scalars with the mark that is explained under the table."""
    return Text(" ").join([*(Text(name) for name in spec.slots), *(Text(f"{name}°") for name in spec.shared)])


def _source(spec: Spec) -> str:
    return safe(spec.reference)


def _heading(spec: Spec) -> str:
    """The title without the name that stands beside it."""
    word, colon, rest = spec.title.partition(": ")
    said = word.replace("-", "").replace("_", "").lower() == spec.name.replace("_", "")
    return safe(rest if colon and said else spec.title)


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
