"""Sparse gradients in the torch classes: taken as torch takes them, or refused before anything moves."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.backends.torch.sparse import linear, refusal
from adaspec.library import rules
from problem import arrays
from test_torch_state import same

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.needs_torch

RULES = rules()
TAKEN = [name for name in RULES if refusal(adaspec.load(name)) is None]
LINEAR = [name for name in TAKEN if linear(adaspec.load(name))]
LAZY = [name for name in TAKEN if name not in LINEAR]
REFUSED = [name for name in RULES if name not in TAKEN]
ROWS, WIDTH = 6, 3


def parameter(seed: int = 0, dtype: Any = None) -> Any:
    values = np.random.default_rng(seed).normal(size=(ROWS, WIDTH))
    return torch.nn.Parameter(torch.tensor(values, dtype=dtype or torch.float64))


def gradient(rows: list[int], k: int, dtype: Any = None) -> Any:
    """A sparse gradient; rows that stand twice count twice."""
    values = torch.tensor(np.random.default_rng([7, k]).normal(size=(len(rows), WIDTH)), dtype=dtype or torch.float64)
    return torch.sparse_coo_tensor([rows], values, (ROWS, WIDTH), check_invariants=True)


def still(rule: str) -> dict[str, float]:
    """Hyperparameters under which a row without a gradient stays: no decay."""
    return {name: 0.0 for name in adaspec.load(rule).hypers if name in ("weight_decay", "lambd")}


STEPS = [[0, 2], [2, 2, 5], [], [1], [0, 5, 2]]


def train(opt: Any, p: Any, steps: list[list[int]], dense: bool = False) -> None:
    for k, rows in enumerate(steps):
        grad = gradient(rows, k, p.dtype)
        p.grad = grad.to_dense() if dense else grad
        opt.step()


def test_which_rules_take_them() -> None:
    """By what they do, not by name: elementwise, with slots of the parameter's shape and nothing shared."""
    assert {"adam", "adamw", "adagrad", "adax", "rmsprop", "lion", "rprop", "sgd", "momentum", "adadelta"} <= set(TAKEN)
    assert {"sgd", "momentum", "qhm", "aggmo"} <= set(LINEAR) and not {"adam", "adagrad", "lion"} & set(LINEAR)
    assert {"adafactor", "lamb", "muon", "prodigy", "schedule_free", "lookahead", "nadam", "sophia"} <= set(REFUSED)


@pytest.mark.parametrize(
    ("dialect", "native", "options"),
    [
        ("sgd:torch", "SGD", {}),
        ("sgd:torch", "SGD", {"momentum": 0.9}),
        ("sgd:torch", "SGD", {"momentum": 0.9, "nesterov": True}),
        ("adagrad:torch", "Adagrad", {"lr": 0.1, "lr_decay": 0.5}),
        ("sparse_adam:torch", "SparseAdam", {"lr": 0.1}),
    ],
)
def test_embeddings_train_as_with_torch(dialect: str, native: str, options: dict[str, Any]) -> None:
    models = []
    for cls in (adaspec.build(dialect, "torch"), getattr(torch.optim, native)):
        torch.manual_seed(0)
        model = torch.nn.Embedding(10, 4, sparse=True, dtype=torch.float64)
        opt = cls(model.parameters(), **options)
        for k in range(12):
            opt.zero_grad()
            words = torch.tensor([k % 10, (3 * k) % 10, 7])
            (model(words) ** 2).sum().backward()
            assert model.weight.grad.is_sparse
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch's own step makes sparse tensors that it does not check
                opt.step()
        models.append(model)
    assert torch.allclose(models[0].weight, models[1].weight, rtol=1e-12, atol=1e-14)


MOVING = ("ftrl", "vsgd", "yogi")
"""Rules that move a row that never had a gradient, or break it, by what their slots begin with."""


@pytest.mark.parametrize("rule", [name for name in LAZY if name not in MOVING])
def test_rows_are_updated_alone(rule: str) -> None:
    """As if each row were a parameter that has a gradient at some steps; the step is the whole parameter's."""
    cls, p = adaspec.build(adaspec.load(rule), "torch"), parameter()
    opt = cls([p], **still(rule))
    rows = [torch.nn.Parameter(row.clone()) for row in p.detach()]
    others = [cls([row], **still(rule)) for row in rows]
    for k, held in enumerate(STEPS):
        p.grad = gradient(held, k)
        dense = p.grad.to_dense()
        opt.step()
        for i, (row, other) in enumerate(zip(rows, others, strict=True)):
            if other.state.get(row):
                other.state[row]["step"].fill_(float(k))
            elif i in held:
                row.grad = torch.zeros_like(row)
                saved = row.detach().clone()
                other.step()
                other.state[row] = fresh(cls, saved, still(rule))
                row.data.copy_(saved)
                other.state[row]["step"].fill_(float(k))
            if i in held:
                row.grad = dense[i]
                other.step()
    assert opt.state[p]["step"].item() == len(STEPS) and not opt._lent and list(opt.state) == [p]
    for i, (row, other) in enumerate(zip(rows, others, strict=True)):
        assert torch.allclose(p[i], row, rtol=1e-12, atol=1e-14), i
        for name, slot in other.state.get(row, {}).items():
            assert name == "step" or torch.allclose(opt.state[p][name][i], slot, rtol=1e-12, atol=1e-14)
    assert torch.equal(p[3:5], parameter()[3:5]) and torch.equal(p[4], parameter()[4])


