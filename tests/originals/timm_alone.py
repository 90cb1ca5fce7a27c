"""timm's optimizers and helpers without the rest of timm, which needs torchvision: that has no build without CUDA."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType


def prepare() -> None:
    """Put a `timm`, `timm.models` and `timm.utils` of no content in place: their modules are imported one by one."""
    spec = importlib.util.find_spec("timm") if "timm" not in sys.modules else None
    if spec is None or importlib.util.find_spec("torchvision") is not None:
        return
    package, models, utils = ModuleType("timm"), ModuleType("timm.models"), ModuleType("timm.utils")
    package.__path__ = list(spec.submodule_search_locations or ())
    package.__spec__ = spec
    utils.__path__ = [f"{folder}/utils" for folder in package.__path__]
    vars(models)["group_parameters"] = None  # used by the schedules of layers alone
    sys.modules |= {"timm": package, "timm.models": models, "timm.utils": utils}
