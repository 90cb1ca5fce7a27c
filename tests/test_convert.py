"""`adaspec.convert` and `adaspec convert`: state out of one framework's checkpoint, for another framework."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.cli import main
from adaspec.statefile import decoded

pytestmark = [pytest.mark.needs_torch, pytest.mark.needs_jax]

MAP = {
    "0": {"to": "hidden/kernel", "transpose": [1, 0]}, "1": "hidden/bias",
    "2": {"to": "out/kernel", "transpose": [1, 0]}, "3": "out/bias",
}  # fmt: skip
NAMES = {old: row if isinstance(row, str) else row["to"] for old, row in MAP.items()}
TURNS = {row["to"]: (1, 0) for row in MAP.values() if isinstance(row, dict)}


def trained(kind: Any = None, **hypers: Any) -> tuple[Any, Any]:
    """A small network and its optimizer after five steps."""
    import torch

    generator = torch.Generator().manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
    for p in net.parameters():
        p.data = torch.randn(p.shape, generator=generator)
    optimizer = (kind or torch.optim.AdamW)(net.parameters(), lr=0.01, **hypers)
    for _ in range(5):
        optimizer.zero_grad()
        net(torch.randn(8, 4, generator=generator)).square().mean().backward()
        optimizer.step()
    return net, optimizer


def flax_like(net: Any) -> dict[str, Any]:
    """The same parameters as a Flax model holds them."""
    import jax.numpy as jnp

    layers = {"hidden": net[0], "out": net[2]}
    return {
        name: {"kernel": jnp.asarray(x.weight.detach().numpy().T), "bias": jnp.asarray(x.bias.detach().numpy())}
        for name, x in layers.items()
    }


@pytest.fixture
def checkpoint(tmp_path: Path) -> tuple[Path, Any, Any]:
    import torch

    net, optimizer = trained()
    file = tmp_path / "checkpoint.pt"
    torch.save({"model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, file)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    (tmp_path / "names.json").write_text(json.dumps(MAP))
    return file, net, optimizer


def test_from_a_torch_checkpoint_to_jax(checkpoint: tuple[Path, Any, Any], capsys: Any) -> None:
    file, net, optimizer = checkpoint
    names = str(file.with_name("names.json"))
    assert main(["convert", str(file), "--from", "torch", "--to", "jax", "--names", names]) == 0
    out = capsys.readouterr().out
    for word in ("hidden/kernel", "4×3", "m, v", "adamw", "4 parameters, 8 slots, after 5 updates", "load_state("):
        assert word in out, word
    params = flax_like(net)
    tx = adaspec.jax.adamw(learning_rate=0.01)
    state = adaspec.load_state(file.with_name("checkpoint_jax.safetensors"), tx.init(params), params=params)
    kept = optimizer.state[net[0].weight]
    assert int(state.count) == 5
    np.testing.assert_array_equal(state.m["hidden"]["kernel"], kept["exp_avg"].numpy().T)
    np.testing.assert_array_equal(state.v["hidden"]["kernel"], kept["exp_avg_sq"].numpy().T)


def test_the_same_from_python(checkpoint: tuple[Path, Any, Any]) -> None:
    file, net, optimizer = checkpoint
    params = flax_like(net)
    tx = adaspec.jax.adamw(learning_rate=0.01)
    by_file = adaspec.convert(file, tx.init(params), into_params=params, names=NAMES, transpose=TURNS)
    alive = adaspec.convert(optimizer, tx.init(params), into_params=params, names=NAMES, transpose=TURNS)
    in_order = adaspec.convert(
        optimizer, tx.init(params), into_params=params, names=list(NAMES.values()), transpose=TURNS
    )
    for found in (by_file, alive, in_order):
        np.testing.assert_array_equal(found.m["out"]["kernel"], optimizer.state[net[2].weight]["exp_avg"].numpy().T)
    back, fresh = trained()
    for kept in fresh.state.values():
        kept.clear()
    other = {new: old for old, new in NAMES.items()}
    named = {str(i): p for i, p in enumerate(back.parameters())}
    adaspec.convert(by_file, fresh, params=params, into_params=named, names=other, transpose={"0": (1, 0), "2": (1, 0)})
    for p, q in zip(net.parameters(), back.parameters(), strict=True):
        for word, value in optimizer.state[p].items():
            np.testing.assert_array_equal(fresh.state[q][word].numpy(), value.numpy())


def test_back_to_torch_by_the_order_of_the_module(checkpoint: tuple[Path, Any, Any], capsys: Any) -> None:
    """A file for numpy holds names; a torch checkpoint goes by position, which the module's state dict says."""
    import torch

    file, _, optimizer = checkpoint
    net = str(file.with_name("net.pt"))
    middle, end = file.with_name("middle.safetensors"), file.with_name("end.pt")
    assert main(["convert", str(file), "--to", "numpy", "--params", net, "-o", str(middle)]) == 0
    capsys.readouterr()
    asked = ["convert", str(middle), "--to", "torch", "--spec", "adamw:torch", "-o", str(end)]
    assert main(asked) == 2
    assert "goes by position" in capsys.readouterr().err
    assert not end.exists()
    assert main([*asked, "--params", net]) == 0
    assert "its groups hold the defaults: lr=0.001" in capsys.readouterr().out
    found, wanted = torch.load(end, weights_only=True)["state"], optimizer.state_dict()["state"]
    assert found.keys() == wanted.keys()
    for i, kept in wanted.items():
        assert found[i].keys() == kept.keys()
        assert all(torch.equal(found[i][word], value) for word, value in kept.items())
    _, again = trained()
    again.load_state_dict(torch.load(end, weights_only=True))


