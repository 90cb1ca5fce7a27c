"""`adaspec.convert`: the state of one optimizer carried into another, live or in a file, ours or a framework's own."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .frameworks import TARGETS
from .frozen import frozen
from .holders import another_rule, held, spec_of
from .kindred import same_optimizer
from .portable import Holder, PortableState, one_count
from .spec import Spec, make
from .state import Names, filled, turned, whole
from .statefile import decoded, encoded
from .wholefile import write_bytes

CHECKPOINTS = {"torch": (".pt", ".pth", ".bin"), "tensorflow": (".keras",)}
"""The checkpoints of each framework that hold an optimizer's state under names, by how their files end."""


@frozen
class Carried:
    """What a conversion found: whose state, from which target, and all of it."""

    spec: Spec
    target: str
    state: PortableState


def convert(
    source: Any, into: Any, /, *, params: Any = None, into_params: Any = None, spec: Any = None,
    names: Names | Sequence[str] | None = None, transpose: Mapping[str, Sequence[int]] | None = None,
) -> Any:  # fmt: skip
    """Carry the state of an optimizer into another one, of the same framework or of any other.

    `source`: what `save_state` takes, or the path of a file: one of `save_state`'s, a torch checkpoint (`.pt`: an
    optimizer's state dict, or a dict with one as `optimizer` or `optimizer_state_dict`), a `.keras` model.
    `into`: what `load_state` takes: the state is returned anew, or filled into a torch or Keras optimizer. Or a path
    to write to: `.safetensors` for `load_state`, `.pt` for `optimizer.load_state_dict(torch.load(path))`, with the
    rule's own hyperparameters in its groups.
    `params`, `into_params`: the parameters of both, as `save_state` takes them; the latter are the former by default.
    `spec`: the rule, where the source does not say it: a spec, its name, or a dialect (`adamw:torch`) for what the
    framework's own optimizer saved. Generated and native optimizers of torch and Keras know it by themselves.
    `names`, `transpose`: as `load_state` takes them; a list names the parameters of the source in their order.

    Raises ValueError where the state does not fit, and nothing has been changed; TypeError for what is no state.
    """
    carried = read(source, params, spec, where=_named(source))
    table = in_order(carried.state, names) if isinstance(names, Sequence) else names
    if isinstance(into, str | os.PathLike):
        return write(carried, Path(into), table, transpose, order=into_params)
    asked = carried.spec if spec is None else spec
    _, holder, rule = _known(into, into_params if into_params is not None else params, asked)
    if not same_optimizer(carried.spec, rule):
        raise another_rule(_named(source), carried.spec, rule)
    return filled(holder, rule, carried.state, table, transpose, _named(source))


def read(source: Any, params: Any, spec: Any, where: str) -> Carried:
    """The state of a live optimizer, or of a file by how it ends. ValueError for what is not whole."""
    if not isinstance(source, str | os.PathLike):
        return _carried(*held(source, params, spec))
    path = Path(source)
    rule = None if spec is None else spec_of(spec)
    for target, ends in CHECKPOINTS.items():
        if path.suffix in ends:
            return _carried(*_checkpoint(target).opened(path, rule, params))
    saved = decoded(path.read_bytes(), where)
    own = make(saved.text, quiet=True)
    if rule is not None and not same_optimizer(own, rule):
        raise another_rule(where, own, rule)
    return Carried(rule or own, saved.target, saved.state)


def write(
    carried: Carried, path: Path, names: Names | None = None, transpose: Mapping[str, Sequence[int]] | None = None,
    target: str | None = None, order: Any = None,
) -> Carried:  # fmt: skip
    """Write a state to a file that ends as the target's own do, else to one of `save_state`'s; what was written.

    A torch checkpoint goes by position: `order`, a module or names with what has their shapes, says which. ValueError
    where that is missing, or the `target`, if it is said, cannot say the state.
    """
    state = turned(carried.spec, carried.state, names, transpose, "the source")
    if target in ("jax", "tensorflow"):
        one_count(carried.spec, state, {"jax": "JAX", "tensorflow": "Keras"}[target])
    own = next((t for t, ends in CHECKPOINTS.items() if path.suffix in ends), None)
    if own == "torch":
        data = _checkpoint("torch").closed(carried.spec, state, order, carried.target == "torch")
    elif own is not None:
        raise ValueError(f"{path} is a file that Keras writes: fill the optimizer, and save the model")
    else:
        data = encoded(carried.spec, target or carried.target, state)
    write_bytes(path, data)
    return Carried(carried.spec, carried.target, state)


def in_order(state: PortableState, names: Sequence[str]) -> dict[str, str]:
    """The parameters of a state in their order, and what a list calls them. ValueError if it is as long."""
    if len(names) != len(state.parameters):
        raise ValueError(f"names= lists {len(names)} parameters, and the state has {len(state.parameters)}")
    return dict(zip(state.parameters, names, strict=True))


def _carried(target: str, holder: Holder, rule: Spec) -> Carried:
    return Carried(rule, target, whole(holder, rule))


def _known(into: Any, params: Any, spec: Any) -> tuple[str, Holder, Spec]:
    """What `into` holds: by what it says itself, else by the spec of the source."""
    try:
        return held(into, params, None)
    except TypeError:
        return held(into, params, spec)


def _checkpoint(target: str) -> Any:
    assert target in TARGETS
    return importlib.import_module(f"adaspec.backends.{target}.checkpoint")


def _named(source: Any) -> str:
    return os.fspath(source) if isinstance(source, str | os.PathLike) else f"this {type(source).__name__}"
