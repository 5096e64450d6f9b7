# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training a tokenizer: batches repeat, a run resumes to the same weights, its model loads and encodes alike."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from core import load_checkpoint
from core.data.dataset import load_dataset
from core.tasks.autoencoder import AutoencoderTask, AutoencoderTaskConfig
from core.tokenizers.autoencoder import AutoencoderConfig
from core.training import Trainer, TrainingConfig


def small_task(**options: object) -> AutoencoderTask:
    sizes = {"dim": 32, "encoder_depth": 1, "decoder_depth": 1, "dim_codebook": 16, "codebook_size": 64}
    model = AutoencoderConfig(**sizes, **options)
    config = AutoencoderTaskConfig(model=model, max_faces=80, faces_per_batch=300, validation_fraction=0.2)
    return AutoencoderTask(load_dataset("procedural:24"), config)


@pytest.fixture
def task() -> AutoencoderTask:
    return small_task()


def train(task: AutoencoderTask, folder, steps: int) -> Trainer:
    trainer = Trainer(task, TrainingConfig(out=str(folder), steps=steps, validate_every=2, muon=False, device="cpu"))
    trainer.run(progress=False)
    return trainer


def test_batches_are_a_function_of_seed_epoch_and_index(task):
    assert len(task.batch_sizes(0)) > 1
    first, again, other = task.meshes(0, 1), task.meshes(0, 1), task.meshes(1, 1)
    assert all(np.array_equal(a.positions, b.positions) for a, b in zip(first, again, strict=True))
    assert [len(mesh.faces) for mesh in first] != [len(mesh.faces) for mesh in other]
    per_epoch = sum(len(task.meshes(0, index)) for index in range(len(task.batch_sizes(0))))
    assert per_epoch == len(task.train)


@pytest.mark.parametrize(
    "options",
    [
        {"quantizer": "rvq", "vertex_depth": 1},
        {"quantizer": "rvq", "shared_codebook": True, "noise": 0.2},
        {"quantizer": "rlfq", "encoder_attention": 1},
        {"quantizer": "rfsq", "decoder_attention": 1, "coordinate_embedding": "fourier"},
    ],
)
def test_a_run_exports_a_tokenizer_that_encodes_alike(options, tmp_path):
    task = small_task(**options)
    trainer = train(task, tmp_path / "run", 4)
    checkpoint = load_checkpoint(tmp_path / "run" / "model", device="cpu")
    assert checkpoint.transformer is None and checkpoint.tokenizer.kind == "autoencoder"
    assert checkpoint.tokenizer.options == task.config.model
    assert "level 1: use" in (tmp_path / "run" / "model" / "card.md").read_text()
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert all(0 < line["validation_codebook_use"] <= 1 < line["validation_perplexity"] for line in lines)
    for sample in task.validation:
        np.testing.assert_array_equal(checkpoint.tokenizer.encode(sample.mesh), trainer.model.encode(sample.mesh))


def test_resuming_gives_the_weights_of_one_run(task, tmp_path):
    start = {name: value.clone() for name, value in task.model.state_dict().items()}
    config = {"validate_every": 100, "muon": False, "device": "cpu", "warmup": 1, "cooldown": 1e-9}

    def run(folder, steps):
        Trainer(task, TrainingConfig(out=str(tmp_path / folder), steps=steps, **config)).run(progress=False)
        return load_file(tmp_path / folder / "state.safetensors")  # not the exported weights: those are the best so far

    whole = run("whole", 4)
    task.model.load_state_dict(start)
    run("parts", 2)
    task.model.load_state_dict(start)
    parts = run("parts", 4)
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=1e-4, atol=1e-5)
