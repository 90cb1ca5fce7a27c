"""Finding specs: by library name, by dialect, by path, from a string, from a function in a notebook."""

from __future__ import annotations

import inspect
import os
import textwrap
from collections.abc import Callable
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from . import compose, index, shelf
from .chain import chain, is_chain
from .errors import NO_PATH, SpecError, suggest
from .frozen import frozen
from .shelf import files as _files
from .spec import Spec, checked, located, make
from .text import canonical


def parse(text: str | bytes, path: str = "<spec>") -> Spec:
    """The spec that `text` says. Raises SpecError; never runs anything of the text."""
    return make(text, path)


def load(name: str | Path) -> Spec:
    """A library name (`"adax"`), a dialect (`"adam:keras"`), the path of a spec file, or a composition of such.

    `"lookahead(radam)"` is the wrapper lookahead around radam, `"clip + lamb"` another spelling of `"clip(lamb)"`.
    """
    if not isinstance(name, str | os.PathLike):
        raise TypeError(f"load takes a name or a path, not {type(name).__name__}: a Spec is loaded already")
    text = str(name)
    if isinstance(name, str) and is_chain(text):
        return _composition(text)
    if isinstance(name, Path) or text.endswith(".py") or "/" in text or "\\" in text:
        return _from_file(Path(name))
    if ":" in text:
        return _dialect(text)
    if text not in _files():
        raise SpecError(f"no spec named '{text}' in the library", hint=suggest(text, names()))
    return _library(text)


def names() -> list[str]:
    """Every rule and dialect of the library, as `load` takes them, in alphabetical order."""
    return sorted([*rules(), *index.dialects()])


def known(name: str) -> bool:
    """Whether the library has a rule or a dialect of this name."""
    return name in _files() or (":" in name and index.host(name) is not None)


def rules() -> list[str]:
    """Every rule of the library, in alphabetical order: what has a file of its own."""
    return sorted(_files())


VERSIONS = {
    "torch": "2.13.0", "optax": "0.2.8", "keras": "3.15.1", "pytorch_optimizer": "4.1.0", "timm": "1.0.31",
    "optimi": "0.3.3", "schedulefree": "1.4.1", "heavyball": "3.2.1", "prodigyopt": "1.1.2", "dadaptation": "3.2",
    "transformers": "5.23.0",
}  # fmt: skip
"""The versions that the dialects equal, by the library's import name; a test holds them against constraints.txt."""


@frozen
class Original:
    """The implementation that a dialect equals: the class or function `of` in that `version` of its library."""

    of: str
    version: str

    def __str__(self) -> str:
        return f"{self.of} {self.version}"


def host(name: str) -> str:
    """The rule of the library that the dialect `name` is spoken by. Raises SpecError for an unknown name."""
    found = index.host(name)
    if found is None:
        raise SpecError(f"no dialect named '{name}' in the library", hint=suggest(name, index.dialects()))
    return found


def equals(name: str) -> Original | None:
    """What the dialect `name` equals; None where its table names no class or function. Raises as `host` does."""
    of = next(d.of for d in _library(host(name)).rule.dialects if d.name == name)
    return None if of is None else Original(of, VERSIONS[of.partition(".")[0]])


def optimizer(function: Callable[..., Any]) -> Spec:
    """Decorator: the spec that a function's source says. The body is read and parsed, never run.

    Helpers, schedules and views are functions of the same file or notebook cell, so a rule that uses them belongs in a
    file or a string.
    """
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        raise SpecError(
            f"the source of '{getattr(function, '__name__', function)}' is not at hand",
            hint="give the text to adaspec.parse, or save it in a file for adaspec.load",
        ) from None
    return make(source, inspect.getsourcefile(function) or "<notebook>")


def _from_file(path: Path) -> Spec:
    try:
        with path.open("rb") as file:
            data = file.read(1 << 17)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        problem = SpecError(f"cannot be read: {reason}", hint="a library name has no slash and no .py")
        problem.path = str(path)
        raise problem from None
    return make(data, str(path), depth=4)


@cache
def _library(name: str) -> Spec:
    """Parsed and checked like any; its warnings are `adaspec check`'s to tell."""
    with located(f"{name}.py", shelf.read(name).decode()):
        return checked(compose.raw(name))


def wrappers() -> list[str]:
    """The rules of the library that wrap another one, in alphabetical order: `load("lookahead(radam)")`."""
    return compose.wrappers()


def _composition(text: str) -> Spec:
    """Wrappers of the library around a rule; what they make of it is a spec like any."""
    *heads, last = chain(text)
    return _wrapped(load(last), tuple(heads), text)


@lru_cache(maxsize=512)
def _wrapped(spec: Spec, heads: tuple[str, ...], text: str) -> Spec:
    rule, prefix = spec.rule, spec.name
    for head in reversed(heads):
        if head not in _files():
            raise SpecError(f"no wrapper named '{head}' in the library", hint=suggest(head, wrappers()))
        try:
            rule, prefix = compose.wrapped(compose.raw(head), rule, prefix), head
        except SpecError as error:
            if error.path == NO_PATH:
                error.locate(f"{head}.py", shelf.read(head).decode())
            raise
    return make(canonical(rule), f"<{text}>", quiet=True)


@cache
def _dialect(name: str) -> Spec:
    try:
        spec = _library(host(name))
    except SpecError as error:
        raise SpecError(error.message, hint=suggest(name, names())) from None
    spoken = next(d for d in spec.rule.dialects if d.name == name)
    return replace(spec.replace(**dict(spec.dialects[name])), dialect=spoken)
