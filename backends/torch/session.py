"""Drive a generated torch optimizer for `adaspec.verify`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

MODES = ("eager", "arrays", "loop", "compiled")
"""As by default, which is a kernel where there is one; else `foreach`; the plain loop; and `torch.compile` of the step
(`aot_eager`; `inductor` on request)."""

NONE: Mapping[str, Any] = MappingProxyType({})


def modes(factory: Any) -> tuple[str, ...]:
    """The modes that differ for this class."""
    return MODES if getattr(factory, "_kernels", None) is not None else tuple(m for m in MODES if m != "arrays")


class Session:
    """One optimizer over a list of tensors; `dtype` is "float32" or "float64", `lr` None for the default."""

    def __init__(self, factory: Any, params: list[Any], dtype: str, mode: str, lr: float | None = None) -> None:
        import torch

        self.torch = torch
        self.dtype = getattr(torch, dtype)
        self.params = [torch.nn.Parameter(torch.as_tensor(p).to(self.dtype).clone()) for p in params]
        options: dict[str, Any] = {} if lr is None else {"lr": lr}
        if getattr(factory, "_kernels", None) is not None and mode in ("arrays", "loop"):
            options["fused"] = False
        if mode == "loop":
            options["foreach"] = False
        self.optimizer = factory(self.params, **options)
        self.advance = self.optimizer.step
        self.compiled = mode in ("compiled", "inductor")
        if self.compiled:
            torch._dynamo.reset()
            self.advance = torch.compile(self.optimizer.step, backend="inductor" if mode == "inductor" else "aot_eager")

    def set(self, params: list[Any]) -> None:
        with self.torch.no_grad():
            for old, new in zip(self.params, params, strict=True):
                old.copy_(self.torch.as_tensor(new))

    def step(self, grads: list[Any], inputs: Mapping[str, Any] = NONE) -> list[Any]:
        """The parameters after one update, as copies. `inputs`: by name a number, a list like `grads`, or None."""
        for p, g in zip(self.params, self.cast(grads), strict=True):
            if p.grad is None:
                p.grad = g.clone()
            else:
                p.grad.copy_(g)
        self.advance(**{n: self.cast(v) if isinstance(v, list) else v for n, v in inputs.items()})
        return [p.detach().numpy().copy() for p in self.params]

    def cast(self, arrays: list[Any]) -> list[Any]:
        return [self.torch.as_tensor(a).to(self.dtype) for a in arrays]

    def close(self) -> None:
        if self.compiled:
            self.torch._dynamo.reset()
