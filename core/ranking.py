# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of several generated meshes is best: one that ended by itself, and is most clearly what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from .checkpoint import Checkpoint
from .completion import Kept
from .events import GeneratedMesh
from .transformer import pad_codes


@torch.inference_mode()
def scores(
    checkpoint: Checkpoint, meshes: Sequence[GeneratedMesh], kept: Kept | None = None, **asked: Any
) -> list[float]:
    """For each mesh the logarithm of how much likelier what was asked for makes it, in nats a face that the model made;
    where nothing was asked, its log-likelihood a face. `kept`: the faces that all began with; `asked`: faces, category
    and points as `MeshTransformer.conditions` takes them.
    """
    model, device = checkpoint.transformer, checkpoint.device
    codes, lengths = pad_codes([torch.from_numpy(mesh.codes) for mesh in meshes], max(len(m.codes) for m in meshes))
    conditions = model.conditions([mesh.prompt for mesh in meshes], **asked).to(device)
    codes, lengths = codes.to(device), lengths.to(device)
    given = len(kept.codes) if kept else 0
    marked = torch.full_like(lengths, given) if kept and not kept.above else None
    log_p = -model.nll(codes, lengths, conditions, marked)
    if any(bool(rows.any()) for rows in conditions.present().values()):
        log_p = log_p + model.nll(codes, lengths, conditions.without(), marked)
    return (log_p / (lengths - given).clamp(min=1)).tolist()


def best(checkpoint: Checkpoint, meshes: Sequence[GeneratedMesh], **asked: Any) -> GeneratedMesh:
    """The best of several meshes, asked as for `scores`; those that a limit cut off come last."""
    ranked = zip(meshes, scores(checkpoint, meshes, **asked), strict=True)
    return max(ranked, key=lambda pair: (pair[0].ended, pair[1]))[0]
