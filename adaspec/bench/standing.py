"""What `adaspec export` writes, as a class: the text stands alone, so it has array operations and no kernel of ours."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from ..build import backend, export
from ..spec import Spec
from ..words import spoken


def alone(spec: Spec, target: str) -> Any:
    """The class or factory of the exported text, in a module of its own."""
    name = f"adaspec_bench_{spec.hash[:12]}_{target}"
    module = sys.modules[name] = ModuleType(name)
    exec(compile(export(spec, target), f"<{name}>", "exec", dont_inherit=True), module.__dict__)
    return getattr(module, backend(target).public_name(spoken(spec, target)))
