"""The head of a generated class, its signature and documentation, and the functions that refuse bad values."""

from __future__ import annotations

import math
import textwrap
from dataclasses import replace

from adaspec import ir
from adaspec.emit import doc_lines, domain_text, rule_text
from adaspec.layout import WIDTH
from adaspec.lower import Lowered
from adaspec.vocabulary import KINDS, Domain

from . import complexes
from .docs import tail
from .names import Names, number
from .scalars import FactPrinter, Lines, annotation, may_be_tensor, signature

FLAGS = {
    "foreach": "update many tensors per call; None means where that helps",
    "maximize": "go up the gradient instead of down",
    "capturable": "keep the step on the device of the parameters and read nothing from there, so that a CUDA graph can "
    "hold it; slower outside of one",
    "differentiable": "let gradients flow through the step: to the parameters before it, their gradients and state, "
    "and to hyperparameters that are Tensors; for all groups alike",
    "fused": "do the step in one pass over memory, by a compiled kernel; None means where there is one, which takes "
    "dense tensors in the memory of the host",
}
"""What the flags of a class mean."""

WORDS = {"lr": "learning rate", "eps": "epsilon value"}
"""torch's words for what is wrong; other names stand before `value`."""


def class_doc(lowered: Lowered, names: Names, flags: dict[str, str]) -> Lines:
    """Title and source, the rule as written, the arguments with their domains, the state."""
    spec, rule = lowered.spec, lowered.rule
    rest = [line.strip() for line in rule.doc.strip().split("\n")[1:] if line.strip()]
    at = f", at its update {rule.step} = 1, 2, ..." if rule.step else ""
    lines = [
        *_wrapped(f"{spec.title}. {spec.reference}".strip(), WIDTH - 7),
        "",
        *([*rest, ""] if rest else []),
        f"For every parameter {rule.param} with gradient {rule.grad}{at}::",
        "",
        *rule_text(lowered),
        "",
        "Args:",
        "    params: parameters, named parameters, or groups of them with hyperparameters of their own",
        *(f"    {line}" for line in argument_docs(names)),
        *(line for name, value in flags.items() for line in flag_doc(name, value)),
        "",
        *tail(lowered, names, WIDTH - 4),
    ]
    return doc_lines(lines, "    ")


def flag_doc(name: str, value: str) -> Lines:
    lines = _wrapped(f"{name}: {FLAGS[name]} (default: {value})", WIDTH - 12)
    return [f"    {lines[0]}", *(f"        {line}" for line in lines[1:])]


def _wrapped(text: str, width: int) -> Lines:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def argument_docs(names: Names) -> Lines:
    lines = []
    for word, hypers in names.arguments.items():
        if word in names.tuples:
            domains = [in_domain(h) for h in hypers]
            inside = domains[0] if len(set(domains)) == 1 else " and ".join(domains)
            lines += [f"{word}: {', '.join(h.name for h in hypers)}, {inside} (default: {default(names, word)})"]
            continue
        tensor = ", a number or a 1-element Tensor" if hypers[0].name == "lr" else ""
        lines += [f"{word}: {in_domain(plain(names, hypers[0]))}{tensor} (default: {default(names, word)})"]
    return lines


def in_domain(hyper: ir.Hyper) -> str:
    text = domain_text(hyper)
    return f"in {text}" if text[0] in "[(" else text


def default(names: Names, word: str) -> str:
    """The default of an argument as a literal."""
    hypers = names.arguments[word]
    values = [number(h.default if h.default is not None else names.off(h.name)) for h in hypers]
    return f"({', '.join(values)})" if word in names.tuples else values[0]


def kind(names: Names, word: str) -> str:
    """The annotation of an argument."""
    hypers = names.arguments[word]
    if word in names.tuples:
        return f"tuple[{', '.join(annotation(h) + ' | Tensor' * may_be_tensor(h) for h in hypers)}]"
    return annotation(plain(names, hypers[0])) + " | Tensor" * may_be_tensor(hypers[0])


def plain(names: Names, hyper: ir.Hyper) -> ir.Hyper:
    """The hyperparameter as the signature has it: never None where a number stands for that."""
    return replace(hyper, optional=False) if names.off(hyper.name) is not None else hyper


def init(lowered: Lowered, names: Names, flags: dict[str, str]) -> Lines:
    arguments = [f"{word}: {kind(names, word)} = {default(names, word)}" for word in names.arguments]
    defaults = list(names.arguments)
    defaults += flags
    lines = [
        "    @_named",
        "    def __init__(",
        "        self,",
        "        params: Any,",
        *(f"        {a}," for a in arguments),
        "        *,",
    ]
    for name, value in flags.items():
        lines += [f"        {name}: bool{' | None' if value == 'None' else ''} = {value},"]
    lines += ["    ) -> None:"]
    table = "        defaults = {" + ", ".join(f'"{d}": {d}' for d in defaults) + "}"
    lines += (
        [table]
        if len(table) <= 120
        else ["        defaults = {", *(f'            "{d}": {d},' for d in defaults), "        }"]
    )
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
    for word, hypers in names.arguments.items():
        lines += check_tuple(hypers, word) if word in names.tuples else check_single(names, hypers[0], word)
    if len(lines) == 2:
        lines += ["    del group  # there are none"]
    return lines


