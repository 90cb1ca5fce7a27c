"""Random valid specs as text, from a seed: a grammar that knows which names are bound, and of which shape.

Values are kept within reach of 1 (tanh, quotients, bounds), so that a rule's rounding stays small and what a comparison
finds is a fault of a target, not of the rule.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

PARAMS = ["x", "x", "param", "p", "theta", "params", "variable", "a"]
GRADS = ["g", "g", "grad", "d", "grads", "update"]
STEPS = ["t", "t", "step", "count", "k"]
PLAIN = ["m", "v", "u", "w", "s", "y", "q", "row", "col", "mean_m", "old_g", "avg"]
ODD = [
    "state", "params", "step", "count", "self", "np", "torch", "group", "a", "b", "c1", "c2", "tmp", "norm_x", "lr_t",
    "dtype", "t0", "x_new", "m_new", "out", "full", "zeros", "copy", "total_2", "rate", "jnp", "tf", "keras", "math",
    "updates", "slots",
    "name", "index", "i", "n", "buffer", "block", "value", "m_total", "u_total", "w_new", "lr",
    "beta1", "eps", "steps", "type", "len", "list", "zip", "float", "change", "old", "hypers", "phase1",
    "shape", "device",
    "learning_rate", "epsilon", "one", "p", "g2", "square", "opt", "view", "rule", "init", "path", "foreach",
    "defaults",
]  # fmt: skip
FUNCTIONS = {"abs", "sign", "sqrt", "rsqrt", "exp", "expm1", "log", "log1p", "tanh", "floor", "minimum", "maximum"}
FUNCTIONS |= {"where", "clip", "sum", "mean", "max", "norm", "rms", "total"}


@dataclass
class Scope:
    """What may be read here. `full`, `row`, `col`: arrays; `num`: one number per array; `scalar`: one for the model.

    `mask` and `test` are truth values of arrays and of scalars; `flag` are static.
    """

    full: list[str] = field(default_factory=list)
    row: list[str] = field(default_factory=list)
    col: list[str] = field(default_factory=list)
    num: list[str] = field(default_factory=list)
    scalar: list[str] = field(default_factory=list)
    mask: list[str] = field(default_factory=list)
    test: list[str] = field(default_factory=list)
    flag: list[str] = field(default_factory=list)
    optional: list[str] = field(default_factory=list)
    step: str = ""
    deep: bool = False
    """Whether the parameter is known to have two axes."""
    loop: bool = False
    shaped: bool = False
    timed: bool = False
    """Whether a condition on numbers decides that the statement runs."""

    KINDS = ("full", "row", "col", "num", "scalar", "mask", "test", "flag")

    def copy(self, **changes: Any) -> Scope:
        held: dict[str, Any] = {k: list(v) if isinstance(v, list) else v for k, v in vars(self).items()}
        new = Scope(**held)
        for name, value in changes.items():
            setattr(new, name, value)
        return new

    def kind(self, name: str) -> str | None:
        return next((k for k in self.KINDS if name in getattr(self, k)), None)


class Expressions:
    """Random expressions over a scope."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.used: set[str] = set()
        self.helpers: list[str] = []
        self.calls: list[tuple[str, str]] = []
        self.hidden: set[str] = set()

    def chance(self, p: float) -> bool:
        return self.r.random() < p

    def fresh(self, *pools: list[str]) -> str:
        for _ in range(200):
            name = self.r.choice(self.r.choice(pools))
            if name not in self.used and name not in FUNCTIONS:
                break
        else:
            name = f"z{len(self.used)}"
        self.used.add(name)
        return name

    def number(self) -> str:
        return self.r.choice(["0.5", "2", "0.1", "1.5", "3", "0.9", "1", "0.25"])

    # Expressions

    def any(self, forms: list[Callable[[], str]]) -> str:
        return self.r.choice(forms)()

    def scalar(self, s: Scope, depth: int = 2) -> str:
        leaves = [lambda: self.r.choice(s.scalar), self.number]
        if s.step:
            t = s.step
            leaves += [
                lambda: self.r.choice([f"1 / {t}", f"{t}**-0.5", f"(1 - 0.9**{t})", f"0.5**{t}", f"(1 + {t}) / {t}"])
            ]
        if depth == 0 or not s.scalar:
            return self.any(leaves if s.scalar else leaves[1:])
        e = lambda: self.scalar(s, depth - 1)  # noqa: E731
        forms = [
            *leaves, *leaves, lambda: f"({e()} {self.r.choice('+-*')} {e()})", lambda: f"({e()} / (1 + abs({e()})))",
            lambda: f"sqrt(abs({e()}) + 0.1)", lambda: f"maximum({e()}, {e()})", lambda: f"minimum({e()}, {e()})",
            lambda: f"where({self.test(s, depth - 1)}, {e()}, {e()})", lambda: f"exp(-abs({e()}))",
            lambda: f"tanh({e()})", lambda: f"clip({e()}, -1, {self.number()})", lambda: f"-{e()}",
            lambda: f"(1 - {e()})",
            lambda: f"log1p(abs({e()}))", lambda: f"(abs({e()}) + 0.5)**{e()}", lambda: f"sign({e()})",
            lambda: f"(-{e()})**2", lambda: f"floor({e()})", lambda: f"rsqrt(1 + {e()}**2)",
        ]  # fmt: skip
        if s.flag:
            forms += [lambda: f"({e()} if {self.flag(s)} else {e()})"]
        return self.any(forms)

    def test(self, s: Scope, depth: int = 1) -> str:
        forms = [lambda: f"({self.scalar(s, 1)} {self.r.choice(['<', '<=', '>', '>='])} {self.scalar(s, 1)})"]
        forms += [lambda: f"({s.step} > 2)"] if s.step else []
        forms += [lambda: self.r.choice(s.test)] if s.test else []
        if depth:
            forms += [
                lambda: f"({self.test(s, 0)} {self.r.choice('&|')} {self.test(s, 0)})",
                lambda: f"~{self.test(s, 0)}",
            ]
        return self.any(forms)

    def flag(self, s: Scope) -> str:
        name = self.r.choice(s.flag)
        return self.r.choice([name, name, f"not {name}"])

    def num(self, s: Scope, depth: int = 2) -> str:
        """One number per array (or a scalar)."""
        f = lambda: self.full(s, depth - 1)  # noqa: E731
        forms: list[Callable[[], str]] = [lambda: f"{self.r.choice(['mean', 'rms', 'max', 'norm', 'sum'])}({f()})"] * 2
        forms += [lambda: f"{self.r.choice(['mean', 'sum'])}({f()} * {f()})"]
        forms += [lambda: self.r.choice(s.num)] * 2 if s.num else []
        if depth > 1:
            forms += [
                lambda: f"({self.num(s, 1)} {self.r.choice('+-*')} {self.scalar(s, 1)})",
                lambda: f"({self.scalar(s, 1)} / (1 + abs({self.num(s, 1)})))", lambda: f"tanh({self.num(s, 1)})",
                lambda: f"sqrt(1 + {self.num(s, 1)}**2)", lambda: f"maximum({self.num(s, 1)}, {self.scalar(s, 0)})",
                lambda: f"where({self.num(s, 1)} > {self.number()}, {self.scalar(s, 0)}, {self.num(s, 1)})",
            ]  # fmt: skip
        return self.any(forms)

    def factor(self, s: Scope, kind: str, depth: int) -> str:
        """A row or a column."""
        axis = {"row": -1, "col": -2}[kind]
        forms: list[Callable[[], str]] = [
            lambda: f"{self.r.choice(['mean', 'sum', 'max', 'norm', 'rms'])}({self.full(s, depth)}, axis={axis})"
        ]
        forms += [lambda: self.r.choice(getattr(s, kind))] * 3 if getattr(s, kind) else []
        forms += [lambda: f"({self.scalar(s, 0)} * {self.r.choice(getattr(s, kind))})"] if getattr(s, kind) else []
        return self.any(forms)

    def spread(self, s: Scope, depth: int) -> str:
        row = lambda: f"({self.factor(s, 'row', depth)})[..., None]"  # noqa: E731
        row2 = lambda: f"({self.factor(s, 'row', depth)})[..., :, None]"  # noqa: E731
        col = lambda: f"({self.factor(s, 'col', depth)})[..., None, :]"  # noqa: E731
        both = lambda: f"({row2()} * {col()} / (1 + mean(abs({self.factor(s, 'row', 0)}), axis=-1)[..., None, None]))"  # noqa: E731
        return self.any([row, row2, col, both])

    def mask(self, s: Scope, depth: int = 1) -> str:
        op = self.r.choice(["<", "<=", ">", ">="])
        forms = [
            lambda: f"({self.full(s, 1)} {op} {self.any([lambda: self.full(s, 1), lambda: self.scalar(s, 1)])})"
        ] * 2
        forms += [lambda: self.r.choice(s.mask)] * 2 if s.mask else []
        if depth:
            forms += [
                lambda: f"({self.mask(s, 0)} {self.r.choice('&|')} {self.mask(s, 0)})",
                lambda: f"~{self.mask(s, 0)}",
            ]
            forms += [lambda: f"({self.mask(s, 0)} {self.r.choice('&|')} {self.test(s, 0)})"]
        return self.any(forms)

    def average(self, s: Scope, old: str, depth: int) -> str:
        """A moving average, in one of the orders people write it in."""
        if self.chance(0.7) and any(n.isidentifier() for n in s.scalar):
            b = self.r.choice(s.scalar) if self.chance(0.6) else "0.9"
        else:
            b = "0.9"
        u = self.full(s, depth) if self.chance(0.6) else self.r.choice(s.full)
        w = f"(1 - {b})"
        return self.r.choice([
            f"{b} * {old} + {w} * {u}", f"{w} * {u} + {b} * {old}", f"{old} * {b} + {u} * {w}",
            f"{w} * {old} + {b} * {u}",
            f"{old} + {w} * ({u} - {old})", f"{b} * {old} + {w} * ({u})**2", f"{b} * {old} - {w} * {u}",
            f"{old} - {w} * ({old} - {u})", f"{b} * {old} + {u} / 2 * {w}", f"{b} * {old} + {w} * {u} * {u}",
        ])  # fmt: skip

    def full(self, s: Scope, depth: int = 3) -> str:
        leaf = lambda: self.r.choice(s.full)  # noqa: E731
        if depth <= 0:
            return leaf()
        e = lambda: self.full(s, depth - 1)  # noqa: E731
        c = lambda: self.scalar(s, self.r.choice([0, 0, 1]))  # noqa: E731
        forms = [
            leaf, leaf, lambda: f"{c()} * {leaf()}", lambda: f"({e()} {self.r.choice('+-*')} {e()})",
            lambda: f"({e()} + {c()})", lambda: f"({c()} - {e()})", lambda: f"({e()} / (1 + abs({e()})))",
            lambda: f"({e()} / (sqrt(({e()})**2 + {self.number()}) + 0.01))", lambda: f"tanh({e()})", lambda: f"-{e()}",
            lambda: f"abs({e()})", lambda: f"sign({e()})", lambda: f"clip({e()}, -{self.number()}, {self.number()})",
            lambda: f"clip({e()}, -abs({e()}), abs({c()}))", lambda: f"minimum({e()}, {c()})",
            lambda: f"maximum({e()}, {e()})",
            lambda: f"minimum({c()}, {e()})", lambda: f"where({self.mask(s)}, {e()}, {e()})",
            lambda: f"where({self.mask(s)}, {c()}, {e()})", lambda: f"({e()} * where({self.mask(s)}, 1.0, 0.0))",
            lambda: f"where({self.test(s)}, {e()}, {c()} + {e()})", lambda: f"log1p(abs({e()}))",
            lambda: f"exp(-abs({e()}))",
            lambda: f"expm1(-abs({e()}))", lambda: f"({e()})**2", lambda: f"(abs({e()}) + 0.5)**{c()}",
            lambda: f"tanh({e()})**3", lambda: f"rsqrt(1 + ({e()})**2)", lambda: f"({c()} / (1 + abs({e()})))",
            lambda: f"floor({e()})", lambda: f"({e()} * {c()} / (1 + abs({c()})))",
            lambda: f"({e()} / {self.number()})",
            lambda: f"({e()} / (1 + {self.r.choice(['norm', 'rms'])}({e()})))", lambda: f"({e()} - mean({e()}))",
            lambda: f"({e()} * {self.any([lambda: self.num(s, 1)])})", lambda: f"({self.average(s, leaf(), 1)})",
        ]  # fmt: skip
        forms += [lambda: f"({e()} * tanh({self.num(s, 2)}))"]
        if s.flag:
            forms += [lambda: f"({e()} if {self.flag(s)} else {e()})"] * 2
        if s.deep:
            forms += [
                lambda: f"({e()} * {self.spread(s, depth - 2)})",
                lambda: f"({e()} / (1 + abs({self.spread(s, depth - 2)})))",
            ] * 2
            forms += [lambda: f"tanh(({leaf()} @ {leaf()}.T) @ {leaf()})", lambda: f"({leaf()}.T).T"]
        if self.calls:
            forms += [lambda: self.call(s, depth)] * 3
        return self.any(forms)

    def call(self, s: Scope, depth: int) -> str:
        name, form = self.r.choice(self.calls)
        if form == "matrix":
            return f"{name}({self.full(s, depth - 1)})" if s.deep else self.r.choice(s.full)
        return f"{name}({self.full(s, depth - 1)}, {self.scalar(s, 1)})"

    def tame(self, text: str) -> str:
        return self.r.choice([text, text, f"tanh({text})", f"clip({text}, -3, 3)", f"0.5 * ({text})"])
