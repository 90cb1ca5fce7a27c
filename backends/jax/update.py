"""`update_fn` and `view_fn`: the phases of a step as functions of one parameter array."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from adaspec import ir
from adaspec.branching import passed, settled
from adaspec.emit import doc_lines
from adaspec.facts import TRUE
from adaspec.ir import Assign, For, If, Stmt, When
from adaspec.lower import Subtract, View
from adaspec.noise import SEED

from .printer import negated, quoted

if TYPE_CHECKING:
    from . import Module

WIDTH = 120


class Update:
    def __init__(self, module: Module) -> None:
        self.module = module
        self.lowered = module.lowered
        self.rule = module.rule
        self.names = module.names
        self.printer = module.printer
        self.noisy = [
            any(isinstance(n, ir.Draw) for n in ir.walk((*p.body, *(t.value for t in p.totals))))
            for p in self.lowered.phases
        ]
        """Whether a phase draws noise, so that its function is told the place of its parameter."""
        self.arrays = [self.rule.grad, self.rule.param, *self.rule.array_inputs, *(s.name for s in self.rule.slots)]
        """What has a tree of its own outside the functions, in the order of their arguments."""
        bound = [{s.name for s in ir.walk(p.body) if isinstance(s, Assign | Subtract)} for p in self.lowered.phases]
        self.bound = bound
        holds = [k for k, names in enumerate(bound) if self.rule.param in names]
        at = holds[-1] if holds else len(bound) - 1
        plain = all(isinstance(s, Subtract) for s in ir.walk(self.lowered.phases[at].body) if self.binds_param(s))
        self.home = at
        """The phase that binds the parameter last, and yields the update."""
        self.summed = len(holds) == 1 and plain
        """Whether the update is what the statements subtract; else it is the new parameter less the old one."""
        self.known = set(self.rule.declared) | {t.name for p in self.lowered.phases for t in p.totals}
        """The names that have a value where the next statement stands."""

    def binds_param(self, stmt: ir.Node) -> bool:
        return isinstance(stmt, Assign | Subtract) and stmt.name == self.rule.param

    # Which names a phase takes and gives

    def reads(self, k: int) -> set[str]:
        phase = self.lowered.phases[k]
        found = ir.names(phase.body) | {n for t in phase.totals for n in ir.names(t.value)}
        if k == self.home and not self.summed:
            found.add(self.rule.param)
        # What a branch or a loop may leave as it is, an earlier phase may have bound.
        inner = [s for stmt in phase.body if isinstance(stmt, If | For) for s in ir.walk(stmt)]
        carried = {n for p in self.lowered.phases[:k] for n in p.carried}
        return found | (carried & {s.name for s in inner if isinstance(s, Assign)})

    def takes(self, k: int) -> list[str]:
        carried = [n for p in self.lowered.phases[:k] for n in p.carried if n in self.reads(k)]
        slots = {s.name for s in self.rule.slots}
        used = self.reads(k) | (self.bound[k] & slots) | {self.rule.grad}
        if k == 0:
            used |= {s.name for s in self.rule.slots if s.init.kind == "first_grad"}
        if self.rule.param in self.bound[k] and self.read_later(k):
            used.add(self.rule.param)
        return [*(n for n in self.arrays if n in used), *dict.fromkeys(carried)]

    def gives(self, k: int) -> list[str]:
        """Arrays that the phase binds and someone reads later, and what it carries over."""
        phase, slots = self.lowered.phases[k], {s.name for s in self.rule.slots}
        later = {n for j in range(k + 1, len(self.lowered.phases)) for n in self.takes(j)}
        bound = self.bound[k] | ({n for n in slots if self.first_grad(n)} if k == 0 else set())
        return [*(n for n in self.arrays if n in bound and n in later | slots), *phase.carried]

    def first_grad(self, name: str) -> bool:
        return any(s.name == name and s.init.kind == "first_grad" for s in self.rule.slots)

    @property
    def needs_params(self) -> bool:
        return any(self.rule.param in self.takes(k) for k in range(len(self.lowered.phases)))

    # update_fn

    def lines(self) -> list[str]:
        state, names = self.module.state, self.names
        whole = tuple(s for p in self.lowered.phases for s in (*p.scalars, *p.body))
        arguments = ["updates: optax.Updates", f"state: {state}", "params: optax.Params | None = None"]
        keywords = [f"{name}: Any = None" for name in self.module.inputs.values()]
        arguments += [*(["*", *keywords] if keywords else []), "**extra_args: Any"]
        # With inputs one argument a line, as formatters set what does not fit.
        joined = ",\n        ".join(arguments) + "," if keywords else ", ".join(arguments)
        lines = [f"def update_fn(\n        {joined}\n    ) -> tuple[optax.Updates, {state}]:"]
        if any(isinstance(n, ir.Binary) and n.op == "@" for n in ir.walk(whole)):
            # Accelerators multiply float32 matrices with fewer bits unless they are told not to.
            lines.insert(0, '@jax.default_matmul_precision("highest")')
        out: list[str] = []
        if self.needs_params:
            text = f"{self.module.factory} reads the parameters: call update(updates, state, params)."
            out += ["if params is None:", f'    raise ValueError("{text}")']
        out += self.inputs_needed()
        out += ["count = optax.safe_increment(state.count)"]
        if self.rule.shared:
            out += ["if all(_nothing(g) for g in jax.tree.leaves(updates)):  # then what is shared stays, too"]
            out += ["    return updates, state._replace(count=count)"]
        known = "(updates, state, params)" if self.needs_params else "(updates, state)"
        read = ir.names(whole) | {n for p in self.lowered.phases for t in p.totals for n in ir.names(t.value)}
        start = len(out)
        out += self.preamble("state.count", read | set(self.lowered.shared_values.values()))
        at = len(out)
        trees = {n: f"state.{names[n]}" for n in self.arrays} | {self.rule.grad: "updates", self.rule.param: "params"}
        for i in self.rule.inputs:
            public = self.module.inputs[i.name]
            if i.scalar:
                absent = f"None if {public} is None else " if i.optional else ""
                out.append(f'{names[i.name]} = {absent}_scalar("{public}", {public}, dtype)')
            else:
                trees[i.name] = f'_like("{public}", {public}, updates)'
        for k, phase in enumerate(self.lowered.phases):
            scalars = self.block(phase.scalars)
            out += ["", *scalars] if k and scalars else scalars
            out += self.phase(k, trees)
        step = names.get(str(self.rule.step))
        if self.lowered.uses_step and any(re.search(rf"\b{step}\b", line.partition("  # ")[0]) for line in out[at:]):
            out.insert(at, f"{step} = count.astype(dtype)")  # else it stands in comparisons of `count` alone
        out += self.result(trees)
        self.with_dtype(out, start, known)
        return [f"    {line}" for line in lines] + [f"        {line}" if line else "" for line in out]

    def inputs_needed(self) -> list[str]:
        """What every step is given, is there."""
        lines = []
        for i in (i for i in self.rule.inputs if not i.optional):
            name = self.module.inputs[i.name]
            text = f"{self.module.factory} needs its input '{name}': update(updates, state, params, {name}=...)"
            lines += [f"if {name} is None:", f'    raise TypeError("{text}")']
        return lines

    def with_dtype(self, out: list[str], at: int, trees: str) -> None:
        if any("dtype)" in line for line in out[at:]):
            out.insert(at, f"dtype = _wide(*jax.tree.leaves({trees}))")

    def preamble(self, count: str, read: set[str]) -> list[str]:
        """What is known of this step before its first statement, under the spec's names."""
        out = []
        shown = [self.names[h.name] if h.name in read else "_" for h in self.module.traced]
        if set(shown) - {"_"}:
            target = ", ".join(shown) if len(shown) > 1 else f"({shown[0]},)"
            out.append(f"{target} = (_now(h, {count}, dtype) for h in hypers)")
        public = self.module.public
        for h in self.module.static:
            if h.name in read and self.names[h.name] != public[h.name]:
                out.append(f"{self.names[h.name]} = {public[h.name]}")
        return out + [f"{self.names[s.name]} = state.{self.names[s.name]}" for s in self.rule.shared if s.name in read]

    def phase(self, k: int, trees: dict[str, str]) -> list[str]:
        """The function of one phase, its application, and its totals; `trees` learns where its results are."""
        phase, names = self.lowered.phases[k], self.names
        takes, gives = self.takes(k), self.gives(k)
        home = k == self.home
        if not (home or gives or phase.totals):
            return []
        function = "rule" if len(self.lowered.phases) == 1 else f"phase{k + 1}"
        body, value = self.body(k)
        g = names[self.rule.grad]
        kept = [names[n] if n in takes else "None" for n in gives]
        skipped = [*([g] if home else []), *kept, *("None" for _ in phase.totals)]
        results = [*([value] if home else []), *(names[n] for n in gives)]
        results += [self.printer.text(t.value) for t in phase.totals]
        inside = [f"if _nothing({g}):", f"    return {listed(skipped)}"]
        for slot in (s.name for s in self.rule.slots if k == 0 and s.init.kind == "first_grad"):
            absent = "" if self.lowered.presence[slot] == TRUE else f"None if {names[slot]} is None else "
            inside.append(f"{names[slot]} = {absent}jnp.where(count == 1, {g}, {names[slot]})")
        if self.noisy[k]:
            inside.append(f"noise = {self.module.public[SEED]}, count, place, {g}")
        inside += self.widened(n for n in takes if trees[n] in (f"state.{names[n]}", "updates", "params"))
        inside += [*body, f"return {listed(results)}"]
        given = [*(["update"] if home else []), *(names[n] for n in gives), *(names[t.name] for t in phase.totals)]
        arguments, sources = [names[n] for n in takes], [trees[n] for n in takes]
        if self.moved(k):
            arguments.append("old")
            sources.append("params")
        if self.noisy[k]:
            arguments.append("place")
            sources.append(f"_places({sources[0]})")
        applied = ", ".join(["_each(" + str(len(given)), function, *sources])
        target = ", ".join(given) if len(given) > 1 else f"({given[0]},)"
        out = ["", f"def {function}({', '.join([*arguments, *self.outer(k)])}):"]
        out += [f"    {line}" if line else "" for line in inside]
        line = f"{target} = {applied})"
        broken = [f"{target} = _each(", *(f"    {a}," for a in applied.removeprefix("_each(").split(", ")), ")"]
        out += ["", *([line] if len(line) + 8 <= WIDTH else broken)]
        out += [f"{names[t.name]} = _total({names[t.name]}, dtype)" for t in phase.totals]
        trees |= {n: names[n] for n in gives}
        return out

    def widened(self, names: Iterable[str]) -> list[str]:
        """Slots of a dtype of their own, in that of the arithmetic: the parameter's, or the gradient's alone."""
        names = list(names)
        like = ", ".join(self.names[n] for n in (self.rule.grad, self.rule.param) if n in names)
        lines = []
        for slot in (s for s in self.rule.slots if s.dtype and s.name in names):
            absent = (
                "" if self.lowered.presence[slot.name] == TRUE else f"None if {self.names[slot.name]} is None else "
            )
            lines.append(f"{self.names[slot.name]} = {absent}{self.names[slot.name]}.astype(_wide({like}))")
        return lines

    def outer(self, k: int) -> list[str]:
        """Scalars of `update_fn` that the function binds anew: as arguments, for a name is local or it is not."""
        outer = {s.name for s in self.rule.shared} | {h.name for h in self.rule.hypers} | {self.rule.step}
        outer |= set(self.rule.scalar_inputs)
        outer |= {n for p in self.lowered.phases for n in ir.assigned(p.scalars)}
        again = [n for n in ir.assigned(self.lowered.phases[k].body) if n in outer and n not in self.takes(k)]
        return [f"{self.names[n]}={self.names[n]}" for n in again]

    def body(self, k: int) -> tuple[list[str], str]:
        """The statements of a phase, and the expression of the update in the phase that yields it."""
        stmts, param = self.lowered.phases[k].body, self.names[self.rule.param]
        if k != self.home:
            return self.block(stmts), ""
        if not self.summed:
            if self.rule.param not in self.bound[k]:
                return self.block(stmts), f"jnp.zeros_like({self.names[self.rule.grad]})"
            start = [] if self.moved(k) else [f"old = {param}"]
            return [*start, *self.block(stmts)], f"{param} - old"
        last = stmts[-1]
        if sum(self.binds_param(s) for s in ir.walk(stmts)) == 1 and isinstance(last, Subtract):
            reads = {n for t in self.lowered.phases[k].totals for n in ir.names(t.value)}
            if self.rule.param not in reads and not self.read_later(k):
                return self.block(stmts[:-1]), self.printer.text(negated(last.value))
        return ["update = 0.0", *self.block(stmts)], "update"

    def moved(self, k: int) -> bool:
        """Whether the phase that yields the update finds a parameter that an earlier phase has changed."""
        return k == self.home and any(self.rule.param in bound for bound in self.bound[:k])

    def read_later(self, k: int) -> bool:
        return any(self.rule.param in self.takes(j) for j in range(k + 1, len(self.lowered.phases)))

    def result(self, trees: dict[str, str]) -> list[str]:
        """The updates, and the state by the names of its fields."""
        fields = ["count=count"]
        for slot in self.rule.slots:
            name = self.names[slot.name]
            fields.append(f"{name}=_cast({name}, state.{name})" if trees[slot.name] == name else f"{name}=state.{name}")
        for shared in self.rule.shared:
            name, new = self.names[shared.name], self.names[self.lowered.shared_values[shared.name]]
            fields.append(f"{name}=_cast({new}, state.{name})")
        line = f"return _cast(update, updates), {self.module.state}({', '.join(fields)})"
        if len(line) + 8 <= WIDTH:
            return [line]
        return [f"return _cast(update, updates), {self.module.state}(", *(f"    {f}," for f in fields), ")"]

    # Statements

    def block(self, stmts: Iterable[Stmt]) -> list[str]:
        lines: list[str] = []
        for stmt in stmts:
            before = set(self.known)
            lines += self.stmt(stmt)
            self.known = settled((stmt,), before)
        return lines

    def side(self, stmts: Iterable[Stmt]) -> list[str]:
        """The statements of one way of several."""
        before = set(self.known)
        lines = self.block(stmts)
        self.known = before
        return lines

    def when(self, stmt: When) -> list[str]:
        """Each side of a real branch is a function of what it binds anew."""
        given, made = (self.texts(names) for names in passed(stmt, self.known))
        if not made:
            return []
        lines = []
        for name, body in (("then", stmt.then), ("otherwise", stmt.otherwise)):
            inside = [*self.side(body), f"return {listed(made)}"]
            lines += ["", f"def {name}({', '.join(given)}):", *(f"    {line}" if line else "" for line in inside)]
        target = ", ".join(made) if len(made) > 1 else f"({made[0]},)"
        test = self.printer.text(stmt.test)
        return [*lines, "", f"{target} = _branch({', '.join([test, 'then', 'otherwise', *given])})"]

    def texts(self, names: Iterable[str]) -> list[str]:
        """The variables that hold these names; of a parameter of which only the update is known, that one."""
        out = []
        for name in names:
            if name == self.rule.param and self.summed:
                out += ["update", *([self.names[name]] if name in self.takes(self.home) else [])]
            else:
                out.append(self.names[name])
        return out

    def stmt(self, stmt: Stmt) -> list[str]:
        text = self.printer.text
        match stmt:
            case Assign(name, value):
                line = f"{self.names[name]} = {text(value)}"
                comment = self.lowered.comments.get(name)
                return [f"{line}  # {comment}" if comment and len(line) + len(comment) < WIDTH - 20 else line]
            case Subtract(name, value) if not self.summed:
                return [f"{self.names[name]} = {text(ir.Binary('-', ir.Name(name), value))}"]
            case Subtract(name, value):
                param = self.names[name]
                out = [f"change = {text(value)}", "update = update - change"]
                return [*out, f"{param} = {param} - change"] if name in self.takes(self.home) else out
            case When():
                return self.when(stmt)
            case If(test, then, otherwise):
                lines = [f"if {text(test)}:", *indented(self.side(then))]
                return [*lines, "else:", *indented(self.side(otherwise))] if otherwise else lines
            case For(count, body):
                return [f"for _ in range({text(count)}):", *indented(self.side(body))]
        raise TypeError(type(stmt).__name__)

    # view_fn

    def views(self) -> list[str]:
        known = quoted(", ".join(v.label for v in self.lowered.views))
        grads = ", grads: Any = None" if any(v.takes_grads for v in self.lowered.views) else ""
        out = [f"def view_fn(name: str, params: optax.Params, state: {self.module.state}{grads}) -> optax.Params:"]
        # What the last update went by: a schedule was asked with the number of updates before it.
        whole = set().union(*(v.reads for v in self.lowered.views))
        inside = self.preamble("jnp.maximum(state.count - 1, 0)", whole)
        for view in self.lowered.views:
            inside += [f"if name == {quoted(view.label)}:"]
            if view.takes_grads:
                text = f"the view {view.label!r} takes gradients: view(name, params, state, grads)"
                inside += ["    if grads is None:", f'        raise TypeError("{text}")']
            for part in view.sums:
                name = self.names[part.name]
                inside += self.reading(view, "part", [], part.body, part.value, "None")
                inside[-1] = f"    ({name},) = {inside[-1]}"
                inside.append(f"    {name} = _total({name}, dtype)")
            about = doc_lines((view.doc or "Another reading of a parameter.").split("\n"), "        ")
            inside += self.reading(view, "reading", about, view.body, view.value, self.names[self.rule.param])
            inside[-1] = f"    (view,) = {inside[-1]}"
            inside.append("    return _cast(view, params)")
        self.with_dtype(inside, 0, "(params, state)")
        inside += [f'raise ValueError(f"{self.module.factory} has no view {{name!r}}: it has " + {known})']
        return [f"    {line}" for line in out] + [f"        {line}" if line else "" for line in inside]

    def reading(
        self, view: View, function: str, about: list[str], body: tuple[Stmt, ...], value: ir.Expr, empty: str
    ) -> list[str]:
        """A function of one parameter's arrays, and behind it its application as an expression."""
        x, g = self.rule.param, self.rule.grad
        read = ir.names(body) | ir.names(value) | ({g} if view.takes_grads else set())
        takes = [x, *(n for n in self.arrays if n in read and n != x)]
        trees = ["params" if n == x else "grads" if n == g else f"state.{self.names[n]}" for n in takes]
        out = ["", f"    def {function}({', '.join(self.names[n] for n in takes)}):", *about]
        out += [f"        if _nothing({self.names[g if view.takes_grads else x]}):", f"            return ({empty},)"]
        out += [f"        {line}" for line in (*self.widened(takes), *self.block(body))]
        out += [f"        return ({self.printer.text(value)},)", ""]
        return [*out, f"_each(1, {function}, {', '.join(trees)})"]


def indented(lines: list[str]) -> list[str]:
    return [f"    {line}" if line else "" for line in lines or ["pass"]]


def listed(parts: list[str]) -> str:
    return ", ".join(parts) if len(parts) > 1 else f"({parts[0]},)"
