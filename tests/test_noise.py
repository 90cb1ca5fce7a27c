"""Noise: the generator against its published vectors, its statistics, and the same numbers in every target."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec import noise

VECTORS = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]
"""Key, counter and result, from Random123's `kat_vectors`; JAX tests its own generator with them."""

TEXT = '''"""Drawn: noise itself. Test, 2026."""

from adaspec.lang import *


def drawn(x: Param, g: Grad, *, seed: Count = 3):
    x = BEFORE + KIND() + 0 * x
    return x
'''
SHAPES = [(300, 400), (0, 3), (7,), (), (3, 5, 2)]
N = 400_000


def drawn(kind: str, before: str = "0") -> adaspec.Spec:
    return adaspec.parse(TEXT.replace("KIND", kind).replace("BEFORE", before))


@pytest.mark.parametrize(("key", "counter", "words"), VECTORS)
def test_threefry_is_the_published_one(key: Any, counter: Any, words: Any) -> None:
    a, b = noise.threefry(key, ([counter[0]], [counter[1]]))
    assert (int(a[0]), int(b[0])) == words


@pytest.mark.needs_jax
def test_threefry_is_that_of_jax() -> None:
    bits = importlib.import_module("jax.extend.random").threefry_2x32
    counters = np.arange(1000, dtype=np.uint32)
    theirs = np.asarray(bits(np.array([17, 2**31 + 5], np.uint32), counters))
    ours = noise.threefry((17, 2**31 + 5), (counters[:500], counters[500:]))
    np.testing.assert_array_equal(theirs, np.concatenate(ours))


# Statistics, of one fixed seed: no test fails by chance


def cdf(kind: str, x: np.ndarray) -> np.ndarray:
    return x if kind == "uniform" else np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in x])


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_the_distribution_is_the_one_it_is_called(kind: str) -> None:
    """Kolmogorov and Smirnov: over sqrt(N), the largest distance of the two distributions passes 1.63 once in 100."""
    x = np.sort(noise.draw(kind, 0, 0, 1, 0, (N,)))
    expected = cdf(kind, x)
    steps = np.arange(N + 1) / N
    distance = max(np.max(steps[1:] - expected), np.max(expected - steps[:-1]))
    assert distance * math.sqrt(N) < 1.63


@pytest.mark.parametrize(
    ("kind", "mean", "variance"), [("uniform", 0.5, 1 / 12), ("normal", 0, 1), ("rademacher", 0, 1)]
)
def test_mean_and_variance(kind: str, mean: float, variance: float) -> None:
    x = noise.draw(kind, 0, 0, 1, 0, (N,))
    assert abs(x.mean() - mean) < 4 * math.sqrt(variance / N)
    assert x.var() == pytest.approx(variance, rel=0.01)


def test_the_tails_and_the_ends() -> None:
    u, z, r = (noise.draw(kind, 0, 0, 1, 0, (2**20,)) for kind in noise.KINDS)
    assert u.min() >= 0 and u.max() < 1 and np.array_equal(u * 2**24, np.round(u * 2**24))
    assert 4.5 < np.abs(z).max() < math.sqrt(48 * math.log(2)) and (z != 0).all()
    assert (np.abs(z) > 3).mean() == pytest.approx(0.0027, rel=0.05)
    assert set(np.unique(r)) == {-1.0, 1.0}


@pytest.mark.parametrize("kind", noise.KINDS)
def test_streams_are_independent(kind: str) -> None:
    """Of another seed, step, parameter or draw, and of the same counter words in another role."""
    first = (kind, 0, 0, 1, 0, (N,))
    others = [(kind, 0, 1, 1, 0, (N,)), (kind, 0, 0, 2, 0, (N,)), (kind, 0, 0, 1, 1, (N,)), (kind, 1, 0, 1, 0, (N,))]
    streams = np.array([noise.draw(*a) for a in (first, *others)])
    correlations = np.corrcoef(streams) - np.eye(len(streams))
    assert np.abs(correlations).max() < 5 / math.sqrt(N)
    along = np.corrcoef(streams[0][:-1], streams[0][1:])[0, 1]
    assert abs(along) < 4 / math.sqrt(N)


