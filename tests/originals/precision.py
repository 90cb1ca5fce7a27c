"""Originals that hold scalars in float32 whatever the parameters' dtype, run in float64: the same formula, wider."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Any


class _Wide:
    """A module whose float32 is float64; everything else is its own."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return self._module.float64 if name in ("float32", "float") else getattr(self._module, name)


def widened(*modules: str) -> Callable[[], AbstractContextManager[None]]:
    """A context in which these modules see, under their name `torch`, a torch whose float32 is float64."""

    @contextmanager
    def context() -> Iterator[None]:
        found: list[Any] = [import_module(name) for name in modules]
        before = [module.torch for module in found]
        for module in found:
            module.torch = _Wide(module.torch)
        try:
            yield
        finally:
            for module, torch in zip(found, before, strict=True):
                module.torch = torch

    return context
