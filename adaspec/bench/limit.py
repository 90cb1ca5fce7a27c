"""The limit of a step, measured beside its contenders: its own bytes at the bandwidth of a stream like it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .loops import NoCompiler, compiled, over, stream
from .traffic import Traffic

LONGEST = 12_500_000
"""Elements of a streamed array: more than the caches hold; a larger model's limit is scaled up from it."""

MOST_SLOTS = 6


def limit(moved: Traffic, threads: int) -> tuple[Callable[[], None], float, str]:
    """A call that streams, the factor from its time to that of the step, and what it is: "C stream" or "NumPy copy"."""
    slots = min(MOST_SLOTS, round(moved.slots))
    length = max(1, min(moved.parameters, LONGEST))
    arrays = [[_aligned(length)] for _ in range(2 + slots)]
    try:
        body, names = stream(slots)
        call = over(compiled(body, names), arrays, threads)
    except NoCompiler:
        source, target = arrays[0][0], arrays[1][0]
        return lambda: np.copyto(target, source), moved.bytes / (8 * length), "NumPy copy"
    return lambda: call([]), moved.bytes / (length * (12 + 8 * slots)), "C stream"


def _aligned(length: int) -> np.ndarray:
    """At the start of a cache line: where NumPy puts large arrays, 16 bytes behind one, a stream is a fifth slower."""
    raw = np.empty(4 * length + 64, np.uint8)
    start = -raw.ctypes.data % 64
    array = raw[start : start + 4 * length].view(np.float32)
    array[:] = 0.5
    return array
