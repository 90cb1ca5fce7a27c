"""Keras as it is used: a small CNN on digits, with validation, callbacks, checkpoints and an interrupted run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaspec
from test_tensorflow_manners import same, values

keras = pytest.importorskip("keras")
datasets = pytest.importorskip("sklearn.datasets")
pytestmark = [
    pytest.mark.usefixtures("float32"),
    pytest.mark.needs_tensorflow,
    # Keras's own Variables have not heard of NumPy 2's `copy` yet
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("adamw", {"learning_rate": 5e-3, "weight_decay": 1e-2, "use_ema": True, "ema_momentum": 0.9}),
    ("schedule_free", {"learning_rate": 1e-2, "clipnorm": 1.0}),
    ("adafactor", {"learning_rate": 2e-2, "weight_decay": 1e-3}),
]
IDS = [name for name, _ in OPTIMIZERS]


@pytest.fixture(scope="module")
def digits() -> tuple[Any, ...]:
    """Images of 8 × 8, the last 297 kept for validation."""
    images, labels = datasets.load_digits(return_X_y=True)
    images = (images / 16).reshape(-1, 8, 8, 1).astype("float32")
    return images[:1500], labels[:1500], (images[1500:], labels[1500:])


def compiled(name: str, options: dict[str, Any]) -> Any:
    keras.utils.set_random_seed(4)
    model = keras.Sequential([
        keras.Input((8, 8, 1)),
        keras.layers.Conv2D(8, 3, activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.BatchNormalization(momentum=0.5),
        keras.layers.Flatten(),
        keras.layers.Dense(10),
    ])  # fmt: skip
    opt = adaspec.build(name, "tensorflow")(**options)
    if "weight_decay" in options:
        opt.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(opt, loss, metrics=["accuracy"])
    return model


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=IDS)
def test_training(name: str, options: dict[str, Any], digits: tuple[Any, ...], tmp_path: Path) -> None:
    """It learns to read, the callbacks move its rate, and the best model of the run is what was saved of it."""
    x, y, validation = digits
    model = compiled(name, options)
    best = tmp_path / "best.keras"
    callbacks = [
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch < 2 else rate / 2),
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=0, min_delta=100.0),
        keras.callbacks.ModelCheckpoint(best, monitor="val_accuracy", save_best_only=True),
    ]
    run = model.fit(x, y, epochs=4, batch_size=64, validation_data=validation, callbacks=callbacks, verbose=0).history
    assert run["loss"][-1] < run["loss"][0] / 2 and max(run["val_accuracy"]) > 0.8
    assert model.evaluate(*validation, verbose=0)[1] > 0.8
    halves = np.log2(options["learning_rate"] / float(model.optimizer.learning_rate))
    assert halves == pytest.approx(5, abs=1e-3)  # two of the scheduler, three of the plateaus
    kept = keras.saving.load_model(best)
    assert kept.evaluate(*validation, verbose=0)[1] == pytest.approx(max(run["val_accuracy"]), abs=1e-6)
    assert type(kept.optimizer) is type(model.optimizer)
    assert kept.optimizer.get_config().keys() == model.optimizer.get_config().keys()


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS[:2], ids=IDS[:2])
def test_an_interrupted_run(name: str, options: dict[str, Any], digits: tuple[Any, ...], tmp_path: Path) -> None:
    """`BackupAndRestore` takes up an epoch that died: the same weights and state in the end, to the bit."""
    x, y, _ = digits
    x, y = x[:512], y[:512]

    class Dies(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                raise KeyboardInterrupt

    def fit(model: Any, *callbacks: Any) -> None:
        model.fit(x, y, epochs=3, batch_size=64, shuffle=False, verbose=0, callbacks=list(callbacks))

    whole = compiled(name, options)
    fit(whole)
    with pytest.raises(KeyboardInterrupt):
        fit(compiled(name, options), keras.callbacks.BackupAndRestore(tmp_path), Dies())
    resumed = compiled(name, options)
    fit(resumed, keras.callbacks.BackupAndRestore(tmp_path))
    assert int(resumed.optimizer.iterations) == int(whole.optimizer.iterations) == 24
    assert same(whole.weights, resumed.weights)
    assert same(whole.optimizer.variables, resumed.optimizer.variables)
    assert values(whole.weights)
