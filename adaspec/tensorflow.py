"""Keras optimizers: `adaspec.tensorflow.AdaX`, built on first use; Keras itself is imported then."""

from .native import attributes

__getattr__, __dir__ = attributes("tensorflow")
