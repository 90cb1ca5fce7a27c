"""Functions that generated modules use, each printed into those that call it."""

from __future__ import annotations

import re

from . import complexes, inputs, numbers

HELPERS: dict[str, str] = {
    "_cut(": '''
def _cut(
    columns: list[list[Tensor]], temporaries: int, elementwise: bool
) -> tuple[list[list[Tensor]], list[list[Tensor | None]]]:
    """Large tensors in pieces, where each element is by itself, and one set of temporaries for all to share."""
    pieces: list[list[Tensor]] = [[] for _ in columns]
    scratch: list[list[Tensor | None]] = []
    size = max(x.numel() for x in columns[0])
    size = min(size, _PIECE) if elementwise else size
    dtype = torch.promote_types(columns[0][0].dtype, torch.float32)
    buffers = [torch.empty(size if size > _SMALL else 0, dtype=dtype) for _ in range(temporaries)]
    for row in zip(*columns, strict=True):
        x = row[0]
        n = x.numel()
        if elementwise and n > _PIECE and all(t is None or t.is_contiguous() for t in row):
            parts = -(-n // _PIECE)
            for column, t in zip(pieces, row, strict=True):
                column.extend([t] * parts if t is None else t.detach().view(-1).split(_PIECE))
            scratch.extend([b[: x.numel()] for b in buffers] for x in pieces[0][len(scratch) :])
        else:
            for column, t in zip(pieces, row, strict=True):
                column.append(t)
            scratch.append([b[:n].view(x.shape) if _SMALL < n <= size else None for b in buffers])
    return pieces, scratch
''',
    "_cast(": """
def _cast(tensors: list[Tensor], dtype: torch.dtype) -> list[Tensor]:
    return tensors if tensors[0].dtype == dtype else [t.to(dtype) for t in tensors]
""",
    "_widened(": '''
def _widened(slots: list[Any], dtype: torch.dtype) -> list[Any]:
    """Slots of a dtype of their own, in that of the arithmetic."""
    return [t if t is None else t.to(dtype) for t in slots]
''',
    "_rounded(": '''
def _rounded(slots: list[Any], wide: list[Any]) -> None:
    """Their new values, rounded once."""
    for slot, value in zip(slots, wide, strict=True):
        if value is not slot:
            slot.copy_(value)
''',
    "_real(": '''
def _real(name: str, value: Any) -> Any:
    """A number, or a Tensor of one element, which stays one. TypeError for what is neither."""
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise ValueError(f"Tensor {name} must be 1-element")
        return value
    if isinstance(value, str):
        raise TypeError(f"Invalid {name}: {value!r} is no number")
    return float(value)
''',
    "_rows(": '''
def _rows(numbers: tuple[Any, ...], params: list[Tensor]) -> list[tuple[Any, ...]]:
    """The scalars of each parameter; those that are tensors on its device, rounded once to its arithmetic."""
    like, n = params[0], len(params)
    dtype = torch.promote_types(like.dtype, torch.float32)
    columns: list[Any] = []
    for number in numbers:
        if isinstance(number, Tensor):
            number = number.to(like.device, dtype if number.is_floating_point() else number.dtype)
        columns.append(number.expand(n).unbind() if isinstance(number, Tensor) else [number] * n)
    return list(zip(*columns, strict=True))
''',
    "_as_given": '''
def _as_given(value: Any) -> Any:
    """A number, or a 0-d copy of a Tensor: what it was when this step began."""
    return value.clone().reshape(()) if isinstance(value, Tensor) else value
''',
    "_put(": '''
def _put(cell: Tensor, value: Any) -> None:
    """A number into a 0-d tensor, by a view of it: torch 2.13 loses in a compiled graph what is written directly."""
    cell.view(1).fill_(value)
''',
    "_check_capture(": '''
def _check_capture(optimizer: torch.optim.Optimizer) -> None:
    """Raise where a graph cannot hold the step, before anything is counted."""
    for group in optimizer.param_groups:
        if not group["capturable"]:
            if torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing():
                raise RuntimeError(f"{type(optimizer).__name__} in a CUDA graph needs capturable=True in every group")
            continue
        for p in group["params"]:
            if p.grad is not None and p.device.type not in _CAPTURABLE:
                on = f"on supported devices: {list(_CAPTURABLE)}"
                raise AssertionError(f"If capturable=True, params and state_steps must be {on}.")
''',
    "_on_device": '''
def _on_device(slots: int, update: Callable[..., Any], *arguments: Any, **static: Any) -> Any:
    """The update by scalars that are tensors, without reading them."""
    with _Tensors():
        return update(*arguments, **static)
''',
    "_differentiably": '''
def _differentiably(slots: int, update: Callable[..., Any], *arguments: Any, **static: Any) -> Any:
    """The update of the parameter, its gradient and so many slots with all that autograd needs of it kept."""

    def of_copies(*arguments: Any) -> tuple[Any, list[Any]]:
        copies = [a.clone() if isinstance(a, Tensor) else a for a in arguments]
        return update(*copies, **static), copies

    with _Tensors():
        results, new = torch.func.functionalize(of_copies)(*arguments)
    for i, (old, value) in enumerate(zip(arguments, new, strict=True)):
        if i != 1 and i < 2 + slots and old is not None:
            old.copy_(value)
    return results
''',
    "_Tensors(": '''
class _Tensors(TorchFunctionMode):
    """Takes `alpha` and `value` that are tensors as factors: torch itself would read them from their device."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        for name in ("alpha", "value"):
            if isinstance(kwargs.get(name), Tensor):
                x, a, *rest = args
                return func(x, a * kwargs.pop(name), *rest, **kwargs)
        if len(args) == 3 and func in (torch.clamp, Tensor.clamp_):  # of a number and a tensor
            return func(func(args[0], min=args[1], **kwargs), max=args[2], **kwargs)
        if func is Tensor.copy_ and torch.is_grad_enabled():  # which has no derivative in its functional form
            return torch.mul(args[1].expand_as(args[0]), 1, out=args[0])
        return func(*args, **kwargs)
''',
    "_key(": '''
def _key(seed: int, t: Any, place: int, p: Tensor) -> Tensor:
    """What tells the noise of a parameter at a step from all other noise."""
    if isinstance(t, Tensor):
        whole = [torch.full_like(t, seed & 0xFFFFFFFF), t, torch.full_like(t, place)]
        return torch.stack(whole).to(p.device, torch.int64)
    return torch.tensor((seed & 0xFFFFFFFF, int(t), place), device=p.device)
''',
    "_as_tensors(": '''
def _as_tensors(scalars: tuple[float, ...], like: Tensor) -> tuple[Tensor, ...]:
    """The scalars for a compiled graph: 0-d tensors, rounded once."""
    return torch.tensor(scalars, dtype=torch.promote_types(like.dtype, torch.float32), device=like.device).unbind()
''',
    "_at_least_1d(": '''
def _at_least_1d(t: Tensor) -> Tensor:
    """For a compiled graph: torch 2.13 loses in-place changes of 0-d float64 tensors there."""
    return t.detach().view(1) if t is not None and t.ndim == 0 else t
''',
    "_qr(": '''
def _qr(a: Tensor) -> tuple[Tensor, Tensor]:
    """Q and R of a square matrix, the diagonal of R nonnegative: each LAPACK has signs of its own."""
    q, r = torch.linalg.qr(a)
    sign = torch.where(torch.linalg.diagonal(r) < 0, -1, 1).to(a.dtype)
    return q * sign[..., None, :], r * sign[..., :, None]
''',
    "_svd(": '''
def _svd(a: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """The largest singular values, at most `rank`, between their vectors: columns in front, rows behind.

    The largest element of each column is positive: each LAPACK has signs of its own.
    """
    u, s, v = torch.linalg.svd(a, full_matrices=False)
    sign = torch.where(u.amax(-2) < -u.amin(-2), -1, 1).to(a.dtype)
    u, v = u * sign[..., None, :], v * sign[..., :, None]
    return u[..., :rank], s[..., :rank], v[..., :rank, :]
''',
    "_cut_to(": '''
def _cut_to(rank: int, shape: torch.Size, axis: int) -> list[int]:
    """The shape with an axis no longer than the rank, nor than a matrix of this shape has it."""
    return [min(rank, *shape[-2:]) if i == len(shape) + axis else n for i, n in enumerate(shape)]
''',
    "_take(": '''
def _take(a: Tensor, order: Tensor, axis: int) -> Tensor:
    """The items along an axis in this order; a vector orders the rows or the columns of a matrix."""
    if order.ndim < a.ndim:
        order = order[..., None, :] if axis == -1 else order[..., :, None]
    return torch.take_along_dim(a, order, axis)
''',
    "_eye(": '''
def _eye(a: Tensor) -> Tensor:
    """The identity, as large as a."""
    return torch.eye(a.shape[-1], dtype=a.dtype, device=a.device).expand(a.shape)
''',
    "_unfold(": '''
def _unfold(a: Tensor, axis: int) -> Tensor:
    """A matrix with a row for each item along this axis."""
    return a.movedim(axis, 0).reshape(a.shape[axis], -1)
''',
    "_fold(": '''
def _fold(rows: Tensor, shape: torch.Size, axis: int) -> Tensor:
    """A tensor of this shape from the matrix that `_unfold` makes of it."""
    axis %= len(shape)
    return rows.reshape(shape[axis], *shape[:axis], *shape[axis + 1 :]).movedim(0, axis)
''',
    "_spread(": '''
def _spread(a: Tensor, shape: torch.Size, axis: int) -> Tensor:
    """A vector along this axis, broadcast over the others of the shape."""
    return a.reshape([-1 if i == axis % len(shape) else 1 for i in range(len(shape))])
''',
    "_total(": '''
def _total(part: Any) -> Tensor:
    """The sum of a number per parameter, in float64; one number stands for itself."""
    numbers = part if isinstance(part, list | tuple) else [part]
    return torch.stack([torch.as_tensor(number, dtype=torch.float64) for number in numbers]).sum()
''',
    "_uniform(": '''
def _uniform(x: Tensor, noise: Tensor, draw: int) -> Tensor:
    """Noise in [0, 1), of 24 bits in every dtype."""
    a, _ = _words(x, noise, draw)
    return (a >> 8).to(x.dtype) * 2.0**-24
''',
    "_rademacher(": '''
def _rademacher(x: Tensor, noise: Tensor, draw: int) -> Tensor:
    """Noise of -1 and 1."""
    a, _ = _words(x, noise, draw)
    return 1.0 - 2.0 * (a >> 31).to(x.dtype)
''',
    "_normal(": '''
def _normal(x: Tensor, noise: Tensor, draw: int) -> Tensor:
    """Standard normal noise by Box and Muller, its angle folded to the first quadrant."""
    a, b = _words(x, noise, draw)
    u, f = (((word >> 8) | 1).to(x.dtype) * 2.0**-24 for word in (a, b))
    sign = 1.0 - 2.0 * (b & 1).to(x.dtype)
    return sign * torch.sqrt(-2.0 * torch.log(u)) * torch.sin(math.pi / 2 * f)
''',
    "_words(": '''
def _words(x: Tensor, noise: Tensor, draw: int) -> tuple[Tensor, Tensor]:
    """Two words of Threefry-2x32 for each element: key (seed, t), counter (element, 256 * parameter + draw).

    The words are int64: torch does no arithmetic of uint32.
    """
    seed, t, place = noise.unbind()
    keys = [seed, t & 0xFFFFFFFF, (seed ^ t ^ 0x1BD11BDA) & 0xFFFFFFFF]
    a = (torch.arange(x.numel(), device=x.device).view(x.shape) + keys[0]) & 0xFFFFFFFF
    b = (256 * place + draw + keys[1]) & 0xFFFFFFFF
    for number in range(20):
        turn = (13, 15, 26, 6, 17, 29, 16, 24)[number % 8]
        a = (a + b) & 0xFFFFFFFF
        b = (((b << turn) | (b >> (32 - turn))) & 0xFFFFFFFF) ^ a
        if number % 4 == 3:
            group = number // 4 + 1
            a = (a + keys[group % 3]) & 0xFFFFFFFF
            b = (b + keys[(group + 1) % 3] + group) & 0xFFFFFFFF
    return a, b
''',
}

