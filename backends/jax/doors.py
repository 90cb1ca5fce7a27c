"""What stands before a rule in a generated module: other names for its keywords, dtypes of slots, complex parameters.

Each part is printed where the module needs it; of a helper that two kinds of rule need, the kind that takes complex
parameters has a text of its own here, which stands in the place of the one in prelude.py.
"""

from __future__ import annotations

NAMED = '''
_Factory = TypeVar("_Factory", bound=Callable[..., Any])


def _named(**names: str) -> Callable[[_Factory], _Factory]:
    """The names that the rule itself has for hyperparameters are keywords too; an unknown one is a TypeError."""

    def decorate(factory: _Factory) -> _Factory:
        known = inspect.signature(factory).parameters

        @functools.wraps(factory)
        def named(*args: Any, **given: Any) -> Any:
            for name in [n for n in given if n not in known]:
                if name not in names:
                    near = difflib.get_close_matches(name, [*known, *names], 1)
                    hint = f"did you mean {names.get(near[0], near[0])!r}?" if near else f"it takes {', '.join(known)}"
                    raise TypeError(f"{factory.__name__}() got an unexpected keyword argument {name!r}: {hint}")
                if names[name] in given:
                    both = f"{names[name]!r} and {name!r}, which say the same: give one of them"
                    raise TypeError(f"{factory.__name__}() got {both}")
                given[names[name]] = given.pop(name)
            return factory(*args, **given)

        return named  # type: ignore[return-value]

    return decorate
'''
"""Printed in front of the factory, which it decorates."""

MASK = {
    "_decayed_where": '''
def _decayed_where(mask: Any, decayed: Any, plain: Any, *slots: str) -> optax.GradientTransformationExtraArgs:
    """Weight decay where the mask is true: of each array the update and the slots with it, or without."""

    def update_fn(
        updates: optax.Updates, state: Any, params: optax.Params | None = None, **extra_args: Any
    ) -> tuple[optax.Updates, Any]:
        chosen = mask(updates if params is None else params) if callable(mask) else mask

        def pick(a: Any, b: Any) -> Any:
            return jax.tree.map(lambda decays, a, b: a if decays else b, chosen, a, b)

        (update, after), (other, kept) = (tx.update(updates, state, params, **extra_args) for tx in (decayed, plain))
        return pick(update, other), after._replace(**{n: pick(getattr(after, n), getattr(kept, n)) for n in slots})

    return optax.GradientTransformationExtraArgs(decayed.init, update_fn)
''',
}

DTYPES = {
    "_dtypes": '''
def _dtypes(asked: Any, *slots: str) -> dict[str, Any]:
    """The dtype that is asked for each slot, None where none is."""
    given = asked if isinstance(asked, Mapping) else dict.fromkeys(slots, asked)
    if odd := [name for name in given if name not in slots]:
        raise ValueError(f"Invalid slot_dtype: {odd[0]!r} is none of the slots {', '.join(slots)}")
    for name, dtype in given.items():
        if dtype is not None and jnp.dtype(dtype).name not in ("bfloat16", "float16", "float32", "float64"):
            raise TypeError(f"Invalid slot_dtype: {dtype!r} of {name!r} is none of bfloat16, float16, float32, float64")
    return {name: given.get(name) for name in slots}
''',
    "_kept": '''
def _kept(p: Any, dtype: Any) -> Any:
    """The dtype of a slot of p: the one that is asked for, else float32, or that of p where it is wider."""
    return _wide(p) if dtype is None else dtype
''',
}

COMPLEX = {
    "_kept": '''
def _kept(p: Any, dtype: Any) -> Any:
    """The dtype of a slot of p: the one that is asked for, else float32, or that of p where it is wider.

    Of a complex p it is that of the parts.
    """
    dtype = _wide(p) if dtype is None else dtype
    if not jnp.iscomplexobj(p):
        return dtype
    if jnp.finfo(dtype).bits < 32:
        raise TypeError(f"Invalid slot_dtype: there are no complex numbers of two {jnp.dtype(dtype).name}")
    return jnp.result_type(dtype, jnp.complex64)
''',
    "_filled": '''
def _filled(p: Any, value: Any, dtype: Any) -> jax.Array:
    """An array like p of one number, which is either part of a complex one."""
    return jnp.full_like(p, value * (1 + 1j) if jnp.iscomplexobj(p) else value, dtype)
''',
    "_now": '''
def _now(value: Any, count: jax.Array, dtype: Any) -> Any:
    """A hyperparameter at this step. Numbers stay numbers: what they decide alone is computed in float64.

    `optax.inject_hyperparams` makes it complex where the parameters are.
    """
    value = value(count) if callable(value) else value
    if value is None:
        return None
    return float(value) if isinstance(value, int | float) else jnp.asarray(jnp.real(value), dtype)
''',
    "_wide": '''
def _wide(*arrays: Any) -> Any:
    """The dtype to compute in: that of the arrays or of their parts, and never narrower than float32."""
    return jnp.finfo(jnp.result_type(jnp.float32, *arrays)).dtype
''',
    "_floating": '''
def _floating(params: optax.Params) -> list[tuple[str, Any]]:
    """The parameters with their paths. TypeError if one is neither floating nor complex."""
    found = [(jax.tree_util.keystr(path), p) for path, p in jax.tree_util.tree_leaves_with_path(params)]
    for path, p in found:
        if not jnp.issubdtype(jnp.result_type(p), jnp.inexact):
            raise TypeError(f"parameter {path} is {jnp.result_type(p)}: parameters are floating or complex arrays")
    return found
''',
    "_widened": '''
def _widened(leaf: Any, like: Any) -> Any:
    """An array in float32 or wider, and of a complex one the parts, on a last axis. All else stays what it is."""
    if leaf is None or isinstance(leaf, bool | int | float):
        return leaf
    like = leaf if like is None else like
    parts = jnp.iscomplexobj(leaf)
    if parts != jnp.iscomplexobj(like) and jnp.ndim(leaf) == jnp.ndim(like) and (parts or jnp.ndim(leaf)):
        both = "a gradient, its parameter, slots and inputs are all real, or all complex"
        raise TypeError(f"{jnp.result_type(leaf)} beside {jnp.result_type(like)}: {both}")
    return jnp.asarray(jnp.stack((leaf.real, leaf.imag), -1) if parts else leaf, _wide(leaf, like))
''',
    "_cast": '''
def _cast(tree: Any, like: Any) -> Any:
    """Round once, at the end, to the dtypes of `like`; parts are complex numbers again."""

    def cast(a: Any, b: Any) -> jax.Array:
        if not jnp.iscomplexobj(b):
            return jnp.broadcast_to(a, jnp.shape(b)).astype(jnp.result_type(b))
        parts = jnp.broadcast_to(a, (*jnp.shape(b), 2)).astype(jnp.finfo(jnp.result_type(b)).dtype)
        return jax.lax.complex(parts[..., 0], parts[..., 1])

    return jax.tree.map(cast, tree, like)
''',
}
"""The helpers of a rule that takes complex parameters."""
