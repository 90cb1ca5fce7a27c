"""Lines that fit: a statement with a line of more than 120 characters is laid out anew, as Black and ruff do it.

A comment after such a statement goes above it. Statements that fit stay as they are, and so do those with comments
between their lines or with a string over several lines.
"""

from __future__ import annotations

import ast
import re
import textwrap
from bisect import bisect
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate

from .pretty import WIDTH, Choice, Doc, printed, wrapped
from .style import CHAINED, OPERATORS, OWN, Expressions, Unknown, inner


def fitted(text: str) -> str:
    """The module with its long lines laid out anew; every statement says what it said."""
    lines = text.split("\n")
    long = [row for row, line in enumerate(lines) if len(line) > WIDTH]
    if not long:
        return text
    source = Statements(text)
    comments = _comments(text, lines)
    new: dict[int, tuple[int, list[str]]] = {}
    for row, column in comments.items():
        if not lines[row][:column].strip():
            new[row] = row, _comment(lines[row], column)
    for node in _spanning(ast.parse(text).body, long):
        with suppress(Unknown):
            new[node.lineno - 1] = _laid(source, node, lines, comments)
    for first in sorted(new, reverse=True):
        last, rows = new[first]
        if any(len(line) > WIDTH for line in lines[first : last + 1]):
            lines[first : last + 1] = rows
    return "\n".join(lines)


WORDS = re.compile(r"""(\"{3}|'{3})(?:\\.|[^\\])*?\1|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|#[^\n]*""", re.DOTALL)
"""A string or a comment: what else could hold a `#`."""


def _comments(text: str, lines: Sequence[str]) -> dict[int, int]:
    """The rows that have a comment, with the column where it begins."""
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    places = [found.start() for found in WORDS.finditer(text) if found[0].startswith("#")]
    return {(row := bisect(starts, place) - 1): place - starts[row] for place in places}


def _spanning(body: list[ast.stmt], rows: list[int]) -> Iterator[ast.stmt]:
    """The statements under `body` that stand on one of these rows, those that hold others before them."""
    for node in body:
        here = bisect(rows, node.lineno - 2)
        if here < len(rows) and rows[here] < (node.end_lineno or 0):
            yield node
            for part in ("body", "orelse", "finalbody"):
                yield from _spanning(getattr(node, part, []), rows)
            for handler in getattr(node, "handlers", []):
                yield from _spanning(handler.body, rows)


def _laid(source: Statements, node: ast.stmt, lines: list[str], comments: dict[int, int]) -> tuple[int, list[str]]:
    """The last line of a statement, and its lines as they are to be; a comment after it goes above it."""
    doc, end = source.statement(node)
    first, last = node.lineno - 1, source.row(end)
    old = lines[first : last + 1]
    said = old[-1][comments[last] :] if last in comments else ""
    old[-1] = old[-1].removesuffix(said).rstrip()
    alone = not lines[first][: node.col_offset].strip() and end - source.starts[last] == len(old[-1].encode())
    if not alone or any(row in comments for row in range(first, last)):
        raise Unknown
    above = _comment(" " * node.col_offset + said, node.col_offset) if said else []
    fits = all(len(line) <= WIDTH for line in old)
    return last, [*above, *(old if fits else printed(doc, node.col_offset).split("\n"))]


