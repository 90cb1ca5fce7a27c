"""The walks as functions, and what calls them: a step, a part of one, and what is stored when all walks are done."""

from __future__ import annotations

import re

from .frame import Frame, wrapped
from .kernel import Pass
from .numbers import unused
from .walks import indented

PART = ["int64_t part", "int64_t parts"]


def walks(frame: Frame) -> list[str]:
    return [line for made in frame.passes for line in walk(frame, made)]


def walk(frame: Frame, made: Pass) -> list[str]:
    about = "Elements start to end of one array" + (", and their sums." if made.sums else ".")
    takes = [f"const {frame.name}_{kind}" for kind in ("numbers *n", "hypers *h", "array *a")]
    takes += ["int64_t start", "int64_t end", *(["double *sums"] if made.sums else [])]
    names = {s: frame.names[s] for s in made.sums}
    body = [*made.head]
    body += [f"double {names[s]} = {'-INFINITY' if f == 'max' else '0.0'};" for s, f in made.sums.items()]
    body += (
        ["int odd = 0; /* whether there is a nan, which no comparison finds */"] if "max" in made.sums.values() else []
    )
    body += [f"#pragma omp simd {' '.join(reductions(frame, made))}" if made.sums else "INDEPENDENT"]
    body += ["for (int64_t i = start; i < end; i++) {", *indented(made.body), "}"]
    for s, f in made.sums.items():
        body += [f"sums[{frame.sums.index(s)}] = {f'odd ? NAN : {names[s]}' if f == 'max' else names[s]};"]
    body = [*unused(body, ["n", "h"]), *body]
    lines = [line if line.startswith("#") else f"    {line}" for line in body]
    lines = [re.sub(r"\b(PARAM_T|GRAD_T|HALF_T)\b", lambda m: frame.type_of(m[1]), line) for line in lines]
    head = wrapped(f"static void walk{frame.part(made)}(", takes, ") {")
    return ["", f"/* {about} */", *head, *lines, "}"]


def reductions(frame: Frame, made: Pass) -> list[str]:
    """What of a loop is summed up, for OpenMP: only then may a compiler change the order of a sum."""
    added = [frame.names[s] for s, f in made.sums.items() if f != "max"]
    largest = [frame.names[s] for s, f in made.sums.items() if f == "max"]
    found = [f"reduction(+ : {', '.join(added)})"] if added else []
    return [*found, *([f"reduction(max : {', '.join(largest)}) reduction(| : odd)"] if largest else [])]


def steps(frame: Frame) -> list[str]:
    return simple(frame) if frame.simple else general(frame)


WHOLE = [
    "for (int64_t i = 0; i < count; i++) total += arrays[i].size;",
    "const int64_t begin = total * part / parts, stop = total * (part + 1) / parts;",
]
"""Where a part of all elements begins and stops."""


EDGE = """
/* Where a part begins or stops in an array: at a multiple of 64 elements, so that each element is in the same place
   of a vector whatever the number of parts, and no two threads write to one line of the cache. */
static int64_t edge(int64_t at, int64_t size) {
    const int64_t up = at > 0 ? (at + 63) / 64 * 64 : 0;
    return up < size ? up : size;
}
"""


def simple(frame: Frame) -> list[str]:
    body = [
        f"{frame.name}_numbers n = {{0}};",
        "int64_t total = 0, offset = 0, t = -1;",
        *WHOLE,
        "for (int64_t i = 0; i < count && offset < stop; offset += arrays[i++].size) {",
        f"    const {frame.name}_array *a = &arrays[i];",
        "    const int64_t start = edge(begin - offset, a->size), end = edge(stop - offset, a->size);",
        "    if (start >= end) continue;",
        "    if (a->t != t) at_update(&n, h, t = a->t);",
        "    walk(&n, h, a, start, end);",
        "}",
    ]
    lines = [*EDGE.rstrip().split("\n"), "", *frame.head("part", PART), *indented(body), "}"]
    return [*lines, "", *frame.head("step"), f"    {frame.name}_part({frame.given('0', '1')});", "}"]


