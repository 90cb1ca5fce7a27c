"""A torch checkpoint: the state dict of an optimizer, ours or torch's own, in a file of `torch.save`."""

from __future__ import annotations

import inspect
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from adaspec.build import build
from adaspec.holders import native_class, worded
from adaspec.library import load
from adaspec.portable import Holder, ParameterState, PortableState
from adaspec.spec import Spec
from adaspec.words import home

from . import native, portable

KEYS = ("optimizer", "optimizer_state_dict", "optim", "optimizer_states")
"""Under which training loops keep the optimizer's state dict."""
OWN = {"params", "param_names", "initial_lr", "max_lr", "min_lr", "base_momentum", "max_momentum"}
"""What stands in a group beside hyperparameters: torch's own keys and those of its schedulers."""


def opened(path: Path, spec: Spec | None, params: Any) -> tuple[str, Holder, Spec]:
    """What a checkpoint holds. `params` says names and shapes where it does not: pairs or a dict, in their order.

    ValueError for a file that is none, or that several rules could have written.
    """
    return _held(_state_dict(_loaded(path), path), spec, params, path)


def parameters(path: Path) -> dict[str, Any]:
    """Names and shapes of parameters in their order: a module's state dict, of torch or safetensors. ValueError."""
    import torch

    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path} is no whole safetensors file: {error}") from None
    found = _loaded(path)
    if not isinstance(found, dict) or not all(isinstance(x, torch.Tensor) for x in found.values()):
        raise ValueError(f"{path} holds no state dict of a module: torch.save(net.state_dict(), …)")
    return found


def _loaded(path: Path) -> Any:
    """What a file of `torch.save` holds; no code of it runs. ValueError for any other file."""
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except (RuntimeError, ValueError, EOFError, KeyError) as error:
        raise ValueError(f"{path} is no checkpoint of torch: {str(error).splitlines()[0]}") from None
    except Exception as error:  # a pickle fails in many ways: what is no tensor, number, list or dict is not run
        raise ValueError(f"{path} holds more than tensors and plain values: {str(error).splitlines()[0]}") from None


def closed(spec: Spec, state: PortableState, order: Any, ordered: bool) -> bytes:
    """The bytes of a checkpoint: the state dict of the optimizer that the spec is in torch, with its defaults.

    torch's own optimizer where the spec is a dialect of one, else the generated class. `order` names the parameters in
    their order; without, it is the state's, if that is `ordered` or its names are positions.
    """
    import torch

    state = replace(state, parameters=_in_order(state, order, ordered))
    tensors = {path: _empty(p.shape, p.dtype) for path, p in state.parameters.items()}
    optimizer = _made(spec, [{"params": list(tensors.items())}])
    _holder(spec, optimizer, tensors).write(state)
    buffer = io.BytesIO()
    torch.save(optimizer.state_dict(), buffer)
    return buffer.getvalue()


def _in_order(state: PortableState, order: Any, ordered: bool) -> Mapping[str, ParameterState]:
    own = state.parameters
    if order is not None:
        names = [name for name, _ in _named(order)]
        if odd := sorted(own.keys() ^ set(names)):
            raise ValueError(f"the state and the parameters in their order do not have the same names: {odd}")
    elif ordered:
        names = list(own)
    elif {str(i) for i in range(len(own))} == own.keys():
        names = sorted(own, key=int)
    else:
        what = "a torch checkpoint goes by position, and the state by name"
        raise ValueError(f"{what}: into_params= (--params) says the names in their order")
    return {name: own[name] for name in names}


def _state_dict(found: Any, path: Path) -> dict[str, Any]:
    """The optimizer's part of what a file holds."""
    places = [found, *(found.get(key) for key in KEYS)] if isinstance(found, dict) else []
    places += [p[0] for p in places if isinstance(p, list) and len(p) == 1]  # Lightning keeps a list of them
    for part in places:
        if isinstance(part, dict) and part.keys() >= {"state", "param_groups"}:
            return part
    where = f"by itself or as {', '.join(map(repr, KEYS))}"
    raise ValueError(f"{path} holds no state dict of an optimizer {where}")


