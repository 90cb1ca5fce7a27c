"""The declarations of a spec: its signature, decorators and helper functions, from `ast` to IR."""

from __future__ import annotations

import ast
import inspect

from . import ir
from .errors import SpecError, suggest
from .hypers import check_default
from .literals import Literals
from .vocabulary import ARGUMENT_KINDS, DTYPES, KINDS, WORDS

RULE_KINDS = ("Param", "Grad", "Step", "Input", "Slot", "Shared")
PYTHON = {"float": "Rate, Decay, Positive, Real", "int": "Count", "bool": "Flag"}
"""The kinds that stand for a type of Python."""


class Declarations(Literals):
    """The half of the parser that reads what stands outside function bodies, and signatures."""

    def body(self, statements: list[ast.stmt]) -> tuple[ir.Stmt, ...]:
        raise NotImplementedError

    def name_span(self, node: ast.FunctionDef) -> ir.Span:
        raise NotImplementedError

    def module(self, tree: ast.Module) -> ir.Rule:
        doc, statements = docstring(tree.body)
        functions: list[ast.FunctionDef] = []
        dialects: tuple[ir.Dialect, ...] | None = None
        for node in statements:
            match node:
                case ast.ImportFrom(module="adaspec.lang", names=[ast.alias(name="*")], level=0):
                    continue
                case ast.FunctionDef():
                    functions.append(node)
                case ast.Assign(targets=[ast.Name(id="dialects")], value=ast.Dict() as table):
                    if dialects is not None:
                        raise self.refuse(node, "a second `dialects` table", "join the two")
                    dialects = self.dialects(table)
                case ast.Import() | ast.ImportFrom():
                    raise self.refuse(
                        node, "the only import of a spec is `from adaspec.lang import *`", "remove this one"
                    )
                case _:
                    hint = "a number is a hyperparameter, or stands where it is used"
                    hint = (
                        hint if isinstance(node, ast.Assign | ast.AnnAssign) else "remove it; nothing of a spec is run"
                    )
                    raise self.refuse(node, "a spec holds functions and a `dialects` table alone", hint)
        return self.assemble(functions, doc, dialects or ())

    def assemble(self, functions: list[ast.FunctionDef], doc: str, dialects: tuple[ir.Dialect, ...]) -> ir.Rule:
        seen: dict[str, ast.FunctionDef] = {}
        for node in functions:
            at = self.name_span(node)
            if node.name in seen:
                first = seen[node.name].lineno
                raise SpecError(f"'{node.name}' is defined twice, first in line {first}", at, "rename one of them")
            if node.name == "_":
                raise SpecError("'_' names nothing", at, "give the function a name")
            if node.returns is not None:
                raise self.refuse(
                    node.returns, "a function of a spec declares no result", "remove the `->` and what follows it"
                )
            seen[node.name] = node
        rules = [f for f in functions if self.is_rule(f)]
        if not rules:
            raise SpecError(
                "no optimizer: no function takes a `Param` and a `Grad`", hint="def sgd(x: Param, g: Grad, *, …)"
            )
        if len(rules) > 1:
            both = f"two rules, '{rules[0].name}' and '{rules[1].name}'"
            raise SpecError(both, self.name_span(rules[1]), "one file, one rule")
        helpers = tuple(self.helper(f) for f in functions if f is not rules[0])
        return self.rule(rules[0], doc, helpers, dialects)

    def is_rule(self, node: ast.FunctionDef) -> bool:
        decorated = any(_decorator(d) in ("schedule", "view") for d in node.decorator_list)
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        return not decorated and any(_kind(a.annotation) == "Grad" for a in arguments)

    def rule(
        self, node: ast.FunctionDef, doc: str, functions: tuple[ir.Function, ...], dialects: tuple[ir.Dialect, ...]
    ) -> ir.Rule:
        for decorator in node.decorator_list:
            if _decorator(decorator) != "optimizer":
                raise self.refuse(decorator, "a rule takes no decorator but `@adaspec.optimizer`", "remove it")
        self.distinct(node)
        found: dict[str, list] = {kind: [] for kind in RULE_KINDS}
        for argument, default in self.arguments(node.args.args, node.args.defaults):
            kind = self.kind(argument, RULE_KINDS)
            if kind in ("Param", "Grad", "Step"):
                if default is not None:
                    raise self.refuse(default, f"a {kind} has no default", "remove it")
                found[kind].append(argument.arg)
                if len(found[kind]) > 1:
                    what = f"a second {kind}: '{found[kind][0]}' is one already"
                    raise self.refuse(argument, what, f"a rule takes one {kind}")
            elif kind == "Input":
                found[kind].append(self.input(argument, default))
            elif kind == "Slot":
                if found["Shared"]:
                    raise self.refuse(argument, "a Slot after a Shared", "slots first, then what the model shares")
                init = ir.Init("zeros") if default is None else self.init(default)
                dtype = self.dtype(argument, init)
                found[kind].append(ir.Slot(argument.arg, init, dtype, span=self.span(argument)))
            else:
                value = 0.0 if default is None else self.beginning(default)
                if isinstance(value, bool) or value is None:
                    raise self.refuse(default or argument, "a Shared begins with a number", "Shared = 0.0")
                initial = value if isinstance(value, str) else float(value)
                found[kind].append(ir.Shared(argument.arg, initial, span=self.span(argument)))
        if not found["Param"]:
            raise SpecError(
                f"the rule '{node.name}' takes no Param", self.name_span(node), "add an argument `x: Param`"
            )
        docs, body = docstring(node.body)
        keywords = self.arguments(node.args.kwonlyargs, node.args.kw_defaults)
        inner = [self.inner(a, d) for a, d in keywords if _kind(a.annotation) == "Rule"]
        if len(inner) > 1:
            raise SpecError(f"a second Rule: '{inner[0].name}' is one already", inner[1], "a wrapper wraps one rule")
        return ir.Rule(
            name=node.name, doc=doc or docs or "", param=found["Param"][0], grad=found["Grad"][0],
            step=found["Step"][0] if found["Step"] else None, slots=tuple(found["Slot"]), shared=tuple(found["Shared"]),
            hypers=tuple(self.hyper(a, d) for a, d in keywords if _kind(a.annotation) != "Rule"),
            functions=functions, body=self.body(body), dialects=dialects,
            rule_doc=(docs or None) if doc else None, inner=inner[0] if inner else None,
            inputs=tuple(found["Input"]), span=self.name_span(node),
        )  # fmt: skip

    def arguments(self, arguments: list[ast.arg], defaults: list) -> list[tuple]:
        """Each argument with its default, None for none."""
        padded = [None] * (len(arguments) - len(defaults)) + list(defaults)
        return list(zip(arguments, padded, strict=True))

    def distinct(self, node: ast.FunctionDef) -> None:
        a = node.args
        if a.vararg or a.kwarg or a.posonlyargs:
            odd = a.vararg or a.kwarg or a.posonlyargs[0]
            raise self.refuse(odd, "arguments are named one by one: no *args, no **kwargs, no /", "name each of them")
        seen: dict[str, ir.Span] = {}
        for argument in (*a.args, *a.kwonlyargs):
            if argument.arg == "_":
                raise self.refuse(argument, "'_' names nothing", "give the argument a name, or remove it")
            if argument.arg in seen:
                first = seen[argument.arg]
                where = f"first in line {first.line}, column {first.column + 1}"
                what = f"'{argument.arg}' is declared twice in '{node.name}', {where}"
                raise self.refuse(argument, what, "one name, one meaning")
            seen[argument.arg] = self.span(argument)

    def kind(self, argument: ast.arg, allowed: tuple[str, ...]) -> str:
        if argument.annotation is None:
            raise self.refuse(argument, f"'{argument.arg}' has no kind", f"one of: {', '.join(allowed)}")
        word = _kind(argument.annotation)
        if word is None or word not in allowed:
            if word in KINDS or word == "Optional":
                if "Slot" in allowed:
                    hint = "hyperparameters stand after the `*`"
                    raise self.refuse(argument, f"'{argument.arg}' is a hyperparameter", hint)
            elif word == "Rule":
                raise self.refuse(argument, "a Rule stands after the `*` of a rule", f"move '{argument.arg}' there")
            elif word in RULE_KINDS:
                what = f"{'an' if word == 'Input' else 'a'} {word} stands before the `*`"
                raise self.refuse(argument, what, f"move '{argument.arg}' in front of it")
            shown = ast.unparse(argument.annotation)[:40]
            kinds = PYTHON.get(shown) if "Positive" in allowed and "Slot" not in allowed else None
            if kinds:
                raise self.refuse(
                    argument.annotation, f"'{shown}' says too little of a hyperparameter", f"one of: {kinds}"
                )
            raise self.refuse(argument.annotation, f"unknown kind '{shown}'", suggest(shown.partition("[")[0], allowed))
        return word

    def inner(self, argument: ast.arg, default: ast.expr | None) -> ir.Inner:
        """The rule that a wrapper wraps, and what it wraps by itself."""
        match default:
            case ast.Constant(value=str(text)) if text.isascii() and text.isprintable() and len(text) <= 200:
                return ir.Inner(argument.arg, text, span=self.span(argument))
        raise self.refuse(
            default or argument, "a wrapper names the rule that it wraps unless told", f'{argument.arg}: Rule = "adamw"'
        )

    def dtype(self, argument: ast.arg, init: ir.Init) -> str | None:
        """The dtype D of a `Slot[D]`."""
        if not isinstance(argument.annotation, ast.Subscript):
            return None
        inner = argument.annotation.slice
        if not (isinstance(inner, ast.Name) and inner.id in DTYPES):
            raise self.refuse(argument.annotation, "Slot takes a dtype", f"one of {', '.join(DTYPES)}: Slot[float32]")
        if init.kind == "first_grad":
            raise self.refuse(argument.annotation, "the first gradient has a dtype of its own", "write `Slot`")
        return inner.id

    def optional(self, argument: ast.arg) -> str:
        """The kind K of an `Optional[K]`."""
        inner = argument.annotation.slice if isinstance(argument.annotation, ast.Subscript) else None
        kind = inner.id if isinstance(inner, ast.Name) else ""
        if kind not in KINDS or kind in ("Count", "Flag"):
            at = argument.annotation or argument
            raise self.refuse(
                at, "Optional takes the kind of its value", "one of Rate, Decay, Positive, Real: Optional[Positive]"
            )
        return kind

    def input(self, argument: ast.arg, default: ast.expr | None) -> ir.Input:
        """`Input`, `Input[Scalar]`, either of them `Optional[…] = None`, and an array's `= grad_at("view")`."""
        kind, optional, view = argument.annotation, False, None
        if isinstance(kind, ast.Subscript) and _name(kind.value) == "Optional":
            kind, optional = kind.slice, True
        scalar = isinstance(kind, ast.Subscript)
        if isinstance(kind, ast.Subscript) and _name(kind.slice) != "Scalar":
            hint = "`Input` is an array like the parameter, `Input[Scalar]` one number for the model"
            raise self.refuse(kind.slice, "an Input is an array or a Scalar", hint)
        match default:
            case ast.Call(func=ast.Name(id="grad_at"), args=[ast.Constant(value=str(view))], keywords=[]):
                if scalar:
                    raise self.refuse(default, "a gradient is no number", f"{argument.arg}: Input = …")
            case ast.Constant(value=value) if value is None and optional:
                pass
            case None if not optional:
                pass
            case _:
                known = f'{argument.arg}: Optional[…] = None may be left out, Input = grad_at("view") is a gradient'
                what = f"the Optional input '{argument.arg}' begins as None"
                what = what if optional else "an input has no default: the caller supplies it"
                raise self.refuse(default or argument, what, known)
        return ir.Input(argument.arg, scalar, optional, view, span=self.span(argument))

    def hyper(self, argument: ast.arg, default: ast.expr | None) -> ir.Hyper:
        kind = self.kind(argument, (*KINDS, "Optional"))
        optional = kind == "Optional"
        kind = self.optional(argument) if optional else kind
        if default is None:
            domain = KINDS[kind].text
            hint = f"{argument.arg}: {kind} = … with a value in {domain}"
            raise self.refuse(argument, f"the hyperparameter '{argument.arg}' has no default", hint)
        value = self.literal(default)
        check_default(argument.arg, kind, optional, value, self.span(default))
        return ir.Hyper(argument.arg, kind, value, optional, span=self.span(argument))

    def helper(self, node: ast.FunctionDef) -> ir.Function:
        role, label = "helper", None
        if len(node.decorator_list) > 1:
            raise self.refuse(node.decorator_list[1], "one decorator is enough", "a function is a schedule or a view")
        for decorator in node.decorator_list:
            match decorator:
                case ast.Name(id="schedule"):
                    role = "schedule"
                case ast.Call(func=ast.Name(id="view"), args=[ast.Constant(value=str(text))], keywords=[]):
                    if not (text.isascii() and text.isidentifier() and len(text) <= 60):
                        raise self.refuse(
                            decorator.args[0], f"a view's label is a plain name, not {text[:60]!r}", '@view("eval")'
                        )
                    role, label = "view", text
                case _:
                    hint = '@schedule and @view("eval"); a helper takes none'
                    raise self.refuse(decorator, "an unknown decorator", hint)
        if node.name in WORDS:
            raise SpecError(
                f"'{node.name}' is a word of the language", self.name_span(node), "give the function another name"
            )
        self.distinct(node)
        doc, body = docstring(node.body)
        return ir.Function(
            node.name,
            tuple(self.helper_arguments(node)),
            self.body(body),
            role,
            doc or None,
            label,
            span=self.name_span(node),
        )

    def helper_arguments(self, node: ast.FunctionDef):
        lists = ((node.args.args, node.args.defaults, False), (node.args.kwonlyargs, node.args.kw_defaults, True))
        for arguments, defaults, keyword in lists:
            for argument, default in self.arguments(arguments, defaults):
                if default is not None:
                    raise self.refuse(default, "an argument of a helper has no default", "pass it in the call")
                kind = None if argument.annotation is None else self.kind(argument, ARGUMENT_KINDS)
                if kind == "Optional":
                    kind = f"Optional[{self.optional(argument)}]"
                yield ir.Argument(argument.arg, kind, keyword, span=self.span(argument))


def docstring(statements: list[ast.stmt]) -> tuple[str, list[ast.stmt]]:
    """The docstring without indentation and stray blanks, and the statements behind it."""
    match statements:
        case [ast.Expr(value=ast.Constant(value=str(text))), *rest]:
            while (clean := _clean(text)) != text:
                text = clean
            return text, rest
    return "", list(statements)


def _clean(text: str) -> str:
    """Without common indentation; taking the first lines away may lay bare another, so until nothing changes."""
    return "\n".join(line.rstrip() for line in inspect.cleandoc(text).split("\n")).strip()


def _kind(node: ast.AST | None) -> str | None:
    """The word of an annotation: a plain name, or `Slot[…]`, `Input[…]`, `Optional[…]`, which alone take brackets."""
    match node:
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner) if _kind(inner) == "Input":
            return "Input"
        case ast.Name(id=name) | ast.Subscript(value=ast.Name(id="Slot" | "Input" | "Optional" as name)):
            return name
    return None


def _name(node: ast.AST | None) -> str | None:
    return node.id if isinstance(node, ast.Name) else None


def _decorator(node: ast.AST) -> str | None:
    match node:
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(), attr=name) | ast.Call(func=ast.Name(id=name)):
            return name
    return None
