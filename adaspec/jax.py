"""optax factories: `adaspec.jax.adax`, built on first use; JAX itself is imported then."""

from .native import attributes

__getattr__, __dir__ = attributes("jax")