def test_a_generated_class_and_its_checkpoint(tmp_path: Path, capsys: Any) -> None:
    import torch

    _, optimizer = trained(adaspec.torch.AdaX)
    file = tmp_path / "adax.pt"
    torch.save(optimizer.state_dict(), file)
    assert main(["convert", str(file), "--to", "numpy"]) == 2
    assert "spec= (--spec) says of which rule it is" in capsys.readouterr().err
    assert main(["convert", str(file), "--to", "numpy", "--spec", "adax"]) == 0
    assert main(["convert", str(tmp_path / "adax_numpy.safetensors"), "--to", "torch"]) == 0
    back = torch.load(tmp_path / "adax_numpy_torch.pt", weights_only=True)
    for i, kept in optimizer.state_dict()["state"].items():
        assert all(torch.equal(back["state"][i][name], value) for name, value in kept.items())


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD", "RMSprop", "Adagrad", "NAdam", "RAdam", "Adamax", "Adadelta"])
def test_whose_checkpoint_it_is(name: str, tmp_path: Path) -> None:
    """torch's own optimizers tell themselves apart by what stands in their groups."""
    import torch

    hypers = {"momentum": 0.9} if name == "SGD" else {}
    _, optimizer = trained(getattr(torch.optim, name), **hypers)
    torch.save(optimizer.state_dict(), tmp_path / "a.pt")
    adaspec.convert(tmp_path / "a.pt", tmp_path / "a.safetensors")
    saved = decoded((tmp_path / "a.safetensors").read_bytes(), "a")
    assert saved.name == adaspec.load(f"{name.lower()}:torch").name


@pytest.mark.needs_tensorflow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_from_a_keras_model(tmp_path: Path, capsys: Any) -> None:
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, name="hidden"), keras.layers.Dense(2, name="out")]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    rng = np.random.default_rng(0)
    model.fit(rng.normal(size=(32, 4)), rng.normal(size=(32, 2)), batch_size=8, epochs=1, verbose="0")
    file = tmp_path / "model.keras"
    model.save(file)
    assert main(["convert", str(file), "--from", "tensorflow", "--to", "numpy"]) == 0
    assert "after 4 updates" in capsys.readouterr().out
    params = {v.path: np.array(v.numpy()) for v in model.trainable_variables}
    tree = {"hidden": {}, "out": {}}
    for path, x in params.items():
        layer, name = path.split("/")[-2:]
        tree[layer][name] = x
    opt = adaspec.build("adam:keras", "numpy")()
    state = adaspec.load_state(
        tmp_path / "model_numpy.safetensors", opt.init(tree), params=tree, spec=opt,
        names=lambda path: "/".join(path.split("/")[-2:]),
    )  # fmt: skip
    assert state["step"] == 4
    theirs = {v.name: v.numpy() for v in model.optimizer.variables}
    found = next(value for name, value in theirs.items() if name.endswith("hidden_kernel_momentum"))
    np.testing.assert_array_equal(state["slots"]["hidden/kernel"]["m"], found)


class Hostile:
    """What a pickle of it would run is run by nobody."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("ran"),))


def test_what_is_refused(checkpoint: tuple[Path, Any, Any], capsys: Any, monkeypatch: Any) -> None:
    import torch

    file, _, _ = checkpoint
    folder = file.parent
    monkeypatch.chdir(folder)
    torch.save({"optimizer": Hostile()}, "hostile.pt")
    Path("cut.pt").write_bytes(file.read_bytes()[:500])
    Path("bad.json").write_text("{")
    Path("few.json").write_text('["a", "b"]')
    Path("odd.json").write_text('{"0": {"into": "a"}}')
    Path("axes.json").write_text('{"0": {"to": "a", "transpose": "10"}}')
    Path("turn.json").write_text('{"0": {"to": "a", "transpose": [0, 0]}}')
    Path("twice.json").write_text('{"0": "a", "1": "a"}')
    Path("text.pt").write_text("hello")
    Path("no.keras").write_text("hello")
    cases = {
        ("gone.pt",): "no file 'gone.pt'",
        ("hostile.pt",): "holds more than tensors and plain values",
        ("cut.pt",): "is no checkpoint of torch",
        ("text.pt",): "text.pt",
        ("net.pt",): "holds no state dict of an optimizer",
        ("no.keras",): "no model that Keras can load",
        ("checkpoint.pt", "--from", "jax"): "is of torch, not of jax",
        ("checkpoint.pt", "--spec", "adax"): "is no state of adax: parameter 0 has ['exp_avg', 'exp_avg_sq', 'step']",
        ("checkpoint.pt", "--names", "gone.json"): "cannot read 'gone.json'",
        ("checkpoint.pt", "--names", "bad.json"): "'bad.json' is no JSON",
        ("checkpoint.pt", "--names", "few.json"): "lists 2 parameters, and the state has 4",
        ("checkpoint.pt", "--names", "odd.json"): "'0' is not mapped",
        ("checkpoint.pt", "--names", "axes.json"): "the axes of '0' are '10'",
        ("checkpoint.pt", "--names", "turn.json"): "orders the axes of 'a'",
        ("checkpoint.pt", "--names", "twice.json"): "the path 'a'",
        ("checkpoint.pt", "--params", "text.pt"): "cannot read 'text.pt'",
        ("checkpoint.pt", "-o", "checkpoint.pt"): "is the source itself",
        ("checkpoint.pt", "-o", "a.keras"): "a file that Keras writes",
    }
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for typed, message in cases.items():
        assert main(["convert", *typed, "--to", "numpy"]) == 2, typed
        error = capsys.readouterr().err
        assert message in error and "fault of adaspec" not in error, (typed, error)
    assert main(["convert", "checkpoint.pt"]) == 2
    assert main(["convert", "checkpoint.pt", "--to", "paddle"]) == 2
    capsys.readouterr()
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
