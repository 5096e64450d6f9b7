# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training an autoencoder: augmented meshes in, their own coordinates out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..card import model_card
from ..checkpoint import save_checkpoint
from ..checks import need_at_least, need_shares
from ..data.augment import AugmentConfig, augment
from ..data.dataset import MeshDataset
from ..mesh import LatticeMesh
from ..nn.mesh_batch import MeshBatch
from ..tokenizers.autoencoder import AutoencoderConfig, MeshAutoencoder

_INITIAL_VERTICES = 16_384  # for k-means; a quarter of it costs 1-2% of the triangles, more costs memory and time


@dataclass(frozen=True)
class AutoencoderTaskConfig:
    """Model and data. A batch holds meshes of any sizes. Raises MeshGPTError for values that fit no training."""

    model: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    max_faces: int = 400  # larger meshes are left out
    faces_per_batch: int = 4096  # at least, in all but the last batch of an epoch
    validation_fraction: float = 0.05  # share of the families held out
    seed: int = 0

    def __post_init__(self) -> None:
        need_at_least(1, self, "max_faces", "faces_per_batch")
        need_at_least(0, self, "seed")
        need_shares(self, "validation_fraction")


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

    def start(self) -> None:
        """Set the codebooks from more meshes than a batch has."""
        if not self.model.initialised:
            self.model.initialise_codebooks(self._first_meshes())

    def _batches(self, epoch: int | None) -> list[list[int]]:
        if epoch is None:
            lengths = [len(mesh.faces) for mesh in self._validation_meshes]
            return _filled(np.arange(len(lengths)), lengths, self.config.faces_per_batch)
        if self._epoch is None or self._epoch[0] != epoch:
            order = np.random.default_rng((self.config.seed, epoch)).permutation(len(self.train))
            lengths = [len(sample.mesh.faces) for sample in self.train]
            self._epoch = (epoch, _filled(order, lengths, self.config.faces_per_batch))
        return self._epoch[1]

    def batch_sizes(self, epoch: int | None) -> list[int]:
        """Meshes in each batch of an epoch; None stands for the validation set."""
        return [len(members) for members in self._batches(epoch)]

    def batch(self, epoch: int | None, index: int, rows: Sequence[int] | None = None) -> MeshBatch:
        """Augmented meshes as one graph; only these rows of the batch. Validation meshes are not augmented."""
        return MeshBatch.from_lattice(self.meshes(epoch, index, rows))

    def meshes(self, epoch: int | None, index: int, rows: Sequence[int] | None = None) -> list[LatticeMesh]:
        """The meshes of `batch`, one by one."""
        members = self._batches(epoch)[index]
        rows = range(len(members)) if rows is None else rows
        if epoch is None:
            return [self._validation_meshes[members[row]] for row in rows]
        meshes = []
        for row in rows:
            # A generator of its own, so that a mesh is the same whichever rows one process asks for.
            rng = np.random.default_rng((self.config.seed, epoch, index, row))
            mesh = self.train.samples[members[row]].mesh
            meshes.append(augment(mesh, rng, self.config.augment, self.model.levels))
        return meshes

    def size(self, batch: MeshBatch) -> tuple[float, ...]:
        """Faces and vertices."""
        return float(len(batch.faces)), float(len(batch.positions))

    def loss(self, batch: MeshBatch, totals: tuple[float, ...], last: bool = True) -> dict[str, Tensor]:
        """The loss, its terms and accuracies, as a share of the whole whose size `totals` is."""
        self.model.quantizer.more_follows = not last
        losses = self.model.loss(batch.to(next(self.model.parameters()).device), totals)
        return {name: value if name == "loss" else value.detach() for name, value in losses.items()}

    def compile(self) -> None:
        self.model.compile_parts()

    def _first_meshes(self) -> list[LatticeMesh]:
        meshes: list[LatticeMesh] = []
        for index in range(len(self.batch_sizes(0))):
            if sum(len(mesh.positions) for mesh in meshes) >= _INITIAL_VERTICES:
                break
            meshes += self.meshes(0, index)
        return meshes

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
