"""Views: other readings of the variables, and the methods that put them in and out."""

from __future__ import annotations

from adaspec import ir
from adaspec.emit import doc_lines
from adaspec.lower import View

from .names import Names
from .printer import reads
from .steps import BODY, Steps
from .texts import FINALIZE, VIEWS, VIEWS_OF_MODEL
from .unused import needed


class Views:
    """Prints the methods of all views; `used` collects the module-level helpers that they call."""

    def __init__(self, names: Names, steps: Steps) -> None:
        self.names = names
        self.lowered = names.lowered
        self.rule = self.lowered.rule
        self.steps = steps
        self.used: set[str] = set()

    def view(self, view: View) -> list[list[str]]:
        """The methods of a view: one for each of its sums over the model, and its value of one variable."""
        doc = doc_lines([view.doc or f"The view {view.label}."], BODY)
        known: list[str] = []
        methods = []
        for number, part in enumerate(view.sums, 1):
            about = [f'{BODY}"""One variable\'s part of a sum that the view takes over the model."""']
            name = f"_view_{view.label}_part{number}"
            methods.append(self.reading(name, view.takes_grads, known, about, part.body, part.value))
            known = [*known, part.name]
        return [*methods, self.reading(f"_view_{view.label}", view.takes_grads, known, doc, view.body, view.value)]

    def reading(
        self, name: str, grads: bool, sums: list[str], doc: list[str], body: tuple[ir.Stmt, ...], value: ir.Expr
    ) -> list[str]:
        wanted = reads(self.rule.param, [*body, value])
        lines = ["dtype = _compute_dtype(variable)"]
        if any(s.name in wanted for s in self.rule.slots):
            lines.append("index = self._get_variable_index(variable)")
        rate = self.names.rate
        if rate and rate.name in wanted:
            lines.append(f"{self.names.local[rate.name]} = ops.convert_to_tensor(self.learning_rate, dtype)")
        if self.rule.step and self.rule.step in wanted:
            lines.append(f"{self.names.local[self.rule.step]} = ops.cast(self.iterations, dtype)")
        for s in self.rule.shared:
            if s.name in wanted:
                lines.append(f"{self.names.local[s.name]} = ops.cast(self.{self.names.state[s.name]}, dtype)")
        shown = [self.names.local[n] for n in sums]
        lines += [f"{n} = ops.cast({n}, dtype)" for n in shown]
        lines += self.steps.array_reads(wanted, stepping=False)
        self.steps.known = set(self.steps.own)
        statements = self.steps.statements(body, ())
        printer = self.steps.printer()
        text = printer.text(printer.shaped(value))
        self.used |= printer.used
        given = ["self", *(["gradient"] if grads else []), "variable", *shown]
        head = f"    def {name}({', '.join(given)}):"
        end = [*statements, f"{BODY}return {text}"]
        return [head, *doc, *(BODY + line for line in needed(lines, end)), *end]

    def swapping(self) -> list[str]:
        labels = [v.label for v in self.lowered.views]
        if not labels:
            return []
        if any(v.sums or v.takes_grads for v in self.lowered.views):
            return self.viewing()
        known = ", ".join(f'"{n}": self._view_{n}' for n in labels)
        text = VIEWS.replace("KNOWN", known).replace("FIRST", labels[0])
        return (text + (FINALIZE if "eval" in labels else "")).strip("\n").split("\n")

    def viewing(self) -> list[str]:
        """`view` and `swap_view` where a view is of the model, or of gradients too."""
        lines: list[str] = []
        for v in self.lowered.views:
            lines += [f'{BODY}if name == "{v.label}":']
            pad = BODY + "    "
            given, grads = ("gradient, variable", "grads") if v.takes_grads else ("variable", "")
            if v.takes_grads:
                text = f"The view {v.label!r} takes gradients: view({v.label!r}, grads)"
                lines += [f"{pad}if grads is None:", f'{pad}    raise TypeError("{text}")']
            lines += [f"{pad}pairs = list(zip({grads or 'variables'}, variables, strict=True))"]
            known = ""
            for number, part in enumerate(v.sums, 1):
                name = self.names.local[part.name]
                call = f"self._view_{v.label}_part{number}({given}{known})"
                there = "gradient is not None and 0 not in variable.shape"
                lines += [f"{pad}{name} = _total(", f"{pad}    {call}", f"{pad}    for gradient, variable in pairs"]
                lines += [f"{pad}    if {there}", f"{pad})"]
                known += f", {name}"
                self.used.add("_total")
            call = f"self._view_{v.label}({given}{known})"
            lines += [f"{pad}return [", f"{pad}    ops.cast({call}, variable.dtype)"]
            lines += [f"{pad}    if gradient is not None and 0 not in variable.shape"]
            lines += [f"{pad}    else ops.copy(variable)", f"{pad}    for gradient, variable in pairs", f"{pad}]"]
        labels = ", ".join(f'"{v.label}"' for v in self.lowered.views)
        words = ", ".join(v.label for v in self.lowered.views)
        text = (
            VIEWS_OF_MODEL.replace("{', '.join(WORDS)}", words)
            .replace("KNOWN", labels)
            .replace("FIRST", self.lowered.views[0].label)
        )
        text = text.replace("        READINGS", "\n".join(lines))
        eval_ = any(v.label == "eval" for v in self.lowered.views)
        return (text + (FINALIZE if eval_ else "")).strip("\n").split("\n")
