"""One rule on every target behind one face: step it, save its state, load another's, look at what it holds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

import adaspec

SHAPES: dict[str, tuple[int, ...]] = {"net/w": (4, 3), "net/b": (5,), "s": (), "none": (0, 3)}
Arrays = dict[str, Any]


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The tree that has these paths."""
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *folders, name = path.split("/")
        at = tree
        for folder in folders:
            at = at.setdefault(folder, {})
        at[name] = value
    return tree


def flattened(tree: Mapping[str, Any], before: str = "") -> Arrays:
    found: Arrays = {}
    for name, value in tree.items():
        found |= flattened(value, f"{before}{name}/") if isinstance(value, dict) else {before + name: value}
    return found


def kind(dtype: str) -> Any:
    return ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype


class Traveller(ABC):
    """`params` and `grads` are arrays by path; `hypers` have the names of the spec, which are those of the target."""

    target: str

    def __init__(self, spec: Any, params: Arrays, dtype: str = "float64", **hypers: Any) -> None:
        self.spec, self.dtype, self.hypers = spec, dtype, hypers
        self.start(params)

    @abstractmethod
    def start(self, params: Arrays) -> None: ...

    @abstractmethod
    def step(self, grads: Mapping[str, Any]) -> None: ...

    @abstractmethod
    def params(self) -> Arrays:
        """Copies, as NumPy arrays."""

    @abstractmethod
    def save(self, file: Path) -> None: ...

    @abstractmethod
    def load(self, file: Path, **options: Any) -> None: ...

    @abstractmethod
    def slot(self, path: str, name: str) -> Any:
        """What the target itself holds, as a NumPy array; None where it holds nothing."""

    @abstractmethod
    def shared(self, name: str) -> float: ...

    @abstractmethod
    def counts(self) -> dict[str, int]:
        """The updates of each parameter as the target counts them."""

    def held(self) -> dict[str, Any]:
        """Every slot and Shared, bit for bit."""
        names = [s.name for s in self.spec.core.slots]
        found = {(path, name): self.slot(path, name) for path in SHAPES for name in names}
        rows = {f"{p}.{n}": (a.dtype.name, a.shape, a.tobytes()) for (p, n), a in found.items() if a is not None}
        return rows | {s.name: self.shared(s.name) for s in self.spec.core.shared}


class Interpreter(Traveller):
    target = "interpreter"

    def start(self, params: Arrays) -> None:
        self.x = nested({path: np.asarray(a, kind(self.dtype)) for path, a in params.items()})
        self.opt = adaspec.interpret(self.spec, **self.hypers)
        self.state = self.opt.init(self.x)

    def step(self, grads: Mapping[str, Any]) -> None:
        self.x, self.state = self.opt.step(self.x, nested(grads), self.state)

    def params(self) -> Arrays:
        return flattened(self.x)

    def save(self, file: Path) -> None:
        adaspec.save_state(self.state, file, params=self.x, spec=self.opt)

    def load(self, file: Path, **options: Any) -> None:
        self.state = adaspec.load_state(file, self.state, params=self.x, spec=self.opt, **options)

    def counts(self) -> dict[str, int]:
        return {"": self.state.step, **self.state.steps}

    def slot(self, path: str, name: str) -> Any:
        return self.state.slots[path].get(name)

    def shared(self, name: str) -> float:
        return self.state.shared[name]


class NumPy(Traveller):
    target = "numpy"

    def start(self, params: Arrays) -> None:
        self.x = nested({path: np.array(a, kind(self.dtype)) for path, a in params.items()})
        self.opt = adaspec.build(self.spec, "numpy")(**self.hypers)
        self.state = self.opt.init(self.x)

    def step(self, grads: Mapping[str, Any]) -> None:
        cast = {path: None if g is None else np.asarray(g, kind(self.dtype)) for path, g in grads.items()}
        self.opt.step(self.x, nested(cast), self.state)

    def params(self) -> Arrays:
        return {path: a.copy() for path, a in flattened(self.x).items()}

    def save(self, file: Path) -> None:
        adaspec.save_state(self.state, file, params=self.x, spec=self.opt)

    def load(self, file: Path, **options: Any) -> None:
        self.state = adaspec.load_state(file, self.state, params=self.x, spec=self.spec, **options)

    def counts(self) -> dict[str, int]:
        return {"": self.state["step"]} | {path: kept["step"] for path, kept in self.state["slots"].items()}

    def slot(self, path: str, name: str) -> Any:
        return self.state["slots"][path]["step_" if name == "step" else name]

    def shared(self, name: str) -> float:
        return self.state["shared"][name]


