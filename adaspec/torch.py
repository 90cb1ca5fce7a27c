"""torch optimizers: `adaspec.torch.AdaX`, built on first use; torch itself is imported then."""

from .native import attributes

__getattr__, __dir__ = attributes("torch")
