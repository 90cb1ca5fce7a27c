"""`build`: the slots of every variable and the scalars of the model, as Keras variables."""

from __future__ import annotations

import textwrap

from adaspec import ir
from adaspec.facts import negation
from adaspec.ir import Constant
from adaspec.layout import WIDTH
from adaspec.printer import PRECEDENCE

from .names import Names
from .printer import KerasPrinter
from .steps import BODY, Steps
from .texts import COPY, HELPERS, SLOT


class State:
    """Prints `build`; `used` collects the module-level helpers that it calls."""

    def __init__(self, names: Names, steps: Steps) -> None:
        self.names = names
        self.lowered = names.lowered
        self.rule = self.lowered.rule
        self.steps = steps
        self.used: set[str] = set()
        self.copies = steps.copies

    def build(self) -> list[str]:
        lines = [*self.asserts(), f"{BODY}super().build(var_list)"]
        if self.copies:
            lines.append(f"{BODY}self._late = False")
        printer = KerasPrinter(self.names, self.steps.traced, smallest=0)
        for slot in self.rule.slots:
            typed = f', dtype="{slot.dtype}"' if slot.dtype else ""
            parts = [f'self._add_slot(variable, "{self.names.slot(slot.name)}"{self.beginning(slot.init)}{typed})']
            presence = self.lowered.presence[slot.name]
            if presence != Constant(True):
                parts.append(f"if {printer.text(printer.shaped(presence), 2)} else None")
            lines += _listed(f"self.{self.names.state[slot.name]}", [*parts, "for variable in var_list"])
        for shared in self.rule.shared:
            start = self.start(ir.Init("full", shared.initial))
            attribute = self.names.state[shared.name]
            lines.append(f'{BODY}self.{attribute} = self.add_variable((), {start}, "float64", name="{shared.name}")')
        if self.lowered.views:
            held = 'self._add_slot(variable, "view-held", variable.shape)'
            lines.append(f"{BODY}self._held = [{held} for variable in var_list]")
            lines.append(f'{BODY}self._shown = self.add_variable((), "zeros", "int32", name="view-shown")')
        self.used |= printer.used
        return [
            "    def build(self, var_list):",
            *(f"{BODY}{row}" for row in textwrap.wrap(f'"""{self.inventory()}"""', WIDTH - len(BODY))),
            f"{BODY}if self.built:",
            f"{BODY}    return",
            *lines,
        ]

    def inventory(self) -> str:
        slots = [f"`{self.names.slot(s.name)}`" for s in self.rule.slots]
        shared = [f"`{s.name}`" for s in self.rule.shared]
        parts = [f"{', '.join(slots)} for every variable"] if slots else []
        parts += [f"{', '.join(shared)} for the whole model"] if shared else []
        text = f"Create {', '.join(parts)}" if parts else "Create no slots: the rule remembers nothing"
        return f"{text}."

    def add_slot(self) -> list[str]:
        if not self.rule.slots:
            return []
        text: str = SLOT
        if self.copies:
            pairs = [f"zip(self.{self.names.state[n]}, self._trainable_variables)" for n in self.copies]
            text += COPY.replace("PAIRS", pairs[0] if len(pairs) == 1 else f"[{', '.join(f'*{p}' for p in pairs)}]")
        if any(s.dtype for s in self.rule.slots):
            own = "_compute_dtype(variable)"
            text = text.replace('"zeros")', '"zeros", dtype=None)').replace(own, f"dtype or {own}")
        return [*text.strip("\n").split("\n")]

    def beginning(self, init: ir.Init) -> str:
        """Shape and initial value of a slot, as arguments of `_add_slot`."""
        shape = "variable.shape"
        if init.scalar:
            shape = "()"
        elif init.only is not None:
            length = f"variable.shape[{init.only}]"
            shape = f"({length}, {length})" if init.square else f"({length},)"
        elif init.cut is not None:
            rank = self.names.attributes[init.rank] if isinstance(init.rank, str) else init.rank
            shape = f"_cut_to({rank}, variable.shape, {init.cut})"
            self.used.add("_cut_to")
        elif init.without is not None:
            shape = f"variable.shape[:{init.without}]"
            shape += f" + variable.shape[{init.without + 1}:]" if init.without < -1 else ""
        start = self.start(init)
        return f", {shape}, {start}" if start != '"zeros"' else f", {shape}"

    def start(self, init: ir.Init) -> str:
        """The initializer of a slot or a Shared."""
        rate = self.names.rate
        if init.kind == "copy":
            found = "self._copy_of(variable)"
        elif init.kind == "eye":
            found = "_eye_of"
        elif rate and init.value == rate.name:
            found = "_rate_of(self)"
        elif isinstance(init.value, str):
            found = f"_full_of({self.names.attributes[init.value]})"
        else:
            found = {0.0: '"zeros"', 1.0: '"ones"'}.get(init.value, f"_full_of({init.value!r})")
        self.used |= {found.partition("(")[0]} & HELPERS.keys()
        return found

    def asserts(self) -> list[str]:
        printer = KerasPrinter(self.names, self.steps.traced, smallest=0)
        lines = [f"{BODY}    _compute_dtype(variable)  # refuses what is not real floating point"]
        for condition, stmt in self.lowered.asserts:
            facts = [negation(stmt.test)] if condition == Constant(True) else [condition, negation(stmt.test)]
            broken = " and ".join(printer.text(printer.shaped(f), PRECEDENCE["not"]) for f in facts)
            message = _quoted(f"{self.rule.name}: {stmt.message}")
            lines += [f"{BODY}    if {broken}:", f"{BODY}        raise ValueError({message} + _described(variable))"]
            self.used.add("_described")
        self.used |= printer.used
        return [f"{BODY}for variable in var_list:", *lines]


def _listed(target: str, parts: list[str]) -> list[str]:
    """`target = [parts]`: on one line if it fits, else a line for each part."""
    whole = f"{BODY}{target} = [{' '.join(parts)}]"
    return [whole] if len(whole) <= 120 else [f"{BODY}{target} = [", *(f"{BODY}    {p}" for p in parts), f"{BODY}]"]


def _quoted(text: str) -> str:
    """A literal of the text, in double quotes where it holds none."""
    literal = ascii(text)
    return f'"{literal[1:-1]}"' if literal[0] == "'" and '"' not in literal else literal
