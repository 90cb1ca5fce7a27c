"""From a spec to a native object: emit its text, check it, compile that very text, and keep it findable.

What is exported is what runs: `build` compiles what `export` returns, under a module name from which the text can be
made again, so that classes pickle, deep-copy and survive spawn, and tracebacks and debuggers show the generated lines.
"""

from __future__ import annotations

import ast
import gc
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from .errors import MissingFramework, suggest
from .frameworks import NEEDS, TARGETS, TEXTS, registered, targets
from .layout import fitted
from .library import known, load
from .lower import lower
from .spec import Spec, make
from .words import spoken

GENERATED = "adaspec.generated"


def backend(target: str) -> Any:
    """The backend module of a target: it has `emit(lowered) -> str` and `public_name(spec) -> str`."""
    if target in TARGETS or target in TEXTS:
        return importlib.import_module(f"adaspec.backends.{target}")
    found = registered().get(target)
    if found is not None:
        return found.load()
    raise ValueError(f"unknown target '{target}': {suggest(target, targets())}")


def export(spec: Spec | str, target: str) -> str:
    """The source text of the native optimizer; needs no framework. Byte-identical for equal specs."""
    return _export(load(spec) if isinstance(spec, str) else spec, target)


@lru_cache(maxsize=512)
def _export(spec: Spec, target: str) -> str:
    with _uncollected():
        text = backend(target).emit(lower(spoken(spec, target)))
        if target not in TEXTS:
            text = fitted(text)
            check_generated(text, target)
    return text


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of garbage, for the few hundredths of a second that it takes to make a module.

    Its syntax tree is ten thousand objects, all in use: to look them over again and again was a quarter of the work.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def build(spec: Spec | str, target: str) -> Any:
    """The native class or factory: a NumPy class, a torch.optim.Optimizer, an optax factory, a Keras optimizer.

    Raises MissingFramework, naming the extra to install, where the target's framework is absent.
    """
    spec = load(spec) if isinstance(spec, str) else spec
    if target in TEXTS:
        raise ValueError(f"'{target}' is exported, not built: the classes of numpy and torch run it by themselves")
    emitter = backend(target)
    for module in NEEDS.get(target, ()):
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            raise MissingFramework(target, module, TARGETS[target]) from None
    return getattr(importlib.import_module(module_name(spec, target)), emitter.public_name(spoken(spec, target)))


def module_name(spec: Spec, target: str) -> str:
    """A name from which the finder makes the module again: the library's own, else the spec's text, packed."""
    name = spec.name if spec.dialect is None else spec.dialect.name
    if known(name) and load(name) == spec:
        return f"{GENERATED}.{target}.{name}"
    import base64
    import zlib

    packed = base64.b32encode(zlib.compress(spec.text.encode(), 9)).decode().rstrip("=").lower()
    return f"{GENERATED}.{target}.{spec.name}_{packed}"


def made_of(thing: Any) -> Spec | None:
    """The spec of a built class or factory, or of what one made: an optimizer, a transformation, its state.

    None for anything else, such as what exported text made: that stands alone and knows of no spec.
    """
    homes = [thing] if isinstance(thing, type) or hasattr(thing, "__code__") else [getattr(thing, "init", None)]
    for home in [*homes, *(thing if isinstance(thing, type) else type(thing)).__mro__]:
        parts = str(getattr(home, "__module__", "")).split(".")
        if len(parts) == 4 and ".".join(parts[:2]) == GENERATED:
            return unpacked(parts[3])
    return None


def unpacked(name: str) -> Spec:
    """The spec of a generated module by the last part of its name. Raises ModuleNotFoundError where it names none."""
    if known(name):
        return load(name)
    import base64
    import zlib

    packed = name.rpartition("_")[2].upper()
    try:
        data = base64.b32decode(packed + "=" * (-len(packed) % 8))
        text = zlib.decompressobj().decompress(data, 1 << 17)
    except (ValueError, zlib.error):
        raise ModuleNotFoundError(f"no generated optimizer named '{name[:60]}'") from None
    return make(text, "<generated>", quiet=True)


