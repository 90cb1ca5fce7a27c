"""Lines no longer than a reader's screen: what is longer goes on in the next line, inside brackets."""

from __future__ import annotations

import io
import re
import tokenize

WIDTH = 120


def fold(text: str) -> str:
    """A module whose long lines are broken; every statement says what it said."""
    lines = text.split("\n")
    if all(len(line) <= WIDTH for line in lines):
        return text
    opened = _opened(text)
    return "\n".join(part for k, line in enumerate(lines, 1) for part in folded(line, opened.get(k, 0)))


def _opened(text: str) -> dict[int, int]:
    """The number of brackets that are open where each line begins."""
    found: dict[int, int] = {}
    depth = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        found.setdefault(token.start[0], depth)
        if token.type == tokenize.OP:
            depth += (token.string in "([{") - (token.string in ")]}")
    return found


def folded(line: str, opened: int = 0) -> list[str]:
    """The line, broken at blanks inside its brackets, the outermost first; brackets are added where it has none.

    `opened`: how many are open where the line begins.
    """
    if len(line) <= WIDTH:
        return [line]
    pad = re.match(" *", line)[0] + "    "  # type: ignore[index]
    out: list[str] = []
    depth = opened or (1 if re.match(r' *".*,$', line) else 0)  # an item of a dict stands in brackets already
    while len(line) > WIDTH:
        place, inside = _place(line, depth, len(pad))
        if not place:
            wide = _bracketed(line) if not out and not opened else ""
            if not wide:
                break
            line = wide
            continue
        out.append(line[:place])
        line, depth = pad + line[place + 1 :], inside
    return [*out, line]


def _place(line: str, depth: int, least: int) -> tuple[int, int]:
    """The blank at which to break, and how many brackets are open there; 0 if there is none."""
    best = (0, 0)
    quote = ""
    for at, char in enumerate(line[:WIDTH]):
        if quote:
            quote = "" if char == quote and line[at - 1] != "\\" else quote
        elif char in "\"'":
            quote = char
        elif char == "#":
            break
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == " " and depth and at >= least and (not best[0] or depth <= best[1]):
            best = at, depth
    return best


def _bracketed(line: str) -> str:
    """The line with its longest part in brackets; empty if it is of no such form."""
    if match := re.fullmatch(r"(\s*for )([^(]*)( in .*)", line):
        return f"{match[1]}({match[2]}){match[3]}"
    match = re.fullmatch(r"(.*? (?:\S?=|return|if) |\s*(?:return|if) )([^#]*?)(:?)", line)
    return f"{match[1]}({match[2]}){match[3]}" if match and not match[2].startswith("(") else ""
