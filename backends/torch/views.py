"""Views in a generated class: other readings of the parameters, shown in place and taken back to the last bit."""

from __future__ import annotations

from adaspec import ir
from adaspec.emit import HostPrinter, doc_lines
from adaspec.ir import Assign, Expr, If, Stmt
from adaspec.lower import View

from .frame import Frame
from .printer import TorchPrinter
from .scalars import FactPrinter, Lines, signature
from .shared import hyper_argument


def view_methods(frame: Frame) -> Lines:
    if not frame.views:
        return []
    labels = [v.label for v in frame.lowered.views]
    lines: Lines = []
    if "eval" in labels:
        doc = next(v.doc for v in frame.lowered.views if v.label == "eval") or "Show the parameters to evaluate."
        first = doc.strip().split("\n")[0]
        lines += [
            "",
            "    def eval(self) -> None:",
            *doc_lines([first, "", "The training values come back with train()."], " " * 8),
        ]
        lines += ['        self._show("eval")']
    lines += [
        "",
        "    def train(self) -> None:",
        '        """Give the parameters back their training values, to the last bit."""',
        "        self._show(None)",
        "",
        "    @contextmanager",
        "    def view(self, name: str) -> Iterator[None]:",
        f'        """Show another reading of the parameters inside a `with` block: {", ".join(labels)}."""',
        "        before = self._shown",
        "        self._show(name)",
        "        try:",
        "            yield",
        "        finally:",
        "            self._show(before)",
        "",
        "    @torch.no_grad()",
        "    def _show(self, name: str | None) -> None:",
        "        if name is not None and name not in _VIEWS:",
        f'            raise KeyError(f"{frame.cls} has no view {{name!r}}: it has {{sorted(_VIEWS)}}")',
        "        if name == self._shown:",
        "            return",
        "        for p, training in self._kept.items():",
        "            p.copy_(training)",
        "        self._kept = {}",
        "        if name is not None:",
        "            for group in self.param_groups:",
        '                for p in group["params"]:',
        "                    if p in self.state:  # a parameter that was never updated reads as it is",
        "                        self._kept[p] = p.detach().clone()",
        "                        x = p.to(torch.promote_types(p.dtype, torch.float32))",
        "                        p.copy_(_VIEWS[name](x, self.state[p], group, self.param_groups[0]))",
        "        self._shown = name",
    ]
    return lines


def view_functions(frame: Frame) -> Lines:
    lines: Lines = []
    for view in frame.lowered.views:
        lines += ["", "", *view_function(frame, view)]
    if frame.views:
        table = ", ".join(f"{v.label!r}: _view_{v.label}".replace("'", '"') for v in frame.lowered.views)
        lines += ["", "", f"_VIEWS = {{{table}}}"]
    return lines


def view_function(frame: Frame, view: View) -> Lines:
    names, lowered = frame.names, frame.lowered
    rule, shares = lowered.rule, frame.shared.shares
    used = set(view.arguments)
    x = names.param
    lines = signature(
        f"_view_{view.label}",
        [f"{x}: Tensor", "state: dict[str, Tensor]", "group: dict[str, Any]", "model: dict[str, Any]"],
        "Tensor",
    )
    lines += [f'    """The parameters as `{view.label}` reads them."""']
    for slot in rule.slots:
        if slot.name in used:
            lines += [f'    {names(slot.name)} = state["{names(slot.name)}"]']
    if rule.step in used:
        lines += [f'    {names(rule.step)} = state["step"].item()']
    for shared in rule.shared:
        if shared.name in used:
            where = "model" if shared.name in shares.total else "group"
            lines += [f'    {names(shared.name)} = {where}["{names(shared.name)}"].item()']
    for hyper in rule.hypers:
        if hyper.name in used:
            lines += ["    " + hyper_argument(names, hyper.name).replace("=", " = ", 1)]
    return lines + ViewPrinter(frame).block(view.body, "    ") + [f"    return {ViewPrinter(frame).text(view.value)}"]


class ViewPrinter:
    """A view is out of place: its statements print as they stand, scalars as Python floats."""

    def __init__(self, frame: Frame) -> None:
        self.names = frame.names
        lowered = frame.lowered
        arrays = {lowered.rule.param, lowered.rule.grad, *(s.name for s in lowered.rule.slots)}
        self.scalars = {h.name for h in lowered.rule.hypers} | {s.name for s in lowered.rule.shared} - arrays
        self.scalars |= {lowered.rule.step} if lowered.rule.step else set()
        self.host = HostPrinter(self.names.renamed, lowered.intervals)
        self.used = frame.code.host.printer.used
        self.tensors = TorchPrinter(
            self.names, self.is_scalar, self.number, FactPrinter(self.names).text, self.names.param
        )

    def is_scalar(self, node: Expr) -> bool:
        reduces = any(isinstance(n, ir.Dim | ir.Ndim | ir.Index | ir.Transpose) for n in ir.walk(node))
        return not reduces and ir.names(node) <= self.scalars

    def number(self, node: Expr) -> str:
        text = self.host.text(node)
        self.used |= self.host.used
        return text

    def text(self, node: Expr) -> str:
        return self.tensors.text(node)

    def block(self, body: tuple[Stmt, ...], indent: str) -> Lines:
        lines: Lines = []
        for stmt in body:
            match stmt:
                case Assign(name, value):
                    lines.append(f"{indent}{self.names(name)} = {self.text(value)}")
                    (self.scalars.add if self.is_scalar(value) else self.scalars.discard)(name)
                case If(test, then, otherwise):
                    lines += [f"{indent}if {FactPrinter(self.names).text(test)}:"]
                    lines += self.block(then, indent + "    ") or [f"{indent}    pass"]
                    lines += [f"{indent}else:", *self.block(otherwise, indent + "    ")] if otherwise else []
                case ir.For(count, inner):
                    lines += [f"{indent}for _ in range({self.text(count)}):", *self.block(inner, indent + "    ")]
        return lines
