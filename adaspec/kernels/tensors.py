"""The kernel in the place of a torch class's step, for dense tensors in the memory of the host.

A plan of a step holds what the last one found out: which parameters are updated with which slots, and where these lie.
The next step asks whether all of that still holds, which takes a fraction of finding it out again; if not, it is found
out again. A kernel takes all parameters of an optimizer or none.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from operator import attrgetter, is_, itemgetter
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch._C import _functorch  # pyright: ignore[reportAttributeAccessIssue]

from ..backends.torch.inputs import asked_by_flags
from ..backends.torch.names import Names
from ..backends.torch.scalars import Shares
from ..lower import lower
from ..spec import Spec
from . import compiler
from .fused import Fused, wanted, warn
from .kernel import Kernel, _bound

REAL = {torch.complex64: torch.float32, torch.complex128: torch.float64}
"""Complex numbers are pairs of real ones to a rule."""
PLAIN = {torch.Tensor, torch.nn.Parameter}
NAMES = {torch.float32: "float32", torch.float64: "float64", torch.float16: "float16", torch.bfloat16: "bfloat16"}
COUNT = """
#include <stdint.h>

/* Counts one update of each array, and puts the counts into the second column of the table. */
void count(int64_t *table, int64_t rows, int64_t width, const int64_t *steps) {
    for (int64_t i = 0; i < rows; i++) {
        double *step = (double *)steps[i];
        *step += 1.0;
        table[i * width + 1] = (int64_t)*step;
    }
}
"""
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
    def __init__(self, optimizer: Any) -> None:
        self.state = optimizer.state
        self.groups = [list(group["params"]) for group in optimizer.param_groups]
        self.batches: list[Batch] = []
        self.idle: list[Any] = []
        """Parameters without a gradient."""
        self.updated: list[Any] = []
        self.values: list[Any] = []

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


def _same(now: Any, then: Sequence[Any]) -> bool:
    now = list(now)
    return len(now) == len(then) and all(map(is_, now, then))


class Tensors(Fused):
    """What a class asks to do its step: True if it has."""

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.plans: WeakKeyDictionary[Any, Plan] = WeakKeyDictionary()

    @cached_property
    def names(self) -> Names:
        lowered, flags = asked_by_flags(lower(self.spec))
        return Names(lowered, flags)

    @cached_property
    def keys(self) -> list[str]:
        return [self.names.key(s.name) for s in self.spec.core.slots]

    @cached_property
    def count(self) -> Any:
        """Counts updates in C; None where that cannot be had."""
        integer, address = compiler.ctypes.c_int64, compiler.ctypes.c_void_p
        try:
            return _bound(compiler.library("count", COUNT), "count", [address, integer, integer, address])
        except compiler.NoKernel as error:
            warn(str(error))
            return None

    def __call__(self, optimizer: Any) -> bool:
        groups = optimizer.param_groups
        asked = any(group["fused"] for group in groups)
        try:
            runs = self.runs(optimizer)
        except Unfit as error:
            if asked:
                raise RuntimeError(f"fused=True: {error}") from None
            return False
        threads = torch.get_num_threads()
        begun: dict[int, Any] = {}
        for kernel, numbers, batch in runs:
            self.count(batch.at, *batch.table.shape, batch.steps_at)
            shared = None
            if kernel.layout.model and batch.table[:, 0].any():
                if batch.group not in begun:
                    begun[batch.group] = self.begun(groups, groups[batch.group])
                shared = array("d", begun[batch.group])
            elif kernel.layout.model:
                continue
            kernel.step(numbers, batch.table, shared, threads, batch.at)
            for name, value in zip(kernel.layout.shared, (shared or [])[1:], strict=False):
                self.holder(name, groups, groups[batch.group])[self.names.key(name)].fill_(value)
        plan = self.plans[optimizer]
        if plan.updated:
            torch.autograd.graph.increment_version(plan.updated)
        return True

    def holder(self, name: str, groups: list[dict[str, Any]], group: dict[str, Any]) -> dict[str, Any]:
        """The group that keeps a Shared: its own, or the first where a sum over the model enters it."""
        return groups[0] if name in self.shares.total else group

    def begun(self, groups: list[dict[str, Any]], group: dict[str, Any]) -> list[float]:
        """The count of this step, which it begins, and the Shareds before it."""
        counted = {s: self.holder(s, groups, group) for s in self.shares.step}
        keys = {"model_step" if s in self.shares.total else "step": held for s, held in counted.items()}
        for key, held in keys.items():
            held[key] += 1.0
        step = max((float(held[key]) for key, held in keys.items()), default=0.0)
        names = [s.name for s in self.spec.core.shared]
        return [step, *(float(self.holder(s, groups, group)[self.names.key(s)]) for s in names)]

    @cached_property
    def shares(self) -> Shares:
        return Shares(lower(self.spec), self.names)

    def runs(self, optimizer: Any) -> list[tuple[Kernel, Any, Batch]]:
        """Each kernel with its numbers and arrays; nothing is changed but states that are made."""
        groups = optimizer.param_groups
        for group in groups:
            if group["fused"] is False or group["foreach"] or group.get("capturable") or group["differentiable"]:
                raise Unfit("foreach, capturable and differentiable are other ways to take a step")
        if getattr(optimizer, "_shown", None) is not None:
            raise Unfit("the parameters show a view")
        if torch._C._len_torch_dispatch_stack() or torch._C._is_torch_function_mode_enabled():
            raise Unfit("a mode of torch watches every operation")
        if _functorch.maybe_current_level() is not None:
            raise Unfit("a transform of torch.func wraps tensors")
        plan = self.plans.get(optimizer)
        if plan is None or not plan.holds(optimizer) or not self.renewed(plan):
            self.plans.pop(optimizer, None)
            self.plans[optimizer] = plan = self.plan(optimizer)
            if not self.renewed(plan):
                raise Unfit("gradients and slots lie in memory otherwise than their parameters")
        runs = []
        for batch in plan.batches:
            group = groups[batch.group]
            hypers = self.hypers(group)
            param, grad = (NAMES[dtype] for dtype in batch.kind)
            kernel = self.of(hypers, param, grad, bool(group.get("maximize")))
            if kernel is None or self.count is None:
                raise Unfit(self.why or "there is no kernel for these hyperparameters, or none can be compiled here")
            if kernel.layout.model and len(plan.batches) > 1 and self.summed:
                raise Unfit("a sum over the model goes over one group of parameters of one dtype")
            runs.append((kernel, array("d", [hypers[n] for n in kernel.layout.hypers] or [0.0]), batch))
        return runs

    def hypers(self, group: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for name, word, place, off in self.words:
            value = group[word] if place is None else group[word][place]
            if isinstance(value, torch.Tensor):
                if not value.is_cpu or value.requires_grad:
                    raise Unfit(f"{name} is a Tensor on a device, or one with a gradient")
                value = value.item()
            found[name] = None if off is not None and value == off else value
        return found

    @cached_property
    def summed(self) -> bool:
        """Whether the rule sums over the model."""
        return any(p.totals for p in lower(self.spec).phases)

    @cached_property
    def words(self) -> list[tuple[str, str, int | None, float | None]]:
        """Where each hyperparameter stands in a group, with its place in a tuple and the number that means None."""
        names, found = self.names, []
        for h in self.spec.core.hypers:
            word, place = names.gathered.get(h.name, (names.key(h.name), None))
            found.append((h.name, word, place, names.off(h.name)))
        return found

    def plan(self, optimizer: Any) -> Plan:
        """What a step is about to update; the states of new parameters are made."""
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None and not (_plain(p) and _plain(p.grad) and _real(p.dtype) in NAMES):
                    raise Unfit("a kernel takes plain dense tensors of the host: floats of 16 bits or more, or complex")
        found = []
        for group in optimizer.param_groups:
            columns: list[list[Any]] = [[] for _ in range(3 + len(self.keys))]
            optimizer._init_group(group, *columns)
            found.append(columns)
        plan = Plan(optimizer)
        plan.values = list(optimizer.state.values())
        for number, (group, columns) in enumerate(zip(optimizer.param_groups, found, strict=True)):
            plan.idle += [p for p in group["params"] if p.grad is None]
            kinds: dict[Any, list[Any]] = {}
            for p, grad, step, *slots in zip(*columns, strict=True):
                if _real(grad.dtype) not in NAMES or grad.is_complex() != p.is_complex():
                    raise Unfit(f"a gradient is {grad.dtype}")
                kinds.setdefault((_real(p.dtype), _real(grad.dtype)), []).append((p, step, *slots))
            for (dtype, grad_dtype), rows in kinds.items():
                plan.batches.append(self.batch(optimizer, number, (dtype, grad_dtype), rows))
                plan.updated += [row[0] for row in rows]
        written = [t for b in plan.batches for column in (b.params, *b.columns.values()) for t in column]
        if any(t.is_inference() for t in written):
            raise Unfit("torch decides where tensors of inference mode may be written")
        if _overlap(written):
            raise Unfit("parameters or slots share memory")
        return plan

    def batch(self, optimizer: Any, group: int, kind: tuple[Any, Any], rows: list[Any]) -> Batch:
        params, steps, *slots = (list(column) for column in zip(*rows, strict=True))
        if any(s.dtype != torch.float64 for s in steps):
            raise Unfit("the counts of updates are not float64")
        if not all(t is None or _plain(t) for column in (steps, *slots) for t in column):
            raise Unfit("a slot is no plain dense tensor of the host")
        real = torch.float64 if kind[0] == torch.float64 else torch.float32
        for slot, column in zip(self.spec.core.slots, slots, strict=True):
            own = getattr(torch, slot.dtype) if slot.dtype else real
            if any(t is not None and _real(t.dtype) != own for t in column):
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
        held = {key: column for key, column in zip(self.keys, slots, strict=True) if column[0] is not None}
        states = [optimizer.state[p] for p in params]
        addresses = {key: list(map(pointer, column)) for key, column in held.items()}
        for key, column in addresses.items():
            table[:, 4 + self.keys.index(key)] = column
        where = np.array(list(map(pointer, steps)), np.int64)
        columns = {"step": steps, **held}
        addresses["step"] = where.tolist()
        return Batch(group, params, kind, states, columns, guard([*params, *grads]), table, where, addresses, places)

    def renewed(self, plan: Plan) -> bool:
        """Put the addresses of this step's gradients into the tables; False where the plan does not fit them."""
        for batch in plan.batches:
            grads = list(map(grad_of, batch.params))
            if not batch.fits(*batch.params, *grads):
                return False
            batch.table[:, 3] = list(map(pointer, grads))
            if any(list(map(pointer, batch.columns[key])) != was for key, was in batch.addresses.items()):
                return False
            if list(map(pointer, batch.params)) != batch.places:
                return False
        return True


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


def _real(dtype: torch.dtype) -> torch.dtype:
    return REAL.get(dtype, dtype)


def _dense(p: Any) -> bool:
    """Whether the elements fill a piece of memory, in whatever order."""
    return torch.empty_like(p, device="meta").stride() == p.stride() and p.numel() > 0


def of(spec: Spec) -> Tensors | None:
    return Tensors(spec) if wanted() else None
