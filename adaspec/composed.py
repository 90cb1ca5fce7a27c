"""Functions of the vocabulary that are said in the vocabulary: their calls are inlined like those of helpers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from . import ir
from .parse import parse_rule

TEXT = '''"""Composed functions."""

from adaspec.lang import *


def composed_trace(a):
    return sum(diag(a))


def composed_inverse_root(a, p, eps):
    """(a + eps)**(-1/p) of a symmetric matrix without negative eigenvalues but for rounding."""
    w, q = eigh(a)
    root = (maximum(w, 0) + eps) ** (-1 / p)
    return (q * root[..., None, :]) @ q.T


def rule(x: Param, g: Grad):
    return x
'''


@cache
def composed() -> dict[str, ir.Function]:
    """By name; a file could not define a word of the vocabulary, so they have a prefix in theirs."""
    functions = parse_rule(TEXT).functions
    return {name: replace(f, name=name) for f in functions for name in [f.name.removeprefix("composed_")]}
