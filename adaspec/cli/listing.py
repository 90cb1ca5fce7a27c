"""`adaspec list`: every rule of the library, the dialects that they speak, and what each dialect is proven equal to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from .. import library
from ..constructs import CONSTRUCTS, constructs
from ..errors import SpecError, suggest
from ..spec import Spec
from .exporting import emitted
from .terminal import Fault, complain, console, print_json, put, safe, table

WIDE = 150


def run(as_json: bool, construct: list[str], family: str | None, target: str | None) -> int:
    """The whole library, or what of it uses every construct named, belongs to a family, and can be exported."""
    specs = {name: library.load(name) for name in library.rules()}
    dialects = {name: library.host(name) for name in library.names() if ":" in name}
    if family is not None:
        dialects = {name: host for name, host in dialects.items() if name.partition(":")[0] == family}
        specs = {name: spec for name, spec in specs.items() if name == family or name in dialects.values()}
        if not specs:
            known = {name.partition(":")[0] for name in library.names()}
            raise Fault(f"no family '{family}' in the library", suggest(family, sorted(known)))
    if construct:
        specs = {name: spec for name, spec in specs.items() if set(construct) <= set(constructs(spec))}
    if target is not None:
        specs = {name: spec for name, spec in specs.items() if _exports(spec, target)}
    dialects = {name: host for name, host in dialects.items() if host in specs}
    if as_json:
        print_json({name: _facts(spec) for name, spec in specs.items()})
        return 0
    if not specs:
        complain("no rule of the library is so", "adaspec list shows all of them")
        return 1
    out = console()
    put(out, _wide(specs) if out.width >= WIDE else _narrow(specs))
    if any(spec.shared for spec in specs.values()):
        out.print("° one number for the whole model", style="note")
    if specs.keys() & library.wrappers():
        out.print("(…) wraps another rule: adaspec show 'clip(lamb)', or 'clip + lamb'", style="note")
    if dialects:
        out.print()
        put(out, _dialects(dialects, specs))
    proven = sum(library.equals(name) is not None for name in dialects)
    out.print(
        f"\n{len(specs)} rules and {len(dialects)} dialects, {proven} of them proven equal to an installed original",
        style="note",
    )
    return 0


def _wide(specs: Mapping[str, Spec]) -> Table:
    rows = table("rule", "title", "uses", "state", "hyperparameters", "source")
    wrappers = library.wrappers()
    for name, spec in specs.items():
        rows.add_row(
            _name(name, wrappers), _heading(spec), ", ".join(constructs(spec)), _state(spec), " ".join(spec.hypers),
            Text(_source(spec), "note"),
        )  # fmt: skip
    return rows


def _narrow(specs: Mapping[str, Spec]) -> Table:
    """The same in two columns: title, constructs, state and hyperparameters, source."""
    rows = table("rule", "title; what it uses; state; hyperparameters; source")
    wrappers = library.wrappers()
    for name, spec in specs.items():
        facts = Text("  ").join(part for part in (_state(spec), Text(" ".join(spec.hypers), "link")) if part)
        parts = (Text(_heading(spec)), Text(", ".join(constructs(spec))), facts, Text(_source(spec), "note"))
        rows.add_row(_name(name, wrappers), Text("\n").join(part for part in parts if part))
    return rows


def _name(name: str, wrappers: list[str]) -> Text:
    """The rule's name; that of a wrapper has brackets for the rule that it wraps."""
    return Text(f"{name} (…)" if name in wrappers else name, "name")


def _dialects(dialects: Mapping[str, str], specs: Mapping[str, Spec]) -> Table:
    rows = table("dialect", "is", "with", "proven equal to")
    for name, host in dialects.items():
        values = specs[host].dialects[name]
        given = ", ".join(f"{key}={value!r}" for key, value in values.items()) or "its defaults"
        rows.add_row(Text(name, "name"), host, given, str(library.equals(name) or ""))
    return rows


def _exports(spec: Spec, target: str) -> bool:
    try:
        emitted(spec, target)
    except (SpecError, Fault):
        return False
    return True


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
        "constructs": constructs(spec),
        "slots": list(spec.slots),
        "shared": list(spec.shared),
        "hypers": {name: hyper.default for name, hyper in spec.hypers.items()},
        "dialects": {name: dict(values) for name, values in spec.dialects.items()},
        "equals": {name: str(found) for name in spec.dialects if (found := library.equals(name))},
        "hash": spec.hash,
    }


__all__ = ["CONSTRUCTS", "run"]
