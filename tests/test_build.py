"""What is exported is what runs, and it stays findable: pickles, copies, spawned processes, tracebacks."""

from __future__ import annotations

import copy
import gc
import importlib
import importlib.metadata
import inspect
import multiprocessing
import pickle
import sys
import traceback
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import adaspec
from adaspec.library import rules
from adaspec.verification import supplied

building = importlib.import_module("adaspec.build")  # the attribute `adaspec.build` is the function
RULES = rules()


def own_spec() -> adaspec.Spec:
    """A rule that is in no library."""
    return adaspec.load("adax").replace(beta2_hat="1 - t**-c", c=0.8, lr=1e-2)


@pytest.mark.parametrize("name", RULES)
def test_the_exported_text_is_the_text_that_runs(name: str) -> None:
    cls = adaspec.build(name, "numpy")
    module = sys.modules[cls.__module__]
    assert "".join(inspect.getsource(module)) == adaspec.export(name, "numpy")
    namespace: dict[str, Any] = {}
    exec(compile(adaspec.export(name, "numpy"), "<export>", "exec"), namespace)
    params, other = np.ones((4, 3)), np.ones((4, 3))
    for one, factory in ((params, cls), (other, namespace[cls.__name__])):
        opt = factory()
        if getattr(opt, "fused", None) is not None:
            opt.fused = None  # a kernel is not in the text
        grad = np.full((4, 3), 0.5)
        given = supplied(adaspec.load(name), 0, 0, [grad])
        opt.step(one, grad, opt.init(one), **{n: v[0] if isinstance(v, list) else v for n, v in given.items()})
    assert np.array_equal(params, other)


def test_building_twice_gives_the_same_class() -> None:
    assert adaspec.build("adam", "numpy") is adaspec.build(adaspec.load("adam"), "numpy")
    assert adaspec.build(own_spec(), "numpy") is adaspec.build(own_spec(), "numpy")
    assert adaspec.build(own_spec(), "numpy") is not adaspec.build("adax", "numpy")


@pytest.mark.parametrize("spec", [adaspec.load("adam"), own_spec()], ids=["library", "own"])
def test_objects_pickle_and_copy(spec: adaspec.Spec) -> None:
    opt = adaspec.build(spec, "numpy")(lr=0.5)
    for again in (pickle.loads(pickle.dumps(opt)), copy.deepcopy(opt)):
        assert type(again) is type(opt) and again.lr == 0.5


def stepped(opt: Any, value: float) -> list[float]:
    x = np.full(3, value)
    opt.step(x, np.ones(3), opt.init(x))
    return x.tolist()


@pytest.mark.parametrize("spec", [adaspec.load("adam"), own_spec()], ids=["library", "own"])
def test_objects_survive_spawn(spec: adaspec.Spec) -> None:
    """The new process makes the module again from its name alone."""
    opt = adaspec.build(spec, "numpy")()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(stepped, (opt, 2.0)) == stepped(opt, 2.0)


def test_tracebacks_show_the_generated_lines() -> None:
    opt = adaspec.build("adam", "numpy")()
    x = np.ones(3)
    state = opt.init(x)
    with pytest.raises(ValueError, match="paths") as caught:
        opt.step(x, {"other": np.ones(3)}, state)
    shown = "".join(traceback.format_exception(caught.value))
    assert "<adaspec numpy adam" in shown and "work = _work(params, grads, state" in shown


def test_the_modules_of_the_targets() -> None:
    from adaspec.numpy import AdaX  # type: ignore[attr-defined]

    assert AdaX is adaspec.build("adax", "numpy") is adaspec.numpy.AdaX
    assert {"Adam", "AdaX", "LAMB", "ScheduleFree"} <= set(dir(adaspec.numpy))
    with pytest.raises(AttributeError, match="did you mean 'Adam'"):
        _ = adaspec.numpy.Adm
    with pytest.raises(AttributeError, match="no attribute 'nump'"):
        _ = adaspec.nump


def test_importing_adaspec_imports_no_framework() -> None:
    import subprocess

    program = "import adaspec, adaspec.torch, adaspec.jax, adaspec.tensorflow, sys; print(sorted(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
    assert not any(f"'{m}'" in found for m in ("torch", "jax", "optax", "tensorflow", "keras", "matplotlib", "sympy"))


def test_a_missing_framework_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def fail(name: str, *args: Any) -> Any:
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return real(name, *args)

    monkeypatch.setattr(building.importlib, "import_module", fail)
    with pytest.raises(adaspec.MissingFramework, match=r"needs torch.*pip install 'adaspec\[torch\]'") as caught:
        adaspec.build("adam", "torch")
    assert isinstance(caught.value, ImportError)
    assert "class Adam" in adaspec.export("adam", "torch")


def test_third_parties_add_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry-point group `adaspec.backends`: an object with `emit` and `public_name`."""
    target = SimpleNamespace(
        emit=lambda lowered: f"NAME = {lowered.spec.name!r}\n\n\ndef make():\n    return NAME\n",
        public_name=lambda spec: "make",
    )
    entry = SimpleNamespace(name="toy", load=lambda: target)
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda group: [entry] if group == "adaspec.backends" else []
    )
    assert "toy" in adaspec.targets()
    assert adaspec.build("adam", "toy")() == "adam"


def test_unknown_targets_and_modules() -> None:
    with pytest.raises(ValueError, match="unknown target 'jaxx': did you mean 'jax'"):
        adaspec.export("adam", "jaxx")
    for name in ("adaspec.generated.numpy.nothing", "adaspec.generated.numpy.x_abc", "adaspec.generated.other.adam"):
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(name)


def test_a_packed_name_runs_nothing() -> None:
    """The name of a module is untrusted too: it holds the text of a spec, which is parsed."""
    import base64
    import zlib

    packed = base64.b32encode(zlib.compress(b"import os\nos.system('true')")).decode().rstrip("=").lower()
    with pytest.raises(adaspec.SpecError, match="only import"):
        importlib.import_module(f"adaspec.generated.numpy.evil_{packed}")


PLANTED = {
    "import os": "imports",
    "from subprocess import run": "imports",
    "eval('1')": "calls eval",
    "__import__('os')": "calls __import__",
    "async def f(): pass": "AsyncFunctionDef",
}


@pytest.mark.parametrize("line", PLANTED)
def test_generated_code_is_checked_before_it_is_compiled(line: str) -> None:
    with pytest.raises(AssertionError, match=PLANTED[line]):
        building.check_generated(f"import numpy as np\n{line}\n", "numpy")


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_left_as_it_was(enabled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It rests while a module is made; also after an emitter that fails."""
    seen: list[bool] = []

    def emit(lowered: Any) -> str:
        seen.append(gc.isenabled())
        raise ZeroDivisionError

    toy = SimpleNamespace(emit=emit, public_name=lambda spec: "make")
    monkeypatch.setattr(building, "backend", lambda target: toy)
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(ZeroDivisionError):
            adaspec.export("adam", "failing")
        assert gc.isenabled() == enabled and seen == [False]
    finally:
        (gc.enable if was else gc.disable)()
