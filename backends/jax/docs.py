"""The docstring of a factory, as optax writes its own: what it is, Args, Returns, Examples, References."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from adaspec import ir
from adaspec.emit import describe, domain_text

from .literals import number
from .printer import about_shape
from .update import Update

if TYPE_CHECKING:
    from . import Module

WIDTH = 100
BLANK = "\N{NO-BREAK SPACE}"


def factory_doc(module: Module) -> list[str]:
    """The lines, unindented."""
    reference = module.lowered.spec.reference
    lines = describe(module.lowered, module.names)
    if reference:
        del lines[1:3]  # it stands at the end
    if module.traced:
        lines += ["", "A hyperparameter that is not an int or a bool may be a number, an array, or a schedule: a"]
        lines += ["callable of the number of updates made before."]
    if module.complex:
        lines += ["", *wrapped(COMPLEX)]
    if module.keywords:
        lines += ["", "Args:", *(line for h in module.rule.hypers for line in argument(module, h))]
        lines += mask(module) + slot_dtype(module)
    lines += ["", *returns(module), *raises(module), "", *example(module)]
    return [*lines, "", "References:", f"    {reference}"] if reference else lines


COMPLEX = """Of a complex parameter the real and the imaginary part are two numbers to the rule. Gradients are taken as
they are given: `jax.grad` of a real function gives the conjugate of the direction in which it grows, so conjugate them
before."""


def wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(" ".join(text.split()), WIDTH, initial_indent=indent, subsequent_indent=indent)


def hanging(text: str) -> list[str]:
    """An entry of a section; what stands between backticks stays on one line."""
    whole = re.sub("`[^`]*`", lambda code: code[0].replace(" ", BLANK), text)
    lines = textwrap.wrap(whole, WIDTH, initial_indent="    ", subsequent_indent="        ")
    return [line.replace(BLANK, " ") for line in lines]


def argument(module: Module, h: ir.Hyper) -> list[str]:
    name = module.public[h.name]
    own = "" if name == h.name else f"`{h.name}` of the rule, "
    kind = "" if h.static else "in "
    static = "; static: name it in `inject_hyperparams(static_args=...)`" if h.name in module.counts else ""
    return hanging(f"{name}: {own}{kind}{domain_text(h)}{static}.")


def mask(module: Module) -> list[str]:
    if not module.masked:
        return []
    return hanging(
        f"mask: where `{module.public['weight_decay']}` counts: a tree of bools like the parameters or a prefix of it, "
        "or a function of the parameters that makes one. Everywhere by default."
    )


def slot_dtype(module: Module) -> list[str]:
    if not module.free:
        return []
    names = [module.names[s.name] for s in module.free]
    which = f"slot `{names[0]}`" if len(names) == 1 else f"slots {', '.join(f'`{n}`' for n in names)}"
    one = f"`slot_dtype={{{names[0]!r}: 'bfloat16'}}`"
    lines = hanging(
        f"slot_dtype: the dtype in which the {which} {'is' if len(names) == 1 else 'are'} kept; or one for some, as in "
        f"{one}. By default float32, or that of the parameter where it is wider. It changes no arithmetic: a slot is "
        "rounded to it once, at the end of an update."
    )
    return lines + [f"    {name}: that of `{slot}`, as optax calls it." for name, slot in module.own_dtypes.items()]


def returns(module: Module) -> list[str]:
    needs = ", which `update` needs to see" if Update(module).needs_params else ""
    lines = ["Returns:", f"    The gradient transformation. Its updates are added to the parameters{needs}."]
    lines.append(f"    Its state is {article(module.state)} `{module.state}`.")
    for i in module.rule.inputs:
        name = module.inputs[i.name]
        own = "" if name == i.name else f"`{i.name}` of the rule, "
        kind = "a number" if i.scalar else f"the gradient at the view {i.view!r}" if i.view else "a tree like them"
        lines.append(f"    `update(..., {name}={name})`: {own}{kind}{', or None' if i.optional else ''}.")
    for view in module.lowered.views:
        about = " ".join((view.doc or "Another reading of the parameters.").split())
        grads = ", grads" if view.takes_grads else ""
        lines.append(f'    `.view("{view.label}", params, state{grads})`: {about}')
    return lines


def raises(module: Module) -> list[str]:
    """What calling the factory raises; what `init` and `update` do, they say themselves."""
    if not module.rule.hypers:
        return []
    numbers = "a number outside its domain" if module.traced or module.counts else ""
    alone = [
        stmt for condition, stmt in module.lowered.asserts if not (about_shape(condition) or about_shape(stmt.test))
    ]
    asserted = "values that the rule does not take together" if alone else ""
    found = ", or ".join(part for part in (numbers, asserted) if part)
    values = [f"    ValueError: {found}."] if found else []
    return ["", "Raises:", *values, "    TypeError: an unknown name, or a value of another kind."]


def article(word: str) -> str:
    return "an" if word[0] in "AEIO" else "a"


def example(module: Module) -> list[str]:
    """One step; `jax`, `jnp` and `optax` are as the module imports them."""
    lr = module.rule.hyper("lr")
    given = f"{module.public['lr']}={number(lr.default)}" if lr is not None else ""
    inputs = [i for i in module.rule.inputs if not i.optional]
    named = "".join(f", {module.inputs[i.name]}={'loss' if i.scalar else 'grads'}" for i in inputs)
    gradient = "loss, grads = jax.value_and_grad" if any(i.scalar for i in inputs) else "grads = jax.grad"
    return [
        "Examples:",
        '    >>> params = {"w": jnp.ones((2, 3))}',
        f"    >>> tx = {module.factory}({given})",
        "    >>> state = tx.init(params)",
        f'    >>> {gradient}(lambda p: jnp.sum(p["w"] ** 2))(params)',
        f"    >>> updates, state = tx.update(grads, state, params{named})",
        "    >>> params = optax.apply_updates(params, updates)",
    ]
