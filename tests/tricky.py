"""Small rules that are easy to get wrong where arrays are updated in place, or where the model shares something."""

from __future__ import annotations

import re
from typing import Any

import adaspec

DECLARED = {
    "x": "x: Param", "g": "g: Grad", "t": "t: Step", "m": "m: Slot = zeros", "v": "v: Slot = zeros",
    "f": "f: Slot = first_grad", "c": "c: Slot = zeros.scalar", "row": "row: Slot = zeros.without(-1)",
    "r": "r: Shared = 0.0", "w": "w: Shared = 1.0", "*": "*", "lr": "lr: Rate = 0.1", "k": "k: Positive = 2.0",
    "on": "on: Flag = True", "h": "h: Optional[Positive] = None", "n": "n: Count = 3",
}  # fmt: skip

LOCAL = {
    "the old value is kept": "old = x; x = x - lr * g; m = m + old; v = v + x",
    "an alias of a slot": "a = m; m = m + g; v = a + v; x = x - lr * m * a",
    "an alias of an alias":
        "a = g * 2; b = a; a = a + 1; "
        "m = b + m; v = a * b + v; x = x - lr * (a + b)",
    "the gradient rebound": "g = g * k; m = m + g; g = g + x; v = v + g**2; x = x - lr * g",
    "slots change places": "a = m; m = v + g; v = a; x = x - lr * (m - v)",
    "a value read thrice":
        "u = g / (abs(g) + 1); m = m + u; "
        "v = v + u * u; x = x - lr * u / (v + k)",
    "one product in three places": "m = m + (k * g); v = v + (k * g)**2; x = x - lr * (k * g)",
    "a view of what is overwritten": "a = m.T; m = m + g; v = v + a.T; x = x - lr * (v + m)",
    "a view of a temporary":
        "a = g * 2; b = a.T; d = x * 3; "
        "e = d + 1; m = m + b.T; v = v + e * d; x = x - lr * g",
    "rows of what is overwritten":
        "a = unfold(m, 0); m = m + g; v = v + fold(a, 0); "
        "x = x - lr * (v + m) * spread(sum(abs(g), keep=0), 0)",
    "rows of a slot changed in place":
        "a = fold(unfold(m, 0), 0); a = a * 2; m = m + g; b = fold(unfold(m, 0), 0) + 1; v = v + a * b; "
        "x = x - lr * (v + b)",
    "a choice that may be what is overwritten":
        "m = (m * k if on else m) - lr * g; v = (v if on else v * k) + g; "
        "x = (x if on else x - lr * v) - lr * m",
    "a choice of conditions":
        "m = where(g > 0 if on else t > 2, m + g, g); v = where(t > 1 if on else v > 0, v - g, g); "
        "x = x - lr * (m + v)",
    "a branch rebinds":
        "u = g; if on: u = u * 2; m = m + u; else: m = m - u; "
        "end; u = u + m; v = v + u; x = x - lr * u",
    "a branch rebinds the gradient":
        "if h is not None: g = clip(g, -h, h); end; "
        "m = m + g; v = v + g**2; x = x - lr * m",
    "a slot in one branch alone": "u = g; if on: m = m + g; u = m; end; v = v + u; x = x - lr * u",
    "a loop":
        "u = g; for _ in range(3): a = u * x; u = u - 0.1 * a; "
        "end; m = m + u; v = v + g; x = x - lr * u",
    "a loop over a slot": "for _ in range(n): m = m * 0.5 + g; v = v + m; end; x = x - lr * m",
    "selection": "u = where(g > 0, m, -g); m = where(v >= 0, m + u, v); v = v + u; x = x - lr * u",
    "selection of numbers":
        "m = m + where(g > 0, 0.1 * g, -k); "
        "v = where(v >= m, 0.3, v + g); x = x - lr * (m + v)",
    "a number decides": "m = where(t > 2, m + g, g); v = v + m; x = x - lr * v",
    "bounds":
        "m = minimum(maximum(m + g, -k), k); "
        "v = clip(v + g, -1, k); x = x - lr * maximum(m, v)",
    "bounds that move":
        "m = clip(g, -abs(x), k) + m; "
        "v = v + maximum(m, g); x = x - lr * minimum(m, v)",
    "powers and roots":
        "m = sqrt(abs(g) + m**2); "
        "v = (abs(g) + 0.5)**1.5 + v; x = x - lr * rsqrt(1 + v) * g * 1.1**m",
    "numbers first": "m = 1 - g - m; v = 2 / (abs(g) + 1) + v; x = x - lr * (k - m) / (1 + v)",
    "signs": "m = -m - g; v = -(v - g); x = x - (-lr * -m) - lr * -v",
    "scaled sums":
        "m = 0.5 * m - 3 * g; "
        "v = k * (lr * m / k - v / k); x = x - lr * (k * g - 2 * (m + v))",
    "functions":
        "m = tanh(g) + floor(m) + sign(x); "
        "v = log1p(exp(-abs(g))) + expm1(-abs(v)); x = x - lr * log(2 + abs(m))",
    "norms of parts":
        "u = g - x; m = m + u / (norm(u) + 1); "
        "v = v + u * mean(u * g); x = x - lr * u / (rms(g + u) + 1)",
    "averages elsewhere":
        "u = 0.9 * m + (1 - 0.9) * g; m = 0.5 * v + (1 - 0.5) * u; "
        "v = 0.5 * v + (1 - 0.5) * m; x = x - lr * u",
    "an average of a number": "m = 0.9 * m + (1 - 0.9) * k; v = v + g; x = 0.9 * x + (1 - 0.9) * m",
    "the parameter twice": "x = x - lr * g; m = m + x; x = x - lr * m; v = v + x",
    "quotients":
        "m = (g / k) / (x**2 + 1) + m; "
        "v = g * (m / (1 + abs(m))) / k + v; x = x - lr / (1 + abs(v)) * m",
    "the step in a product":
        "m = m + g / t; "
        "v = v + (1 - 0.9**t) * g; x = x - lr * m / (1 - 0.9**t)",
    "shapes as numbers":
        "m = m + g / x.shape[-1]; "
        "v = v + sqrt(x.shape[-2] * k) * g; x = x - lr * x.ndim * m",
    "axes":
        "row = 0.9 * row + (1 - 0.9) * mean(g**2, axis=-1); "
        "x = x - lr * g / sqrt(row[..., None] + max(g, axis=-2)[..., None, :]**2 + k)",
    "a number per array":
        "c = 0.9 * c + (1 - 0.9) * norm(g); "
        "m = m + g / (1 + c); x = x - lr * m * c",
    "the first gradient": "f = 0.9 * f + (1 - 0.9) * g; x = x - lr * f",
}  # fmt: skip
"""Statements are parted by `;`, and `end` closes a block."""

