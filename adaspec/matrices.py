"""What the matrix functions of the vocabulary mean, over any array-API namespace with its `linalg` extension.

`qr` stands for the same matrices on every LAPACK: the diagonal of R is nonnegative, since every library has its own
signs. `svd` has signs of its own as well: the largest element of each column of U is positive. The eigenvalues of
`eigh` ascend; the sign of an eigenvector, and the basis where eigenvalues coincide, stay the
library's choice.
"""

from __future__ import annotations

from typing import Any

Array = Any


def apply(xp: Any, name: str, args: list[Array], lower: bool = False, rank: int = 0) -> Any:
    """`name(*args)`: an array, or the results of `eigh`, `qr` and `svd`. `lower` is of `solve_triangular` alone, `rank`
    of `svd`."""
    match name, args:
        case "eigh", [a]:
            w, q = xp.linalg.eigh(a)
            return w, q
        case "qr", [a]:
            q, r = xp.linalg.qr(a)
            sign = 1.0 - 2.0 * xp.astype(xp.linalg.diagonal(r) < 0, a.dtype)
            return q * sign[..., None, :], r * sign[..., :, None]
        case "svd", [a]:
            return decomposed(xp, a, rank)
        case "diag", [a]:
            return xp.linalg.diagonal(a)
        case "eye", [a]:
            return xp.broadcast_to(xp.eye(a.shape[-1], dtype=a.dtype), a.shape)
        case "solve_triangular", [a, b]:
            return solved(xp, a, b, lower)
        case "argsort", [v]:
            return xp.argsort(v, stable=True)
        case (("triu" | "tril"), [a]):
            return getattr(xp, name)(a)
    raise TypeError(name)


def decomposed(xp: Any, a: Array, rank: int) -> tuple[Array, Array, Array]:
    """The largest singular values of a, at most `rank` of them, in descending order, between their vectors: columns in
    front, rows behind."""
    u, s, v = xp.linalg.svd(a, full_matrices=False)
    sign = 1.0 - 2.0 * xp.astype(xp.max(u, axis=-2) < -xp.min(u, axis=-2), a.dtype)
    u, v = u * sign[..., None, :], v * sign[..., :, None]
    r = min(rank, s.shape[-1])
    return u[..., :r], s[..., :r], v[..., :r, :]


def taken(xp: Any, a: Array, order: Array, axis: int) -> Array:
    """`a` with its items along an axis in this order; a vector orders the rows or the columns of a matrix."""
    if order.ndim < a.ndim:
        order = order[..., None, :] if axis == -1 else order[..., :, None]
    return xp.take_along_axis(a, xp.broadcast_to(order, a.shape), axis=axis)


def solved(xp: Any, a: Array, b: Array, lower: bool) -> Array:
    """The x of a x = b by substitution, row after row; of a, the other triangle is not read. A 0 on the diagonal is a
    division by 0, never an exception."""
    size = a.shape[-1]
    rows: list[Array] = []
    for i in range(size) if lower else range(size - 1, -1, -1):
        row = b[..., i : i + 1, :]
        if rows:
            known = xp.concat(rows if lower else rows[::-1], axis=-2)
            row = row - a[..., i : i + 1, :i] @ known if lower else row - a[..., i : i + 1, i + 1 :] @ known
        rows.append(row / a[..., i : i + 1, i : i + 1])
    return xp.concat(rows if lower else rows[::-1], axis=-2)
