# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of several generated meshes is best: one that ended by itself, and is most clearly what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from .checkpoint import Checkpoint
from .generation import GeneratedMesh
from .transformer import pad_codes


@torch.inference_mode()
def scores(checkpoint: Checkpoint, meshes: Sequence[GeneratedMesh], given: int = 0, **asked: Any) -> list[float]:
    """For each mesh the logarithm of how much likelier what was asked for makes it, in nats a face; where nothing was
    asked, its log-likelihood a face. `given`: how many faces at the beginning were given as a set to complete; `asked`:
    faces, category and points as `MeshTransformer.conditions` takes them.
    """
    model, device = checkpoint.transformer, checkpoint.device
    codes, lengths = pad_codes([torch.from_numpy(mesh.codes) for mesh in meshes], max(len(m.codes) for m in meshes))
    conditions = model.conditions([mesh.prompt for mesh in meshes], **asked).to(device)
    codes, lengths = codes.to(device), lengths.to(device)
    kept = torch.full_like(lengths, given)
    log_p = -model.nll(codes, lengths, conditions, kept)
    if any(bool(rows.any()) for rows in conditions.present().values()):
        log_p = log_p + model.nll(codes, lengths, conditions.without(), kept)
    return (log_p / (lengths - given)).tolist()


def best(checkpoint: Checkpoint, meshes: Sequence[GeneratedMesh], **asked: Any) -> GeneratedMesh:
    """The best of several meshes; those that a limit cut off come last."""
    ranked = zip(meshes, scores(checkpoint, meshes, **asked), strict=True)
    return max(ranked, key=lambda pair: (pair[0].ended, pair[1]))[0]
