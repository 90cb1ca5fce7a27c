"""The torch classes against the interpreter, on every spec: the numbers. Their manners are in test_torch_manners.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec import ir
from problem import MATRICES_ONLY, VARIANTS, of_gradients_alone

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.needs_torch, pytest.mark.sampled]

RULES = of_gradients_alone()
CASES = [(rule, hypers) for rule in RULES for hypers in ({}, *VARIANTS.get(rule, []))]
IDS = [f"{rule}-{'-'.join(hypers) or 'defaults'}" for rule, hypers in CASES]
SHAPES: list[tuple[int, ...]] = [(), (1,), (5,), (4, 3), (3, 4), (2, 2, 4, 3), (0,), (0, 3), (3, 0)]


def shapes(rule: str) -> list[tuple[int, ...]]:
    return [s for s in SHAPES if len(s) == 2] if rule in MATRICES_ONLY else SHAPES


def arrays(rule: str, steps: int, seed: int = 0, scale: float = 1.0) -> tuple[list[Any], list[list[Any]]]:
    """Parameters and gradients as float64 NumPy arrays: noise about a lasting direction."""
    rng = np.random.default_rng(seed)
    params = [np.asarray(rng.normal(size=s)) for s in shapes(rule)]
    means = [rng.normal(size=s) for s in shapes(rule)]
    grads = [[np.asarray(scale * (m + rng.normal(size=m.shape) / 2)) for m in means] for _ in range(steps)]
    return params, grads


def parameters(values: list[Any], dtype: Any = None) -> list[Any]:
    return [torch.nn.Parameter(torch.tensor(v, dtype=dtype or torch.float64)) for v in values]


def keywords(rule: str, hypers: dict[str, Any]) -> dict[str, Any]:
    """Hyperparameters by the names that a torch class takes: beta1, beta2, ... become `betas`."""
    spec = adaspec.load(rule)
    values = spec.defaults | hypers
    names = [n for n in ("beta1", "beta2", "beta3") if n in values]
    own = {n: v for n, v in hypers.items() if n not in names}
    if names == ["beta1", "beta2", "beta3"][: len(names)] and len(names) > 1 and set(names) & set(hypers):
        own["betas"] = tuple(values[n] for n in names)
    elif set(names) & set(hypers):
        own |= {n: hypers[n] for n in names if n in hypers}
    return own


def optimizer(rule: str, params: Any, **hypers: Any) -> Any:
    return adaspec.build(adaspec.load(rule), "torch")(params, **keywords(rule, hypers))


def run(opt: Any, params: list[Any], grads: list[list[Any]], step: Any = None) -> None:
    for g in grads:
        for p, value in zip(params, g, strict=True):
            p.grad = None if value is None else torch.as_tensor(value).to(p.dtype)
        (step or opt.step)()


def assert_close(got: Any, wanted: Any, tolerance: float, what: str = "") -> None:
    """Relative to the largest element of the array, or to 1 where that is smaller."""
    got = got.detach().to(torch.float64).numpy() if isinstance(got, torch.Tensor) else np.asarray(got)
    assert got.shape == np.shape(wanted), what
    gap = np.max(np.abs(got - wanted), initial=0.0)
    assert gap <= tolerance * max(1.0, np.max(np.abs(wanted), initial=0.0)), f"{what}: {gap}"


@pytest.mark.parametrize("foreach", [None, False])
@pytest.mark.parametrize(("rule", "hypers"), CASES, ids=IDS)
def test_trajectory(rule: str, hypers: dict[str, Any], foreach: bool | None) -> None:
    """Thirty steps in float64 stay within 1e-12 of the interpreter: parameters, slots and shared scalars."""
    values, grads = arrays(rule, 30)
    if len(values) > 2:
        for k in (3, 4, 11):
            grads[k][-2 if rule in MATRICES_ONLY else 3] = None  # so that counters differ within a group
    params = parameters(values)
    opt = optimizer(rule, params, **hypers, foreach=foreach)
    meaning = adaspec.interpret(rule, **hypers)
    state = meaning.init(values)
    for g in grads:
        run(opt, params, [g])
        values, state = meaning.step(values, g, state)
    for i, (p, value) in enumerate(zip(params, values, strict=True)):
        assert_close(p, value, 1e-12, f"parameter {i} {p.shape}")
        slots = dict(opt.state[p])
        assert slots.pop("step").item() == state.steps[str(i)]
        assert len(slots) == len(state.slots[str(i)])
        for (name, slot), wanted in zip(slots.items(), state.slots[str(i)].values(), strict=True):
            assert_close(slot, wanted, 1e-12, f"slot {name} of parameter {i}")
    for name, wanted in state.shared.items():
        assert_close(opt.param_groups[0][name], wanted, 1e-12, name)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("rule", RULES)
def test_foreach_is_the_loop(rule: str, dtype: str) -> None:
    values, grads = arrays(rule, 10)
    kind = getattr(torch, dtype)
    results = []
    for foreach in (True, False):
        params = parameters(values, kind)
        run(optimizer(rule, params, foreach=foreach), params, grads)
        results.append(params)
    for a, b in zip(*results, strict=True):
        assert a.dtype == kind
        torch.testing.assert_close(a, b, rtol=1e-6 if dtype == "float32" else 2**-6, atol=1e-6)


@pytest.mark.parametrize("rule", [r for r in RULES if r not in MATRICES_ONLY])
@pytest.mark.parametrize("layout", ["contiguous", "transposed", "strided"])
def test_large_tensors(rule: str, layout: str) -> None:
    """Beyond the size that a processor takes in pieces, whatever the layout."""
    rng = np.random.default_rng(1)
    values = {"0": rng.normal(size=(600, 700)), "1": rng.normal(size=(40, 600))}
    grads = [{k: rng.normal(size=v.shape) for k, v in values.items()} for _ in range(2)]
    params = {k: torch.tensor(v) for k, v in values.items()}
    if layout == "transposed":
        params = {k: v.T.contiguous().T for k, v in params.items()}
    elif layout == "strided":
        params = {k: torch.stack([v, v], -1)[..., 0] for k, v in params.items()}
    params = {k: v.detach().requires_grad_() for k, v in params.items()}
    assert all(p.is_contiguous() == (layout == "contiguous") for p in params.values())
    opt = optimizer(rule, list(params.values()))
    meaning = adaspec.interpret(rule)
    state = meaning.init(values)
    for g in grads:
        run(opt, list(params.values()), [list(g.values())])
        values, state = meaning.step(values, g, state)
    for k, p in params.items():
        assert_close(p, values[k], 1e-12, k)


@pytest.mark.parametrize("rule", RULES)
def test_half_precision_rounds_once(rule: str) -> None:
    """A bfloat16 parameter keeps float32 slots, and its step is the float32 step, rounded once."""
    values, grads = arrays(rule, 1)
    half = parameters(values, torch.bfloat16)
    full = [torch.nn.Parameter(p.detach().float()) for p in half]
    for params in (half, full):
        rounded = [torch.tensor(g).bfloat16().float() for g in grads[0]]
        opt = optimizer(rule, params)
        run(opt, params, [rounded])
        assert all(s.dtype == torch.float32 for slots in opt.state.values() for n, s in slots.items() if n != "step")
    for p, q in zip(half, full, strict=True):
        assert torch.equal(p, q.bfloat16())


@pytest.mark.parametrize("t", [256, 2048, 2**24, 10**8, 2**31 - 2])
@pytest.mark.parametrize("rule", [r for r in RULES if r != "adax_raw"])
def test_late_steps(rule: str, t: int) -> None:
    """A schedule at any t up to 2**31: the right numbers, no exception."""
    values, grads = arrays(rule, 2)
    params = parameters(values)
    opt = optimizer(rule, params)
    meaning = adaspec.interpret(rule)
    state = meaning.init(values)
    for index in range(2):
        run(opt, params, [grads[index]])
        values, state = meaning.step(values, grads[index], state)
        if index == 0:
            saved = opt.state_dict()
            for slots in saved["state"].values():
                slots["step"] = torch.tensor(float(t), dtype=torch.float64)
            for group in saved["param_groups"]:
                for name in {"step", "model_step"} & group.keys():
                    group[name] = torch.tensor(float(t), dtype=torch.float64)
            opt.load_state_dict(saved)
            later = {path: t for path in state.steps}
            state = type(state)(t, later, state.slots, state.shared)
    for p, value in zip(params, values, strict=True):
        assert opt.state[p]["step"].item() == t + 1
        assert_close(p, value, 1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rule", RULES)
def test_compiled(rule: str, dtype: str) -> None:
    """torch.compile gives the same numbers with one graph for the whole step, and never compiles again.

    Of a rule with a real branch each side has a graph of its own.
    """
    counters = pytest.importorskip("torch._dynamo.utils").counters
    torch._dynamo.reset()
    counters.clear()
    values, grads = arrays(rule, 6)
    eager, compiled = (parameters(values, getattr(torch, dtype)) for _ in range(2))
    opt = optimizer(rule, eager)
    run(opt, eager, grads)
    opt = optimizer(rule, compiled)
    spec = adaspec.load(rule)
    branches = {n.test for n in ir.walk(spec.checked) if isinstance(n, ir.When)}
    assert ("capturable" in opt.defaults) == (not branches)
    step = torch.compile(opt.step, backend="aot_eager", fullgraph=not branches)
    run(opt, compiled, grads[:3], step)
    opt.param_groups[0]["lr"] *= 1.0
    run(opt, compiled, grads[3:], step)
    assert 1 <= counters["stats"]["unique_graphs"] <= 2 ** len(branches)
    for p, q in zip(eager, compiled, strict=True):
        assert_close(q, p.detach().numpy(), 1e-12 if dtype == "float64" else 1e-5)
        assert opt.state[q]["step"] == 6
    torch._dynamo.reset()


def test_decay_rounding_does_not_build_up() -> None:
    """float32(0.999) as a decay loses 54 ulp over a memory of 1000 steps; as the weight of a lerp, none."""
    p = torch.nn.Parameter(torch.zeros(64))
    opt = optimizer("adam", [p])
    generator = torch.Generator().manual_seed(0)
    v = torch.zeros(64, dtype=torch.float64)
    for _ in range(3000):
        p.grad = torch.randn(64, generator=generator)
        opt.step()
        v = v + 0.001 * (p.grad.double() ** 2 - v)
    worst = ((opt.state[p]["v"].double() - v).abs() / v).max().item()
    assert worst < 16 * 2**-24 and not math.isnan(worst)
