"""What the docstring of a generated class says behind its arguments: errors, what else it takes, an example."""

from __future__ import annotations

import textwrap

from adaspec import ir
from adaspec.ir import Compare
from adaspec.lower import Lowered

from . import complexes, sparse
from .names import Names
from .scalars import Lines
from .spelling import aliases


def state(lowered: Lowered, names: Names, width: int) -> Lines:
    """What a parameter's state holds, of which shapes; and what the groups hold."""
    shapes: dict[str, list[str]] = {"one number": ["step"]}
    for slot in lowered.rule.slots:
        shapes.setdefault(shape(slot.init), []).append(names.key(slot.name))
    parts = [f"{', '.join(f'``{name}``' for name in held)} ({where})" for where, held in shapes.items()]
    lines = _filled(f"The state of a parameter holds {', '.join(parts)}.", width)
    if lowered.rule.shared:
        shared = ", ".join(f"``{names.key(s.name)}``" for s in lowered.rule.shared)
        lines += _filled(f"What the model shares stands in its parameter group: {shared}.", width)
    return lines


def shape(init: ir.Init) -> str:
    """The shape of a slot, said of the parameter's."""
    if init.whole:
        return "of its shape"
    if init.scalar:
        return "one number"
    if init.only is not None:
        return f"{'a matrix' if init.square else 'a vector'} as long as its axis {init.only}"
    if init.cut is not None:
        return f"of its shape, axis {init.cut} cut to the rank"
    return f"of its shape without axis {init.without}"


def tail(lowered: Lowered, names: Names, width: int) -> Lines:
    """The sections behind the arguments, unindented."""
    parts = "Complex parameters mean the arrays of their real and imaginary parts." * complexes.takes(lowered)
    notes = _filled(" ".join(filter(None, [other_names(names), parts, sparse.note(lowered), views(lowered)])), width)
    return [
        *state(lowered, names, width),
        "",
        *notes,
        *([""] if notes else []),
        *raises(lowered),
        "",
        *example(lowered, names),
    ]


def _filled(text: str, width: int) -> Lines:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def other_names(names: Names) -> str:
    spelt = [f"``{name}``" for name in aliases(names)]
    if not spelt:
        return ""
    several = f"{', '.join(spelt[:-1])} and {spelt[-1]} are" if len(spelt) > 1 else f"{spelt[0]} is"
    return f"The spec's own {several} understood as keywords, too."


def views(lowered: Lowered) -> str:
    labels = [v.label for v in lowered.views]
    if not labels:
        return ""
    shown = " or ".join(f'``with optimizer.view("{label}"):``' for label in labels)
    around = " ``optimizer.eval()`` before evaluation and ``optimizer.train()`` behind it do so, too." * (
        "eval" in labels
    )
    return f"Another reading of the parameters is shown by {shown}.{around}"


def raises(lowered: Lowered) -> Lines:
    shapes = ", or a parameter has a shape that the rule does not update" if lowered.asserts else ""
    lines = [
        "Raises:",
        f"    ValueError: a hyperparameter is outside its domain{shapes}",
        "    TypeError: a parameter is not a Tensor of numbers; a keyword is unknown",
    ]
    refused = [] if complexes.takes(lowered) else ["a parameter is complex"]
    refused += [] if sparse.takes(lowered) else ["a gradient is sparse"]
    return [*lines, *([f"    RuntimeError: {', or '.join(refused)}"] if refused else [])]


def example(lowered: Lowered, names: Names) -> Lines:
    rule = lowered.rule
    first = next(iter(names.arguments), None)
    rate = f", {first}={_default(names, first)}" if first == "lr" else ""
    params = "model.parameters()"
    if wanted := asserted(lowered, names):
        params = f"[p for p in {params} if {wanted}]"
    views = {i.view for i in rule.inputs if i.view and not i.optional}
    lines = [
        "Example::",
        "",
        f"    optimizer = {lowered.spec.class_name}({params}{rate})",
        "    for data, target in loader:",
    ]
    if views:  # the closure is called again at the view
        return [
            *lines,
            "        def closure():",
            "            optimizer.zero_grad()",
            "            loss = loss_function(model(data), target)",
            "            loss.backward()",
            "            return loss",
            "",
            "        optimizer.step(closure)",
        ]
    given = ", ".join(f"{names(i.name)}={'loss' if i.scalar else '...'}" for i in rule.inputs)
    return [
        *lines,
        "        optimizer.zero_grad()",
        "        loss = loss_function(model(data), target)",
        "        loss.backward()",
        f"        optimizer.step({given})",
    ]


def asserted(lowered: Lowered, names: Names) -> str:
    """The rank that parameters must have at least, as a condition on `p`; nothing where most have it."""
    from .checks import GroupFacts

    facts = GroupFacts(names, lowered, "p")
    tests = [stmt.test for _, stmt in lowered.asserts]
    return " and ".join(facts.text(t) for t in tests if isinstance(t, Compare) and t.op in ("==", ">=") and of_rank(t))


def of_rank(test: Compare) -> bool:
    return type(test.left) is ir.Ndim and isinstance(test.right, ir.Number)


def _default(names: Names, word: str) -> str:
    from .checks import default

    return default(names, word)
