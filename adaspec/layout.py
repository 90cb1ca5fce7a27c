"""Lines that fit: what is longer than 120 characters is broken at its outermost brackets, as a formatter does."""

from __future__ import annotations

import re
import textwrap

WIDTH = 120


def fitted(text: str) -> str:
    return "\n".join(row for line in text.split("\n") for row in fit(line))


def fit(line: str) -> list[str]:
    if len(line) <= WIDTH:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    if line.lstrip().startswith("#"):
        text = line.lstrip().removeprefix("# ")
        return [f"{indent}# {part}" for part in textwrap.wrap(text, WIDTH - len(indent) - 2)]
    code, comment = _parted(line)
    if comment:
        return [*fit(f"{indent}# {comment}"), *fit(code)]
    if (bound := _many_names(code)) is not None:
        names, value = bound
        rows = textwrap.wrap(f"{names},", WIDTH - len(indent) - 4)
        first, *rest = fit(f"{indent}_ = {value}")
        return [f"{indent}(", *(f"{indent}    {row}" for row in rows), first.replace("_", ")", 1), *rest]
    found = _outermost(code)
    if found is None and code.lstrip().startswith("return ") and len(_split(code)) > 1:
        parts = _split(code.lstrip().removeprefix("return "))
        return [f"{indent}return (", *(f"{indent}    {part}," for part in parts), f"{indent})"]
    if found is None:
        return [line]
    start, end = found
    head, inner, tail = code[: start + 1], code[start + 1 : end], code[end:]
    one = f"{indent}    {inner}"
    if len(one) <= WIDTH:
        return [head, one, f"{indent}{tail}"]
    at = next((i for i, _, depth in _scan(inner) if depth == 0 and inner[i:].startswith(" for ")), None)
    if at is not None:
        rows = [f"{indent}    {inner[:at]}", f"{indent}    {inner[at + 1 :]}"]
        return [head, *(row for part in rows for row in fit(part)), f"{indent}{tail}"]
    parts = _split(inner)
    if len(parts) == 1:
        return [head, *fit(one), f"{indent}{tail}"]
    return [head, *(row for part in parts for row in fit(f"{indent}    {part},")), f"{indent}{tail}"]


def _many_names(code: str) -> tuple[str, str] | None:
    """The names that an assignment binds, where they alone fill a line, and what it binds them to."""
    names, equals, value = code.strip().partition(" = ")
    many = equals and re.fullmatch(r"\w+(, \w+)+", names)
    return (names, value) if many and len(names) > WIDTH - 30 else None


def _scan(code: str):
    """Each character outside of strings, with its place and the depth of brackets around it."""
    quote, depth, i = "", 0, 0
    while i < len(code):
        char = code[i]
        if quote:
            if char == "\\":
                i += 1
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        else:
            depth -= char in ")]}"
            yield i, char, depth
            depth += char in "([{"
        i += 1


def _parted(line: str) -> tuple[str, str]:
    """The code and its trailing comment."""
    for i, char, _ in _scan(line):
        if char == "#" and line[:i].strip():
            return line[:i].rstrip(), line[i + 1 :].strip()
    return line, ""


def _outermost(code: str) -> tuple[int, int] | None:
    """The last pair of brackets at depth 0 that holds more than a few characters."""
    opened, found = 0, None
    for i, char, depth in _scan(code):
        if depth == 0 and char in "([{":
            opened = i
        elif depth == 0 and char in ")]}" and i - opened > 12:
            found = opened, i
    return found


def _split(inner: str) -> list[str]:
    """At the commas of depth 0; one part where there are none."""
    parts, start = [], 0
    for cut in [i for i, char, depth in _scan(inner) if char == "," and depth == 0]:
        parts.append(inner[start:cut].strip())
        start = cut + 1
    parts.append(inner[start:].strip())
    return [p for p in parts if p]
