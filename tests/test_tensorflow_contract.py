"""What Keras promises of every optimizer, tried on every rule: names, refusals, state, all sorts of gradients."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import numpy as np
import pytest

import adaspec
from test_tensorflow import RULES, WORDS, arrays, assert_close, optimizer, tensors, variables
from test_tensorflow_manners import same, values
from test_tensorflow_training import X, Y, network

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
pytestmark = [
    pytest.mark.usefixtures("float32"),
    pytest.mark.needs_tensorflow,
    # Keras's own Variables have not heard of NumPy 2's `copy` yet
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SHAPES = [(4, 3), (3, 2)]
EVERY = ["clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum", "ema_overwrite_frequency",
         "loss_scale_factor", "gradient_accumulation_steps", "name"]  # fmt: skip


def stepped(rule: str, steps: int, **options: Any) -> tuple[Any, list[Any], list[list[Any]]]:
    """An optimizer after some steps, its variables, and more gradients."""
    params, grads = arrays(SHAPES, steps + 2)
    held, opt = variables(params, "float32"), optimizer(rule, **options)
    opt.build(held)
    for g in grads[:steps]:
        opt.apply(tensors(g, "float32"), held)
    return opt, held, [tensors(g, "float32") for g in grads[steps:]]


def own(opt: Any) -> list[Any]:
    """All that an optimizer remembers."""
    return values(opt.variables)


@pytest.mark.parametrize("rule", RULES)
def test_names_of_the_rule(rule: str) -> None:
    """The rule's own names are keywords too, alone; what nobody knows is answered with what may be meant."""
    make, hypers = type(optimizer(rule)), adaspec.load(rule).hypers
    own = {n: float(h.default) / 2 if isinstance(h.default, float) else h.default for n, h in hypers.items()}
    other = {WORDS.get(n, n): v for n, v in own.items()}
    config = make(**own, name="a").get_config()
    assert config == make(**other, name="a").get_config() == make.from_config(own | {"name": "a"}).get_config()
    for name in own:
        if WORDS.get(name, name) != name:
            word = WORDS[name]
            with pytest.raises(TypeError, match=rf"got '{name}' and '{word}', which are one argument"):
                make(**{name: own[name], word: own[name]})
    with pytest.raises(
        TypeError, match=rf"{make.__name__}\(\) got an unexpected keyword argument 'clip_norm': did you "
    ):
        make(clip_norm=1.0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'qqqq': it takes "):
        make(qqqq=1.0)
    if "lr" in own:
        with pytest.raises(TypeError, match="got 'lr' and 'learning_rate'"):
            make(0.1, lr=0.1)


def test_the_nearest_name() -> None:
    with pytest.raises(TypeError, match=r"AdaX\(\) got an unexpected keyword argument 'bta1': did you mean 'beta_1'\?"):
        adaspec.tensorflow.AdaX(bta1=0.5)


@pytest.mark.parametrize("rule", RULES)
def test_signatures_and_help(rule: str) -> None:
    """`help` shows the arguments as they are, in order, each with what it may be and its default."""
    make = type(optimizer(rule))
    given = inspect.signature(make).parameters
    assert all(p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for p in given.values())
    assert list(given)[-len(EVERY) :] == EVERY
    hypers = [WORDS.get(n, n) for n in adaspec.load(rule).hypers]
    assert set(hypers) <= set(given) and set(given) - set(hypers) <= {*EVERY, "weight_decay"}
    text = inspect.getdoc(make)
    head, _, rest = str(text).partition("\nArgs:\n")
    assert "```\n" in head and f"`{adaspec.load(rule).rule.param}` is the variable" in " ".join(head.split())
    arguments, _, after = rest.partition("\nExample:\n")
    described = [line.split(":")[0].strip() for line in arguments.split("\n") if line[:4] == "    " and line[4] != " "]
    assert described[:-1] == [n for n in given if n not in EVERY]
    for name in hypers:
        assert f"Defaults to `{given[name].default!r}`" in " ".join(arguments.split())
    assert f"{make.__name__}(" in after and "Reference:" in after


@pytest.mark.filterwarnings("ignore:Even though:UserWarning")  # tf.data compiles its own functions all the same
@pytest.mark.sampled
@pytest.mark.parametrize("rule", RULES)
def test_examples(rule: str) -> None:
    """The example of the docstring does what it says."""
    make, model = type(optimizer(rule)), network(rule)
    code = str(inspect.getdoc(make)).partition("```python\n")[2].partition("```")[0]
    tf.config.run_functions_eagerly(True)
    try:
        exec(code, {make.__name__: make, "model": model, "x": X[:8], "y": Y[:8]})
    finally:
        tf.config.run_functions_eagerly(False)
    assert type(model.optimizer) is make and int(model.optimizer.iterations) == 1


@pytest.mark.parametrize("rule", RULES)
def test_default_names(rule: str) -> None:
    """As Keras names its own: after the class, and never twice the same."""
    make = type(optimizer(rule))
    one, two = make(), make()
    assert one.name != two.name and two.name.startswith(keras.src.utils.naming.to_snake_case(make.__name__))
    assert make(name="mine").name == "mine"
    assert keras.optimizers.deserialize(keras.optimizers.serialize(two)).name == two.name


@pytest.mark.parametrize("rule", RULES)
def test_refused_variables(rule: str) -> None:
    """What is not real floating point is refused by name before anything is made; the optimizer can still be built."""
    opt = optimizer(rule)
    good = variables([np.ones((2, 2))], "float32")
    before = len(opt.variables)
    for dtype in ("complex64", "int32"):
        with pytest.raises(TypeError, match=f"real floating point. Received: `odd` of dtype={dtype}"):
            opt.build([*good, keras.Variable(np.ones((2, 2)), dtype=dtype, name="odd")])
        assert not opt.built and len(opt.variables) == before
    opt.apply([tf.ones((2, 2))], good)
    assert opt.built and int(opt.iterations) == 1


@pytest.mark.parametrize("rule", RULES)
def test_refused_steps(rule: str) -> None:
    """No gradient at all, or a variable of another model: a ValueError, and nothing has changed."""
    opt, held, (g, _) = stepped(rule, 1)
    before = own(opt), values(held)
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        opt.apply([None, None], held)
    with pytest.raises(ValueError, match="Unknown variable"):
        opt.apply([g[0]], [keras.Variable(np.ones((4, 3)), name="other")])
    with pytest.raises(ValueError, match="not supported with the TensorFlow backend"):
        opt.stateless_apply(opt.variables, g, held)
    opt.apply([], [])
    assert same(opt.variables, before[0]) and same(held, before[1])


@pytest.mark.parametrize("rule", RULES)
def test_weights(rule: str) -> None:
    """`set_weights` of another optimizer's variables, and what `save_own_variables` wrote: on to the same numbers."""
    opt, held, (g, _) = stepped(rule, 2)
    twin, copies = type(opt).from_config(opt.get_config()), variables(values(held), "float32")
    with pytest.raises(ValueError, match="not yet been built"):
        twin.set_weights(opt.variables)
    twin.build(copies)
    twin.set_weights(opt.variables)
    assert same(twin.variables, opt.variables)
    store: dict[str, Any] = {}
    opt.save_own_variables(store)
    opt.apply(g, held)
    twin.apply(g, copies)
    assert same(copies, held) and same(twin.variables, opt.variables) and int(opt.iterations) == 3
    opt.load_own_variables(store)
    assert int(opt.iterations) == 2 and same(opt.variables, [store[str(i)] for i in range(len(store))])


@pytest.mark.parametrize("rule", RULES)
def test_constraints_and_overwriting(rule: str) -> None:
    """A constraint holds after the step; a variable that its gradient overwrites is no business of the rule."""
    held = variables([np.full((2, 2), 0.5), np.ones((2, 2))], "float32")
    held[0].constraint = keras.constraints.MinMaxNorm(0.0, 0.1)
    held[1].overwrite_with_gradient = True
    opt = optimizer(rule)
    opt.apply([tf.ones((2, 2)), tf.fill((2, 2), 7.0)], held)
    assert np.linalg.norm(held[0].numpy(), axis=0).max() <= 0.1 + 1e-6
    assert same(held[1:], [np.full((2, 2), 7.0, "float32")])


@pytest.mark.parametrize("rule", RULES)
def test_sparse_gradients_and_raw_variables(rule: str) -> None:
    """Rows that are named twice add up, and a `tf.Variable`, which has no path, is a variable: the same to the bit."""
    params, _ = arrays([(5, 3), (2, 2)], 1)
    plain, mixed = variables(params, "float32"), variables(params, "float32")
    mixed[1] = tf.Variable(params[1], dtype="float32", name="w1")
    one, two = optimizer(rule), optimizer(rule)
    for k in range(2):
        g = tf.IndexedSlices(tf.ones((3, 3)) * (2.0 - k), tf.constant([1, 3, 1]), tf.constant([5, 3]))
        one.apply([tf.convert_to_tensor(g), tf.ones((2, 2))], plain)
        two.apply_gradients([(g, mixed[0]), (tf.ones((2, 2)), mixed[1])])
    assert same(plain, mixed) and same(one.variables, two.variables)


@pytest.mark.sampled
@pytest.mark.parametrize("rule", RULES)
def test_loss_scaling(rule: str) -> None:
    """A fixed scale is divided out; `LossScaleOptimizer` does so too, and skips a step that is not finite."""
    params, grads = arrays(SHAPES, 2)
    plain, fixed, moving = (variables(params, "float32") for _ in range(3))
    one, two = optimizer(rule), optimizer(rule, loss_scale_factor=1024.0)
    three = keras.optimizers.LossScaleOptimizer(optimizer(rule), initial_scale=256.0)
    assert float(two.scale_loss(1.0)) == 1024.0
    for k, g in enumerate(grads):
        one.apply(tensors(g, "float32"), plain)
        two.apply([1024.0 * a for a in tensors(g, "float32")], fixed)
        three.apply([256.0 / 2.0**k * a for a in tensors(g, "float32")], moving)
        if k == 0:
            before = values([*moving, *three.inner_optimizer.variables])
            three.apply([tf.fill(a.shape, np.float32("inf")) for a in g], moving)
            assert same(before, [*moving, *three.inner_optimizer.variables])
    assert same(plain, fixed) and same(plain, moving)
    assert same(one.variables, two.variables) and same(one.variables, three.inner_optimizer.variables)


@pytest.mark.sampled
@pytest.mark.parametrize("rule", RULES)
def test_moving_averages(rule: str) -> None:
    """Keras's own average of the weights: the first value is the first update's, and the end of training takes it."""
    opt, held, (g, _) = stepped(rule, 1, use_ema=True, ema_momentum=0.5)
    first = values(held)
    opt.apply(g, held)
    wanted = [0.5 * a + 0.5 * b for a, b in zip(first, values(held), strict=True)]
    opt.finalize_variable_values(held)
    for v, value in zip(held, wanted, strict=True):
        assert_close(v, value, 1e-6)


@pytest.mark.sampled
@pytest.mark.parametrize("rule", RULES)
def test_the_decay_of_the_base_class(rule: str) -> None:
    """Where the rule has no decay, Keras's is there: before the step, scaled by the rate, with its exclusions."""
    params, grads = arrays(SHAPES, 1)
    make = type(optimizer(rule))
    if "weight_decay" not in inspect.signature(make).parameters or "weight_decay" in adaspec.load(rule).hypers:
        assert make().weight_decay is None
        return
    by_hand, held = variables(params, "float32"), variables(params, "float32")
    one, two = make(learning_rate=0.5), make(learning_rate=0.5, weight_decay=0.25)
    assert two.get_config()["weight_decay"] == 0.25
    two.exclude_from_weight_decay(var_names=["w1"])
    by_hand[0].assign(by_hand[0] - by_hand[0] * 0.25 * 0.5)
    one.apply(tensors(grads[0], "float32"), by_hand)
    two.apply(tensors(grads[0], "float32"), held)
    assert same(by_hand, held)


@pytest.mark.parametrize("rule", [r for r in RULES if "weight_decay" in adaspec.load(r).hypers])
def test_no_decay_is_none(rule: str) -> None:
    """In Keras None turns the decay off where it is off by default, and is refused where it is not."""
    hyper, make = adaspec.load(rule).hypers["weight_decay"], type(optimizer(rule))
    if hyper.optional:
        assert make(weight_decay=None).get_config()["weight_decay"] is None
    elif hyper.default == 0:
        assert make(weight_decay=None).get_config()["weight_decay"] == 0.0
    else:
        with pytest.raises(ValueError, match=r"`weight_decay` must be a float\. Received: weight_decay=None"):
            make(weight_decay=None)


def test_rates() -> None:
    """A Variable is refused, and read anew at each step by way of a callable; a schedule takes the rate's place."""
    rate = keras.Variable(0.5, name="rate")
    for wrong in (rate, tf.Variable(0.5)):
        with pytest.raises(ValueError, match="`learning_rate` should be float"):
            optimizer("sgd", lr=wrong)
    (x,) = variables([np.zeros(2)], "float32")
    opt = optimizer("sgd", lr=lambda: rate)
    for value in (0.5, 0.25):
        rate.assign(value)
        opt.apply([tf.ones(2)], [x])
    assert x.numpy().tolist() == [-0.75, -0.75]
    opt = optimizer("sgd", lr=1)
    assert len(opt.variables) == 2
    opt.learning_rate = 0.125
    assert float(opt.learning_rate) == 0.125 and opt.get_config()["learning_rate"] == 0.125
    opt.learning_rate = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.5, 0.25])
    assert len(opt.variables) == 1
    with pytest.raises(TypeError, match="not settable"):
        opt.learning_rate = 0.5
    twin = keras.optimizers.get(keras.optimizers.serialize(opt))
    assert twin.get_config() == opt.get_config() and float(twin.learning_rate) == 0.5
    with pytest.raises(ValueError, match="Only one of `clipnorm`, `clipvalue` and `global_clipnorm`"):
        optimizer("sgd", clipnorm=1.0, clipvalue=1.0)


