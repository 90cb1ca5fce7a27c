"""Bad: one mistake. Nobody, 2026."""

from adaspec.lang import *


def f0(a: Array):
    return a


def f1(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f0(a)))


def f2(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f1(a)))


def f3(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f2(a)))


def f4(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f3(a)))


def f5(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f4(a)))


def f6(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f5(a)))


def f7(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f6(a)))


def f8(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f7(a)))


def f9(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f8(a)))


def f10(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f9(a)))


def f11(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f10(a)))


def f12(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f11(a)))


def f13(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f12(a)))


def f14(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f13(a)))


def f15(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f14(a)))


def f16(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f15(a)))


def f17(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f16(a)))


def f18(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f17(a)))


def f19(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f18(a)))


def f20(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f19(a)))


def f21(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f20(a)))


def f22(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f21(a)))


def f23(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f22(a)))


def f24(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f23(a)))


def f25(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f24(a)))


def f26(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f25(a)))


def f27(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f26(a)))


def f28(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f27(a)))


def f29(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f28(a)))


def f30(a: Array):
    return 1 + 1 / (2 + 1 / (3 + f29(a)))


def bad(x: Param, g: Grad, t: Step, m: Slot = zeros, *, lr: Rate = 1e-3, beta: Decay = 0.9):
    x = x - lr * f30(g)
    return x, m
