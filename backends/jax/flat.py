"""Many small parameters as a few vectors: `ravel` makes them, `flat` lets a factory's rule run over them.

A step over a thousand arrays is a thousand times the work of calling a kernel, and of handing arrays in and out. Over
one vector it is one of each. Nothing is concatenated inside a step: parameters, gradients and slots stay vectors all
along, and the loss reads the parameters out of them.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax

from adaspec.build import made_of
from adaspec.lower import lower
from adaspec.words import spoken

from .pieces import whole_only


@dataclass(frozen=True, eq=False)
class Layout:
    """Where each parameter lies: of every leaf in the tree's order its shape, its dtype and the vector it is in.

    A compiled step compares the layouts of all that it is given at every call: `layout` makes equal ones the same.
    """

    structure: Any
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    vectors: tuple[str, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        return layout, (self.structure, self.shapes, self.dtypes, self.vectors)

    def __deepcopy__(self, memo: Any) -> Layout:
        return self

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.vectors))

    def places(self, vector: str) -> list[int]:
        return [i for i, name in enumerate(self.vectors) if name == vector]

    def joined(self, tree: Any) -> Flat:
        """A tree of this structure and these shapes as vectors, None where it has none. ValueError for any other."""
        leaves = self.structure.flatten_up_to(tree)
        if all(a is None for a in leaves):  # a slot that the rule goes without
            return Flat(dict.fromkeys(self.names), self)
        if odd := [jnp.shape(a) for a, shape in zip(leaves, self.shapes, strict=True) if jnp.shape(a) != shape]:
            raise ValueError(f"the tree holds an array of shape {odd[0]} where the parameters have none")
        parts = {name: [jnp.reshape(leaves[i], -1) for i in self.places(name)] for name in self.names}
        # Memory of its own, also of one parameter alone: a step may be given it to keep.
        return Flat({name: jnp.concatenate(p) if len(p) > 1 else jnp.array(p[0]) for name, p in parts.items()}, self)

    def parted(self, vectors: Mapping[str, Any]) -> Any:
        """The tree again."""
        leaves: list[Any] = [None] * len(self.shapes)
        for name in self.names:
            if vectors[name] is None:
                continue
            places = self.places(name)
            ends, end = [], 0
            for i in places[:-1]:
                end += math.prod(self.shapes[i])
                ends.append(end)
            for i, part in zip(places, jnp.split(vectors[name], ends), strict=True):
                leaves[i] = part.reshape(self.shapes[i])
        return self.structure.unflatten(leaves)

    def described(self) -> Any:
        """The tree of what is known of each parameter before there is any: shape and dtype."""
        rows = zip(self.shapes, self.dtypes, strict=True)
        return self.structure.unflatten([jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in rows])

    def uniform(self, mask: Any) -> dict[str, bool]:
        """A mask, as optax takes it, by vector. ValueError where a vector holds parameters of both kinds."""
        tree = self.described()
        chosen = mask(tree) if callable(mask) else mask
        spread = jax.tree.map(lambda decays, part: jax.tree.map(lambda _: bool(decays), part), chosen, tree)
        found = jax.tree.leaves(spread)
        out = {}
        for name in self.names:
            kinds = {found[i] for i in self.places(name)}
            if len(kinds) > 1:
                what = f"the mask holds for some parameters of the vector {name!r} and not for others"
                raise ValueError(f"{what}: part them, ravel(params, groups=mask)")
            out[name] = kinds.pop()
        return out


@functools.cache
def layout(structure: Any, shapes: Any, dtypes: Any, vectors: Any) -> Layout:
    """The one layout of these."""
    return Layout(structure, shapes, dtypes, vectors)


@jax.tree_util.register_pytree_with_keys_class
class Flat:
    """A tree of arrays as one vector for each dtype, and each group, a pytree of those.

    `vectors`: they, by name. `tree`: the arrays again, cut out of them, with their names, shapes and dtypes. What optax
    makes of a `Flat`, gradients, updates and slots, are `Flat`s too.
    """

    def __init__(self, vectors: Mapping[str, Any], layout: Layout) -> None:
        self.vectors = dict(vectors)
        self.layout = layout

    @property
    def tree(self) -> Any:
        return self.layout.parted(self.vectors)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}: {jnp.shape(v)}" for name, v in self.vectors.items())
        return f"Flat({len(self.layout.shapes)} arrays in {shown})"

    def tree_flatten_with_keys(self) -> tuple[list[tuple[Any, Any]], Layout]:
        return [(jax.tree_util.DictKey(name), vector) for name, vector in self.vectors.items()], self.layout

    def tree_flatten(self) -> tuple[list[Any], Layout]:
        return list(self.vectors.values()), self.layout

    @classmethod
    def tree_unflatten(cls, layout: Layout, vectors: Any) -> Flat:
        new = cls.__new__(cls)
        new.vectors, new.layout = dict(zip(layout.names, vectors, strict=True)), layout
        return new


def ravel(params: Any, *, groups: Any = None) -> Flat:
    """A tree of parameters as a `Flat`, copied.

    `groups`: a tree of labels like the parameters or a prefix of it, or a function of the parameters that makes one:
    parameters with different labels go into different vectors, as those that decay and those that do not.

    Raises TypeError for what is no floating or complex array, and where there is none at all.
    """
    rows, structure = jax.tree_util.tree_flatten_with_path(params)
    if not rows:
        raise TypeError("there is no parameter to ravel")
    for path, p in rows:
        if not jnp.issubdtype(jnp.result_type(p), jnp.inexact):
            where = jax.tree_util.keystr(path)
            raise TypeError(f"parameter {where} is {jnp.result_type(p)}: parameters are floating or complex arrays")
    labels = [""] * len(rows)
    if groups is not None:
        given = groups(params) if callable(groups) else groups
        spread = jax.tree.map(lambda label, part: jax.tree.map(lambda _: f"[{label}]", part), given, params)
        labels = jax.tree.leaves(spread)
    dtypes = tuple(jnp.result_type(p).name for _, p in rows)
    vectors = tuple(f"{dtype}{label}" for dtype, label in zip(dtypes, labels, strict=True))
    return layout(structure, tuple(jnp.shape(p) for _, p in rows), dtypes, vectors).joined(params)


def flat(factory: Callable[..., Any], /) -> Callable[..., Any]:
    """The factory of `adaspec.jax`, for parameters that `ravel` has made vectors of.

    Its transformations take and give `Flat`s. The numbers are those of the parameters one by one: of a rule that looks
    at a parameter as a whole, by its norm or its shape, they would not be, and it is refused with a ValueError.
    TypeError for what is no factory of adaspec.
    """
    spec = made_of(factory) if callable(factory) else None
    if spec is None:
        raise TypeError(f"flat takes a factory of adaspec.jax, as adaspec.jax.adam, not {factory!r}")
    if why := whole_only(lower(spoken(spec, "jax"))):
        raise ValueError(f"flat: {spec.name} {why}: it needs every parameter by itself")
    masks = "mask" in inspect.signature(factory).parameters and not any(h == "mask" for h in spec.hypers)

    @functools.wraps(factory)
    def flattened(*args: Any, **given: Any) -> optax.GradientTransformationExtraArgs:
        if masks and (mask := given.get("mask")) is not None:
            given["mask"] = lambda tree: Flat(tree.layout.uniform(mask), tree.layout)
        inner = factory(*args, **given)

        @functools.wraps(inner.init)
        def init_fn(params: optax.Params) -> Any:
            return inner.init(_checked(params, "params"))

        @functools.wraps(inner.update)
        def update_fn(updates: Any, state: Any, params: Any = None, **more: Any) -> tuple[Any, Any]:
            _checked(updates, "updates")
            return inner.update(updates, state, params, **more)

        made = inner._replace(init=init_fn, update=update_fn)
        vars(made).update(vars(inner))  # a rule's views
        return made

    return flattened


def _checked(tree: Any, name: str) -> Any:
    if not isinstance(tree, Flat):
        raise TypeError(
            f"{name} is a {type(tree).__name__}, not what adaspec.jax.ravel makes: flat factories take that"
        )
    return tree
