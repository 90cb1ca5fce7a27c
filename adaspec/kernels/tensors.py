"""The kernel in the place of a torch class's step, for dense tensors in the memory of the host.

A kernel takes all parameters of an optimizer or none; `plan` tells which they are, and where they lie.
"""

from __future__ import annotations

from array import array
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch._C import _functorch  # pyright: ignore[reportAttributeAccessIssue]

from .. import ir
from ..backends.torch.inputs import asked_by_flags
from ..backends.torch.names import Names
from ..backends.torch.scalars import Shares
from ..spec import Spec
from . import compiler
from .fused import Fused, wanted, warn
from .kernel import Kernel, bound
from .plan import NAMES, Batch, Plan, Unfit

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


class Tensors(Fused):
    """What a class asks to do its step: True if it has."""

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.plans: WeakKeyDictionary[Any, Plan] = WeakKeyDictionary()

    @cached_property
    def names(self) -> Names:
        lowered, flags = asked_by_flags(self.lowered)
        return Names(lowered, flags)

    @cached_property
    def slots(self) -> dict[str, ir.Slot]:
        """The slots by the keys of a state."""
        return {self.names.key(s.name): s for s in self.spec.core.slots}

    @cached_property
    def count(self) -> Any:
        """Counts updates in C; None where that cannot be had."""
        integer, address = compiler.ctypes.c_int64, compiler.ctypes.c_void_p
        try:
            return bound(compiler.library("count", COUNT), "count", [address, integer, integer, address])
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
        return Shares(self.lowered, self.names)

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
        if plan is None or not plan.holds(optimizer) or not plan.renewed():
            self.plans.pop(optimizer, None)
            self.plans[optimizer] = plan = Plan(optimizer, self.slots)
            if not plan.renewed():
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
        return any(p.totals for p in self.lowered.phases)

    @cached_property
    def words(self) -> list[tuple[str, str, int | None, float | None]]:
        """Where each hyperparameter stands in a group, with its place in a tuple and the number that means None."""
        names, found = self.names, []
        for h in self.spec.core.hypers:
            word, place = names.gathered.get(h.name, (names.key(h.name), None))
            found.append((h.name, word, place, names.off(h.name)))
        return found


def of(spec: Spec) -> Tensors | None:
    return Tensors(spec) if wanted() else None
