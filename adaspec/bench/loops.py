"""C loops over a list of arrays, compiled where a C compiler is at hand and called through ctypes.

They are what a step is measured against: `stream` is the limit, the memory traffic of a step with next to no
arithmetic; a rule written by hand in C (`benchmarks/rules.py`) is what a person would reach with a day's work.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray
Loop = Any
"""A function of ctypes."""

FLAGS = (
    "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-fassociative-math", "-fPIC",
    "-shared",
)  # fmt: skip
"""Fast, without -ffast-math: a library that is linked so makes subnormal numbers 0 in the whole process."""

LOOP = """\
#include <math.h>
#include <stdint.h>

/* `restrict` is not enough: of more than four or five arrays gcc gives up the vector loop for want of a test. */
#ifdef __clang__
#define UNALIASED _Pragma("clang loop vectorize(assume_safety)")
#else
#define UNALIASED _Pragma("GCC ivdep")
#endif

/* One row of pointers per piece: parameter, gradient, slots; `of` says how many rows there are. */
void run(int64_t of, float *const *rows, const int64_t *lengths, const double *h)
{
    {scalars}
    for (int64_t k = 0; k < of; ++k) {
        float *const *row = rows + k * {columns};
        float *restrict x = row[0];
        const float *restrict g = row[1];
        {slots}
        UNALIASED
        for (int64_t i = 0; i < lengths[k]; ++i) {
            {body}
        }
    }
}
"""


class NoCompiler(RuntimeError):
    """There is no C compiler here, or it does not do its work."""


def compiler() -> str | None:
    """`$CC`, or the first of cc, gcc and clang that is there."""
    return shutil.which(os.environ.get("CC", "")) or next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


def compiled(body: str, slots: list[str], scalars: str = "") -> Loop:
    """The loop with this body: `x`, `g` and the slots are its arrays, `i` the index, `h` numbers known before it.

    Raises NoCompiler.
    """
    program = compiler()
    if program is None:
        raise NoCompiler("no C compiler: none of cc, gcc and clang is there")
    declared = "\n        ".join(f"float *restrict {name} = row[{2 + i}];" for i, name in enumerate(slots))
    parts = {"columns": str(2 + len(slots)), "slots": declared, "scalars": scalars, "body": body}
    text = LOOP
    for name, part in parts.items():
        text = text.replace("{" + name + "}", part)
    with tempfile.TemporaryDirectory(prefix="adaspec-bench-") as folder:
        stem = hashlib.sha256(text.encode()).hexdigest()[:16]
        source, library = Path(folder) / f"{stem}.c", Path(folder) / f"{stem}.so"
        source.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [program, *FLAGS, str(source), "-o", str(library), "-lm"], capture_output=True, text=True, timeout=120
        )
        if done.returncode:
            raise NoCompiler(f"{program} failed: {done.stderr.strip().splitlines()[:1]}")
        run = ctypes.CDLL(str(library)).run
    run.argtypes = [ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    run.restype = None
    return run


def over(run: Loop, columns: list[list[Array]], threads: int) -> Callable[[list[float]], None]:
    """A call of the loop over lists of float32 arrays, one per column, on so many threads; it takes the numbers `h`."""
    shares = _shares(columns, threads)
    pool = ThreadPoolExecutor(threads, initializer=_pinned(threads)) if threads > 1 else None
    kept = [[a for column in columns for a in column]]  # the pointers are theirs

    def call(h: list[float]) -> None:
        numbers = np.asarray(h or [0.0], np.float64)
        if pool is None:
            _run(run, shares[0], numbers)
        else:
            list(pool.map(lambda share: _run(run, share, numbers), shares))
        assert kept

    return call


def stream(slots: int) -> tuple[str, list[str]]:
    """The body of the limit's loop: parameter and slots are read and written, the gradient is read; no root, no /."""
    names = [f"s{i}" for i in range(slots)]
    lines = [f"{name}[i] = 0.9f * {name}[i] + 0.1f * g[i];" for name in names]
    return " ".join([*lines, f"x[i] -= 1e-3f * ({' + '.join([f'{n}[i]' for n in names] or ['g[i]'])});"]), names


def _run(run: Loop, share: tuple[Array, Array], numbers: Array) -> None:
    pointers, lengths = share
    run(len(lengths), pointers.ctypes.data, lengths.ctypes.data, numbers.ctypes.data)


def _shares(columns: list[list[Array]], threads: int) -> list[tuple[Array, Array]]:
    """Pointers and lengths of each thread's part: equal numbers of elements, cut inside of an array where need be."""
    sizes = [a.size for a in columns[0]]
    total = sum(sizes)
    shares = []
    for k in range(threads):
        low, high = total * k // threads, total * (k + 1) // threads
        rows, lengths, at = [], [], 0
        for i, n in enumerate(sizes):
            start, stop = max(low - at, 0), min(high - at, n)
            if start < stop:
                rows.append([column[i].ctypes.data + 4 * start for column in columns])
                lengths.append(stop - start)
            at += n
        shares.append((np.asarray(rows, np.uintp).reshape(-1, len(columns)), np.asarray(lengths, np.int64)))
    return shares


def _pinned(threads: int) -> Callable[[], None]:
    """Every thread on a processor of its own: two that share one would make the limit look twice as far away."""
    free = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []

    def pin() -> None:
        if len(free) >= threads:
            os.sched_setaffinity(0, {free.pop(0)})

    return pin
