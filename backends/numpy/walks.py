"""One walk over the blocks of a parameter as text: in-place `np` calls, and reductions summed up block by block."""

from __future__ import annotations

from dataclasses import replace

from adaspec import ir
from adaspec.inplace import plan
from adaspec.ir import Assign, Binary, Call, Expr, For, If, Index, Name, Number, Stmt
from adaspec.lower import Lowered, Subtract, lowered_type
from adaspec.phases import Phase
from adaspec.types import Stage, Type

from .naming import Names
from .operations import Hoist, Operations, Reduction
from .printers import NumberPrinter
from .scalars import data, renamed
from .schedule import At
from .units import SUM, Unit, axis_of, is_view
from .values import Values

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


class Walk:
    """`at` is the walk's place in the schedule, `units` what it computes."""

    def __init__(
        self, lowered: Lowered, names: Names, values: Values, host: NumberPrinter, at: At, units: list[Unit]
    ) -> None:
        self.lowered = lowered
        self.rule = lowered.rule
        self.names = names.copy()  # what the pieces are called, is forgotten behind the walk
        self.values = values
        self.host = host
        self.at = at
        self.sums: dict[str, Reduction] = {}
        self.views: dict[Expr, str] = {}
        """Smaller arrays as they are broadcast against a block, with the names of their pieces."""
        self.types: dict[str, Type] = {n: _on_host(t) for n, t in values.types.items()}
        body: list[Stmt] = []
        for unit in units:
            body += self.unit(unit)
        self.body = tuple(body)

    # Units under the names of this walk

    def unit(self, unit: Unit) -> list[Stmt]:
        names = {n: self.values.within(self.at, n, v) for n, v in unit.reads.items()}
        stmt = unit.stmt
        if unit.home == SUM:
            assert isinstance(stmt, Assign)
            return [self.sum(stmt, names)]
        made = {n: self.values.within(self.at, n, v) for n, v in unit.binds.items()}
        for name, v in unit.binds.items():
            self.types[made[name]] = self.values.units.types[name, v]
        match stmt:
            case Assign(name, value):
                new = Name(names[value.id]) if isinstance(value, Name) else self.pieces(renamed(value, names))
                return [Assign(made[name], new)] if new != Name(made[name]) else []
            case Subtract(name, value):
                new = self.pieces(renamed(value, names))
                if made[name] == name:
                    return [Subtract(name, new)]
                return [Assign(made[name], Binary("-", Name(names[name]), new))]
        before = [Assign(made[n], Name(names[n])) for n in made if n in names and names[n] != made[n]]
        return [*before, self.inside(stmt, {**names, **made})]

    def inside(self, stmt: Stmt, names: dict[str, str]) -> Stmt:
        match stmt:
            case Assign(name, value):
                return Assign(names.get(name, name), self.pieces(renamed(value, names)))
            case Subtract(name, value):
                new = self.pieces(renamed(value, names))
                return (
                    Subtract(name, new)
                    if names[name] == name
                    else Assign(names[name], Binary("-", Name(names[name]), new))
                )
            case If(test, then, otherwise):
                sides = [tuple(self.inside(s, names) for s in side) for side in (then, otherwise)]
                return If(renamed(test, names), *sides)
            case For(count, body):
                return For(renamed(count, names), tuple(self.inside(s, names) for s in body))
        raise TypeError(type(stmt).__name__)

    def sum(self, stmt: Assign, names: dict[str, str]) -> Assign:
        """A reduction, without its axis: how its value is summed up, `accumulate` says."""
        call = stmt.value
        assert isinstance(call, Call)
        axis = call.option("axis")
        piece = "" if axis is None else self.names.fresh(f"{self.names[stmt.name]}_b")
        self.sums[stmt.name] = Reduction(call.function, None if axis is None else axis_of(axis), piece)
        value = self.pieces(renamed(call.args[0], names))
        value = Binary("**", value, Number(2)) if call.function in ("norm", "rms") else value
        return Assign(stmt.name, Call("max" if call.function == "max" else "sum", (value,)))

    def pieces(self, node: Expr) -> Expr:
        """`node` with its smaller arrays under the names of their pieces."""
        if isinstance(node, Name | Index) and is_view(node):
            (name,) = ir.names(node)
            t = self.values.types.get(name)
            if t is not None and t.dims and not t.is_full:
                return Name(self.piece(node, name))
        return node if isinstance(node, ir.Dim | ir.Ndim) else ir.rebuild(node, self.pieces)

    def piece(self, view: Expr, name: str) -> str:
        if view not in self.views:
            self.views[view] = self.names.fresh(f"{self.names[name]}_b")
            self.types[self.views[view]] = lowered_type(view, self.values.types)
        return self.views[view]

    # Text

    def lines(self, hoist: Hoist) -> list[str]:
        """The walk, from the zeros of its sums to their last form. `hoist` names a number in front of the loops."""
        rule = self.rule
        types = {**self.lowered.types, **self.types, **{n: Type(Stage.ARRAY) for n in self.sums}}
        lowered = replace(self.lowered, types=types, intervals=self.host.intervals)
        made = plan(lowered, Phase((), self.body), self.sums, frozenset())
        text = Operations(self.names, self.host, made, self.sums, hoist)
        noisy = any(isinstance(n, ir.Draw) for n in ir.walk(self.body))
        text.arrays.drawn = f"{self.names[rule.param]}, noise, start"
        steps = text.items(made.items)
        steps += [f"start += {self.names[rule.param]}.size"] if noisy else []
        used = {rule.param} if noisy else set()
        used |= data(self.body) | {s.name for s in ir.walk(self.body) if isinstance(s, Assign | Subtract)}
        arrays = {rule.param: "param", rule.grad: "grad"}
        arrays |= {n: f'inputs["{n}"]' for n in rule.array_inputs}
        arrays |= {s.name: self.names.slot(s.name) for s in rule.slots if s.init.whole}
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


def _on_host(t: Type) -> Type:
    """The type of a number as a walk sees it: a scalar like any other, known before the walk."""
    return t if t.dims else replace(t, stage=Stage.STATIC if t.stage.static else Stage.SCALAR)
