"""A compiled kernel as a function of tables: addresses in, arrays changed in place."""

from __future__ import annotations

import ctypes
import functools
import os
from array import array
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np

from ..backends.c import Layout
from . import compiler

LEAST = 2**17
"""Elements per thread: for fewer, waking a thread takes longer than the work."""


class Kernel:
    """`step` runs it; where it is not compiled yet, `compiler.NoKernel` says why it cannot be."""

    def __init__(self, layout: Layout, text: str, param: str, grad: str, maximize: bool = False) -> None:
        self.layout = layout
        options = [f"-DPARAM={param.upper()}", f"-DGRAD={grad.upper()}", *(["-DMAXIMIZE"] if maximize else [])]
        loaded = compiler.library(layout.name, text, *options)
        pointer, count = ctypes.c_void_p, ctypes.c_int64
        always = [pointer, *([pointer] if layout.model else []), pointer, count, *([pointer] if layout.sums else [])]
        self.whole = bound(loaded, f"{layout.name}_step", always)
        if layout.passes:
            self.part = bound(loaded, f"{layout.name}_pass", [*always, count, count, count])
            self.end = bound(loaded, f"{layout.name}_end", always) if layout.ends else None
        else:
            self.part = bound(loaded, f"{layout.name}_part", [*always, count, count])
        if layout.sums:
            self.needed = bound(loaded, f"{layout.name}_sums", [pointer, count], ctypes.c_int64)

    def step(self, hypers: Any, table: np.ndarray, shared: Any = None, threads: int = 1, at: int | None = None) -> None:
        """One step of all arrays of the table.

        `hypers` and `shared` are C doubles (`shared` with the count of the step in front), `table` int64 of shape
        (arrays, 2 + columns): size, update, and the addresses of what `layout.arrays` names. `at` is where it lies.
        """
        layout, rows = self.layout, len(table)
        at = table.ctypes.data if at is None else at
        given = [_address(hypers), *([_address(shared)] if layout.model else []), at, rows]
        if layout.sums:
            sums = np.empty(self.needed(at, rows))
            given.append(sums.ctypes.data)
        if threads > 1:
            threads = min(threads, int(table[:, 0].sum()) // LEAST)
        if threads <= 1:
            self.whole(*given)
        elif layout.passes:
            for number in range(layout.passes):
                together(self.part, [(*given, number, k, threads) for k in range(threads)])
            if self.end is not None:
                self.end(*given)
        else:
            together(self.part, [(*given, k, threads) for k in range(threads)])


def bound(loaded: ctypes.CDLL, name: str, takes: list[Any], gives: Any = None) -> Any:
    function = getattr(loaded, name)
    function.argtypes, function.restype = takes, gives
    return function


def _address(numbers: array[float]) -> int:
    return numbers.buffer_info()[0]


def together(function: Any, calls: list[tuple[Any, ...]]) -> None:
    """All calls at the same time, the first of them here. They let go of the interpreter's lock.

    None of them runs any more when this returns or is interrupted: the memory that they write may be freed then.
    """
    others = [pool(len(calls) - 1).submit(function, *call) for call in calls[1:]]
    try:
        function(*calls[0])
    finally:
        wait(others)


@functools.cache
def pool(size: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, "adaspec-kernel")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.cache_clear)  # a child has none of its parent's threads


def threads() -> int:
    """How many threads a kernel may use: $ADASPEC_NUM_THREADS, $OMP_NUM_THREADS, or one for each processor at hand."""
    for variable in ("ADASPEC_NUM_THREADS", "OMP_NUM_THREADS"):
        given = os.environ.get(variable, "")
        if given.isdigit() and int(given) > 0:
            return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
