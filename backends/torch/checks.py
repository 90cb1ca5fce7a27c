"""The head of a generated class, its signature and documentation, and the functions that refuse bad values."""

from __future__ import annotations

import math

from adaspec import ir
from adaspec.emit import doc_lines, domain_text, rule_text
from adaspec.lower import Lowered
from adaspec.vocabulary import KINDS, Domain

from .names import Names, number
from .scalars import FactPrinter, Lines, annotation, signature

WORDS = {"lr": "learning rate", "eps": "epsilon value"}
"""torch's words for what is wrong; other names stand before `value`."""


def class_doc(lowered: Lowered, names: Names) -> Lines:
    spec = lowered.spec
    lines = [f"{spec.title}. {spec.reference}".strip().rstrip(".") + ("." if not spec.reference else ""), ""]
    rest = spec.rule.doc.strip().split("\n")[1:]
    lines += [line.strip() for line in rest if line.strip()] + [""] * any(line.strip() for line in rest)
    x, g, t = lowered.rule.param, lowered.rule.grad, lowered.rule.step
    at = f", at its update {t} = 1, 2, ..." if t else ""
    lines += [f"For every parameter {x} with gradient {g}{at}::", "", *rule_text(lowered), "", "Args:"]
    lines += ["    params: parameters, named parameters, or groups of them with hyperparameters of their own"]
    if names.betas:
        domains = list(dict.fromkeys(domain_text(h) for h in names.betas))
        inside = f", in {domains[0]}" if len(domains) == 1 else ": " + ", ".join(f"in {domain_text(h)}" for h in names.betas)
        betas = f"    betas: {', '.join(h.name for h in names.betas)}{inside} (default: {betas_default(names)})"
    for hyper in names.hypers:
        if hyper in names.betas:
            lines += [betas] if hyper == names.betas[0] else []
            continue
        tensor = ", a number or a 1-element Tensor" if hyper.name == "lr" else ""
        kind = "" if hyper.kind == "Flag" else f"in {domain_text(hyper)}" if "[" in domain_text(hyper) or "(" in domain_text(hyper) else domain_text(hyper)
        where = kind or "True or False"
        lines += [f"    {names(hyper.name)}: {where}{tensor} (default: {number(hyper.default)})"]
    lines += ["    foreach: update many tensors per call; None means where that helps (default: None)", ""]
    slots = ", ".join(f"``{name}``" for name in ["step", *names.slots])
    lines += [f"The state of a parameter holds {slots}."]
    if lowered.rule.shared:
        shared = ", ".join(f"``{names(s.name)}``" for s in lowered.rule.shared)
        lines += [f"What the model shares stands in its parameter group: {shared}."]
    return doc_lines(lines, "    ")


def betas_default(names: Names) -> str:
    return f"({', '.join(number(h.default) for h in names.betas)})"


def init(lowered: Lowered, names: Names) -> Lines:
    arguments, defaults = [], []
    for hyper in names.hypers:
        if hyper in names.betas:
            if hyper == names.betas[0]:
                kinds = ", ".join(annotation(h) for h in names.betas)
                arguments.append(f"betas: tuple[{kinds}] = {betas_default(names)}")
                defaults.append("betas")
            continue
        kind = annotation(hyper) + (" | Tensor" if hyper.name == "lr" else "")
        arguments.append(f"{names(hyper.name)}: {kind} = {number(hyper.default)}")
        defaults.append(names(hyper.name))
    defaults.append("foreach")
    lines = ["    def __init__(", "        self,", "        params: Any,", *(f"        {a}," for a in arguments), "        *,"]
    lines += ["        foreach: bool | None = None,", "    ) -> None:"]
    table = "        defaults = {" + ", ".join(f'"{d}": {d}' for d in defaults) + "}"
    lines += [table] if len(table) <= 120 else ["        defaults = {", *(f'            "{d}": {d},' for d in defaults), "        }"]
    lines += ["        _check_hypers(defaults)"]
    if lowered.views:
        lines += ["        self._shown: str | None = None", "        self._kept: dict[Tensor, Tensor] = {}"]
    return [*lines, "        super().__init__(params, defaults)"]


def condition(value: str, domain: Domain) -> str:
    """`0.0 <= value < 1.0`: NaN and infinities are always outside."""
    low = "-math.inf" if math.isinf(domain.low) else repr(domain.low)
    high = "math.inf" if math.isinf(domain.high) else repr(domain.high)
    inside = f"{low} {'<' if domain.low_open else '<='} {value} {'<' if domain.high_open else '<='} {high}"
    return f"{inside} and {value} == int({value})" if domain.integer else inside


