"""What a generated class remembers: fresh slots, groups, saving and loading."""

from __future__ import annotations

from adaspec import ir
from adaspec.ir import Constant

from . import complexes
from .checks import GroupFacts
from .frame import Frame
from .scalars import Lines, signature
from .spelling import OF_GROUP, aliases


def new_state(frame: Frame) -> Lines:
    lowered, names = frame.lowered, frame.names
    arguments = ["x: Tensor", "group: dict[str, Any]"]
    lines = signature("_new_state", arguments, "dict[str, Tensor]")
    lines += [
        '    """A counter, and the slots before the first step; those of half-precision parameters are float32."""'
    ]
    slots = lowered.rule.slots
    lines += ["    dtype = torch.promote_types(x.dtype, torch.float32)"] if not all(s.dtype for s in slots) else []
    device = 'x.device if group["capturable"] else "cpu"' if frame.traced else '"cpu"'
    lines += [f'    state = {{"step": torch.zeros((), dtype=torch.float64, device={device})}}']
    facts = GroupFacts(names, lowered, "x")
    for slot in slots:
        made = beginning(slot, facts)
        if complexes.takes(lowered):
            made = complexes.of_slot(made, slot.init)
        if slot.dtype:
            own = f"torch.{slot.dtype}"
            if complexes.takes(lowered) and slot.init.whole:
                own = f"{own}.to_complex() if x.is_complex() else {own}"
            made = made.replace("dtype=dtype.to_real()", "dtype=dtype")
            made = made.replace("dtype=dtype", f"dtype={own}").replace("to(dtype,", f"to({own},")
        text = f'state["{names.key(slot.name)}"] = {made}'
        when = lowered.presence[slot.name]
        lines += [f"    {text}"] if when == Constant(True) else [f"    if {facts.text(when)}:", f"        {text}"]
    return [*lines, "    return state"]


def beginning(slot: ir.Slot, facts: GroupFacts) -> str:
    init = slot.init
    if init.kind == "copy":
        return "x.detach().to(dtype, copy=True)"
    if init.kind == "eye":
        return f"torch.eye(x.shape[{init.only}], dtype=dtype, device=x.device)"
    value = {"zeros": 0.0, "ones": 1.0, "first_grad": 0.0}.get(init.kind, init.value)
    fill = facts.initial(value)
    shape = "()" if init.scalar else f"x.shape[:{init.without}]"
    if not init.whole:
        if init.only is not None:
            length = f"x.shape[{init.only}]"
            shape = f"({length}, {length})" if init.square else f"({length},)"
        elif init.cut is not None:
            shape = f"_cut_to({facts.text(rank_of(init))}, x.shape, {init.cut})"
        elif init.without is not None and init.without != -1 and not init.scalar:
            shape = f"(*x.shape[:{init.without}], *x.shape[{init.without + 1}:])"
        if value == 0:
            return f"x.new_zeros({shape}, dtype=dtype)"
        return f"x.new_full({shape}, {fill}, dtype=dtype)"
    like: dict[float | str, str] = {0.0: "zeros_like(x", 1.0: "ones_like(x"}
    return f"torch.{like.get(value, f'full_like(x, {fill}')}, dtype=dtype)"


def rank_of(init: ir.Init) -> ir.Expr:
    """The rank that an axis is cut to: a literal or a hyperparameter."""
    return ir.Name(init.rank) if isinstance(init.rank, str) else ir.Number(init.rank)


