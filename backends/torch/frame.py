"""The step of a generated class: what is host work, what a compiler may trace, how parameters become buckets."""

from __future__ import annotations

from adaspec import ir
from adaspec.emit import doc_lines
from adaspec.ir import Constant
from adaspec.noise import SEED

from . import complexes, inputs, sparse
from .functions import Code, PhaseCode
from .names import Names
from .scalars import Lines
from .shared import SharedCode, hyper_argument

CLOSURE = """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
""".strip("\n").split("\n")

GATHER = """
        found = [[(p, g) for p in group["params"] if (g := p.grad) is not None] for group in self.param_groups]
        for _, grad in chain.from_iterable(found):
            if grad.layout != torch.strided:
                raise RuntimeError("{cls} does not support sparse gradients{why}")
""".strip("\n")

GATHER_ROWS = """
        found = [[(p, g) for p in group["params"] if (g := p.grad) is not None] for group in self.param_groups]
        if any(grad.layout != torch.strided for _, grad in chain.from_iterable(found)):
            found = [self._gathered(*both) for both in zip(self.param_groups, found, strict=True)]
""".strip("\n")

COUNT = """
        for group, pairs in zip(self.param_groups, found, strict=True):
            for p, _ in pairs:
                state = self.state[p]
                if not state:
                    state.update(_new_state(p{group}))
                state["step"] += 1
        work: list[Any] = []
""".strip("\n")


