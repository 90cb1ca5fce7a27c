"""The mutants that no trial can tell from their rule, each with the reason: by spec, then by what was changed."""

LANGEVIN = "y / (3 + y**2 / (5 + y**2 / (7 + y**2 / (9 + y**2 / (11 + y**2 / {})))))"
LANGEVIN_TAILS = [
    "(13 - y**2 / (15 + y**2 / 17))", "13", "(13 + y / (15 + y**2 / 17))", "(13 + y**3 / (15 + y**2 / 17))",
    "(13 + y**1 / (15 + y**2 / 17))", "(13 + y**2 / (15 - y**2 / 17))", "(13 + y**2 / 15)",
    "(13 + y**2 / (16 + y**2 / 17))", "(13 + y**2 / (14 + y**2 / 17))", "(13 + y**2 / (15 + y**2 * 17))",
    "(13 + y**2 / (15 + y**2))", "(13 + y**2 / (15 + y / 17))", "(13 + y**2 / (15 + y**3 / 17))",
    "(13 + y**2 / (15 + y**1 / 17))", "(13 + y**2 / (15 + y**2 / 18))", "(13 + y**2 / (15 + y**2 / 16))",
]  # fmt: skip


def rectified(y: str, *tails: str) -> dict[str, str]:
    """What all rules that rectify share: two ways to rho, of which `y` chooses; `tails` that a trial cannot see too."""
    near, far = f"t - t * langevin({y}) + langevin({y} / t)", "most - 2 * t * beta2**t / (1 - beta2**t)"
    right = f"rho = where({y} < 1, {near}, {far})"
    known = {
        f"{right}  →  rho = {wrong}": "both ways are right in float64; in float32 each has its range"
        for wrong in (near, far, f"where({y} >= 1, {near}, {far})", f"where({y} < 2, {near}, {far})")
    }
    known |= {
        f"langevin: return {LANGEVIN.format('(13 + y**2 / (15 + y**2 / 17))')}  →  return {LANGEVIN.format(wrong)}": (
            "the tail of the fraction is there for digits beyond the trials' tolerance"
        )
        for wrong in (*LANGEVIN_TAILS, *tails)
    }
    known[f"{y} = -t * log(beta2) / 2  →  {y} = -t / log(beta2) / 2"] = (
        "it is then beyond 1 from the first step on, where the other way to rho is as right in float64"
    )
    return known


def decayed(x: str) -> dict[str, str]:
    """What AdamC and its clamped form share: a rate that may be nothing at first."""
    return {
        f"x = {x.format('where(max_lr > 0, lr**2 / max_lr, 0.0)')}  →  x = {x.format(wrong)}": (
            "only a first rate of 0 tells them apart, and there the original divides by 0 and has no answer"
        )
        for wrong in ("lr**2 / max_lr", "where(max_lr > 0, lr**2 / max_lr, 1.0)")
    }


DUE = {
    "due = 1 / clip(most * exp(minimum(fall * (flat + 1 - t), 0)), least, most)  →  "
    "due = 1 / clip(most * exp(minimum(fall * (flat + 1 - t), 1)), least, most)": (
        "what exceeds `most` is clipped to it: the minimum only keeps exp in range"
    ),
}
TALL = {
    "orthogonalize: tall = a.shape[0] > a.shape[1]  →  tall = a.shape[0] <= a.shape[1]": (
        "the iteration commutes with transposition: the orientation is a matter of cost"
    ),
}
RISE = "where({}, n**power * expm1(power * log1p(g**2 / n)), {})"
DIFFERENCE, SUM = "(n + g**2)**power - n**power", "(n + g**2)**power + n**power"

