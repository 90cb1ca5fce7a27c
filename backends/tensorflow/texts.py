"""Text that every generated module has word for word, or leaves out."""

from __future__ import annotations

BASE_DEFAULTS = {"use_ema": "False", "ema_momentum": "0.99"}

HELPERS: dict[str, str] = {
    "_compute_dtype": '''
def _compute_dtype(dtype):
    """Where the arithmetic runs and the slots live: float64 stays, everything narrower becomes float32."""
    dtype = keras.backend.standardize_dtype(dtype)
    if not keras.backend.is_float_dtype(dtype):
        raise TypeError(f"Variables must be real floating point. Received: dtype={dtype}")
    return "float64" if dtype == "float64" else "float32"
''',
    "_lerp": '''
def _lerp(old, new, weight):
    """The mean of two arrays that gives the new one this weight."""
    return old + weight * (new - old)
''',
    "_total": '''
def _total(parts):
    """The sum over the model, in float64."""
    return sum(ops.cast(part, "float64") for part in parts)
''',
    "_copy_of": '''
def _copy_of(variable):
    """An initializer: the value that `variable` has when the slot is made, in storage of its own."""

    def initializer(shape, dtype):
        with tf.init_scope():  # a read at creation, not an op of the tf.function being traced
            return ops.copy(ops.cast(variable, dtype))

    return initializer
''',
    "_full_of": '''
def _full_of(value):
    """An initializer: Keras's own `Constant` rounds the number to float32."""
    return lambda shape, dtype: ops.full(shape, value, dtype)
''',
    "_rate_of": '''
def _rate_of(optimizer):
    """An initializer: the learning rate when the slot is made, a schedule's before the first update."""

    def initializer(shape, dtype):
        with tf.init_scope():  # a read at creation, not an op of the tf.function being traced
            return ops.full(shape, ops.convert_to_tensor(optimizer.learning_rate, dtype), dtype)

    return initializer
''',
    "_described": """
def _described(variable):
    return f" (parameter '{getattr(variable, 'path', variable.name)}' has shape {tuple(variable.shape)})"
""",
}
"""Functions of the module, printed where they are called."""

SLOT = """
    def _add_slot(self, variable, name, shape, initializer="zeros"):
        path = getattr(variable, "path", variable.name).replace("/", "_").replace(":", "_")
        return self.add_variable(shape, initializer, _compute_dtype(variable.dtype), name=f"{path}_{name}")
"""

VIEWS = '''
    def swap_view(self, name="FIRST"):
        """Exchange the variables with their view `name`; the same call again puts the training values back.

        The training values wait bit for bit in slots of their own, and are saved with the optimizer. If training goes
        on while the view is in, the next step puts them back first (its gradient was taken at the view). `model.fit`
        leaves the view "eval" in the variables.
        """
        views = {KNOWN}
        if name not in views:
            raise ValueError(f"No view {name!r}; known here: {', '.join(views)}")
        if not self.built:
            raise ValueError("The optimizer knows no variables yet; call `build` or train first.")
        shown = int(self._shown)
        if shown and list(views)[shown - 1] != name:
            raise ValueError(f"The view {list(views)[shown - 1]!r} is in the variables; swap it out first.")
        if shown:
            self._put_back()
            return
        for variable, held in zip(self._trainable_variables, self._held):
            if 0 not in variable.shape:
                new = views[name](variable)
                self.assign(held, variable)
                self.assign(variable, new)
        self.assign(self._shown, list(views).index(name) + 1)

    def _put_back(self):
        for variable, held in zip(self._trainable_variables, self._held):
            self.assign(variable, held)
        self.assign(self._shown, 0)
'''

FINALIZE = '''
    def finalize_variable_values(self, var_list):
        """Leave the view "eval" in the variables, or Keras's own moving average where that was asked for."""
        super().finalize_variable_values(var_list)
        if self.built and not self.use_ema and not int(self._shown):
            self.swap_view("eval")
'''