NODES = (
    ast.AnnAssign, ast.Assert, ast.Assign, ast.Attribute, ast.AugAssign, ast.BinOp, ast.BoolOp, ast.Break, ast.Call,
    ast.ClassDef, ast.Compare, ast.Constant, ast.Continue, ast.Delete, ast.Dict, ast.DictComp, ast.ExceptHandler,
    ast.Expr, ast.For, ast.FormattedValue, ast.FunctionDef, ast.GeneratorExp, ast.If, ast.IfExp, ast.Import,
    ast.ImportFrom, ast.JoinedStr, ast.Lambda, ast.List, ast.ListComp, ast.Module, ast.Name, ast.NamedExpr,
    ast.Pass, ast.Raise, ast.Return, ast.Set, ast.SetComp, ast.Slice, ast.Starred, ast.Subscript, ast.Try,
    ast.Tuple, ast.UnaryOp, ast.While, ast.With, ast.Yield, ast.YieldFrom, ast.alias, ast.arg, ast.arguments,
    ast.boolop, ast.cmpop, ast.comprehension, ast.expr_context, ast.keyword, ast.operator, ast.unaryop,
    ast.withitem,
)  # fmt: skip
"""The kinds of syntax that emitters use; no other is ever compiled."""
DUNDERS = {"__all__", "__dict__", "__doc__", "__getstate__", "__init__", "__name__", "__repr__", "__setstate__"}
IMPORTS = {
    "numpy": {"ml_dtypes", "numpy"}, "torch": {"torch"}, "jax": {"jax", "optax"}, "tensorflow": {"keras", "tensorflow"},
}  # fmt: skip
STANDARD = {
    "__future__",
    "collections",
    "contextlib",
    "copy",
    "dataclasses",
    "difflib",
    "functools",
    "inspect",
    "itertools",
    "math",
    "typing",
}
RUNNERS = {"breakpoint", "compile", "eval", "exec", "globals", "input", "locals", "open", "vars"}


def check_generated(text: str, target: str) -> None:
    """A second lock behind the parser: generated code imports its framework alone and calls nothing that runs text."""
    found = _by_kind(ast.parse(text))
    odd = sorted(kind.__name__ for kind in found if not issubclass(kind, NODES))
    if odd:
        raise AssertionError(f"generated code holds {odd[0]}")
    names: list[ast.Name] = found.get(ast.Name, [])
    own = {n.arg for n in found.get(ast.arg, [])} | {n.name for n in found.get(ast.FunctionDef, [])}
    own |= {n.id for n in names if isinstance(n.ctx, ast.Store)}
    for name in dict.fromkeys(n.id for n in names):
        if name in RUNNERS - own or (name.startswith("__") and name not in DUNDERS):
            raise AssertionError(f"generated code calls {name}")
    read = [n.attr for n in found.get(ast.Attribute, [])]
    for node in found.get(ast.Call, []):
        match node:
            case ast.Call(func=ast.Name(id="getattr" | "setattr"), args=[_, ast.Constant(value=str(name)), *_]):
                read.append(name)
    for name in read:
        if name.startswith("__") and name not in DUNDERS:
            raise AssertionError(f"generated code names {name}")
    modules = {a.name for n in found.get(ast.Import, []) for a in n.names}
    modules = {m.partition(".")[0] for m in (*modules, *(str(n.module) for n in found.get(ast.ImportFrom, [])))}
    odd = sorted(modules - STANDARD - IMPORTS.get(target, modules))
    if odd:
        raise AssertionError(f"generated code imports {odd}")


def _by_kind(tree: ast.AST) -> dict[type[ast.AST], list[Any]]:
    """Every node by its kind, but contexts and operators: no kind of those is refused, and they are half of all."""
    found: dict[type[ast.AST], list[Any]] = {}
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        found.setdefault(type(node), []).append(node)
        for field in node._fields:
            if field in ("ctx", "op", "ops"):
                continue
            value = getattr(node, field)
            if isinstance(value, list):
                waiting += [part for part in value if isinstance(part, ast.AST)]
            elif isinstance(value, ast.AST):
                waiting.append(value)
    return found
