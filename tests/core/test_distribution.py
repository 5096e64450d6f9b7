# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several processes train as one with the same batches would; accumulation, and a run that stops, change nothing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from core import load_checkpoint
from core.batches import can_load_ahead
from core.nn.mesh_batch import MeshBatch
from core.training import Task, Trainer, TrainingConfig

from .training_process import COMMON, build_task, train

ROOT = Path(__file__).parents[2]


def launch(count: int, *command: str) -> list[str]:
    """Run a command in `count` processes, which find each other as those of a launcher do; returns what they said."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    common |= {"PYTHONPATH": ROOT, "OMP_NUM_THREADS": 1}
    processes = []
    for rank in range(count):
        environment = os.environ | {k: str(v) for k, v in (common | {"RANK": rank, "LOCAL_RANK": rank}).items()}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=environment, **pipes))
    try:
        said = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0] * count, said
    return [output for output, _ in said]


def curve(folder: Path) -> list[float]:
    """Loss of each step, then of each validation."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line[key] for key in ("loss", "validation_loss") for line in lines if key in line]


def distance(file: Path, other: Path) -> float:
    """How far apart the tensors of two files are, as a share of their length."""
    ours, theirs = load_file(file), load_file(other)
    assert ours.keys() == theirs.keys()
    flat, flat_other = (torch.cat([t.flatten().double() for t in tensors.values()]) for tensors in (ours, theirs))
    return float((flat - flat_other).norm() / flat.norm())


@pytest.fixture(scope="module", params=["transformer", "autoencoder"])
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of runs with two batches a step: "one" process, "two" processes, and two that "stop" and go on, with a
    loader each where that can be.
    """
    folder = tmp_path_factory.mktemp(request.param)
    train(request.param, -1, {"out": str(folder / "one"), "accumulate": 2})
    two, stop = ({"out": str(folder / name), "accumulate": 2} for name in ("two", "stop"))
    stop["loaders"] = int(can_load_ahead())
    launch(2, "tests.core.training_process", request.param, json.dumps([two, stop | {"stop": 4}, stop]))
    return folder


def test_two_processes_train_as_one(runs: Path) -> None:
    assert len(curve(runs / "one")) == 8
    assert curve(runs / "two") == pytest.approx(curve(runs / "one"), rel=1e-5)
    assert distance(runs / "two" / "best.safetensors", runs / "one" / "best.safetensors") < 1e-4
    first, second = (runs / "two" / f"process{rank}.safetensors" for rank in range(2))
    assert distance(first, second) == 0


def test_two_processes_that_stop_and_go_on_end_like_those_that_never_stopped(runs: Path) -> None:
    """Within an epoch; one process alone wants to stop."""
    assert curve(runs / "stop") == curve(runs / "two")
    assert distance(runs / "stop" / "state.safetensors", runs / "two" / "state.safetensors") == 0


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like `runs`, of a transformer whose weights are divided over the two processes."""
    folder = tmp_path_factory.mktemp("sharded")
    train("transformer", -1, {"out": str(folder / "one"), "muon": False})
    two, stop = ({"out": str(folder / name), "shard": True, "accumulate": 1} for name in ("two", "stop"))
    launch(2, "tests.core.training_process", "transformer", json.dumps([two, stop | {"stop": 4}, stop]))
    return folder


def test_sharded_processes_train_as_one(sharded: Path) -> None:
    """On two CPUs with gloo; what NCCL does on GPUs is not tested here."""
    assert curve(sharded / "two") == pytest.approx(curve(sharded / "one"), rel=1e-5)
    assert curve(sharded / "stop") == curve(sharded / "two")
    assert distance(sharded / "two" / "best.safetensors", sharded / "one" / "best.safetensors") < 1e-4
    assert distance(sharded / "stop" / "state.safetensors", sharded / "two" / "state.safetensors") == 0
    assert load_checkpoint(sharded / "two" / "model", device="cpu").generate("table", count=1, max_faces=4)


def test_the_command_line_trains_in_several_processes_and_one_reports(tmp_path: Path) -> None:
    sizes = "--dim 16 --depth 1 --heads 2 --max-faces 64 --faces-per-batch 128 --steps 2 --device cpu"
    command = f"core train transformer --data procedural:16 --out {tmp_path / 'run'} {sizes} --json"
    first, second = launch(2, *command.split())
    assert json.loads(first)["steps"] == 2 and second == ""
    assert len(curve(tmp_path / "run")) == 1


class Merged:
    """A task of which each batch is three of another's."""

    def __init__(self, task: Task) -> None:
        self.task, self.model = task, task.model

    def __getattr__(self, name: str) -> Any:
        return getattr(self.task, name)

    def batch_sizes(self, epoch: int | None) -> list[int]:
        sizes = self.task.batch_sizes(epoch)
        return [1] * (len(sizes) // 3) if epoch is not None else sizes

    def batch(self, epoch: int | None, index: int, rows: Any = None) -> list:
        if epoch is None:
            return [self.task.batch(epoch, index, rows)]
        parts = [3 * index + part for part in range(3)]
        if hasattr(self.task, "meshes"):
            return [MeshBatch.from_lattice([mesh for part in parts for mesh in self.task.meshes(epoch, part)])]
        return [self.task.batch(epoch, part) for part in parts]

    def size(self, batches: list) -> tuple[float, ...]:
        return tuple(sum(size) for size in zip(*map(self.task.size, batches), strict=True))

    def loss(self, batches: list, totals: tuple[float, ...], last: bool = True) -> dict[str, torch.Tensor]:
        losses = [self.task.loss(batch, totals, last) for batch in batches]
        return {name: sum(loss[name] for loss in losses) for name in losses[0]}


@pytest.mark.parametrize("kind", ["transformer", "autoencoder"])
def test_batches_that_accumulate_make_the_steps_of_large_batches(kind: str, tmp_path: Path) -> None:
    large, small = Merged(build_task(kind)), build_task(kind)
    assert len(small.batch_sizes(0)) >= 6  # two steps within an epoch
    for name, task, accumulate in (("large", large, 1), ("small", small, 3)):
        config = COMMON | {"out": str(tmp_path / name), "accumulate": accumulate, "steps": 2}
        Trainer(task, TrainingConfig(**config)).run(progress=False)
    assert curve(tmp_path / "small") == pytest.approx(curve(tmp_path / "large"), rel=1e-5)
    assert distance(tmp_path / "small" / "state.safetensors", tmp_path / "large" / "state.safetensors") < 1e-4
