# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How good a checkpoint is: bits per face, the tokenizer's accuracy, and whether generated meshes end and are sound."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .conditioning import Conditions
from .data.dataset import MeshDataset, epoch_batches, length_buckets
from .reconstruction import reconstruct
from .transformer import pad_codes

if TYPE_CHECKING:
    from .checkpoint import Checkpoint

_FACES_PER_BATCH = 1536
_ROWS = 10  # meshes generated side by side
_RECONSTRUCTED = 100  # meshes are enough to know a tokenizer


def draw_prompts(dataset: MeshDataset, count: int, seed: int = 0) -> list[str]:
    """`count` labels of the data set, drawn as often as they occur."""
    labels = [sample.label for sample in dataset]
    return [labels[i] for i in np.random.default_rng(seed).integers(len(labels), size=count)]


def evaluate(
    checkpoint: Checkpoint,
    dataset: MeshDataset,
    prompts: Sequence[str] = (),
    *,
    seed: int = 0,
    manifold: bool = True,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """All measures as plain values: likelihood and accuracy on `dataset`, soundness of one mesh per prompt.

    `advance` is called after each batch or mesh. A checkpoint without a transformer has the tokenizer's measures only.
    """
    result: dict[str, Any] = {"model": checkpoint.name, "meshes": len(dataset)}
    result |= tokenizer_accuracy(checkpoint, dataset, advance)
    if checkpoint.transformer is not None:
        result |= likelihood(checkpoint, dataset, advance)
        if prompts:
            result |= soundness(checkpoint, prompts, seed=seed, manifold=manifold, advance=advance)
    return result


def tokenizer_accuracy(
    checkpoint: Checkpoint, dataset: MeshDataset, advance: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """Means over at most 100 meshes: the share of triangles that come back exactly, and the surface's mean error."""
    accuracies, errors = [], []
    for sample in dataset.samples[:: max(1, len(dataset) // _RECONSTRUCTED)]:
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
        words = model.vocabulary.encode([samples[i].label for i in members])
        conditions = Conditions(words, lengths.float())
        nats += float(model.nll(codes.to(device), lengths.to(device), conditions.to(device)).sum())
        faces += int(lengths.sum())
        advance()
    return {"bits_per_face": nats / faces / math.log(2), "likelihood_meshes": len(samples)}


def soundness(
    checkpoint: Checkpoint,
    prompts: Sequence[str],
    *,
    seed: int = 0,
    manifold: bool = True,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """One mesh per prompt, before any repair: how many end by themselves, and how many break which rule."""
    start = time.perf_counter()
    meshes = []
    for first in range(0, len(prompts), _ROWS):
        meshes += checkpoint.generate(prompts[first : first + _ROWS], seed=seed + first, manifold=manifold)
        advance()
    seconds = time.perf_counter() - start
    reports = [mesh.report() for mesh in meshes]
    faces = [report.faces for report in reports]
    return {
        "generated": len(meshes),
        "ended": sum(mesh.ended for mesh in meshes) / len(meshes),
        "with_degenerate_faces": sum(report.degenerate > 0 for report in reports),
        "with_duplicate_faces": sum(report.duplicate > 0 for report in reports),
        "with_nonmanifold_edges": sum(report.nonmanifold_edges > 0 for report in reports),
        "with_repeated_directed_edges": sum(report.repeated_directed_edges > 0 for report in reports),
        "watertight": sum(report.watertight for report in reports) / len(meshes),
        "median_faces": float(np.median(faces)),
        "faces_per_second": sum(faces) / seconds,
    }
