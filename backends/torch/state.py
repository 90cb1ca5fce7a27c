"""What a generated class remembers: fresh slots, groups, saving and loading, views."""

from __future__ import annotations

from adaspec import ir
from adaspec.emit import HostPrinter
from adaspec.ir import Assign, Constant, Expr, If, Stmt
from adaspec.lower import Lowered, View

from .checks import GroupFacts
from .frame import Frame, hyper_argument
from .names import Names
from .printer import TorchPrinter
from .scalars import FactPrinter, Lines, hyper_argument as annotated, signature


def new_state(frame: Frame) -> Lines:
    lowered, names = frame.lowered, frame.names
    arguments = ["x: Tensor", *(["group: dict[str, Any]"] if frame.state_needs_group else [])]
    lines = signature("_new_state", arguments, "dict[str, Tensor]")
    lines += ['    """A counter, and the slots before the first step; those of half-precision parameters are float32."""']
    slots = lowered.rule.slots
    lines += ["    dtype = torch.promote_types(x.dtype, torch.float32)"] if slots else []
    lines += ['    state = {"step": torch.zeros((), dtype=torch.float64, device="cpu")}']
    facts = GroupFacts(names, lowered, "x")
    for slot in slots:
        text = f'state["{names(slot.name)}"] = {beginning(slot)}'
        when = lowered.presence[slot.name]
        lines += [f"    {text}"] if when == Constant(True) else [f"    if {facts.text(when)}:", f"        {text}"]
    return [*lines, "    return state"]


def beginning(slot: ir.Slot) -> str:
    init = slot.init
    if init.kind == "copy":
        return "x.detach().to(dtype, copy=True)"
    value = {"zeros": 0.0, "ones": 1.0, "first_grad": 0.0}.get(init.kind, init.value)
    shape = "()" if init.scalar else f"x.shape[:{init.without}]"
    if init.scalar or init.without is not None:
        if init.without is not None and init.without != -1 and not init.scalar:
            shape = f"(*x.shape[:{init.without}], *x.shape[{init.without + 1}:])"
        if value == 0:
            return f"torch.zeros({shape}, dtype=dtype, device=x.device)"
        return f"torch.full({shape}, {value!r}, dtype=dtype, device=x.device)"
    like = {0.0: "zeros_like(x", 1.0: "ones_like(x"}.get(value, f"full_like(x, {value!r}")
    return f"torch.{like}, dtype=dtype)"


def methods(frame: Frame) -> Lines:
    names, shares, cls = frame.names, frame.shares, frame.cls
    own = {names(s.name): s.initial for s in frame.lowered.rule.shared if s.name in shares.own}
    total = {names(s.name): s.initial for s in frame.lowered.rule.shared if s.name in shares.total}
    if any(s in shares.step for s in shares.own):
        own["step"] = 0.0
    if any(s in shares.step for s in shares.total):
        total["model_step"] = 0.0
    lines = [
        "    def add_param_group(self, param_group: dict[str, Any]) -> None:",
        '        """Add parameters; what their group leaves open is taken from the defaults."""',
        "        super().add_param_group(param_group)",
        "        group = self.param_groups[-1]",
        "        try:",
        "            _check_hypers(group)",
        "            _check_params(group)",
        "        except Exception:",
        "            self.param_groups.pop()",
        "            raise",
    ]
    scalar = "torch.tensor({!r}, dtype=torch.float64)"
    lines += [f'        group.setdefault("{n}", {scalar.format(v)})' for n, v in own.items()]
    if total:
        lines += ["        if len(self.param_groups) == 1:"]
        lines += [f'            group.setdefault("{n}", {scalar.format(v)})' for n, v in total.items()]
    lines += [
        "",
        "    def __setstate__(self, state: dict[str, Any]) -> None:",
        "        super().__setstate__(state)",
        "        for group in self.param_groups:",
        '            group.setdefault("foreach", None)',
    ]
    if frame.views:
        lines += ['        self.__dict__.setdefault("_shown", None)', '        self.__dict__.setdefault("_kept", {})']
        lines += [
            "",
            "    def __getstate__(self) -> dict[str, Any]:",
            '        return {**super().__getstate__(), "_shown": self._shown, "_kept": self._kept}',
        ]
    lines += load(frame, list(own), list(total))
    return lines


