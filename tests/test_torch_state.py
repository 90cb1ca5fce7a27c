"""What the torch classes remember: saved, loaded, copied, refused, and shown by views."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest

import adaspec
from test_torch import RULES, arrays, assert_close, optimizer, parameters, run

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.needs_torch, pytest.mark.sampled]

SOME = [r for r in ("adam", "adafactor", "lamb", "muon", "schedule_free", "prodigy", "adamx", "adam_l2") if r in RULES]
VIEWS = [(rule, label) for rule in RULES for label in adaspec.load(rule).views]


def snapshot(opt: Any, params: list[Any]) -> tuple[list[Any], list[Any]]:
    state = [{k: v.clone() for k, v in opt.state[p].items()} if p in opt.state else None for p in params]
    return [p.detach().clone() for p in params], state


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a.nan_to_num(), b.nan_to_num())
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("rule", RULES)
def test_saved_and_loaded(rule: str, dtype: str) -> None:
    """Half-way through torch.save and torch.load(weights_only=True) into a new optimizer: on as if nothing had been."""
    kind = getattr(torch, dtype)
    values, grads = arrays(rule, 6)
    params = parameters(values, kind)
    opt = optimizer(rule, params)
    run(opt, params, grads[:3])
    file = io.BytesIO()
    torch.save(opt.state_dict(), file)
    file.seek(0)
    again = [torch.nn.Parameter(p.detach().clone()) for p in params]
    new = optimizer(rule, again, lr=0.5)
    new.load_state_dict(torch.load(file, weights_only=True))
    assert same(snapshot(new, again), snapshot(opt, params))
    for o, ps in ((opt, params), (new, again)):
        run(o, ps, grads[3:])
    assert same(snapshot(new, again), snapshot(opt, params))
    assert same(new.state_dict(), opt.state_dict())


@pytest.mark.parametrize("rule", SOME)
@pytest.mark.parametrize("way", ["pickle", "deepcopy"])
def test_copies_go_on_alike(rule: str, way: str) -> None:
    values, grads = arrays(rule, 4)
    params = parameters(values)
    opt = optimizer(rule, params)
    run(opt, params, grads[:2])
    new = pickle.loads(pickle.dumps(opt)) if way == "pickle" else copy.deepcopy(opt)
    again = new.param_groups[0]["params"]
    assert again[0] is not params[0]
    for o, ps in ((opt, params), (new, again)):
        run(o, ps, grads[2:])
    assert same(snapshot(new, again), snapshot(opt, params))


def test_loading_does_not_alias() -> None:
    values, grads = arrays("adam", 2)
    params, again = parameters(values), parameters(values)
    opt, new = optimizer("adam", params), optimizer("adam", again)
    run(opt, params, grads[:1])
    new.load_state_dict(opt.state_dict())
    before = snapshot(opt, params)
    run(new, again, grads[1:])
    assert same(snapshot(opt, params), before)


@pytest.mark.parametrize("step", [7, 7.0, torch.tensor(7.0), torch.tensor(7)])
def test_counters_of_other_makes_are_taken(step: Any) -> None:
    params = parameters(arrays("adam", 1)[0])
    opt = optimizer("adam", params)
    run(opt, params, arrays("adam", 1)[1])
    saved = opt.state_dict()
    saved["state"] = {k: {**slots, "step": step} for k, slots in saved["state"].items()}
    opt.load_state_dict(saved)
    assert all(s["step"].dtype == torch.float64 and s["step"].item() == 7 for s in opt.state.values())


@pytest.mark.parametrize("damage", ["missing", "extra", "shape", "nan", "negative", "fraction", "other", "groups"])
def test_states_that_do_not_fit_change_nothing(damage: str) -> None:
    values, grads = arrays("adam", 2)
    params = parameters(values)
    opt = optimizer("adam", params)
    run(opt, params, grads[:1])
    saved = copy.deepcopy(opt.state_dict())
    last = saved["state"][len(params) - 1]
    match damage:
        case "missing":
            del last["v"]
        case "extra":
            last["exp_avg"] = torch.zeros(3)
        case "shape":
            saved["state"][3]["v"] = torch.zeros(3, 4)
        case "other":
            other = parameters(values)
            theirs = torch.optim.SGD(other, momentum=0.9)
            run(theirs, other, grads[:1])
            saved = theirs.state_dict()
        case "groups":
            saved["param_groups"][0]["lr"] = -1.0
        case _:
            last["step"] = torch.tensor({"nan": float("nan"), "negative": -1.0, "fraction": 1.5}[damage])
    before = snapshot(opt, params)
    lr = opt.param_groups[0]["lr"]
    with pytest.raises(ValueError, match=r"step|v|lack|learning rate"):
        opt.load_state_dict(saved)
    assert same(snapshot(opt, params), before) and opt.param_groups[0]["lr"] == lr


@pytest.mark.parametrize(("rule", "label"), VIEWS)
def test_views(rule: str, label: str) -> None:
    """A view shows what the interpreter shows, and gives the parameters back to the last bit."""
    values, grads = arrays(rule, 5)
    params = parameters(values)
    opt = optimizer(rule, params)
    meaning = adaspec.interpret(rule)
    state = meaning.init(values)
    for g in grads:
        run(opt, params, [g])
        values, state = meaning.step(values, g, state)
    training = [p.detach().clone() for p in params]
    wanted = meaning.view(label, values, state)
    with opt.view(label):
        for p, w in zip(params, wanted, strict=True):
            assert_close(p, w, 1e-12)
        with pytest.raises(RuntimeError, match="train"):
            opt.step()
        again = copy.deepcopy(opt)
    assert same([p.detach() for p in params], training)
    if label == "eval":
        again.train()
        assert same([p.detach() for p in again.param_groups[0]["params"]], training)
        opt.eval()
        opt.eval()
        assert_close(params[-1], wanted[-1], 1e-12)
        opt.train()
        opt.train()
        assert same([p.detach() for p in params], training)
    with pytest.raises(KeyError, match=label), opt.view("nothing"):
        pass


def test_hooks_of_the_user_see_and_change_what_is_loaded() -> None:
    """Behind the load, the slots are there in their own dtype, and what a hook puts in their place stays."""
    params = parameters(arrays("adam", 1)[0], torch.bfloat16)
    opt = optimizer("adam", params)
    run(opt, params, arrays("adam", 1)[1])
    seen = []

    def hook(loaded: Any) -> None:
        seen.extend(slots["m"].dtype for slots in loaded.state.values())
        for slots in loaded.state.values():
            slots["m"].zero_()

    opt.register_load_state_dict_pre_hook(lambda _, given: {**given, "param_groups": given["param_groups"]})
    opt.register_load_state_dict_post_hook(hook)
    opt.load_state_dict(opt.state_dict())
    assert set(seen) == {torch.float32} and all(not slots["m"].any() for slots in opt.state.values())