def check_hypers(lowered: Lowered, names: Names) -> Lines:
    lines = ["def _check_hypers(group: dict[str, Any]) -> None:"]
    lines += ['    """Raise ValueError for a value outside its domain; keep the others as plain numbers."""']
    for hyper in names.hypers:
        if hyper in names.betas:
            lines += check_betas(names) if hyper == names.betas[0] else []
            continue
        lines += check_one(hyper, names(hyper.name))
    if len(lines) == 2:
        lines += ["    del group  # there are none"]
    return lines


def check_one(hyper: ir.Hyper, key: str) -> Lines:
    value = f'group["{key}"]'
    what = WORDS.get(hyper.name, f"{key} value")
    if hyper.kind == "Flag":
        return [f"    if not isinstance({value}, bool):", f'        raise TypeError(f"Invalid {what}: {{{value!s}}} (not True or False)")'.replace('group["', "group['").replace('"]}', "']}")]
    shown = f"group['{key}']"
    test = f"not ({condition(value, KINDS[hyper.kind])})" if KINDS[hyper.kind].integer else f"not {condition(value, KINDS[hyper.kind])}"
    optional = f"{value} is not None and " if hyper.optional else ""
    domain = domain_text(hyper)
    inside = f"not in {domain}" if domain[0] in "[(" else f"not {domain}"
    lines: Lines = []
    if hyper.name == "lr":
        lines += [f"    if isinstance({value}, Tensor) and {value}.numel() != 1:", '        raise ValueError("Tensor lr must be 1-element")']
    lines += [f"    if {optional}{test}:", f'        raise ValueError(f"Invalid {what}: {{{shown}}} ({inside})")']
    plain = "int" if hyper.kind == "Count" else "float"
    guard = " and ".join([f"{value} is not None"] * hyper.optional + [f"not isinstance({value}, Tensor)"] * (hyper.name == "lr"))
    if guard:
        return [*lines, f"    if {guard}:", f"        {value} = {plain}({value})"]
    return [*lines, f"    {value} = {plain}({value})"]


def check_betas(names: Names) -> Lines:
    """Each beta by its own domain, in torch's wording."""
    own = [h.name for h in names.betas]
    lines = [f"    {', '.join(own)} = group[\"betas\"]"]
    kinds = list(dict.fromkeys(h.kind for h in names.betas))
    if len(kinds) == 1 and not any(h.optional for h in names.betas):
        domain = KINDS[kinds[0]]
        lines += [f"    for i, beta in enumerate(({', '.join(own)})):", f"        if not {condition('beta', domain)}:"]
        lines += [f'            raise ValueError(f"Invalid beta parameter at index {{i}}: {{beta}} (not in {domain.text})")']
    else:
        for i, h in enumerate(names.betas):
            optional = f"{h.name} is not None and " if h.optional else ""
            lines += [f"    if {optional}not {condition(h.name, KINDS[h.kind])}:"]
            lines += [f'        raise ValueError(f"Invalid beta parameter at index {i}: {{{h.name}}} (not in {domain_text(h)})")']
    plain = ", ".join(f"None if {h.name} is None else float({h.name})" if h.optional else f"float({h.name})" for h in names.betas)
    return [*lines, f'    group["betas"] = ({plain})']


def check_params(lowered: Lowered, names: Names) -> Lines:
    """What a parameter must be, the rule's own assertions among it."""
    cls = lowered.spec.class_name
    lines = signature("_check_params", ["group: dict[str, Any]"], "None")
    lines += [
        '    """Raise for a parameter that the rule cannot update."""',
        '    for p in group["params"]:',
        "        if p.is_complex():",
        f'            raise RuntimeError("{cls} does not support complex parameters")',
        "        if not p.is_floating_point():",
        f'            raise TypeError(f"{cls} updates floating-point Tensors, but one of the params is {{p.dtype}}")',
    ]
    facts = GroupFacts(names, lowered, "p")
    for when, stmt in lowered.asserts:
        test = facts.text(ir.Unary("not", stmt.test))
        if when != ir.Constant(True):
            test = facts.text(ir.Logical("and", (when, ir.Unary("not", stmt.test))))
        message = repr(f"{lowered.spec.name}: {stmt.message} (one of the params has shape %s)")
        lines += [f"        if {test}:", f"            raise ValueError({message} % (tuple(p.shape),))"]
    return lines


class GroupFacts(FactPrinter):
    """Static facts where a parameter and its group are at hand."""

    def __init__(self, names: Names, lowered: Lowered, param: str) -> None:
        super().__init__(names)
        self.lowered = lowered
        self.param = param

    def name(self, name: str) -> str:
        if name in (self.lowered.rule.param, self.lowered.rule.grad):
            return self.param
        betas = [h.name for h in self.names.betas]
        if name in betas:
            return f'group["betas"][{betas.index(name)}]'
        return f'group["{self.names(name)}"]' if self.lowered.rule.hyper(name) else self.names(name)
