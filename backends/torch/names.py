"""The names of a generated torch module: the spec's own, mangled where torch or the module needs them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from adaspec import ir
from adaspec.emit import HELPERS, mangle
from adaspec.lower import Lowered
from adaspec.naming import fresh, unnumbered
from adaspec.words import words

from .numbers import FUNCTIONS

_MODULE = """
torch math chain partial TorchFunctionMode Any Callable Iterator Tensor contextmanager self group model tensor noise
abs all any bool dict enumerate float int isinstance len list max min range repr set sorted sum super tuple type zip
"""
MODULE = frozenset(_MODULE.split())
"""What the functions around a spec's statements use."""

_FRAME = """
t p n g grad pairs found work keys key rows row like many foreach columns column scratch scalars static compiling device
first buckets narrow slots slot wide part parts name closure loss bucket step steps read via how traced captured
differentiable maximize numbers place noise begun params every
"""
FRAME = frozenset(_FRAME.split())
"""Variables of the step itself, where of a spec's names those of Shareds and totals stand alone."""

_TORCH = """
step state param_groups defaults zero_grad add_param_group state_dict load_state_dict params param_names closure foreach
fused capturable differentiable maximize initial_lr betas eval train view model_step
"""
TORCH = frozenset(_TORCH.split())
"""What torch.optim.Optimizer, its state and its groups, learning-rate schedulers and the class itself use."""

SCHEDULED = frozenset(["max_lr", "min_lr", "max_momentum", "base_momentum", "swa_lr"])
"""What schedulers put into the groups of an optimizer that has an lr."""


class Names:
    def __init__(self, lowered: Lowered, flags: dict[str, str] | None = None) -> None:
        self.lowered = lowered
        self.flags = flags or {}
        """For each input that may be left out, the name of the flag that says whether it is there."""
        rule = lowered.rule
        given = {*(i.name for i in rule.inputs), *self.flags.values()}
        self.taken = {rule.name, *rule.declared, *given}
        for phase in lowered.phases:
            self.taken |= ir.names((*phase.scalars, *phase.body)) | set(ir.assigned((*phase.scalars, *phase.body)))
            self.taken |= {t.name for t in phase.totals}
        for view in lowered.views:
            self.taken |= set(view.bound)
        reserved = {*MODULE, *TORCH, *HELPERS, *(f"_{name}" for name in FUNCTIONS), "_where", lowered.spec.class_name}
        reserved |= SCHEDULED if rule.hyper("lr") else set()
        frame = FRAME | {f"{word}_{k + 1}" for word in ("sums", "scalars") for k in range(len(lowered.phases))}
        shared = {s.name for s in rule.shared} | set(lowered.shared_values.values())
        shared |= {t.name for p in lowered.phases for t in p.totals} | given
        if rule.inputs:  # the loss of a rule is not what the closure returns, which has a name of its own
            frame = (frame - {"loss"}) | {"result"}
        self.renamed = mangle(sorted(self.taken - shared), reserved | shared)
        self.renamed |= mangle(sorted(shared), reserved | frame | set(self.renamed.values()))
        reserved |= frame
        self.used = set(self.renamed.values()) | reserved

    def __call__(self, name: str) -> str:
        return self.renamed.get(name, name)

    def key(self, name: str) -> str:
        """Under what a slot or a hyperparameter stands in the state, the group and the signature."""
        shared = {s.name for s in self.lowered.rule.shared}
        word = self.words[name].word if name in self.words and name not in shared else None
        needed = TORCH | MODULE if self.lowered.rule.hyper(name) else TORCH  # an argument must not hide what is called
        return self(name) if word is None or word in needed else word

    def fresh(self, name: str) -> str:
        """`name`, or a name like it that nothing else has."""
        return fresh(name, self.used, unnumbered(name))

    @cached_property
    def words(self) -> Mapping[str, ir.Word]:
        """What the native optimizer that the rule is, if it is one, calls things by words of its own."""
        return words(self.lowered.spec, "torch")

    @property
    def uncounted(self) -> bool:
        """Whether the native optimizer that the rule is keeps no count of its updates."""
        return "step" in self.words and self.words["step"].word is None

    @cached_property
    def tuples(self) -> dict[str, tuple[ir.Hyper, ...]]:
        """The hyperparameters that torch gathers: beta1, beta2, … into `betas`; others as a dialect says (`etas`)."""
        betas: list[ir.Hyper] = []
        while hyper := self.lowered.rule.hyper(f"beta{len(betas) + 1}"):
            betas.append(hyper)
        found = {"betas": tuple(betas)} if len(betas) > 1 else {}
        placed = [w for w in self.words.values() if w.place is not None]
        for word in dict.fromkeys(w.word for w in placed if w.word):
            own = sorted((w for w in placed if w.word == word), key=lambda w: w.place or 0)
            found[word] = tuple(h for w in own if (h := self.lowered.rule.hyper(w.name)))
        return found

    @cached_property
    def gathered(self) -> dict[str, tuple[str, int]]:
        """The tuple of a hyperparameter and its place there, for those that stand in one."""
        return {h.name: (word, i) for word, of in self.tuples.items() for i, h in enumerate(of)}

    @cached_property
    def arguments(self) -> dict[str, tuple[ir.Hyper, ...]]:
        """The arguments of the class in their order, lr first, each with the hyperparameters that it holds."""
        found: dict[str, tuple[ir.Hyper, ...]] = {}
        for h in self.hypers:
            word = self.gathered[h.name][0] if h.name in self.gathered else self.key(h.name)
            found[word] = self.tuples.get(word, (h,))
        return found

    @cached_property
    def hypers(self) -> tuple[ir.Hyper, ...]:
        """The hyperparameters in the order of the signature: lr first, those of a tuple together."""
        rule = sorted(self.lowered.rule.hypers, key=lambda h: h.name != "lr")
        found: dict[ir.Hyper, None] = {}
        for h in rule:
            together = self.tuples[self.gathered[h.name][0]] if h.name in self.gathered else (h,)
            found |= dict.fromkeys(together)
        return tuple(found)

    def off(self, name: str) -> float | int | None:
        """The number that stands for None in the signature and in the group; None where None itself does."""
        return self.words[name].off if name in self.words else None

    def held(self, name: str, group: Mapping[str, Any]) -> Any:
        """A hyperparameter out of a group."""
        if name in self.gathered:
            word, place = self.gathered[name]
            return group[word][place]
        value, off = group[self.key(name)], self.off(name)
        return None if off is not None and value == off else value

    def value(self, name: str, group: str = "group") -> str:
        """A hyperparameter as a group holds it: `group["betas"][0]`, `group["momentum"] or None`."""
        if name in self.gathered:
            word, place = self.gathered[name]
            return f'{group}["{word}"][{place}]'
        held = f'{group}["{self.key(name)}"]'
        off = self.off(name)
        if off is None:
            return held
        return f"({held} or None)" if off == 0 else f"(None if {held} == {off!r} else {held})"

    @property
    def param(self) -> str:
        return self(self.lowered.rule.param)

    @property
    def grad(self) -> str:
        return self(self.lowered.rule.grad)

    @property
    def slots(self) -> list[str]:
        return [self(s.name) for s in self.lowered.rule.slots]


def number(value: object) -> str:
    """A literal as people write it: 1e-8, not 1e-08."""
    text = repr(value)
    head, e, tail = text.partition("e")
    return f"{head}e{int(tail)}" if e and isinstance(value, float) else text
