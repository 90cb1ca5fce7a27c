"""Matrix functions: their invariants everywhere, their values where every library must agree, and what refuses them."""

from __future__ import annotations

import importlib
from typing import Any

import array_api_strict
import numpy as np
import pytest

import adaspec
from adaspec.verification import Report, decompositions, full_rank, shapes_for

HEAD = '"""Test: a matrix function. Test, 2026."""\n\nfrom adaspec.lang import *\n\n\n'
TARGETS = [
    pytest.param("numpy"),
    pytest.param("torch", marks=pytest.mark.needs_torch),
    pytest.param("jax", marks=pytest.mark.needs_jax),
    pytest.param("tensorflow", marks=pytest.mark.needs_tensorflow),
]


def becomes(*lines: str) -> adaspec.Spec:
    """The rule after which the parameter, once the identity, is the last line's value."""
    *body, value = lines
    text = "".join(f"    {line}\n" for line in (*body, f"x = {value} + 0 * x"))
    return adaspec.parse(f"{HEAD}def test(x: Param, g: Grad):\n{text}    return x\n")


def on(target: str, spec: adaspec.Spec, g: np.ndarray, mode: str | None = None) -> np.ndarray:
    """What the identity becomes on this target; a square matrix q of the rule is seen as `q @ x`."""
    x = np.array(np.broadcast_to(np.eye(g.shape[-1]), g.shape))
    if target == "interpreter":
        opt = adaspec.interpret(spec)
        return opt.step([x], [g], opt.init([x]))[0][0]
    session = importlib.import_module(f"adaspec.backends.{target}.session")
    run = session.Session(adaspec.build(spec, target), [x], str(g.dtype), mode or session.MODES[0])
    try:
        return run.step([g])[0]
    finally:
        run.close()


