"""The manners of a NumPy optimizer, over every rule: trees, in place and pure, what is refused, names, docstrings."""

from __future__ import annotations

import copy
import doctest
import inspect
import io
import pickle
from collections import OrderedDict
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest

import adaspec
from adaspec.library import rules
from adaspec.verification import shapes_for, supplied

Array = Any
RULES = rules()


@cache
def spec_of(name: str) -> adaspec.Spec:
    return adaspec.load(name)


@cache
def shapes(name: str) -> list[tuple[int, ...]]:
    return shapes_for(spec_of(name))


def arrays(name: str, seed: int, dtype: Any = np.float64) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {f"p{i}": np.asarray(rng.normal(size=s)).astype(dtype) for i, s in enumerate(shapes(name))}


def inputs(name: str, step: int, grads: dict[str, Array]) -> dict[str, Any]:
    found = supplied(spec_of(name), 0, step, list(grads.values()))
    return {n: dict(zip(grads, v, strict=True)) if isinstance(v, list) else v for n, v in found.items()}


def made(name: str, **hypers: Any) -> Any:
    return adaspec.build(spec_of(name), "numpy")(**hypers)


def begun(name: str, steps: int = 2) -> tuple[Any, dict[str, Array], dict[str, Any]]:
    """An optimizer with parameters and a state after some steps."""
    opt, params = made(name), arrays(name, 0)
    state = opt.init(params)
    for step in range(steps):
        opt.step(params, arrays(name, step + 1), state, **inputs(name, step, arrays(name, step + 1)))
    return opt, params, state


def bits(tree: Any) -> Any:
    """Everything in a tree, its keys and kinds, dtypes and shapes too, as something to compare."""
    if isinstance(tree, dict):
        return [(key, bits(value)) for key, value in tree.items()]
    if isinstance(tree, tuple | list):
        return [type(tree), *map(bits, tree)]
    if isinstance(tree, np.ndarray):
        return type(tree), tree.dtype.str, tree.shape, tree.tobytes()
    return type(tree), repr(tree)


def frozen(tree: Any) -> Any:
    """The same with every array read-only."""
    if isinstance(tree, dict):
        return {key: frozen(value) for key, value in tree.items()}
    if isinstance(tree, np.ndarray):
        tree = tree.copy()
        tree.flags.writeable = False
    return tree


def leaves(tree: Any) -> list[Array]:
    if isinstance(tree, dict):
        return [a for value in tree.values() for a in leaves(value)]
    return [tree] if isinstance(tree, np.ndarray) else []


# In place and pure


@pytest.mark.parametrize("name", RULES)
def test_the_pure_form_is_the_same_step_and_leaves_what_it_is_given(name: str) -> None:
    opt, params, state = begun(name)
    grads = arrays(name, 7)
    given = inputs(name, 2, grads)
    held = frozen(params), frozen(grads), frozen(state), frozen(given)
    before = bits(held)
    new, after = opt.updated(held[0], held[1], held[2], **held[3])
    assert bits(held) == before
    opt.step(params, grads, state, **given)
    assert bits(new) == bits(params) and bits(after) == bits(state)
    old = [a for tree in held for a in leaves(tree)]
    assert not any(np.shares_memory(a, b) for a in leaves(new) + leaves(after) for b in old)


class Layer(NamedTuple):
    weight: Array
    bias: Array


@pytest.mark.parametrize("name", ["adam", "adafactor", "prodigy", "sgd"])
def test_trees_keep_their_kind(name: str) -> None:
    w, b, s = np.ones((3, 2)), np.zeros(2), np.array(0.5)
    tree = {"encoder": [Layer(w.copy(), b.copy()), (s.copy(),)], "head": OrderedDict(scale=s.copy()), "none": []}
    grads = {"encoder": (Layer(w / 2, b + 1), [np.asarray(s)]), "head": {"scale": np.asarray(-s)}, "none": ()}
    opt = made(name)
    state = opt.init(tree)
    assert list(state["slots"]) == ["encoder/0/0", "encoder/0/1", "encoder/1/0", "head/scale"]
    new, _ = opt.updated(tree, grads, state)
    assert new is not tree and tree["encoder"][0].weight[0, 0] == 1
    out, _ = opt.step(tree, grads, state)
    assert out is tree
    flat = [w, b, s, s.copy()]
    opt.step(flat, [w / 2, b + 1, np.asarray(s.copy()), np.asarray(-s)], opt.init(flat))
    for found in (new, out):
        layer, single = found["encoder"]
        assert isinstance(layer, Layer) and isinstance(single, tuple) and isinstance(found["head"], OrderedDict)
        for a, c in zip([*layer, *single, found["head"]["scale"]], flat, strict=True):
            np.testing.assert_array_equal(a, c)
    assert opt.updated([], [], opt.init([]))[0] == []
    one, _ = opt.updated(w, w, opt.init(w))
    assert isinstance(one, np.ndarray) and one is not w