def load(frame: Frame, own: list[str], total: list[str]) -> Lines:
    cls = frame.cls
    group = ", group" if frame.state_needs_group else ""
    lines = [
        "",
        "    def load_state_dict(self, state_dict: dict[str, Any]) -> None:",
        '        """Load what state_dict() returned; one that does not fit is refused before anything changes."""',
        "        # torch casts every slot but `step` to its parameter's dtype: the saved ones are put in their place.",
        "        saved: dict[Tensor, dict[str, Tensor]] = {}",
        "        take = self.register_load_state_dict_pre_hook(lambda _, given: saved.update(self._fit(given)))",
        "        put = self.register_load_state_dict_post_hook(lambda _: self.state.update(saved), prepend=True)",
        "        try:",
        "            super().load_state_dict(state_dict)",
        "        finally:",
        "            take.remove()",
        "            put.remove()",
        "",
        "    def _fit(self, state_dict: dict[str, Any]) -> dict[Tensor, dict[str, Tensor]]:",
        '        """The saved slots by parameter, in their own dtypes; ValueError if they are not of this optimizer."""',
    ]
    if frame.views:
        lines += [
            "        if self._shown is not None:",
            '            raise RuntimeError(f"the parameters show the view \'{self._shown}\': call train() before loading")',
        ]
    keys = f" | {set(own)!r}" if own else ""
    keys = " | {" + ", ".join(f'"{n}"' for n in own) + "}" if own else ""
    lines += [
        '        for i, group in enumerate(state_dict["param_groups"]):',
        f'            needed = self.defaults.keys() - {{"foreach"}}{keys}',
    ]
    if total:
        lines += ["            if i == 0:", "                needed |= {" + ", ".join(f'"{n}"' for n in total) + "}"]
    lines += [
        "            if missing := sorted(needed - group.keys()):",
        f'                raise ValueError(f"not a state of {cls}: its group {{i}} lacks {{missing}}")',
        "            _check_hypers(dict(group))",
        '        keys = [key for group in state_dict["param_groups"] for key in group["params"]]',
        '        params = [(p, group) for group in self.param_groups for p in group["params"]]',
        "        saved = {}",
        f"        for key, (p, {'group' if group else '_'}) in zip(keys, params, strict=False):",
        '            slots = state_dict["state"].get(key)',
        "            if slots:",
        f'                fresh = _new_state(p.detach().to("meta"){group})',
        "                if slots.keys() != fresh.keys():",
        f'                    raise ValueError(f"parameter {{key}}: {cls} keeps {{list(fresh)}}, this state has {{list(slots)}}")',
        "                slots = {name: torch.as_tensor(slots[name]) for name in fresh}",
        "                if wrong := [name for name in fresh if slots[name].shape != fresh[name].shape]:",
        '                    raise ValueError(f"parameter {key}: {wrong} of another shape than the parameter has")',
        '                step = slots["step"].item()',
        "                if not (0 <= step < math.inf and step == int(step)):",
        '                    raise ValueError(f"parameter {key}: {step} is no step count")',
        '                devices = {"step": "cpu"}',
        "                saved[p] = {",
        "                    name: slots[name].to(devices.get(name, p.device), slot.dtype, copy=True)",
        "                    for name, slot in fresh.items()",
        "                }",
        "        return saved",
    ]
    return lines


# Views


def view_methods(frame: Frame) -> Lines:
    if not frame.views:
        return []
    labels = [v.label for v in frame.lowered.views]
    lines: Lines = []
    if "eval" in labels:
        doc = next(v.doc for v in frame.lowered.views if v.label == "eval") or "Show the parameters to evaluate."
        first = doc.strip().split("\n")[0]
        lines += ["", "    def eval(self) -> None:", *_doc([first, "", "The training values come back with train()."], 8)]
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
        "                for p in group[\"params\"]:",
        "                    if p in self.state:  # a parameter that was never updated reads as it is",
        "                        self._kept[p] = p.detach().clone()",
        "                        p.copy_(_VIEWS[name](p.to(torch.promote_types(p.dtype, torch.float32)), self.state[p], group, self.param_groups[0]))",
        "        self._shown = name",
    ]
    return lines


def _doc(lines: Lines, indent: int) -> Lines:
    from adaspec.emit import doc_lines

    return doc_lines(lines, " " * indent)


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
    rule, shares = lowered.rule, frame.shares
    used = set(view.arguments)
    x = names.param
    lines = signature(f"_view_{view.label}", [f"{x}: Tensor", "state: dict[str, Tensor]", "group: dict[str, Any]", "first: dict[str, Any]"], "Tensor")
    lines += [f'    """The parameters as `{view.label}` reads them."""']
    for slot in rule.slots:
        if slot.name in used:
            lines += [f'    {names(slot.name)} = state["{names(slot.name)}"]']
    if rule.step in used:
        lines += [f'    {names(rule.step)} = state["step"].item()']
    for shared in rule.shared:
        if shared.name in used:
            where = "first" if shared.name in shares.total else "group"
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
        self.tensors = TorchPrinter(self.names, self.is_scalar, self.number, FactPrinter(self.names).text, self.names.param)

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


__all__ = ["Lowered", "Names", "annotated", "methods", "new_state", "view_functions", "view_methods"]
