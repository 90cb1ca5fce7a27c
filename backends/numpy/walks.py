"""One walk over the blocks of a parameter as text: in-place `np` calls, and reductions summed up block by block."""

from __future__ import annotations

from adaspec import ir
from adaspec.ir import Assign
from adaspec.lower import Lowered, Subtract
from adaspec.streams.schedule import At
from adaspec.streams.timeline import data
from adaspec.streams.units import Unit
from adaspec.streams.values import Values
from adaspec.streams.walk import Walk as StreamWalk

from .naming import Names
from .operations import Hoist, Operations
from .printers import NumberPrinter

FINISH = {
    "norm": "{name} = math.sqrt({name})",
    "rms": "{name} = math.sqrt({name} / param.size)",
    "mean": "{name} /= param.size",
    "max": "{name} = float({name})",
}
FINISH_AXIS = {
    "norm": "np.sqrt({name}, out={name})",
    "rms": "np.sqrt({name} / param.shape[{axis}], out={name})",
    "mean": "{name} /= param.shape[{axis}]",
}


class Walk(StreamWalk):
    """`at` is the walk's place in the schedule, `units` what it computes."""

    def __init__(
        self, lowered: Lowered, names: Names, values: Values, host: NumberPrinter, at: At, units: list[Unit]
    ) -> None:
        super().__init__(lowered, names, values, at, units)
        self.slot = names.slot
        self.host = host

    def lines(self, hoist: Hoist) -> list[str]:
        """The walk, from the zeros of its sums to their last form. `hoist` names a number in front of the loops."""
        rule = self.rule
        made = self.plan(self.host.intervals, frozenset())
        text = Operations(self.names, self.host, made, self.sums, hoist)
        noisy = any(isinstance(n, ir.Draw) for n in ir.walk(self.body))
        text.arrays.drawn = f"{self.names[rule.param]}, noise, start"
        steps = text.items(made.items)
        steps += [f"start += {self.names[rule.param]}.size"] if noisy else []
        used = {rule.param} if noisy else set()
        used |= data(self.body) | {s.name for s in ir.walk(self.body) if isinstance(s, Assign | Subtract)}
        arrays = {rule.param: "param", rule.grad: "grad"}
        arrays |= {n: f'inputs["{n}"]' for n in rule.array_inputs}
        arrays |= {s.name: self.slot(s.name) for s in rule.slots if s.init.whole}
        arrays = {n: a for n, a in arrays.items() if n in used or n == rule.param}  # the first array says the dtype
        targets = [self.names[n] if n in used else "_" for n in arrays]
        given = list(arrays.values())
        for view, piece in self.views.items():
            targets.append(piece)
            given.append(self.host.arrays.text(view) if self.host.arrays else piece)
        lines = []
        for name, r in self.sums.items():
            low = "-math.inf" if r.function == "max" else "0.0"
            lines.append(
                f"{self.names[name]} = {low}"
                if r.axis is None
                else f"{self.names[name]} = _filled(param, {r.axis}, {low})"
            )
            if r.axis is not None:
                targets.append(r.piece)
                given.append(f"{self.names[name]}[..., {'None' if r.axis == -1 else 'None, :'}]")
        targets += made.scratch
        # `_blocks` may go by the order of the memory; noise goes by that of the elements.
        walk = "_tiles" if noisy or len(given) > len(arrays) else "_blocks"
        lines += ["start = 0"] if noisy else []
        head = f"for {', '.join(targets)} in {walk}([{', '.join(given)}], {len(made.scratch)}):"
        if len(head) > 90:
            lines += _wrapped("arrays = [", given, "]")
            head = f"for {', '.join(targets)} in {walk}(arrays, {len(made.scratch)}):"
        if len(targets) == 1:
            head = head.replace(f"for {targets[0]} in", f"for ({targets[0]},) in", 1)
        lines += [head, *("    " + s for s in steps)]
        for name, r in self.sums.items():
            form = (FINISH if r.axis is None else FINISH_AXIS).get(r.function)
            lines += [form.format(name=self.names[name], axis=r.axis)] if form else []
        return lines


def _wrapped(head: str, items: list[str], tail: str) -> list[str]:
    line = f"{head}{', '.join(items)}{tail}"
    if len(line) <= 90:
        return [line]
    lines, row = [head], "   "
    for item in items:
        if len(row) + len(item) + 2 > 88:
            lines.append(row)
            row = "   "
        row += f" {item},"
    return [*lines, row, tail]
