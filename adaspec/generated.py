"""The generated modules: `adaspec.generated.<target>.<name>`, where name is a rule's, a dialect's, or a packed text.

They have no files. Whoever imports one, such as a pickle that is read in another process, comes through this module
first, and it tells Python how they are made.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .frameworks import TARGETS, targets

__path__: list[str] = []


class Finder:
    """Finds what stands under this module, and loads it: the text is made, checked and compiled."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(f"{__name__}."):
            return None
        parts = fullname.split(".")
        if len(parts) > 4 or (parts[2] not in TARGETS and parts[2] not in targets()):
            return None
        loader: Any = self
        return ModuleSpec(fullname, loader, is_package=len(parts) < 4)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        parts = module.__name__.split(".")
        if len(parts) < 4:
            return
        from .build import export, unpacked

        spec = unpacked(parts[3])
        text = export(spec, parts[2])
        filename = f"<adaspec {parts[2]} {spec.name} {spec.hash[:12]}>"
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        module.__file__ = filename
        exec(compile(text, filename, "exec", dont_inherit=True), module.__dict__)
        if parts[2] in KERNELS:
            attach(module, spec, *KERNELS[parts[2]])


KERNELS = {"numpy": ("fused", "adaspec.kernels.arrays"), "torch": ("_kernels", "adaspec.kernels.tensors")}
"""The attribute of a target's classes that takes kernels, and the module that brings them."""


def attach(module: ModuleType, spec: Any, attribute: str, where: str) -> None:
    """Give the class of a module the kernels of its rule, where it takes them."""
    from .words import spoken

    target = module.__name__.split(".")[2]
    for made in list(vars(module).values()):
        if isinstance(made, type) and made.__module__ == module.__name__ and getattr(made, attribute, made) is None:
            setattr(made, attribute, import_module(where).of(spoken(spec, target)))


if not any(isinstance(finder, Finder) for finder in sys.meta_path):
    sys.meta_path.append(Finder())
