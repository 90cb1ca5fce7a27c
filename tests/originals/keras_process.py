"""Keras on JAX in float64, in a process of its own: a process has one Keras backend, and here that is TensorFlow.

The process is started once for each backend and asked many times, a pickle each way.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
from functools import cache
from typing import Any, BinaryIO

import numpy as np

Model = list[np.ndarray]


def run(
    of: str, params: Model, grads: list[Model], keywords: dict[str, Any], plan: Any, backend: str = "jax"
) -> list[Model]:
    process = _process(backend)
    assert process.stdin is not None and process.stdout is not None
    pickle.dump((of, params, grads, keywords, plan), process.stdin)
    process.stdin.flush()
    ok, answer = pickle.load(process.stdout)
    if not ok:
        raise RuntimeError(answer)
    return answer


@cache
def _process(backend: str) -> subprocess.Popen[bytes]:
    env = os.environ | {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}
    process = subprocess.Popen([sys.executable, __file__], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()  # the end of its input ends the process
    process.wait()


def _trajectory(of: str, params: Model, grads: list[Model], keywords: dict[str, Any], plan: Any) -> list[Model]:
    import keras

    module, _, name = of.rpartition(".")
    assert module == "keras.optimizers"
    variables = [keras.Variable(x, dtype="float64", name=f"array_{i}") for i, x in enumerate(params)]
    optimizer = getattr(keras.optimizers, name)(**keywords)
    found = []
    for i, step in enumerate(grads):
        if plan is not None:
            optimizer.learning_rate = plan[i]
        optimizer.apply([keras.ops.convert_to_tensor(g, dtype="float64") for g in step], variables)
        found.append([np.array(keras.ops.convert_to_numpy(v)) for v in variables])
    return found


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    import keras

    keras.config.set_floatx("float64")
    while True:
        try:
            request = pickle.load(requests)
        except EOFError:
            return
        try:
            answer = True, _trajectory(*request)
        except Exception as error:
            answer = False, f"{type(error).__name__}: {error}"
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    # What the libraries print must not come among the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _serve(sys.stdin.buffer, answers)
