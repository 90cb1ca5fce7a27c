"""The torch classes at work: on real digits by an ordinary loop, and in the trainers of transformers and Lightning."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import adaspec

torch = pytest.importorskip("torch")
datasets = pytest.importorskip("sklearn.datasets")
pytestmark = pytest.mark.needs_torch

RULES: dict[str, dict[str, Any]] = {
    "adamw": {"lr": 0.02},
    "lion": {"lr": 5e-3, "weight_decay": 0.1},
    "schedule_free": {"lr": 0.05},
}


@pytest.fixture(scope="module")
def digits() -> tuple[Any, Any]:
    """Training and test set: pixels in [0, 1] and labels."""
    data = datasets.load_digits()
    x = torch.tensor(data.data / 16, dtype=torch.float32)
    y = torch.tensor(data.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    x, y = x[order], y[order]
    return torch.utils.data.TensorDataset(x[300:], y[300:]), (x[:300], y[:300])


def network() -> Any:
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(64, 48), torch.nn.ReLU(), torch.nn.Linear(48, 10))


def batches(data: Any) -> Any:
    generator = torch.Generator().manual_seed(2)
    return torch.utils.data.DataLoader(data, batch_size=64, shuffle=True, generator=generator)


@pytest.mark.parametrize("rule", RULES)
def test_digits_are_learnt(rule: str, digits: Any) -> None:
    """A loop as in any tutorial: loader, scheduler, evaluation in between, a checkpoint half-way."""
    train, (x, y) = digits
    model = network()
    opt = adaspec.build(rule, "torch")(model.parameters(), **RULES[rule])
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 6)
    accuracy = []
    for epoch in range(4):
        model.train()
        if hasattr(opt, "train"):
            opt.train()
        for pixels, labels in batches(train):
            opt.zero_grad()
            torch.nn.functional.cross_entropy(model(pixels), labels).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            opt.step()
        scheduler.step()
        model.eval()
        if hasattr(opt, "eval"):
            opt.eval()
        with torch.no_grad():
            accuracy.append((model(x).argmax(1) == y).float().mean().item())
        if hasattr(opt, "train"):
            opt.train()
        if epoch == 1:  # on from a checkpoint, with all of it made anew
            saved = copy.deepcopy((model.state_dict(), opt.state_dict(), scheduler.state_dict()))
            model = network()
            opt = adaspec.build(rule, "torch")(model.parameters())
            scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 6)
            for part, state in zip((model, opt, scheduler), saved, strict=True):
                part.load_state_dict(state)
    assert accuracy[-1] > 0.92 and accuracy[-1] >= accuracy[0]


@pytest.fixture
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for what trainers write; nothing is looked up anywhere else."""
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.chdir(tmp_path)
    yield tmp_path


@pytest.mark.needs_transformers
@pytest.mark.filterwarnings("ignore")
def test_transformers_trainer(quiet: Path) -> None:
    """A language model of random weights: with our AdamW in the place of torch's, the same weights come out."""
    from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

    words = torch.randint(0, 32, (16, 8), generator=torch.Generator().manual_seed(0))
    rows = [{"input_ids": row, "labels": row} for row in words]

    def trained(cls: Any) -> list[Any]:
        torch.manual_seed(3)
        model = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=32, n_positions=8, n_embd=16, n_layer=1, n_head=2, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0
            )
        )
        decays = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim <= 1]
        opt = cls([{"params": decays, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}], lr=1e-2, eps=1e-3)
        scheduler = torch.optim.lr_scheduler.LinearLR(opt, total_iters=8)
        options = TrainingArguments(
            output_dir=str(quiet / cls.__module__), num_train_epochs=2, per_device_train_batch_size=4, report_to=[],
            use_cpu=True, disable_tqdm=True, save_strategy="epoch", logging_strategy="no", seed=5,
        )  # fmt: skip
        trainer = Trainer(model=model, args=options, train_dataset=rows, optimizers=(opt, scheduler))
        trainer.train()
        return [p.detach() for p in model.parameters()]

    ours, theirs = trained(adaspec.build("adamw:torch", "torch")), trained(torch.optim.AdamW)
    for p, q in zip(ours, theirs, strict=True):
        assert torch.allclose(p, q, rtol=1e-4, atol=1e-6)
    assert list(quiet.rglob("optimizer.pt"))


@pytest.mark.needs_lightning
@pytest.mark.filterwarnings("ignore")
def test_lightning_trainer(digits: Any, quiet: Path) -> None:
    """Automatic optimisation by a closure, a scheduler per step, clipping; saved, and resumed from the checkpoint."""
    lightning: Any = importlib.import_module("lightning")
    train, _ = digits
    train = torch.utils.data.Subset(train, range(256))

    class Digits(lightning.LightningModule):
        def __init__(self, cls: Any) -> None:
            super().__init__()
            self.model, self.cls = network(), cls

        def training_step(self, batch: Any, index: int) -> Any:
            return torch.nn.functional.cross_entropy(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            opt = self.cls(self.parameters(), lr=1e-2)
            schedule = torch.optim.lr_scheduler.OneCycleLR(opt, 1e-2, total_steps=20)
            return {"optimizer": opt, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def trained(cls: Any, *epochs: int) -> list[Any]:
        """One trainer for each number of epochs, on from the checkpoint of the one before."""
        model, path = Digits(cls), None
        for count in epochs:
            model = Digits(cls)
            trainer = lightning.Trainer(
                max_epochs=count, logger=False, enable_checkpointing=False, enable_progress_bar=False,
                enable_model_summary=False, accelerator="cpu", gradient_clip_val=1.0, default_root_dir=quiet,
            )  # fmt: skip
            loader = torch.utils.data.DataLoader(train, batch_size=64)
            trainer.fit(model, loader, ckpt_path=path)
            path = str(quiet / "half.ckpt")
            trainer.save_checkpoint(path)
        return [p.detach() for p in model.parameters()]

    cls = adaspec.build("adamw:torch", "torch")
    ours, resumed, theirs = trained(cls, 3), trained(cls, 2, 3), trained(torch.optim.AdamW, 3)
    for p, q, r in zip(ours, resumed, theirs, strict=True):
        assert torch.equal(p, q) and torch.allclose(p, r, rtol=1e-4, atol=1e-6)
