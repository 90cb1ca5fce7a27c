"""`adaspec convert`: the state in one framework's checkpoint, for another framework."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.text import Text

from ..conversion import CHECKPOINTS, Carried, in_order, read, write
from ..errors import MissingFramework, SpecError
from ..holders import called
from ..portable import PortableState
from .finding import find
from .terminal import Fault, console, safe, table

SHOWN = 20
"""Parameters that the table shows; the rest are counted."""


def run(
    source: str, origin: str | None, target: str, output: str | None, name: str | None, names: str | None,
    params: str | None,
) -> int:  # fmt: skip
    path = Path(source)
    if not path.is_file():
        raise Fault(f"no file '{path}'", "a torch checkpoint (.pt), a .keras model, or what adaspec.save_state wrote")
    spec = None if name is None else find(name)[0]
    goal = Path(output) if output else path.with_name(f"{path.stem}_{target}{_end(target)}")
    if goal == path:
        raise Fault(f"'{goal}' is the source itself", "-o FILE")
    try:
        own = path.suffix in CHECKPOINTS["torch"]
        carried = read(path, _params(params) if own else None, spec, str(path))
        if origin is not None and origin != carried.target:
            raise Fault(f"'{path}' is of {carried.target}, not of {origin}", f"--from {carried.target}")
        table_, turns = _map(names, carried.state)
        written = write(carried, goal, table_, turns, target, None if own else _params(params))
    except (Fault, SpecError, MissingFramework):
        raise
    except OSError as error:
        raise Fault(f"cannot write '{goal}': {error.strerror or error}") from None
    except (TypeError, ValueError) as error:
        raise Fault(str(error)) from None
    _report(carried, written, goal, target)
    return 0


def _end(target: str) -> str:
    return CHECKPOINTS["torch"][0] if target == "torch" else ".safetensors"


def _map(file: str | None, state: PortableState) -> tuple[dict[str, str] | None, dict[str, list[int]]]:
    """A map of parameters: the new paths, and by these the order of the axes.

    A JSON object `{"0": "dense/kernel"}`, or `{"0": {"to": "dense/kernel", "transpose": [1, 0]}}`; or a list of the new
    paths in the order of the parameters.
    """
    if file is None:
        return None, {}
    found = _json(file)
    if isinstance(found, list):
        try:
            found = in_order(state, [str(path) for path in found]) if all(isinstance(p, str) for p in found) else None
        except ValueError as error:
            raise Fault(f"'{file}': {error}") from None
    if not isinstance(found, dict):
        raise Fault(f"'{file}' is no map of parameters", '{"0": "dense/kernel"}, or a list of paths in their order')
    names: dict[str, str] = {}
    turns: dict[str, list[int]] = {}
    for path, row in found.items():
        row = {"to": row} if isinstance(row, str) else row
        if not isinstance(row, dict) or row.keys() - {"to", "transpose"} or not isinstance(row.get("to", path), str):
            raise Fault(f"'{file}': '{path}' is not mapped", '{"0": {"to": "dense/kernel", "transpose": [1, 0]}}')
        names[path] = row.get("to", path)
        if "transpose" in row:
            axes = row["transpose"]
            if not isinstance(axes, list) or not all(type(axis) is int for axis in axes):
                raise Fault(f"'{file}': the axes of '{path}' are {axes!r}", '"transpose": [1, 0]')
            turns[names[path]] = axes
    return names, turns


def _json(file: str) -> Any:
    try:
        return json.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise Fault(f"cannot read '{file}': {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise Fault(f"'{file}' is no JSON: {error}") from None


def _params(file: str | None) -> Any:
    """Names and shapes of the parameters, from a module's state dict; the framework is asked for when it is needed."""
    if file is None:
        return None
    try:
        from ..backends.torch.checkpoint import parameters

        return parameters(Path(file))
    except ModuleNotFoundError:
        raise MissingFramework("torch", "torch", "torch") from None
    except OSError as error:
        raise Fault(f"cannot read '{file}': {error.strerror or error}") from None
    except ValueError as error:
        raise Fault(f"cannot read '{file}': {error}") from None


def _report(carried: Carried, written: Carried, goal: Path, target: str) -> None:
    """What was found, what it is called now, and how it is loaded."""
    out = console()
    rows = table("parameter", "now", "shape", "dtype", "updates", "state", right=("updates",))
    pairs = list(zip(carried.state.parameters.items(), written.state.parameters.items(), strict=True))
    for (old, _), (new, p) in pairs[:SHOWN]:
        shape = "×".join(map(str, p.shape)) or "scalar"
        slots = ", ".join(p.slots) if p.slots else "none yet"
        rows.add_row(safe(old), safe(new) if new != old else "", shape, p.dtype, f"{p.step:,}", slots)
    out.print(rows)
    if len(pairs) > SHOWN:
        out.print(Text(f"… and {len(pairs) - SHOWN} more parameters", style="note"))
    slots = sum(len(p.slots or {}) for p in written.state.parameters.values())
    what = f"  {called(carried.spec)}, {len(pairs)} parameters, {slots} slots, after {_updates(carried.state.step)}"
    out.print(Text.assemble("\nwrote ", (safe(str(goal)), "name"), (what, "note")), soft_wrap=True)
    out.print(Text.assemble("load it with ", (_loading(goal, target), "link")), soft_wrap=True)
    if goal.suffix in CHECKPOINTS["torch"]:
        given = ", ".join(f"{name}={value!r}" for name, value in carried.spec.defaults.items())
        out.print(Text(f"its groups hold the defaults: {given}", style="note"), soft_wrap=True)


def _updates(step: int) -> str:
    return "1 update" if step == 1 else f"{step:,} updates"


def _loading(goal: Path, target: str) -> str:
    name = repr(str(goal))
    if goal.suffix in CHECKPOINTS["torch"]:
        return f"optimizer.load_state_dict(torch.load({name}))"
    if target in ("torch", "tensorflow"):
        return f"adaspec.load_state({name}, optimizer)"
    more = ", spec=opt" if target == "numpy" else ""
    maker = "opt" if target == "numpy" else "tx"
    return f"state = adaspec.load_state({name}, {maker}.init(params), params=params{more})"
