"""Rules on bfloat16 parameters: one run of each by the float64 interpreter, and four targets to retrace it.

A run is a quadratic whose minimum lies a little off, with noise on its gradients: they keep their signs for long, so
that a sum too coarse to hold their squares, or its own parameter's steps, stands still. After each step the parameters
are rounded to bfloat16, once; with these the next step begins, on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import adaspec
from adaspec import facts
from adaspec.verification import decompositions, full_rank

Array = np.ndarray
Model = list[Array]

SHAPES = ((), (5,), (4, 3), (2, 3, 4), (4, 4))
SCALES = (0.02, 1.0, 0.02, 1.0, 0.02)
"""Of the parameters: beside 1, most rules' steps are under half an ulp and must be lost; beside 0.02, none may be."""
STEPS = 40
FAR = 2.0
NOISE = 0.25
TINY = (0.0, 0.0, 1e-20, 1e-30)

FIRST = "its first steps are a millionth of the model's size, and none of bfloat16's numbers is as near"
RAISED: dict[str, tuple[dict[str, float], str]] = {
    "dog": ({"first_share": 1e-3}, FIRST),
    "mechanic": ({"first": 1e-2}, FIRST),
    "prodigy": ({"d0": 1e-3}, FIRST),
}
"""Rules that their originals' defaults leave where they are, with what lets them go."""


@dataclass(frozen=True)
class Step:
    """Parameters and gradients, all numbers of bfloat16; what else the rule is given; where it goes, in float64."""

    x: Model
    g: Model
    inputs: dict[str, Any]
    wanted: Model
    loss: float


@dataclass(frozen=True)
class Left:
    """What a run leaves behind, by the interpreter or by a target: slots by parameter and name, and what is shared."""

    slots: list[dict[str, Any]]
    shared: Mapping[str, float]


def hypers(name: str) -> dict[str, float]:
    """What a rule is run with, beside its defaults."""
    return RAISED[name][0] if name in RAISED else {}


def rounded(a: Any) -> Array:
    """To the nearest number of bfloat16; in float64."""
    import ml_dtypes

    return np.asarray(a, ml_dtypes.bfloat16).astype(np.float64)


def ulp(a: Array) -> Array:
    """The distance of neighbours in bfloat16, whose numbers have 8 digits."""
    return np.ldexp(1.0, np.maximum(np.frexp(np.abs(a))[1], -125) - 8)


def shapes(spec: Any) -> dict[tuple[int, ...], float]:
    """Those that the rule takes, and whose statistics have full rank where it decomposes them; and a scale for each."""
    paths, found = decompositions(spec), {}
    for shape, scale in zip(SHAPES, SCALES, strict=True):
        try:
            spec.check_shape(shape)
        except ValueError:
            continue
        if full_rank(shape) or not any(facts.holds(path, shape, spec.defaults) for path in paths):
            found[shape] = scale
    return found


@cache
def course(name: str, still: bool = False, **given: float) -> tuple[list[Step], Left]:
    """The rule's run, and its state behind the last step. `still`: gradients of 0, then of 1e-20 and under, instead."""
    spec = adaspec.load(name)
    rng = np.random.default_rng(3)
    x = [rounded(scale * rng.normal(size=shape)) for shape, scale in shapes(spec).items()]
    goal = [a + FAR * rng.choice([-1, 1], size=a.shape) for a in x]
    opt = adaspec.interpret(spec, **given)
    state, steps = opt.init(x), []
    for t in range(len(TINY) if still else STEPS):
        ways = [a - b + NOISE * rng.normal(size=a.shape) for a, b in zip(x, goal, strict=True)]
        g = [rounded((TINY[t] if still else 1.0) * way) for way in ways]
        loss = float(np.float32(sum(np.sum((a - b) ** 2) / 2 for a, b in zip(x, goal, strict=True))))
        inputs: dict[str, Any] = {}
        for i in spec.rule.inputs:
            near = [rounded(a * (1 + NOISE / 2 * rng.normal(size=a.shape))) for a in g]
            inputs[i.name] = None if i.optional and t % 3 == 2 else loss if i.scalar else near
        wanted, state = opt.step(x, g, state, **inputs)
        wanted = [np.asarray(a) for a in wanted]
        steps.append(Step(x, g, inputs, wanted, loss))
        x = [rounded(a) for a in wanted]
    return steps, Left([dict(slots) for slots in state.slots.values()], state.shared)


class OnNumPy:
    def __init__(self, factory: Any, **hypers: float) -> None:
        import ml_dtypes

        self.dtype, self.factory, self.hypers = ml_dtypes.bfloat16, factory, hypers

    def begin(self, params: Model) -> None:
        self.params, self.optimizer = self.cast(params), self.factory(**self.hypers)
        self.state = self.optimizer.init(self.params)

    def cast(self, arrays: Model) -> list[Any]:
        return [np.array(a, self.dtype) for a in arrays]

    def step(self, step: Step) -> list[Any]:
        for p, a in zip(self.params, step.x, strict=True):
            p[...] = a
        given = {n: self.cast(v) if isinstance(v, list) else v for n, v in step.inputs.items()}
        self.optimizer.step(self.params, self.cast(step.g), self.state, **given)
        return [p.copy() for p in self.params]

    def left(self) -> Left:
        rows = self.state["slots"].values()
        return Left(
            [{n: s for n, s in row.items() if isinstance(s, np.ndarray)} for row in rows], self.state.get("shared", {})
        )


