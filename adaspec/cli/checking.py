"""`adaspec check`: one line for a spec that is right, the checker's words for one that is not."""

from __future__ import annotations

from rich.text import Text

from ..errors import SpecError
from ..spec import Spec
from .finding import find
from .terminal import Fault, complain, console, explain, safe


def run(files: list[str]) -> int:
    """Check them all, so that one run tells everything; 2 if any is wrong."""
    out = console()
    status = 0
    for typed in files:
        try:
            spec, warnings = find(typed, review=True)
        except SpecError as error:
            explain(error)
            status = 2
        except Fault as error:
            complain(str(error), error.hint)
            status = 2
        else:
            told = (f", {_count(warnings, 'warning')}", "warn") if warnings else ""
            out.print(Text.assemble(f"{safe(typed)}: ", ("ok", "ok"), f", {summary(spec)}", told), soft_wrap=True)
    return status


def summary(spec: Spec) -> str:
    """`adax: 2 slots, 4 hyperparameters, 1 schedule (6f0c…)`."""
    parts = [(len(spec.slots), "slot"), (len(spec.shared), "shared scalar"), (len(spec.hypers), "hyperparameter")]
    parts += [(len(spec.schedules), "schedule"), (len(spec.views), "view"), (len(spec.dialects), "dialect")]
    said = ", ".join(_count(n, what) for n, what in parts if n) or "no state and nothing to set"
    return f"{spec.name}: {said} ({spec.hash[:12]})"


def _count(n: int, what: str) -> str:
    return f"{n} {what}" + ("s" if n != 1 else "")
