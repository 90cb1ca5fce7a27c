"""The JAX target: an optax-style factory, printed from lowered data.

The step becomes `update_fn`: the scalars of each phase, then one function of a single parameter array, applied to all.
"""

from __future__ import annotations

import math
import re

from adaspec import ir
from adaspec.complexes import takes_complex
from adaspec.emit import doc_lines, mangle
from adaspec.facts import FALSE, TRUE, negation
from adaspec.gathered import gathered
from adaspec.lower import Lowered
from adaspec.noise import SEED
from adaspec.spec import Spec
from adaspec.vocabulary import KINDS, Domain
from adaspec.words import home

from .docs import factory_doc
from .doors import NAMED
from .literals import number
from .prelude import ALL, helpers
from .printer import JaxPrinter, about_shape, folded_names, quoted
from .update import Update

MODULE = {"difflib", "functools", "inspect", "jax", "jnp", "math", "optax"}
MODULE |= {"Any", "Callable", "Mapping", "NamedTuple", "TypeVar", "_named", "_Factory", *ALL}
BUILTINS = {"abs", "all", "max", "min", "range", "ValueError"}
HELPING = {"any", "bool", "callable", "float", "hasattr", "int", "isinstance", "list", "str", "sum", "tuple", "zip"}
HELPING |= {"OverflowError", "TypeError", "complex", "dict"}
SLOT_DTYPE = "slot_dtype"
"""The keyword for the dtypes of slots."""
MASK = "mask"
"""The keyword for the parameters that decay."""
NATIVE_DTYPES = {"mu": "mu_dtype", "trace": "accumulator_dtype"}
"""What optax calls the one for a slot of this name."""
STEP = {"updates", "state", "params", "extra_args", "count", "dtype", "hypers", "update", "change", "old"}
STEP |= {"rule", "name", "reading", "view", "noise", "place", "then", "otherwise", "grads", "part"}
FACTORY = {
    "init_fn",
    "update_fn",
    "view_fn",
    "tx",
    "p",
    "path",
    SLOT_DTYPE,
    MASK,
    "make",
    "dtypes",
    *NATIVE_DTYPES.values(),
}
INSIDE = MODULE | BUILTINS | STEP
"""What the functions of a step read or bind by themselves: names that a rule's own must not be."""
RESERVED = INSIDE | FACTORY | HELPING

PUBLIC = {"lr": "learning_rate", "beta1": "b1", "beta2": "b2", "beta3": "b3"}
"""The names of optax for hyperparameters that have one there."""
PUBLIC_INPUTS = {"loss": "value"}
"""Likewise for what `update` is given beside gradients and parameters."""

FRAMEWORK = ("import jax", "import jax.numpy as jnp", "import optax")


def emit(lowered: Lowered) -> str:
    """The text of a module that defines the factory and nothing else that is public but its state."""
    return Module(lowered).text()


def public_name(spec: Spec) -> str:
    """The factory's name: the rule's own."""
    return mangle([spec.name], RESERVED)[spec.name]


