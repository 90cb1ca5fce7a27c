"""The torch classes as `torch.optim.Optimizer`: groups, closures, refusals, hooks."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec import ir
from test_torch import RULES, arrays, optimizer, parameters, run
from test_torch_state import SOME, same, snapshot

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.needs_torch, pytest.mark.sampled]


@pytest.mark.parametrize("rule", RULES)
def test_signature(rule: str) -> None:
    """lr comes first and positionally; flags that are not implemented are not there; the docstring says the rule."""
    import inspect

    cls = adaspec.build(adaspec.load(rule), "torch")
    assert issubclass(cls, torch.optim.Optimizer) and cls.__name__ == adaspec.load(rule).class_name
    names = list(inspect.signature(cls).parameters)
    assert names[:2] == ["params", "lr"]
    spec = adaspec.load(rule)
    branches = any(isinstance(n, ir.When) for n in ir.walk(spec.checked))
    flags = ["foreach", "maximize", *([] if branches else ["capturable"]), "differentiable"]
    flags += ["fused"] if getattr(cls, "_kernels", None) is not None else []
    assert names[names.index("foreach") :] == flags
    assert adaspec.load(rule).title in cls.__doc__


@pytest.mark.parametrize("rule", SOME)
def test_closure(rule: str) -> None:
    values, _ = arrays(rule, 1)
    params = parameters(values)
    opt = optimizer(rule, params)

    def closure() -> Any:
        assert torch.is_grad_enabled()
        opt.zero_grad()
        loss = torch.stack([(p**2).sum() for p in params]).sum()
        loss.backward()
        return loss

    loss = opt.step(closure)
    assert loss is not None and loss.item() == pytest.approx(sum((v**2).sum() for v in values))
    assert not torch.equal(params[-1 if rule != "muon" else 0], torch.tensor(values[0])) and opt.step() is None


@pytest.mark.parametrize("rule", RULES)
def test_no_gradient_no_change(rule: str) -> None:
    values, grads = arrays(rule, 2)
    params = parameters(values)
    opt = optimizer(rule, params)
    run(opt, params, [[None] * len(params)])
    assert not opt.state and same([p.detach() for p in params], [torch.tensor(v) for v in values])
    run(opt, params, [[grads[0][0], *[None] * (len(params) - 1)]])
    assert list(opt.state) == [params[0]]
    before = snapshot(opt, params)
    groups = copy.deepcopy([{k: v for k, v in g.items() if k != "params"} for g in opt.param_groups])
    run(opt, params, [[None] * len(params)])
    assert same(snapshot(opt, params), before)
    assert same([{k: v for k, v in g.items() if k != "params"} for g in opt.param_groups], groups)


@pytest.mark.parametrize("rule", RULES)
def test_gradients_are_left_alone(rule: str) -> None:
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        for foreach in (None, False):
            values, grads = arrays(rule, 1)
            params = parameters(values, dtype)
            opt = optimizer(rule, params, foreach=foreach)
            run(opt, params, grads)
            for p, g in zip(params, grads[0], strict=True):
                assert torch.equal(p.grad, torch.tensor(g).to(dtype))


@pytest.mark.parametrize("rule", SOME)
def test_groups_override(rule: str) -> None:
    """Two groups with a rate each are two optimizers, unless something is summed over the whole model."""
    values, grads = arrays(rule, 5)
    params = parameters(values)
    opt = optimizer(rule, [{"params": params[:2], "lr": 0.01}, {"params": params[2:]}])
    assert opt.param_groups[0]["lr"] == 0.01 and opt.param_groups[1]["lr"] == opt.defaults["lr"]
    if rule == "prodigy":
        with pytest.raises(ValueError, match="lr"):
            run(opt, params, grads)
        return
    run(opt, params, grads)
    for part, hypers in ((slice(0, 2), {"lr": 0.01}), (slice(2, None), {})):
        alone = parameters(values[part])
        run(optimizer(rule, alone, **hypers), alone, [g[part] for g in grads])
        assert same([p.detach() for p in params[part]], [p.detach() for p in alone])


@pytest.mark.parametrize("rule", RULES)
def test_values_outside_the_domain(rule: str) -> None:
    spec = adaspec.load(rule)
    params = parameters(arrays(rule, 1)[0])
    bad = {"Rate": [-1.0], "Decay": [-0.1, 1.0], "Positive": [0.0, -1.0], "Real": [], "Count": [-1, 1.5], "Flag": []}
    words = {"lr": "learning rate", "eps": "epsilon value"}
    for name, hyper in spec.hypers.items():
        if hyper.kind == "Flag":
            continue
        for value in (*bad[hyper.kind], float("nan"), float("inf")):
            if name in ("beta1", "beta2", "beta3") and "beta2" in spec.hypers:
                pattern = f"Invalid beta parameter at index {int(name[-1]) - 1}: {value}"
            else:
                pattern = f"Invalid {words.get(name, name + ' value')}: {value}"
            with pytest.raises(ValueError, match=pattern):
                optimizer(rule, params, **{name: value})


def test_refusals_leave_everything_as_it_was() -> None:
    params = parameters(arrays("adam", 1)[0])
    opt = optimizer("adam", params[:2])
    for bad in ({"lr": -1.0}, {"betas": (0.9, 1.0)}, {"eps": float("nan")}):
        with pytest.raises(ValueError, match="Invalid"):
            opt.add_param_group({"params": params[2:], **bad})
    with pytest.raises(ValueError, match="1-element"):
        opt.add_param_group({"params": params[2:], "lr": torch.ones(2)})
    with pytest.raises(TypeError):
        opt.add_param_group({"params": params[2:], "lr": "0.1"})
    assert len(opt.param_groups) == 1
    opt.add_param_group({"params": params[2:], "lr": np.float32(0.5)})
    assert type(opt.param_groups[1]["lr"]) is float
    with pytest.raises(TypeError, match="floating"):
        optimizer("adam", [torch.ones(3, dtype=torch.int64)])
    with pytest.raises(RuntimeError, match="complex"):
        optimizer("adafactor", [torch.ones(3, dtype=torch.complex64)])
    with pytest.raises(ValueError, match="empty"):
        optimizer("adam", [])


def test_asserts_are_held_at_construction() -> None:
    with pytest.raises(ValueError, match="muon updates matrices"):
        optimizer("muon", [torch.ones(3)])


@pytest.mark.parametrize("rule", SOME)
def test_lr_as_a_tensor(rule: str) -> None:
    values, grads = arrays(rule, 3)
    plain, tensor = parameters(values), parameters(values)
    run(optimizer(rule, plain, lr=0.125), plain, grads)
    run(optimizer(rule, tensor, lr=torch.tensor([0.125])), tensor, grads)
    assert same([p.detach() for p in plain], [p.detach() for p in tensor])


@pytest.mark.parametrize("rule", RULES)
def test_rate_zero(rule: str) -> None:
    """Where the rule itself says so, lr = 0 leaves the parameters bitwise unchanged, and the state advances."""
    values, grads = arrays(rule, 1)
    meaning = adaspec.interpret(rule, lr=0.0)
    after, _ = meaning.step(values, grads[0], meaning.init(values))
    params = parameters(values)
    opt = optimizer(rule, params, lr=0.0)
    run(opt, params, grads)
    assert all(opt.state[p]["step"] == 1 for p in params)
    for p, old, new in zip(params, values, after, strict=True):
        if np.array_equal(old, new):
            assert torch.equal(p, torch.tensor(old))


def test_schedulers_and_hooks() -> None:
    params = parameters(arrays("adam", 1)[0])
    opt = optimizer("adam", params)
    seen = []
    opt.register_step_post_hook(lambda *_: seen.append(1))
    scheduler = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.1, total_steps=5)
    for g in arrays("adam", 4)[1]:
        run(opt, params, [g])
        scheduler.step()
    assert len(seen) == 4 and opt.param_groups[0]["betas"][0] != 0.9
