"""State of a chosen rank: the shapes that it has everywhere, what fills it, and what does not fit."""

from __future__ import annotations

import importlib
from typing import Any

import array_api_strict
import numpy as np
import pytest

import adaspec
from adaspec.verification import DECOMPOSED_BOUND, Report, shapes_for

TARGETS = [
    pytest.param("numpy"),
    pytest.param("torch", marks=pytest.mark.needs_torch),
    pytest.param("jax", marks=pytest.mark.needs_jax),
    pytest.param("tensorflow", marks=pytest.mark.needs_tensorflow),
]
HEAD = '"""Test: state of a chosen rank. Test, 2026."""\n\nfrom adaspec.lang import *\n\n\n'


def spec_of(*lines: str, slots: str = "") -> adaspec.Spec:
    """A rule with these statements; it has a rate and a rank."""
    lines = lines if any("lr *" in line for line in lines) else (*lines, "x = x - lr * 0 * g")
    lines = lines if any("rank" in line for line in (*lines, slots)) else (*lines, "x = x * rank / rank")
    body = "".join(f"    {line}\n" for line in lines)
    names = "".join(f", {part.partition(':')[0].strip()}" for part in slots.split(", ") if ":" in part)
    head = f"def test(x: Param, g: Grad, {slots}{', ' if slots else ''}*, lr: Rate = 0.5, rank: Count = 2):\n"
    return adaspec.parse(f"{HEAD}{head}{body}    return x{names}\n")


def step(target: str, spec: adaspec.Spec, g: np.ndarray) -> np.ndarray:
    """What an array of zeros becomes in one step."""
    x = np.zeros(g.shape)
    if target == "interpreter":
        opt = adaspec.interpret(spec)
        return opt.step([x], [g], opt.init([x]))[0][0]
    session = importlib.import_module(f"adaspec.backends.{target}.session")
    run = session.Session(adaspec.build(spec, target), [x], str(g.dtype), session.MODES[-1])
    try:
        return run.step([g])[0]
    finally:
        run.close()


# The singular value decomposition


