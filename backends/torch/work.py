"""The work of a step: parameters counted and put into buckets, each with the scalars that its update needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adaspec.ir import Constant
from adaspec.noise import SEED

from . import complexes, inputs, sparse
from .scalars import Lines
from .shared import hyper_argument

if TYPE_CHECKING:
    from .frame import Frame

INIT_GROUP = '''
    def _init_group(self, group: dict[str, Any], *columns: list[Any]) -> None:
        """Parameters that have a gradient, with gradient, step and slots, in columns; a compiler calls it itself."""
        pairs = [(p, p.grad) for p in group["params"] if p.grad is not None]
'''.strip("\n")

REASONS = {
    True: "which side of a branch runs is the host's to decide, also in a compiled graph",
    False: "what a step is given is looked at before anything is changed",
}
"""Why a compiler may not follow the work of a step, by whether the rule branches."""


class Work:
    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.code, self.names, self.lowered = frame.code, frame.names, frame.lowered
        self.shared, self.traced, self.single = frame.shared, frame.traced, frame.single
        self.many = any(p.foreach is not None for p in self.code.phases)
        self.draws = self.lowered.draws

    @property
    def width(self) -> int:
        """How many columns there are: parameter, gradient, step, slots, and places where noise is drawn."""
        return 3 + len(self.lowered.rule.slots) + self.draws

    def empty(self, width: int) -> str:
        return f"[{', '.join(['[]'] * width)}]" if width <= 6 else f"[[] for _ in range({width})]"

    # Parameters with what they need, group by group

    def init_group(self) -> Lines:
        lines = ["", *INIT_GROUP.split("\n")]
        values = ["p", "grad", 'state["step"]', *self.slot_values()]
        loop = "for p, grad in pairs:"
        if self.draws:  # the place of each parameter tells its noise from that of the others
            places = 'places = [i for i, p in enumerate(group["params"]) if p.grad is not None]'
            lines += [f"        {places}"]
            loop, values = "for (p, grad), place in zip(pairs, places, strict=True):", [*values, "place"]
        lines += self.shared.placed() if self.traced else []
        return [
            *lines,
            f"        {loop}",
            "            state = self.state[p]",
            "            if not state:",
            "                state.update(_new_state(p, group))",
            f"            for column, value in zip(columns, ({', '.join(values)}), strict=True):",
            "                column.append(value)",
        ]

    def slot_values(self) -> list[str]:
        found = []
        for slot in self.lowered.rule.slots:
            always = self.lowered.presence[slot.name] == Constant(True)
            key = self.names.key(slot.name)
            found.append(f'state["{key}"]' if always else f'state.get("{key}")')
        return found

    # The method

    def lines(self) -> Lines:
        returns = "list[Any]" if self.single else "tuple[list[Any], list[Any]]"
        rule = self.lowered.rule
        given = "".join(f", {self.names(i.name)}: Any" for i in rule.inputs)
        lines: Lines = []
        if not self.traced:
            lines += [f"    # On the host: {REASONS[self.code.branches]}.", "    @torch.compiler.disable"]
        lines += [
            f"    def _work(self{'' if self.traced else ', compiling: bool'}{given}) -> {returns}:",
            '        """Count this step; return parameters of one kind in buckets, with what their update needs."""',
        ]
        if self.frame.views:
            lines += [
                "        if self._shown is not None:",
                "            raise RuntimeError(f\"the parameters show the view '{self._shown}': call train() first\")",
            ]
        lines += self.modes()
        lines += self.shared.refusals()
        lines += sparse.looked_at(self.lowered)
        lines += [" " * 8 + line for line in inputs.matched(rule, self.names, self.names.flags)]
        lines += [
            "        found: list[Any] = []",
            "        for group in self.param_groups:",
            f"            found.append({self.empty(self.width)})",
            "            self._init_group(group, *found[-1])",
        ]
        if sparse.takes(self.lowered):
            lines += [
                "            if any(grad.layout != torch.strided for grad in found[-1][1]):",
                "                self._gathered(group, found[-1])",
            ]
        lines += [
            "        steps = [step for columns in found for step in columns[2]]",
            "        if steps:",
            "            torch._foreach_add_(steps, 1.0)",
            "        work: list[Any] = []",
        ]
        lines += [] if self.single else ["        keys: list[Any] = []"]
        lines += ["        first = 0"] if self.draws else []
        lines += ["        for group, columns in zip(self.param_groups, found, strict=True):"]
        lines += self.shared.of_group()
        lines += self.fill() + self.finish()
        lines += ['            first += len(group["params"])'] if self.draws else []
        lines += self.shared.count_model()
        return [*lines, "        return work" if self.single else "        return work, keys"]

    def modes(self) -> Lines:
        """How this step runs: compiled, captured, differentiated, or none of them."""
        if not self.traced:
            return [
                '        differentiable = self.defaults["differentiable"]',
                "        read = _as_given if differentiable else float",
                "        via = _differentiably if differentiable else None",
            ]
        return [
            "        compiling = torch.compiler.is_compiling()",
            '        differentiable = self.defaults["differentiable"]',
            '        captured = [group["capturable"] for group in self.param_groups]',
            "        if not compiling:",
            "            _check_capture(self)",
            "        # Where nothing may be read from a device, the numbers of the step are tensors.",
            "        traced = compiling or differentiable or any(captured)",
            "        read = _as_given if traced else float",
            "        via = None if compiling or not traced else _differentiably if differentiable else _on_device",
        ]

    def fill(self) -> Lines:
        """The parameters of a group into buckets."""
        rule = self.lowered.rule
        slots = [self.names(s.name) for s in rule.slots]
        plain = "differentiable" if not self.traced else "traced"
        compiling = "" if self.traced else " and not compiling"
        t = "None if traced else step.item()" if self.traced else "step.item()"
        place = ", place" if self.draws else ""
        values = ["step", "p", "grad", "*slots"] if self.traced else ["p", "grad", "*slots"]
        values += ["noise"] if self.draws else []
        values += [f"_beside({self.names(n)}, p)" for n in rule.array_inputs]
        width = len(values) - 1 + len(slots)
        targets = "p, grad, step, *slots" + place
        lines = ["            buckets: dict[Any, list[list[Tensor]]] = {}"]
        lines += [f'            many = group["foreach"] is not False and not {plain}{compiling}'] if self.many else []
        lines += [
            f"            for {targets} in zip(*columns, strict=True):",
            "                n = p.numel()",
            "                if n == 0:",
            "                    continue",
            f"                t = {t}",
        ]
        if self.draws:
            key = f'_key(group["{self.names(SEED)}"], {"step" if self.traced else "t"}, first + place, p)'
            lines += [f"                noise = {key}"]
        firsts = [i for i, s in enumerate(rule.slots) if s.init.kind == "first_grad"]
        if firsts:
            lines += ["                if traced or t == 1:" if self.traced else "                if t == 1:"]
            sign = '-grad if group["maximize"] else grad' if self.frame.maximizes else "grad"
            lines += [f"                    begun = {sign}"]
            begun = "torch.where(step == 1, begun, slots[{i}])" if self.traced else "begun"
            lines += [f"                    slots[{i}][None].copy_({begun.format(i=i)})" for i in firsts]
        if self.many:
            lines += ["                foreach = many and (n <= _SMALL or not p.is_cpu) and type(p) in _PLAIN"]
        return [
            *lines,
            f"                key = {'foreach' if self.many else 'False'}, p.device, p.dtype, grad.dtype, t",
            f"                bucket = buckets.setdefault(key, {self.empty(width)})",
            f"                for column, tensor in zip(bucket, ({', '.join(values)}), strict=True):",
            "                    column.append(tensor)",
        ]

    def finish(self) -> Lines:
        """From a bucket to what `_run` takes."""
        phase, indent = self.code.phases[0], " " * 16
        scalars = self.single and bool(phase.scalars.every)
        columns = "(steps, *columns)" if self.traced else "columns"
        parts = complexes.takes(self.lowered)
        lines = [f"            for (foreach, device, {'dtype' if parts else '_'}, _, t), {columns} in buckets.items():"]
        if parts:
            lines += [f"{indent}if dtype.is_complex:", f"{indent}    columns = _real_columns(columns)"]
        lines += [f"{indent}t = torch.stack(steps) if traced else t"] if self.traced else []
        lines += [f"{indent}numbers = {self.shared.call(phase)}"] if scalars else []
        scratch = self.frame.scratch
        if scratch:
            lines += [f"{indent}scratch: Any = [[{', '.join(['None'] * scratch)}]] * len(columns[0])"]
        views = "[[_at_least_1d(x) for x in column] for column in columns]"
        if self.code.tells_numbers:  # the gradient, which nothing changes, keeps the rank
            views = "[[_at_least_1d(x) for x in c] if c is not columns[1] else c for c in columns]"
        lines += [f"{indent}if compiling:", f"{indent}    columns = {views}"]
        if scratch:
            eager = "traced" if self.traced else "differentiable"
            lines += [
                f'{indent}elif device.type == "cpu" and not foreach and not {eager}:',
                f"{indent}    columns, scratch = _cut(columns, {scratch}, {self.code.elementwise})",
            ]
        how = 'foreach, via, group["maximize"]' if self.frame.maximizes else "foreach, via"
        lines += [f"{indent}how = {how}"]
        if self.single:
            lines += [f"{indent}scalars: Any = {self.shared.rows(phase, 'columns[0]')}"] if scalars else []
            given = ["scratch"] * bool(scratch) + ["scalars"] * scalars
            given += [self.static(phase.static)] if phase.static else []
            return [*lines, f"{indent}work.append(({', '.join(['how', 'columns', *given])}))"]
        static = self.static(list(dict.fromkeys(n for p in self.code.phases for n in p.static)))
        lines += [f"{indent}work.append((how, columns, {'scratch' if scratch else 'None'}, {static}))"]
        return [*lines, f"{indent}keys.append(({', '.join(['group', 't', 'columns[0]', *self.shared.key_names])}))"]

    def static(self, names: list[str]) -> str:
        keys = {self.names(h.name): h.name for h in self.names.hypers}
        values = [hyper_argument(self.names, keys[n]).partition("=")[2] if n in keys else n for n in names]
        return "{" + ", ".join(f'"{n}": {v}' for n, v in zip(names, values, strict=True)) + "}"
