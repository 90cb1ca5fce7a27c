"""Trees of parameters: lists, tuples, dicts, nested, or one array; each leaf has a path such as `encoder/0/weight`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def leaves(tree: Any) -> dict[str, Any]:
    """The leaves by path, in order; a single leaf has the path "". None is a leaf (a missing gradient)."""
    found: dict[str, Any] = {}
    for path, leaf in _leaves(tree, ""):
        if path in found:
            raise ValueError(f"two leaves have the path '{path}'")
        found[path] = leaf
    return found


def _leaves(tree: Any, path: str):
    if isinstance(tree, Mapping):
        for key in tree:
            yield from _leaves(tree[key], joined(path, key))
    elif isinstance(tree, list | tuple):
        for number, item in enumerate(tree):
            yield from _leaves(item, joined(path, number))
    else:
        yield path, tree


def rebuild(tree: Any, change: Callable[[str, Any], Any], path: str = "") -> Any:
    """A tree of the same shape whose leaves are `change(path, leaf)`."""
    if isinstance(tree, Mapping):
        like: Any = type(tree)
        return like((key, rebuild(tree[key], change, joined(path, key))) for key in tree)
    if isinstance(tree, list | tuple):
        items = [rebuild(item, change, joined(path, number)) for number, item in enumerate(tree)]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    return change(path, tree)


def joined(path: str, key: object) -> str:
    return f"{path}/{key}" if path else str(key)
