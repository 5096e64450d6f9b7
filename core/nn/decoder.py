# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""MeshGPT's decoder: a 1-D ResNet along the canonical sequence of faces, and a head that reads a vertex on its own."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .encoder import zero_output
from .flat_attention import FlatAttention

KERNEL_IN, KERNEL = 7, 3
GAP = KERNEL_IN // 2  # empty rows between meshes: as far as a convolution reaches
_ROWS = 32  # there are a multiple of this: gradients of weights in bfloat16 take a sixth longer with an odd number


class RowConv(nn.Conv1d):
    """A convolution along rows [T, C], as one product of matrices: in bfloat16 on a processor a block of these takes a
    quarter less than with PyTorch's own, which wants channels before rows.
    """

    def __init__(self, dim_in: int, dim_out: int, kernel: int) -> None:
        super().__init__(dim_in, dim_out, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """x [T, dim_in] -> [T, dim_out]; rows beyond the ends count as zeros."""
        reach = self.padding[0]
        padded = F.pad(x, (0, 0, reach, reach))
        seen = torch.cat([padded[start : start + len(x)] for start in range(2 * reach + 1)], dim=1)
        return F.linear(seen, torch.cat(self.weight.unbind(dim=2), dim=1), self.bias)


class ResnetBlock(nn.Module):
    """Two convolutions with LayerNorm per row before each, and a residual connection."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.conv1, self.conv2 = RowConv(dim, dim, KERNEL), RowConv(dim, dim, KERNEL)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [T, C]; mask [T, 1] is 0 on the rows between meshes, so that a convolution finds zeros there."""
        h = self.conv1(F.silu(self.norm1(x)) * mask)
        return x + self.conv2(F.silu(self.norm2(h)) * mask)


class MeshDecoder(nn.Module):
    """Three quantised vertex vectors a face -> what the face's context adds to the logits of its nine coordinates."""

    def __init__(
        self,
        dim: int,
        depth: int,
        dim_in: int,
        levels: int,
        *,
        attention_depth: int = 0,
        heads: int = 4,
        window: int = 32,
    ) -> None:
        super().__init__()
        self.levels = levels
        self.attention = FlatAttention(dim, attention_depth, heads, window)
        self.project = RowConv(3 * dim_in, dim, KERNEL_IN)
        self.blocks = nn.ModuleList(ResnetBlock(dim) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)
        self.to_logits = nn.Linear(dim, 9 * levels)
        zero_output(self.to_logits)

    def forward(self, corners: Tensor, mesh_of_face: Tensor) -> Tensor:
        """Corner vectors [F, 3, dim_in], faces in canonical order -> [F, 3, 3, levels] (corner, xyz, cell)."""
        # All meshes lie in one row with gaps between: no padding to the longest, and a mesh cannot see another.
        row = torch.arange(len(corners), device=corners.device) + (mesh_of_face + 1) * GAP
        length = math.ceil((int(row[-1]) + 1 + GAP) / _ROWS) * _ROWS
        mask = corners.new_zeros(length, 1).index_fill(0, row, 1)
        x = corners.new_zeros(length, corners[0].numel()).index_copy(0, row, corners.flatten(1))
        x = self.project(x)
        if len(self.attention):
            x = x.index_copy(0, row, self.attention(x[row], mesh_of_face))
        for block in self.blocks:
            x = block(x, mask.to(x.dtype))
        return self.to_logits(F.silu(self.norm(x[row]))).unflatten(1, (3, 3, self.levels))


class VertexHead(nn.Module):
    """One quantised vertex vector -> logits for its three coordinates, without context.

    So live preview, completion and constraints know where a vertex is as soon as its codes exist. The logits are a bell
    around a linear reading of the vector, half a cell wide at first, plus what a small network adds to it.
    """

    def __init__(self, dim: int, dim_in: int, levels: int) -> None:
        super().__init__()
        self.levels = levels
        self.to_centre = nn.Linear(dim_in, 3, bias=False).requires_grad_(False)
        self.log_width = nn.Parameter(torch.full((3, 1), math.log(0.5)))
        self.layers = nn.Sequential(
            nn.Linear(dim_in, dim), nn.SiLU(), nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, 3 * levels)
        )
        zero_output(self.layers[-1])

    @torch.no_grad()
    def invert(self, position_map: nn.Linear) -> None:
        """Take the linear reading that undoes a linear map of positions [..., 3] to vectors; it stays as it is."""
        self.to_centre.weight.copy_(torch.linalg.pinv(position_map.weight))

    def forward(self, vectors: Tensor) -> Tensor:
        """[..., dim_in] -> float32 [..., 3, levels]."""
        with torch.autocast(vectors.device.type, enabled=False):  # a cell is finer than bfloat16 resolves
            centre = (self.to_centre(vectors.float()) + 1) * (self.levels / 2) - 0.5
            distance = torch.arange(self.levels, device=vectors.device) - centre[..., None]
            bell = -0.5 * (distance / self.log_width.exp()).square()
        return bell + self.layers(vectors).unflatten(-1, (3, self.levels))
