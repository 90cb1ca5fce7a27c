"""Readings that nobody needs: what a method takes to hand at its start, and no later line says."""

from __future__ import annotations

import re
from collections.abc import Iterable


def needed(lines: Iterable[str], after: Iterable[str]) -> list[str]:
    """The lines but for those that bind one name which no later one has. A reading changes nothing but its name."""
    kept: list[str] = []
    words = {word for line in after for word in re.findall(r"\w+", line.partition("  # ")[0])}
    for line in reversed(list(lines)):
        bound = re.match(r"(\w+) = ", line)
        if bound is None or bound[1] in words:
            kept.insert(0, line)
            words |= set(re.findall(r"\w+", line[bound.end() :] if bound else line))
    return kept
