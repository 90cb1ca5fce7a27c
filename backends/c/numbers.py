"""The numbers of a step as C: of one count of updates, of one array between its walks, of the model between phases."""

from __future__ import annotations

import re

from adaspec.streams.schedule import At

from .frame import Frame, wrapped
from .walks import indented

FINISH = {"norm": "sqrt({})", "rms": "sqrt({} / (double)a->size)", "mean": "{} / (double)a->size"}
"""What becomes of a sum of squares or of elements."""
FOLDED = """
/* A sum over the pieces of an array, in their order. */
static double sum_of(const double *sums, const {name}_array *a) {
    double whole = 0.0;
    for (int64_t piece = 0; piece < pieces(a); piece++) whole += sums[piece * SUMS];
    return whole;
}
"""
LARGEST = """
/* The largest over the pieces of an array. */
static double largest_of(const double *sums, const {name}_array *a) {
    double whole = -INFINITY;
    for (int64_t piece = 0; piece < pieces(a); piece++) whole = maximum_d(whole, sums[piece * SUMS]);
    return whole;
}
"""


def numbers(frame: Frame) -> list[str]:
    """The struct of the numbers, and the functions that compute them."""
    name = frame.name
    step = counter(frame)
    own = [f"    double {f};" for f in frame.kernel.fields if f != step]
    lines = ["", "/* The numbers of a step, in double. */", "typedef struct {", f"    double {step};", *own]
    lines += [f"}} {name}_numbers;", "", "/* Those of update t. */"]
    body = [f"n->{step} = (double)t;", *frame.late]
    body += unused(body, ["h"])
    lines += wrapped("static void at_update(", [*taken(frame), "int64_t t"], ") {")
    lines += [*indented(body), "}"]
    if frame.simple:
        return lines
    functions = {f for p in frame.passes for f in p.sums.values()}
    for text, asked in ((FOLDED, functions - {"max"}), (LARGEST, functions & {"max"})):
        lines += text.replace("{name}", name).rstrip().split("\n") if asked else []
    return [*lines, *of_array(frame), *(of_model(frame) if frame.model else [])]


def counter(frame: Frame) -> str:
    return frame.names[frame.rule.step] if frame.rule.step else "t"


def taken(frame: Frame) -> list[str]:
    return [f"{frame.name}_numbers *n", f"const {frame.name}_hypers *h"]


def unused(body: list[str], names: list[str]) -> list[str]:
    """What says that an argument is not needed."""
    text = "\n".join(body)
    return [f"(void){name};" for name in names if not re.search(rf"\b{name}\b", text)]


def of_array(frame: Frame) -> list[str]:
    k = frame.kernel
    body = ["at_update(n, h, a->t);", *(f"{k.called(s)} = (double)*a->{frame.names[s]};" for s in k.scalars)]
    made: dict[At, list[str]] = {p.at: sums(frame, p.sums) for p in frame.passes}
    for number, at in enumerate(frame.ats):
        body += [*frame.owns[at], *([f"if (stage == {number}) return;"] if frame.staged else []), *made.get(at, [])]
    while body[-1].startswith("if (stage"):
        body.pop()
    takes = [*taken(frame), f"const {frame.name}_array *a", *(["const double *sums"] if frame.sums else [])]
    takes += ["int stage"] if frame.staged else []
    body += unused(body, [*(["sums"] if frame.sums else []), *(["stage"] if frame.staged else [])])
    about = "Those of one array: at stage k, in front of its walk k." if frame.staged else "Those of one array."
    return ["", f"/* {about} */", *wrapped("static void of_array(", takes, ") {"), *indented(body), "}"]


def sums(frame: Frame, made: dict[str, str]) -> list[str]:
    lines = []
    for name, function in made.items():
        value = f"{'largest' if function == 'max' else 'sum'}_of(sums + {frame.sums.index(name)}, a)"
        lines.append(f"{frame.kernel.called(name)} = {FINISH.get(function, '{}').format(value)};")
    return lines


def of_model(frame: Frame) -> list[str]:
    k, step = frame.kernel, counter(frame)
    body = [f"{k.called(s)} = s->{frame.names[s]};" for s in frame.shared]
    needed = [p for p, lines in enumerate(frame.before) if lines or (p and frame.totals[p - 1])]
    last = max(needed, default=0)
    for phase in range(last + 1):
        body += [f"n->{step} = s->step;", *frame.before[phase]]
        if phase < last:
            body += [f"if (phase == {phase}) return;", *total(frame, phase)]
    takes = [f"{frame.name}_numbers *n", *frame.taken.values(), "int phase"]
    body += unused(body, [*frame.taken, "phase"])
    about = "Those of the model, in front of a phase."
    return ["", f"/* {about} */", *wrapped("static void of_model(", takes, ") {"), *indented(body), "}"]


def total(frame: Frame, phase: int) -> list[str]:
    """The totals at the end of a phase: what each array adds, in their order."""
    totals = frame.totals[phase]
    if not totals:
        return []
    stage = next((i for i, at in enumerate(frame.ats) if at[0] > phase), len(frame.ats))
    step = "first += pieces(&arrays[i++]) * SUMS" if frame.sums else "i++"
    inner = [f"const {frame.name}_array *a = &arrays[i];", "if (a->size == 0) continue;", frame.of_array(stage, "n")]
    inner += [f"{name} += {value};" for name, value in totals]
    start = "int64_t i = 0, first = 0" if frame.sums else "int64_t i = 0"
    lines = [f"{name} = 0.0;" for name, _ in totals]
    return [*lines, f"for ({start}; i < count; {step}) {{", *indented(inner), "}"]