class OnTorch:
    def __init__(self, factory: Any, **hypers: float) -> None:
        import torch

        self.torch, self.factory, self.hypers = torch, factory, hypers

    def begin(self, params: Model) -> None:
        self.params = [self.torch.nn.Parameter(p) for p in self.cast(params)]
        self.optimizer = self.factory(self.params, **self.hypers)

    def cast(self, arrays: Model) -> list[Any]:
        return [self.torch.tensor(a, dtype=self.torch.bfloat16) for a in arrays]

    def step(self, step: Step) -> list[Any]:
        import ml_dtypes

        with self.torch.no_grad():
            for p, a, g in zip(self.params, self.cast(step.x), self.cast(step.g), strict=True):
                p.copy_(a)
                p.grad = g
        self.optimizer.step(**{n: self.cast(v) if isinstance(v, list) else v for n, v in step.inputs.items()})
        assert all(p.dtype == self.torch.bfloat16 for p in self.params)
        return [p.detach().view(self.torch.uint16).numpy().view(ml_dtypes.bfloat16).copy() for p in self.params]

    def left(self) -> Left:
        """A name that torch needs itself has an underscore behind it."""
        states = [self.optimizer.state[p] for p in self.params]
        group = self.optimizer.param_groups[0]
        return Left(
            [{n: s.numpy() for n, s in state.items() if n != "step"} for state in states],
            {n.removesuffix("_"): float(v) for n, v in group.items() if isinstance(v, self.torch.Tensor)},
        )


class OnJAX:
    def __init__(self, factory: Any, **hypers: float) -> None:
        import jax
        import jax.numpy as jnp
        import optax

        tx = factory(**hypers)

        @jax.jit
        def advance(params: Any, grads: Any, state: Any, inputs: Any) -> Any:
            updates, state = tx.update(grads, state, params, **inputs)
            return optax.apply_updates(params, updates), state

        self.jnp, self.init, self.advance = jnp, tx.init, advance

    def begin(self, params: Model) -> None:
        self.state = self.init(self.cast(params))

    def cast(self, arrays: Model) -> list[Any]:
        return [self.jnp.asarray(a, self.jnp.bfloat16) for a in arrays]

    def step(self, step: Step) -> list[Any]:
        from adaspec.backends.jax import PUBLIC_INPUTS

        given = {PUBLIC_INPUTS.get(n, n): self.cast(v) if isinstance(v, list) else v for n, v in step.inputs.items()}
        params, self.state = self.advance(self.cast(step.x), self.cast(step.g), self.state, given)
        return [np.asarray(p) for p in params]

    def left(self) -> Left:
        """A field that would hide a hyperparameter or a helper has an underscore behind its name."""
        fields = {n.removesuffix("_"): v for n, v in self.state._asdict().items() if n != "count"}
        rows = {n: v for n, v in fields.items() if isinstance(v, list)}
        count = max(map(len, rows.values()), default=0)
        return Left(
            [{n: np.asarray(v[i]) for n, v in rows.items() if v[i] is not None} for i in range(count)],
            {n: float(v) for n, v in fields.items() if n not in rows},
        )


class OnKeras:
    def __init__(self, factory: Any, **hypers: float) -> None:
        import keras
        import tensorflow as tf

        self.keras, self.tf, self.factory, self.hypers = keras, tf, factory, hypers

    def begin(self, params: Model) -> None:
        self.params = [self.keras.Variable(a, dtype="bfloat16", name=f"p{i}") for i, a in enumerate(params)]
        self.optimizer = self.factory(**self.hypers)
        self.optimizer.build(self.params)

    def cast(self, arrays: Model) -> list[Any]:
        return [self.tf.cast(a, "bfloat16") for a in arrays]

    def step(self, step: Step) -> list[Any]:
        for p, a in zip(self.params, self.cast(step.x), strict=True):
            p.assign(a)
        given = {n: self.cast(v) if isinstance(v, list) else v for n, v in step.inputs.items()}
        self.optimizer.apply(self.cast(step.g), self.params, **given)
        return [np.array(p.numpy()) for p in self.params]

    def left(self) -> Left:
        found = {v.name: v.numpy() for v in self.optimizer.variables}
        heads = [f"p{i}_" for i in range(len(self.params))]
        return Left(
            [{n.removeprefix(head): s for n, s in found.items() if n.startswith(head)} for head in heads],
            {n: float(v) for n, v in found.items() if not n.startswith(tuple(heads))},
        )


RUNS = {"numpy": OnNumPy, "torch": OnTorch, "jax": OnJAX, "tensorflow": OnKeras}
