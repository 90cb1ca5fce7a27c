"""What the model shares: scalars of a group or of all groups, and the sums over the model that enter them."""

from __future__ import annotations

from .functions import Code, PhaseCode
from .names import Names
from .scalars import Lines, joined, model_lines, supplied


class SharedCode:
    def __init__(self, code: Code) -> None:
        self.code = code
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
        arguments += [hyper_argument(self.names, n) for n in phase.scalars.hypers()]
        return f"{phase.scalars.function}({', '.join(arguments)})"

    # Of a group

    def of_group(self) -> Lines:
        """The Shareds of a group, advanced when one of its parameters has a gradient."""
        own = self.shares.own
        if not own:
            return []
        indent = " " * 12
        lines = [f"{indent}if all(p.numel() == 0 for p, _ in pairs):", f"{indent}    continue"]
        lines += [f'{indent}group["step"] += 1'] if any(s in self.shares.step for s in own) else []
        lines += [f'{indent}{self.names(s)} = group["{self.names.key(s)}"].item()' for s in own]
        _, inputs, hypers = model_lines(self.code.host, self.shares, own, self.group_model, len(self.code.phases))
        arguments = ['group["step"].item()' if n == self.lowered.rule.step else self.names(n) for n in inputs]
        arguments += [hyper_argument(self.names, n) for n in hypers]
        new = [self.names(self.shares.new[s]) for s in own]
        lines += [f"{indent}{joined(new)} = {self.group_model}({', '.join(arguments)})"]
        return lines + [f'{indent}group["{self.names.key(s)}"].fill_({n})' for s, n in zip(own, new, strict=True)]

    # Of all groups

    def refusals(self) -> Lines:
        found = [word for word, own in self.names.arguments.items() if {h.name for h in own} & set(self.shares.hypers)]
        keys = ", ".join(f'"{key}"' for key in found)
        if not keys:
            return []
        return [
            "        for group in self.param_groups[1:]:",
            f"            for name in ({keys}{',' if ',' not in keys else ''}):",
            "                if group[name] != self.param_groups[0][name]:",
            '                    raise ValueError(f"{name} enters a sum over the model: give all groups the same")',
        ]

    def count_model(self) -> Lines:
        if not any(s in self.shares.step for s in self.shares.total):
            return []
        return ["        if work:", '            self.param_groups[0]["model_step"] += 1']

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
                lines += ["", "    @torch.compiler.disable", *self.numbers_of(phase)]
        return lines

    def numbers_of(self, phase: PhaseCode) -> Lines:
        k, indent = phase.number + 1, " " * 8
        before = [p for p in self.code.phases[: phase.number] if p.totals]
        sums = "".join(f", sums_{p.number + 1}: Any" for p in before)
        also = ", and what the model shares" if self.model_of(phase) else ""
        lines = [
            f"    def _numbers_{k}(self, keys: list[Any]{sums}, compiling: bool) -> list[Any]:",
            f'{indent}"""The scalars of phase {k} for every bucket{also}."""',
            f"{indent}if not keys:",
            f"{indent}    return []",
        ]
        for p in before:
            whole = f"[sum(part.item() for part in parts) for parts in zip(*sums_{p.number + 1}, strict=True)]"
            lines += [f"{indent}{joined(p.totals)} = {whole}"]
        lines += self.model_lines(phase, indent)
        if not phase.scalars.every:
            return [*lines, f"{indent}return []"]
        return [
            *lines,
            f"{indent}rows: list[Any] = []",
            f"{indent}for {', '.join(['group', 't', 'like', *self.key_names])} in keys:",
            f"{indent}    scalars: Any = {self.call(phase)}",
            f"{indent}    rows.append({phase.scalars.as_tensors('scalars', 'like')} if compiling else scalars)",
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
        lines += [f'{indent}{s} = model["{s}"].item()' for s in old]
        if not wanted:
            return lines
        if set(inputs) & {*self.shares.own, *(self.shares.new[s] for s in self.shares.own), *self.supplied}:
            lines += [f"{indent}{', '.join(['_', '_', '_', *self.key_names])} = keys[0]"]
        step = {self.lowered.rule.step: 'model["model_step"].item()'}
        arguments = [step.get(n) or self.names(n) for n in inputs]
        arguments += [hyper_argument(self.names, n, "model") for n in hypers]
        new = [self.names(self.shares.new[s]) for s in wanted]
        lines += [f"{indent}{joined(new)} = {self.model(phase)}({', '.join(arguments)})"]
        if phase.number + 1 == len(self.code.phases):
            lines += [f'{indent}model["{self.names(s)}"].fill_({n})' for s, n in zip(wanted, new, strict=True)]
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
    value = names.value(name, group)
    return f"{names(name)}=float({value})" if name == "lr" else f"{names(name)}={value}"
