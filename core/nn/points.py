# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A point cloud becomes a few latent tokens (Perceiver, Jaegle et al., arXiv 2103.03206).

Shapes: B batch, M points, L latents, d width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

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
        angles = (points[..., :3, None] * self.octaves).flatten(-2)
        seen = self.embed(torch.cat([points, angles.sin(), angles.cos()], dim=-1))
        x = self.gather(self.latents.expand(len(points), -1, -1).to(seen.dtype), seen)
        for block in self.blocks:
            x = block(x)
        return x
