"""The Keras classes against the interpreter, on every spec. Their manners are in test_tensorflow_manners.py."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import adaspec
from problem import MATRICES_ONLY, VARIANTS, of_gradients_alone

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
pytestmark = [pytest.mark.needs_tensorflow, pytest.mark.sampled]

RULES = of_gradients_alone()
CASES = [(rule, hypers) for rule in RULES for hypers in ({}, *VARIANTS.get(rule, []))]
IDS = [f"{rule}-{'-'.join(hypers) or 'defaults'}" for rule, hypers in CASES]
SHAPES: list[tuple[int, ...]] = [(), (1,), (5,), (4, 3), (2, 2, 4, 3), (0,), (0, 3), (3, 0)]
MATRICES: list[tuple[int, ...]] = [(4, 3), (3, 5), (0, 3), (3, 0)]
WORDS = {"lr": "learning_rate", "eps": "epsilon", "beta1": "beta_1", "beta2": "beta_2", "beta3": "beta_3"}

ODD: dict[str, str] = {
    # Old values kept in other slots: nothing may be read after its Variable was assigned
    "lagged": """
def lagged(x: Param, g: Grad, m: Slot = zeros, m_old: Slot = zeros, m_last: Slot = zeros, x_old: Slot = copy,
           x_new: Slot = zeros, *, lr: Rate = 0.1, mu: Decay = 0.9, swap: Flag = False):
    before = m
    start = x
    if swap:
        u = g
    else:
        m = mu * m + g
        u = m
    m_last = m
    m = m + g
    x = x - lr * (u + m_old)
    m_old = x_old if swap else before
    x_old = start
    x_new = x
    return x, m, m_old, m_last, x_old, x_new
""",
    # Every way for a slot to begin and to be absent, flags, counts and None
    "beginnings": """
def beginnings(x: Param, g: Grad, t: Step, a: Slot = ones, b: Slot = full(0.25), c: Slot = first_grad,
               d: Slot = ones.without(-2), e: Slot = full(2.0).scalar, f: Slot = zeros.without(-1), *,
               lr: Rate = 0.1, rounds: Count = 3, signs: Flag = True, bound: Optional[Positive] = None,
               power: Real = -0.5):
    a = 0.5 * a + g**2
    b = b + abs(g) if signs else b - 1
    c = 0.9 * c + 0.1 * g
    if x.ndim >= 2:
        d = maximum(d, max(abs(g), axis=-2))
        u = c / d[..., None, :]
    elif bound is not None:
        u = clip(c, -bound, bound)
    else:
        u = where(abs(c) > 0.5, 1.0, -0.1 * c)
    for _ in range(rounds):
        u = 1.5 * u - 0.5 * u * tanh(u)
    if x.ndim == 3:
        f = f + mean(g, axis=-1)
    e = minimum(e + norm(u) / rms(g), 100.0)
    x = x - lr * t**power * u * e / (sqrt(a) + floor(b) + 0.3**t + rsqrt(a) + log1p(a) * exp(-a) * expm1(-b) * sign(g))
    return x, a, b, c, d, e, f
""",
    # Three phases, a shared scalar kept from the step before, weight decay within a scalar of the model
    "whole": """
def whole(x: Param, g: Grad, t: Step, m: Slot = zeros, n: Slot = zeros, size: Shared = 1.0, last: Shared = 2.0, *,
          lr: Rate = 0.1, weight_decay: Rate = 0.1, beta: Decay = 0.9, half: Flag = False):
    keep = exp(-lr * weight_decay)
    m = beta * m + (1 - beta) * g / size
    last = size
    size = sqrt(total(sum(m**2)))
    u = m / (size + last)
    share = total(sum(abs(u)))
    if half:
        n = u
        w = share / 2
    else:
        n = n + u
        w = share
    spread = total(max(abs(n)))
    x = keep * x - lr * n / (w + spread * t)
    return x, m, n, size, last
""",
    # Names that Keras or the generated module needs for itself
    "clashes": """
@view("eval")
def shown(variable: Param, held: Slot, *, ops: Rate):
    return variable + held * ops


def clashes(variable: Param, gradient: Grad, index: Step, variables: Slot = zeros, lock: Slot = zeros,
            held: Slot = zeros, view_eval: Slot = zeros, self: Slot = zeros, m: Slot = zeros, *,
            lr: Rate = 0.1, name: Positive = 0.5, iterations: Decay = 0.9, build: Rate = 0.1, learning_rate: Rate = 0.3,
            clipnorm: Positive = 2.0, eps: Positive = 1e-3, epsilon: Positive = 1e-2, beta_1: Decay = 0.1,
            ops: Rate = 0.2, len: Rate = 0.5):
    dtype = iterations * variables + build * gradient + learning_rate
    math = sqrt(gradient**2 + eps) * clipnorm + epsilon + beta_1 + ops + len
    variables = dtype
    lock = lock + name**index
    held = math
    view_eval = view_eval + held
    self = self + 1
    m = m + gradient
    variable = variable - lr * dtype / math / self - lr * m / (1 + lock)
    return variable, variables, lock, held, view_eval, self, m
