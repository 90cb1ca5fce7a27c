"""Names that nobody wrote: the first free one of its kind, and a rule's own as its title spells it."""

from __future__ import annotations

import keyword


def fresh(name: str, taken: set[str], stem: str | None = None) -> str:
    """`name` where it is free, else the first free one of `stem2`, `stem3`, …; `taken` holds it from then on.

    The stem is the name with an underscore unless another is given.
    """
    stem = f"{name}_" if stem is None else stem
    new, number = name, 2
    while new in taken:
        new, number = f"{stem}{number}", number + 1
    taken.add(new)
    return new


def unnumbered(name: str) -> str:
    """The stem that continues a count: `e` of `e1`, and `norm_x` of `norm_x`."""
    return name.rstrip("0123456789")


def spelled(word: str, name: str) -> str:
    """`AdaX` where a title's `word` differs from a rule's `name` by case, `-` and `_` alone; else CamelCase."""
    plain = word.replace("-", "").replace("_", "")
    if plain.isidentifier() and plain.isascii() and plain.lower() == name.replace("_", "").lower():
        return plain
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def class_name(doc: str, name: str) -> str:
    """The name of a rule as a class, by its docstring: the word before the colon where it spells `name`."""
    found = spelled(doc.partition(":")[0].strip().split("\n")[0], name)
    return f"{found}_" if keyword.iskeyword(found) else found
