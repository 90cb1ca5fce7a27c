"""The state of a generated torch optimizer, for `adaspec.save_state` and `load_state`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from adaspec.lower import lower
from adaspec.portable import Array, ParameterState, Place, PortableState, counted, deciding, distinct, place
from adaspec.spec import Spec
from adaspec.words import renamed, spoken

from .inputs import asked_by_flags
from .names import Names
from .scalars import Shares


def holds(source: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(source, torch.optim.Optimizer)


class Holder:
    """An optimizer. `params` names its parameters: a module, or pairs or a dict of names and parameters.

    Without, they have the names that the optimizer was given, else their positions, as in its `state_dict`.
    """

    def __init__(self, spec: Spec, source: Any, params: Any) -> None:
        shown = getattr(source, "_shown", None)
        if shown is not None:
            raise RuntimeError(f"the parameters show the view '{shown}': call train() first")
        lowered, flags = asked_by_flags(lower(spoken(spec, "torch")))
        self.renamed = renamed(spec, "torch")
        self.spec, self.optimizer = spec, source
        self.names = Names(lowered, flags)
        self.shares = Shares(lowered, self.names)
        self.groups = source.param_groups
        self.params = _named(source, params)
        group_of = {id(p): group for group in self.groups for p in group["params"]}
        self.places: Mapping[str, Place] = {
            path: place(spec, path, tuple(p.shape), _dtype(p), self.hypers(group_of[id(p)]))
            for path, p in self.params.items()
        }

    def hypers(self, group: dict[str, Any]) -> dict[str, Any]:
        found = self.spec.defaults  # of those that the native optimizer has not: its own are these
        found |= {own: self.names.held(new, group) for own, new in self.renamed.items() if own in self.spec.hypers}
        return {name: found[name] for name in deciding(self.spec)}

    @property
    def keys(self) -> dict[str, str]:
        """The key in a parameter's state of each slot."""
        return {s.name: self.names.key(self.renamed[s.name]) for s in self.spec.core.slots}

    def shareds(self, kept: Iterable[str]) -> dict[str, str]:
        """The key in a group of these Shareds, by the rule's own names."""
        wanted = set(kept)
        both = {s.name: self.renamed[s.name] for s in self.spec.core.shared}
        return {own: self.names.key(new) for own, new in both.items() if new in wanted}

    @property
    def of_groups(self) -> dict[str, str]:
        """The key of each Shared that every group keeps."""
        return self.shareds(self.shares.own)

    @property
    def of_model(self) -> dict[str, str]:
        """The key of each Shared that the first group keeps for all."""
        return self.shareds(self.shares.total)

    @property
    def counters(self) -> list[tuple[dict[str, Any], str]]:
        """Where the count of the model's updates stands; nowhere, if no Shared reads it."""
        every = any(s in self.shares.step for s in self.shares.own)
        first = any(s in self.shares.step for s in self.shares.total)
        found = [(group, "step") for group in self.groups] if every else []
        return found + ([(self.groups[0], "model_step")] if first else [])

    def read(self) -> PortableState:
        parameters = {path: self.parameter(path) for path in self.places}
        shared = {name: self.agreed(name, key) for name, key in self.of_groups.items()}
        shared |= {name: float(self.groups[0][key]) for name, key in self.of_model.items()}
        steps = {counted(float(group[key]), "the model") for group, key in self.counters}
        if len(steps) > 1:
            raise ValueError(f"the groups were updated {sorted(steps)} times: a portable state has one count")
        # torch itself keeps no count of the model: none of its parameters was updated more often.
        most = max((p.step for p in parameters.values()), default=0)
        return PortableState(steps.pop() if steps else most, parameters, shared)

    def parameter(self, path: str) -> ParameterState:
        here, kept = self.places[path], self.optimizer.state.get(self.params[path])
        if not kept:
            return ParameterState(here.shape, here.dtype, 0, None)
        step = counted(float(kept["step"]), f"parameter '{path}'")
        spelt = {key: name for name, key in self.keys.items()}
        slots = {spelt.get(str(key), str(key)): packed(slot) for key, slot in kept.items() if key != "step"}
        return ParameterState(here.shape, here.dtype, step, slots)

    def agreed(self, name: str, key: str) -> float:
        values = [float(group[key]) for group in self.groups]
        if len({repr(v) for v in values}) > 1:
            raise ValueError(f"the groups hold different values of '{name}', {values}: a portable state has one")
        return values[0]

    def write(self, state: PortableState) -> Any:
        import torch

        new = {self.params[path]: self.kept(path, state.parameters[path]) for path in self.places}
        rows = [(group, key, state.shared[name]) for name, key in self.of_groups.items() for group in self.groups]
        rows += [(self.groups[0], key, state.shared[name]) for name, key in self.of_model.items()]
        rows += [(group, key, float(state.step)) for group, key in self.counters]
        numbers = [(group, key, torch.full_like(group[key], value)) for group, key, value in rows]
        for group, key, number in numbers:
            group[key] = number
        for p, kept in new.items():
            if kept is None:
                self.optimizer.state.pop(p, None)
            else:
                self.optimizer.state[p] = kept
        return self.optimizer

    def kept(self, path: str, state: ParameterState) -> dict[str, Any] | None:
        """The entry of a parameter in the optimizer's state; None before its first update."""
        import torch

        if state.slots is None:
            return None
        p = self.params[path]
        captured = next(g.get("capturable") for g in self.groups if any(p is q for q in g["params"]))
        device = p.device if captured else "cpu"
        kept = {"step": torch.tensor(float(state.step), dtype=torch.float64, device=device)}
        for name in self.places[path].slots:
            kept[self.keys[name]] = unpacked(state.slots[name], p)
        return kept


def _named(optimizer: Any, params: Any) -> dict[str, Any]:
    """The optimizer's parameters by name. ValueError where one has none, or two have the same."""
    groups = optimizer.param_groups
    every = [p for group in groups for p in group["params"]]
    if params is None:
        whole = all("param_names" in group for group in groups)
        names = [n for g in groups for n in g["param_names"]] if whole else [str(i) for i in range(len(every))]
    else:
        pairs = params.named_parameters() if hasattr(params, "named_parameters") else params
        pairs = pairs.items() if isinstance(pairs, Mapping) else pairs
        known = {id(p): name for name, p in _pairs(pairs)}
        lacking = [i for i, p in enumerate(every) if id(p) not in known]
        if lacking:
            raise ValueError(f"params= does not name the optimizer's parameters at the positions {lacking}")
        names = [known[id(p)] for p in every]
    distinct(names, "parameters have the name")
    return dict(zip(names, every, strict=True))


def _pairs(pairs: Iterable[Any]) -> Iterable[tuple[str, Any]]:
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
            raise TypeError("params= is a module, or pairs or a dict of names and parameters")
        yield pair


def _dtype(tensor: Any) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def packed(tensor: Any) -> Array:
    import torch

    flat = torch.as_tensor(tensor).detach().cpu().contiguous().reshape(-1)
    return Array(_dtype(flat), tuple(tensor.shape), flat.view(torch.uint8).numpy().tobytes())


def unpacked(array: Array, p: Any) -> Any:
    """A tensor of its own beside the parameter `p`, laid out in memory as `p` is where it has its shape."""
    import torch

    dtype = getattr(torch, array.dtype)
    same = array.shape == tuple(p.shape)
    new = torch.empty_like(p.detach(), dtype=dtype) if same else torch.empty(array.shape, dtype=dtype, device=p.device)
    if array.data:
        new.copy_(torch.frombuffer(bytearray(array.data), dtype=dtype).reshape(array.shape))
    return new
