# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loaders prepare the batches that the training would have prepared itself, and leave nothing behind."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from core import Cancelled, MeshAutoencoder, MeshGPTError
from core.batches import Shares, can_load_ahead
from core.data.dataset import load_dataset
from core.tasks.transformer import TransformerTask, TransformerTaskConfig
from core.training import Trainer, TrainingConfig
from core.transformer_config import TransformerConfig

from .training_process import COMMON, build_task

ROOT = Path(__file__).parents[2]

needs_loaders = pytest.mark.skipif(not can_load_ahead(), reason="loaders need fork")


def curve(folder: Path) -> list[float]:
    """Loss of each step, then of each validation."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line[key] for key in ("loss", "validation_loss") for line in lines if key in line]


def trainer(kind: str, folder: Path, **changes: Any) -> Trainer:
    return Trainer(build_task(kind), TrainingConfig(**COMMON | {"out": str(folder)} | changes))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Several add up in any order, and the same run would not give the same losses."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@needs_loaders
@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("kind", ["transformer", "autoencoder"])
def test_losses_are_the_same_with_loaders_also_after_a_stop_within_an_epoch(
    kind: str, accumulate: int, tmp_path: Path
) -> None:
    settings = {"accumulate": accumulate, "steps": 18 // accumulate}
    alone = trainer(kind, tmp_path / "alone", **settings)
    alone.run(progress=False)
    assert alone.epoch >= 1  # over the border of an epoch
    first = trainer(kind, tmp_path / "ahead", loaders=2, **settings)
    with pytest.raises(Cancelled):
        first.run(cancelled=lambda: first.step == 5, progress=False)
    assert 0 < first.index < len(first.task.batch_sizes(first.epoch))
    assert not multiprocessing.active_children()
    second = trainer(kind, tmp_path / "ahead", loaders=2, **settings)
    second.run(progress=False)
    assert (second.epoch, second.index, second.faces_seen) == (alone.epoch, alone.index, alone.faces_seen)
    assert len(curve(tmp_path / "alone")) == 24 // accumulate and curve(tmp_path / "ahead") == curve(tmp_path / "alone")
    weights, expected = second.model.state_dict(), alone.model.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in expected.items())
    assert not multiprocessing.active_children()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("kind", ["transformer", "autoencoder"])
def test_losses_are_alike_with_loaders_on_a_gpu(kind: str, tmp_path: Path) -> None:
    """Alike, not the same: a GPU adds up in any order."""
    for loaders in (0, 2):
        run = trainer(kind, tmp_path / str(loaders), device="cuda", loaders=loaders, muon=False)
        run.run(progress=False)
        with run._batches() as batches:
            assert next(batches, None) is None  # all were trained on
        with run.shares.ahead(0, 0, 1, loaders, pinned=True) as batches:
            batch = next(batches).batch
        assert (batch.codes if kind == "transformer" else batch.faces).is_pinned() == bool(loaders)
    assert curve(tmp_path / "2") == pytest.approx(curve(tmp_path / "0"), rel=1e-3)
    assert not multiprocessing.active_children()


@dataclass
class Numbers:
    """A task whose batches are their own places; one of them fails."""

    sizes: tuple[int, ...] = (3, 1, 2)
    fails_at: tuple[int | None, int] = (-1, -1)

    def batch_sizes(self, epoch: int | None) -> list[int]:
        return list(self.sizes) if epoch != 1 else []  # an epoch may be empty

    def batch(self, epoch: int | None, index: int, rows: Any = None) -> tuple:
        if (epoch, index) == self.fails_at:
            raise ValueError("cannot be built")
        return epoch, index, tuple(rows), os.getpid()

    def size(self, batch: tuple) -> tuple[float, ...]:
        return (float(len(batch[2])),)


@pytest.mark.parametrize("loaders", [0, pytest.param(2, marks=needs_loaders)])
def test_shares_follow_each_other_over_epochs_from_the_place_asked_for(loaders: int) -> None:
    with Shares(Numbers(), rank=1, world=2).ahead(0, 1, 6, loaders, pinned=False) as shares:
        found = list(shares)
    assert [(share.epoch, share.index) for share in found] == [(0, 1), (0, 2), (2, 0), (2, 1), (2, 2), (3, 0)]
    assert [share.weight for share in found] == [0, 1, 1, 0, 1, 1]  # the second process has no row of a batch of one
    assert [share.batch[2] for share in found] == [(0,), (1,), (1,), (0,), (1,), (1,)]
    assert [share.size for share in found] == [(0.0,), (1.0,), (1.0,), (0.0,), (1.0,), (1.0,)]
    others = {share.batch[3] for share in found}
    assert len(others) == max(1, loaders) and (os.getpid() in others) == (not loaders)


@needs_loaders
def test_what_fails_in_a_loader_fails_here_and_ends_them_all() -> None:
    shares = Shares(Numbers(fails_at=(0, 2)))
    with pytest.raises(ValueError, match="cannot be built"), shares.ahead(0, 0, 99, 2, pinned=False) as ahead:
        assert multiprocessing.active_children()
        list(ahead)
    assert not multiprocessing.active_children()


@needs_loaders
def test_loaders_leave_the_random_numbers_of_the_run_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    with Shares(Numbers()).ahead(0, 0, 99, 1, pinned=False) as ahead:
        list(islice(ahead, 3))
    assert torch.equal(torch.get_rng_state(), before)


@needs_loaders
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_a_loss_that_is_not_finite_ends_the_loaders_and_saves_weights_that_are(device: str, tmp_path: Path) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    run = trainer("transformer", tmp_path, loaders=2, device=device)
    loss = run.task.loss

    def spoiled(*arguments: Any) -> dict[str, torch.Tensor]:
        losses = loss(*arguments)
        return {name: value * (float("nan") if run.step == 2 else 1.0) for name, value in losses.items()}

    run.task.loss = spoiled
    with pytest.raises(MeshGPTError, match="step 2"):
        run.run(progress=False)
    assert not multiprocessing.active_children()
    again = trainer("transformer", tmp_path, loaders=2, device=device)
    assert again.step == 2
    assert all(torch.isfinite(parameter).all() for parameter in again.model.parameters())
    again.run(progress=False)


@needs_loaders
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_of_all_processes_saves_the_step_and_leaves_none(name: str, tmp_path: Path) -> None:
    """As a terminal does it: Ctrl-C reaches the loaders too."""
    sizes = "--dim 16 --depth 1 --heads 2 --max-faces 64 --faces-per-batch 128 --steps 100000 --log-every 1"
    command = f"-m core train transformer --data procedural:16 --out {tmp_path} {sizes} --device cpu --loaders 2"
    with subprocess.Popen(
        [sys.executable, *command.split()], cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            log = tmp_path / "metrics.jsonl"
            deadline = time.monotonic() + 120
            while not log.is_file() and time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.1)
            os.killpg(process.pid, getattr(signal, name))
            said = process.communicate(timeout=60)[1]
        finally:
            process.poll() is None and os.killpg(process.pid, signal.SIGKILL)
    assert "Traceback" not in said and (tmp_path / "state.safetensors").is_file(), said
    with pytest.raises(ProcessLookupError):  # nobody is left in the group
        os.killpg(process.pid, 0)


def test_where_processes_do_not_fork_the_training_says_so_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    trainer("transformer", tmp_path, loaders=2, steps=1).run(progress=False)
    assert capsys.readouterr().err.count("Loaders are off") == 1


@needs_loaders
def test_a_learned_tokenizer_encodes_in_loaders(tmp_path: Path) -> None:
    torch.manual_seed(0)
    dataset = load_dataset("procedural:24")
    autoencoder = MeshAutoencoder(dim=32, encoder_depth=1, decoder_depth=1, codebook_size=64).eval()
    autoencoder.initialise_codebooks([sample.mesh.quantised() for sample in dataset])
    model = TransformerConfig(dim=32, depth=2, heads=2, head_width=24, head_depth=1, max_faces=64)
    for loaders in (0, 2):
        task = TransformerTask(dataset, autoencoder, TransformerTaskConfig(model=model, faces_per_batch=128))
        config = TrainingConfig(**COMMON | {"out": str(tmp_path / str(loaders)), "loaders": loaders})
        Trainer(task, config).run(progress=False)
    assert curve(tmp_path / "0") == curve(tmp_path / "2")
