"""Rules that a random search found a target to get wrong, cut down by hand to what was wrong about them."""

from __future__ import annotations

FOUND = {
    "the parameter moves by a number": """
def rule(x: Param, g: Grad):
    x = x - 0.1
    return x
""",
    "the parameter moves by a number before a total": """
def rule(x: Param, g: Grad, m: Slot = first_grad, r: Shared = 1.0):
    x = x - 0.1
    r = total(mean(x))
    x = m + r
    return x, m, r
""",
    "a branch binds a shared scalar that it has read": """
def rule(x: Param, g: Grad, u: Slot = ones, d: Shared = 0.0, *, on: Flag = True):
    if on:
        u = u / (1 + d)
        d = 0.9
    x = x - u
    return x, u, d
""",
    "a branch binds a hyperparameter read in front of it": """
def rule(x: Param, g: Grad, *, lr: Real = -0.5, on: Flag = True):
    m = minimum(x, lr)
    if on:
        lr = 3
    x = m - lr * g
    return x
""",
    "a condition on the shape binds a hyperparameter": """
def rule(x: Param, g: Grad, seen: Shared = 0.0, *, lr: Real = 0.3):
    seen = 0.5 * seen + lr
    if x.ndim >= 2:
        lr = 1.5 * lr
    size = total(mean(x))
    x = x - lr * g * tanh(size + seen)
    return x, seen
""",
    "a condition on the shape binds a number": """
def rule(x: Param, g: Grad):
    u = g
    if x.ndim:
        s = 3
        u = minimum(s, u)
    x = x - u
    return x
""",
    "a loop over arrays binds a shared scalar": """
def rule(x: Param, g: Grad, m: Slot = zeros, d: Shared = 1.0, *, lr: Rate = 0.1, n: Count = 2):
    for _ in range(n):
        m = m * d + g
        d = 0.5 * d + lr
    x = x - lr * m / (1 + d)
    return x, m, d
""",
    "a loop of scalars binds what was read": """
def rule(x: Param, g: Grad, *, lr: Rate = 0.1):
    u = g * lr
    for _ in range(2):
        lr = lr * 0.5 + 0.1
    x = x - lr * u
    return x
""",
    "a total of a total": """
def rule(x: Param, g: Grad):
    r = tanh(total(mean(g) * tanh(total(sum(g)))))
    x = x - r * g
    return x
""",
    "a choice of two arrays is not overwritten": """
def rule(x: Param, g: Grad, s: Slot = zeros, y: Slot = first_grad, *, on: Flag = True):
    s = 0.1 * (g if on else x)
    u = abs(x if on else g)
    x = x + ((x if on else g) + y) / (1 + u)
    return x, s, y
""",
    "a transposed array is not overwritten": """
def rule(x: Param, g: Grad, q: Slot = zeros):
    q = tanh(-(x.T).T)
    x = x - (x.T).T * q - g
    return x, q
""",
    "a multiple of one number per array is added": """
def rule(x: Param, g: Grad, v: Slot = zeros, *, on: Flag = True):
    v = v + g
    x = v / 3 - mean(x if on else g) / 2
    return x, v
""",
    "a branch not taken leaves a hyperparameter and a shared scalar": """
def rule(x: Param, g: Grad, r: Slot = zeros, d: Shared = 1.0, *, c: Decay = 0.5, lr: Rate = 0.1, on: Flag = False):
    if on:
        c = 0.25
        d = lr
    r = c * r + d * g
    x = x - r
    return x, r, d
""",
    "not, of numbers": """
def rule(x: Param, g: Grad, t: Step, w: Slot = copy, *, k: Positive = 0.7):
    w = where(~(t > 2), x, k)
    x = w + g
    return x, w
""",
    "a number of one branch alone": """
def rule(x: Param, g: Grad, t: Step, *, on: Flag = False):
    if on:
        s = 1 / t
        x = x - g / s
    x = x - g
    return x
""",
    "a local of a view is called like a slot": """
def helper(a: Array, s: Scalar):
    b = a * s
    s = s + 1
    return b / s


def rule(x: Param, g: Grad, s: Slot = ones.without(-1), d: Shared = 1.0):
    if x.ndim >= 2:
        s = s + mean(g, axis=-1)
        x = x - s[..., None]
    d = d + 0.1
    x = x - g
    return x, s, d


@view("eval")
def reading(x, d):
    return helper(x, d)
""",
    "a slot filled with a number that float32 rounds": """
def rule(x: Param, g: Grad, w: Slot = full(0.3), d: Shared = 0.7):
    x = x - w * d * g
    return x, w, d
""",
    "a hyperparameter that becomes a tensor": """
def rule(x: Param, g: Grad, name: Slot = copy, w: Shared = 0.0, *, lr: Real = 0.3, copy: Rate = 0.01):
    w = copy
    copy = lr
    x = name + w * g * copy
    return x, name, w
""",
    "a number rebound to the learning rate": """
def rule(x: Param, g: Grad, s: Slot = zeros, *, lr: Positive = 0.01, c: Decay = 0.5):
    u = where(0.5 >= clip(c, 1, 1.5), 0.25, g)
    c = lr
    s = u * c + abs(0.9 if x.ndim else lr)
    x = x - s
    return x, s
""",
    "a branch binds the name under which another value is found": """
def rule(x: Param, g: Grad, m: Slot = zeros, *, n: Count = 3):
    old = g
    g = abs(old) + 0.5 if n > 1 else rsqrt(1 + old**2)
    old = 0.9 * old + 0.1 * g
    m = m + old
    x = x - old
    return x, m
""",
}  # fmt: skip
HEAD = '"""Found: a rule. The tests, 2026. https://example.org"""\n\n'
