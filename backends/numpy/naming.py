"""Names of generated NumPy code, and those under which a parameter's state holds its slots."""

from __future__ import annotations

from adaspec.streams.names import Names as StreamNames


class Names(StreamNames):
    def slot(self, name: str) -> str:
        return f'slots["{self.key(name)}"]'

    def key(self, name: str) -> str:
        """Under what a parameter's state holds a slot: its name, unless the count of updates is there."""
        return self[name] if name == "step" else name
