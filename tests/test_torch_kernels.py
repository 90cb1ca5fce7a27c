"""Torch's classes with a kernel: when it may take a step, and that it says what the array operations say."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import adaspec

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.needs_torch,
    pytest.mark.needs_compiler,
]


def tensors(*shapes: tuple[int, ...], dtype: Any = None, seed: int = 0) -> list[Any]:
    made = torch.Generator().manual_seed(seed)
    return [torch.randn(s, generator=made, dtype=dtype or torch.float32) for s in shapes]


def pair(params: list[Any], rule: str = "adam", **hypers: Any) -> tuple[Any, Any, list[Any], list[Any]]:
    """Two optimizers of equal parameters, one by kernels alone, one by array operations alone; gradients are there."""
    cls = adaspec.build(rule, "torch")
    others = copy.deepcopy(params)
    for many in (params, others):
        for p, g in zip(many, tensors(*(p.shape for p in params), dtype=params[0].dtype, seed=1), strict=True):
            p.grad = g
    return cls(params, fused=True, **hypers), cls(others, fused=False, **hypers), params, others


def agree(one: Any, two: Any) -> None:
    for p, q in zip(*(o.param_groups[0]["params"] for o in (one, two)), strict=True):
        torch.testing.assert_close(p, q)
        assert one.state[p].keys() == two.state[q].keys()
        for key in one.state[p]:
            torch.testing.assert_close(one.state[p][key], two.state[q][key])


SHAPES = ((3, 5), (), (0, 2), (7,))


def test_all_that_happens_between_two_steps() -> None:
    """A plan of a step holds for the next one, or is made anew."""
    one, two, params, others = pair(tensors(*SHAPES))

    def moved(p: Any, o: Any) -> None:
        p.data = p.data.clone()

    def turned(p: Any, o: Any) -> None:
        p.data = p.data.t().contiguous().t()

    def without(p: Any, o: Any) -> None:
        p.grad = None

    def replaced(p: Any, o: Any) -> None:
        o.state[p] = {key: t.clone() for key, t in o.state[p].items()}

    def slot(p: Any, o: Any) -> None:
        o.state[p]["m"] = o.state[p]["m"] * 2

    def shifted(p: Any, o: Any) -> None:
        o.state[p]["v"].data = o.state[p]["v"].data * 2

    def loaded(p: Any, o: Any) -> None:
        o.load_state_dict(copy.deepcopy(o.state_dict()))

    def cleared(p: Any, o: Any) -> None:
        o.state.clear()

    def frozen(p: Any, o: Any) -> None:
        p.requires_grad_(not p.requires_grad)

    def rate(p: Any, o: Any) -> None:
        o.param_groups[0]["lr"] = torch.tensor(0.5)

    def up(p: Any, o: Any) -> None:
        o.param_groups[0]["maximize"] = True

    events = [moved, turned, without, replaced, slot, shifted, loaded, cleared, frozen, rate, up]
    for event in [None, *events]:
        for o, p in ((one, params[0]), (two, others[0])):
            for q, other in zip(o.param_groups[0]["params"], others, strict=True):
                q.grad = other.detach().cos().as_strided(q.shape, q.stride())
            if event:
                o.param_groups[0]["fused"] = None if event is turned else o.param_groups[0]["fused"]
                event(p, o)
        two.param_groups[0]["fused"] = False
        one.step()
        two.step()
        agree(one, two)


def refused(one: Any, two: Any, why: str) -> None:
    """fused=True says why not, and by default the step is that of the array operations."""
    with pytest.raises(RuntimeError, match=why):
        one.step()
    one.param_groups[0]["fused"] = None
    one.step()
    two.step()
    agree(one, two)


def test_memory_that_holds_other_values() -> None:
    """A view may show the numbers in its memory with another sign. Torch itself does not write such parameters."""
    for p in (tensors((5,), dtype=torch.complex64)[0].conj(), torch._neg_view(tensors((5,))[0])):
        p.grad = torch.ones_like(p).resolve_conj().resolve_neg()
        with pytest.raises(RuntimeError, match=r"fused=True: .* plain dense tensors"):
            adaspec.torch.Adam([p], fused=True).step()
    one, two, params, others = pair(tensors((5,)))
    for o, p in ((one, params[0]), (two, others[0])):
        o.step()
        p.grad = torch._neg_view(p.grad)
    refused(one, two, "plain dense tensors")


def test_slots_that_lie_elsewhere() -> None:
    one, _, (p,), _ = pair(tensors((5,)))
    one.step()
    one.state[p]["m"] = one.state[p]["m"].to("meta")
    with pytest.raises(RuntimeError, match="slot is no plain dense tensor of the host"):
        one.step()


def test_memory_of_two_parameters() -> None:
    """Threads would write it at the same time: it is written by one parameter after the other."""
    (x,) = tensors((6,))
    one, two, params, others = pair([x[:4], x[4:]])
    for o in (one, two):
        o.step()
    agree(one, two)
    for many in (params, others):
        many[1].data = many[0].data[2:]
    refused(one, two, "share memory")


@pytest.mark.parametrize("odd", ["expanded", "sparse", "strided"])
def test_memory_that_is_not_filled(odd: str) -> None:
    x = {
        "expanded": torch.zeros(1).expand(5),
        "strided": torch.zeros(10)[::2],
        "sparse": torch.zeros(5),
    }[odd]
    p = x.requires_grad_() if odd == "sparse" else x
    p.grad = torch.ones(5).to_sparse() if odd == "sparse" else torch.ones(5)
    with pytest.raises(RuntimeError, match="fused=True: a"):
        adaspec.torch.Adam([p], fused=True).step()


def test_inference_mode() -> None:
    """Ordinary tensors are updated in it; what is made in it, torch protects outside."""
    one, two, *_ = pair(tensors((5,)))
    for o in (one, two):
        o.step()
        with torch.inference_mode():
            o.step()
        o.step()
    agree(one, two)
    one, two, *_ = pair(tensors((5,)))
    two.param_groups[0]["fused"] = None
    for o in (one, two):
        with torch.inference_mode():
            one.param_groups[0]["fused"] = None
            o.step()
        with pytest.raises(RuntimeError, match="outside InferenceMode"):
            o.step()


def test_inside_of_a_transform() -> None:
    """Tensors that torch.func wraps have no memory to write."""
    one, two, params, others = pair(tensors((5,)))
    one.param_groups[0]["fused"] = None
    for o, p in ((one, params[0]), (two, others[0])):

        def stepped(x: Any, o: Any = o, p: Any = p) -> Any:
            p.grad = torch.ones(5)
            o.step()
            return (x * p).sum()

        torch.testing.assert_close(torch.func.grad(stepped)(torch.ones(5)), p)
    agree(one, two)


def test_autograd_learns_of_the_update() -> None:
    """What a graph has saved was changed by the step."""
    x = torch.ones(3, requires_grad=True)
    opt = adaspec.torch.Adam([x], fused=True)
    loss = (x * x).sum()
    x.grad = torch.ones(3)
    opt.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_kernel_for_counting_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is changed by then: the array operations do the whole step."""
    from adaspec.kernels import compiler
    from adaspec.kernels import tensors as kernels

    library = compiler.library

    def none(name: str, *more: str) -> Any:
        if name == "count":
            raise compiler.NoKernel("the disk is full")
        return library(name, *more)

    monkeypatch.setattr(compiler, "library", none)
    monkeypatch.setattr(adaspec.torch.Adam, "_kernels", kernels.of(adaspec.load("adam")))
    one, two, *_ = pair(tensors((5,)))
    one.param_groups[0]["fused"] = None
    with pytest.warns(RuntimeWarning, match="the disk is full"):
        one.step()
    two.step()
    agree(one, two)
