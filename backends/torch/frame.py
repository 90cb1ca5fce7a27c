"""The step of a generated class: what is host work, what a compiler may trace, and how buckets of parameters are made."""

from __future__ import annotations

from .functions import Code
from .names import Names
from .scalars import Lines, model_lines


class Frame:
    def __init__(self, code: Code) -> None:
        self.code = code
        self.names: Names = code.names
        self.lowered = code.lowered
        self.shares = code.shares
        self.cls = code.lowered.spec.class_name
        self.single = len(code.phases) == 1
        self.views = bool(code.lowered.views)
        self.scratch = max((len(p.plan.scratch) for p in code.phases), default=0)
        self.static = any(p.static for p in code.phases)

    def step(self) -> Lines:
        lines = [
            "    @torch.no_grad()",
            "    def step(self, closure: Callable[[], Any] | None = None) -> Any:",
            '        """Update every parameter that has a gradient; return the loss of the closure."""',
            "        loss = None",
            "        if closure is not None:",
            "            with torch.enable_grad():",
            "                loss = closure()",
        ]
        if self.single:
            lines += [
                "        for bucket in self._work(torch.compiler.is_compiling()):",
                "            _run(*bucket)",
            ]
            return [*lines, "        return loss"]
        lines += [
            "        compiling = torch.compiler.is_compiling()",
            "        work, keys = self._work(compiling)",
        ]
        for phase in self.code.phases:
            k = phase.number + 1
            sums = "".join(f", sums_{j}" for j in range(1, k) if self.code.phases[j - 1].totals)
            extra = []
            if phase.plan.scratch:
                extra.append("scratch" if len(phase.plan.scratch) == self.scratch else f"[s[:{len(phase.plan.scratch)}] for s in scratch]")
            if self.has_numbers(phase):
                target = f"scalars_{k} = " if phase.scalars.values else ""
                lines += [f"        {target}self._numbers_{k}(keys{sums}, compiling)"]
            if phase.scalars.values:
                extra.append("scalars")
            if phase.static:
                extra.append("{k: static[k] for k in " + repr(phase.static) + "}")
            call = ", ".join(["foreach", "columns", *extra])
            over = "work"
            names = "foreach, columns, scratch, static"
            if phase.scalars.values:
                over, names = f"zip(work, scalars_{k}, strict=True)", f"({names}), scalars"
            lines += self.pass_over(k, phase, over, names, call)
        return [*lines, "        return loss"]

    def pass_over(self, k: int, phase, over: str, names: str, call: str) -> Lines:
        """One phase over all buckets; what later phases need of it goes into the columns."""
        if not phase.returned:
            return [f"        for {names} in {over}:", f"            _run_{k}({call})"]
        if not phase.carried_out:
            return [f"        sums_{k} = [", f"            _run_{k}({call})", f"            for {names} in {over}", "        ]"]
        lines = [f"        sums_{k} = []", f"        for {names} in {over}:", f"            results = _run_{k}({call})"]
        n = len(phase.totals)
        lines += [f"            sums_{k}.append(results[:{n}])"] if n else []
        for i, name in enumerate(phase.carried_out):
            place = {self.names.param: 0, self.names.grad: 1}.get(name)
            lines.append(
                f"            columns.append(results[{n + i}])" if place is None
                else f"            columns[{place}] = results[{n + i}]"
            )  # fmt: skip
        return lines

    # Host work

    def work(self) -> Lines:
        returns = "list[Any]" if self.single else "tuple[list[Any], list[Any]]"
        lines = [
            "    # On the host: as numbers in a compiled graph, the scalars of each step would compile it again.",
            "    @torch.compiler.disable",
            f"    def _work(self, compiling: bool) -> {returns}:",
            '        """Count this step; return the parameters in buckets of one kind, with what their update needs."""',
        ]
        lines += self.refusals()
        lines += [
            "        found = [[(p, g) for p in group[\"params\"] if (g := p.grad) is not None] for group in self.param_groups]",
            "        for _, grad in chain.from_iterable(found):",
            "            if grad.layout != torch.strided:",
            f'                raise RuntimeError("{self.cls} does not support sparse gradients")',
            "        for group, pairs in zip(self.param_groups, found, strict=True):",
            "            for p, _ in pairs:",
            "                state = self.state[p]",
            "                if not state:",
            f"                    state.update(_new_state(p{', group' if self.state_needs_group else ''}))",
            '                state["step"] += 1',
        ]
        lines += ["        work: list[Any] = []"]
        lines += [] if self.single else ["        keys: list[Any] = []"]
        lines += ["        for group, pairs in zip(self.param_groups, found, strict=True):"]
        lines += self.own_shared()
        lines += ["            buckets: dict[Any, list[list[Tensor]]] = {}"]
        many = any(p.foreach is not None for p in self.code.phases)
        if many:
            lines += ['            many = group["foreach"] is not False and not compiling']
        slots = self.slots()
        columns = ", ".join(["[]"] * (2 + len(slots)))
        values = ", ".join(["p", "grad", *slots])
        lines += [
            "            for p, grad in pairs:",
            "                n = p.numel()",
            "                if n == 0:",
            "                    continue",
            "                state = self.state[p]",
            '                t = state["step"].item()',
            *self.first_grads(),
        ]
        if many:
            lines += ["                foreach = many and (n <= _SMALL or not p.is_cpu) and type(p) in _PLAIN"]
        lines += [
            f"                key = {'foreach' if many else 'False'}, p.device, p.dtype, grad.dtype, t",
            f"                columns = buckets.setdefault(key, [{columns}])",
            f"                for column, tensor in zip(columns, ({values}), strict=True):",
            "                    column.append(tensor)",
        ]
        lines += self.finish()
        if self.shares.total and any(s in self.shares.step for s in self.shares.total):
            lines += ["        if work:", '            self.param_groups[0]["model_step"] += 1']
        return [*lines, "        return work" if self.single else "        return work, keys"]

    def finish(self) -> Lines:
        """From a bucket to what `_run` takes."""
        phase = self.code.phases[0]
        lines = ["            for (foreach, device, _, _, t), columns in buckets.items():"]
        indent = " " * 16
        extra = []
        if self.single and phase.scalars.values:
            lines += [f"{indent}scalars: Any = {self.call(phase)}"]
        if self.scratch:
            lines += [f"{indent}scratch: Any = [[{', '.join(['None'] * self.scratch)}]] * len(columns[0])"]
        branch: Lines = []
        if self.single and phase.scalars.values:
            branch += [f"{indent}    scalars = _as_tensors(scalars, columns[0][0])"]
        branch += [f"{indent}    columns = [[_at_least_1d(x) for x in column] for column in columns]"]
        lines += [f"{indent}if compiling:", *branch]
        if self.scratch:
            cut = "True" if self.code.elementwise else "False"
            lines += [
                f'{indent}elif device.type == "cpu" and not foreach:',
                f"{indent}    columns, scratch = _cut(columns, {self.scratch}, {cut})",
            ]
        if self.single:
            extra = (["scratch"] if self.scratch else []) + (["scalars"] if phase.scalars.values else [])
            extra += [self.static_dict(phase)] if phase.static else []
            return [*lines, f"{indent}work.append(({', '.join(['foreach', 'columns', *extra])}))"]
        static = "{" + ", ".join(f'"{n}": group["{n}"]' for n in self.all_static()) + "}"
        scratch = "scratch" if self.scratch else "None"
        lines += [f"{indent}work.append((foreach, columns, {scratch}, {static}))"]
        own = [self.names(s) for s in self.shares.own]
        own += [self.names(self.shares.new[s]) for s in self.shares.own]
        return [*lines, f"{indent}keys.append(({', '.join(['group', 't', 'columns[0][0]', *own])}))"]

    def all_static(self) -> list[str]:
        return list(dict.fromkeys(n for p in self.code.phases for n in p.static))

    def static_dict(self, phase) -> str:
        return "{" + ", ".join(f'"{n}": group["{n}"]' for n in phase.static) + "}"

    @property
    def state_needs_group(self) -> bool:
        from adaspec import ir

        return any(ir.names(c) - {self.lowered.rule.param} for c in self.lowered.presence.values())

    def slots(self) -> list[str]:
        from adaspec.ir import Constant

        always = {n for n, c in self.lowered.presence.items() if c == Constant(True)}
        key = {s.name: self.names(s.name) for s in self.lowered.rule.slots}
        return [f'state["{key[n]}"]' if n in always else f'state.get("{key[n]}")' for n in key]

    def first_grads(self) -> Lines:
        firsts = [self.names(s.name) for s in self.lowered.rule.slots if s.init.kind == "first_grad"]
        if not firsts:
            return []
        return ["                if t == 1:", *(f'                    state["{n}"].copy_(grad)' for n in firsts)]

    def call(self, phase, new: dict[str, str] | None = None) -> str:
        """The call of a phase's `_scalars`."""
        values = {self.lowered.rule.step: "t"}
        for shared in self.lowered.rule.shared:
            values[shared.name] = self.names(shared.name)
            values[self.shares.new[shared.name]] = self.names(self.shares.new[shared.name])
        arguments = [values.get(n) or self.names(n) for n in phase.scalars.inputs()]
        arguments += [hyper_argument(self.names, n) for n in phase.scalars.hypers()]
        return f"{phase.scalars.function}({', '.join(arguments)})"

    # What the model shares

    def has_numbers(self, phase) -> bool:
        last = phase.number + 1 == len(self.code.phases)
        return bool(phase.scalars.values) or (last and bool(self.shares.total))

    def model_of(self, phase) -> list[str]:
        """The Shareds with a total whose new values a phase needs; behind the last phase, all of them."""
        if phase.number + 1 == len(self.code.phases):
            return self.shares.total
        given = phase.scalars.inputs() if phase.scalars.values else []
        return [s for s in self.shares.total if self.shares.new[s] in given]

    def numbers(self) -> Lines:
        """A method per phase: the totals before it, what the model shares, the scalars of every bucket."""
        lines: Lines = []
        for phase in self.code.phases if not self.single else []:
            if self.has_numbers(phase):
                lines += ["", "    @torch.compiler.disable", *self.numbers_of(phase)]
        return lines

    def numbers_of(self, phase) -> Lines:
        k, indent = phase.number + 1, " " * 8
        before = [p for p in self.code.phases[: phase.number] if p.totals]
        sums = "".join(f", sums_{p.number + 1}: Any" for p in before)
        lines = [
            f"    def _numbers_{k}(self, keys: list[Any]{sums}, compiling: bool) -> list[Any]:",
            f'{indent}"""The scalars of phase {k} for every bucket{", and what the model shares" if self.model_of(phase) else ""}."""',
            f"{indent}if not keys:",
            f"{indent}    return []",
        ]
        for p in before:
            lines += [
                f"{indent}{', '.join(p.totals)}{',' if len(p.totals) == 1 else ''} = "
                f"[sum(part.item() for part in parts) for parts in zip(*sums_{p.number + 1}, strict=True)]"
            ]
        wanted = self.model_of(phase)
        inputs, hypers = model_lines(self.code.host, self.shares, wanted, "_model")[1:] if wanted else ([], [])
        read = {*inputs, *(phase.scalars.inputs() if phase.scalars.values else ())}
        old = [self.names(s) for s in self.shares.total if s in read]
        if old or wanted:
            lines += [f"{indent}model = self.param_groups[0]"]
        lines += [f'{indent}{s} = model["{s}"].item()' for s in old]
        if wanted:
            arguments = ['model["model_step"].item()' if n == self.lowered.rule.step else self.names(n) for n in inputs]
            arguments += [hyper_argument(self.names, n, "model") for n in hypers]
            new = [self.names(self.shares.new[s]) for s in wanted]
            lines += [f"{indent}{', '.join(new)}{',' if len(new) == 1 else ''} = {self.model(phase)}({', '.join(arguments)})"]
            if k == len(self.code.phases):
                lines += [f'{indent}model["{self.names(s)}"].fill_({n})' for s, n in zip(wanted, new, strict=True)]
        if not phase.scalars.values:
            return [*lines, f"{indent}return []"]
        own = [self.names(s) for s in self.shares.own]
        own += [self.names(self.shares.new[s]) for s in self.shares.own]
        lines += [f"{indent}rows: list[Any] = []", f"{indent}for {', '.join(['group', 't', 'like', *own])} in keys:"]
        lines += [f"{indent}    scalars: Any = {self.call(phase)}"]
        lines += [f"{indent}    rows.append(_as_tensors(scalars, like) if compiling else scalars)"]
        return [*lines, f"{indent}return rows"]

    def model(self, phase) -> str:
        """The name of the function of what the model shares, as far as this phase needs it."""
        return "_model" if self.model_of(phase) == self.shares.total else f"_model_{phase.number + 1}"

    def models(self) -> Lines:
        lines: Lines = []
        wanted = {"_model_of_group" if self.shares.total else "_model": self.shares.own}
        for phase in self.code.phases:
            if self.model_of(phase) and self.has_numbers(phase):
                wanted[self.model(phase)] = self.model_of(phase)
        for function, names in wanted.items():
            if names:
                lines += ["", "", *model_lines(self.code.host, self.shares, names, function)[0]]
        return lines

    def own_shared(self) -> Lines:
        """The Shareds of a group, advanced when one of its parameters has a gradient."""
        own = self.shares.own
        if not own:
            return []
        indent = " " * 12
        lines = [f"{indent}if all(p.numel() == 0 for p, _ in pairs):", f"{indent}    continue"]
        if any(s in self.shares.step for s in own):
            lines += [f'{indent}group["step"] += 1']
        lines += [f'{indent}{self.names(s)} = group["{self.names(s)}"].item()' for s in own]
        function = "_model_of_group" if self.shares.total else "_model"
        _, inputs, hypers = model_lines(self.code.host, self.shares, own, function)
        arguments = ['group["step"].item()' if n == self.lowered.rule.step else self.names(n) for n in inputs]
        arguments += [hyper_argument(self.names, n) for n in hypers]
        new = [self.names(self.shares.new[s]) for s in own]
        lines += [f"{indent}{', '.join(new)}{',' if len(new) == 1 else ''} = {function}({', '.join(arguments)})"]
        return lines + [f'{indent}group["{self.names(s)}"].fill_({n})' for s, n in zip(own, new, strict=True)]

    def refusals(self) -> Lines:
        lines: Lines = []
        if self.views:
            lines += [
                "        if self._shown is not None:",
                '            raise RuntimeError(f"the parameters show the view \'{self._shown}\': call train() before step()")',
            ]
        hypers = list(dict.fromkeys("betas" if h in [b.name for b in self.names.betas] else self.names(h) for h in self.shares.hypers))
        if self.shares.total and hypers:
            lines += [
                "        for group in self.param_groups[1:]:",
                "            for name in (" + ", ".join(f'"{h}"' for h in hypers) + ("," if len(hypers) == 1 else "") + "):",
                "                if group[name] != self.param_groups[0][name]:",
                '                    raise ValueError(f"{name} enters a sum over the model: all groups must have the same")',
            ]
        return lines


def hyper_argument(names: Names, name: str, group: str = "group") -> str:
    """`lr=float(group["lr"])`: a hyperparameter of a group as an argument."""
    position = [b.name for b in names.betas]
    if name in position:
        return f'{names(name)}={group}["betas"][{position.index(name)}]'
    key = names(name)
    return f'{key}=float({group}["{key}"])' if name == "lr" else f'{key}={group}["{key}"]'
