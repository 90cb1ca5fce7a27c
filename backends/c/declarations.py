"""The declarations of a kernel, which are its header: how elements are stored, the structs, what can be called."""

from __future__ import annotations

from .frame import Frame, begins
from .texts import TYPES, called


def header(frame: Frame) -> str:
    name, guard = frame.name, f"ADASPEC_{frame.name.upper()}_H"
    lines = [f"#ifndef {guard}", f"#define {guard}", "", "#include <stdint.h>"]
    lines += called(name, TYPES).rstrip().split("\n")
    lines += ["", "/* Hyperparameters, and where each lies. */", "typedef struct {"]
    lines += [f"    double {field}; /* {about} */" for field, about in hypers(frame)] or ["    double none;"]
    lines += [f"}} {name}_hypers;"]
    if frame.model:
        lines += ["", "/* What is one number for the whole model; `step` is the count of this step, from 1. */"]
        lines += ["typedef struct {", "    double step;"]
        lines += [f"    double {frame.names[s.name]}; /* begins as {s.initial} */" for s in frame.rule.shared]
        lines += [f"}} {name}_shared;"]
    lines += ["", "/* One parameter with what belongs to it: arrays of `size` elements, which do not overlap. */"]
    lines += ["typedef struct {", "    int64_t size;", "    int64_t t; /* this update of it: 1 at its first */"]
    lines += [f"    {kind}{field}; /* {about} */" for kind, field, about in arrays(frame)]
    lines += [f"}} {name}_array;", "", *functions(frame), "", "#endif"]
    return "\n".join(lines) + "\n"


def hypers(frame: Frame) -> list[tuple[str, str]]:
    """The fields of the struct of hyperparameters with their comments: real ones, then inputs that are numbers."""
    rule, found = frame.rule, []
    for name in frame.layout.hypers:
        hyper = rule.hyper(name)
        about = "of this step" if hyper is None else f"{hyper.kind}, default {hyper.default!r}"
        found.append((frame.names[name], about))
    return found


def arrays(frame: Frame) -> list[tuple[str, str, str]]:
    """The arrays of a parameter: type, name, comment."""
    rule, names, name = frame.rule, frame.names, frame.name
    found = [(f"{name}_param *", names[rule.param], "the parameter")]
    found += [(f"const {name}_grad *", names[rule.grad], "its gradient")]
    found += [(f"const {name}_real *", names[n], "an input") for n in rule.array_inputs]
    return found + [(f"{frame.slot_type(s.name)} *", names[s.name], begins(s)) for s in rule.slots]


def functions(frame: Frame) -> list[str]:
    lines: list[str] = []
    if frame.sums:
        takes = f"const {frame.name}_array *arrays, int64_t count"
        lines += ["/* How many doubles `sums` has to hold; what they are does not matter. */"]
        lines += [f"int64_t {frame.name}_sums({takes});", ""]
    lines += ["/* One step of all arrays, in place. */", *frame.head("step", end=";"), ""]
    part = ["int64_t part", "int64_t parts"]
    if frame.simple:
        lines += ["/* The same for part 0, 1, ... of `parts`: each on a thread of its own. */"]
        return [*lines, *frame.head("part", part, end=";")]
    count = len(frame.passes)
    behind = ", then the end" if frame.ends else ""
    order = f"{count} passes, one after the other{behind}. The parts" if count > 1 or behind else "the parts"
    lines += [f"/* The same on threads: {order} 0, 1, ... of `parts` run at the same time. */"]
    lines += frame.head("pass", ["int64_t pass", *part], end=";")
    return lines + (frame.head("end", end=";") if frame.ends else [])
