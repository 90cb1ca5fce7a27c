"""The schedulers of torch on the torch classes: each step is the rule's with the rate and the betas of that moment."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adaspec
from test_torch import assert_close
from test_torch_contract import OF_LOSS, RULES, build, parameters, shapes

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.needs_torch

schedulers = torch.optim.lr_scheduler
Made = Callable[[Any], Any]

MAKES: dict[str, Made] = {
    "LambdaLR": lambda o: schedulers.LambdaLR(o, lambda epoch: 0.5**epoch),
    "MultiplicativeLR": lambda o: schedulers.MultiplicativeLR(o, lambda epoch: 0.75),
    "StepLR": lambda o: schedulers.StepLR(o, 2, gamma=0.5),
    "MultiStepLR": lambda o: schedulers.MultiStepLR(o, [1, 3], gamma=0.5),
    "ConstantLR": lambda o: schedulers.ConstantLR(o, factor=0.25, total_iters=2),
    "LinearLR": lambda o: schedulers.LinearLR(o, total_iters=4),
    "ExponentialLR": lambda o: schedulers.ExponentialLR(o, 0.5),
    "PolynomialLR": lambda o: schedulers.PolynomialLR(o, total_iters=4),
    "CosineAnnealingLR": lambda o: schedulers.CosineAnnealingLR(o, 4),
    "CosineAnnealingWarmRestarts": lambda o: schedulers.CosineAnnealingWarmRestarts(o, 2),
    "ReduceLROnPlateau": lambda o: schedulers.ReduceLROnPlateau(o, patience=0, factor=0.5),
    "ChainedScheduler": lambda o: schedulers.ChainedScheduler([MAKES["StepLR"](o), MAKES["LinearLR"](o)], optimizer=o),
    "SequentialLR": lambda o: schedulers.SequentialLR(o, [MAKES["LinearLR"](o), MAKES["ExponentialLR"](o)], [2]),
    "CyclicLR": lambda o: schedulers.CyclicLR(o, 1e-3, 1e-1, step_size_up=2, cycle_momentum=cycles(o)),
    "OneCycleLR": lambda o: schedulers.OneCycleLR(o, 1e-1, total_steps=8, cycle_momentum=cycles(o)),
}
STEPS = 5


def cycles(opt: Any) -> bool:
    """Whether torch finds a momentum to cycle: it looks for these two names."""
    return bool({"betas", "momentum"} & opt.defaults.keys())


def hypers(rule: str, group: dict[str, Any]) -> dict[str, Any]:
    """What the rule is given now, by the spec's own names."""
    found = {name: group[name] for name in adaspec.load(rule).hypers if name in group}
    return found | {f"beta{i}": beta for i, beta in enumerate(group.get("betas", ()), 1)}


def gradients(rule: str, k: int) -> list[Any]:
    rng = np.random.default_rng([5, k])
    return [rng.normal(size=s) for s in shapes(rule)]


def train(rule: str, opt: Any, scheduler: Any, params: list[Any], steps: range) -> list[dict[str, Any]]:
    """Steps of optimizer and scheduler; what the rule was given at each."""
    seen = []
    for k in steps:
        for p, g in zip(params, gradients(rule, k), strict=True):
            p.grad = torch.as_tensor(g).to(p)
        seen.append({n: float(v) if torch.is_tensor(v) else v for n, v in hypers(rule, opt.param_groups[0]).items()})
        opt.step()
        scheduler.step(*([1.0] if isinstance(scheduler, schedulers.ReduceLROnPlateau) else []))
    return seen


def follow(rule: str, seen: list[dict[str, Any]], params: list[Any]) -> None:
    """The parameters are where the interpreter gets with the hyperparameters of each step."""
    values = [p.detach().numpy().copy() for p in parameters(rule)]
    meaning = adaspec.interpret(rule, **seen[0])
    state = meaning.init(values)
    for k, given in enumerate(seen):
        values, state = meaning.step(values, gradients(rule, k), state, **given)
    for p, value in zip(params, values, strict=True):
        assert_close(p, value, 1e-11)


def test_every_scheduler_of_torch_is_here() -> None:
    public = {n for n in schedulers.__all__ if n not in ("LRScheduler", "_LRScheduler")}
    assert public <= MAKES.keys(), public - MAKES.keys()


@pytest.mark.parametrize("scheduler", MAKES)
@pytest.mark.parametrize("rule", ["adam", "momentum", "adafactor", "schedule_free"])
def test_a_step_takes_what_the_scheduler_has_set(rule: str, scheduler: str) -> None:
    params = parameters(rule)
    opt = build(rule)(params, lr=0.05)
    seen = train(rule, opt, MAKES[scheduler](opt), params, range(STEPS))
    follow(rule, seen, params)
    assert len({given["lr"] for given in seen}) > 1
    if scheduler in ("CyclicLR", "OneCycleLR"):
        assert ("betas" in opt.defaults) == (len({given.get("beta1") for given in seen}) > 1)


@pytest.mark.parametrize("scheduler", [n for n in MAKES if n not in ("CyclicLR", "OneCycleLR")])
def test_a_rate_that_is_a_tensor_is_followed(scheduler: str) -> None:
    """torch writes into it, or puts another in its place: the numbers are those of a plain rate."""
    plain, tensor = parameters("adam"), parameters("adam")
    for params, rate in ((plain, 0.05), (tensor, torch.tensor(0.05, dtype=torch.float64))):
        opt = build("adam")(params, lr=rate)
        train("adam", opt, MAKES[scheduler](opt), params, range(STEPS))
    for p, q in zip(plain, tensor, strict=True):
        assert_close(p, q.detach().numpy(), 1e-12)


@pytest.mark.parametrize("rule", [r for r in RULES if r not in OF_LOSS and "lr" in adaspec.load(r).hypers])
def test_one_cycle_of_rate_and_momentum(rule: str) -> None:
    """Of every rule; resumed half-way from what optimizer and scheduler have saved."""
    whole, halved = parameters(rule), parameters(rule)
    opt = build(rule)(whole)
    scheduler = MAKES["OneCycleLR"](opt)
    train(rule, opt, scheduler, whole, range(4))
    opt = build(rule)(halved)
    scheduler = MAKES["OneCycleLR"](opt)
    train(rule, opt, scheduler, halved, range(2))
    saved = copy.deepcopy((opt.state_dict(), scheduler.state_dict()))
    again = [torch.nn.Parameter(p.detach().clone()) for p in halved]
    opt = build(rule)(again)
    scheduler = MAKES["OneCycleLR"](opt)
    opt.load_state_dict(saved[0])
    scheduler.load_state_dict(saved[1])
    seen = train(rule, opt, scheduler, again, range(2, 4))
    assert all(torch.equal(p, q) for p, q in zip(whole, again, strict=True))
    assert seen[0]["lr"] != seen[1]["lr"]
    assert "betas" not in opt.defaults or seen[0]["beta1"] != seen[1]["beta1"]


def test_keys_of_schedulers_are_free() -> None:
    """A rule that remembers the largest rate leaves `max_lr` to OneCycleLR."""
    opt = build("adamc")(parameters("adamc"))
    assert "max_lr_" in opt.param_groups[0] and "max_lr" not in opt.param_groups[0]
