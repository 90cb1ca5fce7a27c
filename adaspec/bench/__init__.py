"""How fast a step is, beside what the machine can do: the measurements of `adaspec bench` and of `make bench`.

A *contest* is one rule on one list of shapes in one framework at one number of threads. Its *contenders* take turns in
one process: ours, the naive NumPy expressions of the rule, the framework's own optimizers, and the *limit*, a C loop
that streams as many arrays through memory as the step has to.
"""
