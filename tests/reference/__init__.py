"""Every rule of the library a second time: plain NumPy in float64 over whole models, from the sources' equations.

Nothing here is derived from a spec or shares code with the compiler, and no expression is rearranged for accuracy:
where the compiler rearranges one, this is what it must still equal. `reference("adam").init(params, lr=0.1)` gives the
state, `.step(params, grads, state)` the new parameters; the state changes in place and its slots have the specs' names.
"""

from . import elementwise, noisy, whole
from .core import REFERENCES, Reference, State

__all__ = ["REFERENCES", "Reference", "State", "elementwise", "noisy", "reference", "whole"]


def reference(name: str) -> Reference:
    return REFERENCES[name]
