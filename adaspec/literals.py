"""What a declaration holds beside names: literal numbers, the beginnings of slots, the table of dialects."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

from . import ir
from .errors import SpecError
from .source import is_keyword
from .vocabulary import INITS, LATER

WORD = re.compile(r"(?P<word>[A-Za-z][A-Za-z0-9_]*)(\[(?P<place>[0-9])\])?(=(?P<off>[0-9]+(\.[0-9]+)?))?")
"""What an implementation calls something of ours: `exp_avg`, `etas[0]`, `momentum=0`."""

Located = ast.expr | ast.stmt | ast.arg | ast.keyword
"""Nodes of a syntax tree that stand somewhere."""


class Literals:
    """The part of the parser that reads values; it computes nothing."""

    def span(self, node: Located) -> ir.Span:
        raise NotImplementedError

    def refuse(self, node: Located, what: str, hint: str = "") -> SpecError:
        raise NotImplementedError

    def integer(self, node: ast.expr) -> int:
        raise NotImplementedError

    def number(self, node: ast.expr, value: int | float) -> int | float:
        raise NotImplementedError

    def literal(self, node: ast.expr) -> int | float | bool | None:
        match node:
            case ast.Constant(value=bool() | None as value):
                return value
            case ast.Constant(value=int() | float() as value):
                return self.number(node, value)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)) if not isinstance(
                value, bool
            ):
                return -self.number(node.operand, value)
            case ast.Constant(value=str()):
                hint = 'write the number; only `full("lr")` and `Shared = "lr"` name a hyperparameter'
                raise self.refuse(node, "a literal number was expected, not text", hint)
        raise self.refuse(node, "a literal number was expected", "compute it by hand, or inside the rule")

    def beginning(self, node: ast.expr) -> int | float | bool | str | None:
        """A literal, or the name of a hyperparameter in quotes: whether there is one, the checker tells."""
        match node:
            case ast.Constant(value=str(name)):
                if not (name.isascii() and name.isidentifier() and len(name) <= 60):
                    raise self.refuse(node, f"no hyperparameter is named {name[:40]!r}", 'a plain name: full("lr")')
                return name
        return self.literal(node)

    def init(self, node: ast.expr) -> ir.Init:
        span = self.span(node)
        match node:
            case ast.Attribute(value=inner, attr="scalar"):
                base = self.init(inner)
                self.whole(node, base, ".scalar")
                return ir.Init(base.kind, base.value, base.without, True, span=span)
            case ast.Call(func=ast.Attribute(value=inner, attr="without"), args=[axis], keywords=[]):
                base, number = self.init(inner), self.integer(axis)
                self.whole(node, base, ".without")
                if number >= 0:
                    raise self.refuse(axis, "an axis is counted from the end", "zeros.without(-1)")
                if number < -2:
                    raise self.refuse(axis, "slots without an axis before the last two come later", "zeros.without(-1)")
                return ir.Init(base.kind, base.value, number, base.scalar, span=span)
            case ast.Call(func=ast.Attribute(value=inner, attr="only" | "square" as word), args=[axis], keywords=[]):
                base = self.init(inner)
                self.whole(node, base, f".{word}")
                return replace(base, only=self.axis(axis), square=word == "square", span=span)
            case ast.Call(func=ast.Attribute(value=inner, attr="cut"), args=[axis, rank], keywords=[]):
                base, number, count = self.init(inner), self.integer(axis), self.beginning(rank)
                self.whole(node, base, ".cut")
                if number not in (-1, -2):
                    raise self.refuse(axis, "a matrix has its axes at the end: -2 and -1", 'zeros.cut(-1, "rank")')
                if not isinstance(count, str) and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
                    hint = 'zeros.cut(-1, "rank"), zeros.cut(-1, 4)'
                    raise self.refuse(rank, "an axis is cut to a count of at least 1", hint)
                return replace(base, cut=number, rank=count, span=span)
            case ast.Call(func=ast.Name(id="eye"), args=[axis], keywords=[]):
                return ir.Init("eye", only=self.axis(axis), square=True, span=span)
            case ast.Call(func=ast.Name(id="per_axis"), args=[ast.Name(id="eye")], keywords=[]):
                return ir.Init("eye", only=ir.EACH, square=True, span=span)
            case ast.Call(
                func=ast.Name(id="per_axis"),
                args=[ast.Attribute(value=inner, attr="only" | "square" as word)],
                keywords=[],
            ):
                base = self.init(inner)
                self.whole(node, base, f".{word}")
                return replace(base, only=ir.EACH, square=word == "square", span=span)
            case ast.Call(func=ast.Name(id="per_axis" | "eye" as word)) | ast.Name(id="per_axis" | "eye" as word):
                hint = "per_axis(zeros.only), per_axis(zeros.square), per_axis(eye); of one axis: zeros.only(0), eye(0)"
                raise self.refuse(node, f"`{word}` does not say which arrays", hint)
            case ast.Call(func=ast.Name(id="full"), args=[value], keywords=[]):
                number = self.beginning(value)
                if isinstance(number, bool) or number is None:
                    raise self.refuse(value, "`full` takes a number", "full(0.1)")
                return ir.Init("full", number if isinstance(number, str) else float(number), span=span)
            case ast.Name(id=kind) if kind in INITS and kind != "full":
                return ir.Init(kind, 1.0 if kind == "ones" else 0.0, span=span)
            case ast.Name(id="full"):
                raise self.refuse(node, "`full` needs its value", "full(0.1)")
            case ast.Call(func=ast.Name(id=word)) | ast.Name(id=word) if word in LATER:
                raise self.refuse(node, f"'{word}' comes later ({LATER[word]})", "see docs/spec-language.md")
        hint = f"known here: {', '.join(w if w != 'full' else 'full(c)' for w in INITS)}, .without(axis), .scalar"
        raise self.refuse(node, "not a way for a slot to begin", hint)

    def axis(self, node: ast.expr) -> int:
        number = self.integer(node)
        if not -5 <= number < 5:
            raise self.refuse(node, "parameters have at most 5 axes", "zeros.only(0), zeros.only(-1)")
        return number

    def whole(self, node: ast.expr, base: ir.Init, what: str) -> None:
        if base.kind in ("copy", "first_grad"):
            hint = "only zeros, ones and full(c) can be smaller"
            raise self.refuse(node, f"`{base.kind}` has the parameter's shape: it has no `{what}`", hint)
        if not base.whole:
            raise self.refuse(node, "one `.without`, `.only` or `.scalar` is enough", "a slot lacks one axis, or all")

    def dialects(self, table: ast.Dict) -> tuple[ir.Dialect, ...]:
        rows: dict[str, ir.Dialect] = {}
        for key, value in zip(table.keys, table.values, strict=True):
            match key, value:
                case ast.Constant(value=str(name)), ast.Call(func=ast.Name(id="dict"), args=[], keywords=words) if all(
                    w.arg for w in words
                ):
                    self.dialect_name(key, name)
                    if name in rows:
                        first = rows[name].span.line
                        raise self.refuse(key, f"a second dialect '{name}', first in line {first}", "join the two")
                    of = self.original(words)
                    values = self.settings([w for w in words if w.arg not in ("of", "names")])
                    rows[name] = ir.Dialect(name, values, of, self.words(words), span=self.span(key))
                case _:
                    raise self.refuse(key or value, 'a dialect is `"adam:torch": dict(eps=1e-8)`', "literals alone")
        return tuple(rows.values())

    def original(self, words: list[ast.keyword]) -> str | None:
        """The dotted name that `of="torch.optim.Adam"` gives."""
        for word in words:
            if word.arg == "of":
                match word.value:
                    case ast.Constant(value=str(name)) if len(name) <= 120 and all(
                        part.isascii() and part.isidentifier() for part in name.split(".")
                    ):
                        return name
                raise self.refuse(word.value, "`of` names a class or function of a library", 'of="torch.optim.Adam"')
        return None

    def words(self, words: list[ast.keyword]) -> tuple[ir.Word, ...]:
        """What `names=dict(m="exp_avg", least="step_sizes[0]", mu="momentum=0")` calls ours."""
        found: dict[str, ir.Word] = {}
        for table in (w.value for w in words if w.arg == "names"):
            match table:
                case ast.Call(func=ast.Name(id="dict"), args=[], keywords=rows) if all(row.arg for row in rows):
                    pass
                case _:
                    raise self.refuse(table, "`names` is a table of words", 'names=dict(m="exp_avg", v="exp_avg_sq")')
            for row in rows:
                name = str(row.arg)
                if name in found:
                    raise self.refuse(row, f"'{name}' is named twice", "once is enough")
                text = row.value.value if isinstance(row.value, ast.Constant) else ""
                if text is None:
                    found[name] = ir.Word(name, None, span=self.span(row))
                    continue
                parts = WORD.fullmatch(text) if isinstance(text, str) and len(text) <= 60 else None
                if parts is None or is_keyword(parts["word"]):
                    hint = 'm="exp_avg", or least="step_sizes[0]", or mu="momentum=0" where None is 0 there'
                    raise self.refuse(row.value, f"not a word for '{name}'", hint)
                place, off = parts["place"], parts["off"]
                number = None if off is None else float(off) if "." in off else int(off)
                found[name] = ir.Word(
                    name, parts["word"], None if place is None else int(place), number, span=self.span(row)
                )
        return tuple(found.values())

    def settings(self, words: list[ast.keyword]) -> tuple[ir.Setting, ...]:
        found: dict[str, ir.Setting] = {}
        for word in words:
            name = str(word.arg)
            if name in found:
                raise self.refuse(word, f"'{name}' is set twice", "once is enough")
            found[name] = ir.Setting(name, self.literal(word.value), span=self.span(word))
        return tuple(found.values())

    def dialect_name(self, node: Located, name: str) -> None:
        family, colon, library = name.partition(":")
        parts = [part.replace("-", "_") for part in (family, library)]
        if not colon or len(name) > 60 or not all(part.isascii() and part.isidentifier() for part in parts):
            raise self.refuse(node, f"a dialect is named family:library, not {name[:40]!r}", "adam:torch")
