"""Whole numbers made of t: a framework counts its steps in integers, where float32 stops at 2**24."""

from __future__ import annotations

from . import ir
from .ir import Binary, Compare, Dim, Expr, Name, Ndim, Number, Unary

LARGEST = 2**31 - 1


def is_whole(node: Expr, rule: ir.Rule) -> bool:
    """Whether integers, counts, shapes and t alone enter, by sums, differences and remainders.

    t is multiplied by nothing and divides nothing, so that no value leaves 32 bits before t does, and a divisor is a
    number of the host.
    """
    match node:
        case Number(value):
            return isinstance(value, int) and abs(value) <= LARGEST
        case Name(name):
            hyper = rule.hyper(name)
            return name == rule.step or (hyper is not None and hyper.kind == "Count" and not hyper.optional)
        case Dim() | Ndim():
            return True
        case Unary("-", operand):
            return is_whole(operand, rule)
        case Binary("+" | "-", left, right):
            return is_whole(left, rule) and is_whole(right, rule)
        case Binary("*", left, right):
            return is_whole(left, rule) and is_whole(right, rule) and not counts(node, rule)
        case Binary("%" | "//", left, right):
            return is_whole(left, rule) and is_whole(right, rule) and not counts(right, rule)
    return False


def counts(node: Expr, rule: ir.Rule) -> bool:
    """Whether t enters."""
    return rule.step in ir.names(node)


def is_counted(node: Expr, rule: ir.Rule) -> bool:
    """Whether integers compute this remainder, quotient or comparison of t exactly."""
    match node:
        case Binary("%" | "//") | Compare("<" | "<=" | ">" | ">=" | "==" | "!="):
            left, right = node.left, node.right
            whole = is_whole(node, rule) if isinstance(node, Binary) else is_whole(left, rule) and is_whole(right, rule)
            return whole and counts(node, rule)
    return False
