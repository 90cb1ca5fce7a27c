"""Bad: one mistake. Nobody, 2026."""

import numpy as np
from adaspec.lang import *


def bad(x: Param, g: Grad):
    return x
