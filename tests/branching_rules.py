"""Rules with real branches: every place where one may stand, as text by what it shows."""

from __future__ import annotations

HEAD = '"""Branching: a rule. The tests, 2026. https://example.org"""\n\nfrom adaspec.lang import *\n'

RULES: dict[str, str] = {
    "slot and parameter every k steps": """
def rule(x: Param, g: Grad, t: Step, slow: Slot = copy, *, lr: Rate = 0.1, k: Count = 3):
    x = x - lr * g
    if t % k == 0:
        slow = slow + 0.5 * (x - slow)
        x = slow
    return x, slow
""",
    "two sides": """
def rule(x: Param, g: Grad, t: Step, m: Slot = zeros, v: Slot = ones, *, lr: Rate = 0.1):
    if t <= 2:
        m = 0.5 * m + g
        x = x - lr * m
    else:
        v = 0.9 * v + (1 - 0.9) * g**2
        x = x - lr * g / sqrt(v)
    return x, m, v
""",
    "locals and numbers": """
def rule(x: Param, g: Grad, t: Step, n: Slot = zeros.scalar, m: Slot = zeros, *, lr: Rate = 0.1):
    rate = lr
    u = g
    if (t > 1) & (t % 2 == 1):
        rate = 0.5 * rate / t
        u = tanh(g)
        n = n + norm(g)
    else:
        only_here = 2 * g
        m = m + only_here
    x = x - rate * u / (1 + n) - 0.01 * m
    return x, n, m
""",
    "branches in branches": """
def rule(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 0.1, k: Count = 2):
    if t > 1:
        m = m + g
        if t % k == 0:
            m = 0.5 * m
            x = x - lr * m
        else:
            x = x - lr * sign(m)
    x = x - lr * g
    return x, m
""",
    "static facts around and inside": """
def rule(x: Param, g: Grad, t: Step, m: Slot = zeros, row: Slot = ones.without(-1), *, lr: Rate = 0.1,
         signed: Flag = True, limit: Optional[Positive] = 0.5):
    if x.ndim >= 2:
        every = 2 * 1
        if t % every == 0:
            row = 0.5 * row + mean(g**2, axis=-1)
        u = g / sqrt(row + 0.1)[..., None]
    else:
        u = g
    if t % 3 != 1:
        if signed:
            m = sign(u)
        else:
            m = m + u
        if x.ndim >= 2:
            row = row + 0.25
        if limit is not None:
            m = clip(m, -limit, limit)
    x = x - lr * (m + u)
    return x, m, row
""",
    "loops inside and around": """
def rule(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 0.1, n: Count = 2):
    rate = lr
    if t % 2 == 0:
        for _ in range(n):
            m = tanh(m + g)
            rate = 0.9 * rate
    for _ in range(2):
        if rate < 0.09:
            x = x - rate * m
        else:
            x = x - 0.5 * rate * g
            rate = 0.8 * rate
    return x, m
""",
    "matrix products on one side": """
def rule(x: Param, g: Grad, t: Step, q: Slot = zeros, *, lr: Rate = 0.1):
    assert x.ndim >= 2, "matrices"
    if t % 2 == 1:
        y = g / (1 + norm(g))
        for _ in range(2):
            y = 1.5 * y - 0.5 * (y @ y.T) @ y
        q = y
    x = x - lr * (q + 0.1 * g)
    return x, q
""",
    "the model's numbers decide": """
def rule(x: Param, g: Grad, t: Step, m: Slot = zeros, d: Shared = 1.0, seen: Shared = 0.0, *, lr: Rate = 0.1):
    size = total(sum(g**2))
    if seen > 40:
        d = 0.5 * d
        m = 0 * m
    else:
        m = m + g
    if size > 30:
        g = g / sqrt(size)
    seen = seen + size
    x = x - lr * d * (m + g)
    return x, m, d, seen
""",
    "in a helper, a schedule and a view": """
def warm(u: Array, t: Step):
    scale = 1.0
    if t < 3:
        scale = t / 3
    return scale * u


@schedule
def pace(t: Step, *, k: Count):
    \"\"\"Halves every k steps.\"\"\"
    value = 1.0
    if t > k:
        value = 0.5
    return value


def rule(x: Param, g: Grad, t: Step, mean_x: Slot = copy, d: Shared = 0.0, *, lr: Rate = 0.1, k: Count = 2):
    x = x - lr * pace(t, k=k) * warm(g, t)
    mean_x = 0.9 * mean_x + (1 - 0.9) * x
    d = d + 1
    return x, mean_x, d


@view("eval")
def averaged(x: Param, mean_x: Slot, d: Shared):
    y = x
    if d > 3:
        y = mean_x + 0 * x
    return y
""",
    "a remainder as a number, and one by nothing": """
def rule(x: Param, g: Grad, t: Step, *, lr: Rate = 0.1, k: Count = 0, p: Positive = 2.5):
    if t % k == 0:
        x = x + 100
    if t // k > 0:
        x = x - 100
    turn = t % 4
    x = x - lr * (turn + t // 2 + t % p + (t - 1) // 3 % 2) * g
    return x
""",
    "numbers of one side that its arrays need": """
def rule(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 0.1, mu: Decay = 0.9):
    if t % 2 == 0:
        mine = lr * (1 - mu**t)
        close = mine < 0.05
        if close:
            c = sqrt(mine)
            x = x - c * g
        m = m + mine * g
        x = x - where(close, 1.0, 0.5) * mine / (1 + abs(g))
    else:
        theirs = exp(-t)
        x = x - theirs * sign(g)
    return x, m
""",
    "hyperparameters decide": """
def rule(x: Param, g: Grad, m: Slot = zeros, *, lr: Rate = 0.1, mu: Decay = 0.9):
    if mu > 0.5:
        m = mu * m + g
        c = mu**2
    else:
        m = g
        c = 1 - mu
    if lr > 0.5:
        x = x - lr * g
    x = x - lr * m * c
    return x, m
""",
    "what is not a number is on no side": """
def rule(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 0.1):
    odd = log(1.5 - t)
    if odd > 0:
        m = m + 100
    if odd <= 0:
        m = m + g
    if ~(odd < 5):
        x = x - lr * g
    if odd == odd:
        x = x - lr * m
    return x, m
""",
    "a first gradient, and a slot that one side reads": """
def rule(x: Param, g: Grad, t: Step, m: Slot = first_grad, held: Slot = full(0.3), *, lr: Rate = 0.1):
    if t == 1:
        x = x - lr * m
    else:
        m = 0.9 * m + (1 - 0.9) * g
        x = x - lr * m * held
    return x, m, held
""",
}  # fmt: skip
