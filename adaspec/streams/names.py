"""Names of generated code: those of the spec where they are free, new ones where a value needs a name of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..emit import mangle
from ..naming import fresh


class Names:
    """`printed` maps a spec's names to the module's; `fresh` makes names that neither the spec nor the module has."""

    def __init__(self, known: Iterable[str], reserved: Iterable[str]) -> None:
        known = list(known)
        self.printed: Mapping[str, str] = mangle(known, reserved)
        self.taken = {*known, *reserved, *self.printed.values()}

    def fresh(self, name: str) -> str:
        """`name`, or the first of `name2`, `name3`, … that is free; taken from now on."""
        return fresh(name, self.taken, name)

    def copy(self):
        """The same names for one of several bodies, of which only one runs: each may take what the others take."""
        new = object.__new__(type(self))
        new.printed, new.taken = self.printed, set(self.taken)
        return new

    def __getitem__(self, name: str) -> str:
        return self.printed.get(name, name)
