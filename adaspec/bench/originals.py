"""The optimizers that other people wrote: those that the library's dialects equal, and how each can be called.

The one place that knows what their classes take; it imports a framework only when one of its classes is asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from .. import library
from ..spec import Spec
from ..words import home

RATE = 1e-3


@dataclass(frozen=True)
class Peer:
    """A class or factory `of` (its dotted name), and the arguments that make it take the steps of the rule."""

    of: str
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`torch Adam`, `pytorch_optimizer Lion`."""
        return f"{self.of.partition('.')[0]} {self.of.rpartition('.')[2]}"

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec(self.of.partition(".")[0]) is not None

    def cls(self) -> Any:
        """The class or factory itself. LookupError where the installed version has none."""
        if self.of.startswith("timm."):
            timm_alone()
        parts = self.of.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            try:
                found: Any = importlib.import_module(".".join(parts[:cut]))
            except ModuleNotFoundError:
                continue
            for part in parts[cut:]:
                found = getattr(found, part, None)
            if found is not None:
                return found
        raise LookupError(f"there is no {self.of} in the installed version")


def peers(spec: Spec, target: str) -> list[Peer]:
    """The originals that run on a target and do what the rule does: of its own dialects and of those of its name.

    `adam` knows torch's, optimi's, Keras's and optax's Adam, though each is the dialect of a rule of its own.
    """
    found: dict[str, Peer] = {}
    name = spec.name if spec.dialect is None else spec.dialect.name.partition(":")[0]
    for dialect in (n for n in library.names() if ":" in n):
        if dialect.partition(":")[0] == name or library.host(dialect) == spec.name:
            spoken = library.load(dialect)
            original = library.equals(dialect)
            if original is not None and home(spoken) == target and _steps(spoken, spec):
                found.setdefault(original.of, Peer(original.of))
    return [peer for peer in found.values() if peer.installed]


def _steps(spoken: Spec, spec: Spec) -> bool:
    """Whether a dialect's defaults make it keep as many arrays as the rule: `sgd:torch` without momentum is another."""
    shape = (8, 4)
    try:
        return len(spoken.state(shape)) == len(spec.state(shape))
    except ValueError:
        return True


def variants(peer: Peer, target: str) -> dict[str, dict[str, Any]]:
    """How a class can be called, by a word for the table: torch's `fused`, `foreach` and `loop`, else just as it is."""
    known = inspect.signature(peer.cls()).parameters
    plain = rated(peer.cls(), peer.arguments)
    if target != "torch" or "foreach" not in known:
        return {"": plain}
    alone = plain | {"triton": False} if "triton" in known else plain
    return {
        **({"fused": alone | {"fused": True}} if "fused" in known else {}),
        "foreach": alone | {"foreach": True},
        "loop": alone | {"foreach": False},
    }


def rated(make: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments, with a learning rate where one is required."""
    for word in ("lr", "learning_rate"):
        known = inspect.signature(make).parameters.get(word)
        if known is not None and known.default in (inspect.Parameter.empty, None) and word not in arguments:
            return {word: RATE} | arguments
    return dict(arguments)


def timm_alone() -> None:
    """timm's optimizers without the rest of timm, which needs torchvision, where that is not installed.

    A `timm`, `timm.models` and `timm.utils` of no content take their places: their modules are imported one by one.
    """
    spec = importlib.util.find_spec("timm") if "timm" not in sys.modules else None
    if spec is None or importlib.util.find_spec("torchvision") is not None:
        return
    package, models, utils = ModuleType("timm"), ModuleType("timm.models"), ModuleType("timm.utils")
    package.__path__ = list(spec.submodule_search_locations or ())
    package.__spec__ = spec
    utils.__path__ = [f"{folder}/utils" for folder in package.__path__]
    vars(models)["group_parameters"] = None  # used by the schedules of layers alone
    sys.modules |= {"timm": package, "timm.models": models, "timm.utils": utils}
