"""The step of a lowered rule: `update_step` for each variable, or phases in `_backend_update_step` if model-wide."""

from __future__ import annotations

from collections.abc import Iterable

from adaspec import ir
from adaspec.emit import doc_lines
from adaspec.ir import Assign, Constant, Stmt
from adaspec.lower import Lowered, Subtract
from adaspec.noise import SEED
from adaspec.phases import Phase

from .names import Names
from .printer import KerasPrinter, Statements, reads, traced_names
from .texts import DISTRIBUTED
from .unused import needed

BODY = " " * 8
PUT_BACK = "ops.cond(ops.equal(self._shown, 0), lambda: None, self._put_back)"
COPY_LATE = "ops.cond(ops.equal(self.iterations, 0), self._copy_late, lambda: None)"


class Steps:
    """Prints the methods that make a step; `used` collects the module-level helpers that they call."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.lowered: Lowered = names.lowered
        self.rule = self.lowered.rule
        self.traced = traced_names(names)
        self.used: set[str] = set()
        self.slots = [s.name for s in self.rule.slots]
        self.copies = [s.name for s in self.rule.slots if s.init.kind == "copy"]
        self.shared = [s.name for s in self.rule.shared]
        self.inputs = list(self.rule.array_inputs)
        self.arrays = [self.rule.param, self.rule.grad, *self.inputs, *self.slots]
        everything = tuple(s for p in self.lowered.phases for s in (*p.scalars, *p.body))
        self.bound = {s.name for s in ir.walk(everything) if isinstance(s, Assign | Subtract)}
        # A first gradient that the rule only reads is still kept at the first step.
        present = {n for n, fact in self.lowered.presence.items() if fact != Constant(False)}
        firsts = {s.name for s in self.rule.slots if s.init.kind == "first_grad"} & present
        self.firsts = firsts - self.bound
        self.bound |= firsts
        self.rebound = [h.name for h in names.plain if h.name in self.bound or names.nothing(h) is not None]
        self.decayed = self._decayed()
        self.own = set(self.rule.declared) | {t.name for p in self.lowered.phases for t in p.totals}
        self.known = set(self.own)
        """The names that have a value behind the statements printed so far."""

    # Pieces

    def start(self, name: str, dtype: str) -> str:
        """A hyperparameter that the rule binds anew: a tensor from the start if it is one later."""
        value, hyper = self.names.attributes[name].strip("()"), self.lowered.rule.hyper(name)
        if name not in self.traced or hyper is None or hyper.kind == "Flag":
            return value
        tensor = f"ops.convert_to_tensor({value}, {dtype})"
        return f"None if {value} is None else {tensor}" if hyper.optional else tensor

    def printer(self, *locals_: str) -> KerasPrinter:
        return KerasPrinter(self.names, self.traced, (*locals_, *self.rebound))

    def is_truth(self, name: str) -> bool:
        known = self.lowered.types.get(name)
        return known is not None and known.truth

    def read(self, *nodes: ir.Node) -> set[str]:
        return reads(self.rule.param, nodes)

    def local(self, name: str) -> str:
        return self.names.local[name]

    def state(self, name: str) -> str:
        return f"self.{self.names.state[name]}"

    def scalar_reads(self, wanted: set[str], dtype: str) -> list[str]:
        """The learning rate, t and rebound hyperparameters, as far as they are wanted."""
        lines = []
        if self.names.rate and self.names.rate.name in wanted:
            lines.append(f"{self.local(self.names.rate.name)} = ops.convert_to_tensor(learning_rate, {dtype})")
        if self.rule.step and self.rule.step in wanted:
            lines.append(f"{self.local(self.rule.step)} = ops.cast(self.iterations + 1, {dtype})")
        lines += [f"{self.local(n)} = {self.start(n, dtype)}" for n in self.rebound if n in wanted]
        for n in self.rule.scalar_inputs:
            if n in wanted:
                given = f'self._inputs.given["{n}"]'
                absent = f"None if {given} is None else " if n in self.rule.optional else ""
                lines.append(f"{self.local(n)} = {absent}ops.convert_to_tensor({given}, {dtype})")
        return lines

    def decay_read(self, wanted: set[str]) -> list[str]:
        """The weight decay of this variable: 0 where it is excluded."""
        decay = self.names.decay
        if decay is None or decay.name not in wanted or decay.name in self.rebound:
            return []
        name, own = self.local(decay.name), self.names.attributes[decay.name]
        lines = [f"{name} = {own} if self._use_weight_decay(variable) else 0.0"]
        if decay.optional:
            test = f"if {name} is not None and not self._use_weight_decay(variable):"
            lines = [f"{name} = {own}", test, f"    {name} = 0.0"]
        return lines

    def array_reads(self, wanted: set[str], stepping: bool = True) -> list[str]:
        """Variable, gradient and slots as locals, in the dtype of the arithmetic."""
        lines = []
        if self.rule.param in wanted:
            lines.append(f"{self.local(self.rule.param)} = ops.cast(variable, dtype)")
        firsts = [s.name for s in self.rule.slots if s.init.kind == "first_grad" and s.name in wanted and stepping]
        if self.rule.grad in wanted or firsts:
            note = "  # reshape makes a sparse gradient dense"
            lines.append(f"{self.local(self.rule.grad)} = ops.cast(ops.reshape(gradient, variable.shape), dtype){note}")
        lines += [f'{self.local(n)} = self._input("{n}", variable, dtype)' for n in self.inputs if n in wanted]
        for s in self.rule.slots:
            if s.name in wanted:
                text = f"{self.state(s.name)}[index]"
                cast = f"ops.cast({text}, dtype)" if s.dtype else text
                if s.dtype and self.lowered.presence[s.name] != Constant(True):
                    cast += f" if {text} is not None else None"
                lines.append(f"{self.local(s.name)} = {cast}")
        for n in firsts:
            guard = "" if self.lowered.presence[n] == Constant(True) else f" if {self.local(n)} is not None else None"
            chosen = f"ops.where(ops.equal(self.iterations, 0), {self.local(self.rule.grad)}, {self.local(n)})"
            lines.append(f"{self.local(n)} = {chosen}{guard}")
        return lines

    def noise(self, phase: Phase) -> list[str]:
        """The key of the noise of one variable: seed, t and its place, with the shape and dtype of what is drawn."""
        if not any(isinstance(n, ir.Draw) for n in ir.walk((*phase.body, *(t.value for t in phase.totals)))):
            return []
        place = "self._get_variable_index(variable)"
        seed = self.names.attributes[SEED]
        return [f"noise = {seed}, self.iterations + 1, {place}, tuple(variable.shape), dtype"]

    def assigns(self) -> list[str]:
        """Every new value where it belongs; after all of them are computed."""
        lines = []
        for n in self.slots:
            if n in self.bound:
                text = f"self.assign({self.state(n)}[index], {self.local(n)})"
                always = self.lowered.presence[n] == Constant(True)
                lines += [text] if always else [f"if {self.local(n)} is not None:", f"    {text}"]
        if self.rule.param in self.bound:
            lines.append(f"self.assign(variable, {self.local(self.rule.param)})")
        return lines

    def statements(self, body: Iterable[Stmt], raw: Iterable[str], *locals_: str) -> list[str]:
        printer = self.printer(*locals_)
        text = Statements(printer, raw, self.lowered.comments, self.known)
        lines = text.block(body, BODY)
        self.known = text.known
        self.used |= printer.used
        return lines

    # A rule whose variables know nothing of each other

    def update_step(self) -> list[str]:
        """`update_step(gradient, variable, learning_rate)`."""
        (phase,) = self.lowered.phases
        wanted = self.read(*phase.scalars, *phase.body) | self.bound_under_condition(phase.body) | self.firsts
        lines = ["dtype = _compute_dtype(variable)"]
        if any(n in wanted or n in self.bound for n in self.slots):
            lines.append("index = self._get_variable_index(variable)")
        lines += [*self.decay_read(wanted), *self.scalar_reads(wanted, "dtype"), *self.array_reads(wanted)]
        lines += self.noise(phase)
        decay = [self.names.decay.name] if self.names.decay else []
        blocks = [
            self.statements(phase.scalars, (), *decay),
            self.statements(phase.body, self.arrays, *decay),
            [BODY + line for line in self.assigns()],
        ]
        return [
            "    def update_step(self, gradient, variable, learning_rate):",
            '        """One step of one variable: every new value is computed before the first is assigned."""',
            "        if 0 in variable.shape:",
            "            return",
            *(BODY + line for line in needed(lines, (line for block in blocks for line in block))),
            *(line for block in blocks if block for line in ("", *block)),
            *(DISTRIBUTED.rstrip().split("\n") if self.lowered.views or self.copies else []),
        ]

    def before_step(self) -> list[str]:
        """`_before_step`, which the step of one variable and of the model begin with, where the rule needs it."""
        views, copies = bool(self.lowered.views), bool(self.copies)
        if not views and not copies:
            return []
        about = ["Put the training values back where a view is in the variables."] if views else []
        about += ["Give copies to the slots of variables that had no values before."] if copies else []
        lines = [PUT_BACK] if views else []
        if copies:
            lines += ["if self._late:", f"    {COPY_LATE}"]
        return [
            "    def _before_step(self, distribution=None):",
            *doc_lines([about[0], *(["", *about[1:]] if about[1:] else [])], BODY),
            *(BODY + line for line in lines),
        ]

    def bound_under_condition(self, body: Iterable[Stmt]) -> set[str]:
        """What a branch may leave as it is, arrays and what phases carry: their old values are read in front of it."""
        inner = [s for stmt in body if not isinstance(stmt, Assign | Subtract) for s in ir.walk(stmt)]
        carried = {n for p in self.lowered.phases for n in p.carried}
        return {s.name for s in inner if isinstance(s, Assign) and s.name in {*self.arrays, *carried}}

    # A model-wide rule

    def phases(self) -> list[str]:
        """`_backend_update_step` and one method per phase."""
        phases = self.lowered.phases
        everything = self.read(*(n for p in phases for n in (*p.scalars, *p.body, *(t.value for t in p.totals))))
        lines = [f"{self.local(n)} = {self.state(n)}" for n in self.shared if n in everything]
        lines = ['dtype = "float64"', *self.scalar_reads(everything, "dtype"), *lines]
        asked = self.read(*(s for p in phases for s in p.scalars)) & set(self.inputs)
        lines += [f'{self.local(n)} = self._inputs.given["{n}"]' for n in self.inputs if n in asked]
        out: list[str] = []
        methods: list[str] = []
        self.kept: list[str] = []
        raw = set(self.shared)
        for k, phase in enumerate(phases):
            scalars = [s for s in phase.scalars if s not in self.decayed]
            block = self.statements(scalars, raw)
            raw -= set(ir.assigned(tuple(scalars)))
            out += ["", *block] if block else []
            if phase.body or phase.totals or k + 1 == len(phases):
                call, method = self.phase(k)
                out += ["", *call]
                methods += ["", *method]
        new = [(s, self.lowered.shared_values[s]) for s in self.shared]
        out += [f"{BODY}self.assign({self.state(s)}, {self.local(n)})" for s, n in new if n in self.bound]
        head = [
            "    def _backend_update_step(self, grads, trainable_variables, learning_rate):",
            f'        """{self.summary()}"""',
            *(["        self._once_for_all(self._before_step)"] if self.before_step() else []),
            "        pairs = self._all_reduce_sum_gradients(zip(grads, trainable_variables))",
            "        pairs = [(gradient, variable) for gradient, variable in pairs if 0 not in variable.shape]",
            "        if not pairs:",
            "            return",
        ]
        return [*head, *(BODY + line for line in needed(lines, out)), *out, *methods]

    def summary(self) -> str:
        if any(p.totals for p in self.lowered.phases):
            return "One step of the whole model: sums over every variable decide, so none goes alone."
        return "One step of the whole model: it shares scalars, so no variable goes alone."

    def phase(self, k: int) -> tuple[list[str], list[str]]:
        """The call of phase k for every variable, and its method."""
        phase, last = self.lowered.phases[k], k + 1 == len(self.lowered.phases)
        first = not self.kept
        nodes = [*phase.body, *(t.value for t in phase.totals)]
        wanted = self.read(*nodes) | self.bound_under_condition(phase.body)
        again = self.needed_again(k, wanted)
        wanted |= self.read(*again)
        scalars = self.scalars_passed(k, wanted)
        method = f"_phase_{k + 1}" if len(self.lowered.phases) > 1 else "_update_variable"
        given = ["gradient", "variable", *([] if first else ["kept"]), *(self.local(n) for n in scalars)]
        loop = "gradient, variable in pairs" if first else "(gradient, variable), kept in zip(pairs, held)"
        call = [f"for {loop}:", f"    self.{method}({', '.join(given)})"]
        if not last:
            parts = f"self.{method}({', '.join(given)})", f"for {loop}"
            call = [f"held = [{parts[0]} {parts[1]}]"]
            if len(call[0]) > 112:
                call = ["held = [", *(f"    {part}" for part in parts), "]"]
            call += [f'{self.local(t.name)} = _total(part["{t.name}"] for part in held)' for t in phase.totals]
            self.used |= {"_total"} if phase.totals else set()
        return [BODY + line for line in call], self.phase_method(k, method, given, scalars, wanted, again)

    def phase_method(
        self, k: int, method: str, given: list[str], scalars: list[str], wanted: set[str], again: list[Stmt]
    ) -> list[str]:
        phase, last = self.lowered.phases[k], k + 1 == len(self.lowered.phases)
        kept = list(self.kept)
        fresh = (wanted | self.firsts if last else wanted) - set(kept)
        lines = ["dtype = _compute_dtype(variable)"]
        if any(n in fresh for n in self.slots) or (last and any(n in self.bound for n in self.slots)):
            lines.append("index = self._get_variable_index(variable)")
        lines += self.decay_read(wanted)
        passed = [n for n in scalars if n in self.traced and not self.is_truth(n)]
        casts = [self.local(n) for n in passed if n not in self.rule.optional]
        for n in (self.local(n) for n in passed if n in self.rule.scalar_inputs and n in self.rule.optional):
            lines.append(f"{n} = None if {n} is None else ops.cast({n}, dtype)")
        if len(casts) == 1:
            lines.append(f"{casts[0]} = ops.cast({casts[0]}, dtype)")
        elif casts:
            names = ", ".join(casts)
            lines.append(f"{names} = (ops.cast(scalar, dtype) for scalar in ({names}))")
        held = [n for n in kept if last or n in wanted]
        lines += [f'{self.local(n)} = kept["{n}"]' for n in held]
        lines += [*self.array_reads(fresh), *self.noise(phase)]
        decay = [self.names.decay.name] if self.names.decay else []
        blocks = [self.statements(again, (), *decay), self.statements(phase.body, set(self.arrays) - set(kept), *decay)]
        if last:
            blocks.append([BODY + line for line in self.assigns()])
        else:
            bound = {s.name for s in ir.walk(phase.body) if isinstance(s, Assign | Subtract)}
            new = [n for n in (*self.arrays, *phase.carried) if n in bound]
            printer = self.printer(*decay)
            entries = [f'"{n}": {self.local(n)}' for n in new]
            entries += [f'"{t.name}": {printer.text(printer.shaped(t.value))}' for t in phase.totals]
            self.used |= printer.used
            self.kept = list(dict.fromkeys([*kept, *new]))
            both = ", ".join([*(["**kept"] if kept else []), *entries])
            blocks.append([f"{BODY}return {{{both}}}"])
        what = "one variable's part of the sums" if phase.totals else "one variable"
        return [
            f"    def {method}(self, {', '.join(given)}):",
            f'        """Phase {k + 1}: {what}; new values are computed before the first is assigned."""'
            if last
            else f'        """Phase {k + 1}: {what}; nothing is assigned yet."""',
            *(BODY + line for line in needed(lines, (line for block in blocks for line in block))),
            *(line for block in blocks if block for line in ("", *block)),
        ]

    def scalars_passed(self, k: int, wanted: set[str]) -> list[str]:
        """Scalars of the model that the phase reads, in the order of their binding."""
        phases = self.lowered.phases[: k + 1]
        order = [*([self.names.rate.name] if self.names.rate else []), *([self.rule.step] if self.rule.step else [])]
        order += [*self.rebound, *self.shared, *self.rule.scalar_inputs]
        for phase in phases:
            own = tuple(s for s in phase.scalars if s not in self.decayed)
            order += [*ir.assigned(own), *(t.name for t in phase.totals if phase is not phases[-1])]
        return [n for n in dict.fromkeys(order) if n in wanted]

    def _decayed(self) -> list[Stmt]:
        """Scalars that the weight decay enters and no shared scalar needs: each variable has its own."""
        if self.names.decay is None or not self.lowered.model_wide:
            return []
        tainted, out = {self.names.decay.name}, []
        for phase in self.lowered.phases:
            for stmt in phase.scalars:
                if self.read(stmt) & tainted and stmt not in phase.model:
                    tainted |= set(ir.assigned((stmt,)))
                    out.append(stmt)
        return out

    def needed_again(self, k: int, wanted: set[str]) -> list[Stmt]:
        """Those of `decayed` up to phase k that `wanted` needs, in order."""
        known = [s for p in self.lowered.phases[: k + 1] for s in p.scalars if s in self.decayed]
        wanted, out = set(wanted), []
        for stmt in reversed(known):
            if set(ir.assigned((stmt,))) & wanted:
                wanted |= self.read(stmt)
                out.insert(0, stmt)
        return out
