"""The flags of the torch classes: maximize, capturable, differentiable; Tensors as hyperparameters; GradScaler.

What nobody may read is checked without a GPU: tensors on `meta` cannot be read, nor meet what is elsewhere.
"""

from __future__ import annotations

import copy
import io
import pickle
from contextlib import nullcontext
from typing import Any

import pytest

import adaspec
from problem import MATRICES_ONLY
from test_torch import RULES, arrays, assert_close, optimizer, parameters, run

torch = pytest.importorskip("torch")
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

pytestmark = [pytest.mark.needs_torch]


def flags(rule: str) -> set[str]:
    return {"foreach", "maximize", "capturable", "differentiable"} & optimizer(
        rule, parameters(arrays(rule, 1)[0])
    ).defaults.keys()


CAPTURABLE = [r for r in RULES if "capturable" in flags(r)]
REALS = ("Count", "Flag")


def reals(rule: str) -> dict[str, float]:
    """The hyperparameters for which a Tensor can stand, with their defaults."""
    spec = adaspec.load(rule)
    return {h.name: spec.defaults[h.name] for h in spec.rule.hypers if h.kind not in REALS and not h.optional}


def same(params: list[Any], others: list[Any], tolerance: float = 1e-12) -> None:
    for i, (p, q) in enumerate(zip(params, others, strict=True)):
        assert_close(p, q.detach().to(torch.float64).numpy(), tolerance, f"parameter {i}")


def same_slots(opt: Any, params: list[Any], other: Any, others: list[Any], tolerance: float = 1e-12) -> None:
    for p, q in zip(params, others, strict=True):
        assert opt.state[p].keys() == other.state[q].keys()
        for name, slot in opt.state[p].items():
            assert_close(slot, other.state[q][name].detach().numpy(), tolerance, name)


@pytest.mark.parametrize("foreach", [True, False])
@pytest.mark.parametrize("rule", RULES)
def test_maximize_negates_the_gradient_before_everything(rule: str, foreach: bool) -> None:
    values, grads = arrays(rule, 2)
    up, down = parameters(values), parameters(values)
    plus, minus = optimizer(rule, up, foreach=foreach, maximize=True), optimizer(rule, down, foreach=foreach)
    kept = [torch.as_tensor(g).clone() for g in grads[-1]]
    run(plus, up, grads)
    run(minus, down, [[-g for g in step] for step in grads])
    assert all(torch.equal(p, q) for p, q in zip(up, down, strict=True))
    assert all(torch.equal(p.grad, g) for p, g in zip(up, kept, strict=True)), "the gradient itself stays as it is"


def test_maximize_by_group() -> None:
    values, grads = arrays("adam", 3)
    params, others = parameters(values[:2]), parameters(values[:2])
    run(
        optimizer("adam", [{"params": params[:1], "maximize": True}, {"params": params[1:]}]),
        params,
        [g[:2] for g in grads],
    )
    run(optimizer("adam", others), others, [[-g[0], g[1]] for g in grads])
    assert all(torch.equal(p, q) for p, q in zip(params, others, strict=True))


# Tensors as hyperparameters


@pytest.mark.parametrize("rule", RULES)
def test_tensors_as_hyperparameters(rule: str) -> None:
    """Read where reading is allowed: the same numbers, whichever of them are Tensors, of no or of one axis."""
    values, grads = arrays(rule, 2)
    params, others = parameters(values), parameters(values)
    run(optimizer(rule, params), params, grads)
    shapes = [(), (1,)]
    hypers = {n: torch.full(shapes[i % 2], v, dtype=torch.float64) for i, (n, v) in enumerate(reals(rule).items())}
    opt = optimizer(rule, others, **hypers)
    run(opt, others, grads)
    assert all(torch.equal(p, q) for p, q in zip(params, others, strict=True))
    assert all(value.grad_fn is None for value in opt.param_groups[0].values() if isinstance(value, torch.Tensor))


@pytest.mark.parametrize("name", ["lr", "eps", "betas"])
def test_a_tensor_has_one_element(name: str) -> None:
    value = torch.tensor([0.1, 0.2])
    params = parameters(arrays("adam", 1)[0])
    shown = "betas\\[1\\]" if name == "betas" else name
    with pytest.raises(ValueError, match=f"Tensor {shown} must be 1-element"):
        optimizer("adam", params, **{name: (0.9, value) if name == "betas" else value})
    with pytest.raises(ValueError, match="Invalid"):
        optimizer("adam", params, **{name: (0.9, torch.tensor(1.5)) if name == "betas" else torch.tensor(-1.0)})


# capturable


