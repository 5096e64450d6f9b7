# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training: it learns, a resumed run has the loss of one that never stopped, and what it exports loads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core import Cancelled, LatticeTokenizer, MeshAutoencoder, MeshGPTError, load_checkpoint
from core.data.dataset import load_dataset
from core.tasks.transformer import TransformerTask, TransformerTaskConfig
from core.training import Trainer, TrainingConfig
from core.transformer import TransformerConfig

MODEL = TransformerConfig(dim=32, depth=2, heads=2, head_width=24, head_depth=1, max_faces=64, dropout=0.1)


def small_task(model: TransformerConfig = MODEL) -> TransformerTask:
    dataset = load_dataset("procedural:48")
    return TransformerTask(dataset, LatticeTokenizer(), TransformerTaskConfig(model=model, faces_per_batch=128))


def config(folder: Path, **changes: object) -> TrainingConfig:
    base = TrainingConfig(out=str(folder), steps=6, warmup=2, validate_every=3, device="cpu", mixed_precision="none")
    return replace(base, **changes)


def losses(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_resumed_run_has_the_weights_of_one_that_never_stopped(tmp_path: Path) -> None:
    whole = Trainer(small_task(), config(tmp_path / "whole"))
    whole.run(progress=False)
    first = Trainer(small_task(), config(tmp_path / "parts"))
    with pytest.raises(Cancelled):
        first.run(cancelled=lambda: first.step == 4, progress=False)
    second = Trainer(small_task(), config(tmp_path / "parts"))
    assert second.step == 4
    second.run(progress=False)
    ours, theirs = second.task.model.state_dict(), whole.task.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert second.best_metrics == whole.best_metrics


def test_training_lowers_the_validation_loss_and_the_export_generates(tmp_path: Path) -> None:
    trainer = Trainer(small_task(), config(tmp_path, steps=80, validate_every=40))
    metrics = trainer.run(progress=False)
    validation = [line["validation_bits_per_face"] for line in losses(tmp_path) if "validation_loss" in line]
    assert len(validation) == 2 and validation[1] < validation[0] < 30
    assert metrics["bits_per_face"] == min(validation)
    checkpoint = load_checkpoint(tmp_path / "model", device="cpu")
    meshes = checkpoint.generate("table", count=2, faces=20, max_faces=30)
    assert len(meshes) == 2 and all(len(mesh.faces) <= 30 for mesh in meshes)
    assert "procedural" in (tmp_path / "model" / "card.md").read_text()


def test_the_exported_model_has_the_validated_loss(tmp_path: Path) -> None:
    task = small_task()
    metrics = Trainer(task, config(tmp_path)).run(progress=False)
    task.model = load_checkpoint(tmp_path / "model", device="cpu").transformer
    again = Trainer(task, config(tmp_path / "again")).validate()
    assert again["bits_per_face"] == pytest.approx(metrics["bits_per_face"], abs=0.01)  # half precision


def test_another_model_does_not_resume_the_run(tmp_path: Path) -> None:
    Trainer(small_task(), config(tmp_path, steps=1)).run(progress=False)
    with pytest.raises(MeshGPTError, match="another model"):
        Trainer(small_task(replace(MODEL, dim=48)), config(tmp_path))


def test_a_loss_that_is_not_finite_is_an_error_that_says_so(tmp_path: Path) -> None:
    task = small_task()
    with torch.no_grad():
        task.model.head.gate.weight.fill_(float("nan"))
    with pytest.raises(MeshGPTError, match="step 0"):
        Trainer(task, config(tmp_path)).run(progress=False)


def test_rates_warm_up_stay_and_fall(tmp_path: Path) -> None:
    trainer = Trainer(small_task(), config(tmp_path, steps=100, warmup=10, cooldown=0.5))
    factors = [trainer.rate_factor(step) for step in range(100)]
    assert factors[0] == pytest.approx(0.1) and factors[9:51] == [1.0] * 42
    assert all(a > b for a, b in zip(factors[51:98], factors[52:99], strict=True)) and factors[99] == pytest.approx(
        0.02
    )


def test_batches_are_a_function_of_seed_epoch_and_index() -> None:
    a, b = small_task(), small_task()
    assert a.batch_sizes(1) == b.batch_sizes(1)
    b.batch(0, 0)
    assert torch.equal(a.batch(1, 2).codes, b.batch(1, 2).codes)
    other = small_task().batch(2, 2)
    first = a.batch(1, 2)
    assert first.codes.shape != other.codes.shape or not torch.equal(first.codes, other.codes)


def test_validation_families_are_never_trained_on() -> None:
    train, validation = load_dataset("procedural:64").split(0.2)
    assert not {s.family for s in train} & {s.family for s in validation}
    assert len(train) + len(validation) == 64 and len(validation) >= 5


def test_conditions_drop_as_often_as_asked() -> None:
    task = TransformerTask(
        load_dataset("procedural:200"),
        LatticeTokenizer(),
        TransformerTaskConfig(model=MODEL, drop_prompt=0.25, drop_count=0.5, faces_per_batch=512),
    )
    words, counts = [], []
    for epoch in range(4):
        for index in range(len(task.batch_sizes(epoch))):
            batch = task.batch(epoch, index)
            words += (batch.conditions.words.sum((1, 2)) == 0).tolist()
            counts += (batch.conditions.faces == 0).tolist()
    assert np.mean(words) == pytest.approx(0.25, abs=0.06) and np.mean(counts) == pytest.approx(0.5, abs=0.06)


def test_common_and_long_meshes_take_part_less_often() -> None:
    config = TransformerTaskConfig(model=MODEL, balance=0.5, common=4, long=30, faces_per_batch=64)
    task = TransformerTask(load_dataset("procedural:200"), LatticeTokenizer(), config)
    heads = [sample.head for sample in task.train]
    drawn = np.zeros(len(heads))
    for epoch in range(60):
        present = {i for index in range(len(task.batch_sizes(epoch))) for i in task._batches(epoch)[index][1]}
        drawn[list(present)] += 1 / 60
    expected = [
        min(1, 4 / heads.count(sample.head)) ** 0.5 * min(1, 30 / len(sample.mesh.faces)) for sample in task.train
    ]
    assert np.abs(drawn - expected).mean() < 0.08 and 0 < min(expected) < max(expected)


def test_a_transformer_learns_and_generates_over_a_learned_tokenizer(tmp_path: Path) -> None:
    torch.manual_seed(0)
    dataset = load_dataset("procedural:24")
    autoencoder = MeshAutoencoder(dim=32, encoder_depth=1, decoder_depth=1, codebook_size=64).eval()
    autoencoder.initialise_codebooks([sample.mesh.quantised() for sample in dataset])
    task = TransformerTask(dataset, autoencoder, TransformerTaskConfig(model=MODEL, faces_per_batch=128))
    Trainer(task, config(tmp_path)).run(progress=False)
    checkpoint = load_checkpoint(tmp_path / "model", device="cpu")
    codes = autoencoder.encode(dataset.samples[0].mesh)
    assert np.array_equal(checkpoint.tokenizer.encode(dataset.samples[0].mesh), codes)
    for mesh in checkpoint.generate("table", count=3, max_faces=20):
        assert mesh.report().duplicate == mesh.report().nonmanifold_edges == 0
