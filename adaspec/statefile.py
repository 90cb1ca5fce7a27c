"""The file of a state: safetensors, with one entry of metadata that says whose state it is.

Tensors: every slot under `<parameter path>.<slot>`, a complex one as the array of its parts, every Shared (float64)
under its name alone, which has no dot. The entry `adaspec` is a JSON object: the format's version, the spec's name,
hash and canonical text, the target that it came from, the model's count of updates, each parameter's shape, dtype and
count, and a digest of all this and of every tensor, so that one flipped bit is noticed.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from .complexes import COMPLEX, REAL
from .frozen import frozen
from .portable import SIZES, Array, ParameterState, PortableState, counter, key
from .spec import Spec

FORMAT = 1
ENTRY = "adaspec"
CODES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@frozen
class Saved:
    """What a file says: a state, and the rule and the target that it is of."""

    name: str
    hash: str
    text: str
    target: str
    state: PortableState


def encoded(spec: Spec, target: str, state: PortableState) -> bytes:
    """The bytes of a file; the same for the same state."""
    library = _library()
    tensors = {
        key(path, name): _real(slot) for path, p in state.parameters.items() for name, slot in (p.slots or {}).items()
    } | {name: Array("float64", (), struct.pack("<d", value)) for name, value in state.shared.items()}
    head = {
        "format": FORMAT, "spec": spec.name, "hash": spec.hash, "text": spec.text, "target": target, "step": state.step,
        "parameters": {
            path: {"shape": list(p.shape), "dtype": p.dtype, "step": p.step, "begun": p.slots is not None} | _complex(p)
            for path, p in state.parameters.items()
        },
    }  # fmt: skip
    head["digest"] = _digest(head, tensors)
    # One entry: several would stand in an order that differs from run to run.
    metadata = {ENTRY: json.dumps(head, sort_keys=True)}
    buffers = {name: np.frombuffer(a.data, np.uint8) for name, a in tensors.items()}
    specs = {
        name: library.TensorSpec(
            dtype=a.dtype, shape=list(a.shape), data_ptr=buffers[name].ctypes.data, data_len=len(a.data)
        )
        for name, a in tensors.items()
    }
    return bytes(library.serialize(specs, metadata=metadata))


def _real(array: Array) -> Array:
    """A complex array as the array of its parts, of the same bytes: not every safetensors has complex numbers."""
    return Array(REAL[array.dtype], (*array.shape, 2), array.data) if array.dtype in REAL else array


def _complex(p: ParameterState) -> dict[str, Any]:
    """What the entry of a complex parameter has more: which of its slots are, too."""
    return {"complex": sorted(n for n, a in (p.slots or {}).items() if a.dtype in REAL)} if p.dtype in REAL else {}


def decoded(data: bytes, where: str) -> Saved:
    """What a file says. ValueError, naming `where`, unless every part of it is whole."""
    library = _library()
    try:
        rows = dict(sorted(library.deserialize(data)))  # it says them in another order each time
        (size,) = struct.unpack("<Q", data[:8])
        written = json.loads(data[8 : 8 + size]).get("__metadata__") or {}
    except (library.SafetensorError, ValueError, struct.error) as error:
        raise ValueError(f"{where} is no whole safetensors file: {error}") from None
    if ENTRY not in written:
        raise ValueError(f"{where} is a safetensors file, but not of an optimizer's state: it has no entry '{ENTRY}'")
    try:
        head = json.loads(written[ENTRY])
    except (ValueError, RecursionError):
        head = None
    if not isinstance(head, dict) or type(head.get("format")) is not int:
        raise ValueError(f"{where}: its entry '{ENTRY}' is damaged")
    if head["format"] != FORMAT:
        raise ValueError(f"{where} has format {head['format']}, this version of adaspec reads format {FORMAT}")
    odd = sorted(name for name, row in rows.items() if row["dtype"] not in CODES)
    if odd:
        raise ValueError(f"{where}: '{odd[0]}' is {rows[odd[0]]['dtype']}, and no slot has that dtype")
    tensors = {n: Array(CODES[row["dtype"]], tuple(row["shape"]), bytes(row["data"])) for n, row in rows.items()}
    if head.pop("digest", None) != _digest(head, tensors):
        raise ValueError(f"{where} is damaged: its digest is not that of its contents")
    return _saved(head, tensors, where)


def _saved(head: dict[str, Any], tensors: Mapping[str, Array], where: str) -> Saved:
    words = [w for n in ("spec", "hash", "text", "target") if isinstance(w := head.get(n), str)]
    parameters = head.get("parameters")
    if len(words) < 4 or not isinstance(parameters, dict):
        raise ValueError(f"{where}: its entry '{ENTRY}' is damaged")
    spec, own_hash, text, target = words
    slots: dict[str, dict[str, Array]] = {}
    shared: dict[str, float] = {}
    for name, array in tensors.items():
        path, dot, slot = name.rpartition(".")
        if dot:
            slots.setdefault(path, {})[slot] = array
        elif array.dtype != "float64" or array.shape:
            raise ValueError(f"{where}: '{name}', of the whole model, is {array.dtype} of shape {array.shape}")
        else:
            shared[name] = struct.unpack("<d", array.data)[0]
    found = {path: _parameter(path, row, slots.pop(path, {}), where) for path, row in parameters.items()}
    if slots:
        names = ", ".join(repr(key(path, slot)) for path, of in slots.items() for slot in of)
        raise ValueError(f"{where}: slots of no parameter: {names}")
    state = PortableState(_count(head.get("step"), "the model", where), found, shared)
    return Saved(spec, own_hash, text, target, state)


def _parameter(path: str, row: Any, slots: dict[str, Array], where: str) -> ParameterState:
    what = f"parameter '{path}'"
    if not isinstance(row, dict) or row.get("dtype") not in SIZES or type(row.get("begun")) is not bool:
        raise ValueError(f"{where}: {what} is damaged")
    shape = row.get("shape")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"{where}: {what} has the shape {shape!r}")
    if slots and not row["begun"]:
        raise ValueError(f"{where}: {what} has slots and was never begun")
    names = row.get("complex", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{where}: {what} is damaged")
    for name in names:
        parts = slots.get(name)
        if parts is None or parts.dtype not in COMPLEX or parts.shape[-1:] != (2,):
            raise ValueError(f"{where}: {what} has no complex slot {name!r}")
        slots[name] = Array(COMPLEX[parts.dtype], parts.shape[:-1], parts.data)
    step = _count(row.get("step"), what, where)
    return ParameterState(tuple(shape), row["dtype"], step, slots if row["begun"] else None)


def _count(value: Any, what: str, where: str) -> int:
    if not counter(value):
        raise ValueError(f"{where}: {what} counts {value!r} updates, which is no count")
    return value


def _digest(head: Mapping[str, Any], tensors: Mapping[str, Array]) -> str:
    found = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    for name in sorted(tensors):
        array = tensors[name]
        # The lengths are in front, so that no byte can pass from one tensor to the next.
        found.update(json.dumps([name, array.dtype, list(array.shape), len(array.data)]).encode())
        found.update(array.data)
    return found.hexdigest()


def _library() -> Any:
    try:
        import safetensors
    except ModuleNotFoundError as error:
        if error.name != "safetensors":
            raise
        install = "pip install 'adaspec[state]'"
        message = f"saving and loading state needs safetensors, which is not installed: {install}"
        raise ImportError(message, name="safetensors") from None
    return safetensors
