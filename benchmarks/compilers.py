"""Adam's loop from C and from numba, in one run: what a step takes, and what the first one does.

    pip install numba && python benchmarks/compilers.py

Both get the same table of addresses, the same numbers and one thread; C is the kernel that adaspec generates.
"""

from __future__ import annotations

import os

if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import statistics
import tempfile
import time
from array import array
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import adaspec

WORKLOADS = {"one array of 25,000,000": [25_000_000], "1000 arrays of 100": [100] * 1000}


def tables(sizes: list[int]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Size, update and addresses of parameter, gradient, m and v, with the arrays that lie there."""
    rng = np.random.default_rng(0)
    arrays = [np.abs(rng.standard_normal(n, dtype="float32")) for n in sizes for _ in range(4)]
    rows = [[n, 10, *(a.ctypes.data for a in arrays[4 * i : 4 * i + 4])] for i, n in enumerate(sizes)]
    return np.array(rows, np.int64), arrays


def timed(step: Callable[[], object]) -> float:
    step()
    start = time.process_time()
    step()
    return (time.process_time() - start) * 1e3


def with_c() -> Callable[[np.ndarray], None]:
    from adaspec.kernels.fused import Fused

    kernel = Fused(adaspec.load("adam")).of(adaspec.load("adam").defaults, "float32", "float32")
    assert kernel is not None, "there is no C compiler"
    numbers = array("d", [1e-3, 0.9, 0.999, 1e-8])
    return lambda table: kernel.step(numbers, table)


def with_numba() -> Callable[[np.ndarray], None]:
    numba = import_module("numba")  # which nothing of adaspec needs
    carray, types = numba.carray, numba.types

    def at(typing: Any, address: Any) -> Any:
        kind = types.CPointer(types.float32)
        return kind(types.int64), lambda c, builder, s, args: builder.inttoptr(args[0], c.get_value_type(kind))

    pointer: Any = import_module("numba.extending").intrinsic(at)

    @numba.njit(error_model="numpy")
    def step(table: Any, w_m: Any, w_v: Any, eps: Any, rate: Any) -> None:
        for row in range(table.shape[0]):
            n = table[row, 0]
            x, g = carray(pointer(table[row, 2]), n), carray(pointer(table[row, 3]), n)
            m, v = carray(pointer(table[row, 4]), n), carray(pointer(table[row, 5]), n)
            for i in range(n):
                m[i] += w_m * (g[i] - m[i])
                v[i] += w_v * (g[i] * g[i] - v[i])
                x[i] -= rate * (m[i] / (np.sqrt(v[i]) + eps))

    single = np.float32
    c1, c2 = 1 - 0.9**10, 1 - 0.999**10
    numbers = single(0.1), single(0.001), single(1e-8 * c2**0.5), single(1e-3 * c2**0.5 / c1)
    return lambda table: step(table, *numbers)


def main() -> None:
    found: dict[str, dict[str, float]] = {}
    for name, make in (("C", with_c), ("numba", with_numba)):
        os.environ["ADASPEC_CACHE"] = tempfile.mkdtemp()
        small, _ = tables([8])
        start = time.perf_counter()
        make()(small)
        found[name] = {"first step, nothing compiled yet": (time.perf_counter() - start) * 1e3}
    steps = {name: make() for name, make in (("C", with_c), ("numba", with_numba))}
    for what, sizes in WORKLOADS.items():
        table, _arrays = tables(sizes)
        times: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(9):
            for name, step in steps.items():
                times[name].append(timed(lambda step=step, table=table: step(table)))
        for name in steps:
            found[name][what] = statistics.median(times[name])
    shown = Table("ms", *found, box=None, header_style="bold")
    for what in found["C"]:
        shown.add_row(what, *(f"{found[name][what]:.3f}" for name in found))
    Console().print(shown)


if __name__ == "__main__":
    main()
