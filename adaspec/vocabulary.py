"""What a spec may say: hyperparameter kinds with their domains, and the functions, each with the shape of its call.

One table each. The parser, the checker, the interpreter and every emitter look here; a word in no table does not
exist, and a word in `LATER` is refused by name.
"""

from __future__ import annotations

import math

from . import noise
from .frozen import frozen


@frozen
class Domain:
    """An interval of the real line; `low_open` and `high_open` say that the end itself is outside."""

    text: str
    low: float
    high: float
    low_open: bool = False
    high_open: bool = True
    integer: bool = False

    def holds(self, value: float) -> bool:
        """Whether a finite `value` lies inside; NaN and infinities never do."""
        if not math.isfinite(value) or (self.integer and value != int(value)):
            return False
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below


KINDS: dict[str, Domain] = {
    "Rate": Domain("[0, inf)", 0.0, math.inf),
    "Decay": Domain("[0, 1)", 0.0, 1.0),
    "Positive": Domain("(0, inf)", 0.0, math.inf, low_open=True),
    "Real": Domain("(-inf, inf)", -math.inf, math.inf, low_open=True),
    "Count": Domain("an integer >= 0", 0.0, math.inf, integer=True),
    "Flag": Domain("True or False", 0.0, 1.0, high_open=False, integer=True),
}

ARGUMENT_KINDS = ("Param", "Grad", "Step", "Input", "Slot", "Shared", "Array", "Matrix", "Scalar", *KINDS, "Optional")


@frozen
class Form:
    """How a function is called and its group: `elementwise`, a `reduction` over one array, `model`-wide, `noise`, …

    The last argument of an `axes` function is the axis of the parameter that it is about, counted from the front. A
    `matrix` function is one of square or triangular matrices; one of `parts` has several results, which are bound
    together; an `order` stands inside `take`; a `composed` function is said in the vocabulary itself.
    """

    arity: int
    group: str
    axis: bool = False
    results: int = 1


FUNCTIONS: dict[str, Form] = {
    **{
        name: Form(1, "elementwise")
        for name in ("abs", "sign", "sqrt", "rsqrt", "exp", "expm1", "log", "log1p", "tanh", "floor")
    },
    "minimum": Form(2, "elementwise"),
    "maximum": Form(2, "elementwise"),
    "where": Form(3, "elementwise"),
    "clip": Form(3, "elementwise"),
    **{name: Form(1, "reduction", axis=True) for name in ("sum", "mean", "max", "norm", "rms")},
    "total": Form(1, "model"),
    **{name: Form(0, "noise") for name in noise.KINDS},
    "fan_in": Form(1, "layout"),
    "fan_out": Form(1, "layout"),
    "unfold": Form(2, "axes"),
    "fold": Form(2, "axes"),
    "spread": Form(2, "axes"),
    "gram": Form(2, "axes"),
    "along": Form(3, "axes"),
    **{name: Form(1, "matrix") for name in ("diag", "eye", "triu", "tril")},
    "solve_triangular": Form(2, "matrix"),
    "eigh": Form(1, "parts", results=2),
    "qr": Form(1, "parts", results=2),
    "svd": Form(2, "parts", results=3),
    "argsort": Form(1, "order"),
    "take": Form(2, "order", axis=True),
    "trace": Form(1, "composed"),
    "inverse_root": Form(3, "composed"),
}

INITS = ("zeros", "ones", "full", "copy", "first_grad", "eye", "per_axis")

DTYPES = ("float16", "bfloat16", "float32", "float64")

LATER: dict[str, str] = {
    "reshape": "reshaping",
}
"""Words of the language that are decided but not built yet, each with the part it belongs to."""

WORDS = (
    frozenset(FUNCTIONS)
    | set(INITS)
    | set(ARGUMENT_KINDS)
    | set(LATER)
    | set(DTYPES)
    | {"Rule", "schedule", "view", "grad_at"}
)
