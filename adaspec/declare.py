"""The declarations of a spec: its signature, decorators, helper functions and dialect table, from `ast` to IR."""

from __future__ import annotations

import ast

from . import ir
from .errors import SpecError, suggest
from .vocabulary import ARGUMENT_KINDS, INITS, KINDS, LATER

RULE_KINDS = ("Param", "Grad", "Step", "Slot", "Shared")


class Declarations:
    """The half of the parser that reads what stands outside function bodies, and signatures."""

    def span(self, node: ast.AST) -> ir.Span:
        raise NotImplementedError

    def refuse(self, node: ast.AST, what: str, hint: str = "") -> SpecError:
        raise NotImplementedError

    def body(self, statements: list[ast.stmt]) -> tuple[ir.Stmt, ...]:
        raise NotImplementedError

    def integer(self, node: ast.expr) -> int:
        raise NotImplementedError

    def number(self, node: ast.expr, value: int | float) -> int | float:
        raise NotImplementedError

    def module(self, tree: ast.Module) -> ir.Rule:
        statements = list(tree.body)
        doc = ast.get_docstring(tree) or ""
        if doc:
            statements.pop(0)
        functions: list[ast.FunctionDef] = []
        dialects: tuple = ()
        for node in statements:
            match node:
                case ast.ImportFrom(module="adaspec.lang", names=[ast.alias(name="*")], level=0):
                    continue
                case ast.FunctionDef():
                    functions.append(node)
                case ast.Assign(targets=[ast.Name(id="dialects")], value=ast.Dict() as table):
                    if dialects:
                        raise self.refuse(node, "a second `dialects` table", "join the two")
                    dialects = self.dialects(table)
                case ast.Import() | ast.ImportFrom():
                    raise self.refuse(node, "the only import of a spec is `from adaspec.lang import *`", "remove this one")
                case _:
                    raise self.refuse(
                        node, "a spec holds functions and a `dialects` table alone", "move this into the rule"
                    )
        return self.assemble(functions, doc, dialects)

    def assemble(self, functions: list[ast.FunctionDef], doc: str, dialects: tuple) -> ir.Rule:
        seen: dict[str, ast.FunctionDef] = {}
        for node in functions:
            if node.name in seen:
                raise self.refuse(node, f"'{node.name}' is defined twice, first in line {seen[node.name].lineno}")
            seen[node.name] = node
        rules = [f for f in functions if self.is_rule(f)]
        if not rules:
            raise SpecError("no optimizer: no function takes a `Param` and a `Grad`", hint="def sgd(x: Param, g: Grad, *, …)")
        if len(rules) > 1:
            raise self.refuse(rules[1], f"two rules, '{rules[0].name}' and '{rules[1].name}'", "one file, one rule")
        helpers = tuple(self.helper(f) for f in functions if f is not rules[0])
        return self.rule(rules[0], doc, helpers, dialects)

    def is_rule(self, node: ast.FunctionDef) -> bool:
        decorated = any(_word(d) in ("schedule", "view") for d in node.decorator_list)
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        return not decorated and any(_word(a.annotation) == "Grad" for a in arguments)

    def rule(self, node: ast.FunctionDef, doc: str, functions: tuple[ir.Function, ...], dialects: tuple) -> ir.Rule:
        for decorator in node.decorator_list:
            if _word(decorator) != "optimizer":
                raise self.refuse(decorator, "a rule takes no decorator but `@adaspec.optimizer`")
        found: dict[str, list] = {kind: [] for kind in RULE_KINDS}
        for argument, default in self.arguments(node, node.args.args, node.args.defaults):
            kind = self.kind(argument, RULE_KINDS)
            if kind in ("Param", "Grad", "Step"):
                if default is not None:
                    raise self.refuse(default, f"a {kind} has no default")
                found[kind].append(argument.arg)
                if len(found[kind]) > 1:
                    raise self.refuse(argument, f"a second {kind}: '{found[kind][0]}' is one already")
            elif kind == "Slot":
                if found["Shared"]:
                    raise self.refuse(argument, "a Slot after a Shared", "slots first, then what the model shares")
                if isinstance(argument.annotation, ast.Subscript):
                    raise self.refuse(argument.annotation, "`Slot[dtype]` comes later", "write `Slot`: float32 or wider")
                init = ir.Init("zeros") if default is None else self.init(default)
                found[kind].append(ir.Slot(argument.arg, init, span=self.span(argument)))
            else:
                value = 0.0 if default is None else self.literal(default)
                if isinstance(value, bool) or value is None:
                    raise self.refuse(default or argument, "a Shared begins with a number", "Shared = 0.0")
                found[kind].append(ir.Shared(argument.arg, float(value), span=self.span(argument)))
        for kind in ("Param", "Grad"):
            if not found[kind]:
                raise self.refuse(node, f"the rule '{node.name}' takes no {kind}", f"add an argument `: {kind}`")
        docs = ast.get_docstring(node)
        return ir.Rule(
            name=node.name, doc=doc or docs or "", param=found["Param"][0], grad=found["Grad"][0],
            step=found["Step"][0] if found["Step"] else None, slots=tuple(found["Slot"]), shared=tuple(found["Shared"]),
            hypers=tuple(self.hyper(a, d) for a, d in self.arguments(node, node.args.kwonlyargs, node.args.kw_defaults)),
            functions=functions, body=self.body(node.body[1:] if docs else node.body), dialects=dialects,
            rule_doc=docs if doc else None, span=self.span(node),
        )  # fmt: skip

    def arguments(self, node: ast.FunctionDef, arguments: list[ast.arg], defaults: list) -> list[tuple]:
        a = node.args
        if a.vararg or a.kwarg or a.posonlyargs:
            raise self.refuse(a.vararg or a.kwarg or a.posonlyargs[0], "arguments are named one by one: no *args, no /")
        padded = [None] * (len(arguments) - len(defaults)) + list(defaults)
        return list(zip(arguments, padded, strict=True))

    def kind(self, argument: ast.arg, allowed: tuple[str, ...]) -> str:
        if argument.annotation is None:
            raise self.refuse(argument, f"'{argument.arg}' has no kind", f"one of: {', '.join(allowed)}")
        word = _word(argument.annotation)
        if word in LATER:
            raise self.refuse(argument.annotation, f"'{word}' comes later ({LATER[word]})")
        if word not in allowed:
            if word in KINDS and "Slot" in allowed:
                raise self.refuse(argument, f"'{argument.arg}' is a hyperparameter", "hyperparameters stand after the `*`")
            if word in RULE_KINDS:
                raise self.refuse(argument, f"a {word} stands before the `*`", f"move '{argument.arg}' in front of it")
            shown = ast.unparse(argument.annotation)[:40]
            raise self.refuse(argument.annotation, f"unknown kind '{shown}'", suggest(word or "", allowed))
        return word

    def hyper(self, argument: ast.arg, default: ast.expr | None) -> ir.Hyper:
        kind = self.kind(argument, (*KINDS, "Optional"))
        optional = kind == "Optional"
        if optional:
            inner = argument.annotation.slice if isinstance(argument.annotation, ast.Subscript) else None
            kind = _word(inner) or ""
            if kind not in KINDS or kind in ("Count", "Flag"):
                raise self.refuse(argument, "Optional takes the kind of its value", "Optional[Positive] = None")
        if default is None:
            raise self.refuse(argument, f"the hyperparameter '{argument.arg}' has no default", f"{argument.arg}: {kind} = …")
        value = self.literal(default)
        self.check_default(argument.arg, kind, optional, value, self.span(default))
        return ir.Hyper(argument.arg, kind, value, optional, span=self.span(argument))

    def check_default(self, name: str, kind: str, optional: bool, value: object, at: ir.Span) -> None:
        domain = KINDS[kind]
        if value is None and optional:
            return
        right_type = isinstance(value, bool) if kind == "Flag" else isinstance(value, int | float) and value is not None
        if not right_type or (isinstance(value, bool) and kind != "Flag") or not domain.holds(float(value)):  # type: ignore[arg-type]
            raise SpecError(f"the default of '{name}' is {value!r}, outside its domain {kind}: {domain.text}", at)

    def init(self, node: ast.expr) -> ir.Init:
        span = self.span(node)
        match node:
            case ast.Attribute(value=inner, attr="scalar"):
                base = self.init(inner)
                if base.kind in ("copy", "first_grad"):
                    raise self.refuse(node, f"`{base.kind}` has the parameter's shape: it has no `.scalar`")
                return ir.Init(base.kind, base.value, base.without, True, span=span)
            case ast.Call(func=ast.Attribute(value=inner, attr="without"), args=[axis], keywords=[]):
                base, number = self.init(inner), self.integer(axis)
                if base.kind in ("copy", "first_grad"):
                    raise self.refuse(node, f"`{base.kind}` has the parameter's shape: it has no `.without`")
                if number >= 0:
                    raise self.refuse(axis, "an axis is counted from the end", "zeros.without(-1)")
                return ir.Init(base.kind, base.value, number, base.scalar, span=span)
            case ast.Call(func=ast.Name(id="full"), args=[value], keywords=[]):
                number = self.literal(value)
                if isinstance(number, bool) or number is None:
                    raise self.refuse(value, "`full` takes a number", "full(0.1)")
                return ir.Init("full", float(number), span=span)
            case ast.Name(id=kind) if kind in INITS and kind != "full":
                return ir.Init(kind, 1.0 if kind == "ones" else 0.0, span=span)
            case ast.Name(id="full"):
                raise self.refuse(node, "`full` needs its value", "full(0.1)")
            case ast.Call(func=ast.Name(id=word)) | ast.Name(id=word) if word in LATER:
                raise self.refuse(node, f"'{word}' comes later ({LATER[word]})")
        raise self.refuse(node, "not a way for a slot to begin", f"known here: {', '.join(INITS)}, .without(axis), .scalar")

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
                raise self.refuse(node, "a literal number was expected, not text", "initial hyperparameters come later")
        raise self.refuse(node, "a literal number was expected", "compute it by hand, or inside the rule")

    def helper(self, node: ast.FunctionDef) -> ir.Function:
        role, label = "helper", None
        for decorator in node.decorator_list:
            match decorator:
                case ast.Name(id="schedule"):
                    role = "schedule"
                case ast.Call(func=ast.Name(id="view"), args=[ast.Constant(value=str(text))], keywords=[]):
                    if not (text.isascii() and text.isidentifier()):
                        raise self.refuse(decorator, f"a view's label is a plain name, not {text!r}", '@view("eval")')
                    role, label = "view", text
                case _:
                    raise self.refuse(decorator, "known decorators: @schedule, @view(label)", '@view("eval")')
        doc = ast.get_docstring(node)
        return ir.Function(
            node.name,
            tuple(self.helper_arguments(node)),
            self.body(node.body[1:] if doc else node.body),
            role,
            doc,
            label,
            span=self.span(node),
        )

    def helper_arguments(self, node: ast.FunctionDef):
        lists = ((node.args.args, node.args.defaults, False), (node.args.kwonlyargs, node.args.kw_defaults, True))
        for arguments, defaults, keyword in lists:
            for argument, default in self.arguments(node, arguments, defaults):
                if default is not None:
                    raise self.refuse(default, "an argument of a helper has no default", "pass it in the call")
                kind = None if argument.annotation is None else self.kind(argument, ARGUMENT_KINDS)
                yield ir.Argument(argument.arg, kind, keyword, span=self.span(argument))

    def dialects(self, table: ast.Dict) -> tuple:
        rows = []
        for key, value in zip(table.keys, table.values, strict=True):
            match key, value:
                case ast.Constant(value=str(name)), ast.Call(func=ast.Name(id="dict"), args=[], keywords=words) if all(
                    w.arg for w in words
                ):
                    rows.append((self.dialect_name(key, name), tuple((str(w.arg), self.literal(w.value)) for w in words)))
                case _:
                    raise self.refuse(key or value, "a dialect is `\"adam:torch\": dict(eps=1e-8)`", "literals alone")
        return tuple(rows)

    def dialect_name(self, node: ast.AST, name: str) -> str:
        family, colon, library = name.partition(":")
        if not colon or not all(part.isascii() and part.replace("-", "_").isidentifier() for part in (family, library)):
            raise self.refuse(node, f"a dialect is named family:library, not {name[:40]!r}", "adam:torch")
        return name


def _word(node: ast.AST | None) -> str | None:
    """The plain name that an annotation or a decorator comes down to."""
    match node:
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="adaspec"), attr=name):
            return name
        case ast.Subscript(value=ast.Name(id=name)) | ast.Call(func=ast.Name(id=name)):
            return name
    return None
