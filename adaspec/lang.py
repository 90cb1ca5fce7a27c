"""The vocabulary of a spec, for editors and type checkers: `from adaspec.lang import *`.

A spec is parsed, never executed, so nothing here computes anything; each name exists to be completed, hovered over and
type-checked. What the names mean is in docs/spec-language.md; what the compiler accepts is in `adaspec.vocabulary`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_K = TypeVar("_K")  # so that Slot, Input and Optional take brackets, also where annotations are evaluated

Array = Any
"""An array of a helper function, of any shape."""
Matrix = Any
"""An array of rank 2."""
Scalar = Any
"""A number: a hyperparameter, a function of the step, a reduction."""
Param = Any
"""The parameter array."""
Grad = Any
"""The gradient of the parameter."""
Step = Any
"""t: 1 at the first update."""
Input = Any | _K
"""What the caller supplies in each step: an array like the parameter; `Input[Scalar]` is one number for the model."""
Slot = Any | _K
"""State kept per parameter array; its default says how it begins. `Slot[bfloat16]` has a dtype of its own."""
Shared = Any
"""One scalar for the whole model; its default is its initial value."""
Rate = Any
"""A hyperparameter in [0, inf)."""
Decay = Any
"""A hyperparameter in [0, 1)."""
Positive = Any
"""A hyperparameter in (0, inf)."""
Real = Any
"""Any finite hyperparameter."""
Count = Any
"""A static integer >= 0."""
Flag = Any
"""A static truth value."""
Optional = Any | _K
"""`Optional[Positive] = None`: a hyperparameter that may be absent; `Optional[Input] = None`: an input likewise."""
Rule = Any
"""`inner: Rule = "adam"`: the rule that a wrapper calls, `inner(x, g, t)`."""

float16 = Any
bfloat16 = Any
float32 = Any
float64 = Any

F = TypeVar("F", bound=Callable[..., Any])


class _Word:
    """A word of the language: anything may be asked of it in a spec's text, nothing when it is run."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *args: Any, **options: Any) -> Any:
        raise TypeError(f"{self._name} is a word of the spec language: a spec is parsed, not run (adaspec.load)")

    def __repr__(self) -> str:
        return f"<{self._name} of the spec language>"


class _Init(_Word):
    """How a slot begins; `.without(axis)` leaves one axis out, `.only(axis)` is a vector along one, `.square(axis)` a
    square matrix, `.cut(axis, "rank")` has an axis no longer than a rank, `.scalar` is 0-d."""

    @property
    def scalar(self) -> Any:
        return self

    def without(self, axis: int) -> Any:
        return self

    def only(self, axis: int) -> Any:
        return self

    def square(self, axis: int) -> Any:
        return self

    def cut(self, axis: int, rank: int | str) -> Any:
        return self

    def __call__(self, value: float | str) -> Any:
        return self


zeros: Any = _Init("zeros")
ones: Any = _Init("ones")
full: Any = _Init("full")
copy: Any = _Init("copy")
first_grad: Any = _Init("first_grad")
eye: Any = _Init("eye")
per_axis: Any = _Init("per_axis")

abs: Any = _Word("abs")
sign: Any = _Word("sign")
sqrt: Any = _Word("sqrt")
rsqrt: Any = _Word("rsqrt")
exp: Any = _Word("exp")
expm1: Any = _Word("expm1")
log: Any = _Word("log")
log1p: Any = _Word("log1p")
tanh: Any = _Word("tanh")
floor: Any = _Word("floor")
minimum: Any = _Word("minimum")
maximum: Any = _Word("maximum")
where: Any = _Word("where")
clip: Any = _Word("clip")
sum: Any = _Word("sum")
mean: Any = _Word("mean")
max: Any = _Word("max")
norm: Any = _Word("norm")
rms: Any = _Word("rms")
total: Any = _Word("total")
argsort: Any = _Word("argsort")
take: Any = _Word("take")
eigh: Any = _Word("eigh")
qr: Any = _Word("qr")
svd: Any = _Word("svd")
inverse_root: Any = _Word("inverse_root")
solve_triangular: Any = _Word("solve_triangular")
triu: Any = _Word("triu")
tril: Any = _Word("tril")
diag: Any = _Word("diag")
trace: Any = _Word("trace")
uniform: Any = _Word("uniform")
normal: Any = _Word("normal")
rademacher: Any = _Word("rademacher")
fan_in: Any = _Word("fan_in")
fan_out: Any = _Word("fan_out")
unfold: Any = _Word("unfold")
fold: Any = _Word("fold")
spread: Any = _Word("spread")
along: Any = _Word("along")
gram: Any = _Word("gram")


def grad_at(view: str) -> Any:
    """An input that is the gradient at a view of the parameters: `up: Input = grad_at("perturbed")`."""
    return None


def schedule(function: F) -> F:
    """Mark a function of t and hyperparameters alone; `spec.replace` swaps it."""
    return function


def view(label: str) -> Callable[[F], F]:
    """Mark another reading of the parameters, such as the averaged weights to evaluate."""

    def mark(function: F) -> F:
        return function

    return mark


__all__ = [
    "Array", "Count", "Decay", "Flag", "Grad", "Input", "Matrix", "Optional", "Param", "Positive", "Rate", "Real",
    "Rule", "Scalar", "Shared", "Slot", "Step", "abs", "along", "argsort", "bfloat16", "clip", "copy", "diag", "eigh",
    "exp", "expm1", "eye", "fan_in", "fan_out", "first_grad", "float16", "float32", "float64", "floor", "fold",
    "full", "grad_at", "gram", "inverse_root", "log", "log1p", "max", "maximum", "mean", "minimum", "norm", "normal",
    "ones", "per_axis", "qr", "rademacher", "rms", "rsqrt", "schedule", "sign", "solve_triangular", "spread", "sqrt",
    "sum", "svd", "take", "tanh", "total", "trace", "tril", "triu", "unfold", "uniform", "view", "where", "zeros",
]  # fmt: skip
