"""The names of a generated torch module: the spec's own, mangled where torch or the module needs them."""

from __future__ import annotations

from functools import cached_property

from adaspec import ir
from adaspec.emit import HELPERS, mangle
from adaspec.lower import Lowered
from adaspec.naming import fresh, unnumbered

_MODULE = """
torch math chain Any Callable Iterator Tensor contextmanager self group model tensor noise
abs all any bool dict enumerate float int isinstance len list max min range repr set sorted sum super tuple type zip
"""
MODULE = frozenset(_MODULE.split())
"""What the functions around a spec's statements use."""

_FRAME = """
t p n g grad pairs found work keys key rows row like many foreach columns column scratch scalars static compiling device
first buckets narrow slots slot wide part parts name closure loss
"""
FRAME = frozenset(_FRAME.split())
"""Variables of the step itself, where of a spec's names those of Shareds and totals stand alone."""

_TORCH = """
step state param_groups defaults zero_grad add_param_group state_dict load_state_dict params param_names closure foreach
fused capturable differentiable maximize initial_lr betas decoupled_weight_decay eval train view model_step
"""
TORCH = frozenset(_TORCH.split())
"""What torch.optim.Optimizer, its state and its groups, learning-rate schedulers and the class itself use."""


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
        reserved = {*MODULE, *TORCH, *HELPERS, lowered.spec.class_name}
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

    def fresh(self, name: str) -> str:
        """`name`, or a name like it that nothing else has."""
        return fresh(name, self.used, unnumbered(name))

    @cached_property
    def betas(self) -> tuple[ir.Hyper, ...]:
        """beta1, beta2, … that torch gathers into `betas`; none where there is only one."""
        found = []
        while hyper := self.lowered.rule.hyper(f"beta{len(found) + 1}"):
            found.append(hyper)
        return tuple(found) if len(found) > 1 else ()

    @cached_property
    def hypers(self) -> tuple[ir.Hyper, ...]:
        """The hyperparameters in the order of the signature: lr first, those of `betas` together."""
        own = sorted(self.lowered.rule.hypers, key=lambda h: h.name != "lr")
        if not self.betas:
            return tuple(own)
        first = min(own.index(h) for h in self.betas)
        rest = [h for h in own if h not in self.betas]
        before = len([h for h in own[:first] if h not in self.betas])
        return (*rest[:before], *self.betas, *rest[before:])

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
