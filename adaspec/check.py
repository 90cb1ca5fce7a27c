"""Does a rule say something? Names, shapes, stages, domains, return order; each failure a SpecError at its span.

Names and calls are checked on the text as written, shapes and stages on the expanded body, whose spans still point into
the text. Warnings (`doubts`) never stop a spec.
"""

from __future__ import annotations

from collections.abc import Callable

from . import domains, ir
from .axes import unrolled
from .doubts import doubts
from .errors import SpecError, suggest
from .expand import Budget, expand, expand_function
from .flow import Flow
from .hypers import check_default
from .ir import Assign, Name, Return, Stmt, Unpack
from .lift import lifted
from .names import check_names
from .reals import check_reals
from .stage import typeof
from .types import FULL, Env, Rank, Stage, Type, is_opaque, scalar_type, shown, signature, slot_type

Warn = Callable[[str, ir.Node, str], None]


def check(rule: ir.Rule, warn: Warn | None = None) -> tuple[Stmt, ...]:
    """The expanded body of a sound rule; `warn(message, node, hint)` is called for what is legal and doubtful."""
    check_names(rule)
    budget = Budget()
    written, rule = rule, unrolled(rule)
    body = expand(rule, budget)
    inner = next((n for n in ir.every_statement(body[:-1]) if isinstance(n, Return)), None)
    if not body or inner is not None or not isinstance(body[-1], Return):
        at = inner or (body[-1] if body else rule)
        raise SpecError(f"'{rule.name}' must end with its only `return`", at, f"end it with `{_returns(written)}`")
    last = body[-1]
    check_order(written)
    check_functions(rule, budget)
    env = signature(rule)
    statements = lifted(rule, Flow(rule, env).block(body[:-1]))
    check_return(rule, last, env)
    check_beginnings(rule)
    check_reals(statements, domains.signature(rule))
    check_dialects(rule)
    if warn is not None:
        doubts(rule, body, warn)
    return (*statements, last)


def check_order(rule: ir.Rule) -> None:
    last = rule.body[-1]
    assert isinstance(last, Return)
    wanted = (rule.param, *rule.state_names)
    given = tuple(v.id if isinstance(v, Name) else "…" for v in last.values)
    if given != wanted:
        wrong = next((i for i, w in enumerate(wanted) if i >= len(given) or given[i] != w), len(wanted))
        at = last.values[wrong] if wrong < len(last.values) else last
        order = "by name, in the order of the signature"
        raise SpecError(f"'{rule.name}' must return {', '.join(wanted)}: {order}", at, f"write `{_returns(rule)}`")


def check_return(rule: ir.Rule, last: Return, env: Env) -> None:
    for value, declared in zip(last.values, [Type(Stage.ARRAY, FULL), *map(slot_type, rule.slots)], strict=False):
        found = typeof(value, env)
        name = getattr(value, "id", "")
        what = "the parameter" if value is last.values[0] else "the slot"
        if found.truth or found.optional:
            raise SpecError(
                f"{what} '{name}' is bound to a truth value or None", _binding(rule, name) or value, "bind a number"
            )
        if found.mixed or (found.dims != declared.dims and not is_opaque(found)):
            which = "a number on one path" if found.mixed else shown(found.dims)
            hint = "a number fills an array by `x * 0 + number`; an array becomes a number by sum, mean, norm"
            if any(isinstance(axis, Rank) for axis in found.dims):
                hint = 'of u, _, vt = svd(g, rank), u has the shape of zeros.cut(-1, "rank"), vt that of cut(-2, …)'
            raise SpecError(
                f"{what} '{name}' has shape {shown(declared.dims)} and is bound to {which}",
                _binding(rule, name) or value,
                hint,
            )
    for shared in rule.shared:
        found = env[shared.name]
        if not found.stage.shared or found.dims or found.truth or found.optional:
            raise SpecError(
                f"the Shared '{shared.name}' is bound to a value that differs between arrays",
                _binding(rule, shared.name) or last,
                "sum it over the model: total(sum(…))",
            )


def _binding(rule: ir.Rule, name: str) -> ir.Node | None:
    found = [n for n in ir.every_statement(rule.body) if isinstance(n, Assign | Unpack) and name in ir.assigned((n,))]
    return found[-1].value if found else None


def _returns(rule: ir.Rule) -> str:
    return f"return {', '.join((rule.param, *rule.state_names))}"


def check_beginnings(rule: ir.Rule) -> None:
    """What a slot or a Shared reads at init is a hyperparameter that is always a number."""
    declared = {h.name: h for h in rule.hypers}
    for value, at in [*((s.init.value, s.init) for s in rule.slots), *((s.initial, s) for s in rule.shared)]:
        if not isinstance(value, str):
            continue
        found = declared.get(value)
        if found is None:
            hint = suggest(value, declared) or f"'{rule.name}' has none"
            raise SpecError(f"'{value}' is no hyperparameter, and only one can be read at init", at, hint)
        if found.optional or found.kind == "Flag":
            what = "may be None" if found.optional else "is a truth value"
            raise SpecError(f"'{value}' {what}, and state begins with a number", at, "declare it as a number")
    for slot in rule.slots:
        found = declared.get(str(slot.init.rank))
        if isinstance(slot.init.rank, str) and (found is None or found.kind != "Count"):
            hint = 'declare `rank: Count = 128`, and begin with zeros.cut(-1, "rank")'
            raise SpecError(f"'{slot.init.rank}' is no Count, and an axis is cut to one", slot.init, hint)


