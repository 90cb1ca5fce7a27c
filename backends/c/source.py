"""The text of a kernel: declarations, which are its header too, the numbers of a step, the walks, and who calls them."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from adaspec import ir
from adaspec.emit import rule_text
from adaspec.streams.schedule import At

from .kernel import Kernel, Pass
from .texts import BFLOAT16, FLOAT16, FUNCTIONS, LOADS, TYPES, called
from .walks import indented, slot_type

FINISH = {"norm": "sqrt({})", "rms": "sqrt({} / (double)a->size)", "mean": "{} / (double)a->size"}
PIECE = 2**14


@dataclass(frozen=True)
class Layout:
    """What a kernel takes: its text, and the columns of its structs. `passes` is 0 where any part can go alone."""

    name: str
    text: str
    hypers: tuple[str, ...]
    shared: tuple[str, ...]
    arrays: tuple[str, ...]
    passes: int
    sums: bool
    model: bool


class Source:
    """`simple`: one walk of each element by itself, so that any part of the elements can go alone."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.rule = kernel.rule
        self.name = kernel.names.fresh(kernel.rule.name) if kernel.rule.name in C_NAMES else kernel.rule.name
        self.ats = kernel.ats()
        self.sums = kernel.sums
        self.passes = kernel.passes
        late = kernel.late()
        self.owns = {at: kernel.whole(at) for at in self.ats}
        self.before = [kernel.before(p) for p in range(len(kernel.phases))]
        self.totals = [kernel.total(p) for p in range(len(kernel.phases))]
        self.late = late
        self.shared = [s.name for s in self.rule.shared]
        self.stores = [n for n in kernel.scalars if kernel.units.last.get(n)]
        self.model = bool(self.shared) or any(self.before) or any(self.totals)
        self.ends = bool(self.shared or self.stores)
        self.simple = len(self.passes) == 1 and not (
            self.sums or self.model or self.ends or any(self.owns.values()) or kernel.scalars
        )

    def layout(self) -> Layout:
        """What a caller has to know: by the spec's names, in the order of the structs."""
        rule, env = self.rule, self.kernel.env
        hypers = [h.name for h in rule.hypers if not h.static and env.get(h.name, 1.0) is not None]
        arrays = [rule.param, rule.grad, *rule.array_inputs, *(s.name for s in rule.slots)]
        passes = 0 if self.simple else len(self.passes)
        shared = tuple(self.shared)
        given = (*hypers, *rule.scalar_inputs)
        return Layout(self.name, self.text(), given, shared, tuple(arrays), passes, bool(self.sums), self.model)

    # Declarations

    def call(self, *more: str) -> str:
        """The arguments that every function of a kernel takes, as they are declared."""
        name = self.name
        args = [f"const {name}_hypers *h"]
        args += [f"{name}_shared *s"] if self.model else []
        args += [f"const {name}_array *arrays", "int64_t count"]
        args += ["double *sums"] if self.sums else []
        return ", ".join([*args, *more])

    def given(self, *more: str) -> str:
        """The same as they are handed on."""
        args = ["h", *(["s"] if self.model else []), "arrays", "count", *(["sums"] if self.sums else [])]
        return ", ".join([*args, *more])

    def hypers(self) -> list[tuple[str, str]]:
        """The fields of the struct of hyperparameters with their comments: real ones, then inputs that are numbers."""
        rule, names = self.rule, self.kernel.names
        found = []
        for h in rule.hypers:
            if not h.static and self.kernel.env.get(h.name, 1.0) is not None:
                default = "None" if h.default is None else repr(h.default)
                found.append((names[h.name], f"{h.kind}, default {default}"))
        return found + [(names[n], "of this step") for n in rule.scalar_inputs]

    def fields(self) -> list[tuple[str, str, str]]:
        """The arrays of a parameter: type, name, comment."""
        rule, names, name = self.rule, self.kernel.names, self.name
        found = [(f"{name}_param *", names[rule.param], "the parameter")]
        found += [(f"const {name}_grad *", names[rule.grad], "its gradient")]
        found += [(f"const {name}_real *", names[n], "an input") for n in rule.array_inputs]
        kinds = {"REAL": f"{name}_real", "HALF_T": f"{name}_half"}
        for s in rule.slots:
            kind = kinds.get(slot_type(s), slot_type(s))
            found.append((f"{kind} *", names[s.name], begins(s)))
        return found

    def header(self) -> str:
        name, guard = self.name, f"ADASPEC_{self.name.upper()}_H"
        lines = [f"#ifndef {guard}", f"#define {guard}", "", "#include <stdint.h>"]
        lines += called(name, TYPES).rstrip().split("\n")
        fields = self.hypers()
        lines += ["", "/* Hyperparameters, and where each lies. */", "typedef struct {"]
        lines += [f"    double {field}; /* {about} */" for field, about in fields] or ["    double none;"]
        lines += [f"}} {name}_hypers;"]
        if self.model:
            lines += ["", "/* What is one number for the whole model; `step` is the count of this step, from 1. */"]
            lines += ["typedef struct {", "    double step;"]
            lines += [f"    double {self.kernel.names[s.name]}; /* begins as {s.initial} */" for s in self.rule.shared]
            lines += [f"}} {name}_shared;"]
        lines += ["", "/* One parameter with what belongs to it: arrays of `size` elements, which do not overlap. */"]
        lines += ["typedef struct {", "    int64_t size;", "    int64_t t; /* this update of it: 1 at its first */"]
        lines += [f"    {kind}{field}; /* {about} */" for kind, field, about in self.fields()]
        lines += [f"}} {name}_array;", ""]
        if self.sums:
            lines += ["/* How many doubles `sums` has to hold; what they are does not matter. */"]
            lines += [f"int64_t {name}_sums(const {name}_array *arrays, int64_t count);", ""]
        lines += ["/* One step of all arrays, in place. */", f"void {name}_step({self.call()});", ""]
        if self.simple:
            lines += [
                "/* The same for part 0, 1, ... of `parts`: each on a thread of its own. */",
                f"void {name}_part({self.call('int64_t part', 'int64_t parts')});",
            ]
        else:
            lines += [
                f"/* The same for threads: {len(self.passes)} passes in order, of each the parts 0, 1, ... of `parts` at the same time, then the end. */",
                f"void {name}_pass({self.call('int64_t pass', 'int64_t part', 'int64_t parts')});",
                f"void {name}_end({self.call()});",
            ]
        return "\n".join([*lines, "", "#endif"]) + "\n"

    # Numbers

    def numbers(self) -> list[str]:
        """The struct of the numbers of a step, and the functions that compute them."""
        name, k = self.name, self.kernel
        lines: list[str] = []
        step = self.rule.step
        field = k.names[step] if step else "t"
        own = [f"    double {f};" for f in k.fields if f != field]
        lines += [
            "",
            "/* The numbers of a step, in double. */",
            "typedef struct {",
            f"    double {field};",
            *own,
            f"}} {name}_numbers;",
        ]
        lines += ["", "/* Those of update t. */"]
        takes = f"{name}_numbers *n, const {name}_hypers *h, int64_t t"
        body = [f"n->{field} = (double)t;", *self.late]
        if not any("h->" in line for line in body):
            body.append("(void)h;")
        lines += [f"static void at_update({takes}) {{", *indented(body), "}"]
        if self.simple:
            return lines
        folded: dict[At, list[str]] = {}
        for p in self.passes:
            folded[p.at] = []
            for s, function in p.sums.items():
                place = self.sums.index(s)
                value = f"folded(sums, a, {place}, {int(function == 'max')})"
                folded[p.at].append(f"{k.called(s)} = {FINISH.get(function, '{}').format(value)};")
        if self.sums:
            lines += ["", "/* A sum (or the largest) over the pieces of an array, in their order. */"]
            lines += [f"static double folded(const double *sums, const {name}_array *a, int place, int largest) {{"]
            lines += indented(
                [
                    "double whole = largest ? -INFINITY : 0.0;",
                    f"for (int64_t piece = 0; piece * {PIECE} < a->size; piece++) {{",
                    f"    const double x = sums[piece * {len(self.sums)} + place];",
                    "    whole = largest ? maximum_d(whole, x) : whole + x;",
                    "}",
                    "return whole;",
                ]
            )
            lines += ["}"]
        lines += ["", "/* Those of one array in front of a walk, or behind the last. */"]
        takes = f"{name}_numbers *n, const {name}_hypers *h, const {name}_array *a"
        takes += ", const double *sums" if self.sums else ""
        body = ["at_update(n, h, a->t);"]
        body += [f"{k.called(s)} = (double)*a->{k.names[s]};" for s in k.scalars]
        for number, at in enumerate(self.ats):
            body += self.owns[at]
            body += [f"if (stage == {number}) return;"]
            body += folded.get(at, [])
        while body and body[-1].startswith("if (stage"):
            body.pop()
        staged = any("stage" in line for line in body)
        self.staged = staged
        lines += [f"static void of_array({takes}{', int stage' if staged else ''}) {{", *indented(body), "}"]
        if self.model:
            lines += ["", "/* Those of the model in front of a phase. */"]
            takes = f"{name}_numbers *n, {self.call()}, int phase"
            lines += [f"static void of_model({takes}) {{", *indented(self.model_lines(field)), "}"]
        return lines

    def model_lines(self, field: str) -> list[str]:
        k = self.kernel
        lines = [f"{k.called(s)} = s->{k.names[s]};" for s in self.shared]
        wanted = [p for p in range(len(self.before)) if self.before[p] or (p and self.totals[p - 1])]
        last = max(wanted, default=0)
        for phase in range(last + 1):
            lines += [f"n->{field} = s->step;", *self.before[phase]]
            if phase == last:
                break
            lines += [f"if (phase == {phase}) return;"]
            if self.totals[phase]:
                stage = next((i for i, at in enumerate(self.ats) if at[0] > phase), len(self.ats))
                lines += [f"{name} = 0.0;" for name, _ in self.totals[phase]]
                lines += ["{", "    int64_t first = 0;"] if self.sums else ["{"]
                inner = [
                    "const " + f"{self.name}_array *a = &arrays[i];",
                    "if (a->size == 0) continue;",
                    self.of_array(stage, "n", "sums + first"),
                    *(f"{name} += {value};" for name, value in self.totals[phase]),
                ]
                inner += [f"first += pieces(a) * {len(self.sums)};"] if self.sums else []
                lines += ["    for (int64_t i = 0; i < count; i++) {", *indented(indented(inner)), "    }", "}"]
        used = "\n".join(lines)
        for name in ("h", "arrays", "count", *(["sums"] if self.sums else []), "phase"):
            if not re.search(rf"\b{name}\b", used):
                lines.append(f"(void){name};")
        return lines

    def of_array(self, stage: int, numbers: str, sums: str) -> str:
        args = [numbers, "h", "a", *([sums] if self.sums else []), *([str(stage)] if self.staged else [])]
        return f"of_array({', '.join(args)});"

    # Walks

    def walk(self, number: int, made: Pass) -> list[str]:
        name = self.name
        about = "Elements start to end of one array" + (", and their sums." if made.sums else ".")
        takes = [f"const {name}_numbers *n", f"const {name}_hypers *h", f"const {name}_array *a"]
        takes += ["int64_t start", "int64_t end", *(["double *sums"] if made.sums else [])]
        body = [*made.head]
        for s, function in made.sums.items():
            body.append(f"double {self.kernel.names[s]} = {'-INFINITY' if function == 'max' else '0.0'};")
        added = [self.kernel.names[s] for s, function in made.sums.items() if function != "max"]
        largest = any(function == "max" for function in made.sums.values())
        body += [f"#pragma omp simd reduction(+ : {', '.join(added)})"] if added and not largest else []
        body += ["for (int64_t i = start; i < end; i++) {", *indented(made.body), "}"]
        body += [f"sums[{self.sums.index(s)}] = {self.kernel.names[s]};" for s in made.sums]
        text = "\n".join(body)
        body = [f"(void){v};" for v in ("n", "h") if not re.search(rf"\b{v}->", text)] + body
        suffix = "" if len(self.passes) == 1 else f"_{number}"
        kinds = {"PARAM_T": f"{name}_param", "GRAD_T": f"{name}_grad", "HALF_T": f"{name}_half"}
        lines = [line if line.startswith("#") else f"    {line}" for line in body]
        lines = [re.sub(r"\b(PARAM_T|GRAD_T|HALF_T)\b", lambda m: kinds[m[1]], line) for line in lines]
        return ["", f"/* {about} */", *wrapped(f"static void walk{suffix}(", takes, ") {"), *lines, "}"]

    def step(self) -> list[str]:
        name = self.name
        if self.simple:
            part = [
                f"{name}_numbers n = {{0}};",
                "int64_t total = 0, offset = 0, t = -1;",
                "for (int64_t i = 0; i < count; i++) total += arrays[i].size;",
                "const int64_t begin = total * part / parts, stop = total * (part + 1) / parts;",
                "for (int64_t i = 0; i < count && offset < stop; offset += arrays[i++].size) {",
                f"    const {name}_array *a = &arrays[i];",
                "    const int64_t start = begin > offset ? begin - offset : 0;",
                "    const int64_t end = stop - offset < a->size ? stop - offset : a->size;",
                "    if (start >= end) continue;",
                "    if (a->t != t) at_update(&n, h, t = a->t);",
                "    walk(&n, h, a, start, end);",
                "}",
            ]
            head = wrapped(f"void {name}_part(", self.call("int64_t part", "int64_t parts").split(", "), ") {")
            return ["", *head, *indented(part), "}", "", f"void {name}_step({self.call()}) {{",
                    f"    {name}_part({self.given('0', '1')});", "}"]  # fmt: skip
        return self.general()

    def general(self) -> list[str]:
        name, count = self.name, len(self.sums)
        lines: list[str] = []
        if self.sums:
            lines += ["", f"int64_t {name}_sums(const {name}_array *arrays, int64_t count) {{"]
            lines += [
                "    int64_t total = 0;",
                f"    for (int64_t i = 0; i < count; i++) total += pieces(&arrays[i]) * {count};",
            ]
            lines += ["    return total;", "}"]
        body = [
            f"{name}_numbers n = {{0}};",
            "int64_t total = 0, offset = 0;" if not count else "int64_t total = 0, offset = 0, first = 0;",
        ]
        calls = []
        for number, made in enumerate(self.passes):
            stage = self.ats.index(made.at)
            suffix = "" if len(self.passes) == 1 else f"_{number}"
            sums = f", sums + first + start / {PIECE} * {count}" if made.sums else ""
            call = f"walk{suffix}(&n, h, a, start, end{sums});"
            calls.append((number, stage, made.at[0], call))
        if self.model:
            body += [f"static const int phase[] = {{{', '.join(str(p) for _, _, p, _ in calls)}}};"]
            body += [f"of_model(&n, {self.given('phase[pass]')});"]
        body += ["for (int64_t i = 0; i < count; i++) total += arrays[i].size;"]
        body += ["const int64_t begin = total * part / parts, stop = total * (part + 1) / parts;"]
        body += ["for (int64_t i = 0; i < count && offset < stop; i++) {"]
        inner = [f"const {name}_array *a = &arrays[i];", "if (offset + a->size > begin) {"]
        if self.staged:
            inner += [f"    static const int stage[] = {{{', '.join(str(s) for _, s, _, _ in calls)}}};"]
            inner += [f"    of_array(&n, h, a{', sums + first' if self.sums else ''}, stage[pass]);"]
        else:
            inner += [f"    {self.of_array(0, '&n', 'sums + first')}"]
        loop = [
            "if (offset + start < begin || offset + start >= stop) continue;",
            f"const int64_t end = start + {PIECE} < a->size ? start + {PIECE} : a->size;",
        ]
        if len(calls) == 1:
            loop += [calls[0][3]]
        else:
            for number, _, _, call in calls:
                loop += [f"{'' if not number else '} else '}if (pass == {number}) {{", f"    {call}"]
            loop += ["}"]
        inner += [
            f"    for (int64_t start = 0; start < a->size; start += {PIECE}) {{",
            *indented(indented(loop)),
            "    }",
            "}",
        ]
        inner += ["offset += a->size;"] + ([f"first += pieces(a) * {count};"] if count else [])
        body += [*indented(inner), "}"]
        if "pass" not in "\n".join(body):
            body = ["(void)pass;", *body]
        more = ["int64_t pass", "int64_t part", "int64_t parts"]
        lines += ["", *wrapped(f"void {name}_pass(", self.call(*more).split(", "), ") {"), *indented(body), "}"]
        lines += ["", *wrapped(f"void {name}_end(", self.call().split(", "), ") {"), *indented(self.end()), "}"]
        lines += ["", *wrapped(f"void {name}_step(", self.call().split(", "), ") {")]
        lines += [
            f"    for (int64_t pass = 0; pass < {len(self.passes)}; pass++) {name}_pass({self.given('pass', '0', '1')});"
        ]
        lines += [f"    {name}_end({self.given()});", "}"]
        return lines

    def end(self) -> list[str]:
        """What is stored when all walks are done: numbers of the model, and of arrays."""
        k = self.kernel
        if not self.ends:
            return [
                f"(void){n};"
                for n in ("h", *(["s"] if self.model else []), "arrays", "count", *(["sums"] if self.sums else []))
            ]
        lines = [f"{self.name}_numbers n = {{0}};"]
        lines += [f"of_model(&n, {self.given(str(len(k.phases)))});"] if self.model else []
        if self.stores:
            inner = [f"const {self.name}_array *a = &arrays[i];", "if (a->size == 0) continue;"]
            inner += [self.of_array(len(self.ats), "&n", "sums + first")]
            for s in self.stores:
                kind = slot_type(next(x for x in self.rule.slots if x.name == s))
                value = k.called(k.values[s, k.units.last[s]]).replace("n->", "n.")
                inner += [f"*a->{k.names[s]} = ({kind}){value};"]
            inner += [f"first += pieces(a) * {len(self.sums)};"] if self.sums else []
            lines += ["int64_t first = 0;"] if self.sums else []
            lines += ["for (int64_t i = 0; i < count; i++) {", *indented(inner), "}"]
        for s, new in k.time.shared.items():
            if new != s:
                lines.append(f"s->{k.names[s]} = {k.called(new).replace('n->', 'n.')};")
        return lines

    # The file

    def text(self) -> str:
        rule, name = self.rule, self.name
        numbers = self.numbers()
        walks = [line for i, p in enumerate(self.passes) for line in self.walk(i, p)]
        steps = self.step()
        code = "\n".join([*numbers, *walks, *steps])
        loads = called(name, LOADS)
        used = "\n".join([code, loads])
        slots = {s.dtype for s in rule.slots}
        lines = self.comment()
        lines += ["", self.header().rstrip(), "", "#include <math.h>", "#include <string.h>", "#include <tgmath.h>"]
        half = "#if PARAM == {0} || GRAD == {0}"
        for kind, text in (("FLOAT16", FLOAT16), ("BFLOAT16", BFLOAT16)):
            body = called(name, text).rstrip()
            always = kind.lower() in slots
            lines += [body] if always else [f"\n{half.format(kind)}{body}\n#endif"]
        lines += [loads.rstrip()]
        while True:  # a function may call another
            found = [
                f for f, t in FUNCTIONS.items() if re.search(rf"\b{f}\(", code) and t.strip() not in "\n".join(lines)
            ]
            if not found:
                break
            for f in found:
                lines += [FUNCTIONS[f].rstrip()]
        if "pieces(" in code:
            lines += [
                "",
                "/* Sums are made by pieces of an array, so that they do not depend on the number of threads. */",
            ]
            lines += [
                f"static int64_t pieces(const {name}_array *a) {{",
                f"    return (a->size + {PIECE - 1}) / {PIECE};",
                "}",
            ]
        del used
        return "\n".join(lines) + "\n" + code + "\n"

    def comment(self) -> list[str]:
        spec = self.kernel.lowered.spec
        about = [f"{spec.title}. {spec.reference}".strip(), ""]
        about += [
            f"Generated by adaspec from the spec `{spec.name}`, {spec.hash[:12]}: C99, alone, one pass over memory"
            + ("." if len(self.passes) == 1 else " for each sum that another waits for.")
        ]
        about += ["", *rule_text(self.kernel.lowered)]
        rows = [
            row
            for line in about
            for row in (
                textwrap.wrap(
                    line,
                    110,
                    subsequent_indent="    ",
                    drop_whitespace=True,
                    break_long_words=False,
                    replace_whitespace=False,
                )
                if len(line) > 112
                else [line]
            )
        ]
        rows = [r.replace("*/", "* /").replace("/*", "/ *") for r in rows]
        return [f"/* {rows[0]}", *(f" * {r}".rstrip() for r in rows[1:]), " */"]


C_NAMES = {"static", "double"}


def begins(slot: ir.Slot) -> str:
    init = slot.init
    what = {"copy": "a copy of the parameter", "first_grad": "its first gradient"}.get(init.kind, f"{init.value}")
    return f"{'one number' if init.scalar else 'a slot'}, begins as {what}"


def wrapped(head: str, args: list[str], tail: str) -> list[str]:
    line = f"{head}{', '.join(args)}{tail}"
    if len(line) <= 110:
        return [line]
    lines = textwrap.wrap(", ".join(args), 106 - len("    "))
    return [head, *(f"    {line}" for line in lines), tail]
