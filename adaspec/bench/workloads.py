"""The lists of shapes that a step is measured on: one huge array, real models, and many tiny arrays."""

from __future__ import annotations

import math

from ..spec import Spec

Shape = tuple[int, ...]
Shapes = list[Shape]


def resnet50() -> Shapes:
    """The 161 parameters of ResNet-50 (He et al., 2016) in the order of torchvision: 25,557,032 numbers."""
    shapes: Shapes = [(64, 3, 7, 7), (64,), (64,)]
    inner, width = 64, 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = 64 * 2**stage
        for block in range(blocks):
            for conv in ((width, inner, 1, 1), (width, width, 3, 3), (4 * width, width, 1, 1)):
                shapes += [conv, (conv[0],), (conv[0],)]
            if block == 0:
                shapes += [(4 * width, inner, 1, 1), (4 * width,), (4 * width,)]
            inner = 4 * width
    return [*shapes, (1000, inner), (1000,)]


def transformer() -> Shapes:
    """The 152 parameters of ViT-S/16 (Touvron et al., 2021): 22,050,664 numbers, most of them in 48 matrices."""
    width, hidden = 384, 1536
    shapes: Shapes = [(1, 1, width), (1, 197, width), (width, 3, 16, 16), (width,)]
    for _ in range(12):
        shapes += [(width,), (width,), (3 * width, width), (3 * width,), (width, width), (width,)]
        shapes += [(width,), (width,), (hidden, width), (hidden,), (width, hidden), (width,)]
    return [*shapes, (width,), (width,), (1000, width), (1000,)]


def mlp() -> Shapes:
    """The 6 parameters of a network for small pictures, 784-112-96-10: 99,738 numbers, which a cache holds."""
    return [(784, 112), (112,), (112, 96), (96,), (96, 10), (10,)]


WORKLOADS: dict[str, Shapes] = {
    "25M": [(25_000_000,)],
    "resnet50": resnet50(),
    "long-tail": transformer(),
    "mlp": mlp(),
    "tiny": [(100,)] * 1000,
}

QUICK: dict[str, Shapes] = {
    "25M": [(250_000,)],
    "resnet50": resnet50()[:12],
    "long-tail": [(64,), (64, 64)] * 8,
    "mlp": mlp(),
    "tiny": [(100,)] * 50,
}
"""The same in small: to see that everything runs, not how fast."""


def size(shapes: Shapes) -> int:
    """How many numbers they hold."""
    return sum(math.prod(shape) for shape in shapes)


def fitting(spec: Spec, shapes: Shapes) -> Shapes:
    """Those that the rule takes; a kernel of a convolution becomes a matrix where only that is taken."""
    found: Shapes = []
    for shape in shapes:
        flat = (shape[0], math.prod(shape[1:])) if len(shape) > 2 else shape
        found += [s for s in dict.fromkeys((shape, flat)) if _takes(spec, s)][:1]
    return found


def _takes(spec: Spec, shape: Shape) -> bool:
    try:
        spec.check_shape(shape)
    except ValueError:
        return False
    return True