@pytest.mark.parametrize("name", RULES)
def test_a_state_goes_on_from_a_copy_a_pickle_and_an_archive(name: str) -> None:
    opt, params, state = begun(name)
    file = io.BytesIO()
    np.savez(file, state=np.array(state, dtype=object))
    file.seek(0)
    archived = np.load(file, allow_pickle=True)["state"].item()
    resumed = [copy.deepcopy(state), pickle.loads(pickle.dumps(state)), archived]
    opts = [copy.deepcopy(opt), pickle.loads(pickle.dumps(opt)), opt]
    grads = arrays(name, 7)
    given = inputs(name, 2, grads)
    ends = [bits(o.updated(params, grads, s, **given)) for o, s in zip(opts, resumed, strict=True)]
    assert ends == [bits(opt.updated(params, grads, state, **given))] * 3


# Arrays that share memory


@pytest.mark.parametrize("name", RULES)
def test_gradients_and_inputs_may_be_other_parameters(name: str) -> None:
    """As those of a product are: where one parameter has changed already, the other still sees what it was."""
    opt, shape = made(name), next(s for s in shapes(name) if len(s) == 2)
    rng = np.random.default_rng(0)
    whole = rng.normal(size=(3, *shape))
    tied, alone = [whole[i] for i in range(3)], [whole[i].copy() for i in range(3)]
    states = [opt.init(tied), opt.init(alone)]
    for step in range(2):
        values = [a.copy() for a in alone]
        rows = supplied(spec_of(name), 0, step, values)
        crossed = {n: [tied[2], tied[0], tied[1]] if isinstance(v, list) else v for n, v in rows.items()}
        copied = {n: [values[2], values[0], values[1]] if isinstance(v, list) else v for n, v in rows.items()}
        opt.step(tied, [tied[1], tied[2], tied[0]], states[0], **crossed)
        opt.step(alone, [values[1], values[2], values[0]], states[1], **copied)
        np.testing.assert_array_equal(tied, alone)


def test_tied_parameters_are_refused() -> None:
    opt: Any = made("adam")
    x: Any = np.ones((4, 4))
    own: Any = np.ones(3)
    for odd in ([x, x], [x, x[1:]], [x[:, :3], x[:, 2:]], {"a": x, "b": x.T}, [memoryview(x), x]):
        odd = [np.asarray(a) for a in odd] if isinstance(odd, list) else odd
        with pytest.raises(ValueError, match="share memory: give a tied array once"):
            opt.init(odd)
    halves = [x[:, ::2], x[:, 1::2], np.asarray(memoryview(own))]
    opt.step(halves, [np.ones((4, 2)), np.zeros((4, 2)), np.ones(3)], opt.init(halves))
    assert (x[:, 1::2] == 1).all() and (x[:, ::2] < 1).all()
    params = [np.ones(2), np.ones(2)]
    state = opt.init(params)
    with pytest.raises(ValueError, match="parameters '0' and '1' share memory"):
        opt.step([params[0]] * 2, [np.ones(2)] * 2, state)


# Arrays of every kind


@pytest.mark.parametrize("name", RULES)
def test_the_other_byte_order(name: str) -> None:
    """It is kept, and array operations make the same numbers of it; slots have the machine's."""
    native, swapped = arrays(name, 0), {n: a.astype(a.dtype.newbyteorder()) for n, a in arrays(name, 0).items()}
    opt = made(name)
    opt.fused = None  # kernels take the machine's byte order alone
    states = [opt.init(native), opt.init(swapped)]
    for step in range(3):
        grads = arrays(name, step + 1)
        given = inputs(name, step, grads)
        opt.step(native, grads, states[0], **given)
        opt.step(swapped, {n: g.astype(g.dtype.newbyteorder()) for n, g in grads.items()}, states[1], **given)
    assert all(not a.dtype.isnative for a in swapped.values()) and bits(states[0]) == bits(states[1])
    assert all(np.array_equal(native[n], swapped[n]) for n in native)


