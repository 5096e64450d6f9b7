# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causal SAGEConv: each vertex slot gathers from the faces around its vertex that came before its own face.

Not torch-geometric's: generating must not need that package, and has running sums instead of edges. The tests compare.

Shapes: B batch, N slots, V vertices, d width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CausalNeighbours(nn.Module):
    """SAGEConv (Hamilton et al., arXiv 1706.02216) with mean aggregation over the slots of earlier faces at the vertex.

    Adds `mix(silu(root x + neighbour mean))` to the slots; starts as the identity.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.neighbour = nn.Linear(dim, dim)
        self.root = nn.Linear(dim, dim, bias=False)
        self.mix = nn.Linear(dim, dim, bias=False)
        nn.init.zeros_(self.mix.weight)

    def forward(self, x: Tensor, identity: Tensor) -> Tensor:
        """x [B, N, d]; identity int64 [B, N]: equal for slots of one vertex."""
        face = torch.arange(x.shape[1], device=x.device) // 3
        around = (identity[:, :, None] == identity[:, None, :]) & (face < face[:, None])
        sums = x.unflatten(1, (-1, 3)).sum(dim=2).repeat_interleave(3, dim=1)
        return self.add(x, around.to(x.dtype) @ sums, around.sum(dim=-1))

    def add(self, x: Tensor, total: Tensor, faces: Tensor) -> Tensor:
        """x [..., d] with what comes from its neighbours: total [..., d] over the slots of so many faces [...]."""
        mean = total / (3 * faces[..., None]).clamp(min=1)
        return x + self.mix(F.silu(self.neighbour(mean) + self.root(x)))


class NeighbourSums:
    """Totals over the faces around each vertex while meshes are written: sums [B, V, d], faces [B, V]."""

    def __init__(self, rows: int, vertices: int, like: Tensor) -> None:
        self.sums = like.new_zeros(rows, vertices, like.shape[-1])
        self.faces = torch.zeros(rows, vertices, dtype=torch.long, device=like.device)

    def of(self, vertex: Tensor) -> tuple[Tensor, Tensor]:
        """Total [B, d] and faces [B] around vertices [B]."""
        rows = torch.arange(len(vertex), device=vertex.device)
        return self.sums[rows, vertex], self.faces[rows, vertex]

    def add_face(self, kept: Tensor, vertices: list[Tensor], inputs: list[Tensor]) -> None:
        """Count a face: its vertices, three [B], and what stood in its slots, three [B, d]; where kept [B]."""
        # The vertices of a face that is kept differ; where none is, any of them gets what it has.
        rows, ids = torch.arange(len(kept), device=kept.device)[:, None], torch.stack(vertices, dim=1)
        self.sums[rows, ids] += (torch.stack(inputs).sum(dim=0) * kept[:, None])[:, None]
        self.faces[rows, ids] += kept[:, None]

    def select(self, rows: Tensor) -> None:
        self.sums, self.faces = self.sums[rows], self.faces[rows]

    def clone(self) -> NeighbourSums:
        copy = object.__new__(NeighbourSums)
        copy.sums, copy.faces = self.sums.clone(), self.faces.clone()
        return copy
