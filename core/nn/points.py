# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A point cloud, three times: as a few latent tokens (Perceiver, Jaegle et al., arXiv 2103.03206) that say what stands
there as a whole; as something that faces and slots attend to, which says where the surface goes on; and as the points
nearest to each vertex.

Shapes: B batch, M points, L latents, N slots, K nearest points, T queries, H heads, d width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .attention import RMSNorm

_OCTAVES = 7  # the finest wavelength is two cells of a 128-lattice


class PointEncoder(nn.Module):
    """Points with normals [B, M, 6] in [-1, 1] -> latents [B, L, d], whatever the order of the points."""

    def __init__(self, dim: int, latents: int, heads: int, depth: int = 2) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.randn(latents, dim) * 0.02)
        self.embed = nn.Sequential(nn.Linear(6 + 6 * _OCTAVES, dim), nn.GELU(), nn.Linear(dim, dim))
        self.gather = nn.TransformerDecoderLayer(dim, heads, 4 * dim, 0.0, "gelu", batch_first=True, norm_first=True)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(dim, heads, 4 * dim, 0.0, "gelu", batch_first=True, norm_first=True)
            for _ in range(depth - 1)
        )
        self.register_buffer("octaves", torch.pi * 2.0 ** torch.arange(_OCTAVES), persistent=False)

    def forward(self, points: Tensor) -> Tensor:
        seen = self.embed(_features(points, self.octaves))
        x = self.gather(self.latents.expand(len(points), -1, -1).to(seen.dtype), seen)
        for block in self.blocks:
            x = block(x)
        return x


class PointMemory(NamedTuple):
    """Keys and values [B, H, M, d / H] of the points for each of the two lookups, and which rows have points, [B]."""

    face_keys: Tensor
    face_values: Tensor
    slot_keys: Tensor
    slot_values: Tensor
    given: Tensor

    def select(self, rows: Tensor) -> PointMemory:
        return PointMemory(*(part[rows] for part in self))


class PointAttention(nn.Module):
    """What the trunk reads, and the states that predict a slot, attend to the points of the cloud themselves.

    A latent is the whole shape in a nutshell; which of a thousand points the next corner is near, only the points can
    say. Starts as the identity; rows without points stay as they are.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(6 + 6 * _OCTAVES, dim), nn.GELU(), nn.Linear(dim, dim))
        self.faces, self.slots = PointLookup(dim, heads), PointLookup(dim, heads)
        self.register_buffer("octaves", torch.pi * 2.0 ** torch.arange(_OCTAVES), persistent=False)

    def memory(self, points: Tensor) -> PointMemory:
        """What is attended to, of points with normals [B, M, 6], all 0 in rows without any."""
        seen = self.embed(_features(points, self.octaves))
        given = (points != 0).flatten(1).any(dim=1)
        return PointMemory(*self.faces.keys_values(seen), *self.slots.keys_values(seen), given)

    def add_to_faces(self, x: Tensor, memory: PointMemory) -> Tensor:
        """x [B, T, d] that the trunk is about to read, with what the points say to it."""
        return self.faces(x, memory.face_keys, memory.face_values, memory.given)

    def add_to_slots(self, x: Tensor, memory: PointMemory) -> Tensor:
        """States [B, T, d] that predict slots, with what the points say to them."""
        return self.slots(x, memory.slot_keys, memory.slot_values, memory.given)


class PointLookup(nn.Module):
    """Cross-attention to points with normalised queries and keys, added to what asks."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = RMSNorm(dim)
        self.query = nn.Linear(dim, dim, bias=False)
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)
        self.sharpness = nn.Parameter(torch.full((heads, 1, 1), 2.0))  # one of a thousand points has to stand out
        nn.init.zeros_(self.out.weight)

    def keys_values(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        k, v = (rearrange(layer(seen), "b m (h k) -> b h m k", h=self.heads) for layer in (self.key, self.value))
        return F.rms_norm(k, k.shape[-1:]), v

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, given: Tensor) -> Tensor:
        q = rearrange(self.query(self.norm(x)), "b t (h k) -> b h t k", h=self.heads)
        q = F.rms_norm(q, q.shape[-1:]) * self.sharpness.to(q.dtype)
        found = F.scaled_dot_product_attention(q, keys, values)
        said = self.out(rearrange(found, "b h t k -> b t (h k)"))
        return x + torch.where(given[:, None, None], said, 0)


class NearestPoints(nn.Module):
    """Each vertex gathers from the K points of the cloud that are nearest to it (PointNet, Qi et al., 1612.00593).

    Adds `mix(max and mean of what the points say)` to the slots; starts as the identity.
    """

    def __init__(self, dim: int, count: int, width: int = 96) -> None:
        super().__init__()
        self.count = count
        self.point = nn.Linear(9 + 6 * _OCTAVES, width)
        self.root = nn.Linear(dim, width, bias=False)
        self.hidden = nn.Linear(width, width)
        self.mix = nn.Linear(2 * width, dim, bias=False)
        nn.init.zeros_(self.mix.weight)
        self.register_buffer("octaves", torch.pi * 2.0 ** torch.arange(_OCTAVES), persistent=False)

    def forward(self, x: Tensor, places: Tensor, points: Tensor) -> Tensor:
        """x [B, N, d] of slots whose vertices are at places [B, N, 3]; points [B, M, 6], all 0 in rows without any."""
        given = (points != 0).flatten(1).any(dim=1)[:, None, None]
        count = min(self.count, points.shape[1])
        distances = torch.cdist(places.float(), points[..., :3].float())
        nearest = distances.topk(count, largest=False, sorted=False).indices  # [B, N, K]
        around = points.gather(1, nearest.flatten(1)[..., None].expand(-1, -1, 6)).unflatten(1, nearest.shape[1:])
        return x + torch.where(given, self.say(x, places, around), 0)

    def say(self, x: Tensor, places: Tensor, around: Tensor) -> Tensor:
        """What the points around [B, N, K, 6] add to the slots, [B, N, d]."""
        away = (around[..., :3] - places[..., None, :]) * 4  # a cloud's points are a few hundredths apart
        seen = torch.cat([away, _features(around, self.octaves)], dim=-1).to(x.dtype)
        h = F.silu(self.point(seen) + self.root(x)[..., None, :])
        h = F.silu(self.hidden(h))
        return self.mix(torch.cat([h.amax(dim=-2), h.mean(dim=-2)], dim=-1))


def _features(points: Tensor, octaves: Tensor) -> Tensor:
    """Points [..., 6] with the Fourier features of their places."""
    angles = (points[..., :3, None] * octaves).flatten(-2)
    return torch.cat([points, angles.sin(), angles.cos()], dim=-1)
