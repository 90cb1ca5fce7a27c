"""The modules `adaspec.torch`, `.jax`, `.tensorflow`, `.numpy`: the library's optimizers, built on first use."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from .build import backend, build
from .errors import suggest
from .library import _files, load


@cache
def _public(target: str) -> dict[str, str]:
    """The public name of every rule of the library on a target, with the rule's own name."""
    return {backend(target).public_name(load(name)): name for name in sorted(_files())}


def attributes(target: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of the module of a target."""

    def get(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        known = _public(target)
        if name not in known:
            raise AttributeError(f"adaspec.{target} has no optimizer '{name}': {suggest(name, known)}")
        return build(known[name], target)

    return get, lambda: sorted(_public(target))