def check_functions(rule: ir.Rule, budget: Budget) -> None:
    """Schedules and views are read from outside too, so each is checked by itself."""
    labels: set[str] = set()
    for function in rule.functions:
        if function.role == "helper":
            continue
        env = schedule_env(function) if function.role == "schedule" else view_env(rule, function)
        if function.role == "view":
            if function.label in labels:
                raise SpecError(f"two views named '{function.label}'", function, "give one of them another label")
            labels.add(str(function.label))
        statements, value = expand_function(rule, function, budget)
        inside = statements if function.role == "schedule" else [s for s in statements if isinstance(s, ir.If | ir.For)]
        total = _total((*inside, value) if function.role == "schedule" else tuple(inside))
        if total is not None:
            what = "a schedule sums over no model" if function.role == "schedule" else "`total` in a branch of a view"
            raise SpecError(what, total, "compute it in front, or in the rule, which keeps it in a Shared")
        drawn = next((n for n in ir.walk((*statements, value)) if isinstance(n, ir.Draw)), None)
        if drawn is not None:
            raise SpecError(f"a {function.role} draws no noise", drawn, "draw it in the rule and keep it in a Slot")
        Flow(rule, env).block(statements)
        found = typeof(value, env)
        if function.role == "schedule" and (found.is_array or found.truth or found.optional):
            raise SpecError("a schedule is a number", value, "return one number for each step")
        if function.role == "view" and (not found.is_full or found.mixed) and not is_opaque(found):
            raise SpecError("a view has the shape of the parameter", value, "x * 0 + number fills it")
        check_reals((*statements, Assign("", value)), domains.arguments(rule, function))

    for given in rule.inputs:
        if given.view is not None and given.view not in labels:
            hint = suggest(given.view, labels) or f'define it: @view("{given.view}")'
            raise SpecError(f"'{given.name}' is a gradient at the view '{given.view}', which is not there", given, hint)


def _total(nodes: tuple[ir.Node, ...]) -> ir.Node | None:
    return next((n for n in ir.walk(nodes) if isinstance(n, ir.Call) and n.function == "total"), None)


def schedule_env(function: ir.Function) -> Env:
    """The types of a schedule's arguments: they are what it declares, whatever the rule calls so."""
    for argument in function.arguments:
        if argument.kind in ("Param", "Grad", "Slot", "Shared", "Array", "Matrix"):
            what = "a schedule is a function of t and hyperparameters alone"
            raise SpecError(
                f"{what}, and '{argument.name}' is declared {argument.kind}",
                argument,
                "write a helper: the same without @schedule",
            )
    return {a.name: scalar_type(a.kind, str(a.kind).startswith("Optional")) for a in function.arguments}


def view_env(rule: ir.Rule, function: ir.Function) -> Env:
    """The types of a view's arguments: the rule's own names."""
    own = {name: t for name, t in signature(rule).items() if rule.input(name) is None}
    for argument in function.arguments:
        if argument.name == rule.grad and function.label == "eval":
            raise SpecError("the view 'eval' takes no gradient: there is none", argument, "give the view another label")
        if argument.name not in own:
            what = f"a view takes the rule's own names, but no input: '{argument.name}' is none of them"
            raise SpecError(what, argument, suggest(argument.name, own))
        kind = _kind_of(rule, argument.name)
        if argument.kind not in (None, kind):
            what = f"'{argument.name}' is declared {argument.kind} here, and {kind} in '{rule.name}'"
            raise SpecError(what, argument, f"write `{argument.name}: {kind}`")
    return {a.name: own[a.name] for a in function.arguments}


def _kind_of(rule: ir.Rule, name: str) -> str:
    hyper = rule.hyper(name)
    if hyper is not None:
        return f"Optional[{hyper.kind}]" if hyper.optional else hyper.kind
    kinds = {rule.param: "Param", rule.grad: "Grad", rule.step: "Step"} | {s.name: "Slot" for s in rule.slots}
    return kinds.get(name, "Shared")


def check_dialects(rule: ir.Rule) -> None:
    for dialect in rule.dialects:
        for setting in dialect.settings:
            declared = rule.hyper(setting.name)
            if declared is None:
                raise SpecError(
                    f"the dialect '{dialect.name}' sets '{setting.name}', which is no hyperparameter",
                    setting,
                    suggest(setting.name, (h.name for h in rule.hypers)) or f"'{rule.name}' has none",
                )
            what = f"'{dialect.name}':"
            check_default(setting.name, declared.kind, declared.optional, setting.value, setting.span, what)
        check_words(rule, dialect)


STEP = "step"
"""The counter of updates, as a dialect speaks of it: `step=None` where the original keeps none."""


def check_words(rule: ir.Rule, dialect: ir.Dialect) -> None:
    """The words of a dialect stand for what the rule declares, and no two for the same."""
    known = [*rule.state_names, *(h.name for h in rule.hypers)]
    meant: dict[tuple[bool, str, int | None], str] = {}
    for word in dialect.names:
        if word.name == STEP and word.word is None and STEP not in known:
            continue
        if word.name not in known:
            what = f"the dialect '{dialect.name}' names '{word.name}', which is no hyperparameter, slot or Shared"
            raise SpecError(what, word, suggest(word.name, known))
        declared = rule.hyper(word.name)
        if word.word is None:
            if word.name in rule.state_names:
                raise SpecError(f"'{word.name}' is state: without a word it could not be found", word, "name it")
            continue
        if word.place is not None and declared is None:
            raise SpecError(f"'{word.name}' is state, which is no element of '{word.word}'", word, "name it whole")
        if word.off is not None and (declared is None or not declared.optional):
            raise SpecError(f"'{word.name}' is never None: '{word.spelt}' says what stands for it", word, word.word)
        other = meant.setdefault((declared is None, word.word, word.place), word.name)
        if other != word.name:
            raise SpecError(f"'{word.spelt}' is '{other}' already", word, "two names need two words")