@pytest.mark.parametrize("rule", ["adam", "adafactor", "prodigy", "schedule_free", "lookahead"])
@pytest.mark.parametrize("option", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_clipping(rule: str, option: str) -> None:
    """The same as a step with the clipped gradients."""
    params, grads = arrays(SHAPES, 1)
    size = np.sqrt(sum(np.sum(g**2) for g in grads[0]))
    clipped = {
        "clipnorm": [g * 0.1 / np.linalg.norm(g) for g in grads[0]],
        "clipvalue": [np.clip(g, -0.1, 0.1) for g in grads[0]],
        "global_clipnorm": [g * 0.1 / size for g in grads[0]],
    }
    held, by_hand = variables(params, "float32"), variables(params, "float32")
    optimizer(rule, **{option: 0.1}).apply(tensors(grads[0], "float32"), held)
    optimizer(rule).apply(tensors(clipped[option], "float32"), by_hand)
    for v, w in zip(held, by_hand, strict=True):
        assert_close(v, w.numpy(), 1e-5)


@pytest.mark.parametrize("rule", ["adam", "lookahead", "ema", "schedule_free", "ranger", "schedule_free_mean"])
def test_training_on_in_a_view(rule: str) -> None:
    """The next step puts the training values back first, whichever way the rule steps."""
    opt, held, rest = stepped(rule, 2)
    twin, other, _ = stepped(rule, 2)
    if adaspec.load(rule).views:
        opt.swap_view("eval")
        assert not same(held, other)
    for g in rest:
        opt.apply(g, held)
        twin.apply(g, other)
    slots = [[v for v in o.variables if not v.path.endswith("view-held")] for o in (opt, twin)]
    assert same(held, other) and same(*slots)


def test_copies() -> None:
    """A copy of an optimizer is one of its config, as of every Keras optimizer: it belongs to no variables yet."""
    opt, _, _ = stepped("adam", 1)
    with pytest.warns(UserWarning, match="Skipping variable loading"):
        twin = copy.deepcopy(opt)
    assert not twin.built and twin.get_config() == opt.get_config()


def test_one_of_several_optimizers() -> None:
    """A rule of the whole model is one of the variables that are its own."""
    params, grads = arrays([(4, 3), (3, 2), (3,)], 2)
    held, alone = variables(params, "float32"), variables(params, "float32")
    prodigy, muon = optimizer("prodigy", d0=1e-2), optimizer("muon")
    table = keras.optimizers.OptimizerMap(default_optimizer=prodigy, optimizer_map={"w1": muon})
    opt, one, two = keras.optimizers.MultiOptimizer(table), optimizer("prodigy", d0=1e-2), optimizer("muon")
    for g in grads:
        given = tensors(g, "float32")
        opt.apply(given, held)
        one.apply([given[0], given[2]], [alone[0], alone[2]])
        two.apply(given[1:2], alone[1:2])
    assert same(held, alone)
