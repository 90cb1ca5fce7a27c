"""Names and calls, on the text as written: bound before they are read, known, called as they are defined."""

from __future__ import annotations

from . import ir, shelf
from .errors import SpecError, suggest
from .ir import Assert, Assign, Call, For, If, Name, Return, Stmt, Unpack
from .vocabulary import DTYPES, FUNCTIONS, INITS, LATER, WORDS

ELSEWHERE = {
    "dot": "sum(a * b), or a @ b for matrices", "float": "a, which is a float", "int": "floor(a)", "len": "x.shape[-1]",
    "matmul": "a @ b", "min": "minimum(a, b) of two, -max(-a) of one array", "multiply": "a * b",
    "ones_like": "x * 0 + 1",
    "pow": "a**b", "power": "a**b", "prod": "exp(sum(log(a)))", "range": "for _ in range(count):", "square": "a**2",
    "std": "sqrt(mean((a - mean(a))**2))", "transpose": "a.T", "var": "mean((a - mean(a))**2)", "zeros_like": "x * 0",
}  # fmt: skip
"""Functions of the frameworks that the language has under another name."""


def check_names(rule: ir.Rule) -> None:
    declared = set(rule.declared)
    for function in rule.functions:
        if function.name in declared:
            what = f"'{function.name}' is a function, and an argument of '{rule.name}' too"
            raise SpecError(what, function, "rename one of them")
    Names(rule, declared, rule.body).block(rule.body, set(declared))
    for function in rule.functions:
        own = {a.name for a in function.arguments}
        Names(rule, own, function.body).block(function.body, set(own))


