"""Complex parameters in the torch classes: the array of their parts to rules that take them; the others refuse."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest

import adaspec
from adaspec.complexes import takes_complex
from adaspec.library import rules

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.needs_torch

RULES = [name for name in rules() if takes_complex(adaspec.load(name))]
OTHERS = [name for name in rules() if name not in RULES]
SHAPES: list[tuple[int, ...]] = [(), (5,), (4, 3), (0, 2)]


def tensors(seed: int, dtype: Any) -> list[Any]:
    """Complex ones, and a real one among them."""
    generator = torch.Generator().manual_seed(seed)
    real = torch.randn(3, dtype=dtype.to_real(), generator=generator)
    return [*(torch.randn(s, dtype=dtype, generator=generator) for s in SHAPES), real]


def parts(values: list[Any]) -> list[Any]:
    return [(torch.view_as_real(v) if v.is_complex() else v).detach().clone() for v in values]


def inputs(spec: Any, grads: list[Any]) -> dict[str, Any]:
    """What a step needs beside the gradients."""
    return {i.name: 0.5 if i.scalar else [g * g.conj() for g in grads] for i in spec.inputs.values()}


def steps(opt: Any, params: list[Any], grads: list[list[Any]], spec: Any, real: bool = False) -> None:
    for gradient in grads:
        given = inputs(spec, gradient)
        if real:
            given = {n: parts(v) if isinstance(v, list) else v for n, v in given.items()}
        for p, g in zip(params, parts(gradient) if real else gradient, strict=True):
            p.grad = g.clone()
        opt.step(**given)


def alike(spec: Any, opt: Any, params: list[Any], other: Any, twins: list[Any]) -> None:
    """Parameters and slots hold the same bits; the slots of the parameter's shape are complex where it is."""
    whole = [False, *(slot.init.whole for slot in spec.core.slots)]
    for p, q in zip(params, twins, strict=True):
        assert torch.equal(*parts([p, q]))
        assert list(opt.state[p]) == list(other.state[q])
        for (name, slot), is_whole in zip(opt.state[p].items(), whole, strict=False):
            assert slot.is_complex() == (p.is_complex() and is_whole) or len(opt.state[p]) < len(whole), name
            assert torch.equal(*(t.nan_to_num() for t in parts([slot, other.state[q][name]]))), name


def compare(rule: str, dtype: Any, foreach: bool | None) -> None:
    spec = adaspec.load(rule)
    cls = adaspec.build(spec, "torch")
    values, grads = tensors(0, dtype), [tensors(k, dtype) for k in range(1, 4)]
    params = [torch.nn.Parameter(v.clone()) for v in values]
    twins = [torch.nn.Parameter(v) for v in parts(values)]
    opt, other = cls(params, foreach=foreach), cls(twins, foreach=foreach)
    steps(opt, params, grads[:2], spec)
    file = io.BytesIO()
    torch.save(opt.state_dict(), file)
    file.seek(0)
    again = [torch.nn.Parameter(p.detach().clone()) for p in params]
    new = cls(again, foreach=foreach)
    new.load_state_dict(torch.load(file, weights_only=True))
    steps(new, again, grads[2:], spec)
    steps(other, twins, grads, spec, real=True)
    alike(spec, new, again, other, twins)


@pytest.mark.parametrize("rule", RULES)
def test_the_parts_are_updated(rule: str) -> None:
    """Complex and real parameters in one group: bit for bit what the rule does to the arrays of their parts."""
    compare(rule, torch.complex64, None)


@pytest.mark.sampled
@pytest.mark.parametrize("rule", RULES)
def test_the_parts_are_updated_by_the_loop(rule: str) -> None:
    compare(rule, torch.complex128, False)


@pytest.mark.parametrize("rule", OTHERS)
def test_the_others_refuse(rule: str) -> None:
    """Before anything is touched, with the reason."""
    cls = adaspec.build(adaspec.load(rule), "torch")
    with pytest.raises(RuntimeError, match=f"{cls.__name__} does not support complex parameters: "):
        cls([torch.ones(2, 2, dtype=torch.complex64)])
    real = torch.nn.Parameter(torch.ones(3, 3))
    opt = cls([real])
    with pytest.raises(RuntimeError, match="complex"):
        opt.add_param_group({"params": [torch.ones(2, 2, dtype=torch.complex64)]})
    assert len(opt.param_groups) == 1 and torch.equal(real, torch.ones(3, 3)) and not opt.state


VIEWS = [(rule, label) for rule in RULES for label in adaspec.load(rule).views]


@pytest.mark.parametrize(("rule", "label"), VIEWS)
def test_views_show_the_parts(rule: str, label: str) -> None:
    spec = adaspec.load(rule)
    cls = adaspec.build(spec, "torch")
    values, grads = tensors(0, torch.complex64), [tensors(k, torch.complex64) for k in range(1, 3)]
    params = [torch.nn.Parameter(v.clone()) for v in values]
    twins = [torch.nn.Parameter(v) for v in parts(values)]
    opt, other = cls(params), cls(twins)
    steps(opt, params, grads, spec)
    steps(other, twins, grads, spec, real=True)
    before = [p.detach().clone() for p in params]
    with opt.view(label), other.view(label):
        assert all(torch.equal(*parts([p, q])) for p, q in zip(params, twins, strict=True))
        assert rule != "schedule_free" or not torch.equal(params[1], before[1])
    assert all(torch.equal(p, b) for p, b in zip(params, before, strict=True))


def test_gradients_of_a_real_loss() -> None:
    """Autograd conjugates lazily: that reaches the rule as numbers."""
    p = torch.nn.Parameter(torch.tensor([1 + 2j, 3 - 1j]))
    q = torch.nn.Parameter(torch.view_as_real(p.detach()).clone())
    opt, other = (adaspec.torch.Adam([t], lr=0.1, fused=False) for t in (p, q))
    for _ in range(3):
        p.grad = (2 * p.detach()).conj()
        q.grad = 2 * q.detach() * torch.tensor([1.0, -1.0])
        assert p.grad.is_conj()
        opt.step()
        other.step()
    assert torch.equal(*parts([p, q]))


def test_a_state_of_the_other_kind_is_refused() -> None:
    cls = adaspec.build("adam", "torch")
    complex_, real = torch.nn.Parameter(torch.ones(2, dtype=torch.complex64)), torch.nn.Parameter(torch.ones(2))
    for p, q in ((complex_, real), (real, complex_)):
        p.grad = torch.ones_like(p)
        opt = cls([p])
        opt.step()
        other = cls([q])
        before = copy.deepcopy(other.state_dict())
        with pytest.raises(ValueError, match=r"\['m', 'v'\] real or complex"):
            other.load_state_dict(opt.state_dict())
        assert other.state_dict() == before and not other.state


def test_inputs_are_as_their_parameters() -> None:
    opt = adaspec.build("sophia", "torch")([p := torch.nn.Parameter(torch.ones(2, dtype=torch.complex64))])
    p.grad = torch.ones_like(p)
    with pytest.raises(TypeError, match="both complex"):
        opt.step(h=[torch.ones(2)])
    assert not opt.state and torch.equal(p, torch.ones_like(p))
