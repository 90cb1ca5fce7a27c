"""Text that every generated module has word for word, or leaves out."""

from __future__ import annotations

BASE_DEFAULTS = {"use_ema": "False", "ema_momentum": "0.99"}

HELPERS: dict[str, str] = {
    "_also_named": '''
def _also_named(**names):
    """Let `__init__` take other names of its arguments as keywords; of an unknown one it says which may be meant."""

    def decorate(init):
        known = list(inspect.signature(init).parameters)[1:]

        @functools.wraps(init)
        def renamed(self, /, *args, **given):
            who = type(self).__name__
            for name in [name for name in given if name not in known]:
                if name not in names:
                    near = difflib.get_close_matches(name, [*known, *names], 1)
                    hint = f"did you mean '{names.get(near[0], near[0])}'?" if near else f"it takes {', '.join(known)}"
                    raise TypeError(f"{who}() got an unexpected keyword argument '{name}': {hint}")
                if names[name] in given or names[name] in known[: len(args)]:
                    raise TypeError(f"{who}() got '{name}' and '{names[name]}', which are one argument: give one")
                given[names[name]] = given.pop(name)
            init(self, *args, **given)

        return renamed

    return decorate
''',
    "_compute_dtype": '''
def _compute_dtype(variable):
    """Where the arithmetic runs and the slots live: float64 stays, everything narrower becomes float32."""
    dtype = keras.backend.standardize_dtype(variable.dtype)
    if not keras.backend.is_float_dtype(dtype):
        path = getattr(variable, "path", variable.name)
        raise TypeError(f"Variables must be real floating point. Received: `{path}` of dtype={dtype}")
    return "float64" if dtype == "float64" else "float32"
''',
    "_branch": '''
def _branch(test, then, otherwise, *given):
    """What one of the two sides makes of what it is given; the other does not run, in a graph neither."""

    def values(side):
        return tuple(None if value is None else ops.convert_to_tensor(value) for value in side(*given))

    return ops.cond(test, lambda: values(then), lambda: values(otherwise))
''',
    "_remainder": '''
def _remainder(a, b):
    """a % b, with the sign of b; nan where b is 0."""
    return a % b if ops.is_tensor(b) or b != 0 else math.nan
''',
    "_quotient": '''
def _quotient(a, b):
    """The integer below a / b; nan where b is 0."""
    if ops.is_tensor(b):
        return ops.where(b == 0, math.nan, a // b)
    return a // b if b != 0 else math.nan
''',
    "_lerp": '''
def _lerp(old, new, weight):
    """The mean of two arrays that gives the new one this weight."""
    return old + weight * (new - old)
''',
    "_qr": '''
def _qr(a):
    """Q and R of a square matrix, the diagonal of R nonnegative: each library has signs of its own."""
    q, r = ops.qr(a)
    sign = ops.cast(ops.where(ops.diagonal(r, axis1=-2, axis2=-1) < 0, -1, 1), r.dtype)
    return q * sign[..., None, :], r * sign[..., :, None]
''',
    "_svd": '''
def _svd(a, rank):
    """The largest singular values, at most `rank`, between their vectors: columns in front, rows behind.

    The largest element of each column is positive: each library has signs of its own.
    """
    u, s, v = ops.svd(a, full_matrices=False)
    sign = ops.cast(ops.where(ops.max(u, axis=-2) < -ops.min(u, axis=-2), -1, 1), u.dtype)
    u, v = u * sign[..., None, :], v * sign[..., :, None]
    return u[..., :rank], s[..., :rank], v[..., :rank, :]
''',
    "_cut_to": '''
def _cut_to(rank, shape, axis):
    """The shape with an axis no longer than the rank, nor than a matrix of this shape has it."""
    return tuple(min(rank, *shape[-2:]) if i == len(shape) + axis else n for i, n in enumerate(shape))
''',
    "_take": '''
def _take(a, order, axis):
    """The items along an axis in this order; a vector orders the rows or the columns of a matrix."""
    if len(order.shape) < len(a.shape):
        order = order[..., None, :] if axis == -1 else order[..., :, None]
    return ops.take_along_axis(a, order, axis)
''',
    "_eye": '''
def _eye(a):
    """The identity, as large as a."""
    return ops.broadcast_to(ops.eye(a.shape[-1], dtype=a.dtype), a.shape)
''',
    "_unfold": '''
def _unfold(a, axis):
    """A matrix with a row for each item along this axis."""
    order = sorted(range(len(a.shape)), key=lambda i: i != axis % len(a.shape))  # moveaxis takes no variable
    return ops.reshape(ops.transpose(a, order), (a.shape[axis], math.prod(a.shape) // a.shape[axis]))
''',
    "_fold": '''
def _fold(rows, shape, axis):
    """A tensor of this shape from the matrix that `_unfold` makes of it."""
    axis %= len(shape)
    return ops.moveaxis(ops.reshape(rows, (shape[axis], *shape[:axis], *shape[axis + 1 :])), 0, axis)
''',
    "_spread": '''
def _spread(a, shape, axis):
    """A vector along this axis, broadcast over the others of the shape."""
    return ops.reshape(a, [n if i == axis % len(shape) else 1 for i, n in enumerate(shape)])
''',
    "_total": '''
def _total(parts):
    """The sum over the model, in float64."""
    return sum(ops.cast(part, "float64") for part in parts)
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
    "_words": '''
def _words(noise, draw):
    """Two words of Threefry-2x32 for each element: key (seed, t), counter (element, 256 * variable + draw)."""
    seed, t, place, shape, _ = noise
    keys = [tf.constant(seed & 0xFFFFFFFF, tf.uint32), tf.cast(t, tf.uint32)]
    keys.append(tf.bitwise.bitwise_xor(tf.bitwise.bitwise_xor(keys[0], keys[1]), tf.constant(0x1BD11BDA, tf.uint32)))
    a = tf.cast(tf.reshape(tf.range(math.prod(shape), dtype=tf.int64), shape), tf.uint32) + keys[0]
    b = tf.fill(shape, tf.constant((256 * place + draw) & 0xFFFFFFFF, tf.uint32)) + keys[1]
    for number in range(20):
        turn = (13, 15, 26, 6, 17, 29, 16, 24)[number % 8]
        a = a + b
        high = tf.bitwise.left_shift(b, tf.constant(turn, tf.uint32))
        low = tf.bitwise.right_shift(b, tf.constant(32 - turn, tf.uint32))
        b = tf.bitwise.bitwise_xor(tf.bitwise.bitwise_or(high, low), a)
        if number % 4 == 3:
            group = number // 4 + 1
            a = a + keys[group % 3]
            b = b + keys[(group + 1) % 3] + tf.constant(group, tf.uint32)
    return a, b
''',
    "_uniform": '''
def _uniform(noise, draw):
    """Noise in [0, 1), of 24 bits in every dtype."""
    a, _ = _words(noise, draw)
    return tf.cast(tf.bitwise.right_shift(a, tf.constant(8, tf.uint32)), noise[4]) * 2.0**-24
''',
    "_rademacher": '''
def _rademacher(noise, draw):
    """Noise of -1 and 1."""
    a, _ = _words(noise, draw)
    return 1.0 - 2.0 * tf.cast(tf.bitwise.right_shift(a, tf.constant(31, tf.uint32)), noise[4])
''',
    "_normal": '''
def _normal(noise, draw):
    """Standard normal noise by Box and Muller, its angle folded to the first quadrant."""
    one, eight = tf.constant(1, tf.uint32), tf.constant(8, tf.uint32)
    a, b = _words(noise, draw)
    u, f = (tf.bitwise.bitwise_or(tf.bitwise.right_shift(word, eight), one) for word in (a, b))
    u, f = tf.cast(u, noise[4]) * 2.0**-24, tf.cast(f, noise[4]) * 2.0**-24
    sign = 1.0 - 2.0 * tf.cast(tf.bitwise.bitwise_and(b, one), noise[4])
    return sign * tf.sqrt(-2.0 * tf.math.log(u)) * tf.sin(math.pi / 2 * f)
''',
    "_eye_of": '''
def _eye_of(shape, dtype):
    """An initializer: the identity."""
    return ops.eye(shape[0], dtype=dtype)
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
        return self.add_variable(shape, initializer, _compute_dtype(variable), name=f"{path}_{name}")
"""

COPY = '''
    def _copy_of(self, variable):
        """An initializer: the value that `variable` has when the slot is made, in storage of its own.

        A variable that is made in the same `tf.function` has none yet: its copy waits for the first step.
        """

        def initializer(shape, dtype):
            with tf.init_scope():  # a read at creation, not an op of the tf.function being traced
                return ops.copy(ops.cast(variable, dtype))

        with tf.init_scope():
            known = (variable.value if isinstance(variable, keras.Variable) else variable).is_initialized()
            self._late = self._late or not known
        return initializer if known else "zeros"

    def _copy_late(self):
        for slot, variable in PAIRS:
            if slot is not None:
                self.assign(slot, variable)
'''

DISTRIBUTED = """
    def _distributed_tf_update_step(self, distribution, grads_and_vars, learning_rate):
        self._before_step()
        super()._distributed_tf_update_step(distribution, grads_and_vars, learning_rate)
"""

ONCE = '''
    def _once_for_all(self, function):
        """Call `function` once, for however many replicas."""
        if self._distribution_strategy.num_replicas_in_sync == 1:
            function()
        else:
            tf.distribute.get_replica_context().merge_call(function)
'''

ASSIGN = '''
    def assign(self, variable, value):
        """Assign a value to a variable; where every replica has computed the same one, once for all of them."""
        assign, replica = super().assign, tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            assign(variable, value)
            return

        def update(distribution, variable, value):
            distribution.extended.update(variable, assign, args=(value,), group=False)

        replica.merge_call(update, args=(variable.value if isinstance(variable, keras.Variable) else variable, value))
'''

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
        shown = int(self._shown.numpy())
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

VIEWS_OF_MODEL = '''
    @tf.autograph.experimental.do_not_convert
    def view(self, name, grads=None):
        """The variables as the view `name` reads them: a list of new tensors, which a `tf.function` may compute.

        `grads` are the gradients, one for each variable, where the view is one of gradients too.
        """
        if not self.built:
            raise ValueError("The optimizer knows no variables yet; call `build` or train first.")
        variables = self._trainable_variables
        READINGS
        raise ValueError(f"No view {name!r}; known here: {', '.join(WORDS)}")

    def swap_view(self, name="FIRST", grads=None):
        """Exchange the variables with their view `name`; the same call again puts the training values back.

        The training values wait bit for bit in slots of their own, and are saved with the optimizer.
        """
        views = (KNOWN,)
        if name not in views:
            raise ValueError(f"No view {name!r}; known here: {', '.join(views)}")
        if not self.built:
            raise ValueError("The optimizer knows no variables yet; call `build` or train first.")
        shown = int(self._shown.numpy())
        if shown and views[shown - 1] != name:
            raise ValueError(f"The view {views[shown - 1]!r} is in the variables; swap it out first.")
        if shown:
            self._put_back()
            return
        for variable, held, new in zip(self._trainable_variables, self._held, self.view(name, grads), strict=True):
            self.assign(held, variable)
            self.assign(variable, new)
        self.assign(self._shown, views.index(name) + 1)

    def _put_back(self):
        for variable, held in zip(self._trainable_variables, self._held):
            self.assign(variable, held)
        self.assign(self._shown, 0)
'''

FINALIZE = '''
    def finalize_variable_values(self, var_list):
        """Leave the view "eval" in the variables, or Keras's own moving average where that was asked for."""
        super().finalize_variable_values(var_list)
        if self.built and not self.use_ema and not int(self._shown.numpy()):
            self.swap_view("eval")
'''
