# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attention over the faces of many meshes in one flat row, in time and memory that grow as the faces do.

Shapes: F faces of all meshes, N chunks of W faces, M meshes, H heads, K = d / H width of a head, d width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .attention import rotary_table, rotate


@dataclass(frozen=True)
class Chunks:
    """Rows of meshes [F] cut into chunks of W; each mesh begins a chunk, so that none holds two meshes."""

    slot: Tensor  # int64 [F], place of each face among the N x W
    mesh: Tensor  # int64 [N], of each chunk
    size: int  # W
    meshes: int  # M

    @classmethod
    def of(cls, mesh_of_face: Tensor, meshes: int, size: int) -> Chunks:
        """`mesh_of_face` int64 [F] ascends."""
        faces = torch.bincount(mesh_of_face, minlength=meshes)
        chunks = (faces + size - 1) // size
        start = (chunks.cumsum(0) - chunks) * size - (faces.cumsum(0) - faces)
        slot = start[mesh_of_face] + torch.arange(len(mesh_of_face), device=mesh_of_face.device)
        mesh = torch.repeat_interleave(torch.arange(meshes, device=mesh_of_face.device), chunks)
        return cls(slot, mesh, size, meshes)

    def cut(self, x: Tensor) -> Tensor:
        """x [F, ...] -> [N, W, ...], zeros where there is no face."""
        places = x.new_zeros(len(self.mesh) * self.size, *x.shape[1:])
        return places.index_copy(0, self.slot, x).unflatten(0, (-1, self.size))

    def join(self, x: Tensor) -> Tensor:
        """Undo `cut`."""
        return x.flatten(0, 1)[self.slot]

    def mesh_sum(self, x: Tensor) -> Tensor:
        """Sums over the chunks of each mesh: x [N, ...] -> [M, ...]."""
        return x.new_zeros(self.meshes, *x.shape[1:]).index_add(0, self.mesh, x)


class CrossCovarianceAttention(nn.Module):
    """XCiT's attention (El-Nouby et al., arXiv 2106.09681): channels attend to channels by how they vary together over
    the faces of a mesh, so every face hears of all others at a cost linear in faces.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.out = _zero(nn.Linear(dim, dim, bias=False))

    def forward(self, x: Tensor, chunks: Chunks) -> Tensor:
        """x [F, d] -> [F, d]."""
        qkv = chunks.cut(self.qkv(self.norm(x)))
        with torch.autocast(x.device.type, enabled=False):  # sums over thousands of faces
            q, k, v = rearrange(qkv.float(), "n w (three h k) -> three n h k w", three=3, h=self.heads)
            covariance = chunks.mesh_sum(q @ k.transpose(-1, -2))  # [M, H, K, K]
            length_q, length_k = (chunks.mesh_sum(t.square().sum(dim=-1)).sqrt().clamp(min=1e-12) for t in (q, k))
            weights = covariance / length_q[..., :, None] / length_k[..., None, :] * self.temperature
            y = weights.softmax(dim=-1)[chunks.mesh] @ v
        return self.out(chunks.join(rearrange(y, "n h k w -> n w (h k)")).to(x.dtype))


class LocalAttention(nn.Module):
    """Each face attends to those at most W places before or after it in the mesh; rotary positions, QK-norm."""

    def __init__(self, dim: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = _zero(nn.Linear(dim, dim, bias=False))
        cos, sin = rotary_table(3 * window, dim // heads)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, x: Tensor, chunks: Chunks) -> Tensor:
        """x [F, d] -> [F, d]."""
        size = chunks.size  # also the window: a chunk and its two neighbours hold all that its faces see
        qkv = chunks.cut(self.qkv(self.norm(x)))
        q, k, v = rearrange(qkv, "n w (three h k) -> three n h w k", three=3, h=self.heads)
        q, k = (F.rms_norm(t, t.shape[-1:]) for t in (q, k))
        q = rotate(q, self.cos[size : 2 * size], self.sin[size : 2 * size])
        k, v = rotate(_with_neighbours(k), self.cos, self.sin), _with_neighbours(v)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=self._mask(chunks)[:, None])
        return self.out(chunks.join(rearrange(y, "n h w k -> n w (h k)")))

    def _mask(self, chunks: Chunks) -> Tensor:
        """Which of the 3 W keys each query sees, bool [N, W, 3 W]."""
        place = torch.arange(3 * chunks.size, device=chunks.mesh.device)
        near = (place - place[chunks.size : 2 * chunks.size, None]).abs() <= chunks.size
        mesh = chunks.cut(torch.ones_like(chunks.slot)) * (chunks.mesh + 1)[:, None]  # [N, W], 0 where there is no face
        keys = _with_neighbours(mesh[:, None, :, None])[:, 0, :, 0]
        return near & (keys == chunks.mesh[:, None] + 1)[:, None]


class AttentionBlock(nn.Module):
    """Cross-covariance attention, local attention and a feed-forward layer, each added to what it reads."""

    def __init__(self, dim: int, heads: int, window: int) -> None:
        super().__init__()
        self.whole = CrossCovarianceAttention(dim, heads)
        self.local = LocalAttention(dim, heads, window)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.SiLU(), _zero(nn.Linear(4 * dim, dim, bias=False))
        )

    def forward(self, x: Tensor, chunks: Chunks) -> Tensor:
        """x [F, d] -> [F, d]."""
        x = x + self.whole(x, chunks)
        x = x + self.local(x, chunks)
        return x + self.feed_forward(x)


class FlatAttention(nn.ModuleList):
    """`depth` blocks; a mesh comes out the same whichever meshes stand beside it."""

    def __init__(self, dim: int, depth: int, heads: int, window: int) -> None:
        super().__init__(AttentionBlock(dim, heads, window) for _ in range(depth))
        self.window = window

    def forward(self, x: Tensor, mesh_of_face: Tensor) -> Tensor:
        """x [F, d], `mesh_of_face` int64 [F] ascending -> [F, d]."""
        if len(self):
            chunks = Chunks.of(mesh_of_face, int(mesh_of_face[-1]) + 1, self.window)
            for block in self:
                x = block(x, chunks)
        return x


def _with_neighbours(x: Tensor) -> Tensor:
    """Each chunk with the one before and the one after it: x [N, H, W, K] -> [N, H, 3 W, K]."""
    around = F.pad(x, (0, 0, 0, 0, 0, 0, 1, 1))
    return torch.cat([around[:-2], x, around[2:]], dim=2)


def _zero(layer: nn.Linear) -> nn.Linear:
    """Each part of a block adds nothing at first."""
    nn.init.zeros_(layer.weight)
    return layer
