"""The state of one of Keras's own optimizers, read and written through the words of the dialect that equals it."""

from __future__ import annotations

from typing import Any

import numpy as np

from adaspec.portable import Array, PortableState, key, unpacked, widened

from .portable import Holder


class Native(Holder):
    """What a Keras optimizer holds: its variables, found by the names that it gives them, never by their places."""

    def slot(self, path: str, name: str) -> Any:
        wanted = self.places[path].slots.get(name)
        if wanted is None:
            return None
        word = f"{path.replace('/', '_')}_{self.names.slot(self.renamed[name])}"
        found = [v for v in self.optimizer.variables if v.name == word and tuple(v.shape) == wanted.shape]
        if len(found) != 1:
            what = f"{type(self.optimizer).__name__} has {len(found)} variables named '{word}' of shape {wanted.shape}"
            raise ValueError(f"{what}: '{key(path, name)}' is one")
        return found[0]

    def packed(self, path: str, name: str, variable: Any) -> Array:
        return widened(super().packed(path, name, variable), self.places[path].slots[name].dtype)

    def shared(self, name: str) -> Any:
        raise ValueError(f"{type(self.optimizer).__name__} keeps no '{name}' that has a name of its own")

    def write(self, state: PortableState) -> Any:
        for path, kept in state.parameters.items():
            for name, array in (kept.slots or {}).items():
                own = self.slot(path, name).dtype
                if np.dtype(str(own)) != unpacked(array).dtype:
                    what = (
                        f"'{key(path, name)}' is {array.dtype}, and {type(self.optimizer).__name__} keeps it as {own}"
                    )
                    raise ValueError(f"{what}: it would be rounded")
        return super().write(state)
