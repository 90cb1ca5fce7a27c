"""The docstrings of a generated class, in the sections of NumPy's own documentation."""

from __future__ import annotations

import textwrap

from adaspec import ir
from adaspec.emit import describe, doc_lines, domain_text
from adaspec.lower import Lowered
from adaspec.vocabulary import FUNCTIONS

from .naming import Names

WIDTH = 100
SHAPES = ((3,), (2, 3), (2, 2), (1, 2, 2))
"""Of the example: the first that the rule takes."""


class Docs:
    """`whole` says because of what the rule needs arrays of a parameter's size; empty where it does not."""

    def __init__(self, lowered: Lowered, names: Names, takes_complex: bool, whole: str) -> None:
        self.lowered = lowered
        self.rule = lowered.rule
        self.names = names
        self.complex = takes_complex
        self.whole = whole

    def of_class(self) -> list[str]:
        reference = self.lowered.spec.reference
        lines = describe(self.lowered, self.names.printed)
        if reference:
            del lines[1:3]  # it stands in a section of its own
        lines += section("Parameters", [line for h in self.rule.hypers for line in self.hyper(h)])
        if self.rule.hypers:
            lines += ["", *wrapped(HYPERS)]
        lines += section("Raises", [*entry("TypeError", "For a hyperparameter that the rule does not have."), *RAISES])
        lines += section("Notes", self.notes())
        lines += section("References", wrapped(reference) if reference else [])
        lines += section("Examples", self.example())
        return doc_lines(lines, "    ")

    def hyper(self, h: ir.Hyper) -> list[str]:
        kind = {"Count": "int", "Flag": "bool"}.get(h.kind, "float or callable")
        kind = f"{kind.replace(' or', ',')} or None" if h.optional and " or" in kind else kind
        kind = f"{kind} or None" if h.optional and "None" not in kind else kind
        about = "" if h.kind == "Flag" else f"In {domain_text(h)}."
        about = about.replace("In an integer >= 0", "At least 0")
        return entry(f"{self.names[h.name]} : {kind}, default {h.default!r}", about)

    def notes(self) -> list[str]:
        slots = [f"`{self.names.key(s.name)}`" for s in self.rule.slots]
        kept = f"and its slots {', '.join(slots)}" if slots else "and nothing else"
        narrow = ", in the dtype of the parameter, but at least float32" if slots else ""
        own = [s for s in self.rule.slots if s.dtype is not None]
        narrow += "".join(f"; `{self.names.key(s.name)}` is {s.dtype}" for s in own)
        shared = ", ".join(f"`{s.name}`" for s in self.rule.shared)
        state = f"""The state is a dict: `step` counts the updates, `slots` holds for the path of every parameter, such
            as "encoder/0/weight", the count of its own updates {kept}{narrow};
            `shared` holds {f"what is one number for the model ({shared})" if shared else "nothing"}. It pickles and
            deep-copies."""
        lines = [*wrapped(TREES), "", *wrapped(state)]
        if self.complex:
            lines += ["", *wrapped(COMPLEX)]
        if self.whole:
            lines += ["", *wrapped(f"Because of {self.whole} a step allocates arrays of a parameter's size.")]
        return lines

    def example(self) -> list[str]:
        shape = next((s for s in SHAPES if self.takes(s)), None)
        if shape is None:
            return []
        name = self.lowered.spec.class_name
        inputs = "".join(
            f", {self.names[i.name]}={'1.0' if i.scalar else 'grads'}" for i in self.rule.inputs if not i.optional
        )
        lines = [
            f'>>> params = {{"w": np.ones({shape if len(shape) > 1 else shape[0]})}}',
            f">>> opt = {name}()",
            ">>> state = opt.init(params)",
            ">>> for _ in range(10):",
            '...     grads = {"w": 2 * params["w"]}',
            f"...     params, state = opt.step(params, grads, state{inputs})",
        ]
        for view in self.lowered.views[:1]:
            given = ", grads" if view.takes_grads else ""
            lines.append(f'>>> shown = opt.view("{view.label}", params, state{given})')
        return lines

    def takes(self, shape: tuple[int, ...]) -> bool:
        try:
            self.lowered.spec.check_shape(shape)
        except ValueError:
            return False
        return True

    def of_step(self) -> list[str]:
        lines = ["Update the parameters and the state in place, and return both."]
        lines += section("Parameters", [*PARAMETERS, *self.inputs()])
        lines += section("Raises", [*STEP_RAISES, *(LINALG if self.decomposes() else [])])
        return doc_lines(lines, "        ")

    def decomposes(self) -> bool:
        calls = [n.function for n in ir.walk(self.lowered.spec.checked) if isinstance(n, ir.Call)]
        return any(FUNCTIONS[name].group == "parts" for name in calls)

    def inputs(self) -> list[str]:
        """What `step` is given beside parameters, gradients and state."""
        lines: list[str] = []
        for i in self.rule.inputs:
            kind = "float" if i.scalar else "tree"
            about = "One number for the model" if i.scalar else "An array for every parameter that has a gradient"
            about += f": its gradient at the view {i.view!r}" if i.view else ""
            lines += entry(f"{self.names[i.name]} : {kind}{', optional' if i.optional else ''}", f"{about}.")
        return lines


HYPERS = """Each is an attribute too, checked again at every step. A callable is called with the number of past
updates, so that any hyperparameter may have a schedule."""

TREES = """Parameters are an array, or lists, tuples (named ones too) and mappings of them, nested; gradients and
states go by the same paths. Every array is a plain `ndarray` (or a `memmap`) of a floating dtype and any layout, in
memory that it shares with no other parameter; one without elements is left alone. `step` writes into them; `updated`
returns new ones."""

COMPLEX = """Of a complex parameter the real and the imaginary part are two numbers to the rule, and its gradient and
slots are complex too. The gradient is the direction in which the loss grows: the conjugate of what `jax.grad` gives."""


def wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(" ".join(text.split()), WIDTH, initial_indent=indent, subsequent_indent=indent)


def entry(head: str, about: str) -> list[str]:
    return [head, *wrapped(about, "    ")]


def section(name: str, lines: list[str]) -> list[str]:
    return ["", name, "-" * len(name), *lines] if lines else []


LINALG = entry(
    "LinAlgError",
    "Where a matrix is not finite. Unlike the others it comes in the middle of a step; `updated` loses nothing by it.",
)
RAISES = entry("ValueError", "For a hyperparameter outside of its domain.")
PARAMETERS = [
    *entry("params : tree", "The parameters, which are changed."),
    *entry("grads : tree", "A gradient for each: an array of its shape, or None, which leaves it and its slots alone."),
    *entry("state : dict", "What `init` returned, which is changed."),
]
STEP_RAISES = [
    *entry("TypeError, ValueError", """Where the arrays or the state do not fit the parameters, a parameter is
        read-only, or a hyperparameter is outside of its domain. Nothing has been changed then."""),
]  # fmt: skip