MODEL = {
    "the gradient is clipped by the global norm":
        "a = sqrt(total(sum(g**2))); g = g * minimum(1, k / a); "
        "m = m + g; x = x - lr * m",
    "a rebound gradient crosses a total":
        "g = g + 0.1 * x; a = total(sum(g * g)); "
        "m = m + g; x = x - lr * g / (1 + a)",
    "a local crosses a total":
        "u = g / (abs(g) + 1); "
        "a = total(sum(u * g)); x = x - lr * u / (1 + a**2)",
    "the parameter moves before a total":
        "x = x - lr * x; "
        "a = total(sum(x**2)); x = x - lr * g / (1 + a)",
    "three passes":
        "a = total(sum(g**2)); u = g / sqrt(a + 1); "
        "b = total(sum(u * x)); m = m + u * b; x = x - lr * m / (1 + a)",
    "a shared average": "r = 0.9 * r + (1 - 0.9) * total(sum(g**2)); x = x - lr * g / sqrt(r + k)",
    "the old and the new": "u = g * w; w = w + total(mean(abs(g))); m = m + u; x = x - lr * m / w",
    "shared by a group": "r = r + lr**2; m = m + g / (1 + r); x = x - lr * m",
    "shared by a group, with the step": "r = r + lr / t; m = m + g * r / t; x = x - lr * m",
    "two kinds of shared": "w = w + lr; r = r + w * total(sum(g**2)); x = x - lr * g / sqrt(r + w)",
    "shared, with the step": "r = r + total(sum(g)) / t; x = x - lr * g / (1 + r**2) / t",
    "a total behind a flag":
        "if on: r = 0.5 * r + total(sum(g**2)); else: r = 0.5 * r; "
        "end; x = x - lr * g / (1 + r)",
}  # fmt: skip


def text(body: str) -> str:
    """The text of a rule with these statements: what they name is declared."""
    lines: list[str] = []
    indent = "    "
    for part in re.split(r"; |(?<=:) ", body):
        if part in ("else:", "end"):
            indent = indent[4:]
        if part != "end":
            lines.append(indent + part)
        if part.endswith(":"):
            indent += "    "
    used = set(re.findall(r"\w+", body)) | {"*", "x", "g"}
    head = ", ".join(declaration for name, declaration in DECLARED.items() if name in used)
    names = [n for n in ("x", "m", "v", "f", "c", "row", "r", "w") if n in used]
    rule = [f"def tricky({head}):", *lines, f"    return {', '.join(names)}"]
    return '"""Tricky: a rule. The tests, 2025. https://example.org"""\n' + "\n".join(rule) + "\n"


def tricky(body: str) -> Any:
    return adaspec.parse(text(body))


def settings(spec: Any) -> list[dict[str, Any]]:
    """The hyperparameters that a rule's branches make worth trying."""
    found: list[dict[str, Any]] = [{}]
    if "on" in spec.hypers:
        found = [{"on": True}, {"on": False}]
    if "h" in spec.hypers:
        found = [{"h": None}, {"h": 0.3}]
    return found