def by_hand(a: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One vector after the other, each with the sign of its largest element."""
    u, s, v = np.linalg.svd(a, full_matrices=False)
    for i in range(len(s)):
        sign = np.sign(u[np.abs(u[:, i]).argmax(), i])
        u[:, i], v[i] = sign * u[:, i], sign * v[i]
    return u[:, :rank], s[:rank], v[:rank]


@pytest.mark.parametrize("shape", [(4, 4), (6, 4), (3, 8)], ids=str)
@pytest.mark.parametrize("target", ["interpreter", *TARGETS])
def test_svd_is_one_and_the_same(target: str, shape: tuple[int, ...]) -> None:
    """The sign of u is seen beside |v|, that of v beside |u|."""
    g = np.random.default_rng(0).normal(size=shape)
    for rank in (1, 2, 9):
        u, s, v = by_hand(g, rank)
        for value, wanted in {
            "(u * s[..., None, :]) @ v": (u * s) @ v,
            "u @ abs(v)": u @ abs(v),
            "abs(u) @ v": abs(u) @ v,
            "u @ (s[..., :, None] * abs(v))": (u * s) @ abs(v),
        }.items():
            found = step(target, spec_of(f"u, s, v = svd(g, {rank})", f"x = x + {value}"), g)
            np.testing.assert_allclose(found, wanted, atol=1e-13)


@pytest.mark.parametrize("target", ["interpreter", *TARGETS])
def test_a_batch_of_matrices_and_a_transposed_one(target: str) -> None:
    g = np.random.default_rng(1).normal(size=(2, 3, 5, 4))
    found = step(target, spec_of("u, _, v = svd(g, rank)", "x = x + abs(u) @ v"), g)
    turned = step(target, spec_of("u, _, v = svd(g.T, rank)", "x = x + (abs(u) @ v).T"), g)
    for place in np.ndindex(2, 3):
        u, _, v = by_hand(g[place], 2)
        np.testing.assert_allclose(found[place], abs(u) @ v, atol=1e-13)
        u, _, v = by_hand(g[place].T, 2)
        np.testing.assert_allclose(turned[place], (abs(u) @ v).T, atol=1e-13)


def test_a_helper_and_an_unfolded_array() -> None:
    text = (
        f"{HEAD}def best(a: Array, rank: Count):\n"
        "    u, s, v = svd(a, rank)\n    return (u * s[..., None, :]) @ v\n\n\n"
        "def test(x: Param, g: Grad, *, r: Count = 2):\n"
        "    for i in range(x.ndim):\n        x = x + fold(best(unfold(g, i), r), i)\n    return x\n"
    )
    g = np.random.default_rng(2).normal(size=(3, 4, 5))
    wanted = np.zeros_like(g)
    for i in range(3):
        u, s, v = by_hand(np.moveaxis(g, i, 0).reshape(g.shape[i], -1), 2)
        whole = [n for j, n in enumerate(g.shape) if j != i]
        wanted += np.moveaxis(((u * s) @ v).reshape(g.shape[i], *whole), 0, i)
    for target in ("interpreter", "numpy"):
        np.testing.assert_allclose(step(target, adaspec.parse(text), g), wanted, atol=1e-13)


def test_the_interpreter_needs_the_array_api_alone() -> None:
    g = np.random.default_rng(0).normal(size=(5, 3))
    opt = adaspec.interpret("galore", rank=2)
    x = array_api_strict.asarray(np.zeros((5, 3)))
    new, state = opt.step([x], [array_api_strict.asarray(g)], opt.init([x]))
    again, _ = opt.step([np.zeros((5, 3))], [g], opt.init([np.zeros((5, 3))]))
    assert state.slots["0"]["p"].shape == (5, 2)
    np.testing.assert_allclose(np.asarray(new[0]), again[0], rtol=1e-12)


# Shapes

CUT = spec_of(
    "if x.ndim >= 2:",
    "    u, _, v = svd(g, rank)",
    "    a = 0.5 * a + u / 2",
    "    b = b + v",
    "    x = x - lr * a @ b",
    slots='a: Slot = zeros.cut(-1, "rank"), b: Slot = full(0.5).cut(-2, "rank")',
)


def test_the_shapes_of_a_rank() -> None:
    def shapes(*shape: int, **hypers: int) -> dict[str, tuple[int, ...]]:
        return {name: slot.shape for name, slot in CUT.state(shape, **hypers).items()}

    assert shapes(6, 4) == {"a": (6, 2), "b": (2, 4)}
    assert shapes(6, 4, rank=9) == {"a": (6, 4), "b": (4, 4)} and shapes(3, 8, rank=9) == {"a": (3, 3), "b": (3, 8)}
    assert shapes(5, 2, 3, 8) == {"a": (5, 2, 3, 2), "b": (5, 2, 2, 8)}
    assert shapes(7) == {}
    galore = adaspec.load("galore").state((300, 200), rank=8)
    assert sum(np.prod(slot.shape) for slot in galore.values()) == 300 * 8 + 2 * 8 * 200


def test_the_text_says_it() -> None:
    assert adaspec.parse(CUT.text) == CUT
    assert 'b: Slot = full(0.5).cut(-2, "rank")' in CUT.text
    other = spec_of("b = b / 2", "x = x - lr * g * sum(b)", slots="b: Slot = ones.cut(-2, 3)")
    assert other.slots["b"].init.rank == 3 and adaspec.parse(other.text) == other
    assert other.replace(b='zeros.cut(-2, "rank")').state((5, 4))["b"].shape == (2, 4)


def test_a_rank_is_read_though_no_statement_does() -> None:
    """Of a rule that fills its state with something else than singular vectors."""
    lines = ("b = 0.5 * b", "x = x - lr * g * mean(b)")
    spec = spec_of(*lines, slots='b: Slot = ones.cut(-2, "rank")')
    assert list(spec.replace(lr=0.1).hypers) == ["lr", "rank"]
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        adaspec.interpret(spec).init([np.ones(3)])


def test_a_call_gives_the_rank() -> None:
    head = f"{HEAD}def mine(x: Param, g: Grad, t: Step, *, k: Count = 3):\n"
    text = head + "    x = galore(x, g, t, rank={}) * k / k\n    return x\n"
    fixed, passed = (adaspec.parse(text.format(given)) for given in ("4", "k"))
    assert fixed.slots["galore_p"].init.rank == 4 and passed.slots["galore_p"].init.rank == "k"
    assert fixed.state((9, 8))["galore_m_p"].shape == (4, 8) and passed.state((9, 8), k=2)["galore_p"].shape == (9, 2)
    with pytest.raises(adaspec.SpecError, match="static"):
        adaspec.parse(text.format("t"))
    wrapped = adaspec.load("lookahead(galore)")
    assert wrapped.state((3, 8), rank=2)["galore_q"].shape == (2, 8)
    own = text.replace("def mine", "def wrap").replace("k: Count", 'inner: Rule = "galore", rank: Count')
    own = adaspec.parse(own.replace("galore(x, g, t, rank={}) * k / k", "x - 0.5 * (x - inner(x, g, t)) * rank"))
    assert own.slots["galore_p"].init.rank == "galore_rank"
    report = adaspec.verify(own, ["numpy"], steps=5, dtypes=("float64",))
    assert report.ok, str(report)


@pytest.mark.parametrize("rank", [1, 2, 9])
@pytest.mark.parametrize("target", TARGETS)
def test_every_target(target: str, rank: int) -> None:
    report = adaspec.verify(CUT.replace(rank=rank), [target], steps=10, dtypes=("float64",))
    assert report.ok and {r.bound for r in report.results} == {DECOMPOSED_BOUND}, str(report)


def test_verification_takes_tall_and_wide_gradients() -> None:
    galore = adaspec.load("galore")
    assert {(5, 4), (3, 8)} <= set(shapes_for(galore))
    assert Report(galore, 1, (), ()).note.endswith("gradients of full rank")


# State that is kept


def test_numpy_refuses_state_of_another_rank() -> None:
    opt: Any = adaspec.build(adaspec.load("galore"), "numpy")(rank=2)
    params, grads = [np.ones((5, 4))], [np.random.default_rng(0).normal(size=(5, 4))]
    state = opt.init(params)
    assert state["slots"]["0"]["p"].shape == (5, 2) and state["slots"]["0"]["m"] is None
    opt.step(params, grads, state)
    opt.rank = 3
    with pytest.raises(ValueError, match=r"'p' of '0' is float64 of shape \(5, 2\).*shape \(5, 3\)"):
        opt.step(params, grads, state)


@pytest.mark.needs_torch
def test_torch_saves_and_loads_and_refuses_another_rank() -> None:
    import torch

    cls: Any = adaspec.build(adaspec.load("galore"), "torch")

    def started(rank: int, dtype: Any = torch.float64) -> tuple[Any, Any]:
        p: Any = torch.nn.Parameter(torch.ones(3, 8, dtype=dtype))
        p.grad = torch.arange(24.0, dtype=dtype).view(3, 8).sin()
        return p, cls([{"params": [p], "rank": rank}])

    p, opt = started(2)
    opt.step()
    assert {n: tuple(s.shape) for n, s in opt.state[p].items()} == {
        "step": (),
        "q": (2, 8),
        "m_q": (3, 2),
        "v_q": (3, 2),
    }
    again, other = started(2)
    again.data.copy_(p.data)
    other.load_state_dict(opt.state_dict())
    for each in (opt, other):
        each.step()
    torch.testing.assert_close(again, p, rtol=0, atol=0)
    saved = opt.state_dict()
    saved["param_groups"][0]["rank"] = 3
    _, third = started(3)
    third.step()
    with pytest.raises(ValueError, match="of another shape"):
        third.load_state_dict(saved)
    half, narrow = started(2, torch.bfloat16)
    narrow.step()
    assert {s.dtype for n, s in narrow.state[half].items() if n != "step"} == {torch.float32}


@pytest.mark.needs_jax
def test_jax_traces_init_and_update() -> None:
    import jax
    import optax

    factory: Any = adaspec.build(adaspec.load("galore"), "jax")
    params = {"w": jax.numpy.ones((6, 4)), "b": jax.numpy.ones(4)}
    tx = optax.inject_hyperparams(factory, static_args=("rank", "gap"))(learning_rate=0.1, rank=2, gap=5)
    state = jax.jit(tx.init)(params)
    assert state.inner_state.p["w"].shape == (6, 2) and state.inner_state.p["b"] is None
    shapes = jax.eval_shape(lambda s: tx.update(params, s, params)[1], state)
    assert jax.tree.map(jax.numpy.shape, shapes) == jax.tree.map(jax.numpy.shape, state)


@pytest.mark.needs_tensorflow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own, as it saves
def test_keras_saves_and_loads(tmp_path: Any) -> None:
    import keras

    cls: Any = adaspec.build(adaspec.load("galore"), "tensorflow")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 6)).astype("float32"), rng.normal(size=(32, 4)).astype("float32")
    model: Any = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])
    model.compile(cls(rank=2, gap=3), loss="mse")
    model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0)
    sizes = {v.path.rpartition("kernel_")[2]: tuple(v.shape) for v in model.optimizer.variables if "kernel" in v.path}
    assert sizes == {"p": (6, 2), "m_p": (2, 4), "v_p": (2, 4)}
    model.save(tmp_path / "model.keras")
    again: Any = keras.models.load_model(tmp_path / "model.keras")
    for one in (model, again):
        one.fit(x, y, epochs=1, batch_size=8, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("target", ["interpreter", *TARGETS])
def test_a_rank_of_0_is_refused_where_a_matrix_has_it(target: str) -> None:
    for shape in ((4, 3), (3,)):
        spec = adaspec.load("galore").replace(rank=0)
        try:
            step(target, spec, np.ones(shape))
        except ValueError as error:
            assert len(shape) == 2 and "`rank` is at least 1" in str(error)
        else:
            assert len(shape) == 1
