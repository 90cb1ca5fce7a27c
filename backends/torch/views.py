"""Views in a generated class: other readings of the parameters, shown in place and taken back to the last bit."""

from __future__ import annotations

from adaspec import ir
from adaspec.emit import doc_lines
from adaspec.ir import Assign, Expr, If, Stmt
from adaspec.lower import View

from . import complexes
from .frame import Frame
from .numbers import NumberPrinter
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
        *(of_model(frame) if any(v.sums or v.takes_grads for v in frame.lowered.views) else of_each(frame)),
        "        self._shown = name",
    ]
    return lines


OF_EACH: Lines = [
    *"""
            for group in self.param_groups:
                for p in group["params"]:
                    if p in self.state:  # a parameter that was never updated reads as it is
                        self._kept[p] = p.detach().clone()
                        x = p.to(torch.promote_types(p.dtype, torch.float32))
                        p.copy_(_VIEWS[name](x, self.state[p], group, self.param_groups[0]))
""".strip("\n").split("\n")
]

OF_EACH_COMPLEX: Lines = [
    *"""
            for group in self.param_groups:
                for p in group["params"]:
                    if p in self.state:  # a parameter that was never updated reads as it is
                        self._kept[p] = p.detach().clone()
                        shown, state = _parts(p), {slot: _parts(value) for slot, value in self.state[p].items()}
                        x = shown.to(torch.promote_types(shown.dtype, torch.float32))
                        shown.copy_(_VIEWS[name](x, state, group, self.param_groups[0]))
""".strip("\n").split("\n")
]


def of_each(frame: Frame) -> Lines:
    return OF_EACH_COMPLEX if complexes.takes(frame.lowered) else OF_EACH


def of_model(frame: Frame) -> Lines:
    """Views of the model: sums over all parameters first. One of gradients needs no update before it."""
    parts = complexes.takes(frame.lowered)
    p, grad = ("_parts(p)", "_parts(grad.resolve_conj())") if parts else ("p", "grad")
    lines = [
        "            rows: list[Any] = []",
        "            for group in self.param_groups:",
        '                for p in group["params"]:',
        "                    state, grad = self.state.get(p), p.grad",
        "                    if name in _OF_GRADIENTS and grad is not None:",
        "                        state = state or _new_state(p, group)",
        "                    elif name in _OF_GRADIENTS:",
        "                        state = None",
        "                    if state and p.numel():  # the others read as they are",
        f"                        x = {p}.to(torch.promote_types({p}.dtype, torch.float32))",
        f"                        grad = None if grad is None else {grad}.to(x.dtype)",
    ]
    if parts:
        lines += ["                        state = {slot: _parts(value) for slot, value in state.items()}"]
    return [
        *lines,
        "                        rows.append((p, (x, grad, state, group, self.param_groups[0])))",
        "            sums: list[float] = []",
        "            for part in _PARTS[name]:",
        "                sums.append(sum(float(part(*row, *sums)) for _, row in rows))",
        "            values = [_VIEWS[name](*row, *sums) for _, row in rows]",
        "            for (p, _), value in zip(rows, values, strict=True):",
        "                self._kept[p] = p.detach().clone()",
        f"                {p}.copy_(value)",
    ]


def view_functions(frame: Frame) -> Lines:
    lines: Lines = []
    whole = any(v.sums or v.takes_grads for v in frame.lowered.views)
    for view in frame.lowered.views:
        known: list[str] = []
        for number, part in enumerate(view.sums, 1):
            about = f"One parameter's part of a sum that `{view.label}` takes over the model."
            name = f"_view_{view.label}_part{number}"
            lines += ["", "", *view_function(frame, view, name, about, whole, known, part.body, part.value)]
            known = [*known, part.name]
        about = f"The parameters as `{view.label}` reads them."
        lines += [
            "",
            "",
            *view_function(frame, view, f"_view_{view.label}", about, whole, known, view.body, view.value),
        ]
    if whole:
        parts = {v.label: [f"_view_{v.label}_part{k + 1}" for k in range(len(v.sums))] for v in frame.lowered.views}
        table = ", ".join(f'"{label}": [{", ".join(found)}]' for label, found in parts.items())
        of = ", ".join(f'"{v.label}"' for v in frame.lowered.views if v.takes_grads)
        lines += ["", "", f"_PARTS: dict[str, list[Any]] = {{{table}}}", f"_OF_GRADIENTS = [{of}]"]
    if frame.views:
        table = ", ".join(f"{v.label!r}: _view_{v.label}".replace("'", '"') for v in frame.lowered.views)
        lines += ["", "", f"_VIEWS = {{{table}}}"]
    return lines


def view_function(
    frame: Frame, view: View, name: str, about: str, whole: bool, sums: list[str], body: tuple[Stmt, ...], value: Expr
) -> Lines:
    names, lowered = frame.names, frame.lowered
    rule, shares = lowered.rule, frame.shared.shares
    used = ir.names((*body, Assign("", value))) & set(view.arguments)
    arguments = [f"{names.param}: Tensor", *([f"{names.grad}: Any"] if whole else []), "state: dict[str, Tensor]"]
    arguments += ["group: dict[str, Any]", "model: dict[str, Any]", *(f"{names(n)}: float" for n in sums)]
    lines = signature(name, arguments, "Tensor")
    lines += [f'    """{about}"""']
    for slot in rule.slots:
        if slot.name in used:
            wide = f".to({names.param}.dtype)" if slot.dtype else ""
            lines += [f'    {names(slot.name)} = state["{names.key(slot.name)}"]{wide}']
    if rule.step in used:
        lines += [f'    {names(rule.step)} = state["step"].item()']
    for shared in rule.shared:
        if shared.name in used:
            where = "model" if shared.name in shares.total else "group"
            lines += [f'    {names(shared.name)} = {where}["{names.key(shared.name)}"].item()']
    for hyper in rule.hypers:
        if hyper.name in used:
            lines += ["    " + hyper_argument(names, hyper.name).replace("=", " = ", 1)]
    printer = ViewPrinter(frame, sums)
    return lines + printer.block(body, "    ") + [f"    return {printer.text(value)}"]


class ViewPrinter:
    """A view is out of place: its statements print as they stand, scalars as Python floats."""

    def __init__(self, frame: Frame, sums: list[str]) -> None:
        self.names = frame.names
        lowered = frame.lowered
        arrays = {lowered.rule.param, lowered.rule.grad, *(s.name for s in lowered.rule.slots)}
        self.scalars = {h.name for h in lowered.rule.hypers} | {s.name for s in lowered.rule.shared} - arrays
        self.scalars |= {lowered.rule.step, *sums} if lowered.rule.step else set(sums)
        self.host = NumberPrinter(self.names.renamed, lowered.intervals)
        self.tensors = TorchPrinter(
            self.names, self.is_scalar, self.number, FactPrinter(self.names).text, self.names.param
        )

    def is_scalar(self, node: Expr) -> bool:
        reduces = any(isinstance(n, ir.Dim | ir.Ndim | ir.Index | ir.Transpose) for n in ir.walk(node))
        return not reduces and ir.names(node) <= self.scalars

    def number(self, node: Expr) -> str:
        return self.host.text(node)

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
