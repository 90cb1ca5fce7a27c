"""NumPy classes: `adaspec.numpy.AdaX`, built on first use."""

from .native import attributes

__getattr__, __dir__ = attributes("numpy")
