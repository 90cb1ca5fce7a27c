"""Before any framework is imported: few threads, few words, processors only. And the markers of what may be missing."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

for name, value in {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "CUDA_VISIBLE_DEVICES": "",
    "JAX_PLATFORMS": "cpu",
    "OMP_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    # Kernels of tests are kept here, whatever the home folder allows.
    "ADASPEC_CACHE": str(Path(__file__).parent.parent / "build" / "kernels"),
}.items():
    os.environ.setdefault(name, value)

COMPILER = os.name == "posix" and any(map(shutil.which, os.environ.get("CC", "").split()[:1] or ("cc", "gcc", "clang")))
if not COMPILER:  # which a warning would say in every process
    os.environ["ADASPEC_KERNELS"] = "0"


@pytest.fixture
def float32() -> Iterator[None]:
    """Keras in the float type and the policy that it comes with, whatever a test has made of them."""
    import keras

    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    yield
    keras.config.set_floatx(before)
    keras.config.set_dtype_policy(policy)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew: review the difference")
    parser.addoption("--prove", action="store_true", help="run the whole proof too, not only the part of a plain run")
    parser.addoption("--every", action="store_true", help="try every manner with every rule, not only with the sample")


NEEDS = {
    "needs_torch": ("torch",),
    "needs_jax": ("jax", "optax"),
    "needs_tensorflow": ("tensorflow", "keras"),
    "needs_transformers": ("transformers", "accelerate"),
    "needs_lightning": ("lightning",),
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if any("sampled" in item.keywords for item in items):
        from adaspec.library import rules
        from sample import sample

        rest = set(rules()) - sample()
        for item in items:
            params = getattr(item, "callspec", None)
            if "sampled" in item.keywords and params is not None:
                named = {v for v in params.params.values() if isinstance(v, str)}
                if named & rest:
                    item.add_marker(pytest.mark.every)
    for dear in ("prove", "every"):
        if not config.getoption(f"--{dear}"):
            config.hook.pytest_deselected(items=[item for item in items if dear in item.keywords])
            items[:] = [item for item in items if dear not in item.keywords]
    for marker, modules in {**NEEDS, "needs_compiler": ()}.items():
        missing = [m for m in modules if importlib.util.find_spec(m) is None]
        missing += ["a C compiler"] if marker == "needs_compiler" and not COMPILER else []
        if missing:
            skip = pytest.mark.skip(reason=f"{missing[0]} is not installed")
            for item in items:
                if marker in item.keywords:
                    item.add_marker(skip)
