"""The step of a generated class: the closure, the grad mode, and the passes over the model."""

from __future__ import annotations

from adaspec.emit import doc_lines

from . import inputs, sparse
from .functions import Code, PhaseCode
from .names import Names
from .scalars import Lines
from .shared import SharedCode

CLOSURE = """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
""".strip("\n").split("\n")


class Frame:
    def __init__(self, code: Code) -> None:
        self.code = code
        self.names: Names = code.names
        self.lowered = code.lowered
        self.traced = code.traced
        self.maximizes = code.maximizes
        self.shared = SharedCode(code, self.traced)
        self.cls = code.lowered.spec.class_name
        self.single = len(code.phases) == 1
        self.views = bool(code.lowered.views)
        self.scratch = max((len(p.plan.scratch) for p in code.phases), default=0)

    # The step

    def step(self) -> Lines:
        rule = self.lowered.rule
        loss, given = "result" if rule.inputs else "loss", inputs.passed(rule, self.names)
        about = ["Update every parameter that has a gradient; return the loss of the closure."]
        if rule.inputs:
            about += ["", "Args:", "    closure: computes the loss and the gradients"]
            about += [f"    {line}" for line in inputs.document(rule, self.names)]
        lines = [
            f"    def step(self, closure: Callable[[], Any] | None = None{inputs.keywords(rule, self.names)}) -> Any:",
            *doc_lines(about, " " * 8),
            *(line.replace("loss", loss) for line in CLOSURE),
            *(" " * 8 + line for line in inputs.completed(rule, self.names, self.cls)),
            '        with torch.set_grad_enabled(self.defaults["differentiable"]):',
        ]
        body = self.pass_of_one(given) if self.single else self.passes(given)
        if self.code.fuses:
            asked = "if torch.compiler.is_compiling() or self._kernels is None or not self._kernels(self):"
            body = [asked, *("    " + line for line in body)]
        return [*lines, *(" " * 12 + line for line in body), f"        return {loss}"]

    def pass_of_one(self, given: str) -> Lines:
        given = given.removeprefix(", ") if self.traced else f"torch.compiler.is_compiling(){given}"
        back = sparse.TAKEN_BACK if sparse.takes(self.lowered) else []
        return [f"for bucket in self._work({given}):", "    _run(*bucket)", *back]

    def passes(self, given: str) -> Lines:
        lines = [] if self.traced else ["compiling = torch.compiler.is_compiling()"]
        lines += [f"work, keys = self._work({given.removeprefix(', ') if self.traced else f'compiling{given}'})"]
        early = any(self.names.param in p.carried_out for p in self.code.phases)
        lines += ["originals = [columns[0] for _, columns, _, _ in work]"] if early else []
        last = 2 + len(self.names.slots)
        typed = any(s.dtype for s in self.lowered.rule.slots)
        if typed:
            lines += [
                f"narrow = [columns[2:{last}] for _, columns, _, _ in work]",
                "for _, columns, _, _ in work:",
                "    dtype = torch.promote_types(columns[0][0].dtype, torch.float32)",
                f"    columns[2:{last}] = [_widened(column, dtype) for column in columns[2:{last}]]",
            ]
        for phase in self.code.phases:
            lines += self.pass_over(phase)
        if typed:
            lines += [
                "for (_, columns, _, _), slots in zip(work, narrow, strict=True):",
                f"    for slot, wide in zip(slots, columns[2:{last}], strict=True):",
                "        _rounded(slot, wide)",
            ]
        if early:
            lines += [
                "for (_, columns, _, _), params in zip(work, originals, strict=True):",
                "    for p, x in zip(params, columns[0], strict=True):",
                "        if x is not p:  # half precision: rounded once, behind the last phase",
                "            p.copy_(x)",
            ]
        return lines

    def pass_over(self, phase: PhaseCode) -> Lines:
        """One phase over all buckets; what later phases need of it goes into the columns."""
        k = phase.number + 1
        lines: Lines = []
        sums = "".join(f", sums_{p.number + 1}" for p in self.code.phases[: phase.number] if p.totals)
        if self.shared.has_numbers(phase):
            target = f"scalars_{k} = " if phase.scalars.every else ""
            lines += [f"{target}self._numbers_{k}(keys{sums}{'' if self.traced else ', compiling'})"]
        arguments = ["how", "columns"]
        if phase.plan.scratch:
            n = len(phase.plan.scratch)
            arguments.append("scratch" if n == self.scratch else f"[row[:{n}] for row in scratch]")
        over, names = "work", "how, columns, scratch, static"
        if phase.scalars.every:
            over, names = f"zip(work, scalars_{k}, strict=True)", f"({names}), scalars"
            arguments.append("scalars")
        if phase.static:
            arguments.append("{" + ", ".join(f'"{n}": static["{n}"]' for n in phase.static) + "}")
        call = f"_run_{k}({', '.join(arguments)})"
        if not phase.returned:
            return [*lines, f"for {names} in {over}:", f"    {call}"]
        if not phase.carried_out:
            return [*lines, f"sums_{k} = [", f"    {call}", f"    for {names} in {over}", "]"]
        lines += [f"sums_{k} = []"] if phase.totals else []
        lines += [f"for {names} in {over}:", f"    results = {call}"]
        n = len(phase.totals)
        lines += [f"    sums_{k}.append(results[:{n}])"] if n else []
        for i, name in enumerate(phase.carried_out):
            value = f"results[{n + i}]"
            if name in phase.tensors:
                lines += [f"    columns[{phase.tensors.index(name)}] = {value}"]
            else:
                lines += [f"    columns.append({value})"]
        return lines
