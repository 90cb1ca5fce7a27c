"""The canonical text of a rule: `parse_rule(canonical(rule)) == rule`, and equal rules have equal texts."""

from __future__ import annotations

import re

from . import ir
from .printer import Printer

_PRINTER = Printer()


def canonical(rule: ir.Rule) -> str:
    lines = []
    if rule.doc:
        lines += docstring(rule.doc)
        lines.append("")
    lines += ["from adaspec.lang import *", ""]
    for function in rule.functions:
        lines += ["", *_function(function), ""]
    lines += ["", *_rule(rule)]
    if rule.dialects:
        lines += ["", "", "dialects = {", *(_dialect(d) for d in rule.dialects), "}"]
    return "\n".join(lines) + "\n"


def expression(node: ir.Expr) -> str:
    return _PRINTER.text(node)


def docstring(text: str, indent: str = "") -> list[str]:
    """`text` as a docstring: safe whatever it holds, and the same text again when it is read back."""
    # A quote before another one, or at the end, could close the docstring.
    plain = text.replace("\\", "\\\\")
    if not plain.replace("\n", "").isprintable():
        plain = "".join(map(_escaped, plain))
    escaped = re.sub(r'"(?="|$)', r"\"", plain)
    first, *rest = escaped.split("\n")
    if not rest:
        return [f'{indent}"""{first}"""']
    return [f'{indent}"""{first}', *(f"{indent}{line}" if line else "" for line in rest), f'{indent}"""']


def _escaped(char: str) -> str:
    if char.isprintable() or char == "\n":
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def body(statements: tuple[ir.Stmt, ...], indent: str = "    ", printer: Printer = _PRINTER) -> list[str]:
    """The lines of statements; `printer` spells their expressions."""
    expression = printer.text
    lines: list[str] = []
    for stmt in statements:
        match stmt:
            case ir.Assign(name, value, index):
                target = name if index is None else f"{name}[{expression(index)}]"
                lines.append(f"{indent}{target} = {expression(value)}")
            case ir.Unpack(names, value, indices):
                both = [
                    name + "".join(f"[{expression(i)}]" for i in index)
                    for name, index in zip(names, indices, strict=True)
                ]
                lines.append(f"{indent}{', '.join(both)} = {expression(value)}")
            case ir.If(test, then, otherwise):
                lines.append(f"{indent}if {expression(test)}:")
                lines += body(then, indent + "    ", printer) or [f"{indent}    pass"]
                if otherwise:
                    lines += [f"{indent}else:", *body(otherwise, indent + "    ", printer)]
            case ir.For(count, inner, variable):
                lines += [f"{indent}for {variable} in range({expression(count)}):"]
                lines += body(inner, indent + "    ", printer) or [f"{indent}    pass"]
            case ir.Assert(test, message):
                lines.append(f"{indent}assert {expression(test)}, {message!a}")
            case ir.Return(values):
                lines.append(f"{indent}return {', '.join(expression(v) for v in values)}")
    return lines


def _rule(rule: ir.Rule) -> list[str]:
    arguments = [f"{rule.param}: Param", f"{rule.grad}: Grad"]
    arguments += [f"{rule.step}: Step"] if rule.step else []
    arguments += [input_(i) for i in rule.inputs]
    arguments += [f"{s.name}: Slot{f'[{s.dtype}]' if s.dtype else ''} = {init(s.init)}" for s in rule.slots]
    arguments += [f"{s.name}: Shared = {beginning(s.initial)}" for s in rule.shared]
    if rule.hypers:
        arguments += ["*", *(hyper(h) for h in rule.hypers)]
    lines = [f"def {rule.name}(", *(f"    {a}," for a in arguments), "):"]
    lines += docstring(rule.rule_doc, "    ") if rule.rule_doc else []
    return lines + body(rule.body)


def hyper(h: ir.Hyper) -> str:
    kind = f"Optional[{h.kind}]" if h.optional else h.kind
    return f"{h.name}: {kind} = {h.default!r}"


def beginning(value: float | str) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def input_(i: ir.Input) -> str:
    kind = "Input[Scalar]" if i.scalar else "Input"
    kind = f"Optional[{kind}]" if i.optional else kind
    default = f'grad_at("{i.view}")' if i.view is not None else "None" if i.optional else ""
    return f"{i.name}: {kind}" + (f" = {default}" if default else "")


def init(value: ir.Init) -> str:
    text = f"full({beginning(value.value)})" if value.kind == "full" else value.kind
    if value.only is not None:
        word = "" if value.kind == "eye" else ".square" if value.square else ".only"
        return f"per_axis({text}{word})" if value.per_axis else f"{text}{word}({value.only})"
    text += f".without({value.without})" if value.without is not None else ""
    text += f".cut({value.cut}, {beginning(value.rank)})" if value.cut is not None else ""
    return text + (".scalar" if value.scalar else "")


def _function(function: ir.Function) -> list[str]:
    lines = {"schedule": ["@schedule"], "view": [f'@view("{function.label}")']}.get(function.role, [])
    parts, star = [], False
    for argument in function.arguments:
        if argument.keyword and not star:
            parts.append("*")
            star = True
        parts.append(f"{argument.name}: {argument.kind}" if argument.kind else argument.name)
    lines = [*lines, f"def {function.name}({', '.join(parts)}):"]
    lines += docstring(function.doc, "    ") if function.doc else []
    return lines + body(function.body)


def _dialect(dialect: ir.Dialect) -> str:
    row = [f'of="{dialect.of}"'] if dialect.of else []
    row += [f"{s.name}={s.value!r}" for s in dialect.settings]
    words = ", ".join(f"{w.name}={w.text}" for w in dialect.names)
    row += [f"names=dict({words})"] if words else []
    return f'    "{dialect.name}": dict({", ".join(row)}),'
