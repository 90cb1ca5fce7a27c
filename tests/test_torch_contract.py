"""The contract of `torch.optim.Optimizer`, held by the class of every rule: what a training loop may do."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.library import rules
from adaspec.lower import lower
from adaspec.verification import supplied
from problem import MATRICES_ONLY, arrays
from test_torch_state import same

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.needs_torch

RULES = rules()
OF_LOSS = [name for name in RULES if any(not i.optional for i in adaspec.load(name).inputs.values())]
"""Rules whose step needs more than gradients."""


def shapes(rule: str) -> list[tuple[int, ...]]:
    return [(3, 3), (4, 2)] if rule in MATRICES_ONLY else [(3, 3), (4,)]


def parameters(rule: str, dtype: Any = None) -> list[Any]:
    generator = torch.Generator().manual_seed(1)
    made = (torch.randn(s, dtype=torch.float64, generator=generator) for s in shapes(rule))
    return [torch.nn.Parameter(p.to(dtype or torch.float64)) for p in made]


def build(rule: str) -> Any:
    return adaspec.build(adaspec.load(rule), "torch")


def run(rule: str, opt: Any, params: list[Any], steps: Iterator[int] | range) -> None:
    """Steps with gradients of their own, and what else the rule takes."""
    spec = adaspec.load(rule)
    for k in steps:
        rng = np.random.default_rng([3, k])
        grads = [np.asarray(rng.normal(size=tuple(p.shape))) for p in params]
        for p, g in zip(params, grads, strict=True):
            p.grad = torch.as_tensor(g).to(p)
        opt.step(**tensors(supplied(spec, 0, k, grads), params))


def tensors(inputs: dict[str, Any], params: list[Any]) -> dict[str, Any]:
    def made(value: Any) -> Any:
        return (
            [torch.as_tensor(v).to(p) for v, p in zip(value, params, strict=True)] if isinstance(value, list) else value
        )

    return {name: made(value) for name, value in inputs.items()}


def taken(opt: Any, params: list[Any]) -> tuple[Any, Any]:
    state = [{k: v.clone() for k, v in opt.state[p].items()} if p in opt.state else None for p in params]
    return [p.detach().clone() for p in params], state


# The step


@pytest.mark.parametrize("rule", RULES)
def test_a_closure_runs_with_gradients_and_its_loss_comes_back(rule: str) -> None:
    params = parameters(rule)
    opt = build(rule)(params)
    twins = parameters(rule)
    other = build(rule)(twins)
    calls = []

    def closure(optimizer: Any, tensors: list[Any]) -> Any:
        assert torch.is_grad_enabled()
        calls.append(1)
        optimizer.zero_grad()
        loss = torch.stack([(p**2).sum() for p in tensors]).sum()
        loss.backward()
        return loss

    inputs = tensors(supplied(adaspec.load(rule), 0, 0, [np.ones(s) for s in shapes(rule)]), params)
    loss = opt.step(lambda: closure(opt, params), **inputs)
    assert torch.is_tensor(loss) and loss.item() == pytest.approx(sum((p**2).sum().item() for p in twins))
    assert len(calls) == 1
    closure(other, twins)
    with torch.enable_grad():
        assert other.step(**inputs) is None
        assert torch.is_grad_enabled()
    assert same(taken(opt, params), taken(other, twins))


@pytest.mark.parametrize("rule", RULES)
def test_without_a_gradient_nothing_is_kept_and_nothing_moves(rule: str) -> None:
    """For the whole model, for one parameter of it, and after `zero_grad` either way of setting."""
    params = parameters(rule)
    before = [p.detach().clone() for p in params]
    opt = build(rule)(params)
    inputs = tensors(supplied(adaspec.load(rule), 0, 0, [np.ones(s) for s in shapes(rule)]), params)
    groups = copy.deepcopy(opt.state_dict()["param_groups"])
    opt.step(**inputs)
    assert not opt.state and same([p.detach() for p in params], before)
    assert same(opt.state_dict()["param_groups"], groups)
    params[0].grad = torch.ones_like(params[0])
    opt.step(**inputs)
    assert list(opt.state) == params[:1] and torch.equal(params[1], before[1])
    opt.zero_grad(set_to_none=False)
    assert torch.equal(params[0].grad, torch.zeros_like(params[0])) and params[1].grad is None
    opt.zero_grad()
    kept = taken(opt, params)
    groups = copy.deepcopy(opt.state_dict()["param_groups"])
    opt.step(**inputs)
    assert same(taken(opt, params), kept) and same(opt.state_dict()["param_groups"], groups)


@pytest.mark.parametrize("rule", RULES)
def test_dtypes_may_be_mixed_in_a_group(rule: str) -> None:
    """Each keeps its dtype, and slots of the precision that the dtype asks for."""
    kinds = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
    mixed = [p for kind in kinds for p in parameters(rule, kind)[:1]]
    opt = build(rule)(mixed)
    run(rule, opt, mixed, range(2))
    for p, kind in zip(mixed, kinds, strict=True):
        assert p.dtype == kind and bool(torch.isfinite(p).all())
        wanted = torch.float64 if kind == torch.float64 else torch.float32
        assert all(s.dtype == wanted for n, s in opt.state[p].items() if n != "step")


@pytest.mark.parametrize("rule", [r for r in RULES if r not in OF_LOSS and len(lower(adaspec.load(r)).phases) == 1])
def test_devices_may_be_mixed_in_a_group(rule: str) -> None:
    """A parameter without numbers (`meta`) among others: it is counted, they go as without it."""
    params, twins = parameters(rule), parameters(rule)
    meta = torch.nn.Parameter(torch.empty_like(params[0], device="meta"))
    opt, other = build(rule)([*params, meta]), build(rule)(twins, **arrays(build(rule)))
    for _ in range(2):
        for p in (*params, *twins, meta):
            p.grad = torch.full_like(p, 0.5)
        opt.step()
        other.step()
    assert same(taken(opt, params), taken(other, twins))
    assert opt.state[meta]["step"].item() == 2
    assert all(slot.is_meta for name, slot in opt.state[meta].items() if name != "step")


# What it remembers


@pytest.mark.parametrize("rule", RULES)
def test_states_are_tensors_and_travel_by_file_copy_and_pickle(rule: str) -> None:
    """Saved and loaded with weights_only, deep-copied, pickled half-way: each goes on as the one that went through."""
    cls, whole = build(rule), parameters(rule, torch.float32)
    through = cls(whole)
    run(rule, through, whole, range(4))
    params = parameters(rule, torch.float32)
    opt = cls(params)
    run(rule, opt, params, range(2))
    assert all(torch.is_tensor(v) for slots in opt.state.values() for v in slots.values())
    file = io.BytesIO()
    torch.save(opt.state_dict(), file)
    file.seek(0)
    again = [torch.nn.Parameter(p.detach().clone()) for p in params]
    loaded = cls(again)
    loaded.load_state_dict(torch.load(file, weights_only=True))
    copied, pickled = copy.deepcopy(opt), pickle.loads(pickle.dumps(opt))
    for other in (loaded, copied, pickled):
        tensors = other.param_groups[0]["params"]
        assert type(other) is cls and tensors[0] is not params[0]
        assert other.state_dict().keys() == opt.state_dict().keys() and repr(other) == repr(opt)
        run(rule, other, tensors, range(2, 4))
        assert same(taken(other, tensors), taken(through, whole))


@pytest.mark.parametrize("rule", RULES)
def test_counters_and_flags_of_older_states(rule: str) -> None:
    """A step as a number or a tensor of another make; groups and pickles from before a flag was there; loaded twice."""
    cls, whole = build(rule), parameters(rule)
    through = cls(whole)
    run(rule, through, whole, range(3))
    flags = [n for n, p in inspect.signature(cls).parameters.items() if p.kind is p.KEYWORD_ONLY]
    for make in (int, float, torch.tensor, lambda t: torch.tensor(t, dtype=torch.float32)):
        params = parameters(rule)
        opt = cls(params)
        run(rule, opt, params, range(2))
        saved = copy.deepcopy(opt.state_dict())
        for slots in saved["state"].values():
            slots["step"] = make(slots["step"].item())
        for group in saved["param_groups"]:
            assert set(flags) <= group.keys()
            for flag in flags:
                del group[flag]
        given = copy.deepcopy(saved)
        opt.load_state_dict(saved)
        opt.load_state_dict(saved)
        assert same(saved, given)
        run(rule, opt, params, range(2, 3))
        assert same(taken(opt, params), taken(through, whole))
    old = pickle.loads(pickle.dumps(opt))
    for group in old.param_groups:
        for flag in flags:
            del group[flag]
    old.__setstate__(old.__getstate__())
    assert all(set(flags) <= group.keys() for group in old.param_groups)


@pytest.mark.parametrize("rule", RULES)
def test_hooks_run_where_they_should(rule: str) -> None:
    from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

    params = parameters(rule)
    opt = build(rule)(params)
    seen: list[str] = []
    handles = [
        register_optimizer_step_pre_hook(lambda *_: seen.append("all before")),
        register_optimizer_step_post_hook(lambda *_: seen.append("all behind")),
        opt.register_step_pre_hook(lambda *_: seen.append("before")),
        opt.register_step_post_hook(lambda *_: seen.append("behind")),
    ]
    try:
        run(rule, opt, params, range(1))
        assert seen == ["all before", "before", "behind", "all behind"]
    finally:
        for handle in handles:
            handle.remove()
    seen.clear()
    run(rule, opt, params, range(1, 2))
    assert not seen
    opt.register_state_dict_pre_hook(lambda _: seen.append("saves"))
    opt.register_state_dict_post_hook(lambda _, saved: {**saved, "note": 1})
    saved = opt.state_dict()
    assert saved.pop("note") == 1 and seen == ["saves"]

    def other_rate(_: Any, given: dict[str, Any]) -> dict[str, Any]:
        groups = [{**group, "extra": [1, 2]} for group in given["param_groups"]]
        return {**given, "param_groups": groups}

    opt.register_load_state_dict_pre_hook(other_rate)
    opt.register_load_state_dict_post_hook(lambda loaded: seen.append(str(loaded.param_groups[0]["extra"])))
    opt.load_state_dict(saved)
    assert seen == ["saves", "[1, 2]"] and opt.param_groups[0]["extra"] == [1, 2]


@pytest.mark.parametrize("rule", RULES)
def test_names_of_parameters_and_groups_of_their_own(rule: str) -> None:
    """Named parameters, groups with hyperparameters and keys of their own, added later; all of it saved and loaded."""
    cls, params = build(rule), parameters(rule)
    named = [(f"layer.{i}", p) for i, p in enumerate(params)]
    opt = cls([{"params": named[:1], "note": "first"}], **arrays(cls))
    opt.add_param_group({"params": named[1:], "note": "second"})
    assert [g["param_names"] for g in opt.param_groups] == [["layer.0"], ["layer.1"]]
    run(rule, opt, params, range(2))
    twins = parameters(rule)
    together = cls(twins, **arrays(cls))
    run(rule, together, twins, range(2))
    assert same(taken(opt, params), taken(together, twins))
    again = [(f"layer.{i}", torch.nn.Parameter(p.detach().clone())) for i, p in enumerate(params)]
    new = cls([{"params": [pair]} for pair in again])
    new.load_state_dict(opt.state_dict())
    assert same(new.state_dict(), opt.state_dict())
    with pytest.raises(ValueError, match="names"):
        opt.add_param_group({"params": [torch.nn.Parameter(torch.ones(2, 2))]})
    assert len(opt.param_groups) == 2


# What is refused


@pytest.mark.parametrize("rule", RULES)
def test_parameters_are_taken_and_refused_as_torch_does(rule: str) -> None:
    cls, params = build(rule), parameters(rule)
    assert cls(p for p in params).param_groups[0]["params"] == params
    with pytest.raises(TypeError, match="iterable of Tensors"):
        cls(params[0])
    with pytest.raises(ValueError, match="empty parameter list"):
        cls([])
    with pytest.raises(TypeError, match="optimizer can only optimize Tensors"):
        cls([1.0])
    with pytest.raises(ValueError, match="can't optimize a non-leaf"):
        cls([params[0] * 2])
    with pytest.warns(UserWarning, match="duplicate parameters"):
        cls([params[0], params[0]])
    with pytest.raises(ValueError, match="more than one parameter group"):
        cls([{"params": params[0]}, {"params": params[0]}])
    with pytest.raises(ValueError, match="Some param names are missing"):
        cls([("weight", params[0]), params[1]])
    with pytest.raises(TypeError, match="floating"):
        cls([torch.ones(2, 2, dtype=torch.int64)])


WORDS = {"lr": "learning rate", "eps": "epsilon value"}
OUTSIDE = {"Rate": [-1.0], "Decay": [-0.5, 1.0], "Positive": [0.0, -1.0], "Real": [], "Count": [-1, 1.5]}


@pytest.mark.parametrize("rule", RULES)
def test_values_outside_are_refused_in_the_words_of_torch(rule: str) -> None:
    """At construction, for a group of its own and in a loaded state; nothing has changed then."""
    spec, cls = adaspec.load(rule), build(rule)
    params = parameters(rule)
    opt = cls(params[:1])
    if "lr" in spec.hypers:
        with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
            cls(params, lr=torch.tensor([0.1, 0.1]))
    for name, hyper in spec.hypers.items():
        betas = {"beta1", "beta2"} <= spec.hypers.keys() and name in ("beta1", "beta2", "beta3")
        what = f"beta parameter at index {int(name[-1]) - 1}" if betas else WORDS.get(name, f"{name}_? value")
        for value in (*OUTSIDE.get(hyper.kind, []), float("nan"), float("inf")) if hyper.kind != "Flag" else ():
            for attempt in (partial(cls, params), lambda **given: opt.add_param_group({"params": params[1:], **given})):
                with pytest.raises(ValueError, match=f"^Invalid {what}: {value}"):
                    attempt(**{name: value})
    assert len(opt.param_groups) == 1 and not opt.state
    before = copy.deepcopy(opt.state_dict())
    key = "lr" if "lr" in spec.hypers else next(iter(opt.defaults))
    damaged = copy.deepcopy(before)
    damaged["param_groups"][0][key] = float("nan")
    with pytest.raises(ValueError, match="Invalid"):
        opt.load_state_dict(damaged)
    assert same(opt.state_dict(), before)


# Life in a training loop


@pytest.mark.parametrize("rule", RULES)
def test_initialised_by_a_step_of_nothing(rule: str) -> None:
    """Distributed checkpoints make a state by zero gradients at lr = 0: no parameter moves, where the rule says so."""
    from torch.distributed.checkpoint.state_dict import _init_optim_state

    if rule in OF_LOSS:
        with pytest.raises(TypeError, match="needs its input"):
            _init_optim_state(build(rule)(parameters(rule)))
        return
    values = [p.detach().numpy().copy() for p in parameters(rule)]
    meaning = adaspec.interpret(rule, **({"lr": 0.0} if "lr" in adaspec.load(rule).hypers else {}))
    after, _ = meaning.step(values, [np.zeros_like(v) for v in values], meaning.init(values))
    for dtype in (torch.float64, torch.bfloat16):
        params = parameters(rule, dtype)
        before = [p.detach().clone() for p in params]
        opt = build(rule)(params)
        rate = opt.param_groups[0].get("lr")
        _init_optim_state(opt)
        assert set(opt.state) == set(params) and opt.param_groups[0].get("lr") == rate
        assert all(p.grad is None for p in params)
        still = all(np.array_equal(a, b) for a, b in zip(after, values, strict=True))
        assert still or rule in ("ftrl", "srmm")  # whose parameters are a function of the state alone
        assert same([p.detach() for p in params], before) == still


@pytest.mark.parametrize("rule", [r for r in RULES if r not in OF_LOSS])
@pytest.mark.sampled
def test_distributed_checkpoints_carry_the_state(rule: str) -> None:
    """By names of parameters, nested and flattened, into a model and an optimizer that were made anew."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict

    def made() -> tuple[Any, Any]:
        model = torch.nn.ParameterDict({f"p{i}": p for i, p in enumerate(parameters(rule))})
        return model, build(rule)(model.parameters())

    for flat in (False, True):
        options = StateDictOptions(flatten_optimizer_state_dict=flat)
        model, opt = made()
        run(rule, opt, list(model.values()), range(2))
        opt.zero_grad()
        saved = copy.deepcopy(get_state_dict(model, opt, options=options))
        again, new = made()
        set_state_dict(again, new, model_state_dict=saved[0], optim_state_dict=saved[1], options=options)
        for m, o in ((model, opt), (again, new)):
            run(rule, o, list(m.values()), range(2, 3))
        assert same(taken(new, list(again.values())), taken(opt, list(model.values())))


