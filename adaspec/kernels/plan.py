"""A plan of a torch step: which parameters are updated with which slots, and where these lie.

It holds what the last step found out. The next one asks whether all of that still holds, which takes a fraction of
finding it out again; if not, it is found out again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter, is_, itemgetter
from typing import Any

import numpy as np
import torch

from .. import ir

REAL = {torch.complex64: torch.float32, torch.complex128: torch.float64}
"""Complex numbers are pairs of real ones to a rule."""
PLAIN = {torch.Tensor, torch.nn.Parameter}
NAMES = {torch.float32: "float32", torch.float64: "float64", torch.float16: "float16", torch.bfloat16: "bfloat16"}
grad_of = attrgetter("grad")
pointer = torch.Tensor.data_ptr


class Unfit(Exception):
    """What the array operations have to do; the message says why."""


@dataclass
class Batch:
    """Parameters of one group that one kernel takes. `columns` are the step and the slots by their keys."""

    group: int
    params: list[Any]
    kind: tuple[torch.dtype, torch.dtype]
    """What parameters and gradients are stored as; complex numbers are pairs."""
    states: list[dict[str, Any]]
    columns: dict[str, list[Any]]
    fits: Any
    """Says whether parameters and gradients, one after the other, are still of the kinds that they were."""
    table: np.ndarray
    steps: np.ndarray
    """The addresses of the counts."""
    addresses: dict[str, list[int]]
    """Where the columns lie; `places` is where the parameters do."""
    places: list[int]

    def __post_init__(self) -> None:
        self.at, self.steps_at = self.table.ctypes.data, self.steps.ctypes.data


class Plan:
    def __init__(self, optimizer: Any, slots: Mapping[str, ir.Slot]) -> None:
        """What a step is about to update; the states of new parameters are made. `slots` are those of the rule, by the
        keys of a state."""
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None and not (_plain(p) and _plain(p.grad) and real_of(p.dtype) in NAMES):
                    raise Unfit("a kernel takes plain dense tensors of the host: floats of 16 bits or more, or complex")
        found = []
        for group in optimizer.param_groups:
            columns: list[list[Any]] = [[] for _ in range(3 + len(slots))]
            optimizer._init_group(group, *columns)
            found.append(columns)
        self.state, self.slots = optimizer.state, slots
        self.groups = [list(group["params"]) for group in optimizer.param_groups]
        self.values = list(optimizer.state.values())
        self.batches: list[Batch] = []
        self.idle: list[Any] = []
        """Parameters without a gradient."""
        self.updated: list[Any] = []
        for number, (group, columns) in enumerate(zip(optimizer.param_groups, found, strict=True)):
            self.idle += [p for p in group["params"] if p.grad is None]
            kinds: dict[Any, list[Any]] = {}
            for p, grad, step, *own in zip(*columns, strict=True):
                if real_of(grad.dtype) not in NAMES or grad.is_complex() != p.is_complex():
                    raise Unfit(f"a gradient is {grad.dtype}")
                kinds.setdefault((real_of(p.dtype), real_of(grad.dtype)), []).append((p, step, *own))
            for (dtype, grad_dtype), rows in kinds.items():
                self.batches.append(self.batch(optimizer, number, (dtype, grad_dtype), rows))
                self.updated += [row[0] for row in rows]
        written = [t for b in self.batches for column in (b.params, *b.columns.values()) for t in column]
        if any(t.is_inference() for t in written):
            raise Unfit("torch decides where tensors of inference mode may be written")
        if _overlap(written):
            raise Unfit("parameters or slots share memory")

    def batch(self, optimizer: Any, group: int, kind: tuple[Any, Any], rows: list[Any]) -> Batch:
        params, steps, *slots = (list(column) for column in zip(*rows, strict=True))
        if any(s.dtype != torch.float64 for s in steps):
            raise Unfit("the counts of updates are not float64")
        if not all(t is None or _plain(t) for column in (steps, *slots) for t in column):
            raise Unfit("a slot is no plain dense tensor of the host")
        real = torch.float64 if kind[0] == torch.float64 else torch.float32
        for slot, column in zip(self.slots.values(), slots, strict=True):
            own = getattr(torch, slot.dtype) if slot.dtype else real
            if any(t is not None and real_of(t.dtype) != own for t in column):
                raise Unfit(f"the slot {slot.name} has another dtype")
        grads = [p.grad for p in params]
        for p, *others in zip(params, grads, *slots, strict=True):
            if not p.is_contiguous() and not _dense(p):
                raise Unfit("a parameter does not fill its memory")
            if any(t is not None and t.ndim and not _alike(t, p) for t in others):
                raise Unfit("a gradient or a slot lies in memory otherwise than its parameter")
        if any((t is None) != (column[0] is None) for column in slots for t in column):
            raise Unfit("some parameters lack a slot")
        table = np.zeros((len(params), 4 + len(slots)), np.int64)
        table[:, 0] = [p.numel() * (2 if p.is_complex() else 1) for p in params]
        places = list(map(pointer, params))
        table[:, 2] = places
        keys = list(self.slots)
        held = {key: column for key, column in zip(keys, slots, strict=True) if column[0] is not None}
        states = [optimizer.state[p] for p in params]
        addresses = {key: list(map(pointer, column)) for key, column in held.items()}
        for key, column in addresses.items():
            table[:, 4 + keys.index(key)] = column
        where = np.array(list(map(pointer, steps)), np.int64)
        columns = {"step": steps, **held}
        addresses["step"] = where.tolist()
        return Batch(group, params, kind, states, columns, guard([*params, *grads]), table, where, addresses, places)

    def holds(self, optimizer: Any) -> bool:
        """Whether the parameters, those among them with a gradient, and their states are what they were."""
        groups = optimizer.param_groups
        return (
            optimizer.state is self.state
            and len(groups) == len(self.groups)
            and all(_same(group["params"], was) for group, was in zip(groups, self.groups, strict=True))
            and not any(p.grad is not None for p in self.idle)
            and _same(list(self.state.values()), self.values)
            and all(_same(map(itemgetter(k), b.states), held) for b in self.batches for k, held in b.columns.items())
        )

    def renewed(self) -> bool:
        """Put the addresses of this step's gradients into the tables; False where the plan does not fit them."""
        for batch in self.batches:
            grads = list(map(grad_of, batch.params))
            if not batch.fits(*batch.params, *grads):
                return False
            batch.table[:, 3] = list(map(pointer, grads))
            if any(list(map(pointer, batch.columns[key])) != was for key, was in batch.addresses.items()):
                return False
            if list(map(pointer, batch.params)) != batch.places:
                return False
        return True


