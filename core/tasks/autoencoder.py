# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training an autoencoder: augmented meshes in, their own coordinates out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..card import model_card
from ..checkpoint import save_checkpoint
from ..data.augment import AugmentConfig, augment
from ..data.dataset import MeshDataset
from ..mesh import LatticeMesh
from ..tokenizers.autoencoder import AutoencoderConfig, MeshAutoencoder

_INITIAL_VERTICES = 16_384  # for k-means; a quarter of it costs 1-2% of the triangles, more costs memory and time


@dataclass(frozen=True)
class AutoencoderTaskConfig:
    """Model and data. A batch holds meshes of any sizes, together at least `faces_per_batch` faces."""

    model: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    max_faces: int = 400
    faces_per_batch: int = 4096
    validation_fraction: float = 0.05
    seed: int = 0


class AutoencoderTask:
    """A data set and an autoencoder to train on it."""

    def __init__(self, dataset: MeshDataset, config: AutoencoderTaskConfig | None = None) -> None:
        self.config = config = config or AutoencoderTaskConfig()
        self.dataset = dataset.filtered(config.max_faces)
        self.train, self.validation = self.dataset.split(config.validation_fraction)
        torch.manual_seed(config.seed)
        self.model = MeshAutoencoder(config.model)
        self._validation_meshes = [sample.mesh.quantised(self.model.levels) for sample in self.validation]
        self._epoch: tuple[int, list[list[int]]] | None = None

    def muon_parameters(self) -> list[nn.Parameter]:
        return []

    def _batches(self, epoch: int) -> list[list[int]]:
        if self._epoch is None or self._epoch[0] != epoch:
            order = np.random.default_rng((self.config.seed, epoch)).permutation(len(self.train))
            lengths = [len(sample.mesh.faces) for sample in self.train]
            self._epoch = (epoch, _filled(order, lengths, self.config.faces_per_batch))
        return self._epoch[1]

    def batch_count(self, epoch: int) -> int:
        return len(self._batches(epoch))

    def batch(self, epoch: int, index: int) -> list[LatticeMesh]:
        """Augmented meshes."""
        rng = np.random.default_rng((self.config.seed, epoch, index))
        samples = [self.train.samples[i] for i in self._batches(epoch)[index]]
        return [augment(sample.mesh, rng, self.config.augment, self.model.levels) for sample in samples]

    def loss(self, batch: list[LatticeMesh]) -> tuple[Tensor, dict[str, float], int]:
        if not self.model.initialised:
            self.model.initialise_codebooks(self._first_meshes(batch))
        losses = self.model.loss(batch)
        metrics = {name: round(float(value.detach()), 5) for name, value in losses.items() if name != "loss"}
        return losses["loss"], metrics, sum(len(mesh.faces) for mesh in batch)

    def _first_meshes(self, batch: list[LatticeMesh]) -> list[LatticeMesh]:
        meshes = list(batch)
        for index in range(1, self.batch_count(0)):
            if sum(len(mesh.positions) for mesh in meshes) >= _INITIAL_VERTICES:
                break
            meshes += self.batch(0, index)
        return meshes

    def validate(self) -> dict[str, float]:
        """Loss and accuracies over the faces of the held-out families, without augmentation."""
        totals: dict[str, float] = {}
        lengths = [len(mesh.faces) for mesh in self._validation_meshes]
        for members in _filled(np.arange(len(lengths)), lengths, self.config.faces_per_batch):
            losses = self.model.loss([self._validation_meshes[i] for i in members])
            for name, value in losses.items():
                totals[name] = totals.get(name, 0.0) + float(value) * sum(lengths[i] for i in members)
        return {name: value / sum(lengths) for name, value in totals.items()}

    def export(self, folder: Path, metrics: dict[str, Any]) -> None:
        """Write the tokenizer's checkpoint; the card reports `metrics` and the use of the codebooks."""
        levels = self.model.codebook_usage(self._validation_meshes)
        details = {
            "data": self.dataset.source,
            "training_meshes": len(self.train),
            "validation_meshes": len(self.validation),
            "metrics": metrics,
            "codebooks": levels,
            "task": asdict(self.config),
        }
        save_autoencoder(folder, self.model, details, self.config.max_faces)


def save_autoencoder(folder: str | Path, model: MeshAutoencoder, details: dict[str, Any], max_faces: int) -> Path:
    """Save a tokenizer's checkpoint. `details`: what the card says (see `card.model_card`)."""
    config = {
        "kind": "tokenizer",
        "tokenizer": model.config(),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "max_faces": max_faces,
        "summary": details.get("summary", ""),
    }
    tensors = {f"tokenizer.{name}": value for name, value in model.state_dict().items()}
    card = model_card(details.get("name") or Path(folder).name, details)
    return save_checkpoint(folder, config=config, tensors=tensors, labels={}, card=card)


def _filled(order: np.ndarray, lengths: list[int], faces_per_batch: int) -> list[list[int]]:
    """Indices in order, cut where a batch has its faces; what is left at the end is the last batch."""
    batches: list[list[int]] = [[]]
    faces = 0
    for index in order:
        if faces >= faces_per_batch:
            batches.append([])
            faces = 0
        batches[-1].append(int(index))
        faces += lengths[index]
    return batches
