"""The contenders on NumPy: ours, with a kernel and without, the rule as naive expressions, and C written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..build import build
from ..spec import Spec
from .loops import compiled, over
from .naive import KNOWN, NotNaive, function, naive
from .originals import Peer
from .race import Contender, Step
from .standing import alone
from .workloads import Shapes


class Field:
    """Parameters and gradients that all contenders share; each has a state of its own."""

    def __init__(self, shapes: Shapes, threads: int) -> None:
        rng = np.random.default_rng(0)
        self.threads = threads
        self.params = [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]
        self.grads = [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]

    def refresh(self) -> None:
        for g in self.grads:
            np.negative(g, out=g)

    def contenders(self, spec: Spec, peers: list[Peer], contest: dict[str, Any]) -> Iterator[Contender]:
        """A contest may have a `loop`: the rule by hand in C, as `body`, `slots` and `scalars` of `loops.compiled`."""
        yield Contender("adaspec", "ours", lambda: self._ours(build(spec, "numpy")))
        yield Contender("adaspec arrays", "other", lambda: self._ours(alone(spec, "numpy")))
        try:
            function(spec, KNOWN)
            yield Contender("naive NumPy", "peer", lambda: naive(spec, list(self.params), self.grads))
        except NotNaive:
            pass
        if loop := contest.get("loop"):
            yield Contender("C by hand", "hand", lambda: self._by_hand(loop))

    def _ours(self, made: Any) -> Step:
        opt = made()
        state = opt.init(self.params)
        return lambda: opt.step(self.params, self.grads, state)

    def _by_hand(self, loop: dict[str, Any]) -> Step:
        slots = [[np.zeros_like(x) for x in self.params] for _ in loop["slots"]]
        run = compiled(loop["body"], loop["slots"], loop["scalars"])
        call = over(run, [self.params, self.grads, *slots], self.threads)
        t = 0.0

        def step() -> None:
            nonlocal t
            t += 1
            call([t])

        return step
