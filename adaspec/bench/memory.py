"""The memory of this process: how much one call takes beyond what was there before. Linux alone tells."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
SMALLEST = 1 << 23
"""Bytes of parameters under which the pages of a process say nothing about a step's temporaries."""


def extra(call: Callable[[], object]) -> int | None:
    """Bytes at the highest point of the call beyond those before it; None where the system does not tell.

    What is free inside of the allocator is handed back first: a temporary in a block that was used before counts too.
    What a step keeps from one call to the next, such as a scratch block, does not.
    """
    _trim()
    try:
        CLEAR.write_text("5", encoding="ascii")
        before = _field("VmRSS")
        call()
        return max(0, _field("VmHWM") - before)
    except (OSError, LookupError):
        call()
        return None


def settle() -> None:
    """Let go of blocks as large as an allocator keeps, as any training process has by its first step.

    glibc asks the system anew for every larger block than those it has got back so far, and each such block costs page
    faults: without this, what a contender takes would depend on the contests before it.
    """
    for size in (1 << 20, 1 << 23, (1 << 25) - (1 << 16)):
        del _settled(size)[:]


def _settled(size: int) -> list[ctypes.Array]:
    return [ctypes.create_string_buffer(size)]


def _field(name: str) -> int:
    for line in STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    raise LookupError(name)


def _trim() -> None:
    try:
        ctypes.CDLL(ctypes.util.find_library("c")).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        return