def matrix(*shape: int, rank: int | None = None, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if rank is None:
        return rng.normal(size=shape)
    return rng.normal(size=(shape[0], rank)) @ rng.normal(size=(rank, shape[1]))


EVERYWHERE = [pytest.param("interpreter"), *TARGETS]
PROBLEMS = {"full rank": matrix(6, 6), "a null space": matrix(6, 6, rank=2), "diagonal": np.diag([3.0, 1.0, 1.0, 2.0])}


@pytest.mark.parametrize("g", PROBLEMS.values(), ids=PROBLEMS.keys())
@pytest.mark.parametrize("target", EVERYWHERE)
def test_eigh_decomposes(target: str, g: np.ndarray) -> None:
    """Q is orthogonal, Q diag(w) Qᵀ the matrix, w ascends: whatever basis a library takes for a null space."""
    a = g @ g.T
    q = on(target, becomes("w, q = eigh(g @ g.T)", "q @ x"), g)
    np.testing.assert_allclose(q.T @ q, np.eye(len(a)), atol=1e-14)
    again = on(target, becomes("w, q = eigh(g @ g.T)", "(q * w[..., None, :]) @ q.T @ x"), g)
    np.testing.assert_allclose(again, a, atol=1e-13 * np.abs(a).max())
    w = np.diag(on(target, becomes("w, _ = eigh(g @ g.T)", "w[..., None] * x"), g))
    np.testing.assert_allclose(w, np.linalg.eigvalsh(a), atol=1e-13 * np.abs(a).max())
    assert (np.diff(w) >= 0).all()


@pytest.mark.parametrize("target", EVERYWHERE)
def test_qr_is_one_and_the_same(target: str) -> None:
    """Full rank and a nonnegative diagonal leave no choice."""
    g = matrix(6, 6) @ matrix(6, 6, seed=1)
    a = g @ g.T
    q, r = np.linalg.qr(a)
    sign = np.sign(np.diag(r))
    q, r = q * sign, r * sign[:, None]
    np.testing.assert_allclose(on(target, becomes("q, _ = qr(g @ g.T)", "q @ x"), g), q, atol=1e-10)
    np.testing.assert_allclose(on(target, becomes("_, r = qr(g @ g.T)", "r @ x"), g), r, atol=1e-10 * np.abs(a).max())
    assert (np.diag(on(target, becomes("_, r = qr(g @ g.T)", "r @ x"), g)) > 0).all()


@pytest.mark.parametrize("target", EVERYWHERE)
def test_qr_of_a_null_space_is_a_decomposition(target: str) -> None:
    g = matrix(6, 6, rank=3)
    q, r = (on(target, becomes("q, r = qr(g @ g.T)", f"{name} @ x"), g) for name in "qr")
    np.testing.assert_allclose(q.T @ q, np.eye(6), atol=1e-14)
    np.testing.assert_allclose(q @ r, g @ g.T, atol=1e-13 * np.abs(g @ g.T).max())
    np.testing.assert_allclose(np.tril(r, -1), 0)
    assert (np.diag(r) >= 0).all()


A = matrix(5, 5) @ matrix(5, 5, seed=2)
S = A @ A.T
ROWS: list[tuple[str, np.ndarray]] = [
    ("triu(g)", np.triu(A)),
    ("tril(g)", np.tril(A)),
    ("diag(g @ g.T)[..., None] * g", np.diag(S)[:, None] * A),
    ("take(g, argsort(sum(g, axis=-2)))", A[:, np.argsort(A.sum(0))]),
    ("take(g, argsort(-diag(g @ g.T)), axis=-2)", A[np.argsort(-np.diag(S))]),
    ("take(g @ g.T, argsort(diag(g @ g.T)), axis=-2) @ x", S[np.argsort(np.diag(S))]),
    ("take(sum(g, axis=-1), argsort(-sum(g, axis=-1)))[..., None] * g", -np.sort(-A.sum(1))[:, None] * A),
    ("along(take(gram(g, 1), argsort(sum(g, keep=1)), axis=-2), g, 1)", A @ (A.T @ A)[np.argsort(A.sum(0))].T),
    ("eye(g @ g.T) @ g", A),
    ("trace(g @ g.T) * g", np.trace(S) * A),
    ("solve_triangular(g @ g.T, g)", np.linalg.solve(np.triu(S), A)),
    ("solve_triangular(g @ g.T, g, lower=True)", np.linalg.solve(np.tril(S), A)),
    ("inverse_root(g @ g.T, 2, 0) @ inverse_root(g @ g.T, 2, 0) @ (g @ g.T) @ g", A),
    ("inverse_root(g @ g.T, 1, 0.5) @ g", np.linalg.solve(S + 0.5 * np.eye(5), A)),
]


@pytest.mark.parametrize(("text", "value"), ROWS, ids=[text for text, _ in ROWS])
@pytest.mark.parametrize("target", EVERYWHERE)
def test_values(target: str, text: str, value: np.ndarray) -> None:
    np.testing.assert_allclose(on(target, becomes(text), A), value, rtol=1e-9, atol=1e-10 * np.abs(value).max())


@pytest.mark.parametrize("target", EVERYWHERE)
def test_a_batch_of_matrices(target: str) -> None:
    """Axes in front of the matrix, each decomposed by itself."""
    g = np.stack([matrix(3, 3, seed=s) for s in range(4)]).reshape(2, 2, 3, 3)
    a = g @ np.swapaxes(g, -1, -2)
    again = on(target, becomes("w, q = eigh(g @ g.T)", "(q * w[..., None, :]) @ q.T @ x"), g)
    np.testing.assert_allclose(again, a, atol=1e-13 * np.abs(a).max())
    product = on(target, becomes("q, r = qr(g @ g.T)", "q @ r @ x + 0 * solve_triangular(r, g)"), g)
    np.testing.assert_allclose(product, a, atol=1e-13 * np.abs(a).max())
    down = on(target, becomes("solve_triangular(g @ g.T, g, lower=True)"), g)
    np.testing.assert_allclose(np.tril(a) @ down, g, atol=1e-10)


def test_a_singular_triangle_is_no_exception() -> None:
    for target in ("interpreter", "numpy"):
        found = on(target, becomes("solve_triangular(g @ g.T, g)"), np.zeros((3, 3)))
        assert np.isnan(found).all()


def test_the_other_triangle_is_not_read() -> None:
    text = "solve_triangular(triu(g @ g.T) + (1 - 1e300 * sum(tril(g))) * 0, g)"
    np.testing.assert_allclose(on("numpy", becomes(text), A), np.linalg.solve(np.triu(S), A), rtol=1e-9)


def test_equal_items_keep_their_order() -> None:
    g = np.array([[2.0, 1.0, 2.0, 1.0]] * 4)
    for target in ("interpreter", "numpy"):
        found = on(target, becomes("take(x, argsort(sum(g, axis=-2)))"), g)
        np.testing.assert_array_equal(found, np.eye(4)[:, [1, 3, 0, 2]])


def test_numpy_takes_a_large_matrix_whole() -> None:
    """A block of it would have a diagonal of its own."""
    g = matrix(300, 300)
    np.testing.assert_allclose(on("numpy", becomes("triu(g) + 0 * norm(tril(g))"), g), np.triu(g), atol=1e-15)


def test_the_interpreter_needs_the_array_api_alone() -> None:
    spec = becomes(
        "w, q = eigh(g @ g.T)", "y, r = qr(g @ g.T)", "solve_triangular(r, g) + q @ y @ x + w[..., None] + triu(g)"
    )
    opt = adaspec.interpret(spec)
    x = array_api_strict.asarray(np.eye(5))
    new, _ = opt.step([x], [array_api_strict.asarray(A)], opt.init([x]))
    np.testing.assert_allclose(np.asarray(new[0]), on("interpreter", spec, A), rtol=1e-12)


def test_a_helper_is_told_its_axis() -> None:
    text = (
        f"{HEAD}def moved(a: Array, i: Count):\n    return along(gram(a, i), a, i) + spread(sum(a, keep=i), i)\n\n\n"
        "def test(x: Param, g: Grad):\n    for i in range(x.ndim):\n        x = x + moved(g, i)\n    return x\n"
    )
    wanted = np.eye(5) + S @ A + A @ (A.T @ A) + A.sum(1)[:, None] + A.sum(0)
    np.testing.assert_allclose(on("interpreter", adaspec.parse(text), A), wanted, rtol=1e-12)


def test_both_results_have_names_of_their_own() -> None:
    spec = becomes("both, w = eigh(g @ g.T)", "_, both_2 = qr(g @ g.T)", "both_2 @ w @ x + both[..., None]")
    assert adaspec.parse(spec.text) == spec
    found = on("numpy", spec, A)
    np.testing.assert_allclose(found, on("interpreter", spec, A), rtol=1e-10)


def test_verification_takes_arrays_of_full_rank_where_a_matrix_is_decomposed() -> None:
    text = (
        f"{HEAD}def test(x: Param, g: Grad):\n    if x.ndim >= 2:\n        _, q = eigh(g @ g.T)\n"
        "        x = x - q @ q.T @ g\n    else:\n        x = x - g\n    return x\n"
    )
    spec = adaspec.parse(text)
    assert len(decompositions(spec)) == 1 and not decompositions(adaspec.load("muon"))
    assert "full rank" in str(Report(spec, 1, (), ())) and not Report(adaspec.load("muon"), 1, (), ()).note
    shapes = shapes_for(spec)
    assert (4, 4) in shapes and (5, 4) not in shapes and (7,) in shapes and (2, 3, 4, 3) in shapes
    assert all(full_rank(shape) for shape in shapes if len(shape) > 1)
    assert shapes_for(adaspec.load("muon")) == [(5, 4), (3, 8), (0, 3)]


@pytest.mark.parametrize("target", TARGETS)
def test_verification_holds_every_target(target: str) -> None:
    body = [
        "a = g @ g.T + 1e-3 * eye(g @ g.T)",
        "w, q = eigh(a)",
        "o, r = qr(a)",
        "y = solve_triangular(r, g) + solve_triangular(triu(r).T, g, lower=True) + tril(r).T @ g / trace(a)",
        "z = inverse_root(a, 4, 1e-6) @ g + (q * w[..., None, :]) @ q.T @ g / norm(a) + o @ g",
        "x - 1e-2 * (y / norm(y) + z / norm(z))",
    ]
    spec = becomes('assert x.ndim == 2, "matrices"', *body)
    report = adaspec.verify(spec, [target], steps=10)
    assert report.ok, str(report)
    assert {r.bound for r in report.results if r.dtype == "float64"} == {1e-10}


def test_half_precision_is_decomposed_in_float32() -> None:
    torch = pytest.importorskip("torch")
    p: Any = torch.nn.Parameter(torch.eye(5, dtype=torch.bfloat16))
    p.grad = torch.from_numpy(A).to(torch.bfloat16)
    spec = becomes("q, r = qr(g @ g.T)", "q @ r @ x")
    adaspec.build(spec, "torch")([p]).step()
    wide = p.grad.to(torch.float32)
    np.testing.assert_allclose(p.detach().float(), (wide @ wide.T), rtol=2**-7, atol=1e-2)
