"""Originals that hold scalars in float32 whatever the parameters' dtype, run in float64: the same formula, wider."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch


class Wide:
    """A module whose float32 is float64; everything else is its own."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return self._module.float64 if name in ("float32", "float") else getattr(self._module, name)


def widened(*modules: str) -> Callable[[], AbstractContextManager[None]]:
    """A context in which these modules see, under their name `torch`, a torch whose float32 is float64.

    `tensor.float()` is `tensor.double()` there, for everybody.
    """
    seen = _seen("torch", Wide, modules)

    @contextmanager
    def context() -> Iterator[None]:
        tensor = import_module("torch").Tensor
        with seen(), patch.object(tensor, "float", tensor.double):
            yield

    return context


def _seen(
    name: str, other: Callable[[Any], Any], modules: tuple[str, ...]
) -> Callable[[], AbstractContextManager[None]]:
    """A context in which the name of these modules is another thing, made of what it was."""

    @contextmanager
    def context() -> Iterator[None]:
        found = [import_module(module) for module in modules]
        before = [getattr(module, name) for module in found]
        for module, thing in zip(found, before, strict=True):
            setattr(module, name, other(thing))
        try:
            yield
        finally:
            for module, thing in zip(found, before, strict=True):
                setattr(module, name, thing)

    return context


class _WideRoots:
    """A jax.numpy that takes the root of an integer in float64; everything else is its own."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def sqrt(self, x: Any) -> Any:
        return self._module.sqrt(self._module.asarray(x, dtype="float64"))


def wide_jax(*modules: str) -> Callable[[], AbstractContextManager[None]]:
    """A context in which these modules see, under their name `jnp`, a JAX whose float32 is float64."""
    return _seen("jnp", Wide, modules)


class _WideSigned(Wide):
    """A jax.numpy of float64 whose singular vectors have the signs of the language: the largest element of each on the
    left is positive. LAPACK's signs are its own choice."""

    @property
    def linalg(self) -> Any:
        jnp = self._module

        def svd(a: Any, full_matrices: bool) -> tuple[Any, Any, Any]:
            u, s, vh = jnp.linalg.svd(a, full_matrices=full_matrices)
            largest = jnp.take_along_axis(u, jnp.argmax(jnp.abs(u), axis=0)[None, :], axis=0)[0]
            return u * jnp.sign(largest), s, vh * jnp.sign(largest)[:, None]

        return SimpleNamespace(svd=svd)


def signed_jax(*modules: str) -> Callable[[], AbstractContextManager[None]]:
    """A context in which these modules see, under their name `jnp`, a JAX of float64 with singular vectors of definite
    signs."""
    return _seen("jnp", _WideSigned, modules)


def counts_in_float64(*modules: str) -> Callable[[], AbstractContextManager[None]]:
    """A context in which these modules take the root of a step count in float64; JAX itself does it in float32."""
    return _seen("jnp", _WideRoots, modules)
