"""The mutants that no trial can tell from their rule, each with the reason: by spec, then by what was changed."""

EQUIVALENT: dict[str, dict[str, str]] = {
    "adafactor": {
        "row = beta * row + (1 - beta) * mean(g2, axis=-1)  →  row = beta * row - (1 - beta) * mean(g2, axis=-1)": (
            "row is only used divided by its own mean, which changes its sign with it; beta is 0 in the first step"
        ),
        "row = beta * row + (1 - beta) * mean(g2, axis=-1)  →  row = beta * row + (1 - beta) * sum(g2, axis=-1)": (
            "row is only used divided by its own mean: a factor common to all rows cancels"
        ),
    },
    "lamb": {
        f"trust = where((norm(x) > 0) & (norm(u) > 0), norm(x) / norm(u), 1.0)  →  "
        f"trust = where(({a}(x) > 0) & ({b}(u) > 0), norm(x) / norm(u), 1.0)": (
            "the root mean square is positive where the norm is"
        )
        for a, b in (("rms", "norm"), ("norm", "rms"))
    },
    "muon": {
        "orthogonalize: tall = a.shape[0] > a.shape[1]  →  tall = a.shape[0] <= a.shape[1]": (
            "the iteration commutes with transposition: the orientation is a matter of cost"
        ),
    },
    "prodigy": {
        "s = beta3 * s + growth * step * g  →  s = beta3 * s - growth * step * g": (
            "s begins at 0 and is only used through its absolute values"
        ),
    },
    "rmsprop": {
        "average = decay * average + (1 - decay) * g  →  average = decay * average - (1 - decay) * g": (
            "average begins at 0 and is only used through its square"
        ),
    },
    "rmsprop_l2": {
        "average = decay * average + (1 - decay) * g  →  average = decay * average - (1 - decay) * g": (
            "average begins at 0 and is only used through its square"
        ),
    },
    "soap": {
        f"stat[i] = shampoo_beta * stat[i] + (1 - shampoo_beta) * gram(g, i)  →  "
        f"stat[i] = shampoo_beta * stat[i] + (1 - {other}) * gram(g, i)": (
            "a factor common to all that a statistic is made of leaves its eigenbasis"
        )
        for other in ("beta1", "beta2")
    }
    | {
        "order = -sum(q[i] * power, axis=-2)  →  order = -mean(q[i] * power, axis=-2)": (
            "the means are the sums over one count, so their order is the same"
        ),
    },
}