class Module:
    def __init__(self, lowered: Lowered) -> None:
        self.lowered = lowered = gathered(lowered)
        self.rule = rule = lowered.rule
        self.factory = public_name(lowered.spec)
        self.state = f"{lowered.spec.class_name}State"
        self.public = public_hypers(rule)
        self.static = [h for h in rule.hypers if h.static]
        self.traced = [h for h in rule.hypers if not h.static]
        self.counts = {h.name for h in self.static if h.kind == "Count" and h.name != SEED}
        """What must be known before anything is traced."""
        self.free = [s for s in rule.slots if s.dtype is None]
        """The slots whose dtype is the user's choice."""
        self.keywords = [*self.public.values(), *([SLOT_DTYPE] if self.free else [])]
        native = [s.name for s in self.free] if home(lowered.spec) == "jax" else []
        self.own_dtypes = {NATIVE_DTYPES[n]: n for n in native if n in NATIVE_DTYPES}
        """optax's own keywords for the dtype of one slot, in the place of one of its optimizers."""
        self.keywords += self.own_dtypes
        self.masked = self.may_mask()
        self.keywords += [MASK] if self.masked else []
        self.complex = takes_complex(lowered.spec)
        bodies = tuple(s for p in lowered.phases for s in (*p.scalars, *p.body))
        views = tuple(s for v in lowered.views for s in (*v.body, *(s for part in v.sums for s in part.body)))
        own = [rule.param, rule.grad, rule.step or rule.param, *rule.state_names, *(h.name for h in rule.hypers)]
        own += [i.name for i in rule.inputs]
        locals_ = [*ir.assigned(bodies), *(t.name for p in lowered.phases for t in p.totals)]
        locals_ += [n for v in lowered.views for n in v.bound]
        # A static hyperparameter is read from the factory's scope; where the rule binds its name anew, under an alias.
        closed = {h.name: self.public[h.name] for h in self.static if h.name not in locals_}
        aliased = {self.public[h.name] for h in self.static}
        phases = {f"phase{k}" for k in range(1, len(lowered.phases) + 1)}
        taken = INSIDE | aliased | phases | {self.state, self.factory}
        spelt = {i.name: PUBLIC_INPUTS[i.name] for i in rule.inputs if i.name in PUBLIC_INPUTS}
        spelt = {n: public for n, public in spelt.items() if public not in own}
        taken |= set(spelt.values())
        self.names = mangle([n for n in (*own, *locals_) if n not in closed], taken) | closed
        self.inputs = {i.name: spelt.get(i.name, self.names[i.name]) for i in rule.inputs}
        """The keyword of each input: optax's own name, else the spec's."""
        outer = {rule.param, rule.grad, rule.step, *rule.state_names, *(i.name for i in rule.inputs)}
        outer |= {part.name for v in lowered.views for part in v.sums}
        static = folded_names([h.name for h in self.static], outer, (*bodies, *views))
        folded = folded_names([h.name for h in rule.hypers], outer, (*bodies, *views))
        self.printer = JaxPrinter(self.names, folded, static, lowered.intervals, rule)

    def may_mask(self) -> bool:
        """Whether some parameters may go without weight decay: no sum over the model knows of it, and no view."""
        decay = self.rule.hyper("weight_decay")
        totals = any(p.totals for p in self.lowered.phases)
        return decay is not None and decay.kind == "Rate" and not (totals or self.lowered.views)

    def text(self) -> str:
        parts = [*self.state_class(), "", ""]
        if self.keywords:
            aliases = self.public | {old: self.public[new] for old, new in self.lowered.spec.aliases.items()}
            own = ", ".join(f'{n}="{p}"' for n, p in aliases.items() if n not in self.keywords)
            parts += [NAMED.strip("\n"), "", "", f"@_named({own})"]
        parts += self.factory_lines()
        if self.lowered.views:
            parts += ["", "", *self.view_lines()]
        for helper in helpers("\n".join(parts), self.complex):
            parts += ["", "", helper]
        text = "\n".join(parts) + "\n"
        return "\n".join([*self.title(), "", *self.imports(text), "", "", text])

    def imports(self, text: str) -> list[str]:
        modules = [m for m in ("difflib", "functools", "inspect", "math") if f"{m}." in text]
        abstract = [n for n in ("Callable", "Mapping") if re.search(rf"\b{n}\b", text)]
        kinds = [n for n in ("Any", "NamedTuple", "TypeVar") if re.search(rf"\b{n}\b", text)]
        lines = [*(f"import {m}" for m in modules), f"from collections.abc import {', '.join(abstract)}"]
        return [*lines, f"from typing import {', '.join(kinds)}", "", *FRAMEWORK]

    def title(self) -> list[str]:
        spec = self.lowered.spec
        lines = [f"{spec.title}, for optax.", "", f"Generated by adaspec from the spec {spec.name} ({spec.hash[:12]})."]
        return doc_lines([*lines, "It stands alone: it needs JAX and optax, nothing of adaspec."], "")

    def state_class(self) -> list[str]:
        lines = ["Slots are trees like the parameters, `count` is the number of updates made."]
        printer = Outside(self, "x")
        absent = [
            f"{self.names[name]} where {printer.text(negation(fact))}"
            for name, fact in self.lowered.presence.items() if fact != TRUE
        ]  # fmt: skip
        if absent:
            lines += ["", "A parameter x lacks, as None:", *(f"    {text}" for text in absent)]
        fields = [f"    {self.names[s.name]}: Any" for s in self.rule.slots]
        fields += [f"    {self.names[s.name]}: jax.Array" for s in self.rule.shared]
        return [f"class {self.state}(NamedTuple):", *doc_lines(lines, "    "), "", "    count: jax.Array", *fields]

    def factory_lines(self) -> list[str]:
        views = self.lowered.views
        returns = "_Transformation" if views else "optax.GradientTransformationExtraArgs"
        lines = [f"def {self.factory}("]
        for h in self.rule.hypers:
            kind = {"Count": "int", "Flag": "bool"}.get(h.kind, "optax.ScalarOrSchedule")
            kind += " | None" if h.optional else ""
            lines.append(f"    {self.public[h.name]}: {kind} = {number(h.default)},")
        lines += ["    *,"] if self.masked or self.free else []
        lines += [f"    {MASK}: Any = None,"] if self.masked else []
        if self.free:
            one = "jax.typing.DTypeLike"
            lines += [f"    {SLOT_DTYPE}: {one} | Mapping[str, {one}] | None = None,"]
            lines += [f"    {name}: {one} | None = None," for name in self.own_dtypes]
        lines.append(f') -> "{returns}":' if views else f") -> {returns}:")
        lines += doc_lines(factory_doc(self), "    ")
        lines += [
            f"    {line}" if line else ""
            for line in (*(self.masking() if self.masked else []), *self.checks(), *self.init())
        ]
        lines += ["", *Update(self).lines()]
        if views:
            lines += ["", *Update(self).views(), "", "    tx = _Transformation(init_fn, update_fn)"]
            lines += ["    tx.view = view_fn", "    return tx"]
        else:
            lines += ["", "    return optax.GradientTransformationExtraArgs(init_fn, update_fn)"]
        return lines

    def masking(self) -> list[str]:
        """With a mask the factory makes two transformations: with weight decay, and without."""
        decay = self.public["weight_decay"]
        rest = ", ".join(f"{n}={n}" for n in self.keywords if n not in (decay, MASK))
        slots = "".join(f', "{self.names[s.name]}"' for s in self.rule.slots)
        return [
            f"if {MASK} is not None:",
            f"    make = functools.partial({self.factory}, {rest})",
            f"    return _decayed_where({MASK}, make({decay}={decay}), make({decay}=0.0){slots})",
        ]

    def checks(self) -> list[str]:
        lines = []
        for h in self.traced:
            name, domain = self.public[h.name], KINDS[h.kind]
            check = f'_number("{name}", {name}, "{domain.text}", lambda h: {inside(domain)}),'
            if h.optional and len(check) + 2 * len(name) + 28 > 120:
                lines += [f"    {name}", f"    if {name} is None", f"    else {check}"]
            else:
                lines.append(f"    {name} if {name} is None else {check}" if h.optional else f"    {check}")
        if len(lines) == 1:
            lines = [f"hypers = ({lines[0].strip()})"]
        elif lines:
            lines = ["hypers = (", *lines, ")"]
        for h in self.static:
            name = self.public[h.name]
            optional = f"{name} if {name} is None else " if h.optional else ""
            check = f'_{h.kind.lower()}("{name}", {name})'
            if h.name == SEED:
                check = f"{name} if isinstance({name}, jax.Array) else {check}"  # nothing depends on it but numbers
            lines.append(f"{name} = {optional}{check}")
        if self.free:
            slots = ", ".join(f'"{self.names[s.name]}"' for s in self.free)
            lines.append(f"dtypes = _dtypes({SLOT_DTYPE}, {slots})")
        for name, slot in self.own_dtypes.items():
            lines += [f"if {name} is not None:", f'    dtypes |= _dtypes({name}, "{slot}")']
        for condition, stmt in self.lowered.asserts:
            if not about_shape(condition) and not about_shape(stmt.test):
                lines += self.refusal(condition, stmt, "")
        return lines

    def refusal(self, condition: ir.Expr, stmt: ir.Assert, shape: str) -> list[str]:
        printer = Outside(self, "p")
        test = printer.text(negation(stmt.test), 4)
        if condition != TRUE:
            test = f"{printer.text(condition, 4)} and {test}"
        return [
            f"if {test}:",
            f"    remedy = {quoted(stmt.message)}",
            f'    raise ValueError(f"{self.rule.name}: {{remedy}}{shape}")',
        ]

    def init(self) -> list[str]:
        lines = ["", f"def init_fn(params: optax.Params) -> {self.state}:"]
        shaped = [(c, s) for c, s in self.lowered.asserts if about_shape(c) or about_shape(s.test)]
        lines.append("    for path, p in _floating(params):" if shaped else "    _floating(params)")
        for condition, stmt in shaped:
            refusal = self.refusal(condition, stmt, " (parameter {path} has shape {jnp.shape(p)})")
            lines += [f"        {line}" for line in refusal]
        if self.rule.shared:
            lines.append("    dtype = _wide(*jax.tree.leaves(params))")
        lines += [f"    return {self.state}(", "        count=jnp.zeros([], jnp.int32),"]
        for slot in self.rule.slots:
            value, fact = self.beginning(slot), self.lowered.presence[slot.name]
            if fact == FALSE:
                value = "None"
            elif fact != TRUE:
                value = f"{value} if {Outside(self, 'p').text(fact)} else None"
            head, body = f"        {self.names[slot.name]}=jax.tree.map(", f"lambda p: {value}, params"
            fits = len(head) + len(body) + 6 <= 120
            lines += [f"{head}{body}),"] if fits else [head, f"            {body}", "        ),"]
        for shared in self.rule.shared:
            lines.append(f"        {self.names[shared.name]}=jnp.array({self.first(shared.initial)}, dtype),")
        return [*lines, "    )"]

    def beginning(self, slot: ir.Slot) -> str:
        """How a slot begins, for a parameter `p`."""
        init, dtype = slot.init, self.kept(slot)
        if init.kind == "copy":
            return f"jnp.array(p, {dtype}, copy=True)"
        if init.kind == "eye":
            return f"jnp.eye(jnp.shape(p)[{init.only}], dtype={dtype})"
        value = {"zeros": 0.0, "first_grad": 0.0, "ones": 1.0}.get(init.kind, init.value)
        if init.only is not None:
            length = f"jnp.shape(p)[{init.only}]"
            shape = f"({length}, {length})" if init.square else f"({length},)"
            return f"jnp.full({shape}, {self.first(value)}, {dtype})"
        if init.cut is not None:
            rank = self.public[init.rank] if isinstance(init.rank, str) else init.rank
            return f"jnp.full(_cut_to({rank}, jnp.shape(p), {init.cut}), {self.first(value)}, {dtype})"
        if init.scalar:
            return f"jnp.full((), {self.first(value)}, {dtype})"
        like = "p" if init.without is None else f"jnp.sum(p, axis={init.without})"
        if value == 0.0:
            return f"jnp.zeros_like({like}, {dtype})"
        if self.complex:
            return f"_filled({like}, {self.first(value)}, {dtype})"
        return (
            f"jnp.ones_like({like}, {dtype})"
            if value == 1.0
            else f"jnp.full_like({like}, {self.first(value)}, {dtype})"
        )

    def kept(self, slot: ir.Slot) -> str:
        """The dtype of a slot of a parameter `p`; where p may be complex, that of a slot of one number is not."""
        asked = f"jnp.{slot.dtype}" if slot.dtype else f'dtypes["{self.names[slot.name]}"]'
        if slot.dtype and not (self.complex and slot.init.whole):
            return asked
        return f"_kept({'p' if slot.init.whole or not self.complex else 'jnp.real(p)'}, {asked})"

    def first(self, value: float | str) -> str:
        """What a slot or a Shared begins with: a literal, or a hyperparameter before the first update."""
        return f"_first({self.public[value]})" if isinstance(value, str) else repr(value)

    def view_lines(self) -> list[str]:
        grads = any(v.takes_grads for v in self.lowered.views)
        kinds = f"[[str, optax.Params, {self.state}], optax.Params]" if not grads else "[..., optax.Params]"
        last, given = (", grads: Any = None", ", grads") if grads else ("", "")
        head = f"def _view(name: str, params: optax.Params, state: {self.state}{last}, **hypers: Any) -> optax.Params:"
        return [
            "class _Transformation(optax.GradientTransformationExtraArgs):",
            '    """A gradient transformation that knows other readings of the parameters."""',
            "",
            f"    view: Callable{kinds}",
            "", "",
            head,
            f'    """`{self.factory}(**hypers).view(name, params, state{given})`."""',
            f"    return {self.factory}(**hypers).view(name, params, state{given})",
            "", "",
            f"{self.factory}.view = _view  # type: ignore[attr-defined]",
        ]  # fmt: skip


