"""State under any names, in any layout, with counts of its own, and what each target adds."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec import statefile
from journeys import (
    distance,
    marked,
    moved,
    refused,
    rule,
    run,
    standing,
    steps_of,
    values,
    written,
)
from travellers import TRAVELLERS, Jax, Keras, NumPy, Torch, Traveller

# Paths


def test_any_path_is_unambiguous(tmp_path: Path) -> None:
    params = {
        "a": np.ones(1),
        "a.m": np.ones(2),
        "a.m.m": np.ones(3),
        ".": np.ones(4),
        "β {}%s\n": np.ones(5),
        "r": np.ones(6),
    }
    opt = adaspec.numpy.Prodigy()
    state = opt.init(params)
    opt.step(params, {k: np.full(v.shape, 0.5) for k, v in params.items()}, state)
    adaspec.save_state(state, tmp_path / "file", params=params, spec=opt)
    again = adaspec.load_state(tmp_path / "file", opt.init(params), params=params, spec=opt)
    assert again["shared"] == state["shared"] and again["step"] == 1
    for path, kept in state["slots"].items():
        assert all(np.array_equal(again["slots"][path][n], v) for n, v in kept.items())


def test_one_array_has_the_empty_path(tmp_path: Path) -> None:
    opt = adaspec.interpret("prodigy")
    x, state = opt.step(np.ones(3), np.ones(3), opt.init(np.ones(3)))
    adaspec.save_state(state, tmp_path / "file", params=x, spec=opt)
    again = adaspec.load_state(tmp_path / "file", opt.init(x), params=x, spec=opt)
    assert (
        again.step == 1 and again.shared == state.shared and np.array_equal(again.slots[""]["m"], state.slots[""]["m"])
    )


@pytest.mark.needs_torch
def test_names_of_torch_parameters(tmp_path: Path) -> None:
    import torch

    file = tmp_path / "file"
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1, bias=False))
    make = adaspec.torch.Adam
    opt = make(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    opt.step()

    def paths(**given: Any) -> list[str]:
        adaspec.save_state(opt, file, **given)
        return list(statefile.decoded(file.read_bytes(), "").state.parameters)

    named = ["0.bias", "0.weight", "1.weight"]
    assert paths() == ["0", "1", "2"]
    assert (
        paths(params=net) == paths(params=net.named_parameters()) == paths(params=dict(net.named_parameters())) == named
    )
    again = make(net.named_parameters())
    adaspec.load_state(file, again)
    assert all(torch.equal(again.state[p]["m"], opt.state[p]["m"]) for p in net.parameters())
    with pytest.raises(ValueError, match=r"at the positions \[2\]"):
        paths(params=net[0])
    with pytest.raises(TypeError, match="pairs or a dict"):
        paths(params=list(net.parameters()))
    with pytest.raises(ValueError, match=r"two parameters have the name 'w'"):
        paths(params=[("w", p) for p in net.parameters()])


def test_other_names(tmp_path: Path) -> None:
    file = tmp_path / "file"
    here = steps_of("adam", "numpy")
    here.save(file)
    opt = adaspec.numpy.Adam()
    params = {"w": np.ones((4, 3)), "b": np.ones(5), "s": np.ones(()), "none": np.ones((0, 3))}
    table = {"net/w": "w", "net/b": "b"}
    for names in (table, lambda path: path.removeprefix("net/")):
        state = adaspec.load_state(file, opt.init(params), params=params, spec=opt, names=names)
        assert np.array_equal(state["slots"]["w"]["m"], here.slot("net/w", "m"))
    with pytest.raises(ValueError, match=r"names= speaks of \['net/c'\]"):
        adaspec.load_state(file, opt.init(params), params=params, spec=opt, names=table | {"net/c": "c"})
    with pytest.raises(ValueError, match=r"two parameters of .* the path 'b'"):
        adaspec.load_state(file, opt.init(params), params=params, spec=opt, names={"net/w": "b", "net/b": "b"})


@pytest.mark.needs_torch
@pytest.mark.needs_tensorflow
def test_transposed_weights(tmp_path: Path) -> None:
    """A torch layer keeps (out, in), a Keras layer (in, out)."""
    params, grads = values(20)
    turned = [{p: g.T for p, g in step.items()} for step in grads]
    oracle = Keras(rule("adax"), {p: x.T for p, x in params.items()})
    run(oracle, turned)
    here = Torch(rule("adax"), params)
    run(here, grads[:10])
    here.save(tmp_path / "file")
    there = Keras(rule("adax"), {p: x.T for p, x in here.params().items()})
    there.load(tmp_path / "file", transpose={"net/w": (1, 0), "none": (-1 + 2, 0)})
    assert np.array_equal(there.slot("net/w", "m"), here.slot("net/w", "m").T)
    run(there, turned[10:])
    assert distance(there, oracle) <= 1e-12


def test_what_cannot_be_transposed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    steps_of("adafactor", "numpy").save(file)
    there = steps_of("adafactor", "numpy")
    refused(there, file, r"'net/w\.\w+', of shape \(\d,\), is not of its parameter's", transpose={"net/w": (1, 0)})
    params = {"w": np.ones((3, 3))}
    opt = adaspec.interpret("shampoo")
    adaspec.save_state(opt.init(params), tmp_path / "square", params=params, spec=opt)
    with pytest.raises(ValueError, match=r"'w\.root_0', of shape \(3, 3\), is not of its"):
        given: dict[str, Any] = {"params": params, "spec": opt, "transpose": {"w": (1, 0)}}
        adaspec.load_state(tmp_path / "square", opt.init(params), **given)
    for axes in [(0,), (0, 0), (0, 2), (1, 0, 2)]:
        with pytest.raises(ValueError, match="orders the axes of 'net/w'"):
            there.load(file, transpose={"net/w": axes})
    with pytest.raises(ValueError, match="transpose= speaks of 'w'"):
        there.load(file, transpose={"w": (1, 0)})


# Counts of their own


@pytest.mark.needs_torch
def test_each_parameter_keeps_its_count(tmp_path: Path) -> None:
    """A parameter that had fewer gradients goes on counting where it was, in torch, NumPy and the interpreter."""
    params, grads = values(12)
    for i, g in enumerate(grads):
        g |= {"net/b": None} if i % 3 else {}
        g |= {"s": None} if i < 6 else {}
    oracle = TRAVELLERS["interpreter"](rule("adam"), params)
    here: Traveller = NumPy(rule("adam"), params)
    for stage, target in enumerate(["torch", "numpy", "interpreter", "torch"]):
        here = moved(here, target, tmp_path / "file")
        for traveller in (here, oracle):
            run(traveller, grads[3 * stage : 3 * stage + 3])
    assert distance(here, oracle) <= 1e-12


@pytest.mark.needs_torch
@pytest.mark.parametrize("target", [marked("jax"), marked("tensorflow")])
def test_one_count_for_all_is_refused_where_it_matters(target: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    params, grads = values(4)
    for g in grads:
        g["s"] = None
    here = Torch(rule("adam"), params)
    run(here, grads)
    here.save(file)
    refused(standing("adam", target), file, "parameter 's' was updated 0 times and the model 4 times")
    here = Torch(rule("momentum"), params)
    run(here, grads)
    there = moved(here, target, file)
    slot = rule("momentum").core.slots[0].name
    assert np.array_equal(there.slot("net/w", slot), here.slot("net/w", slot)) and here.slot("s", slot) is None
    assert not there.slot("s", slot).any()
    refused(standing("momentum", target), file, "parameter 's' was never updated, and what it is loaded into was")


@pytest.mark.needs_jax
def test_more_updates_than_optax_counts(tmp_path: Path) -> None:
    file = tmp_path / "file"
    many = 2**31
    written(
        file,
        "adam",
        lambda s: replace(s, step=many, parameters={p: replace(v, step=many) for p, v in s.parameters.items()}),
    )
    refused(standing("adam", "jax"), file, "more than optax counts")
    there = steps_of("adam", "torch")
    there.load(file)
    assert {int(kept["step"]) for kept in there.opt.state.values()} == {many}  # type: ignore[attr-defined]


# What each target adds


@pytest.mark.needs_torch
def test_torch_groups(tmp_path: Path) -> None:
    import torch

    def make(values: tuple[float, float], flags: tuple[bool, bool] = (True, False)) -> Any:
        ps = [torch.nn.Parameter(torch.full((2,), v)) for v in values]
        groups = [{"params": [("a", ps[0])], "amsgrad": flags[0]}, {"params": [("b", ps[1])], "amsgrad": flags[1]}]
        opt = adaspec.build("adam_eps_hat", "torch")(groups)
        for p in ps:
            p.grad = torch.full_like(p, 2.0)
        opt.step()
        return opt

    adaspec.save_state(make((1.0, 2.0)), tmp_path / "file")
    adaspec.load_state(tmp_path / "file", make((3.0, 4.0)))
    with pytest.raises(ValueError, match=r"missing slots: 'b\.\w+'\n  unexpected slots: 'a\.\w+'"):
        adaspec.load_state(tmp_path / "file", make((3.0, 4.0), (False, True)))

    ps = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    opt = adaspec.torch.ScheduleFree([{"params": [ps[0]]}, {"params": [ps[1]], "lr": 1.0}])
    for p in ps:
        p.grad = torch.ones(2)
    opt.step()
    with pytest.raises(ValueError, match="the groups hold different values of 'weight'"):
        adaspec.save_state(opt, tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.needs_torch
@pytest.mark.needs_tensorflow
def test_a_view_that_is_shown_is_refused(tmp_path: Path) -> None:
    torch, keras = (steps_of("schedule_free", t) for t in ("torch", "tensorflow"))
    torch.save(tmp_path / "file")
    torch.opt.eval()  # type: ignore[attr-defined]
    keras.opt.swap_view("eval")  # type: ignore[attr-defined]
    for traveller in (torch, keras):
        before = traveller.held()
        with pytest.raises(RuntimeError, match="show"):
            traveller.load(tmp_path / "file")
        with pytest.raises(RuntimeError, match="show"):
            traveller.save(tmp_path / "other")
        assert traveller.held() == before


def built(optimizer: Any, variables: list[Any]) -> Any:
    optimizer.build(variables)
    return optimizer


@pytest.mark.needs_tensorflow
def test_keras_manners(tmp_path: Path) -> None:
    import keras

    file = tmp_path / "file"
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2, name="one")])
    opt = adaspec.tensorflow.Adam()
    with pytest.raises(ValueError, match="call build"):
        adaspec.save_state(opt, file)
    opt = adaspec.tensorflow.Adam(gradient_accumulation_steps=2)
    opt.build(model.trainable_variables)
    grads = [np.ones(v.shape, "float32") for v in model.trainable_variables]
    for _ in range(5):
        opt.apply(grads)
    with pytest.raises(ValueError, match="1 of 2 gradients are accumulated"):
        adaspec.save_state(opt, file)
    opt.apply(grads)
    adaspec.save_state(opt, file)
    saved = statefile.decoded(file.read_bytes(), "").state
    assert saved.step == 3 and {p.rpartition("/")[2] for p in saved.parameters} == {"kernel", "bias"}
    opt.apply(grads)
    adaspec.load_state(file, opt)
    assert int(opt._iterations) == 6 and int(opt.iterations) == 3
    assert all(not np.any(v.numpy()) for v in opt._accumulated_gradients)
    with pytest.raises(TypeError, match="leave params= out"):
        adaspec.save_state(opt, file, params=model)
    scaled = keras.optimizers.LossScaleOptimizer(adaspec.tensorflow.Adam())
    scaled.build(model.trainable_variables)
    with pytest.raises(TypeError, match=r"LossScaleOptimizer does not say .*\(inner_optimizer"):
        adaspec.save_state(scaled, file)
    with pytest.raises(ValueError, match="unexpected parameters"):
        adaspec.load_state(file, built(adaspec.tensorflow.Adam(), model.trainable_variables[:1]))


@pytest.mark.needs_jax
def test_jax_manners(tmp_path: Path) -> None:
    import jax
    import jax.numpy as jnp
    import optax

    file = tmp_path / "file"
    params = {"a": [jnp.ones(3), None], "b": (jnp.ones(2),)}
    tx = adaspec.jax.adam()
    step = jax.jit(lambda s: tx.update(jax.tree.map(jnp.ones_like, params), s, params)[1], donate_argnums=0)
    state = step(tx.init(params))
    adaspec.save_state(state, file, params=params, spec=tx)
    assert list(statefile.decoded(file.read_bytes(), "").state.parameters) == ["a/0", "b/0"]
    again = adaspec.load_state(file, jax.eval_shape(tx.init, params), params=params)
    assert jax.tree.structure(again) == jax.tree.structure(state)
    same = jax.tree.map(
        lambda a, b: a.dtype == b.dtype and a.weak_type == b.weak_type and bool((a == b).all()), again, state
    )
    assert all(jax.tree.leaves(same))
    assert int(step(again).count) == 2 and step._cache_size() == 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="give params="):
        adaspec.save_state(state, file)
    with pytest.raises(ValueError, match="trees of other shapes"):
        adaspec.save_state(state, file, params={"a": jnp.ones(3)})
    with pytest.raises(TypeError, match="its member"):
        chain = optax.chain(optax.clip(1.0), tx)
        adaspec.save_state(chain.init(params), file, params=params)
    wrapped: Any = optax.inject_hyperparams(adaspec.jax.adam)(learning_rate=0.1).init(params)
    with pytest.raises(TypeError, match=r"does not say .* inner_state\)"):
        adaspec.save_state(wrapped, file, params=params)
    assert int(adaspec.load_state(file, wrapped.inner_state, params=params).count) == 1
    many = jax.vmap(lambda x: tx.init({"a": x}))(jnp.ones((2, 3)))
    with pytest.raises(ValueError, match=r"count has shape \(2,\)"):
        adaspec.save_state(many, file, params={"a": jnp.ones((2, 3))})


@pytest.mark.needs_jax
def test_x64_that_is_off_is_noticed(tmp_path: Path) -> None:
    here = steps_of("adam", "jax")
    assert isinstance(here, Jax)
    here.save(tmp_path / "file")
    with pytest.raises(ValueError, match="enable x64"):
        adaspec.load_state(tmp_path / "file", here.state, params=here.x)


@pytest.mark.parametrize("target", [marked(t) for t in ("torch", "jax", "tensorflow")])
def test_exported_code_needs_to_be_told_its_spec(target: str, tmp_path: Path) -> None:
    """It stands alone; with spec= its state travels like that of the built class."""
    module: dict[str, Any] = {"__name__": "mine"}
    exec(adaspec.export("prodigy", target), module)
    here = steps_of("prodigy", "numpy")
    here.save(tmp_path / "file")
    if target == "torch":
        import torch

        into = module["Prodigy"]([(p, torch.nn.Parameter(torch.tensor(a))) for p, a in here.params().items()])
        given: dict[str, Any] = {}
    elif target == "jax":
        there = Jax(rule("prodigy"), here.params())
        with there.scope():
            into, given = module["prodigy"]().init(there.x), {"params": there.x}
    else:
        params = Keras(rule("prodigy"), here.params())
        into, given = module["Prodigy"](), {}
        into.build(list(params.x.values()))
    with pytest.raises(TypeError, match="give spec="):
        adaspec.load_state(tmp_path / "file", into, **given)
    with here_scope(target):
        found = adaspec.load_state(tmp_path / "file", into, **given, spec="prodigy")
        adaspec.save_state(found, tmp_path / "again", **given, spec=rule("prodigy"))
    old, new = (statefile.decoded((tmp_path / n).read_bytes(), "") for n in ("file", "again"))
    assert new.state == old.state and new.target == target


def here_scope(target: str) -> Any:
    if target == "jax":
        import jax

        return jax.enable_x64(True)
    return warnings.catch_warnings()


def test_what_is_no_state(tmp_path: Path) -> None:
    here = steps_of("adam", "numpy")
    assert isinstance(here, NumPy)
    file = tmp_path / "file"
    for thing in (3, None, {}, [], {"m": 1}, here.opt):
        with pytest.raises(TypeError, match="no state that adaspec knows"):
            adaspec.save_state(thing, file, params=here.x, spec="adam")
    with pytest.raises(TypeError, match="give spec="):
        adaspec.save_state(here.state, file, params=here.x)
    with pytest.raises(TypeError, match="spec= is a spec"):
        adaspec.save_state(here.state, file, params=here.x, spec=3)
    with pytest.raises(TypeError, match="give params="):
        adaspec.save_state(here.state, file, spec="adam")
    with pytest.raises(ValueError, match="keeps"):
        adaspec.save_state(here.state, file, params=here.x, spec="sgd")
    with pytest.raises(ValueError, match="the same paths"):
        adaspec.save_state(here.state, file, params={"w": np.ones(3)}, spec="adam")
    here.state["slots"]["s"]["m"] = np.ones(2)
    with pytest.raises(ValueError, match=r"'s\.m' is float64 of shape \(2,\)"):
        here.save(file)
    assert not file.exists()


@pytest.mark.needs_torch
def test_a_state_of_one_rule_under_the_spec_of_another(tmp_path: Path) -> None:
    here = steps_of("adam", "torch")
    assert isinstance(here, Torch)
    with pytest.raises(ValueError, match=r"a state of adam \(.*, and spec= is sgd"):
        adaspec.save_state(here.opt, tmp_path / "file", spec="sgd")


def test_a_changed_rule_travels_and_is_another(tmp_path: Path) -> None:
    """A spec that has no place in the library: found again from the class that was built of it."""
    file = tmp_path / "file"
    spec = rule("adax").replace(beta2_hat="1 - t**-c", c=0.8)
    params, grads = values(6)
    here = NumPy(spec, params)
    run(here, grads)
    here.save(file)
    refused(standing("adax", "numpy"), file, "another rule")
    saved = statefile.decoded(file.read_bytes(), "")
    assert adaspec.parse(saved.text) == spec and saved.hash == spec.hash and saved.name == "adax"
