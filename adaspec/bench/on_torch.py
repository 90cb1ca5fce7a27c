"""The contenders on torch: ours, with a kernel and without, plain expressions, each peer fused, foreach and in a loop.

Over few tensors the expressions and torch's own optimizers are compiled, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from ..build import build
from ..spec import Spec
from .naive import NotNaive, beginnings, function
from .originals import Peer, rated, variants
from .plain import KNOWN
from .race import Contender, Step
from .standing import alone
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
        yield Contender("adaspec", "ours", lambda: build(spec, "torch")(self.leaves).step)
        yield Contender("adaspec arrays", "other", lambda: alone(spec, "torch")(self.leaves).step)
        few = len(self.leaves) <= MOST_COMPILED and bool(contest.get("compile"))
        try:
            update = function(spec, KNOWN)
            yield Contender("plain torch", "plain", lambda: self._plain(spec, update))
            if few:
                yield Contender("plain torch compiled", "plain", lambda: self._plain(spec, update, compiled=True))
        except NotNaive:
            pass
        for peer in peers:
            try:
                ways = variants(peer, "torch")
            except Exception as error:  # a library that is installed may still be broken
                yield Contender(peer.name, "peer", _raising(error))
                continue
            for word, arguments in ways.items():
                yield Contender(f"{peer.name} {word}".strip(), "peer", self._maker(peer, arguments), check=self.check)
            if few and peer.of.startswith("torch.optim."):
                make = self._maker(peer, rated(peer.cls(), peer.arguments), compiled=True)
                yield Contender(f"{peer.name} compiled", "peer", make, check=self.check)

    def _plain(self, spec: Spec, update: Callable[..., Any], compiled: bool = False) -> Step:
        """The rule's equations, tensor by tensor, written back: eagerly, or as one compiled graph over all."""
        slots = beginnings(spec, [leaf.detach() for leaf in self.leaves], self.grads, torch.full)
        t: Any = torch.zeros((), dtype=torch.float64) if compiled else 0.0

        def every(t: Any) -> None:
            for leaf, g, own in zip(self.leaves, self.grads, slots, strict=True):
                x, *rest = update(leaf, g, t, *own)
                for old, new in zip((*own, leaf), (*rest, x), strict=True):  # the leaf last: a slot may be what it was
                    if old is not None and old is not new:
                        old.copy_(new)

        if compiled:
            torch._dynamo.reset()
        run = torch.compile(every) if compiled else every

        @torch.no_grad()
        def step() -> None:
            nonlocal t
            t = t + 1
            run(t)

        return step

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
