"""State between the frameworks' own optimizers and ours: the run goes on as if it had never moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.holders import native_class, native_of
from adaspec.kindred import same_optimizer
from journeys import distance, marked, run
from natives import MATRICES, NATIVES, arguments, of
from travellers import SHAPES, TRAVELLERS, Arrays

TOLERANCE = 1e-12
ROUNDED = {"madgrad:optax": 1e-7}
"""optax takes the square root of the count in float32."""
SEPARATE = {"dog:optax", "optimistic_adam_v2:optax", "optimistic_gradient_descent:optax"}
"""optax keeps something of these that we have no words for, so that our state cannot become theirs."""


def problem(name: str, steps: int) -> tuple[Arrays, list[Arrays]]:
    rng = np.random.default_rng(5)
    shapes = MATRICES if "muon" in name else {path: shape for path, shape in SHAPES.items() if 0 not in shape}
    params = {path: rng.normal(size=shape) for path, shape in shapes.items()}
    grads = [{path: np.asarray(rng.normal(size=shape) + 0.3) for path, shape in shapes.items()} for _ in range(steps)]
    return params, grads


def started(name: str, native: bool, params: Arrays, target: str, dtype: str = "float64") -> Any:
    spec = adaspec.load(name)
    make = NATIVES[target] if native else TRAVELLERS[target]
    return make(spec, params, dtype, **arguments(spec))


@pytest.mark.parametrize("name", [marked_ for t in ("torch", "jax") for marked_ in of(t)])
def test_the_originals_state_is_ours_and_back(name: str, tmp_path: Path) -> None:
    """10 steps of the original, 10 of our NumPy class, 10 of the original: one run."""
    target = "torch" if name.endswith(":torch") else "jax"
    params, grads = problem(name, 30)
    alone = started(name, True, params, target)
    run(alone, grads)
    first = started(name, True, params, target)
    run(first, grads[:10])
    first.save(tmp_path / "a.safetensors")
    ours = started(name, False, first.params(), "numpy")
    ours.load(tmp_path / "a.safetensors")
    run(ours, grads[10:20])
    ours.save(tmp_path / "b.safetensors")
    again = started(name, True, ours.params(), target)
    if name in SEPARATE:
        with pytest.raises(ValueError, match="knows nothing"):
            again.load(tmp_path / "b.safetensors")
        run(ours, grads[20:])
        assert distance(ours, alone) <= TOLERANCE
        return
    again.load(tmp_path / "b.safetensors")
    run(again, grads[20:])
    assert distance(again, alone) <= ROUNDED.get(name, TOLERANCE)


@pytest.mark.needs_tensorflow
@pytest.mark.parametrize("name", of("tensorflow"))
def test_the_state_of_keras_goes_over_and_back_bit_for_bit(name: str, tmp_path: Path) -> None:
    """On TensorFlow Keras rounds its numbers to float32, so that what is compared is the state, not the steps."""
    params, grads = problem(name, 5)
    dtype = "float32" if name == "muon:keras" else "float64"  # Keras's Muon multiplies both, which TensorFlow refuses
    first = started(name, True, params, "tensorflow", dtype)
    run(first, grads)
    first.save(tmp_path / "a.safetensors")
    ours = started(name, False, first.params(), "numpy", dtype)
    ours.load(tmp_path / "a.safetensors")
    exact = started(name, False, params, "interpreter")
    run(exact, grads)
    for path in params:
        for slot in [s.name for s in ours.spec.core.slots]:
            wanted = exact.slot(path, slot)
            if wanted is not None:
                np.testing.assert_allclose(ours.slot(path, slot), wanted, rtol=1e-4, atol=1e-7)
    ours.save(tmp_path / "b.safetensors")
    again = started(name, True, first.params(), "tensorflow", dtype)
    again.load(tmp_path / "b.safetensors")
    assert again.held() == first.held()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("origin", "target", "into"),
    [
        pytest.param("adamw:torch", "jax", "adamw", marks=marked(("torch", "jax")).marks),
        pytest.param("adamw:optax", "torch", "adamw", marks=marked(("torch", "jax")).marks),
        pytest.param("adamw:optax", "torch", "adamw:torch", marks=marked(("torch", "jax")).marks),
        pytest.param("adamw:torch", "jax", "adamw:optax", marks=marked(("torch", "jax")).marks),
    ],
)
def test_adamw_of_one_framework_goes_on_in_another(
    origin: str, target: str, into: str, dtype: str, tmp_path: Path
) -> None:
    """200 steps, saved at 100: torch.optim.AdamW into JAX, optax.adamw into torch, into ours and into each other."""
    params, grads = problem(origin, 200)
    hypers = {"lr": 0.01, "weight_decay": 0.02}
    here = "torch" if target == "jax" else "jax"
    alone = NATIVES[here](adaspec.load(origin), params, dtype, **hypers)
    run(alone, grads[:100])
    alone.save(tmp_path / "a.safetensors")
    spec = adaspec.load(into)
    new = (NATIVES if ":" in into else TRAVELLERS)[target](spec, alone.params(), dtype, **hypers)
    new.load(tmp_path / "a.safetensors")
    carried = tmp_path / "b.safetensors"
    new.save(carried)
    before, after = (slots_of(file) for file in (tmp_path / "a.safetensors", carried))
    assert before == after
    run(alone, grads[100:])
    run(new, grads[100:])
    assert distance(new, alone) <= (TOLERANCE if dtype == "float64" else 1e-4)


def slots_of(file: Path) -> dict[str, Any]:
    """Every slot of a file, bit for bit."""
    from adaspec.statefile import decoded

    state = decoded(file.read_bytes(), str(file)).state
    return {path: (p.step, p.slots) for path, p in state.parameters.items()}


def test_which_rules_are_one_optimizer() -> None:
    def same(left: str, right: str) -> bool:
        return same_optimizer(adaspec.load(left), adaspec.load(right))

    assert same("adamw", "adamw:torch") and same("adamw", "adamw:optax") and same("adam", "adam:optax")
    assert same_optimizer(adaspec.load("adax"), adaspec.load("adax").replace(lr=1.0, beta1=0.5))
    for other in ("nadam", "adamw", "adam:keras", "amsgrad", "radam", "adax", "adabelief", "lamb"):
        assert not same("adam", other), other
    assert not same("adafactor", "adafactor:torch")
    assert not same_optimizer(adaspec.load("adax"), adaspec.load("adax").replace(beta2_hat="1 - t**-c", c=0.8))


@pytest.mark.needs_torch
def test_a_native_optimizer_is_known_by_its_class() -> None:
    import torch

    p = [torch.nn.Parameter(torch.zeros(3))]
    for name in of("torch"):
        spec = native_of(native_class(adaspec.load(name))(p, lr=0.1))
        assert spec is not None and spec.dialect is not None and spec.dialect.name == name

    class Mine(torch.optim.Adam):
        """What it changes nobody knows."""

    assert native_of(Mine(p)) is None
    with pytest.raises(TypeError, match="does not say of which rule it is"):
        adaspec.save_state(Mine(p), "nowhere.safetensors")


@pytest.mark.needs_torch
def test_narrow_state_of_torch_is_widened_and_never_narrowed(tmp_path: Path) -> None:
    import torch

    p = torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    p.grad = torch.full_like(p, 0.3)
    theirs = torch.optim.Adam([("p", p)])
    theirs.step()
    file = tmp_path / "a.safetensors"
    adaspec.save_state(theirs, file)
    ours = adaspec.build("adam:torch", "torch")([("p", p)])
    adaspec.load_state(file, ours)
    for word in ("exp_avg", "exp_avg_sq"):
        assert ours.state[p][word].dtype == torch.float32
        assert torch.equal(ours.state[p][word], theirs.state[p][word].float())
    before = {word: x.clone() for word, x in theirs.state[p].items()}
    with pytest.raises(
        ValueError, match=r"'p\.m' is float32, and Adam keeps it as torch.bfloat16: it would be rounded"
    ):
        adaspec.load_state(file, theirs)
    assert all(torch.equal(before[word], x) for word, x in theirs.state[p].items())


@pytest.mark.needs_jax
def test_states_of_optax_that_no_rule_has_words_for(tmp_path: Path) -> None:
    import jax.numpy as jnp
    import optax

    params = {"w": jnp.ones(3)}
    file = tmp_path / "a.safetensors"
    state = optax.rmsprop(0.1, momentum=0.9).init(params)
    with pytest.raises(ValueError, match=r"also holds \['trace'\], of which rmsprop knows nothing"):
        adaspec.save_state(state, file, params=params, spec="rmsprop:optax")
    with pytest.raises(ValueError, match=r"keeps \['mu', 'nu'\] in optax, this state has \['e_g', 'e_x'\]"):
        adaspec.save_state(optax.adadelta(0.1).init(params), file, params=params, spec="adamw:optax")
    twice = (optax.adam(0.1).init(params), optax.adam(0.1).init(params))
    with pytest.raises(ValueError, match="the state holds 2 fields 'mu': give the part"):
        adaspec.save_state(twice, file, params=params, spec="adam:optax")
    with pytest.raises(TypeError, match="spec= says of which dialect"):
        adaspec.save_state(optax.adam(0.1).init(params), file, params=params)
    assert not file.exists()


@pytest.mark.needs_jax
def test_chains_and_injected_hyperparameters_are_looked_through(tmp_path: Path) -> None:
    import jax.numpy as jnp
    import optax

    params = {"w": jnp.ones(3)}
    tx = optax.chain(optax.clip_by_global_norm(1.0), optax.inject_hyperparams(optax.adamw)(learning_rate=0.1))
    state: Any = tx.update({"w": jnp.full(3, 0.1)}, tx.init(params), params)[1]
    file = tmp_path / "a.safetensors"
    adaspec.save_state(state, file, params=params, spec="adamw:optax")
    again: Any = adaspec.load_state(file, tx.init(params), params=params, spec="adamw:optax")
    before, inner = (found[1].inner_state[0] for found in (state, again))
    assert int(inner.count) == 1
    np.testing.assert_array_equal(inner.mu["w"], before.mu["w"])
