# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decoder-only trunk: pre-norm blocks of causal attention and a squared-ReLU MLP."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .attention import Attention, KVCache, RMSNorm, rotary_table, turning_table


class Block(nn.Module):
    """Attention and MLP, each behind an RMS norm and added to the stream."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm_attention = RMSNorm(dim)
        self.attention = Attention(dim, heads)
        self.norm_mlp = RMSNorm(dim)
        self.up = nn.Linear(dim, 4 * dim, bias=False)
        self.down = nn.Linear(4 * dim, dim, bias=False)
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.down.weight)

    def mlp(self, x: Tensor) -> Tensor:
        return self.down(F.relu(self.up(self.norm_mlp(x))).square())

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.norm_attention(x), cos, sin))
        return x + self.dropout(self.mlp(x))


class Trunk(nn.Module):
    """Input embeddings [B, T, d] -> normalised hidden states [B, T, d], all at once or one position at a time.

    recompute: training keeps only what goes in between the blocks, and computes each block again for its gradient.
    """

    def __init__(
        self, dim: int, depth: int, heads: int, capacity: int, dropout: float = 0.0, recompute: bool = False
    ) -> None:
        super().__init__()
        self.dim, self.heads, self.capacity, self.recompute = dim, heads, capacity, recompute
        self.blocks = nn.ModuleList(Block(dim, heads, dropout) for _ in range(depth))
        self.norm = RMSNorm(dim)
        cos, sin = rotary_table(capacity, dim // heads)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.register_buffer("angles", turning_table(cos, sin), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        cos, sin = self.cos[: x.shape[1]], self.sin[: x.shape[1]]
        for block in self.blocks:
            if self.recompute and torch.is_grad_enabled():
                x = checkpoint(block, x, cos, sin, use_reentrant=False)
            else:
                x = block(x, cos, sin)
        return self.norm(x)

    def new_cache(self, batch: int, like: Tensor, capacity: int | None = None) -> KVCache:
        """An empty cache for `batch` rows with the dtype and device of `like`."""
        width = self.dim // self.heads
        return KVCache(len(self.blocks), batch, self.heads, capacity or self.capacity, width, like)

    def extend(self, x: Tensor, start: int, cache: KVCache) -> Tensor:
        """Hidden states [B, T, d] of the next T positions from `start` on, the same in all rows; fills the cache."""
        end = start + x.shape[1]
        angles = self.angles[:, start:end]
        for block, keys, values in zip(self.blocks, cache.keys, cache.values, strict=True):
            x = x + block.attention.extend(block.norm_attention(x), angles, keys, values, start)
            x = x + block.mlp(x)
        return self.norm(x)

    def step(self, x: Tensor, at: Tensor, span: int, cache: KVCache) -> Tensor:
        """One position a row: x [B, d] at positions at [B], all below `span`; gives hidden states [B, d]."""
        angles = self.angles[:, at][:, :, None, None]
        unseen = torch.arange(span, device=x.device) > at[:, None]
        mask = torch.zeros_like(unseen, dtype=x.dtype).masked_fill_(unseen, -torch.inf)[:, None, None]
        x, place = x[:, None], (torch.arange(len(x), device=x.device), at)
        for block, keys, values in zip(self.blocks, cache.keys, cache.values, strict=True):
            x = x + block.attention.step(block.norm_attention(x), angles, keys, values, place, mask)
            x = x + block.mlp(x)
        return self.norm(x)[:, 0]
