"""Types along the statements of an expanded body; shapes come out said in the parameter's own axes.

What a rule takes for granted about the rank (an axis to reduce, a matrix to multiply) and has not asked for becomes an
assertion here, so that a parameter that cannot be updated is refused when the optimizer meets it, on every target.
"""

from __future__ import annotations

from dataclasses import replace

from . import ir
from .errors import SpecError
from .ir import Assert, Assign, Call, Choose, Compare, Expr, For, If, Logical, Name, Number, Stmt, Unary, When
from .shapes import PLACES, axis_of, place_of
from .stage import condition, static_fact, typeof
from .types import (
    FULL,
    OPAQUE,
    Along,
    Axis,
    Env,
    Others,
    Rank,
    Stage,
    Type,
    in_place,
    is_opaque,
    joined,
    narrowed,
    needed,
    shown,
    slot_type,
)
from .vocabulary import FUNCTIONS

FUNCTIONS_OF_MATRICES = {name for name, form in FUNCTIONS.items() if form.group in ("matrix", "parts")}


class Flow:
    """`env` is changed in place; `rank` is the least number of axes that the parameter is known to have here."""

    def __init__(self, rule: ir.Rule, env: Env, rank: int = 0, facts: dict[str, Expr] | None = None) -> None:
        self.rule = rule
        self.env = env
        self.rank = rank
        self.facts = dict(facts or {})

    def block(self, body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        return tuple(new for stmt in body for new in self.stmt(stmt))

    def stmt(self, stmt: Stmt) -> tuple[Stmt, ...]:
        match stmt:
            case Assign(name, value):
                return self.assign(stmt, name, value)
            case If(test, then, otherwise):
                return self.branch(stmt, test, then, otherwise)
            case For(count, body):
                return self.loop(stmt, count, body)
            case Assert(test):
                static_fact(test, self.env, "an assertion about", "an assertion is checked before the first step")
                self.refuse_input(stmt, test)
                before = self.needs(test)
                test = self.resolved(test)
                self.rank = max(self.rank, self.least(test, True))
                return (*before, replace(stmt, test=test))
        return (stmt,)

    def assign(self, stmt: Assign, name: str, value: Expr) -> tuple[Stmt, ...]:
        found = replace(typeof(value, self.env), nullable=False)
        if found.places:
            raise SpecError("`argsort` gives places, and stands inside `take`", value, PLACES)
        old = self.env.get(name)
        if old is not None and old.is_array != found.is_array and not isinstance(value, Choose):
            was, now = ("an array", "a number") if old.is_array else ("a number", "an array")
            own = name == self.rule.param or name in self.rule.state_names
            fill = "`x * 0 + number` fills an array, and `zeros.scalar` is a slot for a number"
            raise SpecError(f"'{name}' was {was} and is bound to {now}", value, fill if own else "use another name")
        before = (*self.needs(value), *self.ranked(value))
        value = self.resolved(value)
        self.env[name] = found
        self.facts = {n: f for n, f in self.facts.items() if n != name and name not in ir.names(f)}
        if found.truth and found.stage.static:
            self.facts[name] = value
        return (*before, replace(stmt, value=value))

    def branch(self, stmt: If, test: Expr, then: tuple[Stmt, ...], otherwise: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        fact = condition(test, self.env)
        real = not fact.stage.static
        if real:
            stmt = When(test, then, otherwise, span=stmt.span)
        if real or fact.stage & Stage.SHAPE:
            self.refuse_total(stmt)
        before = self.needs(test)
        asked = self.resolved(test)
        if self.known(asked):
            return (*before, *self.block(then))
        flows, bodies = [], []
        for holds, side in ((True, then), (False, otherwise)):
            rank = max(self.rank, self.least(asked, holds))
            flow = Flow(self.rule, dict(narrowed(test, self.env, holds)), rank, self.facts)
            bodies.append(flow.block(side))
            flows.append(flow.env)
        rebound = ir.assigned((stmt,))
        known = dict(self.env)
        self.env.clear()
        for name in known | dict.fromkeys(rebound):
            if name not in rebound:
                self.env[name] = known[name]
            elif name in flows[0] and name in flows[1]:
                sides = flows[0][name], flows[1][name]
                if sides[0].truth != sides[1].truth:
                    raise SpecError(
                        f"'{name}' is a truth value on one branch and a number on the other", stmt, "use two names"
                    )
                self.keeps_shape(name, sides, stmt)
                if real and (sides[0].optional or sides[1].optional):
                    raise SpecError(f"'{name}' may be None on one branch", stmt, "ask for None in front: it is static")
                if real and sides[0].dims != sides[1].dims:
                    shapes = [shown(side.dims) for side in sides]
                    what = f"'{name}' has shape {shapes[0]} on one branch and {shapes[1]} on the other"
                    raise SpecError(what, stmt, "only one of them runs: use two names")
                self.env[name] = joined(fact.stage if real else fact.stage & Stage.SHAPE, *sides)
        self.facts = {n: f for n, f in self.facts.items() if not {n, *ir.names(f)} & set(rebound)}
        return (*before, replace(stmt, test=asked, then=bodies[0], otherwise=bodies[1]))

    def keeps_shape(self, name: str, sides: tuple[Type, Type], stmt: If) -> None:
        """A slot has the shape of its declaration behind both branches: their join would hide that one lost it."""
        slot = next((s for s in self.rule.slots if s.name == name), None)
        wanted = FULL if name == self.rule.param else None if slot is None else slot_type(slot).dims
        odd = [s for s in sides if wanted is not None and s.dims and not is_opaque(s) and s.dims != wanted]
        if odd:
            raise SpecError(
                f"'{name}' has shape {shown(wanted or ())} and is bound to {shown(odd[0].dims)} on one branch",
                stmt,
                "give what has another shape another name",
            )

    def loop(self, stmt: For, count: Expr, body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        if not static_fact(count, self.env, "a loop up to", "declare it a Count").whole:
            raise SpecError(
                "a loop counts to an integer", count, "a Count, a shape, an integer, or their sum or product"
            )
        self.refuse_total(stmt)
        before = self.needs(count)
        count = self.resolved(count)
        rebound = [n for n in ir.assigned(body) if n in self.env]
        self.facts = {n: f for n, f in self.facts.items() if not {n, *ir.names(f)} & set(ir.assigned(body))}
        known = dict(self.env)
        rank = self.rank
        new: tuple[Stmt, ...] = ()
        for attempt in range(4):
            self.rank = rank
            new = self.block(body)
            settled = {n: joined(Stage.STATIC, known[n], self.env[n]) for n in rebound}
            if all(settled[n] == known[n] for n in rebound):
                break
            if attempt:  # a value wanders from name to name: whatever one of them depends on, all may
                settled = {n: _widest(t, settled.values()) for n, t in settled.items()}
            known |= settled
            self.env.update(known)
        self.rank = rank
        self.env.update({n: known[n] for n in rebound})
        runs = isinstance(count, Number) and count.value >= 1
        for name in set(self.env) - set(known):
            if not runs:
                del self.env[name]
        return (*before, replace(stmt, count=count, body=new))

    def resolved(self, node: Expr) -> Expr:
        """`node` with every `ndim` and `shape` said of the parameter."""
        match node:
            case ir.Ndim(operand):
                if not typeof(operand, self.env).is_full:
                    if isinstance(node, ir.FanIn | ir.FanOut):
                        hint = f"{node.word}({self.rule.param})"
                        raise SpecError("only the fans of the parameter are known", node, hint)
                    what = "size" if isinstance(node, ir.Size) else "number of axes"
                    raise SpecError(
                        f"only the {what} of the parameter is known", node, f"{self.rule.param}.{node.word}"
                    )
                return replace(node, operand=Name(self.rule.param))
            case ir.Dim(operand, axis):
                dims = typeof(operand, self.env).dims
                if axis >= 0 and dims == FULL:  # an axis of a slot per axis: the parameter is known to have it
                    return ir.Dim(Name(self.rule.param), axis, span=node.span)
                if axis >= 0 and in_place(dims):
                    hint = f"count from the end, or take it of the parameter: {self.rule.param}.shape[{axis}]"
                    raise SpecError("the rank is not known here, so axes are counted from the end", node, hint)
                own = dims[axis] if -len(dims) <= axis < len(dims) else None
                if isinstance(own, Along):
                    length = ir.Dim(Name(self.rule.param), own.axis, span=node.span)
                    rest = ir.Binary("/", ir.Size(Name(self.rule.param)), length, span=node.span)
                    return rest if isinstance(own, Others) else length
                if not isinstance(own, int) or own > 0:
                    hint = f"take it of the parameter: {self.rule.param}.shape[-1]"
                    raise SpecError("the length of this axis is not known here", node, hint)
                return ir.Dim(Name(self.rule.param), own, span=node.span)
            case Call("fold" | "spread", (operand,)):
                shape = ir.Shape(Name(self.rule.param), span=node.span)
                return replace(node, args=(self.resolved(operand), shape))
        return ir.rebuild(node, self.resolved)

    def refuse_total(self, stmt: Stmt) -> None:
        for node in ir.walk(stmt):
            if isinstance(node, Call) and node.function == "total":
                what = "in a loop" if isinstance(stmt, For) else "under a condition on the shape"
                what = "under a condition on a number" if isinstance(stmt, When) else what
                raise SpecError(f"`total` {what}: every array must take part", node, "compute it in front")

    def refuse_input(self, stmt: Stmt, test: Expr) -> None:
        """Whether an input is given is known in a step, and an assertion is checked before the first."""
        for node in ir.walk(test):
            if isinstance(node, Name) and node.id in self.facts:
                self.refuse_input(stmt, self.facts[node.id])
            elif isinstance(node, Name) and self.rule.input(node.id) is not None:
                hint = f"declare '{node.id}' without Optional: then it is given in every step"
                raise SpecError(
                    f"an assertion is checked before the first step, '{node.id}' is given in it", stmt, hint
                )

    # Ranks

    def least(self, test: Expr, holds: bool) -> int:
        """The number of axes that the parameter must have if `test` holds (or does not)."""
        match test:
            case Name(name) if name in self.facts:
                return self.least(self.facts[name], holds)
            case Unary("not", operand):
                return self.least(operand, not holds)
            case Logical(op, values):
                sides = [self.least(v, holds) for v in values]
                return max(sides) if (op == "and") == holds else min(sides)
            case Compare(left=a, right=b) if any(isinstance(n, ir.Ndim) and type(n) is not ir.Ndim for n in (a, b)):
                return 0
            case Compare(op, Number(value), ir.Ndim() as ndim):
                return self.least(Compare(_MIRRORED[op], ndim, Number(value)), holds)
            case Compare(op, ir.Ndim(), Number(int(value))):
                if (op, holds) in ((">=", True), ("==", True), ("<", False), ("!=", False)):
                    return value
                if (op, holds) in ((">", True), ("<=", False)) or (value == 0 and (op, holds) in _SOME):
                    return value + 1
        return 0

    def known(self, test: Expr) -> bool:
        """Whether the parameter is known to have so many axes that `test` holds: for `x.ndim > k` alone."""
        match test:
            case Compare(">", ir.Ndim(), Number(int(value))):
                return type(test.left) is ir.Ndim and self.rank > value
        return False

    def needs(self, node: Expr) -> tuple[Assert, ...]:
        """An assertion of the axes that `node` takes for granted, where they are not known to be there."""
        need, at = max(((k, n) for k, n in self.taken(node)), key=lambda pair: pair[0], default=(0, node))
        if need <= self.rank:
            return ()
        self.rank = need
        s = "" if need == 1 else "s"
        test = Compare(">=", ir.Ndim(Name(self.rule.param)), Number(need), span=at.span)
        return (Assert(test, f"its parameters need at least {need} dimension{s}", span=at.span),)

    def ranked(self, value: Expr) -> tuple[Assert, ...]:
        """An assertion that there is something left of a matrix of a chosen rank."""
        match value:
            case Call("svd", options=(("rank", Name() as rank),)):
                some = Compare(">=", rank, Number(1), span=rank.span)
                return (Assert(some, f"`{rank.id}` is at least 1", span=rank.span),)
        return ()

    def taken(self, node: Expr) -> list[tuple[int, Expr]]:
        """Each operation on axes with the number of the parameter's axes that it takes for granted."""
        if isinstance(node, Logical):
            # `x.ndim >= 2 and x.shape[-1] > 4` asks before it takes.
            found, rank, inner = [], self.rank, Flow(self.rule, self.env, self.rank, self.facts)
            for value in node.values:
                found += [(k, n) for k, n in inner.taken(value) if k > rank]
                rank = max(rank, self.least(self.resolved(value), node.op == "and"))
            return found
        if isinstance(node, Choose):
            test = self.resolved(node.test)
            found = self.taken(node.test)
            for holds, side in ((True, node.then), (False, node.otherwise)):
                known = self.least(test, holds)
                found += [(k, n) for k, n in self.taken(side) if k > known]
            return found
        found = [pair for child in ir.children(node) if isinstance(child, Expr) for pair in self.taken(child)]
        own: tuple[Axis, ...] = ()
        match node:
            case Name(name):
                own = tuple(d for d in self.env[name].dims if isinstance(d, Rank)) if name in self.env else ()
            case ir.FanIn() | ir.FanOut():
                own = (Along(1),)
            case Call("unfold"):
                own = (Along(place_of(node.option("axis"))),)
            case Call("fold" | "spread"):
                pass  # what they take is as long as an axis that has been asked for
            case Call(args=(a, *_)) if (given := node.option("axis")) is not None:
                axis = axis_of(given)
                own = typeof(a, self.env).dims[axis : axis + 1 or None]
            case Call(args=(a, *_)) if FUNCTIONS_OF_MATRICES & {node.function}:
                own = typeof(a, self.env).dims[-2:]
            case ir.Transpose(operand):
                own = typeof(operand, self.env).dims[-2:]
            case ir.Binary("@", left, right):
                own = typeof(left, self.env).dims[-2:] + typeof(right, self.env).dims[-2:]
            case ir.Dim(operand, axis):
                dims = typeof(operand, self.env).dims
                own = dims[axis : axis + 1 or None] if axis < 0 or not in_place(dims) else (Along(axis),)
            case ir.Index(operand, items):
                colons = items.count(":")
                own = typeof(operand, self.env).dims[-colons:] if colons else ()
        need = max(map(needed, own), default=0)
        return [*found, (need, node)] if need else found


_SOME = (("==", False), ("!=", True))
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!=", "is": "is", "is not": "is not"}


def _widest(t: Type, among) -> Type:
    stage = t.stage
    for other in among:
        stage |= other.stage
    return replace(t, stage=stage, dims=tuple(OPAQUE if d != "..." else d for d in t.dims), whole=False)
