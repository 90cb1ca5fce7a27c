"""What stands in front of every kernel, as C: how elements are stored, and the functions that C does not have."""

from __future__ import annotations

TYPES = r"""
/* How parameters and gradients are stored: -DPARAM=FLOAT64 and the like. All arithmetic is in
   {name}_real. With -DMAXIMIZE a step goes up the gradient. */
#define FLOAT32 0
#define FLOAT64 1
#define FLOAT16 2
#define BFLOAT16 3
#ifndef PARAM
#define PARAM FLOAT32
#endif
#ifndef GRAD
#define GRAD PARAM
#endif

/* A number in half the bits of a float. */
typedef struct {
    uint16_t bits;
} {name}_half;

#if PARAM == FLOAT64
typedef double {name}_real;
#else
typedef float {name}_real;
#endif

#if PARAM == FLOAT16 || PARAM == BFLOAT16
typedef {name}_half {name}_param;
#else
typedef {name}_real {name}_param;
#endif

#if GRAD == FLOAT16 || GRAD == BFLOAT16
typedef {name}_half {name}_grad;
#elif GRAD == FLOAT64
typedef double {name}_grad;
#else
typedef float {name}_grad;
#endif
"""
"""The part that a header shows."""

BFLOAT16 = r"""
static inline float from_bfloat16({name}_half h) {
    const uint32_t wide = (uint32_t)h.bits << 16;
    float x;
    memcpy(&x, &wide, sizeof x);
    return x;
}

/* To the nearest, ties to even; a nan stays one. */
static inline {name}_half to_bfloat16(float x) {
    uint32_t wide;
    memcpy(&wide, &x, sizeof wide);
    const uint32_t nearest = (wide + 0x7FFFu + ((wide >> 16) & 1u)) >> 16;
    const {name}_half h = {(uint16_t)(x != x ? (wide >> 16) | 0x40u : nearest)};
    return h;
}
"""

FLOAT16 = r"""
static inline float from_float16({name}_half h) {
    const uint32_t magnitude = h.bits & 0x7FFFu;
    /* Below the least normal number, units of 2**-24; no float here is itself subnormal, which may count as 0. */
    const float low = (float)(int32_t)magnitude * 0x1p-24f;
    uint32_t wide;
    memcpy(&wide, &low, sizeof wide);
    const uint32_t normal = (magnitude << 13) + (magnitude < 0x7C00u ? 0x38000000u : 0x70000000u);
    wide = (magnitude < 0x0400u ? wide : normal) | (uint32_t)(h.bits & 0x8000u) << 16;
    float x;
    memcpy(&x, &wide, sizeof x);
    return x;
}

/* To the nearest, ties to even; what rounds beyond 65504 is inf, and a nan stays one. */
static inline {name}_half to_float16(float x) {
    uint32_t wide;
    memcpy(&wide, &x, sizeof wide);
    const uint32_t sign = (wide >> 16) & 0x8000u;
    wide &= 0x7FFFFFFFu;
    float small;
    memcpy(&small, &wide, sizeof small);
    small += 0.5f; /* whose last bit is worth 2**-24, as that of a subnormal half */
    uint32_t low;
    memcpy(&low, &small, sizeof low);
    low -= 0x3F000000u;
    const uint32_t normal = (wide - 0x38000000u + 0x0FFFu + ((wide >> 13) & 1u)) >> 13;
    const uint32_t finite = wide < 0x38800000u ? low : normal;
    const uint32_t bits = wide > 0x7F800000u ? 0x7E00u : wide >= 0x477FF000u ? 0x7C00u : finite;
    const {name}_half h = {(uint16_t)(sign | bits)};
    return h;
}
"""

LOADS = r"""
typedef {name}_real REAL;
#define R(x) ((REAL)(x))

#if PARAM == FLOAT16
#define LOAD_PARAM(x) from_float16(x)
#define STORE_PARAM(x) to_float16(x)
#elif PARAM == BFLOAT16
#define LOAD_PARAM(x) from_bfloat16(x)
#define STORE_PARAM(x) to_bfloat16(x)
#else
#define LOAD_PARAM(x) (x)
#define STORE_PARAM(x) (x)
#endif

#if GRAD == FLOAT16
#define WIDE_GRAD(x) from_float16(x)
#elif GRAD == BFLOAT16
#define WIDE_GRAD(x) from_bfloat16(x)
#else
#define WIDE_GRAD(x) R(x)
#endif
#ifdef MAXIMIZE
#define LOAD_GRAD(x) (-WIDE_GRAD(x))
#else
#define LOAD_GRAD(x) WIDE_GRAD(x)
#endif
"""

INDEPENDENT = """
/* No element is written that another one reads. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define INDEPENDENT _Pragma("GCC ivdep")
#else
#define INDEPENDENT
#endif
"""
VECTORS = ("exp", "expm1", "log", "log1p", "tanh", "pow")
"""Functions that glibc's libmvec has for vectors, exact to some ulp."""

_OF = {
    "square": ("x", "", "x * x", ""),
    "sign": ("x", "down = x < 0 ? -1 : x", "x > 0 ? 1 : down", "-1, 0 or 1; nan of nan."),
    "maximum": ("a, b", "most = a > b ? a : b", "a == a ? most : a", "The larger of two; nan if either is."),
    "minimum": ("a, b", "least = a < b ? a : b", "a == a ? least : a", "The smaller of two; nan if either is."),
}
"""Arguments, a first choice, the value, and what it is: choices one after the other are what a vector can do."""


def _function(name: str, type_: str, suffix: str) -> str:
    args, first, value, about = _OF[name]
    taken = ", ".join(f"{type_} {a}" for a in args.split(", "))
    comment = f"/* {about} */\n" if about else ""
    first = f"    const {type_} {first};\n" if first else ""
    return f"\n{comment}static inline {type_} {name}{suffix}({taken}) {{\n{first}    return {value};\n}}\n"


_KINDS = (("REAL", ""), ("double", "_d"))
FUNCTIONS = {
    **{f"{name}{suffix}": _function(name, type_, suffix) for name in _OF for type_, suffix in _KINDS},
    "modulo": """
/* The remainder with the sign of the divisor; nan where that is 0. */
static inline double modulo(double a, double b) {
    const double rest = fmod(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
""",
    "quotient": """
/* The integer below a / b, by way of the remainder, which is exact; nan where b is 0. */
static inline double quotient(double a, double b) {
    return b == 0 ? NAN : nearbyint((a - modulo(a, b)) / b);
}
""",
}  # fmt: skip
"""Functions by name, printed where a kernel calls them."""


def vectors(code: str) -> list[str]:
    """Declares the functions that the code calls to have vector variants, where it is compiled with -DLIBMVEC."""
    used = [f for f in VECTORS if f" {f}(" in code or f"({f}(" in code]
    lines = [
        "",
        "/* With -DLIBMVEC -lmvec, these of glibc's functions take many elements at once. */",
        "#ifdef LIBMVEC",
    ]
    for f in used:
        for kind, end in (("float", "f"), ("double", "")):
            args = ", ".join([kind] * (2 if f == "pow" else 1))
            lines.append(f'__attribute__((simd("notinbranch"))) {kind} {f}{end}({args});')
    return [*lines, "#endif"] if used else []


def called(name: str, text: str) -> str:
    """The text with the kernel's name in its place."""
    return text.replace("{name}", name)
