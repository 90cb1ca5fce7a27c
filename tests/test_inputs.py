"""What a step is given beside gradients reaches the rule on every target, may be left out where the rule says so, is
refused where it does not fit; gradients at views. The numbers of every rule with inputs are test_verify's.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.build import build

HEAD = '"""Mine: an example. Example, 2026."""\n\nfrom adaspec.lang import *\n\n\n'
LOSS = (
    HEAD
    + """def mine(x: Param, g: Grad, loss: Input[Scalar], *, lr: Rate = 0.5):
    x = x - lr * loss * g
    return x
"""
)
ARRAY = (
    HEAD
    + """def mine(x: Param, g: Grad, h: Input, *, lr: Rate = 0.5):
    x = x - lr * h * g
    return x
"""
)
MAYBE = (
    HEAD
    + """def mine(
    x: Param, g: Grad, k: Optional[Input[Scalar]] = None, h: Optional[Input] = None, v: Slot = ones,
    seen: Shared = 0.0, *, lr: Rate = 0.5
):
    seen = seen + (1 if h is not None else 0)
    if h is not None and x.ndim > 0:
        v = v + h
    if k is not None:
        g = g * k
    x = x - lr * g * v - seen
    return x, v, seen
"""
)
AHEAD = (
    HEAD
    + """@view("ahead")
def ahead(x: Param, g: Grad, m: Slot, *, lr: Rate):
    s = total(sum(g**2))
    n = total(sum(g**2) / s)
    return x - lr * n * g / sqrt(s) - m


def mine(x: Param, g: Grad, up: Input = grad_at("ahead"), m: Slot = zeros, *, lr: Rate = 0.5):
    m = m + up
    x = x - lr * m
    return x, m