""",
    # No learning rate, no state, a hyperparameter bound anew
    "bare": """
def bare(p: Param, d: Grad, t: Step, *, rate: Rate = 0.1, beta1: Decay = 0.5):
    beta1 = beta1 / 2
    rate = rate * (1 - beta1**t)
    p = p - rate * d
    return p
""",
}


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    """The learning rate lives in a Variable of floatx."""
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


def parsed(rule: str) -> Any:
    return adaspec.parse(f'"""A rule. Nobody, 2026."""\n\nfrom adaspec.lang import *\n\n\n{rule.strip()}\n')


def arrays(shapes: list[tuple[int, ...]], steps: int, seed: int = 0) -> tuple[list[Any], list[list[Any]]]:
    """Parameters and gradients: noise about a lasting direction."""
    rng = np.random.default_rng(seed)
    means = [rng.normal(size=s) for s in shapes]
    params = [np.asarray(rng.normal(size=s)) for s in shapes]
    return params, [[np.asarray(m + rng.normal(size=m.shape) / 2) for m in means] for _ in range(steps)]


def shapes_of(rule: str) -> list[tuple[int, ...]]:
    return MATRICES if rule in MATRICES_ONLY else SHAPES


def variables(params: list[Any], dtype: str = "float64") -> list[Any]:
    return [keras.Variable(p, dtype=dtype, name=f"w{i}") for i, p in enumerate(params)]


def optimizer(spec: Any, **hypers: Any) -> Any:
    spec = adaspec.load(spec) if isinstance(spec, str) else spec
    return adaspec.build(spec, "tensorflow")(**{WORDS.get(n, n): v for n, v in hypers.items()})


def tensors(grads: list[Any], dtype: str = "float64") -> list[Any]:
    return [tf.convert_to_tensor(np.asarray(g), dtype) for g in grads]


def assert_close(got: Any, wanted: Any, tolerance: float, what: str = "") -> None:
    """Relative to the largest element of the array, or to 1 where that is smaller."""
    got = keras.ops.convert_to_numpy(keras.ops.cast(got, "float64"))
    assert got.shape == np.shape(wanted), what
    gap = np.max(np.abs(got - wanted), initial=0.0)
    assert gap <= tolerance * max(1.0, np.max(np.abs(wanted), initial=0.0)), f"{what}: {gap}"


def assert_state(opt: Any, state: Any, tolerance: float) -> None:
    """The variables are the interpreter's slots and shared scalars, by name, and no others but Keras's own."""
    own = {v.path.split("/")[-1]: v for v in opt.variables}
    assert len(own) == len(opt.variables)
    wanted = {f"w{path}_{slot}": value for path, slots in state.slots.items() for slot, value in slots.items()}
    wanted |= state.shared
    extra = {"iteration", "learning_rate"} & set(own)
    extra |= {"view-shown", *(f"w{path}_view-held" for path in state.slots)} if hasattr(opt, "swap_view") else set()
    assert set(own) == set(wanted) | extra
    for name, value in wanted.items():
        assert_close(own[name], value, tolerance, name)


def compiled(opt: Any, held: list[Any], xla: bool = False) -> Any:
    return tf.function(lambda grads: opt.apply(grads, held), jit_compile=xla)


def follow(spec: Any, hypers: dict[str, Any], params: list[Any], grads: list[list[Any]], apply: Any = None) -> None:
    """Run both sides: the parameters agree after every step, all state and every view at the end."""
    spec = adaspec.load(spec) if isinstance(spec, str) else spec
    held, opt = variables(params), optimizer(spec, **hypers)
    meaning = adaspec.interpret(spec, **hypers)
    state = meaning.init(params)
    opt.build(held)
    step = apply(opt, held) if apply else opt.apply
    for g in grads:
        step(tensors(g))
        params, state = meaning.step(params, g, state)
        for i, (v, value) in enumerate(zip(held, params, strict=True)):
            assert_close(v, value, 1e-12, f"variable {i} {v.shape}")
    assert_state(opt, state, 1e-12)
    for label in spec.views:
        for wanted in (meaning.view(label, params, state), params):
            opt.swap_view(label)
            for v, value in zip(held, wanted, strict=True):
                assert_close(v, value, 1e-12, f"view {label}")


@pytest.mark.parametrize(("rule", "hypers"), CASES, ids=IDS)
def test_trajectory(rule: str, hypers: dict[str, Any]) -> None:
    """Thirty steps in float64 stay within 1e-12 of the interpreter: variables, slots and shared scalars."""
    follow(rule, hypers, *arrays(shapes_of(rule), 30))


@pytest.mark.parametrize("rule", RULES)
def test_graph(rule: str) -> None:
    follow(rule, {}, *arrays(shapes_of(rule), 10), apply=compiled)


@pytest.mark.parametrize("rule", ["adam", "adax", "lamb", "adafactor", "muon", "schedule_free", "prodigy", "adamx"])
def test_xla(rule: str) -> None:
    follow(rule, {}, *arrays(shapes_of(rule), 5), apply=partial(compiled, xla=True))


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
@pytest.mark.parametrize(
    ("name", "hypers"),
    [("lagged", {}), ("lagged", {"swap": True}), ("whole", {}), ("whole", {"half": True}), ("clashes", {}),
     ("bare", {}), ("beginnings", {}), ("beginnings", {"bound": 0.2, "signs": False, "rounds": 0, "power": 0.5})],
)  # fmt: skip
def test_odd_rules(name: str, hypers: dict[str, Any], graph: bool) -> None:
    """What no spec of the library does, and the language allows."""
    spec = parsed(ODD[name])
    shapes = SHAPES if name == "beginnings" else SHAPES[1:]
    follow(spec, hypers, *arrays([*shapes, (2, 3, 2)], 6), apply=compiled if graph else None)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_take_the_dtype_of_the_variable(dtype: str) -> None:
    """Two Python numbers to choose from would make a tensor of floatx, and 0.1 of float32 is not 0.1."""
    keras.config.set_floatx("float32" if dtype == "float64" else "float64")
    spec = parsed("def s(x: Param, g: Grad, *, lr: Rate = 1.0):\n    x = x - where(g > lr, 0.1, -0.7)\n    return x")
    (x,) = variables([np.zeros(2)], dtype)
    optimizer(spec).apply(tensors([[2.0, 0.5]], dtype), [x])
    assert np.array_equal(x.numpy(), np.asarray([-0.1, 0.7], dtype))


@pytest.mark.parametrize("t", [256, 2048, 2**24, 10**8, 2**31 - 2])
@pytest.mark.parametrize("rule", [r for r in RULES if r != "adax_raw"])
def test_late_steps(rule: str, t: int) -> None:
    """A schedule at any t up to 2**31: the right numbers."""
    params, grads = arrays(shapes_of(rule)[:4], 2)
    held, opt, meaning = variables(params), optimizer(rule), adaspec.interpret(rule)
    state = meaning.init(params)
    for k, g in enumerate(grads):
        if k == 1:
            opt.iterations.assign(t)
            state = type(state)(t, dict.fromkeys(state.steps, t), state.slots, state.shared)
        opt.apply(tensors(g), held)
        params, state = meaning.step(params, g, state)
    for v, value in zip(held, params, strict=True):
        assert_close(v, value, 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("rule", RULES)
def test_narrow_variables(rule: str, dtype: str) -> None:
    """Slots and arithmetic are float32, and half precision is rounded once, at the end."""
    keras.config.set_floatx("float32")
    params, grads = arrays(shapes_of(rule), 2)
    params = [keras.ops.convert_to_numpy(keras.ops.cast(keras.ops.cast(p, dtype), "float64")) for p in params]
    narrow, wide, opt, other = variables(params, dtype), variables(params, "float32"), optimizer(rule), optimizer(rule)
    opt.apply(tensors(grads[0], dtype), narrow)
    other.apply([keras.ops.cast(g, "float32") for g in tensors(grads[0], dtype)], wide)
    for v, w in zip(narrow, wide, strict=True):
        assert v.dtype == dtype
        assert np.array_equal(
            *(keras.ops.convert_to_numpy(keras.ops.cast(a, "float64")) for a in (v, keras.ops.cast(w, dtype)))
        )
    shared = set(adaspec.load(rule).shared)
    for v in opt.variables[2:]:
        name = v.path.split("/")[-1]
        assert v.dtype == ("float64" if name in shared else "int32" if name == "view-shown" else "float32")
    meaning = adaspec.interpret(rule)
    wanted, _ = meaning.step(params, [np.asarray(g, dtype="float64") for g in grads[0]], meaning.init(params))
    if dtype == "float32":
        for v, value in zip(narrow, wanted, strict=True):
            assert_close(v, value, 1e-5, rule)
