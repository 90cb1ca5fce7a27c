"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def f0(a: Array):
    return a


def f1(a: Array):
    return f0(a) + f0(a)


def f2(a: Array):
    return f1(a) + f1(a)


def f3(a: Array):
    return f2(a) + f2(a)


def f4(a: Array):
    return f3(a) + f3(a)


def f5(a: Array):
    return f4(a) + f4(a)


def f6(a: Array):
    return f5(a) + f5(a)


def f7(a: Array):
    return f6(a) + f6(a)


def f8(a: Array):
    return f7(a) + f7(a)


def f9(a: Array):
    return f8(a) + f8(a)


def f10(a: Array):
    return f9(a) + f9(a)


def f11(a: Array):
    return f10(a) + f10(a)


def f12(a: Array):
    return f11(a) + f11(a)


def f13(a: Array):
    return f12(a) + f12(a)


def f14(a: Array):
    return f13(a) + f13(a)


def f15(a: Array):
    return f14(a) + f14(a)


def f16(a: Array):
    return f15(a) + f15(a)


def f17(a: Array):
    return f16(a) + f16(a)


def f18(a: Array):
    return f17(a) + f17(a)


def f19(a: Array):
    return f18(a) + f18(a)


def f20(a: Array):
    return f19(a) + f19(a)


def f21(a: Array):
    return f20(a) + f20(a)


def f22(a: Array):
    return f21(a) + f21(a)


def f23(a: Array):
    return f22(a) + f22(a)


def f24(a: Array):
    return f23(a) + f23(a)


def f25(a: Array):
    return f24(a) + f24(a)


def f26(a: Array):
    return f25(a) + f25(a)


def f27(a: Array):
    return f26(a) + f26(a)


def f28(a: Array):
    return f27(a) + f27(a)


def f29(a: Array):
    return f28(a) + f28(a)


def f30(a: Array):
    return f29(a) + f29(a)


def f31(a: Array):
    return f30(a) + f30(a)


def f32(a: Array):
    return f31(a) + f31(a)


def f33(a: Array):
    return f32(a) + f32(a)


def f34(a: Array):
    return f33(a) + f33(a)


def f35(a: Array):
    return f34(a) + f34(a)


def f36(a: Array):
    return f35(a) + f35(a)


def f37(a: Array):
    return f36(a) + f36(a)


def f38(a: Array):
    return f37(a) + f37(a)


def f39(a: Array):
    return f38(a) + f38(a)


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    x = x - lr * f39(g)
    return x, m
