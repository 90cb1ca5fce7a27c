"""Drive a generated torch optimizer for `adaspec.verify`."""

from __future__ import annotations

from typing import Any

MODES = ("eager", "loop", "compiled")
"""`foreach` as by default, the plain loop, and `torch.compile` of the step (`aot_eager`; `inductor` on request)."""


class Session:
    """One optimizer over a list of tensors; `dtype` is "float32" or "float64", `lr` None for the default."""

    def __init__(self, factory: Any, params: list[Any], dtype: str, mode: str, lr: float | None = None) -> None:
        import torch

        self.torch = torch
        self.dtype = getattr(torch, dtype)
        self.params = [torch.nn.Parameter(torch.as_tensor(p).to(self.dtype).clone()) for p in params]
        options: dict[str, Any] = {} if lr is None else {"lr": lr}
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

    def step(self, grads: list[Any]) -> list[Any]:
        """The parameters after one update, as copies."""
        for p, g in zip(self.params, grads, strict=True):
            g = self.torch.as_tensor(g).to(self.dtype)
            if p.grad is None:
                p.grad = g.clone()
            else:
                p.grad.copy_(g)
        self.advance()
        return [p.detach().numpy().copy() for p in self.params]

    def close(self) -> None:
        if self.compiled:
            self.torch._dynamo.reset()