def check_single(names: Names, hyper: ir.Hyper, word: str) -> Lines:
    return check_one(plain(names, hyper), word, narrow=not may_be_tensor(hyper))


def check_one(hyper: ir.Hyper, key: str, narrow: bool = False) -> Lines:
    """Refuse one hyperparameter outside its domain, in torch's words; keep it as a plain number, or as a Tensor.

    `narrow`: it stands for None at one of its values, so that it is read where it is taken.
    """
    value, shown = f'group["{key}"]', f"{{group['{key}']}}"
    what = WORDS.get(hyper.name, f"{key} value")
    if hyper.kind == "Flag":
        return [f"    if not isinstance({value}, bool):", *refusal("TypeError", what, shown, "True or False")]
    domain = KINDS[hyper.kind]
    inside = condition(value, domain)
    outside = f"not ({inside})" if domain.integer else f"not {inside}"
    plain = "int" if hyper.kind == "Count" else "float"
    lines: Lines = []
    guards: list[str] = []
    if hyper.optional:
        outside = f"{value} is not None and {outside}"
        guards.append(f"{value} is not None")
    if may_be_tensor(hyper) and not narrow:
        lines = [f'    {value} = _real("{key}", {value})', f"    if {outside}:"]
        return [*lines, *refusal("ValueError", what, shown, domain_text(hyper))]
    lines += [f"    if {outside}:", *refusal("ValueError", what, shown, domain_text(hyper))]
    if not guards:
        return [*lines, f"    {value} = {plain}({value})"]
    return [*lines, f"    if {' and '.join(guards)}:", f"        {value} = {plain}({value})"]


def refusal(error: str, what: str, shown: str, domain: str, indent: str = "        ", whose: str = "") -> Lines:
    inside = f"{whose} not in {domain}".strip() if domain[0] in "[(" else f"{whose} not {domain}".strip()
    return [f'{indent}raise {error}(f"Invalid {what}: {shown} ({inside})")']


def check_tuple(hypers: tuple[ir.Hyper, ...], word: str) -> Lines:
    """Each of a tuple by its own domain, in torch's words."""
    own = [h.name for h in hypers]
    place = "{i}"
    lines = [f'    {", ".join(own)} = (_real(f"{word}[{place}]", v) for i, v in enumerate(group["{word}"]))']
    if any(h.optional for h in hypers):
        lines = [f'    {", ".join(own)} = group["{word}"]']
        lines += [f"    {h.name} = None if {h.name} is None else float({h.name})" for h in hypers]
    kinds = {(h.kind, h.optional) for h in hypers}
    if word == "betas" and len(kinds) == 1 and not hypers[0].optional:
        domain = KINDS[hypers[0].kind]
        lines += [f"    for i, beta in enumerate(({', '.join(own)})):", f"        if not {condition('beta', domain)}:"]
        lines += refusal("ValueError", "beta parameter at index {i}", "{beta}", domain.text, "            ")
        return [*lines, f'    group["{word}"] = ({", ".join(own)})']
    for i, h in enumerate(hypers):
        given = f"{h.name} is not None and " if h.optional else ""
        lines += [f"    if {given}not {condition(h.name, KINDS[h.kind])}:"]
        if word == "betas":
            lines += refusal("ValueError", f"beta parameter at index {i}", f"{{{h.name}}}", domain_text(h))
        else:
            shown = ", ".join(f"{{{name}}}" for name in own)
            lines += refusal("ValueError", f"{plural(word)} values", shown, domain_text(h), whose=h.name)
    return [*lines, f'    group["{word}"] = ({", ".join(own)})']


def plural(word: str) -> str:
    """What stands before `values`: eta of etas, and eps as torch calls it."""
    return WORDS[word].partition(" ")[0] if word in WORDS else word.removesuffix("s")


def check_params(lowered: Lowered, names: Names) -> Lines:
    """What a parameter must be, the rule's own assertions among it."""
    lines = signature("_check_params", ["group: dict[str, Any]"], "None")
    lines += [
        '    """Raise for a parameter that the rule cannot update."""',
        '    for p in group["params"]:',
        *complexes.check(lowered),
    ]
    facts = GroupFacts(names, lowered, "p")
    for when, stmt in lowered.asserts:
        test = facts.text(ir.Unary("not", stmt.test))
        if when != ir.Constant(True):
            test = facts.text(ir.Logical("and", (when, ir.Unary("not", stmt.test))))
        message = repr(f"{lowered.spec.name}: {stmt.message} ")
        if not set(message[1:-1]) & set("\"'\\"):
            message = f'"{message[1:-1]}"'
        lines += [f"        if {test}:", "            raise ValueError(", f"                {message}"]
        lines += ['                f"(one of the params has shape {tuple(p.shape)})"', "            )"]
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
        return self.names.value(name) if self.lowered.rule.hyper(name) else self.names(name)

    def initial(self, value: float | str) -> str:
        """What a slot or a Shared begins with: a literal, or what the group holds now, which may be a Tensor."""
        return f"float({self.name(value)})" if isinstance(value, str) else repr(value)
