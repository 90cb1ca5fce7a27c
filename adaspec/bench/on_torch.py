"""The contenders on torch: ours, and each peer fused, with foreach, in a loop and, over few tensors, compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from ..build import build
from ..spec import Spec
from .originals import Peer, rated, variants
from .race import Contender, Step
from .workloads import Shapes

MOST_COMPILED = 50
"""Tensors beyond which inductor takes most of a minute for one optimizer."""


class Field:
    """Leaves with gradients that all contenders share; each has a state of its own."""

    def __init__(self, shapes: Shapes, threads: int) -> None:
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.leaves = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
        for leaf in self.leaves:
            leaf.grad = torch.randn_like(leaf)
        self.grads = [leaf.grad for leaf in self.leaves]

    def refresh(self) -> None:
        for g in self.grads:
            assert g is not None
            g.neg_()

    def check(self) -> None:
        """RuntimeError for an optimizer that takes the gradients away (heavyball's do); they are put back."""
        if any(leaf.grad is not g for leaf, g in zip(self.leaves, self.grads, strict=True)):
            for leaf, g in zip(self.leaves, self.grads, strict=True):
                leaf.grad = g
            raise RuntimeError("its step takes the gradients away")

    def contenders(self, spec: Spec, peers: list[Peer], contest: dict[str, Any]) -> Iterator[Contender]:
        ours = build(spec, "torch")
        yield Contender("adaspec", "ours", lambda: ours(self.leaves, **rated(ours, {})).step)
        for peer in peers:
            try:
                ways = variants(peer, "torch")
            except Exception as error:  # a library that is installed may still be broken
                yield Contender(peer.name, "peer", _raising(error))
                continue
            for word, arguments in ways.items():
                yield Contender(f"{peer.name} {word}".strip(), "peer", self._maker(peer, arguments), check=self.check)
            if peer.of.startswith("torch.optim.") and len(self.leaves) <= MOST_COMPILED and contest.get("compile"):
                make = self._maker(peer, rated(peer.cls(), peer.arguments), compiled=True)
                yield Contender(f"{peer.name} compiled", "peer", make, check=self.check)

    def _maker(self, peer: Peer, arguments: dict[str, Any], compiled: bool = False) -> Callable[[], Step]:
        def make() -> Step:
            optimizer = peer.cls()(self.leaves, **arguments)
            if not compiled:
                return optimizer.step
            torch._dynamo.reset()
            return torch.compile(optimizer.step)

        return make


def _raising(error: Exception) -> Callable[[], Step]:
    def make() -> Step:
        raise error

    return make
