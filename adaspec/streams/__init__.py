"""A body as walks over the blocks of a parameter: what NumPy's classes and the C kernels are printed from.

In the order data passes through: `timeline` finds when each scalar is computed; `branches` answers static tests;
`units` and `builder` make units of the statements, `schedule` orders them into passes of whole values and one walk
each, for which `values` finds names; `walk` is one of them as statements. Nothing here prints.
"""