class NothingIsRead(TorchDispatchMode):
    """Refuses what makes a processor wait for its device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func is not torch.ops.aten._local_scalar_dense.default, "a tensor is read"
        return func(*args, **(kwargs or {}))


def capture(rule: str, monkeypatch: pytest.MonkeyPatch, params: Any, **more: Any) -> Any:
    """An optimizer whose graph would be captured, on a processor."""
    opt = optimizer(rule, params, capturable=True, **more)
    monkeypatch.setitem(type(opt)._work.__globals__, "_CAPTURABLE", ("cpu", "meta"))
    return opt


@pytest.mark.parametrize("rule", CAPTURABLE)
def test_capturable_reads_nothing(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same numbers with all scalars as tensors, among them Tensors as hyperparameters, and none of them read."""
    values, grads = arrays(rule, 3)
    params, others = parameters(values), parameters(values)
    plain = optimizer(rule, others)
    hypers = {n: torch.tensor(v, dtype=torch.float64) for n, v in reals(rule).items()}
    opt = capture(rule, monkeypatch, params, **hypers)
    for k, g in enumerate(grads):
        run(plain, others, [g])
        with (
            NothingIsRead() if k else nullcontext()
        ):  # the first step, before a capture, may read what slots begin with
            run(opt, params, [g])
    same(params, others)
    same_slots(opt, params, plain, others)


