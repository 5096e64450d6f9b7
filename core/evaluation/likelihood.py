# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How well a checkpoint knows meshes that it has never seen: bits a face, and the accuracy of its tokenizer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..conditioning import Conditions
from ..data.dataset import MeshDataset, epoch_batches, length_buckets
from ..reconstruction import reconstruct
from ..transformer import pad_codes

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint

_FACES_PER_BATCH = 1536
_RECONSTRUCTED = 100  # meshes are enough to know a tokenizer


def tokenizer_accuracy(
    checkpoint: Checkpoint, dataset: MeshDataset, advance: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """Means over at most 100 meshes: the share of triangles that come back exactly, and the surface's mean error."""
    accuracies, errors = [], []
    for sample in dataset.samples[:: -(-len(dataset) // _RECONSTRUCTED)]:
        found = reconstruct(checkpoint, sample.mesh)
        accuracies.append(found.triangle_accuracy)
        errors.append(found.mean_error / float(np.subtract(*sample.mesh.bounds()[::-1]).max()))
        advance()
    return {"triangle_accuracy": float(np.mean(accuracies)), "mean_error_of_longest_side": float(np.mean(errors))}


@torch.inference_mode()
def likelihood(
    checkpoint: Checkpoint, dataset: MeshDataset, advance: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """Bits a face that the transformer needs for the meshes it has room for, given their labels and face counts."""
    model, tokenizer, device = checkpoint.transformer, checkpoint.tokenizer, checkpoint.device
    samples = dataset.filtered(model.config.max_faces).samples
    coded = [torch.from_numpy(tokenizer.encode(sample.mesh)) for sample in samples]
    edges = sorted({min(model.config.max_faces, 2 ** math.ceil(math.log2(max(len(codes), 8)))) for codes in coded})
    nats = faces = 0.0
    for edge, members in epoch_batches(length_buckets([len(codes) for codes in coded], edges), _FACES_PER_BATCH, None):
        codes, lengths = pad_codes([coded[i] for i in members], edge)
        words = torch.from_numpy(model.vocabulary.encode([samples[i].label for i in members]))
        conditions = Conditions(words, lengths.float())
        nats += float(model.nll(codes.to(device), lengths.to(device), conditions.to(device)).sum())
        faces += int(lengths.sum())
        advance()
    return {"bits_per_face": nats / faces / math.log(2), "likelihood_meshes": len(samples)}
