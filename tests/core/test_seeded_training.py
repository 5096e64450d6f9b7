# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twenty steps from a fixed seed give the losses they always gave: a change of these numbers is a change of the model,
the data or the training, and has to be meant.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.data.dataset import load_dataset
from core.tasks.autoencoder import AutoencoderTask, AutoencoderTaskConfig
from core.tasks.transformer import TransformerTask, TransformerTaskConfig
from core.tokenizers.autoencoder import AutoencoderConfig
from core.tokenizers.lattice import LatticeTokenizer
from core.training import Task, Trainer, TrainingConfig
from core.transformer_config import TransformerConfig


def transformer() -> Task:
    model = TransformerConfig(dim=32, depth=2, heads=2, head_width=24, head_depth=1, max_faces=64)
    config = TransformerTaskConfig(model=model, faces_per_batch=192)
    return TransformerTask(load_dataset("procedural:48"), LatticeTokenizer(), config)


def autoencoder() -> Task:
    model = AutoencoderConfig(dim=32, encoder_depth=2, decoder_depth=2, dim_codebook=16, codebook_size=64)
    config = AutoencoderTaskConfig(model=model, max_faces=80, faces_per_batch=300)
    return AutoencoderTask(load_dataset("procedural:48"), config)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (transformer, (17.618681, 20.091246, 19.430746, 19.384561)),
        (autoencoder, (2.583864, 3.682058, 3.233509, 2.301841)),
    ],
)
def test_twenty_steps(build, expected: tuple[float, ...], tmp_path: Path) -> None:
    """Losses of steps 1, 10 and 20, and that of the validation after them."""
    config = TrainingConfig(str(tmp_path), steps=20, warmup=4, log_every=1, device="cpu", mixed_precision="none")
    Trainer(build(), config).run(progress=False)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    found = (losses[0], losses[9], losses[19], lines[-1]["validation_loss"])
    assert found == pytest.approx(expected, rel=1e-3), found