class Outside(JaxPrinter):
    """Static facts outside the rule: of a parameter `p`, and of hyperparameters by their public names."""

    def __init__(self, module: Module, leaf: str) -> None:
        known = frozenset(module.public)
        super().__init__(module.public, known, known, module.lowered.intervals)
        self.leaf = leaf

    def node(self, node: ir.Expr) -> tuple[str, int]:
        match node:
            case ir.Ndim():
                return (f"jnp.{node.word}({self.leaf})" if self.leaf == "p" else f"{self.leaf}.{node.word}"), 12
            case ir.Dim(axis=axis):
                return f"{f'jnp.shape({self.leaf})' if self.leaf == 'p' else f'{self.leaf}.shape'}[{axis}]", 12
        return super().node(node)


def public_hypers(rule: ir.Rule) -> dict[str, str]:
    """The keyword of each hyperparameter: optax's own name, else the spec's; mangled where the module needs it."""
    out: dict[str, str] = {}
    for h in rule.hypers:
        name = mangle([PUBLIC.get(h.name, h.name)], RESERVED)[PUBLIC.get(h.name, h.name)]
        while name in out.values() or (name != h.name and rule.hyper(name)):
            name += "_"
        out[h.name] = name
    return out


def inside(domain: Domain) -> str:
    """The test that a finite number `h` lies in a domain."""
    low, high = "<" if domain.low_open else "<=", "<" if domain.high_open else "<="
    if math.isinf(domain.low):
        return "True" if math.isinf(domain.high) else f"h {high} {domain.high:g}"
    if math.isinf(domain.high):
        return f"h {low.replace('<', '>')} {domain.low:g}"
    return f"{domain.low:g} {low} h {high} {domain.high:g}"
