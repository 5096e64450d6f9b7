# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""MeshGPT's graph encoder: features of each triangle, SAGEConv over the face graph, and a vector for each vertex."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import SAGEConv

from .flat_attention import FlatAttention
from .mesh_batch import MeshBatch, cell_centres


class FaceFeatures(nn.Module):
    """Corner coordinates (embedded), unit normal, area and interior angles of each face, projected to `dim`.

    The table of coordinate embeddings starts as Fourier features of the cell centres, so that near coordinates start
    alike; `embedding="fourier"` keeps it so, `"discrete"` learns it on from there.
    """

    def __init__(self, dim: int, dim_coordinate: int, levels: int, embedding: Literal["discrete", "fourier"]) -> None:
        super().__init__()
        self.levels = levels
        self.table = nn.Parameter(fourier_table(levels, dim_coordinate), requires_grad=embedding == "discrete")
        self.project = nn.Linear(9 * dim_coordinate + 7, dim)

    def forward(self, corners: Tensor) -> Tensor:
        """Corners [F, 3, 3] in cells -> [F, dim]."""
        return self.project(torch.cat([self.embedded(corners), face_geometry(corners, self.levels)], dim=1))

    def embedded(self, points: Tensor) -> Tensor:
        """Coordinates [N, ...] in cells, whole or not -> embeddings of the nearest cells [N, C]."""
        return self.table[points.round().clamp(0, self.levels - 1).long()].flatten(1)


class NeighbourConv(SAGEConv):
    """SAGEConv (mean) that sums neighbours in float32 also under bfloat16 autocast."""

    def aggregate(
        self, inputs: Tensor, index: Tensor, ptr: Tensor | None = None, dim_size: int | None = None
    ) -> Tensor:
        return super().aggregate(inputs.float(), index, ptr, dim_size).to(inputs.dtype)


class SageLayers(nn.Module):
    """Residual layers over a graph: normalise, gather from the neighbours (SAGEConv), mix."""

    def __init__(self, dim: int, depth: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(depth))
        self.convs = nn.ModuleList(NeighbourConv(dim, dim) for _ in range(depth))
        self.mixes = nn.ModuleList(nn.Linear(dim, dim) for _ in range(depth))

    def gather(self, x: Tensor, edges: Tensor) -> Tensor:
        """Nodes [N, dim], edges int64 [2, E] from and to -> [N, dim]."""
        for norm, conv, mix in zip(self.norms, self.convs, self.mixes, strict=True):
            x = x + mix(F.silu(conv(norm(x), edges)))
        return x


class VertexStage(SageLayers):
    """Vertices gather from those they share an edge with; each face then takes from its three corners."""

    def __init__(self, dim: int, depth: int, dim_coordinate: int) -> None:
        super().__init__(dim, depth)
        self.project = nn.Linear(3 * dim_coordinate, dim)
        self.to_face = nn.Linear(3 * dim, dim)

    def forward(self, embedded: Tensor, batch: MeshBatch) -> Tensor:
        """Embedded vertices [V, 3 * dim_coordinate] -> what they add to the faces [F, dim]."""
        x = self.gather(self.project(embedded), batch.vertex_edges())
        return self.to_face(x[batch.faces].flatten(1))


class MeshEncoder(SageLayers):
    """Face features -> `depth` residual SAGEConv layers -> three corner vectors a face -> mean over a vertex's faces.

    With `vertex_depth`, vertices gather from their neighbours before faces do; with `attention_depth`, faces attend to
    each other after it. A vertex's own position also reaches its vector directly, by a linear map, and context is added
    in units of a lattice cell. So the codes say where the vertex is from the first step on, and training goes into
    precision and context.
    """

    def __init__(
        self,
        dim: int,
        depth: int,
        dim_out: int,
        levels: int,
        dim_coordinate: int = 64,
        embedding: Literal["discrete", "fourier"] = "discrete",
        *,
        vertex_depth: int = 0,
        attention_depth: int = 0,
        heads: int = 4,
        window: int = 32,
    ) -> None:
        super().__init__(dim, depth)
        self.features = FaceFeatures(dim, dim_coordinate, levels, embedding)
        self.vertices = VertexStage(dim, vertex_depth, dim_coordinate) if vertex_depth else None
        self.attention = FlatAttention(dim, attention_depth, heads, window)
        self.to_corners = nn.Linear(dim, 3 * dim_out)
        zero_output(self.to_corners)
        # A fixed isometry: a step of the optimiser that moved it by half a percent would move vertices by a third of a
        # cell, faster than codebooks follow. What it lacks the context can add.
        self.from_position = nn.Linear(3, dim_out, bias=False).requires_grad_(False)
        # Three coordinates stay what they are: quantisers that divide the axes need the lattice's own.
        (nn.init.eye_ if dim_out == 3 else nn.init.orthogonal_)(self.from_position.weight)
        self.levels = levels

    def forward(self, batch: MeshBatch) -> Tensor:
        """-> one vector a vertex, float32 [V, dim_out]."""
        x = self.features(batch.corners)
        if self.vertices is not None:
            x = x + self.vertices(self.features.embedded(batch.positions), batch)
        x = self.attention(self.gather(x, batch.edges), batch.mesh_of_face)
        corners = self.to_corners(x).unflatten(1, (3, -1))
        context = vertex_mean(corners, batch.faces, len(batch.positions))
        with torch.autocast(context.device.type, enabled=False):  # a cell is finer than bfloat16 resolves
            return context * (2 / self.levels) + self.from_position(cell_centres(batch.positions, self.levels))


def vertex_mean(corners: Tensor, faces: Tensor, count: int) -> Tensor:
    """Mean over the face corners at each vertex: corners [F, 3, C], faces int64 [F, 3] -> float32 [count, C]."""
    index = faces.reshape(-1)
    total = torch.zeros(count, corners.shape[-1], device=corners.device)
    total = total.index_add(0, index, corners.flatten(0, 1).float())
    return total / torch.bincount(index, minlength=count).clamp(min=1)[:, None]


def face_geometry(corners: Tensor, levels: int) -> Tensor:
    """Unit normal (3), area (1) and interior angles (3) of lattice triangles int64 [F, 3, 3] -> float32 [F, 7].

    The area is on a logarithmic scale from a point (0) to the largest triangle (1), angles are in units of pi. A
    triangle without area has normal 0; an angle at an edge without length is 0.
    """
    points = cell_centres(corners, levels)
    ahead = points.roll(-1, dims=1) - points  # from each corner to the next
    back = points.roll(1, dims=1) - points
    crosses = torch.linalg.cross(ahead, back)
    cross = crosses[:, 0]
    twice = cross.norm(dim=-1, keepdim=True)
    normal = cross / twice.clamp(min=1e-12)
    angles = torch.atan2(crosses.norm(dim=-1), (ahead * back).sum(dim=-1)) / math.pi
    finest, largest = (2 / levels) ** 2 / 2, 2 * math.sqrt(3)
    area = torch.log1p(twice / 2 / finest) / math.log1p(largest / finest)
    return torch.cat([normal, area, angles], dim=1)


def fourier_table(levels: int, dim: int) -> Tensor:
    """Sines and cosines of the cell centres, wavelengths from 4 down to 4 cells, float32 [levels, dim]."""
    centres = cell_centres(torch.arange(levels), levels)
    octaves = torch.linspace(0, max(0.0, math.log2(levels / 2)), (dim + 1) // 2)
    angles = centres[:, None] * (math.pi / 2 * 2**octaves)
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :dim].contiguous()


def zero_output(layer: nn.Linear) -> None:
    """Start a layer that adds to something at zero."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
