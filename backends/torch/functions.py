"""The functions of a generated module that do the arithmetic: of one tensor, of many tensors, of a bucket."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from adaspec import ir
from adaspec.backends import c
from adaspec.facts import holds
from adaspec.inplace import Plan, plan
from adaspec.ir import Assign, Stmt
from adaspec.lower import Lowered, Subtract

from .foreach import ForeachBody, possible
from .loop import LoopBody
from .names import Names
from .scalars import Host, Lines, Scalars, Shares, joined, signature


@dataclass
class PhaseCode:
    """One phase of the step, printed."""

    code: Code
    number: int
    plan: Plan
    scalars: Scalars
    totals: list[str]
    carried_in: list[str]
    carried_out: list[str]
    negates: bool
    """Whether the gradient comes as it is, so that `maximize` turns it: not if an earlier phase has made it anew."""

    def __post_init__(self) -> None:
        lowered = self.code.lowered
        self.names = self.code.names
        self.tail = "" if len(lowered.phases) == 1 else f"_{self.number + 1}"
        self.optional = {self.names(n) for n, when in lowered.presence.items() if when != ir.Constant(True)}
        self.optional |= {self.names(n) for n in lowered.rule.array_inputs if n in lowered.rule.optional}
        last = self.number + 1 == len(lowered.phases)
        self.binds_param = last and lowered.rule.param in _bound(lowered.phases[self.number].body)
        self.loop = LoopBody(self.plan, self.scalars).block(self.plan.items, "    ")
        self.foreach = (
            ForeachBody(self.plan, self.scalars).block(self.plan.items, "    ") if possible(self.plan) else None
        )

    @property
    def returned(self) -> list[str]:
        return self.totals + self.carried_out

    @property
    def tensors(self) -> list[str]:
        noise = ["noise"] if self.code.lowered.draws else []
        inputs = [self.names(n) for n in self.code.lowered.rule.array_inputs]
        return [self.names.param, self.names.grad, *self.names.slots, *noise, *inputs, *self.carried_in]

    @property
    def static(self) -> list[str]:
        return [self.names(n) for n in self.scalars.static]

    def _arguments(self, kind: str, scratch: list[str]) -> list[str]:
        arguments = [f"{n}: {kind}{' | None' if n in self.optional else ''}" for n in self.tensors]
        arguments += [f"{n}: Tensor | None" for n in scratch]
        arguments += [f"{n}: Any" for n in self.scalars.passed]
        return arguments + (["*", *(f"{n}: Any" for n in self.static)] if self.static else [])

    def lines(self) -> Lines:
        returns = "None" if not self.returned else f"tuple[{', '.join(['Tensor'] * len(self.returned))}]"
        result = [f"    return {joined(self.returned)}"] if self.returned else []
        scratch = ". What is lent as scratch may be overwritten" if self.plan.scratch else ""
        lines = ["", "", *self.scalars.lines()] if self.scalars.every else []
        lines += [
            "",
            "",
            *signature(f"_update{self.tail}", self._arguments("Tensor", list(self.plan.scratch)), returns),
        ]
        lines += [f'    """One parameter with its slots, in place{scratch}."""', *(self.loop or ["    pass"]), *result]
        if self.foreach is not None:
            many = returns.replace("Tensor", "list[Tensor]")
            lines += ["", "", *signature(f"_update{self.tail}_foreach", self._arguments("list[Tensor]", []), many)]
            lines += ['    """Many parameters with their slots, in place."""', *(self.foreach or ["    pass"]), *result]
        return [*lines, "", "", *self.run()]

    def run(self) -> Lines:
        """The function that takes a bucket through the phase."""
        extra = ["scratch: Any"] if self.plan.scratch else []
        extra += ["scalars: Any"] if self.scalars.every else []
        extra += ["static: dict[str, Any]"] if self.static else []
        returns = "list[Any]" if self.returned else "None"
        static = ["**static"] if self.static else []
        inner = [*(["*scalars[0]"] if self.scalars.every else []), *static]
        arguments = ["how: Any", "columns: list[list[Tensor]]", *extra]
        lines = signature(f"_run{self.tail}", arguments, returns)
        lines += ['    """A bucket of parameters; those of half precision by way of float32, rounded once."""']
        negates = self.negates
        lines += [
            "    params, grads, *slots = columns",
            f"    foreach, via{', maximize' if negates else ', _' if self.code.maximizes else ''} = how",
            "    dtype = torch.promote_types(params[0].dtype, torch.float32)",
        ]
        back = self.binds_param
        single = len(self.code.lowered.phases) == 1  # else the step itself rounds, behind the last phase
        typed = single and any(s.dtype for s in self.code.lowered.rule.slots)
        count = len(self.names.slots)
        slots = f"*wide, *slots[{count}:]" if self.code.lowered.draws else "*wide"
        if self.foreach is not None:
            gs = "gs" if negates else "_cast(grads, dtype)"
            call = ", ".join(["xs", gs, slots if typed else "*slots", *inner])
            lines += ["    if foreach:", "        xs = _cast(params, dtype)"]
            if negates:
                lines += ["        gs = _cast(grads, dtype)", "        gs = torch._foreach_neg(gs) if maximize else gs"]
            lines += [f"        wide = [_widened(column, dtype) for column in slots[:{count}]]"] if typed else []
            lines += [f"        {'results = ' if self.returned else ''}_update{self.tail}_foreach({call})"]
            if typed:
                lines += ["        for column, tensors in zip(slots, wide, strict=False):"]
                lines += ["            _rounded(column, tensors)"]
            lines += ["        if xs is not params:", "            torch._foreach_copy_(params, xs)"] if back else []
            lines += self._return("        ", "results") if self.returned else ["        return"]
        rows = "zip(*columns, strict=True)"
        head = "p, grad, *rest"
        beside = ["buffers"] * bool(self.plan.scratch) + ["numbers"] * bool(self.scalars.every)
        if beside:
            lists = [{"buffers": "scratch", "numbers": "scalars"}[n] for n in beside]
            head, rows = f"({head}), {', '.join(beside)}", f"zip({', '.join([rows, *lists])}, strict=True)"
        rest = slots.replace("slots", "rest") if typed else "*rest"
        g = "-grad.to(dtype) if maximize else grad.to(dtype)" if negates else "grad.to(dtype)"
        call = ", ".join(["x", "g", rest, *(f"*{n}" for n in beside), *static])
        lines += [f"    update = partial(via, {count}, _update{self.tail}) if via else _update{self.tail}"]
        lines += ["    rows = []"] if self.returned else []
        lines += [f"    for {head} in {rows}:"]
        if self.code.tells_numbers:
            # The key of the noise is no slot, and has three elements.
            kept = "t is None or t.numel() != 1" if self.code.lowered.draws else "t is None"
            lines += [
                "        if grad.ndim < p.ndim:",
                f"            p, *rest = (t if {kept} else t.view(()) for t in (p, *rest))",
            ]
        lines += ["        x = p.to(dtype)", f"        g = {g}"]
        text = f"update({call})"
        lines += [f"        wide = _widened(rest[:{count}], dtype)"] if typed else []
        lines += [f"        rows.append({text})" if self.returned else f"        {text}"]
        lines += [f"        _rounded(rest[:{count}], wide)"] if typed else []
        lines += ["        if x is not p:", "            p.copy_(x)"] if back else []
        return lines + (self._return("    ", "list(zip(*rows, strict=True))") if self.returned else [])

    def _return(self, indent: str, results: str) -> Lines:
        n = len(self.totals)
        if not self.carried_out:
            return [f"{indent}return [_total(part) for part in {results}]"]
        lines = [f"{indent}parts = {results}"]
        return [
            *lines,
            f"{indent}return [*(_total(part) for part in parts[:{n}]), *(list(part) for part in parts[{n}:])]",
        ]


class Code:
    """Everything arithmetic about a rule: its phases, printed, and what its model shares."""

    def __init__(self, lowered: Lowered, names: Names) -> None:
        self.lowered = lowered
        self.names = names
        self.host = Host(lowered, names)
        self.shares = Shares(lowered, names)

    @cached_property
    def phases(self) -> list[PhaseCode]:
        rule = self.lowered.rule
        phases = self.lowered.phases
        bound: list[set[str]] = [_bound(p.body) - {s.name for s in rule.slots} for p in phases]
        reads = [ir.names(p.body) | {n for t in p.totals for n in ir.names(t.value)} for p in phases]
        out: list[PhaseCode] = []
        carried: list[str] = []
        negates = self.maximizes
        for k, phase in enumerate(phases):
            # The parameter itself too, so that one of half precision is rounded once, behind the last phase.
            later = set().union(*reads[k + 1 :], {rule.param} if k + 1 < len(phases) else set())
            carried_out = sorted(bound[k] & later)
            code = plan(self.lowered, phase, {*carried, *carried_out})
            scalars = Scalars(self.host, self.shares, k)
            totals = [self.names(t.name) for t in phase.totals]
            arrived, left = ([self.names(n) for n in names] for names in (carried, carried_out))
            out.append(PhaseCode(self, k, code, scalars, totals, arrived, left, negates))
            negates = negates and rule.grad not in carried_out
            carried += [n for n in carried_out if n not in (*carried, rule.param, rule.grad)]
        return out

    @cached_property
    def branches(self) -> bool:
        """Whether a number of the step decides what is done at all: which side of a branch runs."""
        return any(
            isinstance(n, ir.When) for p in self.lowered.phases for n in ir.walk((*p.scalars, *p.body, *p.model))
        )

    @property
    def traced(self) -> bool:
        """Whether a compiler can follow the whole step, and a device repeat it: no number is needed on the host."""
        return not self.branches and not self.lowered.rule.inputs

    @property
    def flags(self) -> dict[str, str]:
        """The flags of the class, each with its default."""
        flags = {"foreach": "None", "maximize": "False", "capturable": "False", "differentiable": "False"}
        flags |= {"fused": "None"}
        there = {"maximize": self.maximizes, "capturable": self.traced, "fused": self.fuses}
        return {name: default for name, default in flags.items() if there.get(name, True)}

    @cached_property
    def fuses(self) -> bool:
        """Whether one kernel can take a step of all parameters, each by itself."""
        lowered = self.lowered
        return not (lowered.rule.inputs or lowered.draws) and c.takes(lowered)

    @property
    def maximizes(self) -> bool:
        """Whether the step can be that of the negative objective: what it is given beside the gradient has no sign."""
        return not self.lowered.rule.inputs

    @cached_property
    def tells_numbers(self) -> bool:
        """Whether the rule asks something that a number and an array of one axis answer differently."""
        tests = [n for p in self.lowered.phases for n in ir.walk(p.body) if isinstance(n, ir.Compare)]
        return any(_differs(test) for test in tests)

    @property
    def elementwise(self) -> bool:
        return len(self.phases) == 1 and self.phases[0].plan.elementwise


def _differs(test: ir.Compare) -> bool:
    if not any(type(n) is ir.Ndim for n in ir.walk(test)):
        return False
    other = [n for n in ir.walk(test) if not isinstance(n, ir.Compare | ir.Ndim | ir.Number)]
    asked = [n for n in ir.walk(test) if isinstance(n, ir.Ndim)]
    if len(other) > len(asked):  # it reads more than the names whose rank is asked
        return True
    return holds(test, (), {}) != holds(test, (1,), {})


def _bound(body: tuple[Stmt, ...]) -> set[str]:
    return {n.name for n in ir.walk(body) if isinstance(n, Assign | Subtract)}
