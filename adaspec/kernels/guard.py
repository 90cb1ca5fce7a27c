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

/* A print that is being made, or compared with one that was. */
typedef struct {
    int64_t *words, at, room;
    const int64_t *known; /* the types of arrays, and None */
    int compare;
} Print;

static int put(Print *p, int64_t word) {
    if (p->at >= p->room) return 0;
    if (p->compare) return p->words[p->at++] == word;
    p->words[p->at++] = word;
    return 1;
}

/* The print of a tree; 0 where it does not fit, is of anything else, or is not what it was. */
static int print_of(Print *p, Object tree, int depth) {
    const char *type = ((Head *)tree)->type;
    if (depth > DEEP) return 0;
    if ((int64_t)(intptr_t)type == p->known[0] || (int64_t)(intptr_t)type == p->known[1]) {
        const Array *a = tree;
        int same = put(p, ARRAY) && put(p, (int64_t)(intptr_t)tree) && put(p, (int64_t)(intptr_t)type);
        same = same && put(p, (int64_t)(intptr_t)a->data) && put(p, (int64_t)(intptr_t)a->base);
        same = same && put(p, (int64_t)(intptr_t)a->descr) && put(p, (int64_t)a->nd << 32 | (uint32_t)a->flags);
        for (int i = 0; same && i < a->nd; i++) same = put(p, a->dimensions[i]) && put(p, a->strides[i]);
        return same;
    }
    if ((int64_t)(intptr_t)tree == p->known[2]) return put(p, NONE);
    if (type == PyLong_Type) return put(p, NUMBER);
    if (type == PyList_Type || type == PyTuple_Type) {
        const int list = type == PyList_Type;
        const intptr_t size = list ? PyList_Size(tree) : PyTuple_Size(tree);
        int same = put(p, list ? LIST : TUPLE) && put(p, size);
        for (intptr_t i = 0; same && i < size; i++)
            same = print_of(p, list ? PyList_GetItem(tree, i) : PyTuple_GetItem(tree, i), depth + 1);
        return same;
    }
    if (type == PyDict_Type) {
        intptr_t place = 0;
        Object key, value;
        int same = put(p, DICT) && put(p, PyDict_Size(tree));
        while (same && PyDict_Next(tree, &place, &key, &value))
            same = put(p, (int64_t)(intptr_t)key) && print_of(p, value, depth + 1);
        return same;
    }
    return 0;
}

/* How many words the print of some trees takes; -1 where there is none. */
int64_t print_trees(Object trees, int64_t *words, int64_t room, const int64_t *known) {
    Print p = {words, 0, room, known, 0};
    return print_of(&p, trees, 0) ? p.at : -1;
}

/* Whether the print of some trees is this one. */
int64_t same_trees(Object trees, int64_t *words, int64_t size, const int64_t *known) {
    Print p = {words, 0, size, known, 1};
    return print_of(&p, trees, 0) && p.at == size;
}

/* Count an update in the state of each array, and put the counts into the rows of the table. */
int64_t count_updates(Object slots, Object step, const int64_t *rows, int64_t *table, int64_t width) {
    intptr_t place = 0;
    Object key, value, made = 0;
    long long last = -1;
    for (int64_t i = 0; PyDict_Next(slots, &place, &key, &value); i++) {
        const long long t = PyLong_AsLongLong(PyDict_GetItem(value, step)) + 1;
        if (t != last) {
            if (made) Py_DecRef(made);
            made = PyLong_FromLongLong(last = t);
        }
        if (!made || PyDict_SetItem(value, step, made) != 0) return -1;
        table[rows[i] * width + 1] = t;
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
        self._same = loaded.same_trees
        self._same.argtypes, self._same.restype = [thing, address, integer, address], integer
        self._count = loaded.count_updates
        self._count.argtypes, self._count.restype = [thing, thing, address, address, integer], integer
        self.known = np.array([id(np.ndarray), id(np.memmap), id(None)], np.int64)
        self.at = self.known.ctypes.data
        trial = np.zeros((3, 2), np.float32).T
        seen = self.print((trial,))
        flags = trial.flags.num
        wanted = [2, 1, 4, id(trial), id(np.ndarray), trial.ctypes.data, id(trial.base), id(trial.dtype)]
        sides = [n for pair in zip(trial.shape, trial.strides, strict=True) for n in pair]
        if seen is None or list(seen) != [*wanted, 2 << 32 | flags, *sides]:
            raise compiler.NoKernel("arrays are laid out otherwise by this NumPy")

    def print(self, trees: tuple[Any, ...]) -> np.ndarray | None:
        """The print of some trees; None where it cannot be had."""
        words = np.empty(MOST, np.int64)
        size = self._print(trees, words.ctypes.data, MOST, self.at)
        return None if size < 0 else words[:size].copy()

    def same(self, trees: tuple[Any, ...], at: int, size: int) -> bool:
        """Whether the print that lies there is that of the trees."""
        return bool(self._same(trees, at, size, self.at))

    def count(self, slots: dict[str, Any], rows: int, table: int, width: int) -> None:
        """Count an update in the state of each array, and in its row of the table; both by their addresses."""
        self._count(slots, "step", rows, table, width)


@functools.cache
def guard() -> Guard | None:
    try:
        return Guard()
    except compiler.NoKernel:
        return None
