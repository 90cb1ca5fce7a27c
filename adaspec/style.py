"""Expressions as Black and ruff lay them out: what breaks together, and when a value gets brackets of its own.

Brackets are those of the text: none is taken away but around the value of a statement, where the layout decides.
"""

from __future__ import annotations

import ast
from bisect import bisect
from itertools import accumulate
from typing import TypeAlias

from .pretty import SOFT, SPACE, Choice, Doc, Group, IfBroken, Indent, wrapped

Placed: TypeAlias = ast.expr | ast.stmt | ast.keyword
OPERATORS: dict[type[ast.AST], tuple[int, str]] = {
    ast.Pow: (2, "**"), ast.Mult: (3, "*"), ast.MatMult: (3, "@"), ast.Div: (3, "/"), ast.FloorDiv: (3, "//"),
    ast.Mod: (3, "%"), ast.Add: (4, "+"), ast.Sub: (4, "-"), ast.LShift: (5, "<<"), ast.RShift: (5, ">>"),
    ast.BitAnd: (6, "&"), ast.BitXor: (7, "^"), ast.BitOr: (8, "|"), ast.Eq: (9, "=="), ast.NotEq: (9, "!="),
    ast.Lt: (9, "<"), ast.LtE: (9, "<="), ast.Gt: (9, ">"), ast.GtE: (9, ">="), ast.Is: (9, "is"),
    ast.IsNot: (9, "is not"), ast.In: (9, "in"), ast.NotIn: (9, "not in"), ast.And: (10, "and"), ast.Or: (10, "or"),
    ast.Not: (0, "not "), ast.USub: (0, "-"), ast.UAdd: (0, "+"), ast.Invert: (0, "~"),
}  # fmt: skip
"""How loosely each operator binds, and its text: those of one number break together."""
OWN = (ast.List, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
CHAINED = (ast.Call, ast.Subscript, ast.Attribute)


class Unknown(Exception):
    """A statement that is left as it is."""


def inner(node: ast.expr) -> ast.expr:
    """What a call, a subscript or an attribute is of."""
    assert isinstance(node, CHAINED)
    return node.func if isinstance(node, ast.Call) else node.value


def simple(node: ast.expr) -> bool:
    """Whether the node as an operand of a power or a bound of a slice needs no blanks."""
    match node:
        case ast.UnaryOp(op=op, operand=value) if not isinstance(op, ast.Not):
            return simple(value)
        case ast.Attribute(value=value):
            return simple(value)
    return isinstance(node, (ast.Name, ast.Constant))


class Expressions:
    """The text of a module, and the documents of its expressions."""

    def __init__(self, text: str) -> None:
        self.bytes = text.encode()
        self.starts = list(accumulate((len(line) for line in self.bytes.splitlines(keepends=True)), initial=0))

    # Places

    def row(self, place: int) -> int:
        return bisect(self.starts, place - 1) - 1

    def start(self, node: Placed) -> int:
        return self.starts[node.lineno - 1] + node.col_offset

    def end(self, node: Placed) -> int:
        return self.starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)

    def text(self, start: int, end: int) -> str:
        found = self.bytes[start:end].decode()
        if "\n" in found:
            raise Unknown
        return found

    def bracketed(self, node: ast.expr) -> bool:
        """Whether the node has brackets that are not its own."""
        before, after = self.start(node) - 1, self.end(node)
        while self.bytes[before : before + 1].isspace():
            before -= 1
        while self.bytes[after : after + 1].isspace():
            after += 1
        return self.bytes[before : before + 1] + self.bytes[after : after + 1] == b"()"

    def own(self, node: ast.expr) -> bool:
        """Whether brackets are a part of the node."""
        if isinstance(node, ast.Tuple):
            if not node.elts:
                return True
            opened = self.bytes[self.start(node) : self.start(node.elts[0])].count(b"(")
            return opened > self.bytes[self.end(node.elts[0]) : self.end(node)].partition(b",")[0].count(b")")
        return isinstance(node, (*OWN, ast.Call, ast.Subscript))

    # Expressions. `inside`: brackets around the expression let it break anywhere.

    def expr(self, node: ast.expr, inside: bool = True, keep: bool = True) -> Doc:
        if keep and self.bracketed(node):
            return self.brackets("(", self.expr(node, True, False), ")", inside)
        line: Doc = SPACE if inside else " "
        match node:
            case ast.BinOp() | ast.BoolOp() | ast.Compare():
                return self.group(self.operations(self.operands(node, False), inside), inside)
            case ast.IfExp():
                return self.group(self.conditional(node, inside), inside)
            case ast.UnaryOp(op=op, operand=value):
                return [OPERATORS[type(op)][1], self.expr(value, inside)]
            case ast.Call() | ast.Subscript() | ast.Attribute():
                fluent = inside and self.fluent(node)
                chain = self.chain(node, inside, fluent)
                return Group(chain) if fluent else chain
            case ast.List(elts=parts) | ast.Set(elts=parts) | ast.Tuple(elts=parts) if parts:
                if isinstance(node, ast.Tuple) and not self.own(node):
                    return wrapped(self.listed(parts, node))
                left, right = self.bytes[self.start(node)], self.bytes[self.end(node) - 1]
                body = [self.expr(parts[0]), ","] if isinstance(node, ast.Tuple) and len(parts) == 1 else None
                return self.brackets(chr(left), body or self.listed(parts, node), chr(right), inside)
            case ast.Dict(keys=keys, values=values) if values:
                pairs: list[Doc] = [
                    ["**" if key is None else [self.expr(key), ": "], self.expr(value)]
                    for key, value in zip(keys, values, strict=True)
                ]
                return self.brackets("{", self.joined(pairs, values[-1], node), "}", inside)
            case ast.ListComp(elt=item) | ast.SetComp(elt=item) | ast.GeneratorExp(elt=item):
                left, right = self.bytes[self.start(node)], self.bytes[self.end(node) - 1]
                return self.brackets(chr(left), self.comprehension(Group(self.expr(item)), node), chr(right), inside)
            case ast.DictComp(key=key, value=value):
                item = Group([self.expr(key), ": ", self.expr(value)])
                return self.brackets("{", self.comprehension(item, node), "}", inside)
            case ast.Lambda():
                return self.function(node)
            case ast.Starred(value=value):
                return ["*", self.expr(value, inside)]
            case ast.Slice():
                return self.slice(node)
            case ast.NamedExpr(target=target, value=value):
                return [self.expr(target, inside), " :=", line, self.expr(value, inside)]
        return self.text(self.start(node), self.end(node))

    def group(self, body: Doc, inside: bool) -> Doc:
        return Group(body) if inside else body

    def brackets(self, left: str, body: Doc, right: str, inside: bool) -> Doc:
        return Group([left, Indent([SOFT, body]), SOFT, right], outer=not inside)

    def listed(self, nodes: list[ast.expr], whole: ast.expr) -> Doc:
        return self.joined([self.expr(node) for node in nodes], nodes[-1], whole)

    def joined(self, parts: list[Doc], last: Placed, whole: ast.expr) -> Doc:
        """With commas; where the last part has one already, the list breaks, as in Black."""
        comma = b"," in self.bytes[self.end(last) : self.end(whole)]
        out: list[Doc] = [part for item in parts for part in (item, ",", SPACE)][:-2]
        out += [IfBroken(",")] if comma or len(parts) > 1 else []
        return Group(out, broken=True) if comma else out

    def operands(self, node: ast.expr, keep: bool = True) -> list[ast.expr | tuple[int, str]]:
        """Operands and operators in turn, through all levels that no brackets part."""
        parts, signs = [node], []
        if not (keep and self.bracketed(node)):
            match node:
                case ast.BinOp(left=left, op=op, right=right):
                    parts, signs = [left, right], [op]
                case ast.BoolOp(op=op, values=values):
                    parts, signs = values, [op] * (len(values) - 1)
                case ast.Compare(left=left, ops=ops, comparators=values):
                    parts, signs = [left, *values], ops
        if not signs:
            return [node]
        out = self.operands(parts[0])
        for sign, part in zip(signs, parts[1:], strict=True):
            out += [OPERATORS[type(sign)], *self.operands(part)]
        return out

    def operations(self, parts: list[ast.expr | tuple[int, str]], inside: bool) -> Doc:
        """Broken before the operators that bind loosest."""
        if isinstance(parts[0], ast.expr) and len(parts) == 1:
            return self.expr(parts[0], inside)
        loosest = max(part[0] for part in parts if isinstance(part, tuple))
        out: list[Doc] = []
        begin = 0
        for at, part in enumerate(parts):
            if not isinstance(part, tuple) or part[0] != loosest:
                continue
            out.append(self.operand(parts[begin:at], inside))
            near = (parts[at - 1], parts[at + 1])
            if part[1] == "**" and all(isinstance(n, ast.expr) and simple(n) and not self.bracketed(n) for n in near):
                out += [SOFT, "**", IfBroken(" ")] if inside else ["**"]
            else:
                out += [SPACE if inside else " ", part[1], " "]
            begin = at + 1
        return [*out, self.operand(parts[begin:], inside)]

    def operand(self, parts: list[ast.expr | tuple[int, str]], inside: bool) -> Doc:
        doc = self.operations(parts, inside)
        return Group(doc) if inside and len(parts) > 1 else doc

    def conditional(self, node: ast.IfExp, inside: bool) -> Doc:
        line: Doc = SPACE if inside else " "
        if isinstance(node.orelse, ast.IfExp) and not self.bracketed(node.orelse):
            other = self.conditional(node.orelse, inside)
        else:
            other = self.group(self.expr(node.orelse, inside), inside)
        return [self.expr(node.body, inside), line, "if ", self.expr(node.test, inside), line, "else ", other]

    def fluent(self, node: ast.expr) -> bool:
        """Whether a chain calls often enough to break before its dots."""
        calls = 0
        while isinstance(node, CHAINED):
            value = inner(node)
            if self.bracketed(value):
                return calls + isinstance(node, ast.Attribute) > 1
            calls += isinstance(node, ast.Attribute) and isinstance(value, (ast.Call, ast.Subscript))
            node = value
        return calls > 1

    def chain(self, node: ast.expr, inside: bool, fluent: bool) -> Doc:
        value = inner(node)
        bracketed = self.bracketed(value)
        plain = not isinstance(value, CHAINED) or bracketed
        head = self.expr(value, inside) if plain else self.chain(value, inside, fluent)
        match node:
            case ast.Attribute(attr=name):
                apart = fluent and (bracketed or isinstance(value, (ast.Call, ast.Subscript)))
                return [head, *([SOFT] if apart else []), ".", name]
            case ast.Subscript(slice=ast.Tuple(elts=parts) as key) if parts and not self.own(key):
                return [head, self.brackets("[", self.listed(parts, node), "]", inside)]
            case ast.Subscript(slice=key):
                return [head, self.brackets("[", self.expr(key), "]", inside)]
            case ast.Call(args=[], keywords=[]):
                return [head, "()"]
            case ast.Call():
                return [head, self.brackets("(", Group(self.arguments(node)), ")", inside)]
        raise Unknown

    def arguments(self, node: ast.Call) -> Doc:
        given = sorted([*node.args, *node.keywords], key=self.start)
        if len(given) == 1 and node.args:
            (only,) = node.args
            if isinstance(only, ast.GeneratorExp) and self.end(only) == self.end(node):
                return self.comprehension(Group(self.expr(only.elt)), only)
            doc = self.expr(only, True, False)
            twice = self.bytes[self.end(only) : self.end(node)].count(b")") > 1
            return self.joined([self.brackets("(", doc, ")", True) if twice else doc], only, node)
        parts: list[Doc] = []
        for part in given:
            if isinstance(part, ast.keyword):
                parts.append([f"{part.arg}=" if part.arg else "**", self.expr(part.value)])
            else:
                parts.append(self.expr(part))
        return self.joined(parts, given[-1], node)

    def comprehension(self, item: Doc, node: ast.expr) -> Doc:
        assert isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp))
        out: list[Doc] = [item]
        for part in node.generators:
            if part.is_async:
                raise Unknown
            target = self.text(self.start(part.target), self.end(part.target))
            out += [SPACE, f"for {target} in ", self.expr(part.iter)]
            out += [doc for test in part.ifs for doc in (SPACE, "if ", self.expr(test))]
        return Group(out)

    def function(self, node: ast.Lambda) -> Doc:
        """A lambda expression: what it returns gets brackets if it breaks elsewhere than in its own."""
        body = node.body
        head = self.bytes[self.start(node) : self.start(body)].decode().rstrip("( \n")
        doc = self.expr(body, True, False)
        if "\n" in head:
            raise Unknown
        if isinstance(body, (ast.Call, ast.Subscript)) and not self.fluent(body):
            return [head, " ", Choice((doc, Group(doc, broken=True), ["(", Indent([SOFT, doc]), SOFT, ")"]))]
        return [head, " ", doc if self.own(body) and not isinstance(body, CHAINED) else wrapped(doc)]

    def slice(self, node: ast.Slice) -> Doc:
        parts = [node.lower, node.upper, *([node.step] if node.step else [])]
        gap = "" if all(part is None or simple(part) for part in parts) else " "
        out: list[Doc] = []
        for k, part in enumerate(parts):
            out += [gap if parts[k - 1] else "", ":", gap if part else ""] if k else []
            out += [self.expr(part)] if part else []
        return out
