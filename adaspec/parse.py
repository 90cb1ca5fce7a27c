"""Text to IR: Python's `ast` against a whitelist. Nothing of a spec is imported, compiled or executed.

Each node kind that a spec may use has one method or table row here; any other node is refused by name. Meaning (names,
ranks, domains) is the checker's business.
"""

from __future__ import annotations

import ast
import math

from . import ir
from .declare import Declarations
from .errors import SpecError
from .literals import Located
from .source import MAX_BYTES, decode, tree

MAX_DEPTH = 100
MAX_BLOCKS = 20
BINARY = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@", ast.BitAnd: "&",
    ast.BitOr: "|", ast.Mod: "%", ast.FloorDiv: "//",
}  # fmt: skip
UNARY = {ast.USub: "-", ast.Invert: "~", ast.Not: "not"}
COMPARE = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is",
    ast.IsNot: "is not",
}  # fmt: skip
SPELLED = {ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>"}


def parse_rule(data: bytes | str, path: str = "<spec>") -> ir.Rule:
    """The rule in a spec's text, unchecked. Raises SpecError, located in `path`."""
    text = ""
    try:
        text = decode(data)
        parser, module = Parser(text), tree(text)
        parser.check_strings(module)
        return parser.module(module)
    except SpecError as error:
        shown = text or (data if isinstance(data, str) else data.decode("utf-8", "replace"))
        error.locate(path, shown[: 2 * MAX_BYTES])
        raise


def parse_expression(text: str) -> ir.Expr:
    """One expression, as given to `spec.replace`."""
    text = decode(text).strip()
    node = tree(text).body
    if len(node) != 1 or not isinstance(node[0], ast.Expr):
        raise SpecError("one expression was expected", hint="for example '1 - t**-0.8'")
    return Parser(text).expr(node[0].value)


class Parser(Declarations):
    """Statements and expressions; signatures, decorators and tables are in `Declarations`."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.columns: dict[int, list[int]] = {}
        self.depth = 0

    def span(self, node: Located) -> ir.Span:
        line, end = node.lineno, node.end_lineno or node.lineno
        first, last = node.col_offset, node.end_col_offset or 0
        return ir.Span(line, self.column(line, first), end, self.column(end, last))

    def column(self, line: int, offset: int) -> int:
        """The column in characters of an offset in bytes, which is what `ast` counts."""
        source = self.lines[line - 1]
        if source.isascii():
            return offset
        if line not in self.columns:
            starts = [column for column, char in enumerate(source) for _ in char.encode()]
            self.columns[line] = [*starts, len(source)]
        return self.columns[line][offset]

    def name_span(self, node: ast.FunctionDef) -> ir.Span:
        """The name behind `def`."""
        start = self.span(node)
        column = self.lines[start.line - 1].find(node.name, start.column + 3)
        if column < 0:  # a backslash between the two
            return ir.Span(start.line, start.column, start.line, start.column + 3)
        return ir.Span(start.line, column, start.line, column + len(node.name))

    def check_strings(self, module: ast.Module) -> None:
        """Every string can be written to a file: an escape sequence may have made half a character of it."""
        if not any("\\" in line for line in self.lines):
            return
        for node in ast.walk(module):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                odd = next((c for c in node.value if "\ud800" <= c <= "\udfff"), None)
                if odd:
                    raise self.refuse(node, f"a lone surrogate, U+{ord(odd):04X}", "remove it: it is half a character")

    def refuse(self, node: Located, what: str, hint: str = "") -> SpecError:
        return SpecError(what, self.span(node), hint)

    # Statements

    def body(self, statements: list[ast.stmt]) -> tuple[ir.Stmt, ...]:
        return tuple(self.stmt(s) for s in statements if not isinstance(s, ast.Pass))

    def stmt(self, node: ast.stmt) -> ir.Stmt:
        self.depth += 1
        if self.depth > MAX_BLOCKS:
            raise self.refuse(node, f"statements nested deeper than {MAX_BLOCKS}", "put the inner ones into a helper")
        try:
            return self._stmt(node)
        finally:
            self.depth -= 1

    def _stmt(self, node: ast.stmt) -> ir.Stmt:
        span = self.span(node)
        match node:
            case ast.Assign(targets=[ast.Name(id="_")]) | ast.AugAssign(target=ast.Name(id="_")):
                raise self.refuse(node, "'_' holds nothing: it only counts loops", "bind a name")
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                return ir.Assign(name, self.expr(value), span=span)
            case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=name), slice=ast.Name() as index)], value=value):
                return ir.Assign(name, self.expr(value), self.expr(index), span=span)
            case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value) if type(op) in BINARY:
                # Read as what it stands for: one level deeper than it looks.
                whole = ast.BinOp(ast.Name(name, ast.Load()), op, value)
                for part in (whole, whole.left):
                    ast.copy_location(part, node if part is whole else target)
                return ir.Assign(name, self.expr(whole), span=span)
            case ast.AugAssign(target=ast.Name(), op=op):
                raise self.refuse(node, f"the operator {SPELLED[type(op)]} is not part of the language", HELP)
            case ast.Assign(targets=[ast.Tuple(elts=[_, _, *_] as elts)], value=value) if all(map(_name, elts)):
                indices = tuple(self.index_of(elt) for elt in elts)
                return ir.Unpack(tuple(_name(elt) for elt in elts), self.expr(value), indices, span=span)
            case ast.Assign() | ast.AugAssign() | ast.AnnAssign():
                raise self.refuse(node, "an assignment binds one plain name", "write `m = …`, one name at a time")
            case ast.If(test=test, body=body, orelse=orelse):
                return ir.If(self.expr(test), self.body(body), self.body(orelse), span=span)
            case ast.For(
                target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=[count], keywords=[])
            ) if not node.orelse:
                return ir.For(self.expr(count), self.body(node.body), name, span=span)
            case ast.For():
                raise self.refuse(node, "a loop repeats a Count of times", "write `for _ in range(count):`")
            case ast.Assert(test=test, msg=ast.Constant(value=str(message))) if message.strip():
                return ir.Assert(self.expr(test), message, span=span)
            case ast.Assert():
                raise self.refuse(node, "an assert needs a remedy", 'write `assert fact, "what to do instead"`')
            case ast.Return(value=ast.Tuple(elts=values)):
                return ir.Return(tuple(self.expr(v) for v in values), span=span)
            case ast.Return(value=value) if value is not None:
                return ir.Return((self.expr(value),), span=span)
        raise self.refuse(node, f"{_described(node)} is not part of the language", _remedy(node))

    # Expressions

    def expr(self, node: ast.expr) -> ir.Expr:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.refuse(node, f"an expression nested deeper than {MAX_DEPTH}", "name its parts")
        try:
            return self._expr(node)
        finally:
            self.depth -= 1

    def _expr(self, node: ast.expr) -> ir.Expr:
        span = self.span(node)
        match node:
            case ast.Constant(value=bool() | None as value):
                return ir.Constant(value, span=span)
            case ast.Constant(value=int() | float() as value):
                return ir.Number(self.number(node, value), span=span)
            case ast.Name(id=name):
                return ir.Name(name, span=span)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.expr(operand)
            case ast.UnaryOp(op=op, operand=operand):
                return ir.Unary(UNARY[type(op)], self.expr(operand), span=span)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
                return ir.Binary(BINARY[type(op)], self.expr(left), self.expr(right), span=span)
            case ast.BinOp(op=op):
                hint = "a power is written a**b" if isinstance(op, ast.BitXor) else HELP
                raise self.refuse(node, f"the operator {SPELLED[type(op)]} is not part of the language", hint)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARE:
                return ir.Compare(COMPARE[type(op)], self.expr(left), self.expr(right), span=span)
            case ast.Compare(ops=[ast.In() | ast.NotIn()]):
                raise self.refuse(node, "`in` is not part of the language", "compare with `==`, join with `or`")
            case ast.Compare(ops=ops) if len(ops) > 1:
                raise self.refuse(node, "a chained comparison", "write `(0 < a) & (a < 1)`")
            case ast.BoolOp(op=op, values=values):
                word = "and" if isinstance(op, ast.And) else "or"
                return ir.Logical(word, tuple(self.expr(v) for v in values), span=span)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return ir.Choose(self.expr(test), self.expr(body), self.expr(orelse), span=span)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
                if any(isinstance(a, ast.Starred) for a in args) or any(k.arg is None for k in keywords):
                    raise self.refuse(node, "a call names its arguments one by one", "spell them out")
                options = tuple((str(k.arg), self.expr(k.value)) for k in keywords)
                return ir.Call(name, tuple(self.expr(a) for a in args), options, span=span)
            case ast.Attribute(value=value, attr="T"):
                return ir.Transpose(self.expr(value), span=span)
            case ast.Attribute(value=value, attr="ndim"):
                return ir.Ndim(self.expr(value), span=span)
            case ast.Attribute(value=value, attr="size"):
                return ir.Size(self.expr(value), span=span)
            case ast.Attribute(attr="shape"):
                raise self.refuse(node, "`.shape` alone is not a value", "take one axis of it: `x.shape[-1]`")
            case ast.Attribute(attr=attr):
                raise self.refuse(
                    node, f"'.{attr}' is not part of the language", "known here: .T, .ndim, .shape[i], .size"
                )
            case ast.Subscript(value=ast.Attribute(value=value, attr="shape"), slice=ast.Name() as index):
                return ir.Pick(ir.Shape(self.expr(value), span=span), self.expr(index), span=span)
            case ast.Subscript(value=ast.Name() as value, slice=ast.Name() as index):
                return ir.Pick(self.expr(value), self.expr(index), span=span)
            case ast.Subscript(value=ast.Attribute(value=value, attr="shape"), slice=index):
                return ir.Dim(self.expr(value), self.integer(index), span=span)
            case ast.Subscript(value=value, slice=index):
                items = index.elts if isinstance(index, ast.Tuple) else [index]
                if not items:
                    raise self.refuse(node, "an empty index", "indexing only adds axes: `row[..., None]`")
                return ir.Index(self.expr(value), tuple(self.index_item(i) for i in items), span=span)
        raise self.refuse(node, f"{_described(node)} is not part of the language", _remedy(node))

    def index_of(self, target: ast.expr) -> tuple[ir.Expr, ...]:
        return (self.expr(target.slice),) if isinstance(target, ast.Subscript) else ()

    def index_item(self, node: ast.expr) -> str | None:
        match node:
            case ast.Constant(value=v) if v is None:
                return None
            case ast.Constant(value=v) if v is ...:
                return "..."
            case ast.Slice(lower=None, upper=None, step=None):
                return ":"
        raise self.refuse(node, "an index is `None`, `:` or `...`", "indexing only adds axes: `row[..., None]`")

    def integer(self, node: ast.expr) -> int:
        """A literal integer, possibly negative."""
        match node:
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=int(value)) if value < 64:
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))) if value <= 64:
                return -value
        raise self.refuse(node, "a literal integer was expected", "an axis such as -1")

    def number(self, node: ast.expr, value: int | float) -> int | float:
        span = self.span(node)
        if isinstance(value, int):
            if abs(value) > 2**53:
                raise SpecError("an integer beyond 2**53 is not exact in float64", span, "write it as a float, 1e20")
            return value
        literal = self.lines[span.line - 1][span.column : span.end_column].lower()
        if math.isinf(value):
            raise SpecError(f"the number {literal[:40]} overflows float64", span, "the largest is 1.8e308")
        if value == 0 and any(c in "123456789" for c in literal.split("e")[0]):
            raise SpecError(f"the number {literal[:40]} underflows float64 to 0", span, "the smallest is 5e-324")
        return value


HELP = "see docs/spec-language.md"


def _name(target: ast.expr) -> str:
    """The name that `q` or `q[i]` binds; empty for anything else."""
    match target:
        case ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name), slice=ast.Name()):
            return name
    return ""


def _remedy(node: ast.AST) -> str:
    match node:
        case ast.While():
            return "a loop repeats a Count of times: `for _ in range(count):`"
        case ast.Call(func=ast.Attribute(attr=name)):
            return f"functions are called by their plain name: {name[:40]}(…)"
        case ast.Expr():
            return "bind it: `name = …`, or remove it"
        case ast.Constant(value=str() | bytes()):
            return "only a docstring and an assertion hold text"
        case ast.Raise():
            return 'write `assert fact, "what to do instead"`'
        case ast.Return():
            return "name what is returned"
        case ast.FunctionDef():
            return "define it beside the rule"
        case ast.Tuple() | ast.List():
            return "one value at a time"
        case ast.NamedExpr():
            return "bind the name in a statement of its own"
    return HELP


def _described(node: ast.AST) -> str:
    name = type(node).__name__
    words = {
        "AsyncFor": "async", "AsyncFunctionDef": "async", "AsyncWith": "async", "Await": "await", "Break": "break",
        "Call": "a call of anything but a plain name", "ClassDef": "a class", "Constant": "a literal of this type",
        "Continue": "continue", "Delete": "del", "Dict": "a dict", "DictComp": "a comprehension",
        "Expr": "an expression that is not used", "FunctionDef": "a function inside a function",
        "GeneratorExp": "a comprehension", "Global": "global", "Import": "import", "ImportFrom": "import",
        "JoinedStr": "an f-string", "Lambda": "a lambda", "List": "a list", "ListComp": "a comprehension",
        "Match": "match", "NamedExpr": "`:=`", "Nonlocal": "nonlocal", "Raise": "raise", "Return": "an empty return",
        "Set": "a set",
        "SetComp": "a comprehension", "Slice": "a slice", "Starred": "`*`", "Try": "try", "TryStar": "try",
        "Tuple": "a tuple", "While": "while", "With": "with", "Yield": "yield", "YieldFrom": "yield",
    }  # fmt: skip
    return words.get(name, f"'{name}'")


__all__ = ["Parser", "parse_expression", "parse_rule"]