EQUIVALENT: dict[str, dict[str, str]] = {
    "orthograd": {
        "o = g - sum(x * g) / (sum(x**2) + 1e-30) * x  →  o = g - sum(x * g) / (sum(x**2) - 1e-30) * x": (
            "beside a sum of squares 1e-30 counts only where it is 0, and there x is 0 too"
        ),
        "o = g - sum(x * g) / (sum(x**2) + 1e-30) * x  →  "
        "o = g - sum(x * g) / (sum(x**2) + 1.5000000000000001e-30) * x": (
            "beside a sum of squares 1e-30 counts only where it is 0, and there x is 0 too"
        ),
        "o = where(norm(o) <= parallel * norm(g), 0.0, o * (norm(g) / norm(o)))  →  "
        "o = where(rms(o) <= parallel * norm(g), 0.0, o * (norm(g) / norm(o)))": "the threshold tells rounding from a "
        "direction: orders of magnitude lie between them",
        "o = where(norm(o) <= parallel * norm(g), 0.0, o * (norm(g) / norm(o)))  →  "
        "o = where(norm(o) <= parallel * rms(g), 0.0, o * (norm(g) / norm(o)))": "the threshold tells rounding from a "
        "direction: orders of magnitude lie between them",
    },
    "adafactor": {
        "row = beta * row + (1 - beta) * mean(g2, axis=-1)  →  row = beta * row - (1 - beta) * mean(g2, axis=-1)": (
            "row is only used divided by its own mean, which changes its sign with it; beta is 0 in the first step"
        ),
        "row = beta * row + (1 - beta) * mean(g2, axis=-1)  →  row = beta * row + (1 - beta) * sum(g2, axis=-1)": (
            "row is only used divided by its own mean: a factor common to all rows cancels"
        ),
    },
    "adafactor_big_vision": {
        "row = beta * row + (1 - beta) * mean(g2, axis=-1)  →  row = beta * row - (1 - beta) * mean(g2, axis=-1)": (
            "row is only used divided by its own mean, which changes its sign with it; beta is 0 in the first step"
        ),
        "row = beta * row + (1 - beta) * mean(g2, axis=-1)  →  row = beta * row + (1 - beta) * sum(g2, axis=-1)": (
            "row is only used divided by its own mean: a factor common to all rows cancels"
        ),
    },
    "adafactor_keras": {
        "row = beta * row + (1 - beta) * mean(g2, axis=-1)  →  row = beta * row - (1 - beta) * mean(g2, axis=-1)": (
            "row is only used divided by its own mean, which changes its sign with it; beta is 0 in the first step"
        ),
        "row = beta * row + (1 - beta) * mean(g2, axis=-1)  →  row = beta * row + (1 - beta) * sum(g2, axis=-1)": (
            "row is only used divided by its own mean: a factor common to all rows cancels"
        ),
    },
    "adafactor_optax": {
        "row = beta * row + (1 - beta) * mean(g2, axis=-1)  →  row = beta * row - (1 - beta) * mean(g2, axis=-1)": (
            "row begins at 0 and is only used divided by its own mean, which changes its sign with it"
        ),
        "row = beta * row + (1 - beta) * mean(g2, axis=-1)  →  row = beta * row + (1 - beta) * sum(g2, axis=-1)": (
            "row is only used divided by its own mean: a factor common to all rows cancels"
        ),
    },
    "adafactor_t5": {
        "row = beta2 * row + (1 - beta2) * mean(g2, axis=-1)  →  row = beta2 * row - (1 - beta2) * mean(g2, axis=-1)": (
            "row is only used divided by its own mean, which changes its sign with it; beta2 is 0 in the first step"
        ),
        "row = beta2 * row + (1 - beta2) * mean(g2, axis=-1)  →  row = beta2 * row + (1 - beta2) * sum(g2, axis=-1)": (
            "row is only used divided by its own mean: a factor common to all rows cancels"
        ),
    }
    | {
        f"rate = minimum(1e-06 * t if warmup_init else lr, 1 / sqrt(t)) if relative_step else lr  →  "
        f"rate = minimum(1e-06 * t if warmup_init else lr, {wrong}) if relative_step else lr": (
            "the originals' rate is 1e-2 in the first 10,000 relative steps, whatever the root of t is"
        )
        for wrong in ("1 * sqrt(t)", "1", "2 / sqrt(t)", "1 / t", "1 / sqrt(t + 1)", "1 / sqrt(t - 1)")
    },
    "ademamix": {
        "young = 0 if warmup is None else maximum(warmup - t, 0) / warmup  →  "
        "young = 1 if warmup is None else maximum(warmup - t, 0) / warmup": "it is only read where there is a warm-up",
    },
    "adamc": decayed("(1 - {} * weight_decay) * x"),
    "adamc_clamped": decayed("(1 - {} * weight_decay) * x - lr * u"),
    "adanorm": {
        "s = where((norm(g) > 0) & (size > norm(g)), size / norm(g), 1) * g  →  "
        "s = where((rms(g) > 0) & (size > norm(g)), size / norm(g), 1) * g": (
            "the root mean square is positive where the norm is"
        ),
    },
    "adasmooth": {
        "way = way + (x - before)  →  way = way - (x - before)": (
            "way begins at 0 and is only used through its absolute value"
        ),
    },
    "came": {
        f"{row} = {b} * {row} + (1 - {b}) * mean({what}, axis=-1)  →  {row} = {b} * {row} {wrong}": (
            "the rows are only used divided by their own mean: a factor common to all of them, and all steps, cancels"
        )
        for row, b, what, others in (("row", "beta2", "g2", "13"), ("row_doubt", "beta3", "doubt", "12"))
        for wrong in (
            f"- (1 - {b}) * mean({what}, axis=-1)",
            f"+ (1 + {b}) * mean({what}, axis=-1)",
            f"+ 1 * mean({what}, axis=-1)",
            f"+ -{b} * mean({what}, axis=-1)",
            f"+ (2 - {b}) * mean({what}, axis=-1)",
            f"+ (1 - {b}) * sum({what}, axis=-1)",
            *(f"+ (1 - beta{n}) * mean({what}, axis=-1)" for n in others),
        )
    },
    **dict.fromkeys(("adamuon", "muon_keras", "muon_optax", "normuon", "scion", "scion_tuned"), TALL),
    "cautious_adamw": {
        "agrees = where(u * g > 0, 1.0, 0.0)  →  agrees = where(u * g > 0, 1.5, 0.0)": (
            "a factor of what agrees cancels against its mean, but where one in a thousand elements or fewer agree"
        ),
    },
    "dadapt_adam": {
        f"s = b * s + (1 - b) * step * g  →  s = b * s + {wrong} * step * g": (
            "the scale of s cancels in r / way, which is all that reads it"
        )
        for wrong in ("(1 + b)", "1", "(2 - b)")
    },
    "dadapt_adan": {
        "s = beta3 * s + (1 - beta3) * step * g  →  s = beta3 * s - (1 - beta3) * step * g": (
            "s begins at 0 and is only used through its square and its absolute value"
        ),
    },
    "dadapt_lion": {
        f"s = b * s + (1 - b) * step * u  →  s = b * s + {factor} * step * u": (
            "s is only used in the ratio of r, linear in it, to its absolute values: a constant factor cancels"
        )
        for factor in ("(1 + b)", "1", "(2 - b)")
    },
    "fadam": {
        "small = where((rms(g) > 0) & (eps2 * rms(g) < eps), eps2 * rms(g), eps)  →  "
        "small = where((norm(g) > 0) & (eps2 * rms(g) < eps), eps2 * rms(g), eps)": (
            "the root mean square is positive where the norm is"
        ),
    },
    "lamb": {
        f"trust = where((norm(x) > 0) & (norm(u) > 0), norm(x) / norm(u), 1.0)  →  "
        f"trust = where(({a}(x) > 0) & ({b}(u) > 0), norm(x) / norm(u), 1.0)": (
            "the root mean square is positive where the norm is"
        )
        for a, b in (("rms", "norm"), ("norm", "rms"))
    },
    "lamb_clip": {
        **dict.fromkeys(
            [
                (
                    "trust = where((norm(x) > 0) & (norm(u) > 0), norm(x) / norm(u), 1.0)  →  "
                    "trust = where((rms(x) > 0) & (norm(u) > 0), norm(x) / norm(u), 1.0)"
                ),
                (
                    "trust = where((norm(x) > 0) & (norm(u) > 0), norm(x) / norm(u), 1.0)  →  "
                    "trust = where((norm(x) > 0) & (rms(u) > 0), norm(x) / norm(u), 1.0)"
                ),
            ],
            "the root mean square is positive where the norm is",
        ),
    },
    "lamb_decoupled": {
        **dict.fromkeys(
            [
                (
                    "trust = where((norm(x) > 0) & (norm(u) > 0), norm(x) / norm(u), 1.0)  →  "
                    "trust = where((rms(x) > 0) & (norm(u) > 0), norm(x) / norm(u), 1.0)"
                ),
                (
                    "trust = where((norm(x) > 0) & (norm(u) > 0), norm(x) / norm(u), 1.0)  →  "
                    "trust = where((norm(x) > 0) & (rms(u) > 0), norm(x) / norm(u), 1.0)"
                ),
            ],
            "the root mean square is positive where the norm is",
        ),
    },
    "laprop": {
        "x = x - where(lr_mean > 0, lr / lr_mean, 1) * m  →  x = x - where(lr_mean > 0, lr / lr_mean, 2) * m": (
            "lr_mean is 0 only while every rate was 0, and then m is 0 too"
        ),
        "g_mean = beta2 * g_mean + (1 - beta2) * g  →  g_mean = beta2 * g_mean - (1 - beta2) * g": (
            "g_mean begins at 0 and is only used through its square"
        ),
    },
    "lars": {
        "trust = where((norm(x) > 0) & (size > 0), trust, 1.0)  →  "
        "trust = where((rms(x) > 0) & (size > 0), trust, 1.0)": ("the root mean square is positive where the norm is"),
    },
    "lars_momentum": {
        **dict.fromkeys(
            [
                ("seen = size > 0 if zero_too else norm(g) > 0  →  seen = size > 0 if zero_too else rms(g) > 0"),
                (
                    "trust = where((norm(x) > 0) & seen, trust_coefficient * norm(x) / size, 1.0)  →  "
                    "trust = where((rms(x) > 0) & seen, trust_coefficient * norm(x) / size, 1.0)"
                ),
            ],
            "the root mean square is positive where the norm is",
        ),
    },
    "msvag": {
        "x = x - lr * where(q > 0, m**2 / q, 0) * m  →  x = x - lr * where(q > 0, m**2 / q, 1) * m": (
            "q is 0 only where m is 0, and there whatever multiplies m is lost"
        ),
    },
    "muon": TALL,
    "prodigy": {
        "growth = maximum(growth, where(size > 0, r / size / d0, 0.0))  →  "
        "growth = maximum(growth, where(size > 0, r / size / d0, 1.0))": (
            "growth begins at 1 and never falls below it"
        ),
        "s = beta3 * s + growth * step * g  →  s = beta3 * s - growth * step * g": (
            "s begins at 0 and is only used through its absolute values"
        ),
    },
    "prodigyopt": {
        "s = b3 * s + d / d0 * (d if safeguard_warmup else step) * g  →  "
        "s = b3 * s - d / d0 * (d if safeguard_warmup else step) * g": (
            "s begins at 0 and is only used through its absolute values"
        ),
    },
    "psgd_diag": DUE
    | {
        "d[i] = d[i] - rate * (c - e) * d[i] / (max(c + e) + 1.2e-38)  →  "
        "d[i] = d[i] - rate * (c - e) * d[i] / (max(c + e) - 1.2e-38)": (
            "the smallest number of float32 only keeps zeros from dividing: nothing else is moved by it"
        ),
        "d[i] = d[i] - rate * (c - e) * d[i] / (max(c + e) + 1.2e-38)  →  "
        "d[i] = d[i] - rate * (c - e) * d[i] / max(c + e)": (
            "the smallest number of float32 only keeps zeros from dividing: nothing else is moved by it"
        ),
        "d[i] = d[i] - rate * (c - e) * d[i] / (max(c + e) + 1.2e-38)  →  "
        "d[i] = d[i] - rate * (c - e) * d[i] / (max(c + e) + 1.8e-38)": (
            "the smallest number of float32 only keeps zeros from dividing: nothing else is moved by it"
        ),
    },
    "psgd_kron": DUE
    | {
        "q[i] = q[i] - rate * triu(c - 2 * gram(b, i)) / (spectral(c) + 1.2e-38) @ q[i]  →  "
        "q[i] = q[i] - rate * triu(c - 2 * gram(b, i)) / (spectral(c) - 1.2e-38) @ q[i]": (
            "the smallest number of float32 only keeps zeros from dividing: nothing else is moved by it"
        ),
        "q[i] = q[i] - rate * triu(c - 2 * gram(b, i)) / (spectral(c) + 1.2e-38) @ q[i]  →  "
        "q[i] = q[i] - rate * triu(c - 2 * gram(b, i)) / spectral(c) @ q[i]": (
            "the smallest number of float32 only keeps zeros from dividing: nothing else is moved by it"
        ),
        "q[i] = q[i] - rate * triu(c - 2 * gram(b, i)) / (spectral(c) + 1.2e-38) @ q[i]  →  "
        "q[i] = q[i] - rate * triu(c - 2 * gram(b, i)) / (spectral(c) + 1.8e-38) @ q[i]": (
            "the smallest number of float32 only keeps zeros from dividing: nothing else is moved by it"
        ),
        "spectral: k = max(abs(s)) + 1.2e-38  →  k = max(abs(s)) - 1.2e-38": (
            "the smallest number of float32 only keeps zeros from dividing: nothing else is moved by it"
        ),
        "spectral: k = max(abs(s)) + 1.2e-38  →  k = max(abs(s))": (
            "the smallest number of float32 only keeps zeros from dividing: nothing else is moved by it"
        ),
        "spectral: k = max(abs(s)) + 1.2e-38  →  k = 1.2e-38": (
            "k only keeps powers in range: its factor is given back, and the largest element is on the diagonal"
        ),
        "spectral: k = max(abs(s)) + 1.2e-38  →  k = max(s) + 1.2e-38": (
            "k only keeps powers in range: its factor is given back, and the largest element is on the diagonal"
        ),
        "spectral: k = max(abs(s)) + 1.2e-38  →  k = max(abs(s)) + 1.8e-38": (
            "the smallest number of float32 only keeps zeros from dividing: nothing else is moved by it"
        ),
        "spectral: c = sum(s**2, axis=-1)  →  c = mean(s**2, axis=-1)": (
            "the means are the sums over one count, so the largest is the same"
        ),
        "spectral: y = s @ (s @ where(c == max(c), 1.0, 0.0)[..., None])  →  "
        "y = s @ (s @ where(c == max(c), 1.5, 0.0)[..., None])": (
            "what is picked is only used divided by its own norm"
        ),
        "spectral: return k * norm(s @ (y / maximum(norm(y), 1.2e-38)))  →  "
        "return k * norm(s @ (y / maximum(norm(y), 1.8e-38)))": (
            "the smallest number of float32 only keeps zeros from dividing: nothing else is moved by it"
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
    "radam": rectified("y")
    | {
        f"long = maximum(rho, 4)  →  long = maximum(rho, {n})": "below the threshold of 5 no rho is used"
        for n in (3, 5)
    },
    "radam_nesterov": rectified("y")
    | {
        "long = maximum(rho, 4)  →  long = maximum(rho, 3)": (
            "where a rho below 4 is used, optax takes the root of a negative number: no trial goes there"
        ),
    },
    "ranger": rectified("y")
    | {"long = maximum(rho, 4)  →  long = maximum(rho, 3)": "where rho is at most 4, nothing is rectified"},
    "sam": {
        "perturbed: n = sqrt(total(sum((abs(x) * g if adaptive else g)**2)))  →  "
        "n = sqrt(total(sum((x * g if adaptive else g)**2)))": ("the product is squared, so its sign does not count"),
    },
    "schedule_free": {
        "c = where(weight > 0, lr**2 / weight, 0.0)  →  c = where(weight > 0, lr**2 / weight, 1.0)": (
            "while every rate was 0, z and y are where both began, and no part of nothing moves y"
        ),
    },
    "schedule_free_adamw": {
        "c = where(weights > 0, weight / weights, 0)  →  c = where(weights > 0, weight / weights, 1)": (
            "while every rate was 0, z and y are where both began, and no part of nothing moves y"
        ),
    },
    "schedule_free_clamped": {
        "c = where(weights > 0, weight / weights, 0)  →  c = where(weights > 0, weight / weights, 1)": (
            "while every rate was 0, z and y are where both began, and no part of nothing moves y"
        ),
    },
    "schedule_free_of": {
        "c = where(weight > 0, top**power / weight, 0.0)  →  c = where(weight > 0, top**power / weight, 1.0)": (
            "while every rate was 0, z and y are where both began, and no part of nothing moves y"
        ),
    },
    "schedule_free_radam": rectified("half", "(13 + y**2)")  # within 1e-11
    | {
        "long = maximum(rho, 4)  →  long = maximum(rho, 3)": "where rho is at most 4, nothing is rectified",
        "c = where(weights > 0, weight / weights, 0)  →  c = where(weights > 0, weight / weights, 1)": (
            "while every rate was 0, z and y are where both began, and no part of nothing moves y"
        ),
    },
    "ftrl": {
        f"rise = {RISE.format('n > 0', DIFFERENCE)}  →  rise = {wrong}": (
            "the same number, but for digits that no trial has gradients small enough to show"
        )
        for wrong in (DIFFERENCE, RISE.format("n > 1", DIFFERENCE))
    }
    | {
        f"rise = {RISE.format('n > 0', DIFFERENCE)}  →  rise = {RISE.format('n > 0', wrong)}": (
            "where n is 0, so is its power, for every power that the trials give"
        )
        for wrong in (SUM, "(n + g**2)**power", "(g**2)**power - n**power", "(n + g**2)**power - n")
    },
    "schedule_free_sgd": {
        "c = where(weights > 0, weight / weights, 0)  →  c = where(weights > 0, weight / weights, 1)": (
            "while every rate was 0, z and y are where both began, and no part of nothing moves y"
        ),
    },
    "signum": {
        f"m = mu * m + (1 - mu) * g  →  m = mu * m + {weight} * g": "only the sign of m is used: its scale is free"
        for weight in ("(1 + mu)", "1", "(2 - mu)")
    },
    "tiger": {
        f"m = beta * m + (1 - beta) * g  →  m = beta * m + {weight} * g": (
            "m begins at 0 and only its sign counts: a factor that all gradients share is free"
        )
        for weight in ("(1 + beta)", "1", "(2 - beta)")
    },
    "grams": {
        "m = beta1 * m + (1 - beta1) * g  →  m = beta1 * m - (1 - beta1) * g": (
            "m begins at 0 and is only used through its absolute value"
        ),
    },
}
