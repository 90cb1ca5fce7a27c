"""Complex parameters: which rules take them, and what they are to a rule: the array of their real and imaginary parts.

A complex array of shape `s` means the real array of shape `(*s, 2)`, the parts on a last axis of their own. A rule that
never asks for a shape reads that as it reads any array; so of such a parameter the gradient, the array inputs and every
slot of its shape are complex too, and a slot of one number stays real. To every other rule the axis of the parts would
be one that its user does not see: those refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import ir
from .vocabulary import FUNCTIONS

if TYPE_CHECKING:
    from .spec import Spec

Array = Any

REAL = {"complex64": "float32", "complex128": "float64"}
"""The dtypes that complex parameters and slots have, with the dtype of their parts."""

COMPLEX = {real: name for name, real in REAL.items()}

SHAPE = "it asks for a shape"


def takes_complex(spec: Spec) -> bool:
    """Whether the rule takes complex parameters. A fact of its text: no hyperparameter changes it."""
    return refusal(spec) is None


def refusal(spec: Spec) -> str | None:
    """Why a rule does not take complex parameters, as what it does (`"it asks for a shape"`); None where it does."""
    found = list(_looks(spec))
    # The checker asks for a shape on behalf of what works on axes, which says more.
    return next((why for why in found if why != SHAPE), found[0] if found else None)


def refused(spec: Spec, path: str, dtype: str) -> TypeError:
    """The error for a complex parameter of a rule that takes none."""
    return TypeError(f"parameter '{path}' is {dtype}: {remedy(spec)}")


def remedy(spec: Spec) -> str:
    """What a rule that takes no complex parameters says of them: why, and what to do."""
    why = f"{spec.name} takes no complex parameters, for {refusal(spec)}"
    return f"{why}; give it the real and the imaginary part as two parameters"


def _looks(spec: Spec) -> Iterator[str]:
    """Every way in which a rule, or a view of it, sees an axis."""
    for slot in spec.core.slots:
        if not (slot.init.whole or slot.init.scalar):
            yield f"its slot '{slot.name}' has axes of its own"
        elif slot.init.whole and slot.dtype is not None and slot.dtype not in COMPLEX:
            yield f"its slot '{slot.name}' is {slot.dtype}, of which there are no complex numbers"
    views = (part for name in spec.views for part in spec.view(name))
    for part in (spec.checked, *views):
        for node in ir.walk(part):
            if found := _looking(node):
                yield found


def _looking(node: ir.Node) -> str:
    match node:
        case ir.Ndim() | ir.Dim() | ir.Pick():
            return SHAPE
        case ir.Binary("@"):
            return "it multiplies matrices"
        case ir.Transpose():
            return "it transposes"
        case ir.Index():
            return "it adds axes"
        case ir.Call(function, _, options) if function in FUNCTIONS:
            group = FUNCTIONS[function].group
            if group == "reduction" and {"axis", "keep"} & dict(options).keys():
                return f"it takes '{function}' along an axis"
            if group not in ("elementwise", "reduction", "model", "noise"):
                return f"'{function}' works on axes"
    return ""


# Arrays


def is_complex(x: Any) -> bool:
    """Whether an array of any library is of complex numbers."""
    return "complex" in str(getattr(x.dtype, "name", x.dtype))


def apart(x: Array) -> Array:
    """The real array of the parts of a complex one, and any other array itself."""
    if not is_complex(x):
        return x
    from array_api_compat import array_namespace

    xp = array_namespace(x)
    return xp.stack((xp.real(x), xp.imag(x)), axis=-1)


def together(parts: Array) -> Array:
    """The complex array of these parts, which `apart` takes apart again bit for bit."""
    import array_api_compat

    # re + 1j * im would make nan of infinite parts, and lose the sign of zeros.
    xp = array_api_compat.array_namespace(parts)
    if array_api_compat.is_torch_namespace(xp):
        return xp.complex(parts[..., 0], parts[..., 1])
    if array_api_compat.is_jax_namespace(xp):
        from jax import lax

        return lax.complex(parts[..., 0], parts[..., 1])
    host = np.ascontiguousarray(np.asarray(parts))
    joined = host.view(COMPLEX[host.dtype.name])[..., 0]
    if array_api_compat.is_numpy_namespace(xp):
        return joined
    return xp.asarray(joined, device=array_api_compat.device(parts))