def fresh(cls: Any, values: Any, options: dict[str, Any]) -> dict[str, Any]:
    """The state of a parameter before its first step, by the module of its class."""
    import inspect
    import sys

    module = sys.modules[cls.__module__]
    p = torch.nn.Parameter(values.clone())
    group = cls([p], **options).param_groups[0]
    make: Any = getattr(module, "_new_state")  # noqa: B009
    return make(p, group) if len(inspect.signature(make).parameters) == 2 else make(p)


@pytest.mark.parametrize("rule", LINEAR)
def test_a_linear_rule_takes_the_gradient_for_what_it_is(rule: str) -> None:
    cls = adaspec.build(adaspec.load(rule), "torch")
    for dtype, decay in ((torch.float64, 0.125), (torch.float32, 0.0)):
        options = dict.fromkeys(still(rule), decay)
        sparse, dense = parameter(dtype=dtype), parameter(dtype=dtype)
        one, other = cls([sparse], **options), cls([dense], **options, **arrays(cls))
        train(one, sparse, STEPS)
        train(other, dense, STEPS, dense=True)
        assert torch.equal(sparse, dense) and same(dict(one.state[sparse]), dict(other.state[dense]))


def test_zeros_that_change_nothing_are_exact() -> None:
    """AdaGrad's rows are those of the dense gradient; so are those of plain SGD, which touches no other row."""
    for rule in ("adagrad", "sgd"):
        cls, sparse, dense = adaspec.build(rule, "torch"), parameter(), parameter()
        train(cls([sparse]), sparse, STEPS)
        train(cls([dense]), dense, STEPS, dense=True)
        assert torch.allclose(sparse, dense, rtol=1e-14, atol=0)


@pytest.mark.parametrize("rule", REFUSED)
def test_the_others_refuse_with_the_reason(rule: str) -> None:
    """Before anything is changed, in groups before and behind as well."""
    cls = adaspec.build(adaspec.load(rule), "torch")
    params = [parameter(i) for i in range(3)]
    before = [p.detach().clone() for p in params]
    opt = cls([{"params": params[:1]}, {"params": params[1:]}])
    params[0].grad, params[1].grad, params[2].grad = torch.ones_like(params[0]), gradient([1], 0), None
    inputs = {
        i.name: 1.0 if i.scalar else [torch.ones_like(p) for p in params] for i in adaspec.load(rule).inputs.values()
    }
    reason = refusal(adaspec.load(rule))
    with pytest.raises(RuntimeError, match=f"^{cls.__name__} does not support sparse gradients: {reason}"):
        opt.step(**inputs)
    assert not opt.state and all(torch.equal(p, b) for p, b in zip(params, before, strict=True))


def test_rows_that_would_move_are_refused() -> None:
    """By weight decay, by a layout that is no list of rows: with nothing changed in any group."""
    cls = adaspec.build("adamw", "torch")
    params = [parameter(i) for i in range(2)]
    opt = cls([{"params": params[:1], "weight_decay": 0.0}, {"params": params[1:]}])
    params[0].grad, params[1].grad = gradient([1], 0), gradient([2], 1)
    with pytest.raises(RuntimeError, match="AdamW does not support sparse gradients with these hyperparameters"):
        opt.step()
    assert not opt.state and not opt._lent and torch.equal(params[0], parameter(0))
    opt.param_groups[1]["weight_decay"] = 0.0
    opt.step()
    assert not torch.equal(params[0][1], parameter(0)[1]) and torch.equal(params[0][0], parameter(0)[0])
    with pytest.raises(ValueError, match="AdamW requires dense parameter tensors"):
        cls([gradient([1], 0).requires_grad_()])
    for rule in MOVING:
        p = parameter()
        p.grad = gradient([1], 0)
        with pytest.raises(RuntimeError, match="with these hyperparameters"):
            adaspec.build(rule, "torch")([p]).step()


@pytest.mark.parametrize("foreach", [None, False])
def test_in_company(foreach: bool | None) -> None:
    """Beside dense, complex and half-precision parameters in one group; saved in between."""
    cls = adaspec.build("adam", "torch")

    def made() -> list[Any]:
        real = [parameter(0), parameter(1), parameter(2, torch.bfloat16)]
        return [*real, torch.nn.Parameter(torch.complex(parameter(3), parameter(4)).detach())]

    params, rows = made(), made()
    opt, other = cls(params, foreach=foreach), cls([p for p in rows], foreach=foreach)
    for k in range(3):
        for p, q in zip(params, rows, strict=True):
            held = [k, 5]
            grad = gradient(held, k, p.dtype)
            p.grad = grad if p is not params[1] else grad.to_dense()
            q.grad = grad.to_dense()
        opt.step()
        other.step()
        opt.load_state_dict(opt.state_dict())
    for i, (p, q) in enumerate(zip(params, rows, strict=True)):
        assert p.dtype == q.dtype and torch.equal(p[5], q[5])
        assert torch.equal(p, q) == (i == 1)
        assert torch.equal(p[3:5], made()[i][3:5])
