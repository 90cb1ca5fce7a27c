"""The rule that the demo writes before the reader's eyes, and the slip on the way to it."""

from __future__ import annotations

import ast

from ..errors import SpecError
from ..spec import Spec, make

NAME = "wary"

TEXT = '''\
"""Wary: Adam with a long memory, which moves where m and g agree. After Liang et al., 2024. arXiv:2411.16085"""

from adaspec.lang import *


@schedule
def beta2_hat(t: Step, *, c: Positive):
    """How much of the past v keeps: 0 at the first step, 1 in the limit."""
    return 1 - t**-c


def wary(x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = zeros, *,
         lr: Rate = 3e-3, beta1: Decay = 0.9, c: Positive = 0.8, eps: Positive = 1e-8):
    b2 = beta2_hat(t, c=c)
    m = beta1 * m + (1 - beta1) * g
    v = b2 * v + (1 - b2) * g**2
    u = m / (sqrt(v) + eps)
    u = where(u * g > 0, u, 0.0)
    x = x - lr * u / (rms(u) + eps)
    return x, m, v
'''

RIGHT, SLIP = "(1 - beta1) * g\n", "(1 - bata1) * g\n"


def slip() -> SpecError:
    """What the checker says of the first draft."""
    try:
        make(TEXT.replace(RIGHT, SLIP), f"{NAME}.py")
    except SpecError as error:
        return error
    raise AssertionError("the slip is no slip")


def written(path: str) -> Spec:
    return make(TEXT, path)


def heart(code: str) -> tuple[int, str]:
    """The part of the generated torch code that does the arithmetic, with the number of its first line.

    It is what lies between the first and the last of the functions that hold the update; the whole class if they are
    named differently one day.
    """
    functions = [n for n in ast.parse(code).body if isinstance(n, ast.FunctionDef)]
    core = [f for f in functions if f.name == "_scalars" or f.name.startswith("_update")]
    classes = [n for n in ast.parse(code).body if isinstance(n, ast.ClassDef)]
    chosen = core or classes
    first, last = chosen[0].lineno, chosen[-1].end_lineno or chosen[-1].lineno
    return first, "\n".join(code.split("\n")[first - 1 : last])
