# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of several generated meshes is best: one that ended by itself, is likely, and holds together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .checkpoint import Checkpoint
from .completion import Kept
from .events import GeneratedMesh

# In nats a face; see docs/ARCHITECTURE.md, "Best of several".
_OPEN = 10.0  # what it costs if all edges have one face only
_MISSED = 2.0  # what it costs to be as far from the face count that was asked for as that is from 0


def best(
    meshes: Sequence[GeneratedMesh], log_p: Sequence[float], faces: int | None = None, close: bool = True
) -> GeneratedMesh:
    """The best of several meshes. log_p: of each, see `log_likelihoods`; faces: how many were asked for; close: whether
    open edges are holes, and not the rims of cloth and leaves. Meshes that a limit cut off come last.
    """
    open_ = _OPEN if close else 0.0

    def worth(pair: tuple[GeneratedMesh, float]) -> tuple[bool, float]:
        mesh, likely = pair
        missed = abs(len(mesh.faces) / faces - 1) if faces else 0.0
        return mesh.ended, likely - open_ * mesh.report().open_edge_share - _MISSED * missed

    return max(zip(meshes, log_p, strict=True), key=worth)[0]


def log_likelihoods(
    checkpoint: Checkpoint, meshes: Sequence[GeneratedMesh], kept: Kept | None = None, **asked: Any
) -> list[float]:
    """For each mesh log p(mesh | what was asked for), in nats a face that the model made. `kept`: the faces that all
    began with; `asked`: faces, category and points as `MeshTransformer.conditions` takes them.
    """
    import torch

    from .transformer import pad_codes

    model, device = checkpoint.transformer, checkpoint.device
    codes, lengths = pad_codes([torch.from_numpy(mesh.codes) for mesh in meshes], max(len(m.codes) for m in meshes))
    conditions = model.conditions([mesh.prompt for mesh in meshes], **asked).to(device)
    codes, lengths = codes.to(device), lengths.to(device)
    given = len(kept.codes) if kept else 0
    marked = torch.full_like(lengths, given) if kept and not kept.above else None
    with torch.inference_mode():
        nll = model.nll(codes, lengths, conditions, marked)
    return (-nll / (lengths - given).clamp(min=1)).tolist()
