"""The methods `step` and `view` of a generated class: scalars once per step, then loops over the parameters."""

from __future__ import annotations

import re

from adaspec import domains, ir
from adaspec.complexes import takes_complex
from adaspec.facts import negation
from adaspec.ir import Assign, For, If, Stmt
from adaspec.lower import Lowered, View
from adaspec.noise import SEED
from adaspec.streams.timeline import Phase, timeline

from .bodies import Bodies
from .dense import Plain
from .naming import Names
from .printers import NumberPrinter

PAD = " " * 12


class Steps:
    def __init__(self, lowered: Lowered, names: Names) -> None:
        self.lowered = lowered
        self.rule = lowered.rule
        self.names = names
        self.time = timeline(lowered, names)
        self.host = NumberPrinter(names, self.time.intervals)
        self.bodies = Bodies(lowered, names, self.host, self.time)
        self.complex = takes_complex(lowered.spec)
        shared = [f'"{s.name}"' for s in lowered.rule.shared]
        self.past = f"_past({', '.join(['state', *shared])})"

    # Hyperparameters

    def hypers(self, used: set[str], past: str) -> list[str]:
        """The hyperparameters that are used, checked, as local names; functions of time are asked for their value."""
        lines = []
        for h in self.rule.hypers:
            if h.name in used:
                name = self.names[h.name]
                given = f'"{name}", self.{name}' + ("" if h.static else f", {past}")
                value = f"_{h.kind.lower()}({given})"
                lines.append(
                    f"{name} = None if self.{name} is None else {value}" if h.optional else f"{name} = {value}"
                )
        return lines

    def inputs(self) -> list[str]:
        """What is supplied in every step is there; numbers as floats."""
        lines = []
        for i in self.rule.inputs:
            name = self.names[i.name]
            if not i.optional:
                cls = self.lowered.spec.class_name
                text = f"{cls} needs its input '{name}': step(params, grads, state, {name}=...)"
                lines += [f"if {name} is None:", f'    raise TypeError("{text}")']
            if i.scalar:
                absent = f"None if {name} is None else " if i.optional else ""
                lines.append(f'{name} = {absent}_scalar("{name}", {name})')
        return lines

    # The step

    def step(self) -> list[str]:
        phases = self.time.phases
        stmts = [s for p in phases for s in (*p.before, *p.body)] + [
            s for stmts in self.time.late.values() for s in stmts
        ]
        used = ir.names(tuple(stmts)) | {n for p in phases for _, v in p.totals for n in ir.names(v)}
        used |= {SEED} if self.lowered.draws else set()
        hypers = self.hypers(used, "past")
        timed = any(line.endswith("past)") for line in hypers)
        lines = [f"past = {self.past}" if timed else self.past, *self.inputs(), *hypers]
        arrays = ", ".join(f'"{n}": {self.names[n]}' for n in self.rule.array_inputs)
        made = f"work = _work(params, grads, state, self._forms{f', {{{arrays}}}' if arrays else ''})"
        lines += self.fused(used, made)
        if self.rule.shared:
            lines += ["if not work:", "    return params, state", 'shared = state["shared"]']
            lines += [f'{self.names[s.name]} = shared["{s.name}"]' for s in self.rule.shared if s.name in used]
        inner = [line for k, phase in enumerate(phases) for line in self.phase(k, phase)]
        for s in self.rule.shared:
            new = self.time.shared[s.name]
            inner += [f'shared["{s.name}"] = {self.names[new]}'] if new != s.name else []
        guard = [f'{PAD[4:]}with np.errstate(all="ignore"):'] if inner else []  # a rule may bind nothing
        return [*(PAD[4:] + line for line in lines), *guard, *(PAD + i for i in inner)]

    def fused(self, used: set[str], made: str) -> list[str]:
        """The work of a step, of which a kernel takes what it can; all of it for a rule of whole arrays."""
        if self.bodies.whole_arrays or self.lowered.draws:
            return [made]
        known = [h.name for h in self.rule.hypers if h.name in used] + list(self.rule.scalar_inputs)
        hypers = ", ".join(f'"{n}": {self.names[n]}' for n in known)
        again = [
            "if self.fused is not None and self.fused.again(params, grads, state, hypers):",
            "    return params, state",
        ]
        return [
            f"hypers = {{{hypers}}}", *([] if self.rule.array_inputs else again), made,
            "if self.fused is not None:", "    work = self.fused(work, state, hypers)",
        ]  # fmt: skip

    def phase(self, k: int, phase: Phase) -> list[str]:
        step = self.rule.step
        lines: list[str] = []
        if step and step in ir.names(phase.before):
            lines.append(f'{self.names[step]} = state["step"]')
        lines += self.numbers(phase.before)
        early: list[str] = []
        body = self.bodies.lines(k, early)
        body = [*(self.first_grads() if k == 0 else []), *body]
        if not body:
            return lines
        # The walks of a phase may compute again what an earlier phase did: the text tells which scalars they read.
        words = set(re.findall(r"\w+", "\n".join([*early, *body])))
        late = self.time.needed(n for n in self.time.late if self.names[n] in words)
        timed = step is not None and (self.names[step] in words or step in ir.names(late))
        count = self.names[step] if step else "step"
        lines += [f"{self.names[n]} = 0.0" for n, _ in phase.totals]
        lines.append(
            f"for {count}, group in work.items():" if timed or "noise" in words else "for group in work.values():"
        )
        lines += [f"    {line}" for line in (*self.numbers(late), *early)]
        more = ["inputs"] if self.rule.array_inputs else []
        more += [*(["kept"] if self.bodies.keeps else []), *(["place"] if self.lowered.draws else [])]
        lines.append(f"    for {', '.join(['param', 'grad', 'slots', *more])} in group:")
        body = [f"noise = {self.names[SEED]}, {count}, place", *body] if "noise" in words else body
        return [*lines, *(f"        {line}" for line in body)]

    def numbers(self, body: tuple[Stmt, ...]) -> list[str]:
        lines: list[str] = []
        for stmt in merged(body):
            match stmt:
                case Assign(name, value):
                    lines += noted(f"{self.names[name]} = {self.host.text(value)}", self.time.comments.get(name))
                case If(test, then, otherwise):
                    sides = [[f"    {line}" for line in self.numbers(side)] for side in (then, otherwise)]
                    test = test if sides[0] else negation(test)
                    sides = [side for side in sides if side]
                    lines += [f"if {self.host.text(test)}:", *sides[0]]
                    lines += ["else:", *sides[1]] if len(sides) > 1 else []
                case For(count, inner) if inner:
                    lines.append(f"for _ in range({self.host.text(count)}):")
                    lines += [f"    {line}" for line in self.numbers(inner)]
        return lines

    def first_grads(self) -> list[str]:
        lines: list[str] = []
        for s in self.rule.slots:
            if s.init.kind == "first_grad":
                always = self.lowered.presence[s.name] == ir.Constant(True)
                slot = self.names.slot(s.name)
                absent = "" if always else f" and {slot} is not None"
                lines += [f'if slots["step"] == 1{absent}:', f"    {slot}[...] = grad"]
        return lines

    # Views

    def view(self) -> list[str]:
        labels = [v.label for v in self.lowered.views]
        known = ", ".join(labels)
        lines = [f'"""Another reading of the parameters, as a new tree. Known here: {known}."""']
        for v in self.lowered.views:
            lines += [f'if name == "{v.label}":', *(f"    {line}" if line else "" for line in self.one_view(v))]
        message = f"unknown view {{name!r}}: this optimizer has {known}"
        grads = ", grads: Any = None" if any(v.takes_grads for v in self.lowered.views) else ""
        head = f"    def view(self, name: str, params: Any, state: dict[str, Any]{grads}) -> Any:"
        return [head, *(PAD[4:] + line if line else "" for line in lines), f'{PAD[4:]}raise KeyError(f"{message}")']

    def one_view(self, view: View) -> list[str]:
        reads = view.reads
        lines = self.hypers(reads, f"max({self.past} - 1, 0)")
        lines += [f'{self.names[s.name]} = state["shared"]["{s.name}"]' for s in self.rule.shared if s.name in reads]
        step = self.rule.step
        # A view may be asked for before the first step, where t is 0.
        intervals = {n: i for n, i in domains.signature(self.rule).items() if n != step}
        host = NumberPrinter(self.names, intervals)
        whole = Plain(self.lowered, self.names, host)
        x, g = self.names[self.rule.param], self.names[self.rule.grad]
        skipped = "not param.size" + (" or given[path] is None" if view.takes_grads else "")

        def one(name: str, empty: str, body: tuple[Stmt, ...], result: str, wanted: set[str]) -> list[str]:
            inner = [f"if {skipped}:", f"    return {empty}"]
            slots = [s for s in self.rule.slots if s.name in wanted]
            kept, here, grad = 'state["slots"][path]', "param", "given[path]"
            if self.complex:
                kept, here, grad = f"_all_pairs({kept})", "_pairs(param)", "_pairs(given[path])"
            inner += [f"slots = {kept}"] if slots or step in wanted else []
            inner += [f"{x} = _wide({here})"]
            inner += [f"{g} = {grad}.astype({x}.dtype, copy=False)"] if self.rule.grad in wanted else []
            inner += [f"{self.names[s.name]} = {whole.slot(s)}" for s in slots]
            inner += [f'{self.names[step]} = slots["step"]'] if step in wanted else []
            inner += [*whole.block(body), f"return {result}"]
            return ["", f"def {name}(path: str, param: Any) -> Any:", *(f"    {line}" for line in inner)]

        lines += [f'given = _grads("{view.label}", params, grads)'] if view.takes_grads else []
        sums = []
        for number, part in enumerate(view.sums, 1):
            wanted = ir.names((*part.body, Assign("", part.value)))
            lines += one(f"part{number}", "0.0", part.body, whole.text(part.value), wanted)
            total = f"sum(part{number}(path, param) for path, param in _leaves(params))"
            sums.append(f"    {self.names[part.name]} = {total}")
        wanted = ir.names((*view.body, Assign("", view.value)))
        value = whole.text(view.value)
        value = f"_as_param(param, {value})" if self.complex else f"np.array({value}, param.dtype)"
        lines += one("one", "param.copy()", view.body, value, wanted)
        self.host.used |= host.used
        return [*lines, "", 'with np.errstate(all="ignore"):', *sums, "    return _rebuilt(params, one)"]


def merged(body: tuple[Stmt, ...]) -> list[Stmt]:
    """Branches on one test that follow each other, as one branch."""
    out: list[Stmt] = []
    for stmt in body:
        last = out[-1] if out else None
        if isinstance(stmt, If) and isinstance(last, If) and stmt.test == last.test:
            out[-1] = If(stmt.test, (*last.then, *stmt.then), (*last.otherwise, *stmt.otherwise))
        else:
            out.append(stmt)
    return out


def noted(line: str, note: str | None) -> list[str]:
    """A line with its comment behind it, or in front of it where both are too long for one line."""
    if not note:
        return [line]
    return [f"{line}  # {note}"] if len(line) + len(note) < 92 else [f"# {note}", line]
