"""The targets by name, and what each needs: what can be told without a compiler and without a framework."""

from __future__ import annotations

from typing import Any

TARGETS = {"numpy": "", "torch": "torch", "jax": "jax", "tensorflow": "tensorflow"}
"""The built-in targets, each with the extra that installs its framework."""

TEXTS = ("c",)
"""What is exported and nothing that Python runs: a C99 file with the fused loop."""

NEEDS = {"numpy": ("numpy",), "torch": ("torch",), "jax": ("jax", "optax"), "tensorflow": ("keras", "tensorflow")}


def targets() -> list[str]:
    """The built-in targets, those that are text alone, and those of the entry-point group `adaspec.backends`."""
    own = [*TARGETS, *TEXTS]
    return [*own, *sorted(name for name in registered() if name not in own)]


def registered() -> dict[str, Any]:
    """The entry points of that group by name. To import what finds them takes longer than to build an optimizer."""
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group="adaspec.backends")}