@pytest.mark.parametrize("rule", [r for r in RULES if r not in OF_LOSS])
def test_a_step_for_each_parameter_within_the_backward_pass(rule: str) -> None:
    """An optimizer per parameter, stepped by `register_post_accumulate_grad_hook`, which frees the gradient at once."""
    cls, params, twins = build(rule), parameters(rule), parameters(rule)
    each = {p: cls([p]) for p in params}

    def update(p: Any) -> None:
        each[p].step()
        each[p].zero_grad()

    for p in params:
        p.register_post_accumulate_grad_hook(update)
    others = [cls([q]) for q in twins]
    for _ in range(3):
        torch.stack([(p**3).sum() for p in params]).sum().backward()
        assert all(p.grad is None for p in params)
        torch.stack([(q**3).sum() for q in twins]).sum().backward()
        for opt in others:
            opt.step()
            opt.zero_grad()
    assert same([p.detach() for p in params], [q.detach() for q in twins])
    assert all(opt.state[p]["step"].item() == 3 for p, opt in each.items())


@pytest.mark.parametrize("rule", ["adam", "schedule_free", "prodigy", "adamc"])
def test_made_where_nothing_has_numbers_yet(rule: str) -> None:
    """Under `torch.device("meta")`, whose tensors hold nothing: what the optimizer itself counts is elsewhere."""
    model = torch.nn.Linear(3, 2, device="meta")
    with torch.device("meta"):
        opt = build(rule)(model.parameters())
    model.to_empty(device="cpu")
    twin = torch.nn.Linear(3, 2)
    with torch.no_grad():
        for p, q in zip(model.parameters(), twin.parameters(), strict=True):
            p.copy_(q)
    other = build(rule)(twin.parameters())
    opt.param_groups[0]["params"] = list(model.parameters())
    for m, o in ((model, opt), (twin, other)):
        for _ in range(2):
            o.zero_grad()
            m(torch.ones(1, 3)).sum().backward()
            o.step()
    assert same(taken(opt, list(model.parameters())), taken(other, list(twin.parameters())))


def test_shared_memory_and_averages_of_models() -> None:
    """`share_memory_` reaches the state; `AveragedModel` follows the parameters."""
    from torch.optim.swa_utils import SWALR, AveragedModel, get_ema_multi_avg_fn

    model = torch.nn.Linear(3, 2)
    opt = build("adamw")(model.parameters())
    averages = [AveragedModel(model), AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5))]
    schedule = SWALR(opt, swa_lr=0.5, anneal_epochs=2)
    seen = []
    for _ in range(3):
        opt.zero_grad()
        model(torch.ones(1, 3)).sum().backward()
        opt.step()
        schedule.step()
        seen.append(model.weight.detach().clone())
        for average in averages:
            average.update_parameters(model)
    assert opt.param_groups[0]["lr"] == pytest.approx(0.5)
    assert torch.allclose(averages[0].module.weight, torch.stack(seen).mean(0))
    assert torch.allclose(averages[1].module.weight, (seen[0] + seen[1]) / 4 + seen[2] / 2)
    model.share_memory()
    for slots in opt.state.values():
        for slot in slots.values():
            assert slot.share_memory_().is_shared()
    opt.step()
