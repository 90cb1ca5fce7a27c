"""Random statements: each knows afterwards what it bound, and of which kind."""

from __future__ import annotations

from random_expressions import ODD, PLAIN, Expressions, Scope


class Statements(Expressions):
    """`x`, `g`, `slots` with their initialisers, `shared` and `count` are the rule's own names."""

    x: str
    g: str
    slots: dict[str, str]
    shared: list[str]
    count: str

    def statement(self, s: Scope, depth: int) -> list[str]:
        """One statement, or a block; `s` knows afterwards what it bound."""
        forms = [self.local] * 4 + [self.rebind] * 4 + [self.keep] + [self.number_local] * 2 + [self.scalar_local] * 2
        forms += [self.rebind_scalar, self.truth]
        if s.deep:
            forms += [self.factor_local] * 2
        if depth:
            forms += [self.branch] * (3 if s.flag or s.optional else 1) + ([] if s.loop else [self.loop])
        if not (s.loop or s.shaped):
            forms += [] if s.timed else [self.total] * 2
            forms += [self.share] * (3 if self.shared else 0)
        form = self.r.choice(forms)
        return form(s, depth) if form in (self.branch, self.loop) else form(s)  # type: ignore[call-arg]

    def bind(self, s: Scope, kind: str, value: str, names: list[str] | None = None) -> list[str]:
        """Bind a new local, or one again that has this kind."""
        own = {self.x, self.g, *self.slots, *self.shared}
        again = [n for n in getattr(s, kind) if n.isidentifier() and n not in own]
        name = self.r.choice(again) if again and self.chance(0.3) else self.fresh(names or PLAIN, ODD)
        if name not in getattr(s, kind):
            getattr(s, kind).append(name)
        return [f"{name} = {value}"]

    def local(self, s: Scope) -> list[str]:
        return self.bind(s, "full", self.tame(self.full(s, 2)))

    def number_local(self, s: Scope) -> list[str]:
        return self.bind(s, "num", self.num(s))

    def scalar_local(self, s: Scope) -> list[str]:
        hypers = [n for n in s.scalar if n.isidentifier()]
        value = self.scalar(s)
        return self.bind(s, "scalar", value if hypers else f"({value} + 0.0)")

    def truth(self, s: Scope) -> list[str]:
        return self.bind(s, "mask", self.mask(s), ["mask", "agree"])

    def factor_local(self, s: Scope) -> list[str]:
        kind = self.r.choice(["row", "col"])
        own = [n for n, i in self.slots.items() if n in getattr(s, kind)]
        value = self.factor(s, kind, 1)
        if own:
            n = self.r.choice(own)
            return [f"{n} = 0.9 * {n} + (1 - 0.9) * {value}"]
        return self.bind(s, kind, f"tanh({value})")

    def keep(self, s: Scope) -> list[str]:
        """`old = m; m = …; u = old …`: a name for a value that is about to be gone."""
        n = self.r.choice(s.full)
        lines = self.bind(s, "full", n, ["old", "before", "tmp"])
        old = lines[0].split(" = ")[0]
        if old != n and n not in s.full[:0]:
            lines += [f"{n} = {self.tame(self.full(s, 2))}"]
        return [
            *lines,
            *self.bind(
                s, "full", self.r.choice([f"{old} * {n}", f"({old} - {n}) / 2", f"0.9 * {old} + (1 - 0.9) * {n}"])
            ),
        ]

    def rebind(self, s: Scope) -> list[str]:
        """A new value for the parameter, the gradient or a slot."""
        name = self.r.choice([self.x, self.g, *self.slots, *self.slots])
        kind = s.kind(name)
        if name == self.x and self.chance(0.7):
            c = self.scalar(s, 1)
            change, again = self.full(s, 2), self.average(s, name, 1)
            first = f"{name} - 0.1 * ({self.full(s, 2)}) - 0.2 * {name}"
            decayed = f"(1 - 0.1) * {name} - 0.3 * {self.r.choice(s.full)}"
            return [f"{name} = " + self.r.choice([f"{name} - {c} * ({change})", first, decayed, again])]
        if kind == "full":
            return [f"{name} = {self.average(s, name, 2) if self.chance(0.5) else self.tame(self.full(s, 2))}"]
        if kind == "num":
            value = self.num(s)
            return [
                f"{name} = {self.r.choice([f'0.9 * {name} + (1 - 0.9) * {value}', f'tanh({name} + {value})', value])}"
            ]
        return self.factor_local(s) if s.deep else self.local(s)

    def rebind_scalar(self, s: Scope) -> list[str]:
        own = [n for n in s.scalar if n.isidentifier() and n not in self.shared]
        if not own:
            return self.scalar_local(s)
        return [f"{self.r.choice(own)} = {self.scalar(s)}"]

    def total(self, s: Scope) -> list[str]:
        part = self.any(
            [
                lambda: f"sum({self.full(s, 1)})",
                lambda: f"mean({self.full(s, 2)})",
                lambda: f"sum(({self.full(s, 1)})**2)",
            ]
        )
        value = self.any(
            [
                lambda: f"tanh(0.1 * total({part}))",
                lambda: f"sqrt(total({part})**2 + 1)",
                lambda: f"1 / (1 + abs(total({part})) / (1 + abs(total(mean(abs({self.r.choice(s.full)}))))))",
                lambda: f"tanh(total(0.1 * {part} * tanh(0.1 * total({part}))))",
            ]
        )
        return self.bind(s, "scalar", value, ["a", "clip_by", "size"])

    def share(self, s: Scope) -> list[str]:
        n = self.r.choice(self.shared)
        forms = [lambda: f"tanh({n} + {self.scalar(s, 1)})", lambda: f"0.9 * {n} + (1 - 0.9) * {self.scalar(s, 1)}"]
        if not s.timed:
            forms += [
                lambda: f"tanh(0.5 * {n} + total(mean({self.full(s, 1)})))",
                lambda: f"0.5 * {n} + 0.1 * tanh(total(sum({self.full(s, 1)})))",
            ]
        return [f"{n} = {self.any(forms)}"]

    def due(self, s: Scope) -> str:
        """A condition on numbers that are the same for all arrays."""
        t = s.step
        forms = [lambda: f"{self.scalar(s, 1)} {self.r.choice(['<', '>='])} {self.scalar(s, 0)}"]
        if t:
            k = self.r.choice(["2", "3", *([self.count] if self.count else [])])
            forms += [
                lambda: f"{t} % {k} == {self.r.choice('01')}",
                lambda: f"{t} {self.r.choice(['==', '!=', '>', '<='])} 2",
                lambda: f"{t} // 2 % 2 == 1", lambda: f"({t} - 1) % {k} / 2 < 0.5",
                lambda: f"({t} > 1) & ({self.scalar(s, 1)} > 0.5)", lambda: f"~({t} % {k} == 1)",
            ]  # fmt: skip
        return self.any(forms)

    def branch(self, s: Scope, depth: int) -> list[str]:
        """An `if`; what only one side binds is unknown behind it."""
        sides = [s.copy(), s.copy()]
        forms = []
        if s.flag:
            forms += [self.flag(s)] * 2
        if s.optional:
            forms += ["optional"] * 2
        if not s.deep or not forms:
            forms += ["deep"]
        if s.step or s.scalar:
            forms += ["due"] * 2
        test = self.r.choice(forms)
        if test == "optional":
            h = self.r.choice(s.optional)
            test = f"{h} is not None"
            sides[0].scalar += [h]
            sides[0].optional, sides[1].optional = [], []
        elif test == "due":
            test = self.due(s)
            for side in sides:
                side.timed = True
        elif test == "deep":
            test = f"{self.x}.ndim >= 2"
            sides[0].deep = True
            for side in sides:
                side.shaped = True
            for n, init in self.slots.items():
                if "without" in init and s.kind(n) is None:
                    getattr(sides[0], "row" if "(-1)" in init else "col").append(n)
        used = set(self.used)
        bodies: list[list[str]] = []
        for side in sides if self.chance(0.6) else sides[:1]:
            both, self.used = self.used, used if self.chance(0.5) else self.used
            bodies.append([line for _ in range(self.r.randint(1, 2)) for line in self.statement(side, depth - 1)])
            self.used = both | self.used
        known = {n for k in Scope.KINDS for n in getattr(s, k)}
        if len(bodies) == 2:
            for k in Scope.KINDS:
                getattr(s, k).extend(
                    n for n in getattr(sides[0], k)
                    if n in getattr(sides[1], k) and n not in known and n not in self.slots and n.isidentifier()
                )  # fmt: skip
        lines = [f"if {test}:", *(f"    {line}" for line in bodies[0])]
        return lines + (["else:", *(f"    {line}" for line in bodies[1])] if len(bodies) == 2 else [])

    def loop(self, s: Scope, depth: int) -> list[str]:
        inner = s.copy(loop=True)
        count = self.count if self.count and self.chance(0.7) else self.r.choice(["2", "3"])
        body = [line for _ in range(self.r.randint(1, 3)) for line in self.statement(inner, depth - 1)]
        return [f"for _ in range({count}):", *(f"    {line}" for line in body)]

    def ending(self, s: Scope) -> list[str]:
        """Every slot bound and read, and a parameter that depends on them all."""
        lines, terms = [], []
        for n, init in self.slots.items():
            if "without" in init:
                axis = -1 if "(-1)" in init else -2
                lines += [
                    f"if {self.x}.ndim >= 2:",
                    f"    {n} = 0.5 * {n} + tanh(mean({self.r.choice(s.full)}, axis={axis}))",
                ]
                lines += [f"    {self.x} = {self.x} - 0.1 * {n}{'[..., None]' if axis == -1 else '[..., None, :]'}"]
            else:
                lines += [
                    f"{n} = {f'{self.average(s, n, 1)}' if 'scalar' not in init else f'tanh({n} + {self.num(s)})'}"
                ]
                terms.append(n)
        for n in self.shared:
            lines += self.share(s) if self.chance(0.5) else []
            model = f"tanh(total(mean({self.r.choice(s.full)})))"
            lines.append(f"{n} = 0.5 * {n} + " + self.r.choice([f"tanh({self.scalar(s, 1)})", model]))
            terms.append(n)
        update = " + ".join([self.tame(self.full(s, 2)), *terms])
        c = self.scalar(s, 0)
        x, other = self.x, self.r.choice(s.full)
        forms = [f"{x} - {c} * ({update})", f"tanh({x} - {update})", f"{x} - {c} * {other} - 0.1 * ({update})"]
        return [*lines, f"{x} = " + self.r.choice([*forms, f"0.9 * {x} + (1 - 0.9) * ({update})"])]
