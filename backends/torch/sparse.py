"""Sparse gradients in a generated class: the rows that one holds are updated, where the rule allows that.

A rule allows it that treats each element by itself: its slots have the parameter's shape, and nothing else enters but
hyperparameters and the step. Of such a rule a row without a gradient is left out of the step, as torch.optim.SparseAdam
does it, unless it would move all the same though it never had one (by weight decay): then a sparse gradient could not
stand for a dense one, and is refused. A linear rule (SGD, its momentum) takes the gradient for what it is, as
torch.optim.SGD does: dense, or by rows where zeros change nothing at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adaspec import ir
from adaspec.ir import Assign, Binary, Call, Expr, For, If, Name, Unary
from adaspec.lower import Lowered
from adaspec.vocabulary import FUNCTIONS

from .scalars import Lines

if TYPE_CHECKING:
    from adaspec.spec import Spec

GATHERED = '''
    @torch.compiler.disable
    def _gathered(self, group: dict[str, Any], columns: list[list[Any]]) -> None:
        """The rows that sparse gradients hold, lent out in the place of their parameters@else@."""
        if self.defaults["differentiable"]:
            raise RuntimeError("@cls@ does not differentiate a step by sparse gradients")
        for i, (p, grad, _, *slots) in enumerate(zip(*columns, strict=True)):
            if grad.layout == torch.strided:
                continue
@dense@
            grad = grad.coalesce()
            rows = tuple(grad.indices())
            whole = [p.detach(), *slots]
            parts = [t if t is None else t[rows] for t in whole]
            for column, part in zip([columns[0], *columns[3:]], parts, strict=True):
                column[i] = part
            columns[1][i] = grad.values()
            self._lent = [*self._lent, (rows, whole, parts)]

    def _taken_back(self) -> None:
        """The rows back into their parameters and slots."""
        for rows, whole, parts in self._lent:
            for t, part in zip(whole, parts, strict=True):
                if t is not None:
                    t.index_put_(rows, part)
        self._lent = []
'''

DENSE = """
            if not _rests(self, group, p):
                columns[1][i] = grad.to_dense()
                continue