def test_a_file_is_updated_where_it_lies(tmp_path: Any) -> None:
    x = np.memmap(tmp_path / "x", np.float64, "w+", shape=(5,))
    x[:] = 1
    opt = made("adam")
    state = opt.init(x)
    new, _ = opt.updated(x, np.ones(5), state)
    assert (x == 1).all() and (new < 1).all()
    opt.step(x, np.ones(5), state)
    x.flush()
    np.testing.assert_array_equal(np.fromfile(tmp_path / "x"), np.asarray(new))


# What is refused


def read_only(x: Array) -> Array:
    x = x.copy()
    x.flags.writeable = False
    return x


def other(tree: dict[str, Any], value: Any) -> dict[str, Any]:
    """A tree whose last leaf is another one."""
    return {**tree, list(tree)[-1]: value}


def last(tree: dict[str, Any]) -> Any:
    return list(tree.values())[-1]


Case = tuple[type[Exception], str, Any]
WRONG_PARAMS: list[Case] = [
    (ValueError, "is read-only, and step writes into it: updated returns", read_only),
    (TypeError, "is MaskedArray: parameters are plain NumPy arrays", np.ma.array),
    (TypeError, "is memoryview: parameters are plain", memoryview),
    (TypeError, "is float64: parameters are plain NumPy arrays", lambda x: np.float64(1)),
    (TypeError, "is int64: parameters are .*floating arrays", lambda x: np.ones(x.shape, np.int64)),
    (TypeError, "is object: parameters are .*floating arrays", lambda x: x.astype(object)),
    (ValueError, "share memory|needs", lambda x: None),
]
WRONG_GRADS: list[Case] = [
    (ValueError, r"the gradient of 'p\d' has shape", lambda g: np.ones((7, 7))),
    (TypeError, r"the gradient of 'p\d' is int64", lambda g: np.ones(g.shape, np.int64)),
    (TypeError, r"the gradient of 'p\d' is masked: fill it first", np.ma.array),
    (TypeError, r"the gradient of 'p\d' is complex128", lambda g: g.astype(complex)),
]


@pytest.mark.parametrize("name", RULES)
def test_nothing_changes_before_an_error(name: str) -> None:
    opt, params, state = begun(name, 1)
    grads = arrays(name, 7)
    given = inputs(name, 1, grads)
    before = bits((params, grads, state))
    first = params["p0"]
    rows: list[tuple[type[Exception], str, Any, Any, Any]] = []
    for error, words, change in WRONG_PARAMS:
        new = change(last(params))
        rows.append((error, words, other(params, first if new is None else new), grads, state))
    rows += [(error, words, params, other(grads, change(last(grads))), state) for error, words, change in WRONG_GRADS]
    short = {n: g for n, g in grads.items() if n != "p0"}
    rows += [(ValueError, "params, grads and state do not have the same paths: 'p0'", params, short, state)]
    rows += [(TypeError, "the state is dict, and not what init", params, grads, grads)]
    slots = {path: dict(own) for path, own in state["slots"].items()}
    key = next((n for n, a in last(slots).items() if isinstance(a, np.ndarray)), None)
    if key is not None:
        kept = last(slots)[key]
        for new, words in (
            (kept.astype(np.float16), "is float16 of shape"),
            (read_only(kept), "is read-only, and step"),
        ):
            odd = {**state, "slots": other(slots, {**last(slots), key: new})}
            rows.append((ValueError, f"the slot '{key}' of 'p.' {words}", params, grads, odd))
        rows.append((ValueError, "is absent", params, grads, {**state, "slots": other(slots, {"step": 1})}))
    if state["shared"]:
        rows.append((ValueError, "the state shares", params, grads, {**state, "shared": {}}))
    for error, words, *arguments in rows:
        with pytest.raises(error, match=words):
            opt.step(*arguments, **given)
        assert bits((params, grads, state)) == before, words


@pytest.mark.parametrize("name", [n for n in RULES if adaspec.load(n).inputs])
def test_inputs_are_checked_too(name: str) -> None:
    opt, params, state = begun(name, 1)
    grads = arrays(name, 7)
    before = bits((params, state))
    for i in spec_of(name).inputs.values():
        given = inputs(name, 0, grads)
        wrong: list[tuple[Any, str]] = [("much", "not a number")] if i.scalar else [
            (other(grads, None), f"the input '{i.name}' of 'p.' is missing, its gradient is not"),
            (other(grads, np.ones((7, 7))), f"the input '{i.name}' of 'p.' has shape"),
            (other(grads, np.ones(last(grads).shape, int)), f"the input '{i.name}' of 'p.' is int64"),
            ({"p0": grads["p0"]}, f"params and the input '{i.name}' do not have the same paths"),
        ]  # fmt: skip
        wrong += [] if i.optional else [(None, f"needs its input '{i.name}'")]
        for value, words in wrong:
            with pytest.raises((TypeError, ValueError), match=words):
                opt.step(params, grads, state, **{**given, i.name: value})
            assert bits((params, state)) == before


