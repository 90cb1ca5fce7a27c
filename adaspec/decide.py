"""A rule without the branches that its hyperparameters never take: flags and absences decided, nothing else changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from . import ir
from .scalars import evaluate


def fixed(rule: ir.Rule, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the `values` of hyperparameters that a static fact may speak of: flags, counts, what may be None."""
    return {h.name: values[h.name] for h in rule.hypers if h.static or h.optional}


def decided(statements: tuple[ir.Stmt, ...], values: Mapping[str, Any]) -> tuple[ir.Stmt, ...]:
    """The statements that are left where `values` are fixed; a branch on anything else stays."""
    found: list[ir.Stmt] = []
    for stmt in statements:
        if isinstance(stmt, ir.If) and (taken := _taken(stmt.test, values)) is not None:
            found += decided(stmt.then if taken else stmt.otherwise, values)
        elif isinstance(stmt, ir.If):
            found.append(replace(stmt, then=decided(stmt.then, values), otherwise=decided(stmt.otherwise, values)))
        elif isinstance(stmt, ir.For):
            found.append(replace(stmt, body=decided(stmt.body, values)))
        else:
            stmt = ir.rebuild(stmt, lambda node: _chosen(node, values))
            if not (isinstance(stmt, ir.Assign) and stmt.value == ir.Name(stmt.name)):
                found.append(stmt)
    return tuple(found)


def _chosen(node: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(node, ir.Choose) and (taken := _taken(node.test, values)) is not None:
        return _chosen(node.then if taken else node.otherwise, values)
    return ir.rebuild(node, lambda child: _chosen(child, values))


def _taken(test: ir.Expr, values: Mapping[str, Any]) -> bool | None:
    """Whether a test holds; None where it speaks of more than the fixed values."""
    if not ir.names(test) or not ir.names(test) <= values.keys() or any(isinstance(n, ir.Call) for n in ir.walk(test)):
        return None
    return bool(evaluate(test, values))
