"""What the library holds, by name: the rules' docstrings and their dialects, read off the syntax of the files alone.

To know which classes there are, and who speaks a dialect, no rule has to be checked: 166 files are read in a twentieth
of the time. What is found here is a name; what it means, `library` loads through the parser.
"""

from __future__ import annotations

import ast
from functools import cache, cached_property

from . import shelf
from .declare import docstring
from .frozen import frozen
from .naming import class_name


@frozen
class Heading:
    """What stands around a rule: `name` is its file's, `doc` the docstring, `dialects` the names in its table."""

    name: str
    doc: str
    dialects: tuple[str, ...]

    @cached_property
    def class_name(self) -> str:
        """As `Spec.class_name`."""
        return class_name(self.doc, self.name)


@cache
def heading(name: str) -> Heading:
    """The heading of a rule of the library; KeyError for an unknown name."""
    doc, statements = docstring(ast.parse(shelf.read(name)).body)
    dialects: list[str] = []
    for node in statements:
        match node:
            case ast.Assign(targets=[ast.Name(id="dialects")], value=ast.Dict(keys=keys)):
                dialects += [k.value for k in keys if isinstance(k, ast.Constant) and isinstance(k.value, str)]
    return Heading(name, doc, tuple(dialects))


@cache
def dialects() -> dict[str, str]:
    """Each dialect of the library with the name of the rule that hosts it."""
    hosts = [name for name in sorted(shelf.files()) if b"dialects" in shelf.read(name)]
    return {dialect: name for name in hosts for dialect in heading(name).dialects}


@cache
def host(dialect: str) -> str | None:
    """The rule that hosts a dialect, None where none does: the files that do not say its name are not looked into."""
    said, first = dialect.encode(), dialect.partition(":")[0]
    for name in sorted(shelf.files(), key=lambda name: (name != first, name)):
        if said in shelf.read(name) and dialect in heading(name).dialects:
            return name
    return dialects().get(dialect)
