"""The unit of rounding error: a value together with its size without cancellation.

`Sized(value, size)` follows the interpreter: every sum of values has as size the sum of sizes, so `size` is what the
update would be if nothing cancelled. An error is measured in ulp of `size`, the conditioned ulp: the cancellation of
signs, which no implementation can help, does not count.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

Array = Any


class Sized:
    """A float64 array and its size; enough of an array for the interpreter. Sizes are never under |value|."""

    __array_priority__ = 1000.0
    __array_ufunc__ = None

    def __init__(self, value: Array, size: Array | None = None) -> None:
        self.value = np.asarray(value, dtype=None if np.asarray(value).dtype == bool else np.float64)
        self.size_ = np.abs(self.value) if size is None else np.asarray(size, dtype=np.float64)

    # What the interpreter asks of an array

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return NAMESPACE

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def dtype(self) -> Any:
        return self.value.dtype

    @property
    def size(self) -> int:
        return self.value.size

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def device(self) -> str:
        return "cpu"

    def __float__(self) -> float:
        return float(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __getitem__(self, index: Any) -> Sized:
        return Sized(self.value[index], self.size_[index])

    # Arithmetic

    def __neg__(self) -> Sized:
        return Sized(-self.value, self.size_)

    def __add__(self, other: Any) -> Sized:
        other = sized(other)
        return Sized(self.value + other.value, self.size_ + other.size_)

    def __sub__(self, other: Any) -> Sized:
        return self + -sized(other)

    def __mul__(self, other: Any) -> Sized:
        other = sized(other)
        return Sized(self.value * other.value, self.size_ * other.size_)

    def __truediv__(self, other: Any) -> Sized:
        other = sized(other)
        below = np.abs(other.value)
        # An ill-conditioned divisor passes its condition on; a plain one has size = |value|.
        condition = np.where(below > 0, other.size_ / np.where(below > 0, below, 1.0), 1.0)
        return Sized(self.value / other.value, self.size_ / below * condition)

    def __pow__(self, other: Any) -> Sized:
        power = sized(other)
        value = self.value**power.value
        return Sized(value, self.size_**power.value if _whole(power) else np.abs(value))

    def __matmul__(self, other: Any) -> Sized:
        return Sized(self.value @ other.value, self.size_ @ other.size_)

    def __radd__(self, other: Any) -> Sized:
        return sized(other) + self

    def __rsub__(self, other: Any) -> Sized:
        return sized(other) - self

    def __rmul__(self, other: Any) -> Sized:
        return sized(other) * self

    def __rtruediv__(self, other: Any) -> Sized:
        return sized(other) / self

    def __rpow__(self, other: Any) -> Sized:
        return sized(other) ** self

    def __lt__(self, other: Any) -> Sized:
        return Sized(self.value < sized(other).value)

    def __le__(self, other: Any) -> Sized:
        return Sized(self.value <= sized(other).value)

    def __gt__(self, other: Any) -> Sized:
        return Sized(self.value > sized(other).value)

    def __ge__(self, other: Any) -> Sized:
        return Sized(self.value >= sized(other).value)

    def __eq__(self, other: object) -> Any:
        return Sized(self.value == sized(other).value)

    def __ne__(self, other: object) -> Any:
        return Sized(self.value != sized(other).value)


def _whole(power: Sized) -> bool:
    return power.shape == () and float(power.value) > 0 and float(power.value) == int(power.value)


def sized(value: Any) -> Sized:
    return value if isinstance(value, Sized) else Sized(value)


def _condition(a: Sized) -> Array:
    """size / |value|, 1 where the value is 0."""
    below = np.abs(a.value)
    return np.where(below > 0, a.size_ / np.where(below > 0, below, 1.0), 1.0)


def _elementwise(name: str):
    f = getattr(np, name)
    # A smooth function passes the condition of its argument on, in proportion to its value.
    return lambda a: Sized(f(a.value), np.abs(f(a.value)) * _condition(a))


def _sqrt(a: Sized) -> Sized:
    return Sized(np.sqrt(a.value), np.sqrt(np.maximum(a.size_, 0)))


def _pick(name: str):
    f = getattr(np, name)

    def pick(a: Any, b: Any) -> Sized:
        a, b = sized(a), sized(b)
        value = f(a.value, b.value)
        return Sized(value, np.where(value == a.value, a.size_, b.size_))

    return pick


def _where(c: Sized, a: Any, b: Any) -> Sized:
    a, b = sized(a), sized(b)
    return Sized(np.where(c.value, a.value, b.value), np.where(c.value, a.size_, b.size_))


def _reduce(name: str):
    f = getattr(np, name)
    return lambda a, axis=None: Sized(f(a.value, axis=axis), f(a.size_, axis=axis))


def _asarray(a: Any, dtype: Any = None, copy: bool | None = None, device: Any = None) -> Sized:
    return Sized(a.value.copy(), a.size_.copy()) if isinstance(a, Sized) else Sized(a)


def _along(a: Sized, order: Array, axis: int) -> Sized:
    return Sized(np.take_along_axis(a.value, order, axis), np.take_along_axis(a.size_, order, axis))


def _broadcast_to(a: Any, shape: tuple[int, ...]) -> Any:
    """Of places, which have no size, too."""
    return Sized(np.broadcast_to(a.value, shape)) if isinstance(a, Sized) else np.broadcast_to(a, shape)


# Decompositions are judged by the relative error of what is made of them: their size is that of their values.
_LINALG = SimpleNamespace(
    eigh=lambda a: tuple(Sized(part) for part in np.linalg.eigh(a.value)),
    qr=lambda a: tuple(Sized(part) for part in np.linalg.qr(a.value)),
    svd=lambda a, full_matrices: tuple(Sized(part) for part in np.linalg.svd(a.value, full_matrices)),
    diagonal=lambda a: Sized(np.linalg.diagonal(a.value), np.linalg.diagonal(a.size_)),
)

NAMESPACE: Any = SimpleNamespace(
    __name__=__name__, abs=lambda a: Sized(np.abs(a.value), a.size_), sqrt=_sqrt, where=_where,
    minimum=_pick("minimum"), maximum=_pick("maximum"), sum=_reduce("sum"), mean=_reduce("mean"), max=_reduce("max"),
    min=_reduce("min"),
    matmul=lambda a, b: a @ b,
    matrix_transpose=lambda a: Sized(np.swapaxes(a.value, -1, -2), np.swapaxes(a.size_, -1, -2)),
    reshape=lambda a, shape: Sized(a.value.reshape(shape), a.size_.reshape(shape)),
    permute_dims=lambda a, axes: Sized(np.transpose(a.value, axes), np.transpose(a.size_, axes)),
    triu=lambda a: Sized(np.triu(a.value), np.triu(a.size_)), tril=lambda a: Sized(np.tril(a.value), np.tril(a.size_)),
    argsort=lambda a, stable: np.argsort(a.value, axis=-1, kind="stable"), take_along_axis=_along,
    concat=lambda parts, axis: Sized(np.concatenate([p.value for p in parts], axis)),
    broadcast_to=_broadcast_to, linalg=_LINALG,
    eye=lambda n, dtype=None, device=None: Sized(np.eye(n)),
    asarray=_asarray, astype=lambda a, dtype: a, isdtype=lambda dtype, kind: True,
    full=lambda shape, value, dtype=None, device=None: Sized(np.full(shape, value, dtype=np.float64)),
    logical_and=lambda a, b: Sized(a.value & b.value), logical_or=lambda a, b: Sized(a.value | b.value),
    logical_not=lambda a: Sized(~a.value), float32=np.dtype(np.float32), float64=np.dtype(np.float64),
    **{name: _elementwise(name) for name in ("sign", "exp", "expm1", "log", "log1p", "tanh", "floor")},
)  # fmt: skip
