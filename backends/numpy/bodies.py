"""The bodies of a rule: one, or one under each answer to the static tests that cannot be asked inside a walk."""

from __future__ import annotations

from adaspec.facts import negation
from adaspec.frozen import frozen
from adaspec.ir import Expr
from adaspec.lower import Lowered
from adaspec.streams.branches import Branches, Known
from adaspec.streams.timeline import Phase, Timeline
from adaspec.streams.units import Split, Unstreamable

from .dense import Dense
from .naming import Names
from .printers import NumberPrinter
from .streamed import Streamed

MOST = 8
"""Each such test doubles the code: beyond so many bodies there is one, of whole arrays."""


@frozen
class Choice:
    test: Expr
    then: Tree
    otherwise: Tree


Tree = Choice | Streamed | Dense


class TooMany(Exception):
    """The tests that a walk cannot hold lead to more than MOST bodies."""


class Bodies:
    def __init__(self, lowered: Lowered, names: Names, host: NumberPrinter, time: Timeline) -> None:
        self.lowered = lowered
        self.names = names
        self.host = host
        self.time = time
        self.count = 1
        try:
            self.tree = self.grown({})
        except TooMany:
            self.tree = self.whole(time.phases, "the many branches with reductions of their own")
        leaves = _leaves(self.tree)
        if all(isinstance(leaf, Dense) for leaf in leaves):
            self.tree = self.whole(time.phases, self.whole_arrays)

    def grown(self, known: Known) -> Tree:
        seen = Branches(known, self.time.types, self.lowered.rule.param)
        phases = [seen.phase(p) for p in self.time.phases]
        try:
            return Streamed(self.lowered, self.names.copy(), self.host, self.time, phases)
        except Unstreamable as error:
            return self.whole(phases, str(error))
        except Split as split:
            test = split.test
        self.count += 1
        if self.count > MOST:
            raise TooMany
        return Choice(test, self.grown({**known, test: True}), self.grown({**known, test: False}))

    def whole(self, phases: list[Phase], why: str) -> Dense:
        return Dense(self.lowered, self.names.copy(), self.host, self.time, phases, why)

    @property
    def whole_arrays(self) -> str:
        """What needs arrays of the parameter's size; empty if nothing does."""
        return next((leaf.why for leaf in _leaves(self.tree) if isinstance(leaf, Dense)), "")

    @property
    def keeps(self) -> bool:
        """Whether a phase leaves something to a later one."""
        return any(leaf.keeps for leaf in _leaves(self.tree))

    def lines(self, phase: int, early: list[str]) -> list[str]:
        """One phase for one parameter; lines that can stand in front of the loop over parameters go to `early`."""
        return self.under(self.tree, phase, early)

    def under(self, tree: Tree, phase: int, early: list[str] | None) -> list[str]:
        if not isinstance(tree, Choice):
            return tree.lines(phase, early)
        sides = [self.under(side, phase, None) for side in (tree.then, tree.otherwise)]
        test = tree.test
        if sides[0] == sides[1]:
            return sides[0]
        if not sides[0]:
            sides, test = sides[::-1], negation(test)
        lines = [f"if {self.host.text(test)}:", *(f"    {line}" for line in sides[0])]
        return lines + (["else:", *(f"    {line}" for line in sides[1])] if sides[1] else [])


def _leaves(tree: Tree) -> list[Streamed | Dense]:
    return _leaves(tree.then) + _leaves(tree.otherwise) if isinstance(tree, Choice) else [tree]