def test_draws_in_one_rule_differ() -> None:
    opt = adaspec.interpret(drawn("uniform", "normal() - normal() + 10 * rademacher()"))
    x, _ = opt.step([np.zeros(1000)], [np.zeros(1000)], opt.init([np.zeros(1000)]))
    parts = [noise.draw(k, i, 3, 1, 0, (1000,)) for i, k in enumerate(("normal", "normal", "rademacher", "uniform"))]
    np.testing.assert_allclose(x[0], parts[0] - parts[1] + 10 * parts[2] + parts[3], rtol=1e-14)
    assert abs(np.corrcoef(parts[0], parts[1])[0, 1]) < 0.15


def test_a_rule_that_calls_one_with_noise_draws_beside_it() -> None:
    text = (
        '"""Two: noise about a rule with noise. Test, 2026."""\n\nfrom adaspec.lang import *\n\n\n'
        "def two(x: Param, g: Grad, t: Step, *, lr: Rate = 0.5, seed: Count = 3):\n"
        "    x = noisy_sgd(x, g + normal(), t, lr=lr)\n    return x\n"
    )
    opt = adaspec.interpret(adaspec.parse(text))
    x, _ = opt.step([np.zeros(50)], [np.zeros(50)], opt.init([np.zeros(50)]))
    first, second = (noise.draw("normal", stream, 3, 1, 0, (50,)) for stream in (0, 1))
    np.testing.assert_allclose(x[0], -0.5 * (first + 0.1 * second), rtol=1e-12)


# The same in every target

TARGETS = [
    pytest.param("numpy"),
    pytest.param("torch", marks=pytest.mark.needs_torch),
    pytest.param("jax", marks=pytest.mark.needs_jax),
    pytest.param("tensorflow", marks=pytest.mark.needs_tensorflow),
]


def ulps(found: np.ndarray, wanted: np.ndarray) -> float:
    found = found.astype(np.float64)
    unit = np.spacing(np.abs(wanted)).astype(np.float64)
    return float(np.max(np.abs(found - wanted.astype(np.float64)) / unit)) if wanted.size else 0.0


@pytest.mark.parametrize("dtype", [pytest.param("float64", marks=pytest.mark.prove), "float32"])
@pytest.mark.parametrize("kind", noise.KINDS)
@pytest.mark.parametrize("target", TARGETS)
def test_the_numbers_are_the_same(target: str, kind: str, dtype: str) -> None:
    """Uniforms and signs bit for bit, normals within 4 ulp: a draw is what a parameter of 0 becomes."""
    session = importlib.import_module(f"adaspec.backends.{target}.session")
    zeros = [np.zeros(shape) for shape in SHAPES]
    for mode in session.MODES:
        run = session.Session(adaspec.build(drawn(kind), target), zeros, dtype, mode)
        try:
            for t in (1, 2):
                run.set([z.astype(dtype) for z in zeros])
                for place, x in enumerate(run.step([z.astype(dtype) for z in zeros])):
                    wanted = noise.draw(kind, 0, 3, t, place, x.shape).astype(dtype)
                    assert x.dtype == dtype
                    assert ulps(x, wanted) <= (4 if kind == "normal" else 0), (mode, t, place)
        finally:
            run.close()


