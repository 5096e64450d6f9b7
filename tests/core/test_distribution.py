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

import pytest
import torch
from safetensors.torch import load_file

from .training_process import train

ROOT = Path(__file__).parents[2]


def launch(count: int, kind: str, runs: list[dict]) -> None:
    """Train in `count` processes, which find each other as those of a launcher do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    common |= {"PYTHONPATH": ROOT, "OMP_NUM_THREADS": 1}
    command = [sys.executable, "-m", "tests.core.training_process", kind, json.dumps(runs)]
    processes = []
    for rank in range(count):
        environment = os.environ | {k: str(v) for k, v in (common | {"RANK": rank, "LOCAL_RANK": rank}).items()}
        processes.append(subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True))
    try:
        said = [process.communicate(timeout=120)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0] * count, "\n".join(said)


def curve(folder: Path) -> list[float]:
    """Loss of each step, then of each validation."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line[key] for key in ("loss", "validation_loss") for line in lines if key in line]


def assert_same_weights(folder: Path, other: Path, tolerance: float) -> None:
    ours, theirs = load_file(folder), load_file(other)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        torch.testing.assert_close(
            value, theirs[name], rtol=tolerance, atol=tolerance, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.fixture(scope="module", params=["transformer", "autoencoder"])
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of runs with two batches a step: "one" process, "two" processes, and two that "stop" and go on."""
    folder = tmp_path_factory.mktemp(request.param)
    train(request.param, -1, {"out": str(folder / "one"), "accumulate": 2})
    two, stop = ({"out": str(folder / name), "accumulate": 2} for name in ("two", "stop"))
    launch(2, request.param, [two, stop | {"stop": 4}, stop])
    return folder


def test_two_processes_train_as_one(runs: Path) -> None:
    assert len(curve(runs / "one")) == 8
    assert curve(runs / "two") == pytest.approx(curve(runs / "one"), rel=1e-5)
    # Not tighter: where a gradient is next to nothing, AdamW makes steps of rounding errors.
    assert_same_weights(runs / "two" / "best.safetensors", runs / "one" / "best.safetensors", 1e-3)
    first, second = (runs / "two" / f"process{rank}.safetensors" for rank in range(2))
    assert_same_weights(first, second, 0)


def test_two_processes_that_stop_and_go_on_end_like_those_that_never_stopped(runs: Path) -> None:
    """Within an epoch; one process alone wants to stop."""
    assert curve(runs / "stop") == curve(runs / "two")
    assert_same_weights(runs / "stop" / "state.safetensors", runs / "two" / "state.safetensors", 0)