def _comment(line: str, indent: int) -> list[str]:
    head = " " * indent + "# "
    return textwrap.wrap(
        line[indent:].removeprefix("#").strip(), WIDTH, initial_indent=head, subsequent_indent=head,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


@dataclass
class Ends:
    """What decides whether brackets around a value can be left out: its loosest operators, its first and last part."""

    loosest: int = 0
    count: int = 0
    brackets: bool = False
    begun: bool = False
    first: ast.expr | None = None
    last: ast.expr | None = None

    def operator(self, level: int, count: int = 1) -> None:
        if level >= self.loosest:
            self.loosest, self.count = level, count + (self.count if level == self.loosest else 0)


class Statements(Expressions):
    """The documents of statements, or of the heads of those that hold others."""

    def statement(self, node: ast.stmt) -> tuple[Doc, int]:
        """The document of a statement, or of the head of one that holds others; and where it ends."""
        indent = node.col_offset
        match node:
            case ast.Return(value=ast.Tuple(elts=parts) as value) if parts and not self.own(value):
                bare: list[Doc] = [doc for part in parts for doc in (self.expr(part, False), ", ")]
                whole = wrapped(self.listed(parts, value))
                return ["return ", Choice((bare[:-1], whole)) if self.omits(value) else whole], self.end(node)
            case ast.Return(value=ast.expr() as value):
                return ["return ", self.value(value, indent)], self.end(node)
            case ast.Assign(targets=[target], value=value):
                return [self.expr(target, False), " = ", self.assigned(target, value, indent)], self.end(node)
            case ast.AugAssign(target=target, op=op, value=value):
                sign = f" {OPERATORS[type(op)][1]}= "
                return [self.expr(target, False), sign, self.assigned(target, value, indent)], self.end(node)
            case ast.AnnAssign(target=target, annotation=kind, value=ast.expr() as value):
                head = f"{self.text(self.start(target), self.end(kind))} = "
                return [head, self.assigned(None, value, indent)], self.end(node)
            case ast.Raise(exc=ast.expr() as value, cause=None):
                return ["raise ", self.expr(value, False)], self.end(node)
            case ast.Expr(value=value):
                return self.expr(value, False), self.end(node)
            case ast.Assert(test=test, msg=ast.expr() as text):
                return ["assert ", self.value(test, indent), ", ", self.value(text, indent)], self.end(node)
            case ast.Assert(test=value) | ast.If(test=value) | ast.While(test=value):
                head = self.bytes[self.start(node) :].split(maxsplit=1)[0].partition(b"(")[0].decode()
            case ast.For(target=target, iter=value):
                head = f"for {self.text(self.start(target), self.end(target))} in"
            case _:
                raise Unknown
        if isinstance(node, ast.Assert):
            return [head, " ", self.value(value, indent)], self.end(node)
        return [head, " ", self.value(value, indent), ":"], self.bytes.index(b":", self.end(value)) + 1

    def assigned(self, target: ast.expr | None, value: ast.expr, indent: int) -> Doc:
        """A target that can break, does so rather than that a call after it gets brackets."""
        breaks = target is None or isinstance(target, ast.Tuple) or self.own(target)
        if breaks and isinstance(value, CHAINED) and not self.fluent(value):
            return self.expr(value, False, False)
        return self.value(value, indent)

    def value(self, node: ast.expr, indent: int) -> Doc:
        """The value of a statement: in brackets of its own where that is better than to break at those it has."""
        if isinstance(node, ast.Tuple) and not self.own(node):
            return self.expr(node)
        bare = self.expr(node, False, False)
        if isinstance(node, (*OWN, ast.Tuple)):
            return bare
        whole = wrapped(self.expr(node, True, False))
        if isinstance(bare, str):
            return Choice((bare, whole)) if len(bare) <= WIDTH - indent - 4 else bare
        root = node
        while isinstance(root, (*CHAINED, ast.UnaryOp)):
            root = root.operand if isinstance(root, ast.UnaryOp) else inner(root)
            if self.bracketed(root):
                return bare
        simple = isinstance(node, CHAINED) and not self.fluent(node)
        return Choice((bare, whole)) if simple or self.omits(node) else whole

    def omits(self, node: ast.expr) -> bool:
        """Whether a value that breaks at its own brackets needs no others: it has few operators, brackets at an end."""
        ends = Ends()
        self.walk(node, ends)
        if not ends.brackets or ends.count > 1:
            return False
        outer = [part for part in (ends.first, ends.last) if part and not isinstance(part, ast.Subscript)]
        return ends.loosest <= 1 or any(self.filled(part) for part in outer)

    def filled(self, node: ast.expr) -> bool:
        """Whether there is something in brackets that are the node's own or around it."""
        empty = self.bytes[self.end(node) - 2 : self.end(node)] in (b"()", b"[]", b"{}")
        return self.bracketed(node) or (self.own(node) and not empty)

    def walk(self, node: ast.expr, ends: Ends) -> None:
        parts: list[ast.expr] = []
        match node:
            case ast.Call() | ast.Subscript() | ast.Attribute():
                value = inner(node)
                self.visit(value, ends)
                ends.brackets |= not isinstance(node, ast.Attribute)
                if isinstance(node, ast.Attribute) and (self.own(value) or self.bracketed(value)):
                    ends.operator(1)
                ends.last = node
            case ast.BinOp(left=left, op=op, right=right):
                ends.operator(OPERATORS[type(op)][0])
                parts = [left, right]
            case ast.BoolOp(values=parts):
                ends.operator(10, len(parts) - 1)
            case ast.Compare(left=left, comparators=values):
                ends.operator(9, len(values))
                parts = [left, *values]
            case ast.IfExp(test=test, body=body, orelse=orelse):
                ends.operator(11, 2)
                parts = [body, test, orelse]
            case ast.Tuple(elts=parts) if not self.own(node):
                ends.operator(12, len(parts) - 1)
            case ast.UnaryOp(operand=value) | ast.Lambda(body=value) | ast.Starred(value=value):
                ends.begun = True
                parts = [value]
            case _:
                ends.brackets |= self.own(node)
        for part in parts:
            self.visit(part, ends)

    def visit(self, node: ast.expr, ends: Ends) -> None:
        ends.last = node
        if self.bracketed(node):
            ends.brackets = True
        else:
            self.walk(node, ends)
        if not ends.begun:
            ends.begun, ends.first = True, node
