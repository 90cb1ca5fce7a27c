"""The modules `adaspec.torch`, `.jax`, `.tensorflow`, `.numpy`: the library's optimizers, built on first use."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from . import index, shelf
from .build import backend, build
from .errors import suggest


@cache
def _public(target: str) -> dict[str, str]:
    """The public name of every rule of the library on a target, with the rule's own name."""
    name_of = backend(target).public_name
    return {name_of(index.heading(name)): name for name in sorted(shelf.files())}


def _rule(name: str, target: str) -> str | None:
    """The rule of this public name, None where there is none.

    Public names are rules' names spelt otherwise, so that one or two files tell, and all of them only if those do not.
    """
    alike = [rule for rule in sorted(shelf.files()) if _letters(rule) == _letters(name)]
    for rule in alike:
        if backend(target).public_name(index.heading(rule)) == name:
            return rule
    return _public(target).get(name)


def _letters(name: str) -> str:
    return name.replace("_", "").lower()


def attributes(target: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of the module of a target."""

    def get(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        rule = _rule(name, target)
        if rule is None:
            known = _public(target)
            raise AttributeError(f"adaspec.{target} has no optimizer '{name}': {suggest(name, known)}")
        return build(rule, target)

    return get, lambda: sorted(_public(target))