def _held(found: dict[str, Any], spec: Spec | None, params: Any, path: Path) -> tuple[str, Holder, Spec]:
    spec = spec or _rule(found, path)
    groups = found["param_groups"]
    count = sum(len(group["params"]) for group in groups)
    named = list(_named(params)) if params is not None else []
    if named and len(named) != count:
        raise ValueError(f"params= names {len(named)} parameters, and {path} has {count}")
    keys = [key for group in groups for key in group["params"]]
    own = [n for group in groups for n in group.get("param_names", ())]
    names = [name for name, _ in named] or (own if len(own) == count else [str(key) for key in keys])
    tensors: dict[str, Any] = {}
    for i, (name, key) in enumerate(zip(names, keys, strict=True)):
        like = named[i][1] if named else _like(spec, found["state"].get(key) or {}, key, path)
        tensors[name] = _empty(tuple(like.shape), str(like.dtype).removeprefix("torch."))
    rest = iter(tensors.items())
    given = [{"params": [next(rest) for _ in group["params"]]} for group in groups]
    optimizer = _made(spec, given)
    optimizer.load_state_dict({"state": found["state"], "param_groups": groups})
    return "torch", _holder(spec, optimizer, tensors), spec


def _rule(found: dict[str, Any], path: Path) -> Spec:
    """The dialect of torch's own optimizer whose groups and state look like these. ValueError unless it is one."""
    import torch

    group = found["param_groups"][0]
    slots = {str(key) for kept in found["state"].values() for key, value in kept.items() if value is not None}
    fitting: dict[str, int] = {}
    for name in worded():
        spec = load(name)
        if home(spec) != "torch":
            continue
        cls = native_class(spec)
        likely = cls([torch.zeros(2, 2)]).param_groups[0]
        same = likely.keys() - OWN == group.keys() - OWN
        # AdamW is Adam with a key set otherwise, which only Adam takes as an argument: the one that fixes more it is.
        fixed = likely.keys() - OWN - _arguments(cls)
        if same and all(group[key] == likely[key] for key in fixed) and slots - {"step"} <= _words(spec):
            fitting[name] = len(fixed)
    best = [name for name, fixed in fitting.items() if fixed == max(fitting.values())]
    if len(best) == 1:
        return load(best[0])
    what = f"is of no optimizer of torch: its groups hold {sorted(group.keys() - OWN)}"
    what = f"could be of {' or '.join(best)}" if best else what
    raise ValueError(f"{path} {what}: spec= (--spec) says of which rule it is")


def _arguments(cls: Any) -> set[str]:
    return set(inspect.signature(cls).parameters)


def _words(spec: Spec) -> set[str]:
    return {str(w.word) for w in (spec.dialect.names if spec.dialect else ())}


def _made(spec: Spec, groups: Sequence[Mapping[str, Any]]) -> Any:
    """The optimizer that the spec is in torch."""
    cls = native_class(spec) if home(spec) == "torch" and spec.dialect and spec.dialect.names else build(spec, "torch")
    return cls([dict(group) for group in groups])


def _holder(spec: Spec, optimizer: Any, tensors: Mapping[str, Any]) -> Holder:
    kind = native.Native if home(spec) == "torch" and type(optimizer) is native_class(spec) else portable.Holder
    return kind(spec, optimizer, tensors)


def _like(spec: Spec, kept: Mapping[Any, Any], key: Any, path: Path) -> Any:
    """What has the shape of a parameter: the first of its slots that has."""
    words = {w.name: w.word for w in (spec.dialect.names if spec.dialect else ())} if home(spec) == "torch" else {}
    for slot in spec.core.slots:
        word = words.get(slot.name, slot.name)
        if slot.init.whole and kept.get(word) is not None:
            return kept[word]
    if kept.keys() - {"step", *words.values(), *(s.name for s in spec.core.slots)}:
        raise ValueError(f"{path} is no state of {spec.name}: parameter {key} has {sorted(kept)}")
    raise ValueError(f"{path} does not tell the shape of parameter {key}: params= (--params) says it")


def _named(params: Any) -> Iterator[tuple[str, Any]]:
    pairs = params.named_parameters() if hasattr(params, "named_parameters") else params
    yield from pairs.items() if isinstance(pairs, Mapping) else pairs


def _empty(shape: tuple[int, ...], dtype: str) -> Any:
    import torch

    return torch.nn.Parameter(torch.empty(shape, dtype=getattr(torch, dtype)))
