"""The state of an optimizer of torch.optim, read and written through the words of the dialect that equals it."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

from adaspec.portable import Array, ParameterState, counted, key, widened

from .portable import Holder, packed, unpacked


class Native(Holder):
    """What torch's own optimizer holds.

    It counts in float32 or not at all, keeps slots in the parameter's dtype, and some with an axis of length 1.
    """

    def parameter(self, path: str) -> ParameterState:
        here = self.places[path]
        kept = {name: x for name, x in (self.optimizer.state.get(self.params[path]) or {}).items() if x is not None}
        slots = {name: kept[word] for name, word in self.keys.items() if word in kept}
        if not slots and not kept:
            return ParameterState(here.shape, here.dtype, 0, None)
        step = float(kept["step"]) if "step" in kept else 1.0  # what has a state and no count was updated
        found = {name: self.fitted(path, name, packed(x)) for name, x in slots.items()}
        return ParameterState(here.shape, here.dtype, counted(step, f"parameter '{path}'"), found)

    def fitted(self, path: str, name: str, array: Array) -> Array:
        """A slot as our rule has it: without axes of length 1, and as wide as ours."""
        wanted = self.places[path].slots.get(name)
        if wanted is None:
            return array
        if _squeezed(array.shape) == _squeezed(wanted.shape):
            array = replace(array, shape=wanted.shape)
        return widened(array, wanted.dtype)

    def kept(self, path: str, state: ParameterState) -> dict[str, Any] | None:
        import torch

        if state.slots is None:
            return None
        p = self.params[path]
        like = self.fresh[path]
        words = self.keys
        if odd := like.keys() - {"step", *words.values()}:
            raise ValueError(f"{self.called} also keeps {sorted(odd)}, of which {self.spec.name} knows nothing")
        made: dict[str, Any] = {}
        if "step" in like:
            made["step"] = torch.full_like(torch.as_tensor(like["step"]), float(state.step))
        for name, array in state.slots.items():
            model = torch.as_tensor(like[words[name]])
            new = unpacked(array, p)
            if model.dtype != new.dtype and model.ndim:
                what = f"'{key(path, name)}' is {array.dtype}, and {self.called} keeps it as {model.dtype}"
                raise ValueError(f"{what}: it would be rounded")
            made[words[name]] = new.reshape(model.shape)
        return made

    @property
    def called(self) -> str:
        return type(self.optimizer).__name__

    @cached_property
    def fresh(self) -> dict[str, dict[str, Any]]:
        """What the optimizer itself keeps of each parameter, as a step of a copy with gradients of 0 makes it."""
        import torch

        copies = {path: torch.nn.Parameter(torch.zeros_like(p)) for path, p in self.params.items()}
        of = {id(self.params[path]): c for path, c in copies.items()}
        groups = [{**group, "params": [of[id(p)] for p in group["params"]]} for group in self.groups]
        for group in groups:
            group.pop("param_names", None)
        trial = type(self.optimizer)(groups)
        for c in copies.values():
            c.grad = torch.zeros_like(c)
        trial.step()
        return {path: dict(trial.state[c]) for path, c in copies.items()}


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)