@pytest.mark.parametrize("seed", [0, 2**32 - 1, 2**32 + 7])
@pytest.mark.parametrize("target", TARGETS)
def test_late_steps_and_large_seeds(target: str, seed: int) -> None:
    """t = 2**24 + 1 is no float32: the key is made of integers."""
    spec, last = drawn("uniform").replace(seed=seed), 2**24
    x, wanted = np.zeros(5, np.float32), noise.draw("uniform", 0, seed, last + 1, 0, (5,))
    match target:
        case "numpy":
            opt = adaspec.build(spec, "numpy")()
            state = opt.init([x])
            state["slots"]["0"]["step"] = last
            opt.step([x], [np.zeros(5, np.float32)], state)
        case "torch":
            torch = importlib.import_module("torch")
            p = torch.nn.Parameter(torch.zeros(5))
            opt = adaspec.build(spec, "torch")([p])
            p.grad = torch.zeros(5)
            opt.step()
            with torch.no_grad():
                p.zero_()
            opt.state[p]["step"].fill_(last)
            opt.step()
            x = p.detach().numpy()
        case "jax":
            jax = importlib.import_module("jax")
            tx = adaspec.build(spec, "jax")()
            params = jax.numpy.zeros(5)
            state = tx.init(params)._replace(count=jax.numpy.int32(last))
            x, _ = jax.jit(tx.update)(params, state, params)
        case "tensorflow":
            keras = importlib.import_module("keras")
            v: Any = keras.Variable(np.zeros(5, np.float32))
            opt = adaspec.build(spec, "tensorflow")()
            opt.build([v])
            opt.iterations.assign(last)
            opt.apply([keras.ops.zeros(5)])
            x = v.value.numpy()
    np.testing.assert_array_equal(np.asarray(x), wanted.astype(np.float32))


@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_numpy_counts_elements_through_its_blocks(order: str) -> None:
    """The generated class goes by blocks, in the order of the elements whatever that of the memory is."""
    shape = (500, 3, 211)
    x = np.zeros((1000, 3, 211))[::2] if order == "strided" else np.zeros(shape, order=order)  # type: ignore[call-overload]
    opt = adaspec.build(drawn("uniform", "0.0 * norm(uniform())"), "numpy")()
    opt.step([x], [np.zeros(shape)], opt.init([x]))
    np.testing.assert_array_equal(x, noise.draw("uniform", 1, 3, 1, 0, shape))


@pytest.mark.needs_torch
def test_places_run_over_the_groups_of_torch() -> None:
    torch = importlib.import_module("torch")
    a, b, c = (torch.nn.Parameter(torch.zeros(4, dtype=torch.float64)) for _ in range(3))
    opt = adaspec.build(drawn("uniform"), "torch")([{"params": [a, b]}, {"params": [c], "seed": 9}])
    a.grad, c.grad = torch.zeros(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    before = torch.random.get_rng_state()
    opt.step()
    assert torch.equal(before, torch.random.get_rng_state())
    np.testing.assert_array_equal(a.detach(), noise.draw("uniform", 0, 3, 1, 0, (4,)))
    np.testing.assert_array_equal(b.detach(), np.zeros(4))
    np.testing.assert_array_equal(c.detach(), noise.draw("uniform", 0, 9, 1, 2, (4,)))


@pytest.mark.needs_torch
def test_half_precision_draws_in_float32() -> None:
    torch = importlib.import_module("torch")
    p = torch.nn.Parameter(torch.zeros(1000, dtype=torch.bfloat16))
    p.grad = torch.zeros(1000, dtype=torch.bfloat16)
    adaspec.build(drawn("uniform"), "torch")([p]).step()
    wanted = torch.from_numpy(noise.draw("uniform", 0, 3, 1, 0, (1000,))).to(torch.bfloat16)
    assert torch.equal(p.detach(), wanted)


@pytest.mark.needs_jax
def test_the_interpreter_draws_in_any_namespace() -> None:
    jnp = importlib.import_module("jax.numpy")
    opt = adaspec.interpret(drawn("normal"))
    x = jnp.zeros(50, jnp.float32)
    found, _ = opt.step([x], [x], opt.init([x]))
    np.testing.assert_array_equal(np.asarray(found[0]), noise.draw("normal", 0, 3, 1, 0, (50,)).astype(np.float32))


def test_the_seed_is_used() -> None:
    """It is no hyperparameter that nothing reads: no warning, and `replace` keeps it."""
    spec = drawn("uniform")
    assert spec.replace(seed=8).defaults == {"seed": 8}
    assert adaspec.parse(spec.text) == spec
