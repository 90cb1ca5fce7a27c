"""A `.keras` file: a model with its compiled optimizer, whose variables have names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adaspec.holders import held
from adaspec.portable import Holder
from adaspec.spec import Spec


def opened(path: Path, spec: Spec | None, params: Any) -> tuple[str, Holder, Spec]:
    """What the optimizer of a saved model holds. ValueError for a file that is none, or a model without optimizer."""
    import keras

    if params is not None:
        raise TypeError("a .keras file names its variables itself: leave params= out")
    try:
        model: Any = keras.saving.load_model(path)
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no model that Keras can load: {str(error).splitlines()[0]}") from None
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        raise ValueError(f"{path} holds a model without an optimizer: save it compiled")
    return held(optimizer, None, spec)
