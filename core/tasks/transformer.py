# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training a transformer over the codes of a tokenizer, with augmentation and conditions that drop at random."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..checkpoint import save_transformer
from ..conditioning import Conditions, Vocabulary
from ..data.augment import AugmentConfig, augment
from ..data.dataset import MeshDataset, Sample, epoch_batches, length_buckets
from ..tokenizers import Tokenizer
from ..transformer import MeshTransformer, TransformerConfig, pad_codes

BUCKETS = (32, 64, 96, 128, 160, 200, 256, 320, 400, 512, 640, 800)


@dataclass(frozen=True)
class TransformerTaskConfig:
    """Model, data and conditions. `drop_` values are the probabilities that a condition is left out of a mesh.

    An epoch leaves out some of the meshes there are many of, and of those that take long: a mesh takes part with the
    probability (`common` / meshes with its head noun) ** `balance`, times `long` / faces where it has more.
    """

    model: TransformerConfig = field(default_factory=TransformerConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    faces_per_batch: int = 1536
    balance: float = 0.5
    common: int = 10
    long: int = 100
    drop_prompt: float = 0.1
    drop_count: float = 0.3
    drop_word: float = 0.1  # a known word seen by its n-grams only
    validation_fraction: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class Batch:
    codes: Tensor  # int64 [B, F, 3, D]
    lengths: Tensor  # int64 [B], faces
    conditions: Conditions


class TransformerTask:
    """A data set, a tokenizer and a transformer to train on them."""

    def __init__(self, dataset: MeshDataset, tokenizer: Tokenizer, config: TransformerTaskConfig | None = None) -> None:
        self.config = config = config or TransformerTaskConfig()
        self.tokenizer = tokenizer
        self.dataset = dataset.filtered(config.model.max_faces)
        self.train, self.validation = self.dataset.split(config.validation_fraction)
        torch.manual_seed(config.seed)
        self.model = MeshTransformer(tokenizer, Vocabulary(self.train.words()), config.model)
        edges = [edge for edge in BUCKETS if edge < config.model.max_faces] + [config.model.max_faces]
        self._buckets, self._validation_buckets = (
            length_buckets([len(s.mesh.faces) for s in part], edges) for part in (self.train, self.validation)
        )
        self._shares = self._epoch_shares()
        self._epoch: tuple[int, list[tuple[int, list[int]]]] | None = None

    def muon_parameters(self) -> list[nn.Parameter]:
        return [p for p in self.model.trunk.parameters() if p.ndim == 2]

    def _epoch_shares(self) -> np.ndarray:
        """Probability of each training mesh to take part in an epoch, float [M]."""
        heads = Counter(sample.head for sample in self.train)
        config = self.config
        common = [min(1.0, config.common / heads[sample.head]) ** config.balance for sample in self.train]
        long = [min(1.0, config.long / len(sample.mesh.faces)) for sample in self.train]
        return np.asarray(common) * long

    def _batches(self, epoch: int) -> list[tuple[int, list[int]]]:
        if self._epoch is None or self._epoch[0] != epoch:
            rng = np.random.default_rng((self.config.seed, epoch))
            present = rng.random(len(self._shares)) < self._shares
            buckets = {edge: [i for i in members if present[i]] for edge, members in self._buckets.items()}
            buckets = {edge: members for edge, members in buckets.items() if members}
            self._epoch = (epoch, epoch_batches(buckets, self.config.faces_per_batch, rng))
        return self._epoch[1]

    def batch_count(self, epoch: int) -> int:
        return len(self._batches(epoch))

    def batch(self, epoch: int, index: int) -> Batch:
        """Augmented meshes of one bucket with their conditions."""
        length, members = self._batches(epoch)[index]
        rng = np.random.default_rng((self.config.seed, epoch, index))
        samples = [self.train.samples[i] for i in members]
        meshes = [augment(s.mesh, rng, self.config.augment, self.tokenizer.levels) for s in samples]
        prompts = [_draw_prompt(sample, rng) for sample in samples]
        known = rng.random(len(samples)) >= self.config.drop_word
        batch = self._assemble(meshes, prompts, length, list(known))
        drop = rng.random((2, len(samples)))
        no_prompt, no_count = torch.from_numpy(drop < [[self.config.drop_prompt], [self.config.drop_count]])
        return Batch(batch.codes, batch.lengths, batch.conditions.dropped(no_prompt, no_count))

    def _assemble(self, meshes: list, prompts: list[str], length: int, known: list[bool] | None = None) -> Batch:
        codes, lengths = pad_codes([torch.from_numpy(self.tokenizer.encode(mesh)) for mesh in meshes], length)
        words = self.model.vocabulary.encode(prompts, known)
        return Batch(codes, lengths, Conditions(words, lengths.float()))

    def _nll(self, batch: Batch) -> Tensor:
        device = next(self.model.parameters()).device
        return self.model.nll(batch.codes.to(device), batch.lengths.to(device), batch.conditions.to(device))

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, float], int]:
        faces = int(batch.lengths.sum())
        loss = self._nll(batch).sum() / faces
        return loss, {"bits_per_face": loss.item() / math.log(2)}, faces

    def validate(self) -> dict[str, float]:
        """Loss in nats and bits a face over the held-out families, fully conditioned, without augmentation."""
        total = faces = 0.0
        for length, members in epoch_batches(self._validation_buckets, self.config.faces_per_batch, None):
            samples = [self.validation.samples[i] for i in members]
            meshes = [sample.mesh.quantised(self.tokenizer.levels) for sample in samples]
            batch = self._assemble(meshes, [sample.label for sample in samples], length)
            total += float(self._nll(batch).sum())
            faces += int(batch.lengths.sum())
        return {"loss": total / faces, "bits_per_face": total / faces / math.log(2)}

    def export(self, folder: Path, metrics: dict[str, Any]) -> None:
        details = {
            "data": self.dataset.source,
            "training_meshes": len(self.train),
            "validation_meshes": len(self.validation),
            "task": asdict(self.config),
            "metrics": metrics,
        }
        save_transformer(folder, self.model, details)


def _draw_prompt(sample: Sample, rng: np.random.Generator) -> str:
    prompts, weights = zip(*sample.prompts(), strict=True)
    return str(rng.choice(prompts, p=np.asarray(weights) / sum(weights)))
