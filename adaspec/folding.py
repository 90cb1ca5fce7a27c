"""Lines no longer than a reader's screen: what is longer goes on in the next line, inside brackets."""

from __future__ import annotations

import re

WIDTH = 120


def folded(line: str) -> list[str]:
    """The line, broken at blanks inside its brackets, the outermost first; brackets are added where it has none."""
    if len(line) <= WIDTH:
        return [line]
    pad = re.match(" *", line)[0] + "    "  # type: ignore[index]
    out: list[str] = []
    depth = 1 if re.match(r' *".*,$', line) else 0  # an item of a dict stands in brackets already
    while len(line) > WIDTH:
        place, inside = _place(line, depth, len(pad))
        if not place:
            wide = _bracketed(line) if not out else ""
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
