"""optax factories: `adaspec.jax.adax`, built on first use; JAX itself is imported then.

`flat` and `ravel` are for models of very many small parameters.
"""

from typing import Any

from .native import attributes

_HELPERS = ("flat", "ravel")
_factory, _factories = attributes("jax")


def __getattr__(name: str) -> Any:
    if name in _HELPERS:
        from .backends.jax import flat as home

        return getattr(home, name)
    return _factory(name)


def __dir__() -> list[str]:
    return sorted([*_factories(), *_HELPERS])