@pytest.mark.parametrize("rule", CAPTURABLE)
def test_capturable_stays_on_its_device(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a device whose tensors cannot be read at all, nor meet those of another: what is kept and made is there."""
    dtypes = [torch.float32, torch.bfloat16]
    params = [torch.nn.Parameter(torch.ones((4, 3), device="meta", dtype=d)) for d in dtypes]
    opt = capture(rule, monkeypatch, params)
    for _ in range(2):
        for p in params:
            p.grad = torch.ones_like(p)
        opt.step()
        if "lr" in opt.param_groups[0]:
            opt.param_groups[0]["lr"] = torch.tensor(0.01, device="meta")
    state = [t for slots in opt.state.values() for t in slots.values()]
    state += [t for t in opt.param_groups[0].values() if isinstance(t, torch.Tensor)]
    assert len(state) >= 2 and all(t.is_meta for t in state)


@pytest.mark.parametrize("rule", [r for r in CAPTURABLE if r in ("adam", "prodigy")])
def test_capturable_needs_a_device_that_captures(rule: str) -> None:
    """As torch's own refuse it; before anything is counted."""
    values, _ = arrays(rule, 1)
    for build in (optimizer, lambda rule, params, **more: torch.optim.Adam(params, **more)):
        params = parameters(values)
        opt = build(rule, params, capturable=True)
        for p in params:
            p.grad = torch.ones_like(p)
        with pytest.raises(
            AssertionError, match="If capturable=True, params and state_steps must be on supported devices"
        ):
            opt.step()
        assert all(torch.equal(p, torch.tensor(v)) for p, v in zip(params, values, strict=True))
    assert build is not optimizer


# differentiable


def differentiable(rule: str, step: float = 2.0) -> tuple[Any, list[Any]]:
    """One step as a function of a parameter, its gradient, its slots and lr; and where it is taken."""
    shape = (3, 4) if rule in MATRICES_ONLY else (2, 3)
    generator = torch.Generator().manual_seed(3)

    def draw() -> Any:
        return torch.rand(shape, generator=generator, dtype=torch.float64) + 0.1

    start = torch.nn.Parameter(draw())
    opt = optimizer(rule, [start])
    for _ in range(int(step)):
        start.grad = draw()
        opt.step()
    slots = {n: t for n, t in opt.state[start].items() if n != "step"}
    shared = {n: v for n, v in opt.param_groups[0].items() if isinstance(v, torch.Tensor)}
    has_lr = adaspec.load(rule).rule.hyper("lr") is not None

    def one(p: Any, grad: Any, lr: Any, *values: Any) -> Any:
        p = p.clone()
        p.grad = grad
        opt = optimizer(rule, [p], differentiable=True, **({"lr": lr} if has_lr else {}))
        opt.state[p] = {"step": torch.tensor(step, dtype=torch.float64)}
        opt.state[p] |= {n: v.clone() for n, v in zip(slots, values, strict=True)}
        opt.param_groups[0].update({n: v.clone() for n, v in shared.items()})
        opt.step()
        kept = [v for n, v in opt.state[p].items() if v.requires_grad]
        return (p, *kept)

    lr = torch.tensor(float(adaspec.load(rule).defaults["lr"]) if has_lr else 0.0, dtype=torch.float64)
    begun = [torch.rand(s.shape, generator=generator, dtype=torch.float64) + 0.1 for s in slots.values()]
    inputs = [start.detach().clone(), draw(), lr, *begun]
    return one, [t.requires_grad_() for t in inputs]


@pytest.mark.sampled
@pytest.mark.parametrize("rule", RULES)
def test_differentiable(rule: str) -> None:
    """Gradients of one step, to the parameter, its gradient, its state and lr, by the definition of a derivative."""
    one, inputs = differentiable(rule)
    assert torch.autograd.gradcheck(one, inputs, eps=1e-6, atol=1e-4, rtol=1e-3, nondet_tol=0.0)


@pytest.mark.parametrize("rule", RULES)
def test_differentiable_is_the_step(rule: str) -> None:
    values, grads = arrays(rule, 2)
    leaves, others = parameters(values), parameters(values)
    params = [p.clone() for p in leaves]
    opt, plain = optimizer(rule, params, differentiable=True), optimizer(rule, others)
    for g in grads:
        run(plain, others, [g])
        for p, value in zip(params, g, strict=True):
            p.grad = torch.as_tensor(value).clone().requires_grad_()
        opt.step()
    same(params, others)
    same_slots(opt, params, plain, others)
    total = torch.stack([p.sum() for p in params]).sum()
    found = torch.autograd.grad(total, leaves)
    assert all(f.shape == p.shape for f, p in zip(found, leaves, strict=True))


def test_learning_the_learning_rate() -> None:
    """Several steps, each from the gradient of a loss: the last loss knows lr, betas and weight decay."""
    for name in ("lr", "beta1", "beta2", "weight_decay"):
        own = {n: torch.tensor(v, dtype=torch.float64) for n, v in reals("adamw").items()}
        own[name].requires_grad_()
        params = torch.rand(5, dtype=torch.float64, requires_grad=True).clone()
        opt = optimizer("adamw", [params], differentiable=True, **own)
        for _ in range(3):
            loss = (params.sum() - 2.0).square()
            (params.grad,) = torch.autograd.grad(loss, params, create_graph=True)
            opt.step()
        (found,) = torch.autograd.grad((params.sum() - 2.0).square(), own[name])
        assert found.shape == () and torch.isfinite(found) and found != 0, name


def test_differentiable_is_for_all_groups() -> None:
    params = parameters(arrays("adam", 1)[0])
    with pytest.raises(ValueError, match="differentiable holds for all groups alike"):
        optimizer("adam", [{"params": params[:1]}, {"params": params[1:], "differentiable": True}])


# Older state, GradScaler


@pytest.mark.parametrize("rule", RULES)
def test_older_groups_lack_the_flags(rule: str) -> None:
    """State dicts and pickles from before a flag was there mean its default."""
    values, grads = arrays(rule, 2)
    params = parameters(values)
    opt = optimizer(rule, params)
    run(opt, params, grads[:1])
    own = flags(rule)
    old = copy.deepcopy(opt.state_dict())
    for group in old["param_groups"]:
        for name in own:
            del group[name]
    opt.load_state_dict(old)
    older = pickle.loads(pickle.dumps(opt))
    for group in older.param_groups:
        for name in own:
            del group[name]
    older = pickle.loads(pickle.dumps(older))
    for loaded in (opt, older):
        assert all(loaded.param_groups[0][n] is (None if n == "foreach" else False) for n in own)
    run(opt, params, grads[1:])
    again = [p for group in older.param_groups for p in group["params"]]
    run(older, again, grads[1:])
    assert all(torch.equal(p, q) for p, q in zip(params, again, strict=True))


def test_a_captured_state_is_loaded_where_its_groups_say(monkeypatch: pytest.MonkeyPatch) -> None:
    values, grads = arrays("adam", 1)
    params = parameters(values)
    opt = capture("adam", monkeypatch, params)
    run(opt, params, grads)
    file = io.BytesIO()
    torch.save(opt.state_dict(), file)
    file.seek(0)
    other = optimizer("adam", parameters(values))
    other.load_state_dict(torch.load(file, weights_only=True))
    assert other.param_groups[0]["capturable"] is True


@pytest.mark.parametrize("rule", RULES)
def test_grad_scaler(rule: str) -> None:
    """The scaler takes back its scale, and leaves out a step whose gradients overflowed."""
    values, grads = arrays(rule, 4)
    values, grads = [v for v in values if v.size], [[g for g in step if g.size] for step in grads]
    params, others = parameters(values, torch.float32), parameters(values, torch.float32)
    opt, plain = optimizer(rule, params), optimizer(rule, others)
    assert not getattr(opt, "_step_supports_amp_scaling", False)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for k, g in enumerate(grads):
        scaler.scale(torch.zeros(()))
        scale = scaler.get_scale()
        for p, value in zip(params, g, strict=True):
            p.grad = torch.as_tensor(value).to(p.dtype) * (float("inf") if k == 2 else scale)
        scaler.step(opt)
        scaler.update()
        if k != 2:
            run(plain, others, [g])
    assert scaler.get_scale() == 512.0
    assert all(torch.equal(p, q) for p, q in zip(params, others, strict=True))
    assert all(slots["step"] == 3 for slots in opt.state.values())