HELPERS |= inputs.HELPERS | complexes.HELPERS | numbers.HELPERS

CONSTANTS: dict[str, str] = {
    "_PLAIN": "_PLAIN = (Tensor, torch.nn.Parameter)  # a subclass of Tensor may mean something else by foreach",
    "_SMALL": "_SMALL = 2**14  # elements: on a CPU, foreach and fresh temporaries are for tensors up to this size",
    "_PIECE": "_PIECE = 2**19  # elements: larger tensors go through a CPU in pieces, so that temporaries are cached",
    "_CAPTURABLE": '_CAPTURABLE = ("cuda", "xpu", "hpu", "xla")  # devices whose work can be captured in a graph',
}


def helpers(text: str) -> str:
    """The definitions of everything here that `text` uses, what they use among it."""
    found: set[str] = set()
    whole = text
    while new := {
        n for n in HELPERS if n not in found and n in whole and re.search(rf"(?<![\w.]){re.escape(n)}", whole)
    }:
        found |= new
        whole += "".join(HELPERS[n] for n in sorted(new))
    functions = [h for name, h in HELPERS.items() if name in found]
    constants = [c for name, c in CONSTANTS.items() if name in whole]
    return (
        ("\n\n\n" + "\n".join(constants) if constants else "") + "".join(f"\n\n{f.rstrip()}" for f in functions) + "\n"
    )