"""

CHECK = '''
def _check_sparse(optimizer: @cls@) -> None:
    """Raise RuntimeError for a sparse gradient of rows that cannot go alone; nothing is changed by then."""
    for group in optimizer.param_groups:
        for p in group["params"]:
            if p.grad is not None and p.grad.is_sparse and not _rests(optimizer, group, p):
                raise RuntimeError(
                    "@cls@ does not support sparse gradients with these hyperparameters: "
                    "rows that one does not hold would have to move, too (by weight decay?), and are left alone"
                )
'''

RESTS = '''
def _rests(optimizer: @cls@, group: dict[str, Any], p: Tensor) -> bool:
    """Whether a row without a gradient stays as it is@whatever@."""
    x = torch.tensor([-1.0, 2.0], dtype=torch.float64)
    x.grad = torch.zeros_like(x)
    hypers = {name: value for name, value in group.items() if name in optimizer.defaults}
    probe = @cls@([{**hypers, **dict.fromkeys(@modes@, False), "params": [x]}])
    probe.state[x] = _new_state(x, probe.param_groups[0])
    # Not at the first step, before which every row is alike.
    probe.state[x]["step"] += max(1.0, float(optimizer.state[p]["step"])) if optimizer.state.get(p) else 1.0
@filled@
    before = [x.clone(), *(slot.clone() for slot in slots)]
    for bucket in probe._work(@compiling@):
        _run(*bucket)
    return all(torch.equal(old, new) for old, new in zip(before, [x, *slots], strict=True))
'''

TAKEN_BACK = ["if self._lent:", "    self._taken_back()"]

LENT = ["", "    _lent: list[Any] = []  # rows of sparse gradients, while their step runs"]


def refusal(spec: Spec) -> str | None:
    """Why the rows of a parameter cannot be updated by themselves; None where they can."""
    rule = spec.core
    for slot in rule.slots:
        if not slot.init.whole:
            return f"its slot '{slot.name}' has another shape"
        if slot.init.kind == "first_grad":
            return f"slot '{slot.name}' begins with the first gradient"
        if slot.dtype:
            return f"its slot '{slot.name}' has a dtype of its own"
    if rule.shared:
        return f"'{rule.shared[0].name}' is shared by the model"
    if rule.inputs:
        return f"it takes the input '{rule.inputs[0].name}'"
    if spec.views:
        return f"its view '{next(iter(spec.views))}' follows every step"
    beats = not linear(spec)
    for node in ir.walk(spec.checked):
        match node:
            case ir.When() | Binary("%") if beats:
                return "not every step of it is alike"
            case ir.Ndim() | ir.Dim() | ir.Pick() | ir.Transpose() | ir.Index() | Binary("@"):
                return "it asks for a shape"
            case ir.Draw():
                return "its noise belongs to places"
            case Call(name) if name in FUNCTIONS and FUNCTIONS[name].group != "elementwise":
                return (
                    "its noise belongs to places"
                    if FUNCTIONS[name].group == "noise"
                    else f"'{name}' is of the whole array"
                )
    return None


def linear(spec: Spec) -> bool:
    """Whether parameter and slots after a step are sums of multiples of what they were and of the gradient."""
    rule = spec.core
    arrays = {rule.param, rule.grad, *(slot.name for slot in rule.slots)}
    found = _Linear(arrays)
    return all(found.statement(stmt) for stmt in spec.checked)


class _Linear:
    """Which names hold numbers, and which multiples of arrays; a statement that makes anything else is not linear."""

    def __init__(self, arrays: set[str]) -> None:
        self.arrays = arrays

    def statement(self, stmt: ir.Stmt) -> bool:
        match stmt:
            case Assign(name, value):
                degree = self.degree(value)
                (self.arrays.add if degree == 1 else self.arrays.discard)(name)
                return degree is not None
            case If(test, then, otherwise):
                before = set(self.arrays)
                sides = [all(self.statement(s) for s in then), set(self.arrays)]
                self.arrays = set(before)
                sides += [all(self.statement(s) for s in otherwise), set(self.arrays)]
                # What is an array on one side and a number on the other is neither.
                self.arrays = sides[1] | sides[3]
                alike = not ({*ir.assigned(then), *ir.assigned(otherwise)} & (sides[1] ^ sides[3]) & before)
                return self.degree(test) == 0 and sides[0] and sides[2] and alike
            case For(_, body):
                return all(self.statement(s) for _ in range(2) for s in body)
        return isinstance(stmt, ir.Return | ir.Assert)

    def degree(self, node: Expr) -> int | None:
        """0 of a number, 1 of a sum of multiples of arrays, None of anything else."""
        if not ir.names(node) & self.arrays:
            return 0
        match node:
            case Name():
                return 1
            case Unary("-", operand):
                return self.degree(operand)
            case Binary("+" | "-", left, right):
                return 1 if self.degree(left) == self.degree(right) == 1 else None
            case Binary("*", left, right):
                degrees = {self.degree(left), self.degree(right)}
                return 1 if degrees == {0, 1} else None
            case Binary("/", left, right):
                return 1 if self.degree(left) == 1 and self.degree(right) == 0 else None
            case Call("where", (test, first, second)):
                return 1 if (self.degree(test), self.degree(first), self.degree(second)) == (0, 1, 1) else None
            case ir.Choose(test, then, otherwise):
                return 1 if (self.degree(test), self.degree(then), self.degree(otherwise)) == (0, 1, 1) else None
        return None


def takes(lowered: Lowered) -> bool:
    return refusal(lowered.spec) is None and len(lowered.phases) == 1


def methods(lowered: Lowered) -> Lines:
    """Those of the class."""
    if not takes(lowered):
        return []
    dense = linear(lowered.spec)
    text = GATHERED.replace("@dense@\n", DENSE.lstrip("\n") if dense else "")
    text = text.replace("@else@", ", or whole ones" if dense else "").replace("@cls@", lowered.spec.class_name)
    return text.rstrip("\n").split("\n")


def looked_at(lowered: Lowered) -> Lines:
    """What becomes of sparse gradients before anything is changed."""
    if takes(lowered) and linear(lowered.spec):
        return []
    lines = ['        every = chain.from_iterable(group["params"] for group in self.param_groups)']
    lines += ["        if any(p.grad is not None and p.grad.layout != torch.strided for p in every):"]
    if takes(lowered):
        return [*lines, "            _check_sparse(self)"]
    why = refusal(lowered.spec)
    text = f"{lowered.spec.class_name} does not support sparse gradients{f': {why}' if why else ''}"
    return [*lines, f'            raise RuntimeError("{text}")']


def functions(lowered: Lowered, traced: bool) -> Lines:
    """Those of the module."""
    if not takes(lowered):
        return []
    cls, dense = lowered.spec.class_name, linear(lowered.spec)
    check = [] if dense else ["", "", *CHECK.replace("@cls@", cls).strip("\n").split("\n")]
    modes = '("capturable", "differentiable")' if traced else '("differentiable",)'
    rests = RESTS.replace("@cls@", cls).replace("@modes@", modes).replace("@compiling@", "" if traced else "False")
    slots = '[slot for name, slot in probe.state[x].items() if name != "step"]'
    if dense:
        filled = [f"    slots = {slots}", "    for slot in slots:", "        slot.fill_(1.0)"]
        rests = rests.replace("@whatever@", ", whatever its slots hold")
    else:
        filled = []
        rests = rests.replace("@whatever@", " though it never had one")
        rests = rests.replace(
            "    before = [x.clone(), *(slot.clone() for slot in slots)]\n", "    before = x.clone()\n"
        )
        last = "    return all(torch.equal(old, new) for old, new in zip(before, [x, *slots], strict=True))"
        rests = rests.replace(last, "    return torch.equal(x, before)")
    rests = rests.replace("@filled@\n", "\n".join([*filled, ""]) if filled else "")
    return [*check, "", "", *rests.strip("\n").split("\n")]


def note(lowered: Lowered) -> str:
    """What the class says of sparse gradients."""
    if not takes(lowered):
        return ""
    if linear(lowered.spec):
        return "Sparse gradients do what dense ones do."
    return (
        "Of a sparse gradient the rows that it holds are updated; the others stay as they are, with their slots. It is "
        "refused where they would move without a gradient, as by weight decay."
    )