"""
)
X = [np.array([1.0, -2.0]), np.array(3.0)]
G = [np.array([0.5, 1.0]), np.array(-1.0)]
H = [np.array([2.0, 4.0]), np.array(8.0)]


def spec_of(text: str) -> adaspec.Spec:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", adaspec.SpecWarning)
        return adaspec.parse(text)


class Interpreted:
    def __init__(self, spec: adaspec.Spec) -> None:
        self.opt = adaspec.interpret(spec)
        self.x, self.state = [x.copy() for x in X], self.opt.init(X)

    def step(self, grads: Any, **given: Any) -> list[Any]:
        self.x, self.state = self.opt.step(self.x, grads, self.state, **given)
        return [np.asarray(x) for x in self.x]

    def view(self, name: str, grads: Any) -> list[Any]:
        return self.opt.view(name, self.x, self.state, grads=grads)


class OnNumPy:
    def __init__(self, spec: adaspec.Spec) -> None:
        self.opt = build(spec, "numpy")()
        self.x = [x.copy() for x in X]
        self.state = self.opt.init(self.x)

    def step(self, grads: Any, **given: Any) -> list[Any]:
        self.opt.step(self.x, grads, self.state, **given)
        return [x.copy() for x in self.x]

    def view(self, name: str, grads: Any) -> list[Any]:
        return self.opt.view(name, self.x, self.state, grads=grads)


class OnTorch:
    def __init__(self, spec: adaspec.Spec) -> None:
        import torch

        self.torch = torch
        self.x = [torch.nn.Parameter(torch.tensor(x)) for x in X]
        self.opt = build(spec, "torch")(self.x)

    def of(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.of(v) for v in value]
        return torch_or_none(self.torch, value)

    def set(self, grads: Any) -> None:
        for p, g in zip(self.x, grads, strict=True):
            p.grad = self.of(g)

    def step(self, grads: Any, **given: Any) -> list[Any]:
        self.set(grads)
        self.opt.step(**{n: self.of(v) if isinstance(v, list) else v for n, v in given.items()})
        return [x.detach().numpy().copy() for x in self.x]

    def view(self, name: str, grads: Any) -> list[Any]:
        self.set(grads)
        with self.opt.view(name):
            return [x.detach().numpy().copy() for x in self.x]


def torch_or_none(torch: Any, value: Any) -> Any:
    return None if value is None else torch.tensor(value)


class OnJAX:
    def __init__(self, spec: adaspec.Spec) -> None:
        import jax
        import jax.numpy as jnp

        self.scope, self.jnp = lambda: jax.enable_x64(True), jnp
        self.tx = build(spec, "jax")()
        with self.scope():
            self.x = self.of(X)
            self.state = self.tx.init(self.x)

    def of(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.of(v) for v in value]
        return None if value is None else self.jnp.asarray(value)

    def step(self, grads: Any, **given: Any) -> list[Any]:
        with self.scope():
            extra = {"value" if n == "loss" else n: self.of(v) for n, v in given.items()}
            updates, self.state = self.tx.update(self.of(grads), self.state, self.x, **extra)
            self.x = [x if u is None else x + u for x, u in zip(self.x, updates, strict=True)]
            return [np.array(x) for x in self.x]

    def view(self, name: str, grads: Any) -> list[Any]:
        with self.scope():
            return [np.array(x) for x in self.tx.view(name, self.x, self.state, self.of(grads))]


class OnKeras:
    def __init__(self, spec: adaspec.Spec) -> None:
        import keras
        import tensorflow as tf

        self.tf, self.keras = tf, keras
        before = keras.config.floatx()
        keras.config.set_floatx("float64")
        try:
            self.x = [keras.Variable(x, dtype="float64") for x in X]
            self.opt = build(spec, "tensorflow")()
            self.opt.build(self.x)
        finally:
            keras.config.set_floatx(before)

    def of(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.of(v) for v in value]
        return None if value is None else self.tf.constant(value, "float64")

    def step(self, grads: Any, **given: Any) -> list[Any]:
        self.opt.apply(self.of(grads), self.x, **{n: self.of(v) for n, v in given.items()})
        return [np.array(x.numpy()) for x in self.x]

    def view(self, name: str, grads: Any) -> list[Any]:
        found = [np.array(v) for v in self.opt.view(name, self.of(grads))]
        self.opt.swap_view(name, self.of(grads))
        shown = [np.array(x.numpy()) for x in self.x]
        self.opt.swap_view(name)
        assert all(np.array_equal(a, b) for a, b in zip(found, shown, strict=True))
        return found


RUNS = [
    Interpreted,
    OnNumPy,
    pytest.param(OnTorch, marks=pytest.mark.needs_torch),
    pytest.param(OnJAX, marks=pytest.mark.needs_jax),
    pytest.param(OnKeras, marks=pytest.mark.needs_tensorflow),
]


def close(found: list[Any], wanted: list[Any]) -> None:
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("run", RUNS)
def test_a_number_reaches_the_rule(run: Any) -> None:
    made = run(spec_of(LOSS))
    close(made.step(G, loss=3.0), [x - 0.5 * 3 * g for x, g in zip(X, G, strict=True)])
    close(made.step(G, loss=-1.0), [x - 0.5 * 2 * g for x, g in zip(X, G, strict=True)])


@pytest.mark.parametrize("run", RUNS)
def test_an_array_reaches_the_rule_and_is_left_as_it_was(run: Any) -> None:
    given = [h.copy() for h in H]
    close(run(spec_of(ARRAY)).step(G, h=given), [x - 0.5 * h * g for x, g, h in zip(X, G, H, strict=True)])
    assert all(np.array_equal(a, b) for a, b in zip(given, H, strict=True))


@pytest.mark.parametrize("run", RUNS)
def test_what_may_be_left_out_comes_and_goes(run: Any) -> None:
    made, spec = run(spec_of(MAYBE)), spec_of(MAYBE)
    assert set(spec.state((2,))) == {"v"} and "v" in spec.state(())
    x, v, seen = [a.copy() for a in X], [np.ones(2), np.array(1.0)], 0
    for h, k in ((None, None), (H, None), (None, 2.0), (H, 3.0), (None, None)):
        seen += h is not None
        if h is not None:
            v[0] = v[0] + h[0]
        x = [a - 0.5 * g * (k or 1) * b - seen for a, g, b in zip(x, G, v, strict=True)]
        given = ({} if h is None else {"h": h}) | ({} if k is None else {"k": k})
        close(made.step(G, **given), x)


@pytest.mark.filterwarnings("ignore:Gradients do not exist:UserWarning")
@pytest.mark.parametrize("run", RUNS)
def test_nothing_is_needed_for_a_parameter_without_a_gradient(run: Any) -> None:
    close(run(spec_of(ARRAY)).step([G[0], None], h=[H[0], None]), [X[0] - 0.5 * H[0] * G[0], X[1]])


@pytest.mark.parametrize("run", RUNS)
def test_what_does_not_fit_is_refused_and_nothing_has_happened(run: Any) -> None:
    number, made = run(spec_of(LOSS)), run(spec_of(ARRAY))
    with pytest.raises(TypeError, match=r"needs its input .(loss|value)"):
        number.step(G)
    with pytest.raises((TypeError, ValueError), match=r"loss|value"):
        number.step(G, loss=H[0])
    with pytest.raises(TypeError, match=r"needs its input .h"):
        made.step(G)
    with pytest.raises(ValueError, match="shape"):
        made.step(G, h=[np.ones(3), H[1]])
    with pytest.raises(ValueError, match=r"missing|is None"):
        made.step(G, h=[H[0], None])
    with pytest.raises(ValueError, match="h"):
        made.step(G, h=H[:1])
    close(made.step(G, h=H), [x - 0.5 * h * g for x, g, h in zip(X, G, H, strict=True)])


@pytest.mark.parametrize("run", RUNS)
def test_a_view_of_the_model_and_its_gradients(run: Any) -> None:
    made = run(spec_of(AHEAD))
    n = np.sqrt(sum(np.sum(g**2) for g in G))
    there = [x - 0.5 * g / n for x, g in zip(X, G, strict=True)]
    close(made.view("ahead", G), there)
    up = [y * 2 for y in there]
    wanted = [x - 0.5 * u for x, u in zip(X, up, strict=True)]
    close(made.step(G, up=up), wanted)
    close(made.view("ahead", G), [x - 0.5 * g / n - u for x, g, u in zip(wanted, G, up, strict=True)])
    close(made.view("ahead", [G[0], None])[1:], wanted[1:])  # the others read as they are


@pytest.mark.parametrize("run", [r for r in RUNS if r is not RUNS[2]])
def test_a_view_of_gradients_needs_them(run: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="takes gradients"):
        run(spec_of(AHEAD)).view("ahead", None)


# Manners


@pytest.mark.needs_torch
def test_torch_takes_the_loss_and_the_second_gradient_from_the_closure() -> None:
    import torch

    x = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    opt = build(spec_of(LOSS), "torch")([x])

    def closure() -> Any:
        opt.zero_grad()
        loss = (x**2).sum()
        loss.backward()
        return loss

    assert opt.step(closure) == 5
    assert torch.equal(x.detach(), torch.tensor([1.0 - 0.5 * 5 * 2, -2 + 0.5 * 5 * 4], dtype=torch.float64))
    y = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    x, opt = y, build("sam", "torch")([y], lr=0.1, mu=0.0, rho=0.5)
    opt.step(closure)
    g = torch.tensor([2.0, -4.0], dtype=torch.float64)
    up = 2 * (torch.tensor([1.0, -2.0], dtype=torch.float64) + 0.5 * g / g.norm())
    assert torch.allclose(x.detach(), torch.tensor([1.0, -2.0], dtype=torch.float64) - 0.1 * up, rtol=1e-12)
    assert x.grad is not None and torch.equal(x.grad, g)  # of the parameters, not of the view
    opt.step(g_up={x: up})


@pytest.mark.needs_torch
def test_torch_takes_arrays_by_parameter_and_by_name() -> None:
    import torch

    for key in ("a", "parameter"):
        x = torch.nn.Parameter(torch.ones(2))
        opt = build(spec_of(ARRAY), "torch")([("a", x)])
        x.grad = torch.ones(2)
        opt.step(h={x if key == "parameter" else key: torch.tensor([1.0, 2.0])})
        assert torch.equal(x.detach(), torch.tensor([0.5, 0.0]))


@pytest.mark.needs_jax
def test_optax_chains_inputs() -> None:
    import jax
    import jax.numpy as jnp
    import optax

    tx = optax.chain(optax.clip(1.0), build("polyak_sgd", "jax")(), optax.scale(2.0))
    x = jnp.array([3.0])
    step = jax.jit(lambda g, s, x, value: tx.update(g, s, x, value=value))
    updates, _ = step(jnp.array([5.0]), tx.init(x), x, 0.25)
    assert jnp.allclose(updates, -0.5)


@pytest.mark.needs_tensorflow
def test_keras_fit_gives_the_loss_and_a_function_compiles_once() -> None:
    import keras
    import tensorflow as tf

    model: Any = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(optimizer=build("polyak_sgd", "tensorflow")(), loss="mse")
    model.fit(np.array([[1.0, 0.0]]), np.array([[0.0]]), verbose=0, batch_size=1, epochs=1)
    # the loss is 1, the gradient (2, 0): a Polyak step of 1/4
    np.testing.assert_allclose(model.layers[0].kernel.numpy()[:, 0], [0.5, 1.0], rtol=1e-6)
    traced = []
    x = keras.Variable(np.ones(2))
    opt = build(spec_of(LOSS), "tensorflow")()
    opt.build([x])

    @tf.function
    def step(g: Any, loss: Any) -> None:
        traced.append(1)
        opt.apply([g], [x], loss=loss)

    for value in (1.0, 2.0, 3.0):
        step(tf.ones(2), tf.constant(value))
    assert len(traced) == 1
    np.testing.assert_allclose(x.numpy(), 1 - 0.5 * 6, rtol=1e-6)
    with pytest.raises(ValueError, match="gradient_accumulation_steps"):
        build(spec_of(LOSS), "tensorflow")(gradient_accumulation_steps=2)


def test_inputs_of_a_called_rule_are_the_callers() -> None:
    spec = spec_of(
        HEAD
        + """def mine(x: Param, g: Grad, t: Step, h: Optional[Input] = None, *, lr: Rate = 0.1):
    x = sophia(x, g, t, h=h)
    x = alig(x, g, max_lr=lr, eps=1e-6)
    return x
"""
    )
    assert {n: (i.scalar, i.optional) for n, i in spec.inputs.items()} == {"h": (False, True), "loss": (True, False)}
    report = adaspec.verify(spec, ["numpy"], steps=9, dtypes=("float64",))
    assert report.ok, str(report)


def test_the_text_says_the_inputs() -> None:
    for text in (LOSS, ARRAY, MAYBE, AHEAD):
        spec = spec_of(text)
        assert spec_of(spec.text) == spec and spec_of(spec.text).inputs == spec.inputs