def _same(now: Any, then: Sequence[Any]) -> bool:
    now = list(now)
    return len(now) == len(then) and all(map(is_, now, then))


def guard(tensors: list[Any]) -> Any:
    """Asks of as many tensors whether they have the same types, dtypes, layouts, shapes and strides, one for one."""
    try:  # what torch.compile asks in front of each call, in one
        from torch._C._dynamo.guards import TensorGuards

        return TensorGuards(*tensors, dynamic_dims_sizes=None, dynamic_dims_strides=None).check
    except (ImportError, TypeError):
        was = list(map(_kind, tensors))
        return lambda *now: list(map(_kind, now)) == was


def _plain(t: Any) -> bool:
    """Whether the memory of the host holds the values of the tensor just as they are."""
    return type(t) in PLAIN and t.is_cpu and t.layout == torch.strided and not (t.is_neg() or t.is_conj())


def _overlap(tensors: list[Any]) -> bool:
    """Whether two of some dense tensors share memory: threads would write it at the same time."""
    spans = sorted((t.data_ptr(), t.numel() * t.element_size()) for t in tensors if t.numel())
    return any(start + size > other for (start, size), (other, _) in pairwise(spans))


def _kind(t: Any) -> Any:
    if type(t) not in PLAIN or t.layout != torch.strided:
        return None
    return type(t), t.dtype, t.device, t.shape, t.stride(), t.is_neg(), t.is_conj()


def _alike(t: Any, p: Any) -> bool:
    """Whether the elements of both lie in the same order."""
    return t.shape == p.shape and (t.stride() == p.stride() or (t.is_contiguous() and p.is_contiguous()))


def real_of(dtype: torch.dtype) -> torch.dtype:
    return REAL.get(dtype, dtype)


def _dense(p: Any) -> bool:
    """Whether the elements fill a piece of memory, in whatever order."""
    return torch.empty_like(p, device="meta").stride() == p.stride() and p.numel() > 0
