"""What `apply` is given beside gradients: its keywords, and how a step finds them."""

from __future__ import annotations

import textwrap

from .names import Names

BODY = " " * 8
PLAIN = "    @tf.autograph.experimental.do_not_convert"
"""A generated method that a `tf.function` calls by itself holds nothing to convert."""

HOLDER = """
class _Inputs:
    \"\"\"What the step that runs was given, in a plain object, which Keras does not track; `loss` is `fit`'s.\"\"\"

    def __init__(self):
        self.given = {}
        self.loss = None
"""

NUMBER = """
def _number(name, value):
    \"\"\"A number for the whole model.\"\"\"
    if tuple(ops.shape(value)) != ():
        raise ValueError(f"The input `{name}` is one number. Received an array of shape {tuple(ops.shape(value))}")
    return value
"""

ARRAYS = """
    def _matched(self, name, given, grads, variables):
        \"\"\"The input of every variable that has a gradient; None where the step goes without.\"\"\"
        if given is None:
            return None
        if len(given) != len(variables):
            raise ValueError(f"The input `{name}` has {len(given)} arrays for {len(variables)} variables")
        found = {}
        for a, gradient, variable in zip(given, grads, variables):
            if gradient is not None:
                shape = None if a is None else tuple(ops.shape(a))
                if shape != tuple(variable.shape):
                    was = "missing" if a is None else f"of shape {shape}"
                    path = getattr(variable, "path", variable.name)
                    raise ValueError(f"The input `{name}` of {path} is {was}, the variable has {tuple(variable.shape)}")
                found[self._var_key(variable)] = a
        return found

    def _input(self, name, variable, dtype):
        given = self._inputs.given[name]
        return None if given is None else ops.cast(given[self._var_key(variable)], dtype)
"""

FIT = """
    def scale_loss(self, loss):
        \"\"\"Scale the loss before gradients are computed; `fit` calls this, and the step then knows the loss.\"\"\"
        self._inputs.loss = loss
        return super().scale_loss(loss)
"""

GRADIENTS = """
    @tf.autograph.experimental.do_not_convert
    def apply_gradients(self, grads_and_vars{keywords}):
        grads, trainable_variables = zip(*grads_and_vars)
        self.apply(grads, trainable_variables{passed})
        return self.iterations
"""


def methods(names: Names) -> list[str]:
    """`apply` with the inputs as keywords, and what else there is because of them."""
    inputs = names.lowered.rule.inputs
    keywords = "".join(f", {names.local[i.name]}=None" for i in inputs)
    passed = "".join(f", {names.local[i.name]}={names.local[i.name]}" for i in inputs)
    from_fit = any(i.name == "loss" and i.scalar for i in inputs)
    lines = [PLAIN, f"    def apply(self, grads, trainable_variables=None, *{keywords}):", *document(names), ""]
    if from_fit:
        lines += [f"{BODY}loss = self._inputs.loss if loss is None else loss"]
    for i in inputs:
        if not i.optional:
            name = names.local[i.name]
            text = f"{names.lowered.spec.class_name} needs its input `{name}`: apply(grads, variables, {name}=...)"
            lines += [f"{BODY}if {name} is None:", f'{BODY}    raise TypeError("{text}")']
    lines += [
        f"{BODY}if self._distribution_strategy.num_replicas_in_sync > 1:",
        f'{BODY}    raise NotImplementedError("{names.lowered.rule.name} takes inputs: one replica only")',
        f"{BODY}if trainable_variables is not None:",
        f"{BODY}    trainable_variables = list(trainable_variables)",
    ]
    if any(not i.scalar for i in inputs):
        lines += [f"{BODY}variables = trainable_variables or (self._trainable_variables if self.built else [])"]
    lines += [f"{BODY}self._inputs.given = {{"]
    for i in inputs:
        name = names.local[i.name]
        number = f'_number("{name}", {name})' + (f" if {name} is not None else None" if i.optional else "")
        value = number if i.scalar else f'self._matched("{name}", {name}, grads, variables)'
        lines.append(f'{BODY}    "{i.name}": {value},')
    lines += [f"{BODY}}}", f"{BODY}try:", f"{BODY}    super().apply(grads, trainable_variables)", f"{BODY}finally:"]
    lines += [f"{BODY}    self._inputs.given = {{}}"] + ([f"{BODY}    self._inputs.loss = None"] if from_fit else [])
    parts = [GRADIENTS.replace("{keywords}", f", *{keywords}").replace("{passed}", passed)]
    parts += [FIT] if from_fit else []
    parts += [ARRAYS] if any(not i.scalar for i in inputs) else []
    return [*lines, *(line for part in parts for line in part.rstrip().split("\n"))]


def document(names: Names) -> list[str]:
    lines = ['"""Update the variables.', "", "Args:"]
    lines += [
        "    grads: A list of gradients.",
        "    trainable_variables: Their variables; may be left out once built.",
    ]
    for i in names.lowered.rule.inputs:
        kind = "A number" if i.scalar else f"The gradients at the view `{i.view}`" if i.view else "A list of tensors"
        more = ", like the variables" if not i.scalar else ""
        more += ", or None" if i.optional else ""
        more += "; `fit` gives the loss by itself" if i.name == "loss" and i.scalar else ""
        lines += textwrap.wrap(f"    {names.local[i.name]}: {kind}{more}.", 108, subsequent_indent="        ")
    return [BODY + line if line else "" for line in [*lines, '"""']]


__all__ = ["HOLDER", "NUMBER", "methods"]