# Names and documentation


@pytest.mark.parametrize("name", RULES)
def test_names(name: str) -> None:
    cls, spec = adaspec.build(spec_of(name), "numpy"), spec_of(name)
    parameters = inspect.signature(cls).parameters
    assert {n: p.default for n, p in parameters.items()} == dict(spec.defaults)
    assert all(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters.values())
    opt = cls(**spec.defaults)
    assert vars(opt) == vars(cls(*spec.defaults.values())) == vars(cls())
    shown = ", ".join(f"{n}={v!r}" for n, v in vars(opt).items())
    assert repr(opt) == f"{cls.__name__}({shown})" and list(vars(opt)) == list(spec.hypers)
    if not spec.hypers:
        return
    wanted = max(spec.hypers, key=len)
    with pytest.raises(TypeError) as error:
        cls(**{f"{wanted}q": 1})
    assert f"{cls.__name__}() got an unexpected keyword argument '{wanted}q': did you mean '{wanted}'?" in str(error)
    with pytest.raises(TypeError, match=rf"argument '\?': it takes {', '.join(spec.hypers)}"):
        cls(**{"?": 1})


def test_a_name_that_the_class_cannot_have_is_understood() -> None:
    text = '"""Odd: a rule. Nobody, 2026."""\ndef odd(x: Param, g: Grad, *, params: Rate = 0.1):\n'
    cls = adaspec.build(adaspec.parse(f"{text}    x = x - params * g\n    return x\n"), "numpy")
    assert cls(params=0.2).params_ == cls(params_=0.2).params_ == cls(0.2).params_ == 0.2
    for given in ({"params": 1, "params_": 1}, {"params": 1}):
        with pytest.raises(TypeError, match="got 'params' and 'params_', which say the same"):
            cls(*([] if len(given) > 1 else [0.5]), **given)


@pytest.mark.parametrize("name", RULES)
def test_the_documentation_is_numpys_and_its_example_runs(name: str) -> None:
    cls, spec = adaspec.build(spec_of(name), "numpy"), spec_of(name)
    text = inspect.getdoc(cls) or ""
    sections = [
        s for s in ("Parameters", "Raises", "Notes", "References", "Examples") if f"\n{s}\n{'-' * len(s)}\n" in text
    ]
    assert sections == [
        s for s in ("Parameters", "Raises", "Notes", "References", "Examples") if s != "Parameters" or spec.hypers
    ]
    for hyper in spec.hypers.values():
        assert f"\n{hyper.name} : " in text and f"default {hyper.default!r}\n" in text
    assert (
        all(f"`{slot}`" in text for slot in (s.name for s in spec.core.slots))
        and text.splitlines()[0] == f"{spec.title}."
    )
    assert all(len(line) <= 100 or line.startswith("    ") for line in text.splitlines()[1:])
    example = doctest.DocTestParser().get_doctest(text, {"np": np, cls.__name__: cls}, name, None, 0)
    result = doctest.DocTestRunner(verbose=False).run(example)
    assert result.attempted >= 4 and not result.failed
    step = inspect.getdoc(cls.step) or ""
    assert all(f"\n{i} : " in step for i in ("params", "grads", "state", *spec.inputs))


@pytest.mark.parametrize("name", RULES)
def test_a_step_that_fails_half_way_says_so(name: str) -> None:
    """What NumPy cannot decompose stops a step in its middle; the pure form then has lost nothing."""
    opt, params, state = begun(name, 0)
    grads = {n: np.full_like(g, np.nan) for n, g in arrays(name, 7).items()}
    before = bits((params, state))
    documented = "LinAlgError" in (inspect.getdoc(type(opt).step) or "")
    failed = False
    for step in range(12):  # some rules decompose every so often
        try:
            new, after = opt.updated(params, grads, state, **inputs(name, step, grads))
        except np.linalg.LinAlgError:
            failed = True
            break
        assert bits((params, state)) == before
        params, state, before = new, after, bits((new, after))
    assert bits((params, state)) == before and failed == documented
