# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training a transformer over the codes of a tokenizer, with augmentation and conditions that drop at random."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
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

    def _batches(self, epoch: int | None) -> list[tuple[int, list[int]]]:
        if epoch is None:
            return epoch_batches(self._validation_buckets, self.config.faces_per_batch, None)
        if self._epoch is None or self._epoch[0] != epoch:
            rng = np.random.default_rng((self.config.seed, epoch))
            present = rng.random(len(self._shares)) < self._shares
            buckets = {edge: [i for i in members if present[i]] for edge, members in self._buckets.items()}
            buckets = {edge: members for edge, members in buckets.items() if members}
            self._epoch = (epoch, epoch_batches(buckets, self.config.faces_per_batch, rng))
        return self._epoch[1]

    def start(self) -> None:
        """Nothing has to be learnt before the first step."""

    def batch_sizes(self, epoch: int | None) -> list[int]:
        """Meshes in each batch of an epoch; None stands for the validation set."""
        return [len(members) for _, members in self._batches(epoch)]

    def batch(self, epoch: int | None, index: int, rows: Sequence[int] | None = None) -> Batch:
        """Augmented meshes of one bucket with their conditions; only these rows of the batch. Validation meshes are
        fully conditioned and not augmented.
        """
        length, members = self._batches(epoch)[index]
        rows = range(len(members)) if rows is None else rows
        if epoch is None:
            samples = [self.validation.samples[members[row]] for row in rows]
            meshes = [sample.mesh.quantised(self.tokenizer.levels) for sample in samples]
            return self._assemble(meshes, [sample.label for sample in samples], length)
        config = self.config
        meshes, prompts, known, drops = [], [], [], []
        for row in rows:
            # A generator of its own, so that a mesh is the same whichever rows one process asks for.
            rng = np.random.default_rng((config.seed, epoch, index, row))
            sample = self.train.samples[members[row]]
            meshes.append(augment(sample.mesh, rng, config.augment, self.tokenizer.levels))
            prompts.append(_draw_prompt(sample, rng))
            known.append(rng.random() >= config.drop_word)
            drops.append(rng.random(2) < (config.drop_prompt, config.drop_count))
        batch = self._assemble(meshes, prompts, length, known)
        no_prompt, no_count = torch.from_numpy(np.stack(drops, axis=1))
        return Batch(batch.codes, batch.lengths, batch.conditions.dropped(prompt=no_prompt, faces=no_count))

    def _assemble(self, meshes: list, prompts: list[str], length: int, known: list[bool] | None = None) -> Batch:
        codes, lengths = pad_codes([torch.from_numpy(self.tokenizer.encode(mesh)) for mesh in meshes], length)
        words = self.model.vocabulary.encode(prompts, known)
        return Batch(codes, lengths, Conditions(words, lengths.float()))

    def _nll(self, batch: Batch) -> Tensor:
        device = next(self.model.parameters()).device
        return self.model.nll(batch.codes.to(device), batch.lengths.to(device), batch.conditions.to(device))

    def size(self, batch: Batch) -> tuple[float, ...]:
        """Faces."""
        return (float(batch.lengths.sum()),)

    def loss(self, batch: Batch, totals: tuple[float, ...], last: bool = True) -> dict[str, Tensor]:
        """Nats and bits, divided by the faces of the whole of which the batch is a share."""
        loss = self._nll(batch).sum() / totals[0]
        return {"loss": loss, "bits_per_face": loss.detach() / math.log(2)}

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