class Names:
    """Every name is bound before it is read, every call fits the function it names."""

    def __init__(self, rule: ir.Rule, declared: set[str], body: tuple[Stmt, ...]) -> None:
        self.rule = rule
        self.declared = declared
        self.assigned = set(ir.assigned(body))

    def block(self, body: tuple[Stmt, ...], bound: set[str]) -> set[str]:
        """`bound` and what the statements bind. Whether every path binds it, the checker's types tell."""
        for stmt in body:
            match stmt:
                case Assign(name, value):
                    self.reads(value, bound)
                    self.binds(name, stmt, bound)
                case Unpack(names, value):
                    self.unpacks(names, value, stmt)
                    self.reads(value, bound)
                    for name in names:
                        self.binds(name, stmt, bound)
                case If(test, then, otherwise):
                    self.reads(test, bound)
                    sides = self.block(then, set(bound)), self.block(otherwise, set(bound))
                    bound |= sides[0] | sides[1]
                case For(count, inner, variable):
                    self.reads(count, bound)
                    if variable in bound:
                        raise SpecError(f"'{variable}' is bound already", stmt, "count axes with another name")
                    # One axis may go on from what the axis before it has bound.
                    earlier = set(ir.assigned(inner)) if variable != "_" else set()
                    bound |= self.block(inner, {*bound, *earlier, variable} - {"_"}) - {variable}
                case Assert(test):
                    self.reads(test, bound)
                case Return(values):
                    for value in values:
                        self.reads(value, bound)
        return bound

    def binds(self, name: str, stmt: Stmt, bound: set[str]) -> None:
        if name == self.rule.step and name in self.declared:
            raise SpecError(f"'{name}' is the step: it cannot be bound", stmt, "use another name")
        if self.rule.function(name):
            raise SpecError(f"'{name}' is a function of this file", stmt, "use another name")
        if name != "_":
            bound.add(name)

    def unpacks(self, names: tuple[str, ...], value: ir.Expr, stmt: Stmt) -> None:
        several = [name for name, form in FUNCTIONS.items() if form.group == "parts"]
        called = value.function if isinstance(value, Call) else ""
        if (helper := self.rule.function(called)) is not None:
            last = helper.body[-1] if helper.body else None
            results = len(last.values) if isinstance(last, Return) else 1
        elif called in several:
            results = FUNCTIONS[called].results
        else:
            raise SpecError(f"only {', '.join(several)} and helpers have several results", value, "one name at a time")
        if results != len(names):
            what = f"'{called}' has {results} result{'s' if results > 1 else ''}, here are {len(names)} names"
            raise SpecError(what, stmt, "`_` for one that is not needed")
        twice = next((name for i, name in enumerate(names) if name in names[:i] and name != "_"), None)
        if twice is not None:
            raise SpecError(f"two results under one name, '{twice}'", stmt, "`_` for one that is not needed")

    def reads(self, expr: ir.Expr, bound: set[str]) -> None:
        for node in ir.walk(expr):
            if isinstance(node, Name) and node.id not in bound:
                raise self.unknown(node, bound)
            if isinstance(node, Call):
                self.call(node, bound)

    def unknown(self, node: Name, bound: set[str]) -> SpecError:
        name = node.id
        if name in self.assigned:
            return SpecError(f"'{name}' is used before it is bound", node, "move its assignment up")
        if name in LATER:
            return SpecError(f"'{name}' comes later ({LATER[name]})", node, "see docs/spec-language.md")
        if name in FUNCTIONS or self.rule.function(name):
            return SpecError(f"'{name}' is a function, not a value", node, f"call it: {name}(…)")
        if name in INITS:
            return SpecError(f"'{name}' says how a slot begins: it is no value", node, "x * 0 + 1 is an array of ones")
        if name in DTYPES:
            return SpecError(
                f"'{name}' is a dtype, and a rule knows none", node, "a slot may have one: `m: Slot[float32] = zeros`"
            )
        if name in WORDS:
            return SpecError(f"'{name}' is a word of the language, not a value", node, suggest(name, bound))
        return SpecError(f"unknown name '{name}'", node, suggest(name, bound))

    def call(self, node: Call, bound: set[str]) -> None:
        name = node.function
        if name in bound:
            raise SpecError(f"'{name}' is a value here, not a function", node, "rename the value to call the function")
        if self.rule.function(name):
            return
        if name in LATER:
            raise SpecError(f"'{name}' comes later ({LATER[name]})", node, "see docs/spec-language.md")
        form = FUNCTIONS.get(name)
        if form is None:
            raise self.unknown_function(node)
        if len(node.args) != form.arity:
            s, are = "" if form.arity == 1 else "s", "is" if len(node.args) == 1 else "are"
            usage = "svd(a, rank)" if name == "svd" else f"{name}({', '.join('abc'[: form.arity])})"
            pair = {"max": "maximum(a, b)", "sum": "a + b"}.get(name) if len(node.args) == 2 else None
            hint = f"{usage} is of one array; write {pair} for two" if pair else f"write {usage}"
            raise SpecError(f"'{name}' takes {form.arity} argument{s}, {len(node.args)} {are} given", node, hint)
        for place, (option, value) in enumerate(node.options):
            if (name, option) == ("solve_triangular", "lower"):
                if not (isinstance(value, ir.Constant) and isinstance(value.value, bool)):
                    raise SpecError("`lower` is True or False", value, "solve_triangular(a, b, lower=True)")
            elif option not in ("axis", "keep") or not form.axis:
                axes = "reductions take axis=; an axis comes back by indexing: sum(a, axis=-1)[..., None]"
                hint = axes if form.axis else f"write {name}({', '.join('abc'[: form.arity])})"
                raise SpecError(f"'{name}' has no option '{option}'", value, hint)
            if place:
                both = (
                    f"'{name}' gets '{option}' twice" if option == node.options[0][0] else "an axis is kept or reduced"
                )
                raise SpecError(both, value, "one axis at a time")

    def unknown_function(self, node: Call) -> SpecError:
        name = node.function
        if name == self.rule.name:
            return SpecError(f"'{name}' is the rule itself", node, "the language has no recursion; write it out")
        if name in shelf.files():
            what = f"'{name}' is a rule: only a rule calls it"
            return SpecError(what, node, "call it in the body of the rule, not in a helper")
        if name in WORDS:
            return SpecError(f"'{name}' is a word of the language, not a function", node, "see docs/spec-language.md")
        from difflib import get_close_matches

        known = {*FUNCTIONS, *(f.name for f in self.rule.functions)}
        rules = shelf.files().keys() if get_close_matches(name, shelf.files().keys(), n=1, cutoff=0.8) else ()
        hint = f"write {ELSEWHERE[name]}" if name in ELSEWHERE else suggest(name, known.union(rules))
        return SpecError(f"unknown function '{name}'", node, hint)
