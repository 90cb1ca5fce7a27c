"""Parameters sharded over two processes (FSDP2, DTensor): sums, norms and matrices are those of the whole arrays."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

import adaspec

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.needs_torch

RULES = ("adamw", "adafactor", "lamb", "muon", "novograd", "prodigy", "schedule_free")
"""Elementwise, with slots of fewer axes, norms of arrays, matrices, slots of one number, sums over the model."""


def network() -> Any:
    torch.manual_seed(0)
    layers = torch.nn.Linear(4, 6, bias=False), torch.nn.Tanh(), torch.nn.Linear(6, 2, bias=False)
    return torch.nn.Sequential(*layers).double()


def train(model: Any, rule: str) -> None:
    opt = adaspec.build(rule, "torch")(model.parameters())
    x = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4)
    for _ in range(3):
        opt.zero_grad()
        model(x).pow(2).sum().backward()
        opt.step()


def shard(rank: int, folder: str) -> None:
    """One of two processes; the first writes how far the sharded parameters are from those that were whole."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", rank=rank, world_size=2, store=torch.distributed.FileStore(f"{folder}/store", 2)
    )
    mesh = init_device_mesh("cpu", (2,))
    found = {}
    for rule in RULES:
        model, alone = network(), network()
        fully_shard(model, mesh=mesh)
        train(model, rule)
        train(alone, rule)
        pairs = [
            (p.full_tensor(), p.to_local(), q) for p, q in zip(model.parameters(), alone.parameters(), strict=True)
        ]
        assert all(2 * local.numel() == whole.numel() for whole, local, _ in pairs)
        found[rule] = max((whole - q).abs().max().item() for whole, _, q in pairs)
    if rank == 0:
        Path(folder, "found.json").write_text(json.dumps(found))
    torch.distributed.destroy_process_group()


def test_two_shards_are_the_whole(tmp_path: Path) -> None:
    if not torch.distributed.is_available():
        pytest.skip("this torch is built without torch.distributed")
    torch.multiprocessing.spawn(shard, args=(str(tmp_path),), nprocs=2)
    found = json.loads(Path(tmp_path, "found.json").read_text())
    assert found.keys() == set(RULES) and max(found.values()) < 1e-12, found
