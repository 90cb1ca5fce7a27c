"""What `step` is given beside the closure: its keywords, how they are matched to parameters, which steps go without."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from adaspec import ir
from adaspec.ir import Compare, Name, Unary
from adaspec.lower import Lowered
from adaspec.naming import fresh
from adaspec.types import Stage, Type

Lines = list[str]


def asked_by_flags(lowered: Lowered) -> tuple[Lowered, dict[str, str]]:
    """The rule with `h is not None` of an input as a flag `has_h`, and the flags: what a bucket of tensors has instead
    of None is a list of it, and a compiler may know whether there is a value, but not the value."""
    taken = set(lowered.types) | {h.name for h in lowered.rule.hypers} | set(lowered.rule.state_names)
    flags: dict[str, str] = {}
    for i in lowered.rule.inputs:
        if i.optional:
            flags[i.name] = fresh(f"has_{i.name}", taken)

    def change(node: Any) -> Any:
        match node:
            case Compare("is" | "is not" as op, Name(id=asked), _) if asked in flags:
                flag = Name(flags[asked], span=node.span)
                return flag if op == "is not" else Unary("not", flag, span=node.span)
        return ir.rebuild(node, change)

    def changed(nodes: tuple) -> tuple:
        return tuple(change(n) for n in nodes)

    if not flags:
        return lowered, {}
    phases = tuple(
        replace(p, scalars=changed(p.scalars), body=changed(p.body), totals=changed(p.totals), model=changed(p.model),
                local=changed(p.local))
        for p in lowered.phases
    )  # fmt: skip
    types = {**lowered.types, **{flag: Type(Stage.STATIC, truth=True) for flag in flags.values()}}
    return replace(lowered, phases=phases, types=types), flags


HELPERS = {
    "_number(": '''
def _number(name: str, value: Any) -> float:
    """A number for the whole model, or a tensor of one element."""
    try:
        return float(value)
    except (RuntimeError, TypeError, ValueError):
        raise TypeError(f"the input {name!r} is one number, and {value!r} is none") from None
''',
    "_matched(": '''
def _matched(name: str, given: Any, groups: list[dict[str, Any]]) -> dict[Tensor, Tensor] | None:
    """The input of every parameter that has a gradient; None where the step goes without.

    `given` is a list in the order of the parameters, or a dict by parameter or by name.
    """
    if given is None:
        return None
    params = [p for group in groups for p in group["params"]]
    if isinstance(given, dict):
        names = [n for group in groups for n in group.get("param_names", group["params"])]
        given = [given.get(p, given.get(n)) for p, n in zip(params, names, strict=True)]
    if len(given) != len(params):
        raise ValueError(f"the input {name!r} has {len(given)} tensors for {len(params)} parameters")
    of = dict(zip(params, given, strict=True))
    for p in (p for p in params if p.grad is not None):
        if of[p] is None or of[p].shape != p.shape:
            was = "missing" if of[p] is None else f"of shape {tuple(of[p].shape)}"
            raise ValueError(f"the input {name!r} of a parameter of shape {tuple(p.shape)} is {was}")
        if of[p].is_complex() != p.is_complex():
            raise TypeError(f"the input {name!r} is {of[p].dtype}, its parameter {p.dtype}: both real or both complex")
    return of
''',
    "_beside(": '''
def _beside(of: dict[Tensor, Tensor] | None, p: Tensor) -> Tensor | None:
    """The input of a parameter in the dtype of the arithmetic."""
    return None if of is None else of[p].detach().to(torch.promote_types(p.dtype, torch.float32))
''',
}


def document(rule: ir.Rule, names: Any) -> Lines:
    """What each keyword of `step` is."""
    lines = []
    for i in rule.inputs:
        kind = (
            "a number, or a tensor of one element" if i.scalar else "a tensor for each parameter, in a list or a dict"
        )
        kind = f"the gradients at the view {i.view!r}, in a list or a dict" if i.view else kind
        more = "; left out, the closure's value" if i.name == "loss" and i.scalar else ""
        more += "; left out, the closure is called there" if i.view and not i.optional else ""
        lines.append(f"{names(i.name)}: {kind}{', or None' if i.optional else ''}{more}")
    return lines


AT_VIEW = '''
    @torch.compiler.disable
    def _grads_at(self, name: str, closure: Callable[[], Any]) -> dict[Tensor, Any]:
        """The gradients that a closure finds at a view; those that it found before are put back."""
        own = {p: None if p.grad is None else p.grad.clone() for group in self.param_groups for p in group["params"]}
        with self.view(name), torch.enable_grad():
            closure()
        found = {p: p.grad for p in own}
        for p, grad in own.items():
            p.grad = grad
        return found
'''


def keywords(rule: ir.Rule, names: Any) -> str:
    """The inputs as keywords of `step`, behind its closure."""
    return ", *" + "".join(f", {names(i.name)}: Any = None" for i in rule.inputs) if rule.inputs else ""


def passed(rule: ir.Rule, names: Any) -> str:
    return "".join(f", {names(i.name)}" for i in rule.inputs)


def completed(rule: ir.Rule, names: Any, cls: str) -> Lines:
    """What the closure supplies of the inputs; then all that every step needs is there."""
    lines: Lines = []
    for i in rule.inputs:
        name = names(i.name)
        if i.name == "loss" and i.scalar:
            lines += [f"{name} = result if {name} is None else {name}"]
        if i.view and not i.optional:
            lines += [f"if {name} is None and closure is not None:"]
            lines += [f'    {name} = self._grads_at("{i.view}", closure)']
        if not i.optional:
            lines += [f"if {name} is None:"]
            lines += [f'    raise TypeError("{cls} needs its input {name!r}: step({name}=...)")']
    return lines


def matched(rule: ir.Rule, names: Any, flags: dict[str, str]) -> Lines:
    """The inputs as a step needs them, checked before anything is counted."""
    lines: Lines = []
    for i in rule.inputs:
        name = names(i.name)
        if i.scalar:
            absent = f"None if {name} is None else " if i.optional else ""
            lines += [f'{name} = {absent}_number("{name}", {name})']
        else:
            lines += [f'{name} = _matched("{name}", {name}, self.param_groups)']
        if i.name in flags:
            lines += [f"{names(flags[i.name])} = {name} is not None"]
    return lines