class Torch(Traveller):
    target = "torch"

    def start(self, params: Arrays) -> None:
        import torch

        self.torch = torch
        self.x = {path: torch.nn.Parameter(self.tensor(a)) for path, a in params.items()}
        self.opt = adaspec.build(self.spec, "torch")(list(self.x.items()), **self.hypers)

    def tensor(self, a: Any) -> Any:
        wide = "complex128" if self.dtype.startswith("complex") else "float64"
        return self.torch.tensor(np.asarray(a, wide)).to(getattr(self.torch, self.dtype))

    def step(self, grads: Mapping[str, Any]) -> None:
        for path, g in grads.items():
            self.x[path].grad = None if g is None else self.tensor(g)
        self.opt.step()

    def array(self, t: Any) -> Any:
        t = t.detach().clone()
        if t.dtype == self.torch.bfloat16:
            return t.view(self.torch.int16).numpy().view(ml_dtypes.bfloat16)
        return t.numpy()

    def params(self) -> Arrays:
        return {path: self.array(p) for path, p in self.x.items()}

    def save(self, file: Path) -> None:
        adaspec.save_state(self.opt, file)

    def load(self, file: Path, **options: Any) -> None:
        assert adaspec.load_state(file, self.opt, **options) is self.opt

    def counts(self) -> dict[str, int]:
        return {path: int(self.opt.state[p]["step"]) for path, p in self.x.items() if p in self.opt.state}

    def slot(self, path: str, name: str) -> Any:
        kept = self.opt.state.get(self.x[path], {})
        name = "step_" if name == "step" else name
        return self.array(kept[name]) if name in kept else None

    def shared(self, name: str) -> float:
        return next(float(g[k]) for g in self.opt.param_groups for k in (f"{name}_", name) if k in g)


class Jax(Traveller):
    target = "jax"

    def start(self, params: Arrays) -> None:
        import jax
        import optax

        self.scope = lambda: jax.enable_x64(self.dtype in ("float64", "complex128"))
        self.jax, self.apply = jax, optax.apply_updates
        tx = adaspec.build(self.spec, "jax")(**self.hypers)
        with self.scope():
            self.x = nested({path: jax.numpy.asarray(np.asarray(a, kind(self.dtype))) for path, a in params.items()})
            self.state = tx.init(self.x)
        self.update = tx.update

    def step(self, grads: Mapping[str, Any]) -> None:
        with self.scope():
            cast = {p: None if g is None else self.jax.numpy.asarray(g, self.dtype) for p, g in grads.items()}
            updates, self.state = self.update(nested(cast), self.state, self.x)
            moved = {p: u for p, u in flattened(updates).items() if u is not None}
            old = flattened(self.x)
            self.x = nested({p: self.apply(x, moved[p]) if p in moved else x for p, x in old.items()})

    def params(self) -> Arrays:
        return {path: np.array(a) for path, a in flattened(self.x).items()}

    def save(self, file: Path) -> None:
        adaspec.save_state(self.state, file, params=self.x)

    def load(self, file: Path, **options: Any) -> None:
        with self.scope():
            self.state = adaspec.load_state(file, self.state, params=self.x, **options)

    def counts(self) -> dict[str, int]:
        return {"": int(self.state.count)}

    def slot(self, path: str, name: str) -> Any:
        name = "count_" if name == "count" else name
        found = flattened(getattr(self.state, name))[path]
        return None if found is None else np.asarray(found)

    def shared(self, name: str) -> float:
        return float(getattr(self.state, f"{name}_" if name == "state" else name))


class Keras(Traveller):
    target = "tensorflow"

    def start(self, params: Arrays) -> None:
        import keras
        import tensorflow as tf

        self.tf, self.x = tf, {}
        before = keras.config.floatx()
        keras.config.set_floatx("float64" if self.dtype == "float64" else "float32")
        try:
            for path, a in params.items():
                *folders, name = path.split("/")
                with keras.name_scope(folders[0] if folders else ""):
                    self.x[path] = keras.Variable(np.asarray(a, kind(self.dtype)), name=name, dtype=self.dtype)
            self.opt = adaspec.build(self.spec, "tensorflow")(**self.hypers)
            self.opt.build(list(self.x.values()))
        finally:
            keras.config.set_floatx(before)

    def step(self, grads: Mapping[str, Any]) -> None:
        given = [self.tf.constant(np.asarray(grads[path], kind(self.dtype))) for path in self.x]
        self.opt.apply(given, list(self.x.values()))

    def params(self) -> Arrays:
        return {path: np.array(v.numpy()) for path, v in self.x.items()}

    def save(self, file: Path) -> None:
        adaspec.save_state(self.opt, file)

    def load(self, file: Path, **options: Any) -> None:
        assert adaspec.load_state(file, self.opt, **options) is self.opt

    def attribute(self, name: str) -> Any:
        return next(getattr(self.opt, n) for n in (f"_{name}_", f"_{name}") if hasattr(self.opt, n))

    def counts(self) -> dict[str, int]:
        return {"": int(self.opt.iterations)}

    def slot(self, path: str, name: str) -> Any:
        found = self.attribute(name)[list(self.x).index(path)]
        return None if found is None else np.array(found.numpy())

    def shared(self, name: str) -> float:
        return float(self.attribute(name).numpy())


TRAVELLERS: dict[str, type[Traveller]] = {t.target: t for t in (Interpreter, NumPy, Torch, Jax, Keras)}
