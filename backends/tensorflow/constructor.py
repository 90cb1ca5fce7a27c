"""How an optimizer is made: `__init__`, what it refuses, and the config that makes another one."""

from __future__ import annotations

from adaspec import ir
from adaspec.layout import WIDTH
from adaspec.vocabulary import KINDS

from .names import BASE_ARGUMENTS, Names, class_name
from .steps import BODY
from .texts import BASE_DEFAULTS


class Constructor:
    def __init__(self, names: Names) -> None:
        self.names = names
        self.lowered = names.lowered
        self.rule = self.lowered.rule
        self.spec = self.lowered.spec

    def init(self) -> list[str]:
        rate, public = self.names.rate, self.names.public
        given = [*([rate] if rate else []), *self.names.plain]
        arguments = [f"{public[h.name]}={default(h, self.names.nothing(h))}" for h in given]
        base = (*(["weight_decay"] if self.names.base_decay else []), *BASE_ARGUMENTS)
        arguments += [f"{n}={BASE_DEFAULTS.get(n, 'None')}" for n in base]
        aliases = [f'{n}="{word}"' for n, word in self.names.aliases.items()]
        lines = [f"    @_also_named({', '.join(aliases)})"]
        if len(lines[0]) > WIDTH:
            lines = ["    @_also_named(", *(f"        {a}," for a in aliases), "    )"]
        lines += ["    def __init__(", "        self,", *(f"        {a}," for a in arguments), "    ):"]
        if rate:
            lines += [f"{BODY}if not callable(learning_rate):", *_refusals(rate, "learning_rate", BODY + "    ")]
            lines += [f'{BODY}    if not hasattr(learning_rate, "assign"):  # the base class refuses a Variable']
            lines += [f"{BODY}        learning_rate = float(learning_rate)  # and an int"]
        for hyper in self.names.plain:
            name = public[hyper.name]
            if self.required(hyper):
                text = f"Argument `{name}` must be a float. Received: {name}=None"
                lines += [f"{BODY}if {name} is None:", f'{BODY}    raise ValueError("{text}")']
            lines += _refusals(hyper, name, BODY, none=self.names.off(hyper))
        lines += [f"{BODY}super().__init__(", f"{BODY}    learning_rate={'learning_rate' if rate else '0.0'},"]
        if self.names.decay:
            lines.append(f"{BODY}    weight_decay=None,  # or the base class would decay a second time")
        lines += [*(f"{BODY}    {n}={n}," for n in base), f"{BODY})"]
        for h in self.names.plain:
            value = f"{_TYPES.get(h.kind, 'float')}({public[h.name]}{' or 0.0' if self.names.off(h) else ''})"
            value = f"None if {public[h.name]} is None else {value}" if h.optional else value
            lines.append(f"{BODY}{self.names.held[h.name]} = {value}")
        if self.rule.inputs:
            what = f"{class_name(self.spec)} takes inputs with each step: gradient_accumulation_steps must be None"
            lines += [f"{BODY}if gradient_accumulation_steps:", f'{BODY}    raise ValueError("{what}")']
            lines += [f"{BODY}self._inputs = _Inputs()"]
        return lines

    def required(self, hyper: ir.Hyper) -> bool:
        """Whether None is refused as Keras's AdamW refuses it: whose decay is on is no rule to turn it off unsaid."""
        return hyper == self.names.decay and not hyper.optional and hyper.default != 0

    def get_config(self) -> list[str]:
        absent = [] if self.names.decay or self.names.base_decay else ["weight_decay"]
        absent += [] if self.names.rate else ["learning_rate"]
        pairs = [(self.names.public[h.name], self.names.held[h.name]) for h in self.names.plain]
        entries = [f'{BODY}    "{name}": {attribute},' for name, attribute in pairs]
        return [
            "    def get_config(self):",
            f"{BODY}config = super().get_config()",
            *(f'{BODY}config.pop("{n}")  # the rule has none' for n in absent),
            *([f"{BODY}config |= {{", *entries, f"{BODY}}}"] if entries else []),
            f"{BODY}return config",
        ]


_TYPES = {"Count": "int", "Flag": "bool"}


def default(hyper: ir.Hyper, nothing: float | None = None) -> str:
    """The default as the signature has it: a rate of 1 is 1.0, and `nothing` stands for None where it is a number."""
    value = nothing if hyper.default is None else hyper.default
    return repr(value if value is None or hyper.static else float(value))


def _refusals(hyper: ir.Hyper, name: str, indent: str, none: bool = False) -> list[str]:
    """ValueError outside the domain; what cannot be compared with a number is a TypeError by itself."""
    domain = KINDS[hyper.kind]
    below, above = "<" if domain.low_open else "<=", "<" if domain.high_open else "<="
    inside = f"{_end(domain.low)} {below} {name} {above} {_end(domain.high)}"
    test = f"not {inside}"
    if hyper.kind == "Flag":
        test = f"{name} not in (True, False)"
    elif domain.integer:
        test = f"not {inside} or {name} != int({name})"
    if hyper.optional or none:
        test = f"{name} is not None and {f'({test})' if ' or ' in test else test}"
    what = domain.text if hyper.static else f"in {domain.text}"
    what += " or None" if hyper.optional or none else ""
    said, got = f"`{name}` must be {what}. ", f"Received: {name}={{{name}}}"
    raised = [f'{indent}    raise ValueError(f"{said}{got}")']
    if len(raised[0]) > WIDTH:  # a string of two halves: no layout parts one
        raised = [
            f"{indent}    raise ValueError(",
            f'{indent}        "{said}"',
            f'{indent}        f"{got}"',
            f"{indent}    )",
        ]
    return [
        f"{indent}if {test}:",
        *raised,
    ]


def _end(value: float) -> str:
    return f"{value:g}" if abs(value) < 1e9 else "math.inf" if value > 0 else "-math.inf"
