"""What the model shares: scalars of a group or of all groups, and the sums over the model that enter them."""

from __future__ import annotations

from .functions import Code, PhaseCode
from .names import Names
from .scalars import Lines, joined, may_be_tensor, model_lines, supplied


class SharedCode:
    def __init__(self, code: Code, traced: bool) -> None:
        """`traced`: whether a compiler may follow the step, all of whose numbers are tensors then."""
        self.code = code
        self.traced = traced
        self.names = code.names
        self.lowered = code.lowered
        self.shares = code.shares
        self.group_model = "_model_of_group" if self.shares.total else "_model"
        own = self.shares.own
        self.own_names = [self.names(s) for s in own] + [self.names(self.shares.new[s]) for s in own]
        self.supplied = supplied(self.names)
        self.key_names = [*self.own_names, *(self.names(n) for n in self.supplied)]
        """What a bucket's key holds beside group, step and an example of its tensors."""

    def call(self, phase: PhaseCode) -> str:
        """The call of a phase's `_scalars`, where `group` and `t` are a bucket's."""
        values = {self.lowered.rule.step: "t"}
        arguments = [values.get(n) or self.names(n) for n in phase.scalars.inputs()]
        arguments += [hyper_read(self.names, n) for n in phase.scalars.hypers()]
        return f"{phase.scalars.function}({', '.join(arguments)})"

    def rows(self, phase: PhaseCode, params: str) -> str:
        """The scalars for each parameter of a bucket, where `numbers` are those of the bucket."""
        if self.traced:
            return f"_rows(numbers, {params}) if traced else [numbers] * len({params})"
        tensors = phase.scalars.as_tensors("numbers", f"{params}[0]")
        same = f"[{tensors} if compiling else numbers] * len({params})"
        return f"_rows(numbers, {params}) if differentiable else {same}"

    # Of a group

    def of_group(self) -> Lines:
        """The Shareds of a group, advanced when one of its parameters has a gradient."""
        own = self.shares.own
        if not own:
            return []
        indent = " " * 12
        lines = [f"{indent}if all(p.numel() == 0 for p in columns[0]):", f"{indent}    continue"]
        lines += (
            [f'{indent}torch._foreach_add_([group["step"]], 1.0)'] if any(s in self.shares.step for s in own) else []
        )
        lines += [f'{indent}{self.names(s)} = read(group["{self.names.key(s)}"])' for s in own]
        _, inputs, hypers = model_lines(self.code.host, self.shares, own, self.group_model, len(self.code.phases))
        arguments = ['read(group["step"])' if n == self.lowered.rule.step else self.names(n) for n in inputs]
        arguments += [hyper_read(self.names, n) for n in hypers]
        new = [self.names(self.shares.new[s]) for s in own]
        lines += [f"{indent}{joined(new)} = {self.group_model}({', '.join(arguments)})"]
        return lines + [f'{indent}_put(group["{self.names.key(s)}"], {n})' for s, n in zip(own, new, strict=True)]

    def placed(self) -> Lines:
        """What a group shares, to where its parameters are if the step is to be captured."""
        own = [self.names.key(s) for s in self.shares.own] + ["step"] * any(
            s in self.shares.step for s in self.shares.own
        )
        total = [self.names.key(s) for s in self.shares.total]
        total += ["model_step"] * any(s in self.shares.step for s in self.shares.total)
        if not own and not total:
            return []
        keys = ", ".join(f'"{n}"' for n in (*own, *total))
        lines = ['        if group["capturable"] and pairs:']
        lines += [f"            for name in ({keys}{',' if ',' not in keys else ''}):"]
        indent = " " * 16
        if total:  # which the first group keeps for all
            lines += [f"{indent}if name in group:"]
            indent += "    "
        return [*lines, f"{indent}group[name] = group[name].to(pairs[0][0].device)"]

    # Of all groups

    def refusals(self) -> Lines:
        found = [word for word, own in self.names.arguments.items() if {h.name for h in own} & set(self.shares.hypers)]
        keys = ", ".join(f'"{key}"' for key in found)
        if not keys:
            return []
        unread = "not (traced and isinstance(group[name], Tensor)) and " if self.traced else ""
        return [
            "        for group in self.param_groups[1:]:",
            f"            for name in ({keys}{',' if ',' not in keys else ''}):",
            f"                if {unread}group[name] != self.param_groups[0][name]:",
            '                    raise ValueError(f"{name} enters a sum over the model: give all groups the same")',
        ]

    def count_model(self) -> Lines:
        if not any(s in self.shares.step for s in self.shares.total):
            return []
        return ["        if work:", '            torch._foreach_add_([self.param_groups[0]["model_step"]], 1.0)']

    def has_numbers(self, phase: PhaseCode) -> bool:
        last = phase.number + 1 == len(self.code.phases)
        return bool(phase.scalars.every) or (last and bool(self.shares.total))

    def model_of(self, phase: PhaseCode) -> list[str]:
        """The Shareds with a total whose new values a phase needs; before the last phase, all of them."""
        if phase.number + 1 == len(self.code.phases):
            return self.shares.total
        given = phase.scalars.inputs() if phase.scalars.every else []
        return [s for s in self.shares.total if self.shares.new[s] in given]

    def model(self, phase: PhaseCode) -> str:
        """The name of the function of what the model shares, as far as this phase needs it."""
        return "_model" if phase.number + 1 == len(self.code.phases) else f"_model_{phase.number + 1}"

    def numbers(self) -> Lines:
        """A method per phase: the totals before it, what the model shares, the scalars of every bucket."""
        lines: Lines = []
        for phase in self.code.phases if len(self.code.phases) > 1 else []:
            if self.has_numbers(phase):
                lines += ["", *([] if self.traced else ["    @torch.compiler.disable"]), *self.numbers_of(phase)]
        return lines

    def numbers_of(self, phase: PhaseCode) -> Lines:
        k, indent = phase.number + 1, " " * 8
        before = [p for p in self.code.phases[: phase.number] if p.totals]
        sums = "".join(f", sums_{p.number + 1}: Any" for p in before)
        also = ", and what the model shares" if self.model_of(phase) else ""
        more = "" if self.traced else ", compiling: bool"
        lines = [
            f"    def _numbers_{k}(self, keys: list[Any]{sums}{more}) -> list[Any]:",
            f'{indent}"""The scalars of phase {k} for every bucket{also}."""',
            f"{indent}if not keys:",
            f"{indent}    return []",
        ]
        if self.traced:
            lines += [
                f"{indent}traced = isinstance(keys[0][1], Tensor)",
                f"{indent}read = _as_given if traced else float",
            ]
        else:
            lines += [f'{indent}differentiable = self.defaults["differentiable"]']
            lines += [f"{indent}read = _as_given if differentiable else float"]
        for p in before:
            whole = f"[sum(read(part) for part in parts) for parts in zip(*sums_{p.number + 1}, strict=True)]"
            lines += [f"{indent}{joined(p.totals)} = {whole}"]
        lines += self.model_lines(phase, indent)
        if not phase.scalars.every:
            return [*lines, f"{indent}return []"]
        return [
            *lines,
            f"{indent}rows: list[Any] = []",
            f"{indent}for {', '.join(['group', 't', 'params', *self.key_names])} in keys:",
            f"{indent}    numbers = {self.call(phase)}",
            f"{indent}    rows.append({self.rows(phase, 'params')})",
            f"{indent}return rows",
        ]

    def model_lines(self, phase: PhaseCode, indent: str) -> Lines:
        """What the model shares, read, and advanced as far as the phase needs it; written back before the last."""
        wanted = self.model_of(phase)
        inputs: list[str] = []
        hypers: list[str] = []
        if wanted:
            _, inputs, hypers = model_lines(self.code.host, self.shares, wanted, self.model(phase), phase.number)
        read = {*inputs, *(phase.scalars.inputs() if phase.scalars.every else ())}
        old = [self.names(s) for s in self.shares.total if s in read]
        lines = [f"{indent}model = self.param_groups[0]"] if old or wanted else []
        lines += [f'{indent}{s} = read(model["{s}"])' for s in old]
        if not wanted:
            return lines
        if set(inputs) & {*self.shares.own, *(self.shares.new[s] for s in self.shares.own), *self.supplied}:
            lines += [f"{indent}{', '.join(['_', '_', '_', *self.key_names])} = keys[0]"]
        step = {self.lowered.rule.step: 'read(model["model_step"])'}
        arguments = [step.get(n) or self.names(n) for n in inputs]
        arguments += [hyper_read(self.names, n, "model") for n in hypers]
        new = [self.names(self.shares.new[s]) for s in wanted]
        lines += [f"{indent}{joined(new)} = {self.model(phase)}({', '.join(arguments)})"]
        if phase.number + 1 == len(self.code.phases):
            lines += [f'{indent}_put(model["{self.names(s)}"], {n})' for s, n in zip(wanted, new, strict=True)]
        return lines

    def models(self) -> Lines:
        """The functions that advance what is shared."""
        wanted = {self.group_model: (self.shares.own, len(self.code.phases))}
        for phase in self.code.phases:
            if self.model_of(phase) and self.has_numbers(phase):
                wanted[self.model(phase)] = (self.model_of(phase), phase.number)
        lines: Lines = []
        for function, (names, upto) in wanted.items():
            if names:
                lines += ["", "", *model_lines(self.code.host, self.shares, names, function, upto)[0]]
        return lines


def hyper_argument(names: Names, name: str, group: str = "group") -> str:
    """`lr=float(group["lr"])`: a hyperparameter of a group as an argument."""
    text = hyper_read(names, name, group)
    return text.replace("=read(", "=float(")


def hyper_read(names: Names, name: str, group: str = "group") -> str:
    """`lr=read(group["lr"])`: the same for a step that reads Tensors, or leaves them where they are."""
    value = names.value(name, group)
    return f"{names(name)}=read({value})" if may_be_tensor(names.lowered.rule.hyper(name)) else f"{names(name)}={value}"
