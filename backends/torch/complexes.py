"""Complex parameters in a generated class: views of their parts, where the rule takes them."""

from __future__ import annotations

from adaspec import ir
from adaspec.complexes import refusal
from adaspec.lower import Lowered

from .scalars import Lines

HELPERS = {
    "_real_columns(": '''
def _real_columns(columns: list[list[Tensor]]) -> list[list[Tensor]]:
    """Complex tensors as views of their real and imaginary parts, on a last axis of two."""
    columns[1] = [grad.resolve_conj() for grad in columns[1]]
    return [[t if t is None else _parts(t) for t in column] for column in columns]
''',
    "_parts(": '''
def _parts(t: Tensor) -> Tensor:
    """A view of the parts of a complex tensor; any other as it is."""
    return torch.view_as_real(t) if t.is_complex() else t
''',
    "_both(": '''
def _both(value: float, x: Tensor) -> Any:
    """A value for both parts of a complex tensor."""
    return complex(value, value) if x.is_complex() else value
''',
}


def takes(lowered: Lowered) -> bool:
    return refusal(lowered.spec) is None


def check(lowered: Lowered) -> Lines:
    """The refusal of parameters that are no numbers of the right kind."""
    cls, why = lowered.spec.class_name, refusal(lowered.spec)
    what = "floating-point" if why else "floating-point or complex"
    outside = "not p.is_floating_point()" if why else "not (p.is_floating_point() or p.is_complex())"
    lines: Lines = ["        if p.layout != torch.strided:"]
    lines += [f'            raise ValueError("{cls} requires dense parameter tensors")']
    if why:
        lines += ["        if p.is_complex():"]
        error = f'            raise RuntimeError("{cls} does not support complex parameters: {why}")'
        if len(error) > 120:
            error = error.replace('("', '(\n                "').replace('")', '"\n            )')
        lines += error.split("\n")
    lines += [f"        if {outside}:"]
    error = f'            raise TypeError(f"{cls} updates {what} Tensors, but one of the params is {{p.dtype}}")'
    if len(error) > 120:
        error = error.replace('(f"', '(\n                f"').replace('")', '"\n            )')
    return [*lines, *error.split("\n")]


def of_slot(made: str, init: ir.Init) -> str:
    """The beginning of a slot, also of a complex parameter: its parts begin alike, and one number stays real."""
    if init.scalar:
        return made.replace("dtype=dtype", "dtype=dtype.to_real()")
    for name in ("ones_like(x", "full_like(x, "):
        if name in made:
            value = "1.0" if name == "ones_like(x" else made.partition(name)[2].rpartition(", dtype")[0]
            return f"torch.full_like(x, _both({value}, x), dtype=dtype)"
    return made
