"""Kernels: a rule's C, compiled by the system's compiler when it is first used, and kept on disk.

`compiler` makes and keeps shared objects; `kernel` binds one and calls it, on several threads where that helps; `fused`
finds the kernel for a rule, its settings and the dtypes of its arrays. `arrays` is what NumPy's classes call, with
`guard`, which knows the arrays of the last step again; `tensors` what torch's do, with the `plan` of a step. Where no
kernel can be had, there is one warning, and the array operations run as without.
"""
