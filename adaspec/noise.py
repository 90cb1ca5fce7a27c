"""Noise that is the same everywhere: Threefry-2x32 with 20 rounds, keyed by (seed, t) and counted by element.

The generator is that of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011), as in Random123 and JAX:
additions, rotations and exclusive ors of 32-bit words, which every framework has. Each element of a draw is one of it:

    key      (seed, t)                                  seed: the hyperparameter; t: 1 at the first update
    counter  (element, 256 * parameter + draw)          element: its row-major index; parameter: its place in the tree;
                                                        draw: its place in the rule
    uniform     a / 2**24                               a: the upper 24 bits of the first word; in [0, 1)
    rademacher  -1 or 1                                 by the top bit of the first word
    normal      s * sqrt(-2 log u) * sin(pi / 2 * f)    u, f: the upper 23 bits and a half of either word, in (0, 1);
                                                        s: the sign, by the last bit of the second word

The normal is Box-Muller's with its angle folded to the first quadrant, so that its relative error is a few roundings
everywhere. A uniform has 24 bits in float64 too: every dtype sees the same numbers. All is modulo 2**32.

This module is the meaning; a generated module holds the same arithmetic in its framework's words.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SEED = "seed"
"""The hyperparameter that a rule with noise declares, a Count."""

KINDS = ("uniform", "normal", "rademacher")
MOST = 256
"""Draws in one rule."""

WORD = 0xFFFFFFFF
PARITY = 0x1BD11BDA
ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)


def threefry(key: tuple[int, int], counter: tuple[Any, Any]) -> tuple[Any, Any]:
    """Two words for each pair of counters: arrays of uint32 of one shape."""
    keys = [key[0] & WORD, key[1] & WORD]
    keys.append(keys[0] ^ keys[1] ^ PARITY)
    a = np.asarray(counter[0], np.uint32) + np.uint32(keys[0])
    b = np.asarray(counter[1], np.uint32) + np.uint32(keys[1])
    for number in range(20):
        turn = ROTATIONS[number % 8]
        a = a + b
        b = ((b << np.uint32(turn)) | (b >> np.uint32(32 - turn))) ^ a
        if number % 4 == 3:
            group = number // 4 + 1
            a = a + np.uint32(keys[group % 3])
            b = b + np.uint32((keys[(group + 1) % 3] + group) & WORD)
    return a, b


def draw(kind: str, stream: int, seed: int, t: int, place: int, shape: tuple[int, ...]) -> np.ndarray:
    """One draw in float64. `place` counts the parameters of the tree from 0, `stream` the draws of the rule."""
    elements = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.uint64).astype(np.uint32).reshape(shape)
    with np.errstate(over="ignore"):  # 0-d words are scalars to NumPy, and warn where they wrap around
        a, b = threefry((seed, t), (elements, np.full(shape, (place * MOST + stream) & WORD, np.uint32)))
    if kind == "uniform":
        return np.asarray(np.asarray(a >> np.uint32(8), np.float64) * 2.0**-24)
    if kind == "rademacher":
        return np.asarray(1.0 - 2.0 * np.asarray(a >> np.uint32(31), np.float64))
    u, f = (np.asarray((word >> np.uint32(8)) | np.uint32(1), np.float64) * 2.0**-24 for word in (a, b))
    sign = 1.0 - 2.0 * np.asarray(b & np.uint32(1), np.float64)
    return np.asarray(sign * np.sqrt(-2.0 * np.log(u)) * np.sin(np.pi / 2 * f))
