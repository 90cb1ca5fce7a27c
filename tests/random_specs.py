"""Random valid specs as text, from a seed: the declarations; `random_statements` has the rest."""

from __future__ import annotations

import warnings
from typing import Any

import adaspec
from random_expressions import GRADS, ODD, PARAMS, PLAIN, STEPS, Scope
from random_statements import Statements

KINDS = {"Rate": ["0.01", "0.1", "0.5"], "Decay": ["0.9", "0.5", "0.0"], "Positive": ["1e-2", "2.0", "0.7"]}
KINDS |= {"Real": ["0.3", "-0.5", "1.5"]}
INITS = [
    "zeros",
    "zeros",
    "zeros",
    "ones",
    "full(0.3)",
    "full(-2.0)",
    "copy",
    "copy",
    "first_grad",
    "zeros.scalar",
    "ones.scalar",
]
INITS += ["zeros.without(-1)", "full(0.5).without(-2)", "ones.without(-1)", "first_grad"]


class Writer(Statements):
    """One random spec: `text()`."""

    def text(self) -> str:
        r = self.r
        name = r.choice(["rule", "rule", "step", "update", "tanh_like", "adam", "init"])
        self.used.add(name)
        x, g = self.fresh(PARAMS), self.fresh(GRADS)
        t = self.fresh(STEPS) if self.chance(0.6) else ""
        scope = Scope(full=[x, g], step=t)
        self.x, self.g = x, g
        arguments = [f"{x}: Param", f"{g}: Grad", *([f"{t}: Step"] if t else [])]
        self.slots: dict[str, str] = {}
        for _ in range(r.choice([1, 1, 2, 2, 3])):
            slot, init = self.fresh(PLAIN, PLAIN, ODD), r.choice(INITS)
            self.slots[slot] = init
            arguments.append(f"{slot}: Slot = {init}")
            kind = "num" if "scalar" in init else "row" if "(-1)" in init else "col" if "(-2)" in init else "full"
            if kind != "row" and kind != "col":
                getattr(scope, kind).append(slot)
        self.shared = [self.fresh(["d", "r", "w", "seen"], ODD) for _ in range(r.choice([0, 0, 0, 1, 1, 2]))]
        arguments += [f"{n}: Shared = {r.choice(['0.0', '1.0', '0.5'])}" for n in self.shared]
        scope.scalar += self.shared
        hypers = []
        for n in range(r.choice([1, 2, 3, 4])):
            hyper = "lr" if n == 0 and "lr" not in self.used else self.fresh(["beta1", "beta2", "eps", "c", "rho"], ODD)
            self.used.add(hyper)
            kind = r.choice(list(KINDS))
            hypers.append(f"{hyper}: {kind} = {r.choice(KINDS[kind])}")
            scope.scalar.append(hyper)
        for _ in range(r.choice([0, 0, 1, 2])):
            flag = self.fresh(["on", "signed", "nesterov"], ODD)
            hypers.append(f"{flag}: Flag = {r.choice(['True', 'False'])}")
            scope.flag.append(flag)
        if self.chance(0.25):
            limit = self.fresh(["limit", "h"], ODD)
            hypers.append(f"{limit}: Optional[{r.choice(list(KINDS)[::2])}] = {r.choice(['None', '0.7'])}")
            scope.optional.append(limit)
        self.count = ""
        if self.chance(0.3):
            self.count = self.fresh(["repeats", "n"], ODD)
            hypers.append(f"{self.count}: Count = {r.choice(['0', '1', '2', '3'])}")
            scope.flag.append(f"{self.count} > 1")
        self.parts(scope)
        start = list(scope.scalar)
        body: list[str] = []
        if self.chance(0.15):
            body += [f"assert {x}.ndim == 2, 'reshape it'"]
            scope.deep = True
            for n, init in self.slots.items():
                if "without" in init:
                    getattr(scope, "row" if "(-1)" in init else "col").append(n)
        for _ in range(r.randint(2, 7)):
            body += self.statement(scope, 2)
        body += self.ending(scope)
        head = f"def {name}({', '.join(arguments)}, *, {', '.join(hypers)}):"
        lines = [head, *(f"    {line}" for line in body), f"    return {', '.join([x, *self.slots, *self.shared])}"]
        views = self.view(scope, start) if self.chance(0.3) else []
        return (
            "\n".join(['"""Random: a rule. The tests, 2026. https://example.org"""\n', *self.helpers, *lines, *views])
            + "\n"
        )

    def parts(self, scope: Scope) -> None:
        """Helpers and a schedule in front of the rule."""
        if self.chance(0.3):
            name = self.fresh(["helper", "squash", "mean_square"])
            inner = Scope(full=["a"], scalar=["s"])
            twice = [f"    b = {self.full(inner, 2)}"]
            inner.full.append("b")
            twice += [f"    a = {self.full(inner, 1)}"] if self.chance(0.4) else []
            twice += [f"    s = {self.scalar(inner, 1)}"] if self.chance(0.3) else []
            self.helpers += [f"def {name}(a: Array, s: Scalar):", *twice, f"    return {self.full(inner, 2)}\n\n"]
            self.calls.append((name, "plain"))
        if self.chance(0.2):
            name = self.fresh(["gram", "orth"])
            if name == "gram":
                name = "gram_of"
            lines = [
                f"def {name}(m: Matrix):",
                "    y = m / (1 + norm(m))",
                "    y = y @ y.T",
                "    return tanh(y @ m)\n\n",
            ]
            self.helpers += lines
            self.calls.append((name, "matrix"))
        if scope.step and self.chance(0.3):
            name = self.fresh(["decay_at", "beta_hat"])
            h = self.r.choice(scope.scalar[len(self.shared) :])
            value = self.r.choice(
                ["1 - t**-c", "1 / (1 + c / t)", "1 - 0.9**t", "exp(-abs(c) * t)", "c / (1 + abs(c)) * (1 - 1 / t)"]
            )
            self.helpers += [
                "@schedule",
                f"def {name}(t: Step, *, c: Scalar):",
                f"    return {value}\n\n",
            ]
            scope.scalar.append(f"{name}({scope.step}, c={h})")

    def view(self, scope: Scope, scalars: list[str]) -> list[str]:
        whole = [n for n, i in self.slots.items() if "scalar" not in i and "without" not in i]
        names = [self.x, *whole, *self.shared]
        inner = Scope(full=[self.x, *whole], scalar=list(self.shared))
        return ["", "", '@view("eval")', f"def reading({', '.join(names)}):", f"    return {self.full(inner, 2)}"]


def random_text(seed: int) -> str:
    """The text of a valid spec: the first of this seed that the checker accepts."""
    for attempt in range(100):
        text = Writer(1000 * seed + attempt).text()
        try:
            parsed(text)
        except adaspec.SpecError:
            continue
        return text
    raise AssertionError(f"no valid spec from seed {seed}")


def parsed(text: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # random rules do doubtful things, which is what they are for
        return adaspec.parse(text)
