"""Documents: text, places where a line may end, and groups whose places break together or not at all.

After Wadler, "A prettier printer", 2003, with what the style of Black needs beside: text that only broken groups have,
brackets that may break while the line around them counts as one, and a choice between ways to set the same thing.
"""

from __future__ import annotations

from typing import TypeAlias

from .frozen import frozen

WIDTH = 120


@frozen
class Line:
    """A place where a line may end; what stands there if it does not."""

    flat: str = ""


@frozen
class Indent:
    body: Doc


@frozen
class IfBroken:
    """Text that stands there only if the group breaks."""

    text: str


@frozen
class Group:
    """`broken`: it always breaks. `outer`: brackets that may break while the line around them counts as one."""

    body: Doc
    broken: bool = False
    outer: bool = False


@frozen
class Choice:
    """The first way that fits, else the last: the first is tried on one line, the others broken."""

    ways: tuple[Doc, ...]


Doc: TypeAlias = str | Line | Indent | IfBroken | Group | Choice | list["Doc"]
Item: TypeAlias = tuple[int, bool, Doc]  # the indent, whether the group around it is broken, and what is to be set
SOFT, SPACE = Line(), Line(" ")


def printed(doc: Doc, indent: int) -> str:
    """The lines of a document that begins at this indent."""
    out, column = " " * indent, indent
    todo: list[Item] = [(indent, True, doc)]
    while todo:
        pad, broken, doc = todo.pop()
        match doc:
            case str():
                out, column = out + doc, column + len(doc)
            case list():
                todo += [(pad, broken, part) for part in reversed(doc)]
            case Line(flat):
                out, column = (f"{out}\n{' ' * pad}", pad) if broken else (out + flat, column + len(flat))
            case Indent(body):
                todo.append((pad + 4, broken, body))
            case IfBroken(text) if broken:
                todo.append((pad, broken, text))
            case Group(body, always, outer):
                sure = not broken and not outer
                flat = sure or (not always and _fits((pad, False, body), todo, column))
                todo.append((pad, not flat, body))
            case Choice(ways):
                tried = ((pad, broken and k > 0, way) for k, way in enumerate(ways))
                found = (item for item in tried if not broken or _fits(item, todo, column))
                todo.append(next(found, (pad, True, ways[-1])))
    return out


def _fits(item: Item, rest: list[Item], column: int) -> bool:
    """Whether the text fits as far as the first line end that follows."""
    todo, left = [item], len(rest)
    while todo or left:
        if not todo:
            left -= 1
            todo.append(rest[left])
        pad, broken, doc = todo.pop()
        match doc:
            case str():
                column += len(doc)
            case list():
                todo += [(pad, broken, part) for part in reversed(doc)]
            case Line(flat):
                if broken:
                    return True
                column += len(flat)
            case Indent(body):
                todo.append((pad + 4, broken, body))
            case IfBroken(text) if broken:
                column += len(text)
            case Group(outer=True) if column < WIDTH:
                column = pad + 1
            case Group(body, always):
                if always and not broken:
                    return False
                todo.append((pad, broken, body))
            case Choice(ways):
                todo.append((pad, broken, ways[-1] if broken else ways[0]))
        if column > WIDTH:
            return False
    return True


def wrapped(doc: Doc) -> Doc:
    """In brackets if it breaks."""
    return Group([IfBroken("("), Indent([SOFT, doc]), SOFT, IfBroken(")")])
