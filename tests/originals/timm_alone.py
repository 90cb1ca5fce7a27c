"""timm's optimizers without the rest of timm, which needs torchvision: of that there is no build without CUDA."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType


def prepare() -> None:
    """Put a `timm` and a `timm.models` of no content in place, so that `timm.optim` is imported by itself."""
    spec = importlib.util.find_spec("timm") if "timm" not in sys.modules else None
    if spec is None or importlib.util.find_spec("torchvision") is not None:
        return
    package, models = ModuleType("timm"), ModuleType("timm.models")
    package.__path__ = list(spec.submodule_search_locations or ())
    package.__spec__ = spec
    vars(models)["group_parameters"] = None  # used by the schedules of layers alone
    sys.modules |= {"timm": package, "timm.models": models}