def general(frame: Frame) -> list[str]:
    name, lines = frame.name, []
    if frame.sums:
        lines += ["", f"int64_t {name}_sums(const {name}_array *arrays, int64_t count) {{"]
        lines += ["    int64_t total = 0;"]
        lines += ["    for (int64_t i = 0; i < count; i++) total += pieces(&arrays[i]) * SUMS;"]
        lines += ["    return total;", "}"]
    body = one_pass(frame)
    body += unused(body, ["pass"])
    lines += ["", *frame.head("pass", ["int64_t pass", *PART]), *indented(body), "}"]
    if frame.ends:
        lines += ["", *frame.head("end"), *indented(end(frame)), "}"]
    run = f"{name}_pass({frame.given('0', '0', '1')});"
    if len(frame.passes) > 1:
        every = f"for (int64_t pass = 0; pass < {len(frame.passes)}; pass++)"
        run = f"{every} {name}_pass({frame.given('pass', '0', '1')});"
    lines += ["", *frame.head("step"), f"    {run}"]
    return [*lines, *([f"    {name}_end({frame.given()});"] if frame.ends else []), "}"]


def one_pass(frame: Frame) -> list[str]:
    stages = [frame.ats.index(p.at) for p in frame.passes]
    body = [f"{frame.name}_numbers n = {{0}};", f"int64_t total = 0, offset = 0{', first = 0' if frame.sums else ''};"]
    if frame.model:
        phases = ", ".join(str(p.at[0]) for p in frame.passes)
        body += [f"static const int phase[] = {{{phases}}};", f"of_model(&n, {frame.given('phase[pass]')});"]
    if frame.staged:
        body += [f"static const int stage[] = {{{', '.join(map(str, stages))}}};"]
    loop = [
        "if (offset + start < begin || offset + start >= stop) continue;",
        "const int64_t end = start + PIECE < a->size ? start + PIECE : a->size;",
    ]
    for number, made in enumerate(frame.passes):
        given = ", sums + first + start / PIECE * SUMS" if made.sums else ""
        run = f"walk{frame.part(made)}(&n, h, a, start, end{given});"
        loop += [f"if (pass == {number}) {run}" if len(frame.passes) > 1 else run]
    inner = [
        f"const {frame.name}_array *a = &arrays[i];",
        "if (offset + a->size > begin) {",
        f"    {frame.of_array('stage[pass]', '&n')}",
        "    for (int64_t start = 0; start < a->size; start += PIECE) {",
        *indented(indented(loop)),
        "    }",
        "}",
        "offset += a->size;",
        *(["first += pieces(a) * SUMS;"] if frame.sums else []),
    ]
    return [*body, *WHOLE, "for (int64_t i = 0; i < count && offset < stop; i++) {", *indented(inner), "}"]


def end(frame: Frame) -> list[str]:
    """Numbers of the model, and of arrays, which others needed as they were until now."""
    k, name = frame.kernel, frame.name
    lines = [f"{name}_numbers n = {{0}};"]
    lines += [f"of_model(&n, {frame.given(str(len(k.phases)))});"] if frame.model else []
    if frame.stores:
        inner = [f"const {name}_array *a = &arrays[i];", "if (a->size == 0) continue;"]
        inner += [frame.of_array(len(frame.ats), "&n")]
        for s in frame.stores:
            value = k.called(k.values[s, k.units.last[s]]).replace("n->", "n.")
            inner += [f"*a->{frame.names[s]} = ({frame.slot_type(s)}){value};"]
        step = "first += pieces(&arrays[i++]) * SUMS" if frame.sums else "i++"
        start = "int64_t i = 0, first = 0" if frame.sums else "int64_t i = 0"
        lines += [f"for ({start}; i < count; {step}) {{", *indented(inner), "}"]
    for s, new in k.time.shared.items():
        lines += [f"s->{frame.names[s]} = {k.called(new).replace('n->', 'n.')};"] if new != s else []
    return [*lines, *unused(lines, list(frame.taken))]
