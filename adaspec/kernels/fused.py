"""The kernel of a rule under its settings, compiled when it is first asked for; one warning where there is none."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

from ..backends import c
from ..lower import Lowered, lower
from ..spec import Spec
from .compiler import NoKernel
from .kernel import Kernel

NUMBERS = ("float32", "float64", "float16", "bfloat16")


def wanted() -> bool:
    """Whether kernels may be used: not where $ADASPEC_KERNELS is 0."""
    return os.environ.get("ADASPEC_KERNELS", "1") != "0"


class Fused:
    """All kernels of one rule. A rule that can have none says so by `why`."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        rule = spec.core
        self.static = [h.name for h in rule.hypers if h.static]
        self.optional = [d.name for d in (*rule.hypers, *rule.inputs) if d.optional]
        self.kernels: dict[Any, Kernel | None] = {}
        self.forms: dict[Any, tuple[c.Layout, str] | str] = {}

    @cached_property
    def lowered(self) -> Lowered:
        return lower(self.spec)

    def of(self, hypers: Mapping[str, Any], param: str, grad: str, maximize: bool = False) -> Kernel | None:
        """The kernel for these settings and dtypes, by name; None where the array operations have to do."""
        static = [(n, hypers[n]) for n in self.static if n in hypers]
        static += [(n, None if hypers.get(n) is None else True) for n in self.optional if n not in self.static]
        key = (*static, param, grad, maximize)
        try:
            return self.kernels[key]
        except KeyError:
            self.kernels[key] = made = self.made(tuple(static), param, grad, maximize)
            return made

    def made(self, static: tuple[tuple[str, Any], ...], param: str, grad: str, maximize: bool) -> Kernel | None:
        if param not in NUMBERS or grad not in NUMBERS:
            return None
        found = self.form(static)
        if isinstance(found, str):
            return None
        try:
            return Kernel(*found, param, grad, maximize)
        except NoKernel as error:
            warn(str(error))
            return None

    def form(self, static: tuple[tuple[str, Any], ...]) -> tuple[c.Layout, str] | str:
        """The kernel under these static settings, as its layout and text; where there is none, why."""
        if static not in self.forms:
            try:
                made = c.frame(self.lowered, dict(static))
                self.forms[static] = made.layout, c.text(made)
            except c.Unstreamable as error:
                self.forms[static] = str(error)
        return self.forms[static]

    @cached_property
    def why(self) -> str:
        """Why the rule can have no kernel by its defaults; empty where it can."""
        found = self.form(())
        return found if isinstance(found, str) else ""


@lru_cache(maxsize=64)
def warn(what: str) -> None:
    """Once for each reason."""
    text = f"{what}. Steps run as array operations, which are slower and mean the same (ADASPEC_KERNELS=0 says no more)"
    warnings.warn(text, RuntimeWarning, stacklevel=2)
