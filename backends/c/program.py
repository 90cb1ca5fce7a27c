"""A test program for a kernel: some steps of two small arrays, held against what the interpreter makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from adaspec.spec import Spec

from .frame import Frame, begins
from .walks import indented

STEPS = 3
SIZES = (7, 3)


def program(spec: Spec, frame: Frame, stem: str) -> str:
    """The text of the program: it prints what it found, and its exit status is 0 if all is as it should be."""
    name, names, rule = frame.name, frame.names, frame.rule
    params, grads, inputs, wanted = trajectory(spec)
    fields = [names[n] for n in (rule.param, rule.grad, *rule.array_inputs, *(s.name for s in rule.slots))]
    lines = [
        f"/* Tests {stem}.c: cc -std=c99 -O2 {stem}.c {stem}_test.c -lm && ./a.out */",
        f'#include "{stem}.h"', "", "#include <math.h>", "#include <stdio.h>", "#include <stdlib.h>", "",
        f"enum {{ ARRAYS = {len(SIZES)}, STEPS = {STEPS}, MOST = {max(SIZES)} }};", "",
        "static const int64_t sizes[ARRAYS] = {" + ", ".join(map(str, SIZES)) + "};",
        f"static {name}_param {fields[0]}[ARRAYS][MOST] = {table(params)};",
        f"static const {name}_grad {fields[1]}[STEPS][ARRAYS][MOST] = {tables(grads)};",
    ]  # fmt: skip
    for n in rule.array_inputs:
        lines.append(f"static const {name}_real {names[n]}[STEPS][ARRAYS][MOST] = {tables(inputs[n])};")
    for n in rule.scalar_inputs:
        lines.append(f"static const double {names[n]}[STEPS] = {{{', '.join(map(literal, inputs[n]))}}};")
    for s in rule.slots:
        lines.append(f"static {frame.slot_type(s.name)} {names[s.name]}[ARRAYS][MOST]; /* {begins(s)} */")
    lines.append(f"static const double wanted[ARRAYS][MOST] = {table(wanted)};")
    defaults = spec.defaults
    values = [literal(defaults.get(n) or 0.0) for n in frame.layout.hypers]
    body = [f"{name}_hypers h = {{{', '.join(values) or '0'}}};", f"{name}_array arrays[ARRAYS];"]
    shared = [0.0, *(initial(s.initial, defaults) for s in rule.shared)]
    body += [f"{name}_shared s = {{{', '.join(map(literal, shared))}}};"] if frame.model else []
    body += ["int wrong = 0;"]
    filled = [(names[s.name], s.init, s) for s in rule.slots]
    starts = []
    for field, init, _ in filled:
        if init.kind == "copy":
            starts.append(f"{field}[k][i] = {fields[0]}[k][i];")
        elif init.kind != "first_grad" and initial(init.value, defaults) != 0.0:
            starts.append(f"{field}[k][i] = {literal(initial(init.value, defaults))};")
    if starts:
        body += ["for (int k = 0; k < ARRAYS; k++) {", "    for (int i = 0; i < MOST; i++) {"]
        body += [*indented(indented(starts)), "    }", "}"]
    put = ["arrays[k].size = sizes[k];", "arrays[k].t = t;", f"arrays[k].{fields[0]} = {fields[0]}[k];"]
    put += [f"arrays[k].{f} = {f}[t - 1][k];" for f in fields[1 : 2 + len(rule.array_inputs)]]
    put += [f"arrays[k].{f} = {f}[k];" for f in fields[2 + len(rule.array_inputs) :]]
    given = ["&h", *(["&s"] if frame.model else []), "arrays", "ARRAYS", *(["sums"] if frame.sums else [])]
    inner = [f"h.{names[n]} = {names[n]}[t - 1];" for n in rule.scalar_inputs]
    inner += ["s.step = t;"] if frame.model else []
    inner += ["for (int k = 0; k < ARRAYS; k++) {", *indented(put), "}"]
    if frame.sums:
        inner += [f"double *sums = malloc(sizeof(double) * (size_t){name}_sums(arrays, ARRAYS));"]
        inner += ["if (!sums) return 2;"]
    inner += [f"{name}_step({', '.join(given)});", *(["free(sums);"] if frame.sums else [])]
    body += ["for (int t = 1; t <= STEPS; t++) {", *indented(inner), "}"]
    body += [
        "for (int k = 0; k < ARRAYS; k++) {", "    for (int i = 0; i < sizes[k]; i++) {",
        f"        const double got = {fields[0]}[k][i], want = wanted[k][i];",
        "        if (fabs(got - want) <= 1e-5 * fabs(want) + 1e-7) continue;",
        '        printf("array %d, element %d: %.9g, expected %.9g\\n", k, i, got, want);',
        "        wrong++;", "    }", "}",
        f'printf("{name}: %d steps of %d arrays, %d elements wrong\\n", STEPS, ARRAYS, wrong);', "return wrong != 0;",
    ]  # fmt: skip
    return "\n".join([*lines, "", "int main(void) {", *indented(body), "}"]) + "\n"


def trajectory(spec: Spec) -> tuple[list[Any], list[list[Any]], dict[str, list[Any]], list[Any]]:
    """Parameters before, gradients and inputs of each step, and the parameters behind the last."""
    from adaspec.interpret import Interpreter  # the test program alone has use for it

    rng = np.random.default_rng(0)

    def drawn() -> list[Any]:
        return [np.round(rng.normal(size=n), 3) for n in SIZES]

    rule = spec.core
    opt = Interpreter(spec)
    params = drawn()
    x, state = params, opt.init(params)
    grads, inputs = [], {i.name: [] for i in rule.inputs if not i.optional}
    for _ in range(STEPS):
        grads.append(drawn())
        for i in rule.inputs:
            if not i.optional:
                value = round(float(abs(rng.normal())), 3) if i.scalar else [abs(a) for a in drawn()]
                inputs[i.name].append(value)
        given = {n: v[-1] for n, v in inputs.items()}
        x, state = opt.step(x, grads[-1], state, **given)
    zeros = [[np.zeros(n) for n in SIZES]] * STEPS
    inputs |= {i.name: ([0.0] * STEPS if i.scalar else zeros) for i in rule.inputs if i.optional}
    return params, grads, inputs, x


def initial(value: float | str, hypers: Any) -> float:
    return float(hypers[value] or 0.0) if isinstance(value, str) else value


def literal(value: float) -> str:
    return f"{float(value):.9g}"


def table(arrays: list[Any]) -> str:
    rows = [f"{{{', '.join(map(literal, np.ravel(a)))}}}" for a in arrays]
    return "{\n    " + ",\n    ".join(rows) + ",\n}"


def tables(steps: list[list[Any]]) -> str:
    return "{\n    " + ",\n    ".join(table(arrays).replace("\n", "\n    ") for arrays in steps) + ",\n}"