def methods(frame: Frame) -> Lines:
    names, shares = frame.names, frame.shared.shares
    facts = GroupFacts(names, frame.lowered, "x")
    own = {names.key(s.name): s.initial for s in frame.lowered.rule.shared if s.name in shares.own}
    total = {names.key(s.name): s.initial for s in frame.lowered.rule.shared if s.name in shares.total}
    if any(s in shares.step for s in shares.own):
        own["step"] = 0.0
    if any(s in shares.step for s in shares.total):
        total["model_step"] = 0.0
    lines = [
        "    def add_param_group(self, param_group: dict[str, Any]) -> None:",
        '        """Add parameters; what their group leaves open is taken from the defaults."""',
        *(OF_GROUP if aliases(names) else []),
        "        super().add_param_group(param_group)",
        "        group = self.param_groups[-1]",
        "        try:",
        "            _check_hypers(group)",
        "            _check_params(group)",
        '            if group["differentiable"] != self.defaults["differentiable"]:',
        '                raise ValueError("differentiable holds for all groups alike: give it to the class")',
        *(FUSED if frame.code.fuses else []),
        "        except Exception:",
        "            self.param_groups.pop()",
        "            raise",
    ]
    scalar = 'torch.tensor({}, dtype=torch.float64, device="cpu")'
    lines += [f'        group.setdefault("{n}", {scalar.format(facts.initial(v))})' for n, v in own.items()]
    if total:
        lines += ["        if len(self.param_groups) == 1:"]
        lines += [f'            group.setdefault("{n}", {scalar.format(facts.initial(v))})' for n, v in total.items()]
    lines += [
        "",
        "    def __setstate__(self, state: dict[str, Any]) -> None:",
        "        super().__setstate__(state)",
        "        for group in self.param_groups:",
        *(f'            group.setdefault("{flag}", {value})' for flag, value in frame.code.flags.items()),
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


FUSED: Lines = [
    *"""
            if group["fused"] and self._kernels is None:
                raise RuntimeError("fused=True needs the kernels that adaspec compiles, and this class stands alone")
            if group["fused"] and group["foreach"]:
                raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
""".strip("\n").split("\n")
]
COUNTED: Lines = ['            slots = state_dict["state"].get(key)']
UNCOUNTED: Lines = [
    *"""
            slots = {name: slot for name, slot in state_dict["state"].get(key, {}).items() if slot is not None}
            if slots:  # the original counts no updates: what has a state was updated
                slots.setdefault("step", 1.0)
""".strip("\n").split("\n")
]


def load(frame: Frame, own: list[str], total: list[str]) -> Lines:
    cls = frame.cls
    captured = 'None if group.get("capturable") else "cpu"' if frame.traced else '"cpu"'
    flags = ", ".join(f'"{flag}"' for flag in frame.code.flags)
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
        "            for group in self.param_groups:",
        '                group["differentiable"] = self.defaults["differentiable"]',
        "        finally:",
        "            take.remove()",
        "            put.remove()",
        "",
        "    def _fit(self, state_dict: dict[str, Any]) -> dict[Tensor, dict[str, Tensor]]:",
        '        """The saved slots by parameter, in their own dtypes; ValueError if they are not its own."""',
    ]
    if frame.views:
        lines += [
            "        if self._shown is not None:",
            "            raise RuntimeError(f\"the parameters show the view '{self._shown}': call train() first\")",
        ]
    keys = f" | {set(own)!r}" if own else ""
    keys = " | {" + ", ".join(f'"{n}"' for n in own) + "}" if own else ""
    lines += [
        '        for i, group in enumerate(state_dict["param_groups"]):',
        f"            needed = self.defaults.keys() - {{{flags}}}{keys}",
    ]
    if total:
        lines += ["            if i == 0:", "                needed |= {" + ", ".join(f'"{n}"' for n in total) + "}"]
    lines += [
        "            if missing := sorted(needed - group.keys()):",
        f'                raise ValueError(f"not a state of {cls}: its group {{i}} lacks {{missing}}")',
        "            _check_hypers(dict(group))",
        f'        keys = [(key, {captured}) for group in state_dict["param_groups"] for key in group["params"]]',
        '        params = [(p, group) for group in self.param_groups for p in group["params"]]',
        "        saved = {}",
        "        for (key, device), (p, group) in zip(keys, params, strict=False):",
        *(UNCOUNTED if frame.names.uncounted else COUNTED),
        "            if slots:",
        '                fresh = _new_state(p.detach().to("meta"), group)',
        "                if slots.keys() != fresh.keys():",
        f'                    what = f"{cls} keeps {{list(fresh)}}, this state has {{list(slots)}}"',
        '                    raise ValueError(f"parameter {key}: {what}")',
        "                slots = {name: torch.as_tensor(slots[name]) for name in fresh}",
        "                if wrong := [name for name in fresh if slots[name].shape != fresh[name].shape]:",
        '                    raise ValueError(f"parameter {key}: {wrong} of another shape than the parameter has")',
        "                if wrong := [name for name in fresh if slots[name].is_complex() != fresh[name].is_complex()]:",
        '                    raise ValueError(f"parameter {key}: {wrong} real or complex, and the parameter is not")',
        '                step = slots["step"].item()',
        "                if not (0 <= step < math.inf and step == int(step)):",
        '                    raise ValueError(f"parameter {key}: {step} is no step count")',
        '                devices = {"step": device or p.device}',
        "                saved[p] = {",
        "                    name: slots[name].to(devices.get(name, p.device), slot.dtype, copy=True)",
        "                    for name, slot in fresh.items()",
        "                }",
        "        return saved",
    ]
    return lines