class Frame:
    def __init__(self, code: Code) -> None:
        self.code = code
        self.names: Names = code.names
        self.lowered = code.lowered
        self.shared = SharedCode(code)
        self.cls = code.lowered.spec.class_name
        self.single = len(code.phases) == 1
        self.views = bool(code.lowered.views)
        self.scratch = max((len(p.plan.scratch) for p in code.phases), default=0)

    @property
    def state_needs_group(self) -> bool:
        """Whether a hyperparameter decides which slots there are, how large one is, or what it begins with."""
        if any(isinstance(v, str) for s in self.lowered.rule.slots for v in (s.init.value, s.init.rank)):
            return True
        return any(ir.names(c) - {self.lowered.rule.param} for c in self.lowered.presence.values())

    # The step

    def step(self) -> Lines:
        rule = self.lowered.rule
        loss, given = "result" if rule.inputs else "loss", inputs.passed(rule, self.names)
        about = ["Update every parameter that has a gradient; return the loss of the closure."]
        if rule.inputs:
            about += ["", "Args:", "    closure: computes the loss and the gradients"]
            about += [f"    {line}" for line in inputs.document(rule, self.names)]
        lines = [
            "    @torch.no_grad()",
            f"    def step(self, closure: Callable[[], Any] | None = None{inputs.keywords(rule, self.names)}) -> Any:",
            *doc_lines(about, " " * 8),
            *(line.replace("loss", loss) for line in CLOSURE),
            *(" " * 8 + line for line in inputs.completed(rule, self.names, self.cls)),
        ]
        if self.single:
            lines += [f"        for bucket in self._work(torch.compiler.is_compiling(){given}):"]
            back = sparse.TAKEN_BACK if sparse.takes(self.lowered) else []
            return [*lines, "            _run(*bucket)", *back, f"        return {loss}"]
        lines += ["        compiling = torch.compiler.is_compiling()"]
        lines += [f"        work, keys = self._work(compiling{given})"]
        early = any(self.names.param in p.carried_out for p in self.code.phases)
        lines += ["        originals = [columns[0] for _, columns, _, _ in work]"] if early else []
        last = 2 + len(self.names.slots)
        typed = any(s.dtype for s in self.lowered.rule.slots)
        if typed:
            lines += [
                f"        narrow = [columns[2:{last}] for _, columns, _, _ in work]",
                "        for _, columns, _, _ in work:",
                "            dtype = torch.promote_types(columns[0][0].dtype, torch.float32)",
                f"            columns[2:{last}] = [_widened(column, dtype) for column in columns[2:{last}]]",
            ]
        for phase in self.code.phases:
            lines += self.pass_over(phase)
        if typed:
            lines += [
                "        for (_, columns, _, _), slots in zip(work, narrow, strict=True):",
                f"            for slot, wide in zip(slots, columns[2:{last}], strict=True):",
                "                _rounded(slot, wide)",
            ]
        if early:
            lines += [
                "        for (_, columns, _, _), params in zip(work, originals, strict=True):",
                "            for p, x in zip(params, columns[0], strict=True):",
                "                if x is not p:  # half precision: rounded once, behind the last phase",
                "                    p.copy_(x)",
            ]
        return [*lines, f"        return {loss}"]

    def pass_over(self, phase: PhaseCode) -> Lines:
        """One phase over all buckets; what later phases need of it goes into the columns."""
        k = phase.number + 1
        lines: Lines = []
        sums = "".join(f", sums_{p.number + 1}" for p in self.code.phases[: phase.number] if p.totals)
        if self.shared.has_numbers(phase):
            target = f"scalars_{k} = " if phase.scalars.every else ""
            lines += [f"        {target}self._numbers_{k}(keys{sums}, compiling)"]
        arguments = ["foreach", "columns"]
        if phase.plan.scratch:
            n = len(phase.plan.scratch)
            arguments.append("scratch" if n == self.scratch else f"[row[:{n}] for row in scratch]")
        over, names = "work", "foreach, columns, scratch, static"
        if phase.scalars.every:
            over, names = f"zip(work, scalars_{k}, strict=True)", f"({names}), scalars"
            arguments.append("scalars")
        if phase.static:
            arguments.append("{" + ", ".join(f'"{n}": static["{n}"]' for n in phase.static) + "}")
        call = f"_run_{k}({', '.join(arguments)})"
        if not phase.returned:
            return [*lines, f"        for {names} in {over}:", f"            {call}"]
        if not phase.carried_out:
            return [
                *lines,
                f"        sums_{k} = [",
                f"            {call}",
                f"            for {names} in {over}",
                "        ]",
            ]
        lines += [f"        sums_{k} = []"] if phase.totals else []
        lines += [f"        for {names} in {over}:", f"            results = {call}"]
        n = len(phase.totals)
        lines += [f"            sums_{k}.append(results[:{n}])"] if n else []
        for i, name in enumerate(phase.carried_out):
            value = f"results[{n + i}]"
            if name in phase.tensors:
                lines += [f"            columns[{phase.tensors.index(name)}] = {value}"]
            else:
                lines += [f"            columns.append({value})"]
        return lines

    # Host work

    def work(self) -> Lines:
        returns = "list[Any]" if self.single else "tuple[list[Any], list[Any]]"
        rule = self.lowered.rule
        given = "".join(f", {self.names(i.name)}: Any" for i in rule.inputs)
        lines = [
            "    # On the host: as numbers in a compiled graph, the scalars of each step would compile it again.",
            "    @torch.compiler.disable",
            f"    def _work(self, compiling: bool{given}) -> {returns}:",
            '        """Count this step; return parameters of one kind in buckets, with what their update needs."""',
        ]
        if self.views:
            lines += [
                "        if self._shown is not None:",
                "            raise RuntimeError(f\"the parameters show the view '{self._shown}': call train() first\")",
            ]
        lines += self.shared.refusals()
        matched = [" " * 8 + line for line in inputs.matched(rule, self.names, self.names.flags)]
        why = sparse.refusal(self.lowered.spec)
        gather = (
            GATHER_ROWS if sparse.takes(self.lowered) else GATHER.format(cls=self.cls, why=f": {why}" if why else "")
        )
        lines += gather.split("\n") + matched
        lines += COUNT.format(group=", group" if self.state_needs_group else "").split("\n")
        lines += [] if self.single else ["        keys: list[Any] = []"]
        if self.lowered.draws:
            lines += ["        # The place of each parameter tells its noise from that of the others."]
            lines += [
                '        places = {p: i for i, p in enumerate(p for g in self.param_groups for p in g["params"])}'
            ]
        lines += ["        for group, pairs in zip(self.param_groups, found, strict=True):", *self.shared.of_group()]
        lines += self.fill() + self.finish() + self.shared.count_model()
        return [*lines, "        return work" if self.single else "        return work, keys"]

    def fill(self) -> Lines:
        """The parameters of a group into buckets."""
        many = any(p.foreach is not None for p in self.code.phases)
        slots = self.slot_values() + (["noise"] if self.lowered.draws else [])
        slots += [f"_beside({self.names(n)}, p)" for n in self.lowered.rule.array_inputs]
        lines = ["            buckets: dict[Any, list[list[Tensor]]] = {}"]
        lines += ['            many = group["foreach"] is not False and not compiling'] if many else []
        lines += [
            "            for p, grad in pairs:",
            "                n = p.numel()",
            "                if n == 0:",
            "                    continue",
            "                state = self.state[p]",
            '                t = state["step"].item()',
        ]
        if self.lowered.draws:
            key = f'(group["{self.names(SEED)}"] & 0xFFFFFFFF, int(t), places[p])'
            lines += [f"                noise = torch.tensor({key}, device=p.device)"]
        firsts = [self.names.key(s.name) for s in self.lowered.rule.slots if s.init.kind == "first_grad"]
        lines += ["                if t == 1:"] if firsts else []
        lines += [f'                    state["{name}"].copy_(grad)' for name in firsts]
        if many:
            lines += ["                foreach = many and (n <= _SMALL or not p.is_cpu) and type(p) in _PLAIN"]
        return [
            *lines,
            f"                key = {'foreach' if many else 'False'}, p.device, p.dtype, grad.dtype, t",
            f"                columns = buckets.setdefault(key, [{', '.join(['[]'] * (2 + len(slots)))}])",
            f"                for column, tensor in zip(columns, ({', '.join(['p', 'grad', *slots])}), strict=True):",
            "                    column.append(tensor)",
        ]

    def slot_values(self) -> list[str]:
        found = []
        for slot in self.lowered.rule.slots:
            always = self.lowered.presence[slot.name] == Constant(True)
            key = self.names.key(slot.name)
            found.append(f'state["{key}"]' if always else f'state.get("{key}")')
        return found

    def finish(self) -> Lines:
        """From a bucket to what `_run` takes."""
        phase, indent = self.code.phases[0], " " * 16
        scalars = self.single and bool(phase.scalars.every)
        lines = ["            for (foreach, device, dtype, _, t), columns in buckets.items():"]
        if complexes.takes(self.lowered):
            lines += [f"{indent}if dtype.is_complex:", f"{indent}    columns = _real_columns(columns)"]
        else:
            lines = [lines[0].replace("dtype", "_")]
        lines += [f"{indent}scalars: Any = {self.shared.call(phase)}"] if scalars else []
        if self.scratch:
            lines += [f"{indent}scratch: Any = [[{', '.join(['None'] * self.scratch)}]] * len(columns[0])"]
        lines += [f"{indent}if compiling:"]
        lines += [f"{indent}    scalars = {phase.scalars.as_tensors('scalars', 'columns[0][0]')}"] if scalars else []
        views = f"{indent}    columns = [[_at_least_1d(x) for x in column] for column in columns]"
        if self.code.tells_numbers:  # the gradient, which nothing changes, keeps the rank
            views = (
                f"{indent}    columns = [[_at_least_1d(x) for x in c] if c is not columns[1] else c for c in columns]"
            )
        lines += [views]
        if self.scratch:
            lines += [
                f'{indent}elif device.type == "cpu" and not foreach:',
                f"{indent}    columns, scratch = _cut(columns, {self.scratch}, {self.code.elementwise})",
            ]
        if self.single:
            parts = ["scratch"] * bool(self.scratch) + ["scalars"] * scalars
            parts += [self.static(phase.static)] if phase.static else []
            return [*lines, f"{indent}work.append(({', '.join(['foreach', 'columns', *parts])}))"]
        static = self.static(list(dict.fromkeys(n for p in self.code.phases for n in p.static)))
        lines += [f"{indent}work.append((foreach, columns, {'scratch' if self.scratch else 'None'}, {static}))"]
        return [*lines, f"{indent}keys.append(({', '.join(['group', 't', 'columns[0][0]', *self.shared.key_names])}))"]

    def static(self, names: list[str]) -> str:
        keys = {self.names(h.name): h.name for h in self.names.hypers}
        values = [hyper_argument(self.names, keys[n]).partition("=")[2] if n in keys else n for n in names]
        return "{" + ", ".join(f'"{n}": {v}' for n, v in zip(names, values, strict=True)) + "}"
