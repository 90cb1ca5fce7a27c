"""optax's rules with noise, fed with ours."""

from .core import original
from .fed import optax_normals

NOISY = {"learning_rate": "lr", "eta": "eta", "gamma": "gamma"}

original(
    "noisy_sgd:optax",
    NOISY,
    vary=[{"eta": 1.0, "gamma": 0.0}],
    fixed={"key": 0},
    untouched={"key": 0},
    around=optax_normals(),
)
