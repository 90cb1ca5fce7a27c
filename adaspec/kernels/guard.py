"""Whether trees of arrays are just what they were: one look at everything that a step would check, in C.

A print of a tree holds, for every container its kind and keys, for every array the object and what its header says:
where it lies, its shape, strides, dtype and flags. Two equal prints mean that all checks of the last step hold, and
that the addresses that it found do. It reads the headers of CPython and NumPy, whose layouts are part of their ABIs; a
trial shows whether they are as expected here, and where they are not there is no guard.
"""

from __future__ import annotations

import ctypes
import functools
import sys
import sysconfig
from typing import Any

import numpy as np

from . import compiler

TEXT = r"""
#include <stdint.h>
#include <string.h>

typedef void *Object; /* borrowed */
extern char PyList_Type[], PyTuple_Type[], PyDict_Type[], PyLong_Type[];
extern Object PyDict_GetItem(Object, Object);
extern int PyDict_SetItem(Object, Object, Object);
extern int PyDict_Next(Object, intptr_t *, Object *, Object *);
extern intptr_t PyDict_Size(Object), PyList_Size(Object), PyTuple_Size(Object);
extern Object PyList_GetItem(Object, intptr_t), PyTuple_GetItem(Object, intptr_t);
extern Object PyLong_FromLongLong(long long);
extern long long PyLong_AsLongLong(Object);
extern void Py_DecRef(Object);

typedef struct {
    intptr_t references;
    void *type;
} Head;

typedef struct {
    Head head;
    char *data;
    int nd;
    intptr_t *dimensions, *strides;
    Object base, descr;
    int flags;
} Array;

enum { LIST = 1, TUPLE, DICT, ARRAY, NONE, NUMBER, DEEP = 32 };

/* How many words the print of a tree takes, from `at` on; below 0 where it does not fit, or is of anything else. */
static int64_t print_of(Object tree, int64_t *out, int64_t at, int64_t room, const int64_t *known, int depth) {
    const char *type = ((Head *)tree)->type;
    if (at + 24 > room || depth > DEEP) return -1;
    if ((int64_t)(intptr_t)type == known[0] || (int64_t)(intptr_t)type == known[1]) {
        const Array *a = tree;
        if (a->nd > 8) return -1;
        out[at++] = ARRAY;
        out[at++] = (int64_t)(intptr_t)tree;
        out[at++] = (int64_t)(intptr_t)type;
        out[at++] = (int64_t)(intptr_t)a->data;
        out[at++] = (int64_t)(intptr_t)a->base;
        out[at++] = (int64_t)(intptr_t)a->descr;
        out[at++] = (int64_t)a->nd << 32 | (uint32_t)a->flags;
        for (int i = 0; i < a->nd; i++) out[at++] = a->dimensions[i];
        for (int i = 0; i < a->nd; i++) out[at++] = a->strides[i];
        return at;
    }
    if ((int64_t)(intptr_t)tree == known[2]) {
        out[at++] = NONE;
        return at;
    }
    if (type == PyLong_Type) {
        out[at++] = NUMBER;
        return at;
    }
    if (type == PyList_Type || type == PyTuple_Type) {
        const int list = type == PyList_Type;
        const intptr_t size = list ? PyList_Size(tree) : PyTuple_Size(tree);
        out[at++] = list ? LIST : TUPLE;
        out[at++] = size;
        for (intptr_t i = 0; i < size && at >= 0; i++)
            at = print_of(list ? PyList_GetItem(tree, i) : PyTuple_GetItem(tree, i), out, at, room, known, depth + 1);
        return at;
    }
    if (type == PyDict_Type) {
        intptr_t place = 0;
        Object key, value;
        out[at++] = DICT;
        out[at++] = PyDict_Size(tree);
        while (at >= 0 && at + 24 <= room && PyDict_Next(tree, &place, &key, &value)) {
            out[at++] = (int64_t)(intptr_t)key;
            at = print_of(value, out, at, room, known, depth + 1);
        }
        return at;
    }
    return -1;
}

int64_t print_trees(Object trees, int64_t *out, int64_t room, const int64_t *known) {
    return print_of(trees, out, 0, room, known, 0);
}

/* Count an update in the state of each array whose row is not below 0, and put the counts into the table. */
int64_t count_updates(Object slots, Object step, const int64_t *rows, int64_t *table, int64_t width) {
    intptr_t place = 0;
    Object key, value, made = 0;
    long long last = -1;
    for (int64_t i = 0; PyDict_Next(slots, &place, &key, &value); i++) {
        if (rows[i] == -2) continue; /* without a gradient */
        const long long t = PyLong_AsLongLong(PyDict_GetItem(value, step)) + 1;
        if (t != last) {
            if (made) Py_DecRef(made);
            made = PyLong_FromLongLong(last = t);
        }
        if (!made || PyDict_SetItem(value, step, made) != 0) return -1;
        if (rows[i] >= 0) table[rows[i] * width + 1] = t;
    }
    if (made) Py_DecRef(made);
    return 0;
}
"""
MOST = 2**17
"""Words of a print: enough for some thousands of arrays; beyond that a step takes longer than its checks."""


class Guard:
    """Raises compiler.NoKernel where objects are not laid out as the text says."""

    def __init__(self) -> None:
        debug = sysconfig.get_config_var("Py_DEBUG") or sysconfig.get_config_var("Py_GIL_DISABLED")
        if sys.implementation.name != "cpython" or debug:
            raise compiler.NoKernel("objects are laid out otherwise by this Python")
        dynamic = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
        path = compiler.library("guard", TEXT, *dynamic)._name
        loaded = ctypes.PyDLL(path)  # holds the interpreter's lock
        thing, address, integer = ctypes.py_object, ctypes.c_void_p, ctypes.c_int64
        self._print = loaded.print_trees
        self._print.argtypes, self._print.restype = [thing, address, integer, address], integer
        self._count = loaded.count_updates
        self._count.argtypes, self._count.restype = [thing, thing, address, address, integer], integer
        self.known = np.array([id(np.ndarray), id(np.memmap), id(None)], np.int64)
        trial = np.zeros((3, 2), np.float32).T
        seen = self.print((trial,))
        flags = trial.flags.num
        wanted = [2, 1, 4, id(trial), id(np.ndarray), trial.ctypes.data, id(trial.base), id(trial.dtype)]
        if seen is None or list(seen) != [*wanted, 2 << 32 | flags, *trial.shape, *trial.strides]:
            raise compiler.NoKernel("arrays are laid out otherwise by this NumPy")

    def print(self, trees: tuple[Any, ...], room: np.ndarray | None = None) -> np.ndarray | None:
        """The print of some trees, in `room` if it is given; None where it does not fit or cannot be had."""
        words = np.empty(MOST, np.int64) if room is None else room
        size = self._print(trees, words.ctypes.data, len(words), self.known.ctypes.data)
        return None if size < 0 else words[:size].copy() if room is None else words[:size]

    def count(self, slots: dict[str, Any], rows: np.ndarray, table: np.ndarray) -> None:
        self._count(slots, "step", rows.ctypes.data, table.ctypes.data, table.shape[1])


@functools.cache
def guard() -> Guard | None:
    try:
        return Guard()
    except compiler.NoKernel:
        return None
